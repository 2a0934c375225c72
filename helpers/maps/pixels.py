"""The decays of a map, wherever they are kept: arrays, files mapped into memory, chunks of Dask, traces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.traces import Trace

_SPARE = 4  # times the pixels that are wanted, which one block may hold
_SAMPLED = 64  # pixels that stand for all of them, for a pattern and a fingerprint


@dataclass(frozen=True, eq=False)
class Pixels:
    """Decays on one time axis.

    Attributes
    ----------
    t : ndarray, shape (m,)
    signals : array-like, shape (…, m)
        Read chunk by chunk.
    sigma : array-like, optional
        Standard errors: one number, shape (m,), or the shape of the signals.
    t_unit, signal_unit : str
    relative, floor : float, optional
        Known noise σ² = (relative·signal)² + floor², instead of `sigma`.
    """

    t: np.ndarray
    signals: Any
    sigma: Any = None
    t_unit: str = ""
    signal_unit: str = ""
    relative: float | None = None
    floor: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return tuple(self.signals.shape[:-1])

    @property
    def count(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape, dtype=int))

    def rows(self, which: np.ndarray) -> np.ndarray:
        """Return the signals of some pixels, counted along the rows of the image, shape (n, m)."""
        return _taken(self.signals, self.shape, which)

    def sigmas(self, which: np.ndarray) -> np.ndarray | None:
        """Return their standard errors, shape (n, m), or (1, m) where all have the same ones."""
        if self.relative is not None:
            return np.hypot(self.relative * self.rows(which), self.floor or 0.0)
        if self.sigma is None:
            return None
        if self.sigma_is_common:
            return np.broadcast_to(np.asarray(self.sigma, float), (1, len(self.t)))
        return np.asarray(_taken(self.sigma, self.shape, which), float)

    @property
    def sigma_is_common(self) -> bool:
        """Whether all pixels have the same standard errors."""
        return tuple(np.shape(self.sigma)) in ((), (len(self.t),))

    def sample(self) -> np.ndarray:
        """Return pixels that lie evenly over the image."""
        return np.unique(np.linspace(0, max(self.count - 1, 0), _SAMPLED).astype(int))

    def fingerprint(self) -> str:
        """SHA-256 of the times and of the sampled pixels' signals, which tells data from others."""
        digest = hashlib.sha256(repr(self.shape).encode("ascii"))
        for each in (self.t, self.rows(self.sample())):
            digest.update(np.ascontiguousarray(each, dtype="<f8").tobytes())
        return digest.hexdigest()


def _taken(array: Any, shape: tuple[int, ...], which: np.ndarray) -> np.ndarray:
    places = np.unravel_index(which, shape)
    if isinstance(array, np.ma.MaskedArray):
        return np.ma.filled(array[places].astype(float), np.nan)
    if isinstance(array, np.ndarray):
        return np.asarray(array[places], float)
    found = np.empty((len(which), array.shape[-1]))
    _read(array, shape, which, (), np.arange(len(which)), found)
    return found


def _read(array: Any, shape: tuple[int, ...], which, before: tuple, rows, found: np.ndarray) -> None:
    """Read pixels of what knows slices alone, in blocks that hold little else.

    `before` holds the slices of the axes that are settled, and `rows` where the pixels go in `found`.
    """
    if not shape:
        found[rows] = np.asarray(array[before], float).reshape(-1)
        return
    each = int(np.prod(shape[1:], dtype=int))
    first, last = int(which.min()) // each, int(which.max()) // each + 1
    if (last - first) * each <= _SPARE * len(which):
        block = np.asarray(array[(*before, slice(first, last))], float)
        found[rows] = block.reshape(-1, block.shape[-1])[which - first * each]
        return
    for place in np.unique(which // each):
        inside = which // each == place
        part = (*before, slice(int(place), int(place) + 1))
        _read(array, shape[1:], which[inside] - place * each, part, rows[inside], found)


def pixels_of(data: Any, t: Any, sigma: Any, t_unit: str, signal_unit: str) -> Pixels:
    """Return the decays that were given, or refuse them as a whole.

    Parameters
    ----------
    data : array-like, or sequence of Trace
    t : array-like, shape (m,), or None with traces
    sigma, t_unit, signal_unit

    Raises
    ------
    ValueError
        For times that do not fit the last axis, or do not increase; traces with different times.

    Examples
    --------
    >>> pixels_of(np.ones((2, 3, 4)), np.arange(4.0), None, "ns", "").shape
    (2, 3)
    """
    if isinstance(data, Trace):
        data = [data]
    if isinstance(data, Sequence) and len(data) and all(isinstance(each, Trace) for each in data):
        return _of_traces(data, t, sigma)
    if not (hasattr(data, "shape") and hasattr(data, "dtype")):
        try:
            data = np.asarray(data, float)
        except (TypeError, ValueError):
            raise ValueError("data: give traces, or one array whose last axis is time") from None
    if np.dtype(data.dtype).kind not in "iufb":
        raise ValueError(f"data: the array must hold real numbers, not {data.dtype}")
    if len(data.shape) < 2:
        raise ValueError(
            f"data: an array of shape {tuple(data.shape)} holds one decay; give one axis or more of pixels"
            " before that of time, or fit it with fit"
        )
    if t is None:
        raise ValueError("t: give the times of the array's last axis")
    times = _checked_times(t, tuple(data.shape))
    _check_sigma(sigma, tuple(data.shape))
    return Pixels(times, data, sigma, t_unit, signal_unit)


def _checked_times(t, shape: tuple[int, ...]) -> np.ndarray:
    times = np.array(t, float)
    if times.ndim != 1 or len(times) != shape[-1]:
        where = [axis for axis, size in enumerate(shape) if times.ndim == 1 and size == len(times)]
        move = f"; move axis {where[0]} there with np.moveaxis(data, {where[0]}, -1)" if where else ""
        raise ValueError(
            f"t has the shape {times.shape} and the data {shape}: the last axis of the data is time, one"
            f" value for each t{move}"
        )
    if not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        late = int(np.argmax(~(np.diff(times) > 0))) + 1 if len(times) > 1 else 0
        raise ValueError(f"t: the times must be finite and increase; see t[{late}] = {times[late]:g}")
    return times


def _check_sigma(sigma, shape: tuple[int, ...]) -> None:
    if sigma is None or tuple(np.shape(sigma)) in ((), shape[-1:], shape):
        return
    if tuple(np.shape(sigma)) in (shape[:-1], (*shape[:-1], 1)):
        raise ValueError(
            f"sigma has the shape {tuple(np.shape(sigma))}, one number for each pixel: give one for each"
            " point, np.broadcast_to(sigma.reshape(*data.shape[:-1], 1), data.shape)"
        )
    raise ValueError(
        f"sigma has the shape {tuple(np.shape(sigma))}: give one number, one for each time {shape[-1:]},"
        f" or one for each point {shape}"
    )


def _of_traces(traces: Sequence[Trace], t, sigma) -> Pixels:
    first = traces[0]
    if t is not None:
        raise ValueError("t: traces have times of their own; leave t out")
    for number, each in enumerate(traces, 1):
        label = f"trace {number}" + (f" ({each.name})" if each.name else "")
        if len(each) != len(first) or not np.array_equal(each.t, first.t):
            raise ValueError(
                f"{label} has other times than the first one, and the pixels of a map share one time axis:"
                " fit such traces with fit, one by one"
            )
        if (each.t_unit, each.signal_unit) != (first.t_unit, first.signal_unit):
            raise ValueError(f"{label} has other units than the first one; load all of them in one unit")
    own = [each.sigma for each in traces if each.sigma is not None]
    if own and sigma is not None:
        raise ValueError("sigma: the traces have standard errors of their own; leave sigma out")
    if own and len(own) < len(traces):
        raise ValueError("some traces have sigma and some have none; give it to all of them, or to none")
    if own:
        sigma = np.array(own)
    signals = np.array([each.signal for each in traces])
    _check_sigma(sigma, signals.shape)
    return Pixels(first.t, signals, sigma, first.t_unit, first.signal_unit)
