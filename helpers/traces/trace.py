"""A measured decay: times, signal and, where known, the signal's standard error."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

_SMALLEST_SIGNAL, _LARGEST_SIGNAL = 1e-100, 1e100
_SATURATED = 3  # so many equal largest values in a row are no chance


@dataclass(frozen=True, eq=False)
class Trace:
    """A signal over time; every method returns a new trace.

    Parameters
    ----------
    t, signal : array_like, shape (m,)
        Times, strictly increasing, and the signal at them. Kept as read-only float arrays.
    sigma : array_like, shape (m,), optional
        Standard error of each signal value, positive.
    name, t_unit, signal_unit : str, optional
        What the trace is called and what its numbers mean, for instance "ns" and "10^16 cm^-3".

    Raises
    ------
    ValueError
        If the arrays differ in length, have fewer than two points, hold a value that is not finite, or
        if the times do not increase or a sigma is not positive.

    Examples
    --------
    >>> Trace([0, 1, 2], [8, 4, 2], name="halves", t_unit="ns")
    Trace('halves': 3 points, t 0 to 2 ns, largest signal 8)
    """

    t: np.ndarray
    signal: np.ndarray
    sigma: np.ndarray | None = None
    name: str = ""
    t_unit: str = ""
    signal_unit: str = ""

    def __post_init__(self) -> None:
        for field in ("t", "signal", "sigma"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, _readonly(getattr(self, field), field, self._label))
        if self.t.size < 2:
            raise ValueError(f"{self._label}: a decay needs at least 2 points, here are {self.t.size}")
        for field in ("signal", "sigma"):
            values = getattr(self, field)
            if values is not None and values.size != self.t.size:
                raise ValueError(f"{self._label}: {self.t.size} times but {values.size} values of {field}")
        late = np.flatnonzero(np.diff(self.t) <= 0)
        if late.size:
            raise ValueError(
                f"{self._label}: time {self.t[late[0] + 1]:g} follows {self.t[late[0]]:g} at point"
                f" {late[0] + 2}; the times must increase, sort them and merge repeated ones"
            )
        if self.sigma is not None and not (self.sigma > 0).all():
            raise ValueError(f"{self._label}: every sigma must be positive; leave sigma out where unknown")

    @property
    def size(self) -> float:
        """Largest absolute signal, the natural unit of density; 1 where there is none to speak of.

        Raises
        ------
        ValueError
            If it is so large that its cube would overflow.
        """
        largest = float(np.abs(self.signal).max())
        if largest > _LARGEST_SIGNAL:
            raise ValueError(
                f"{self._label}: a signal of {largest:.3g} is too large, n^3 would overflow; rescale it"
            )
        return largest if largest > _SMALLEST_SIGNAL else 1.0

    @property
    def _label(self) -> str:
        return f"trace {self.name!r}" if self.name else "trace"

    def __len__(self) -> int:
        return self.t.size

    def __repr__(self) -> str:
        span = f"t {self.t[0]:.4g} to {self.t[-1]:.4g} {self.t_unit}".rstrip()
        largest = f"largest signal {self.signal.max():.4g} {self.signal_unit}".rstrip()
        return f"Trace({self.name!r}: {len(self)} points, {span}, {largest})"

    @property
    def elapsed(self) -> np.ndarray:
        """Times since the first point, t − t[0]."""
        return self.t - self.t[0]

    def from_peak(self) -> Trace:
        """Return the part from the first largest value on, where the decay begins; times are kept.

        Warns where the largest value stands several times in a row, as from a saturated detector, and where
        the signal goes further below zero than above.

        Raises
        ------
        ValueError
            If no value is positive, all are equal, or nothing follows the largest one.
        """
        peak = int(self.signal.argmax())
        largest = self.signal[peak]
        if (self.signal == largest).all():
            raise ValueError(
                f"{self._label}: the signal is constant, all values equal {largest:g};"
                " there is no peak and no decay to fit"
            )
        if largest <= 0:
            raise ValueError(
                f"{self._label}: no signal is positive, so there is no peak to start from; turn the sign"
                " of an inverted signal, or check the baseline"
            )
        if peak == len(self) - 1:
            raise ValueError(
                f"{self._label}: the largest signal is the last point (t = {self.t[peak]:g}), nothing decays"
                " after it; crop the trace to the decay, or check that the first column is the time"
            )
        if (self.signal[peak : peak + _SATURATED] == largest).sum() == _SATURATED:
            warnings.warn(
                f"{self._label}: the largest value {largest:g} is repeated from t = {self.t[peak]:g} on;"
                " a saturated detector hides the first part of a decay",
                stacklevel=2,
            )
        if -self.signal.min() > largest:
            warnings.warn(
                f"{self._label}: the signal goes further below zero ({self.signal.min():g}) than above"
                f" ({largest:g}); turn the sign of an inverted signal, or subtract the baseline",
                stacklevel=2,
            )
        return self._take(slice(peak, None))

    def crop(self, t_min: float | None = None, t_max: float | None = None) -> Trace:
        """Return the points with t_min <= t <= t_max; an end that is not given stays open.

        Raises
        ------
        ValueError
            If fewer than two points are left.
        """
        return self._take(self._window(t_min, t_max, fewest=2))

    def subtract_baseline(
        self, t_min: float | None = None, t_max: float | None = None, *, level: float | None = None
    ) -> Trace:
        """Return signal − b, with b the mean over t_min <= t <= t_max or a given level.

        A known sigma grows to (sigma² + s²)^½ with s the standard error of that mean. All points share
        this error, so it widens the scatter a little and is no independent noise. The mean is a plain
        one: weights 1/sigma² would favour the low values of counted data. A level is taken as exact.

        Raises
        ------
        ValueError
            If neither or both of window and level are given, or no point lies in the window.
        """
        if (level is None) == (t_min is None and t_max is None):
            raise ValueError("give a time window before the pulse, or level=..., and not both")
        if level is not None:
            return replace(self, signal=self.signal - float(level))
        inside = self._window(t_min, t_max, fewest=1)
        signal = self.signal - self.signal[inside].mean()
        if self.sigma is None:
            return replace(self, signal=signal)
        error = np.sqrt(np.sum(self.sigma[inside] ** 2)) / inside.sum()
        return replace(self, signal=signal, sigma=np.hypot(self.sigma, error))

    def log_binned(self, points_per_decade: int = 20) -> Trace:
        """Return means over bins of equal width in log(t − t[0]); the first point stays as it is.

        Times and signals are averaged alike: with weights 1/sigma² where sigma is known, and then
        sigma = (Σ 1/sigma²)^-½; plainly where it is not, and then it stays unknown, because the scatter
        of the few points of an early bin says too little about their noise. A mean over a curved decay
        lies above the curve: by 1 % at most for an exponential within three lifetimes at 20 points per
        decade, less with more.

        Raises
        ------
        ValueError
            If points_per_decade is not a whole number above 0.
        """
        if not points_per_decade >= 1 or points_per_decade % 1:
            raise ValueError(f"points_per_decade = {points_per_decade}: give a whole number above 0")
        elapsed = self.elapsed[1:]
        number = np.floor(points_per_decade * np.log10(elapsed / elapsed[0]) + 1e-9)
        starts = np.r_[0, 1 + np.flatnonzero(np.diff(number, prepend=-1))]
        weights = np.ones(len(self)) if self.sigma is None else (self.sigma.min() / self.sigma) ** 2
        total = np.add.reduceat(weights, starts)
        return replace(
            self,
            t=self.t[0] + np.add.reduceat(weights * self.elapsed, starts) / total,
            signal=np.add.reduceat(weights * self.signal, starts) / total,
            sigma=None if self.sigma is None else self.sigma.min() / np.sqrt(total),
        )

    def _window(self, t_min: float | None, t_max: float | None, fewest: int) -> np.ndarray:
        after = True if t_min is None else self.t >= t_min
        before = True if t_max is None else self.t <= t_max
        inside = np.full(len(self), True) & after & before
        if inside.sum() < fewest:
            raise ValueError(
                f"{self._label}: {inside.sum()} points between {t_min} and {t_max}, {fewest} are needed;"
                f" the times run from {self.t[0]:g} to {self.t[-1]:g} {self.t_unit}".rstrip()
            )
        return inside

    def _take(self, chosen: slice | np.ndarray) -> Trace:
        sigma = None if self.sigma is None else self.sigma[chosen]
        return replace(self, t=self.t[chosen], signal=self.signal[chosen], sigma=sigma)


def _readonly(values: ArrayLike, field: str, label: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{label}: {field} must hold real numbers, not {array.dtype}")
    array = array.astype(float)  # always a copy
    if array.ndim != 1:
        raise ValueError(f"{label}: {field} must have one dimension, not the shape {array.shape}")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array))[0]) + 1
        raise ValueError(f"{label}: {field} is not finite at point {bad}; leave such points out")
    array.setflags(write=False)
    return array
