"""Fits of many decays at once: `fit_many`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from helpers.kinetics import Rates
from helpers.maps.chunk import ARRAYS, Rows, Task, fit_chunk
from helpers.maps.crew import GivenUp, gathered, refuse_what_cannot_travel
from helpers.maps.fit_map import FitMap
from helpers.maps.options import encoded
from helpers.maps.pattern import Understood, understood
from helpers.maps.plan import Plan, planned
from helpers.maps.screening import CODES
from helpers.progress import with_progress

_CHUNK_BYTES = 4_000_000
_LARGEST_CHUNK, _SMALLEST_CHUNK = 4096, 64
_ALONE_CHUNK = 8  # of pixels that are fitted one by one


def fit_many(
    data: Any,
    t: Any = None,
    *,
    sigma: Any = None,
    noise: str | None = None,
    fixed: Iterable[str] | None = ("G",),
    guess: Rates | Sequence[float] | Mapping[str, float] | None = None,
    mask: Any = None,
    executor: Executor | None = None,
    progress: bool = True,
    **options: Any,
) -> FitMap:
    """Fit every decay of an image by itself: min ½·Σ((S(tᵢ) − Sᵢ)/σᵢ)², or half the deviance of counts.

    Parameters
    ----------
    data : array-like of shape (…, m), sequence of Trace, or Measurement
        The last axis is time. Arrays that are mapped into memory, arrays of Dask and data sets of HDF5 are
        read chunk by chunk. The traces of a measurement are fitted each alone.
    t : array-like, shape (m,)
        Times of the last axis; traces have their own.
    sigma : number, shape (m,), or shape of the data, optional
        Standard errors.
    noise : {"poisson", "sigma", "even", "estimated"}, optional
        As in `Measurement`, but "even" where nothing is known: an estimate of how the noise depends on the
        signal takes several fits of each pixel, one by one.
    fixed, guess
        As in `helpers.fitting.fit`; one guess for all pixels.
    mask : array of bool, optional
        True for the pixels to fit, in the shape of the image.
    executor : concurrent.futures.Executor, optional
        Where chunks of pixels are fitted: a pool of processes, `Client.get_executor()` of Dask for several
        machines, or any other. By default here, one after the other. The numbers are the same to the last
        bit. Chunks whose worker dies are sent again; one is given up, and its pixels "lost", after three.
    progress : bool
        Show a progress bar once the work has taken a second.
    **options
        `t_unit`, `signal_unit`, and all that `Measurement` knows (`kind`, `observable`, `n0`, `offset` …).
        `n0` may have the shape of the image. A time zero that is found ("peak", "edge") is that of the mean.

    Returns
    -------
    FitMap
        What is wrong with a pixel is said in its `status` and `message`. Interrupting (Ctrl-C, or the stop
        button of a notebook) returns what is done, marked `partial`.

    Raises
    ------
    ValueError
        For arguments that suit no pixel: times that do not fit the data, contradicting options.

    Notes
    -----
    All decays are integrated side by side on their common times, and each minimum is held against steps of
    half the width. Pixels that these do not resolve, decays that are over before the second point, G that is
    not held at 0, a response, a train of pulses, an estimated noise, and observables of one's own go to the
    exact solution one by one, which takes some forty times as long a pixel (tests/benchmarks/maps.py).

    Examples
    --------
    >>> t = np.linspace(0, 2, 40)
    >>> image = np.array([[np.exp(-t), 2 * np.exp(-3 * t)]])
    >>> fit_many(image, t)["k1"].round(6).tolist()
    [[1.0, 3.0]]
    """
    if noise is not None:
        options["noise"] = noise
    found = understood(data, t, sigma, options)
    plan = planned(found.pattern, found.columns, fixed, guess)
    wanted = _wanted(mask, found.pixels.shape)
    whole = _Images(found, plan, wanted)
    if executor is not None and not isinstance(executor, ThreadPoolExecutor):
        refuse_what_cannot_travel(plan, "other processes", "observable's")
    size = int(np.clip(_CHUNK_BYTES // (8 * len(found.pixels.t)), _SMALLEST_CHUNK, _LARGEST_CHUNK))
    try:
        chunks = _chunks(np.flatnonzero(wanted.ravel()), size)
        _work(whole, chunks, executor, "chunks of pixels" if progress else "")
        chunks = _chunks(np.flatnonzero(whole.is_left), _ALONE_CHUNK)
        _work(whole, chunks, executor, "a few pixels one by one" if progress else "")
    except KeyboardInterrupt:
        whole.partial = True
    return whole.finished(options)


def _work(whole: _Images, chunks: list[np.ndarray], executor: Executor | None, label: str) -> None:
    """Fit chunks of pixels, and fill them in as they come; without a label no bar is shown."""
    done = gathered(fit_chunk, [partial(whole.task, which) for which in chunks], executor)
    try:
        for number, rows in with_progress(done, label, total=len(chunks), wanted=bool(label)):
            whole.put(chunks[number], rows)
    finally:
        done.close()


def _wanted(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    if mask is None:
        return np.ones(shape, bool)
    wanted = np.asarray(mask)
    if wanted.shape != shape or wanted.dtype != bool:
        raise ValueError(
            f"mask has the shape {wanted.shape} and holds {wanted.dtype}: give True or False for each pixel"
            f" of the image {shape}, True for those to fit"
        )
    return wanted


def _chunks(which: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut pixels into chunks whose size depends on nothing but the data, so that results do not either."""
    return [which[first : first + size] for first in range(0, len(which), size)]


class _Images:
    """The map while it grows."""

    def __init__(self, found: Understood, plan: Plan, wanted: np.ndarray) -> None:
        self.found, self.plan, self.partial = found, plan, False
        self.rows = Rows.empty(found.pixels.count, len(plan.names), "not done")
        self.rows.code[~wanted.ravel()] = CODES["masked"]
        self.failures: list[str] = []

    @property
    def is_left(self) -> np.ndarray:
        """Which pixels wait for the exact solution."""
        return (self.rows.code == CODES["not done"]) & self.rows.one_by_one

    def task(self, which: np.ndarray) -> Task:
        """Return the task of fitting some pixels: side by side first, then what is left of them."""
        pixels, columns = self.found.pixels, self.plan.columns
        y, sigma = pixels.rows(which), pixels.sigmas(which)
        if len(columns) < len(pixels.t):
            y, sigma = y[:, columns], None if sigma is None else sigma[:, columns]
        if sigma is not None and len(sigma) > 1 and (sigma == sigma[:1]).all():
            sigma = sigma[:1]
        n0 = None if self.found.n0 is None else self.found.n0.ravel()[which]
        begun = self.rows.take(which) if self.is_left[which].all() else None
        return Task(self.plan, y, sigma, n0, begun)

    def put(self, which: np.ndarray, rows: Rows | GivenUp) -> None:
        if isinstance(rows, GivenUp):
            self.partial = True
            self.failures.append(rows.reason)
            self.rows.code[which] = CODES["lost"]
            self.rows.messages.update(dict.fromkeys(map(int, which), f"lost: {rows.reason}"))
            return
        for name in ARRAYS:
            getattr(self.rows, name)[which] = getattr(rows, name)
        self.rows.messages.update({int(which[place]): words for place, words in rows.messages.items()})

    def finished(self, options: Mapping[str, Any]) -> FitMap:
        rows, plan, pixels = self.rows, self.plan, self.found.pixels
        undone = rows.code >= CODES["lost"]
        for name in ("values", "stderr", "cost", "reduced_chi2"):
            getattr(rows, name)[undone] = np.nan
        shape = pixels.shape
        names = plan.names
        free = len(names) - len(plan.fixed) - (plan.pattern.n0.mode == "fixed" and "n0" not in plan.fixed)
        settings = {
            "options": encoded(options),
            "guess": encoded(plan.guess),
            "noise": plan.pattern.noise,
            "t_unit": pixels.t_unit,
            "signal_unit": pixels.signal_unit,
            "description": plan.pattern.describe(),
        }
        return FitMap(
            t=pixels.t,
            names=names,
            units={each.name: each.unit for each in plan.parameters},
            cgs={each.name: float(each.cgs) for each in plan.parameters},
            values=_by_name(names, rows.values, shape),
            stderr=_by_name(names, rows.stderr, shape),
            cost=rows.cost.reshape(shape),
            reduced_chi2=rows.reduced_chi2.reshape(shape),
            code=rows.code.reshape(shape),
            evaluations=rows.evaluations.reshape(shape),
            one_by_one=rows.one_by_one.reshape(shape),
            messages=dict(sorted(rows.messages.items())),
            fixed=plan.fixed,
            points=len(plan.columns) - free,
            partial=self.partial,
            settings=settings,
            fingerprint=pixels.fingerprint(),
            pixels=pixels,
            plan=plan,
            n0=self.found.n0,
        )


def _by_name(names: tuple[str, ...], table: np.ndarray, shape: tuple[int, ...]) -> Mapping[str, np.ndarray]:
    return {name: np.ascontiguousarray(table[:, k]).reshape(shape) for k, name in enumerate(names)}
