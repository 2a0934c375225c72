"""What a fit's numbers are worth: profile likelihood, bootstrap, choice of terms, advice.

This room refits simulated data (the bootstrap) and is the door to the other three: `profile` and `contour`
live in `profiles`, `compare_terms` in `model_choice`, `misfit` in `advice`; `advise` serves fits of one
trace (`advice`) and of a series (`series_advice`) alike.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from helpers import advice
from helpers.advice import misfit
from helpers.fitting import PARAMETERS, Fit, Parameters, single_problem
from helpers.least_squares import CONVERGED_OFFSET, minimise
from helpers.model_choice import compare_terms
from helpers.profiles import Profile, contour, profile
from helpers.progress import with_progress
from helpers.series_advice import advise_series
from helpers.series_fit import SeriesFit
from helpers.traces import Trace

__all__ = ["Bootstrap", "advise", "bootstrap", "compare_terms", "contour", "misfit", "profile"]

KINDS = ("parametric", "residual")
_FITS_PER_TASK = 25


def advise(fit: Fit | SeriesFit, curves: Profile | None = None) -> list[str]:
    """Say in plain sentences what a fit determines, what it does not, and what would.

    Parameters
    ----------
    fit : Fit or SeriesFit
    curves : Profile, optional
        `profile(fit)`, if it is there already.

    Returns
    -------
    list of str
        With numbers and units; the most serious first.

    Examples
    --------
    >>> from helpers.fitting import fit_series
    >>> t = np.linspace(0, 5, 60)
    >>> traces = [Trace(t, n / (1 + n * t) + 0.01 * np.sin(37 * t)) for n in (1, 4)]
    >>> advise(fit_series(traces))[0]
    'trace 1: the residuals look like noise.'
    """
    return advise_series(fit, curves) if isinstance(fit, SeriesFit) else advice.advise(fit, curves)


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Parameters of the refitted replicates, shape (n, 5) in the order G, k1, k2, k3, n0."""

    values: np.ndarray
    converged: np.ndarray
    kind: str

    def __repr__(self) -> str:
        return f"Bootstrap({self.kind}: {self.converged.sum()} of {len(self.values)} replicates converged)"

    def __getitem__(self, name: str) -> np.ndarray:
        """Values of one parameter in the converged replicates."""
        return self.values[self.converged, PARAMETERS.index(name)]

    @property
    def stderr(self) -> Parameters:
        """Standard deviation over the converged replicates; 0 for what was fixed."""
        return Parameters(*self.values[self.converged].std(axis=0, ddof=1).tolist())

    @property
    def correlation(self) -> np.ndarray:
        """Correlation over the converged replicates, shape (5, 5); NaN for what never moved."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.corrcoef(self.values[self.converged], rowvar=False)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval that holds the share `level` of the replicates."""
        low, high = np.quantile(self[name], [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def bootstrap(
    fit: Fit,
    *,
    n: int = 1000,
    kind: str = "parametric",
    seed: int = 0,
    progress: bool = True,
    executor: Executor | None = None,
) -> Bootstrap:
    """Scatter of the parameters over n refits of simulated data: fitted curve + noise.

    Parameters
    ----------
    fit : Fit
        Its free and fixed parameters, loss and weights are kept; each refit starts at its minimum.
    n : int
        Replicates, at least 2.
    kind : {"parametric", "residual"}
        Noise: normal with the trace's sigma (or, without it, with the residuals' own size), or the
        residuals drawn with replacement, in units of sigma and freed from the fit's own bias.
    seed : int
        Same seed, same replicates, whatever the executor.
    progress : bool
        Show a progress bar once the work has taken a second.
    executor : concurrent.futures.Executor, optional
        Where the refits run: any pool of threads or processes. By default here, one after the other.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ValueError
        For an unknown kind, n below 2, or a fit without a residual to spare.

    Notes
    -----
    For a parameter on or near its bound 0 the replicates pile up there and percentiles are no confidence
    intervals; `profile` is right there too. See Efron & Tibshirani (1993), "An Introduction to the
    Bootstrap", chapters 6 and 9.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> t = np.linspace(0, 3, 40)
    >>> decay = fit(Trace(t, np.exp(-t), np.full(40, 0.01)), fixed=["G", "k2", "k3"])
    >>> bootstrap(decay, n=50).stderr.k1 / decay.stderr.k1 > 0.5
    True
    """
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r}: choose one of {', '.join(KINDS)}")
    if n < 2:
        raise ValueError(f"n = {n}: a scatter needs at least 2 replicates, take 200 or more")
    plan = _plan(fit, kind)
    seeds = np.random.SeedSequence(seed).spawn(n)
    tasks = [(plan, seeds[first : first + _FITS_PER_TASK]) for first in range(0, n, _FITS_PER_TASK)]
    done = (executor.map if executor is not None else map)(_refit, tasks)
    label = f"bootstrap, batches of {_FITS_PER_TASK}"
    rows = np.concatenate(list(with_progress(done, label, total=len(tasks), wanted=progress)))
    return Bootstrap(rows[:, :-1], rows[:, -1] == 1, kind)


@dataclass(frozen=True, eq=False)
class _Plan:
    """All that a worker needs, in plain arrays, so that it can travel to another process."""

    trace: Trace  # its signal is the fitted curve
    values: np.ndarray
    free: np.ndarray
    loss: str
    f_scale: float
    noise: np.ndarray  # size of the noise at each point
    pool: np.ndarray | None  # residuals in units of `noise` to draw from


def _plan(fit: Fit, kind: str) -> _Plan:
    freedom = len(fit.trace) - int(sum(status == "free" for status in fit.status))
    if freedom < 1:
        raise ValueError(f"{len(fit.trace)} points leave nothing to estimate the noise from; fix parameters")
    curve = fit.curve()
    residuals = fit.trace.signal - curve
    if fit.trace.sigma is not None:
        noise = fit.trace.sigma
    else:
        noise = np.full(len(curve), np.sqrt(residuals @ residuals / freedom))
    pool = None
    if kind == "residual":
        pool = residuals / noise
        pool = (pool - pool.mean()) * np.sqrt(len(pool) / freedom)  # a fit makes residuals a little small
    smooth = replace(fit.trace, signal=curve)
    return _Plan(smooth, np.array(fit.values, float), fit.free, fit.loss, fit.f_scale, noise, pool)


def _refit(task) -> np.ndarray:
    """Refit one replicate for each seed: rows of the five values and whether the fit converged."""
    plan, seeds = task
    rows = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        if plan.pool is None:
            scatter = rng.standard_normal(len(plan.noise))
        else:
            scatter = rng.choice(plan.pool, len(plan.noise))
        trace = replace(plan.trace, signal=plan.trace.signal + plan.noise * scatter)
        problem = single_problem(trace, loss=plan.loss, f_scale=plan.f_scale)
        start = plan.values / problem.scales
        found = minimise(problem, start, free=plan.free, wanted_offset=CONVERGED_OFFSET)
        rows.append([*(found.x * problem.scales), found.converged])
    return np.array(rows, float)
