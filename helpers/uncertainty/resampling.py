"""Bootstrap: the scatter of the parameters over fits of simulated data."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.fitting import Fit, Problem
from helpers.fitting.minimise import CONVERGED_OFFSET, minimise
from helpers.maps.crew import refuse_what_cannot_travel
from helpers.maps.replicates import is_known, refit_side_by_side
from helpers.progress import with_progress

KINDS = ("parametric", "residual")
_FITS_PER_TASK = 25
_MOST_TOGETHER, _POINTS_TOGETHER = 1000, 2_000_000  # replicates, and points of all of them, in one task


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Refitted replicates.

    Attributes
    ----------
    values : pandas.DataFrame
        One row for each replicate, one column for each parameter by its name, in the fit's units.
    converged : ndarray of bool, shape (n,)
    kind : str
    """

    values: pd.DataFrame
    converged: np.ndarray
    kind: str

    def __repr__(self) -> str:
        return f"Bootstrap({self.kind}: {self.converged.sum()} of {len(self.values)} replicates converged)"

    def __getitem__(self, name: str) -> np.ndarray:
        """Values of one parameter in the converged replicates."""
        return self.values.loc[self.converged, name].to_numpy()

    @property
    def stderr(self) -> pd.Series:
        """Standard deviation over the converged replicates; 0 for what was fixed."""
        kept = self.values[self.converged]
        return kept.std(ddof=1).where(kept.nunique() > 1, 0.0).rename("stderr")

    @property
    def correlation(self) -> pd.DataFrame:
        """Correlation over the converged replicates, by name; NaN for what never moved."""
        return self.values[self.converged].corr()

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
    """Scatter of the parameters over n refits of simulated data: fitted curves + noise.

    Parameters
    ----------
    fit : Fit
        Its free and fixed parameters, loss and noise are kept; each refit starts at its minimum.
    n : int
        Replicates, at least 2.
    kind : {"parametric", "residual"}
        Noise: drawn from the likelihood (counts; or normal noise with the known standard errors, or with
        the size that the residuals have), or each trace's residuals drawn with replacement, in units of
        sigma and freed from the fit's own bias.
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
        For an unknown kind, n below 2, a fit without a residual to spare, the residual kind with counts, or
        a pool of processes that a law or observable cannot be sent to.

    Notes
    -----
    Replicates of one decay by the rate law go side by side (see `helpers.maps.replicates`); those that the
    common time steps do not resolve, and other fits, go one by one.

    For a parameter on or near its bound the replicates pile up there and percentiles are no confidence
    intervals; `profile` is right there too. See Efron & Tibshirani (1993), "An Introduction to the
    Bootstrap", chapters 6 and 9.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 3, 40)
    >>> decay = fit(Trace(t, np.exp(-t), np.full(40, 0.01)), fixed=["G", "k2", "k3"])
    >>> bool(bootstrap(decay, n=50).stderr["k1"] / decay.stderr["k1"] > 0.5)
    True
    """
    _refuse(fit, n, kind)
    plan = _plan(fit, kind)
    if isinstance(executor, ProcessPoolExecutor):
        refuse_what_cannot_travel(plan, "a pool of processes", "law's (or observable's)")
    seeds = np.random.SeedSequence(seed).spawn(n)
    size = _FITS_PER_TASK
    if plan.together:
        size = int(np.clip(_POINTS_TOGETHER // fit.problem.size, size, _MOST_TOGETHER))
    tasks = [(plan, seeds[first : first + size]) for first in range(0, n, size)]
    done = (executor.map if executor is not None else map)(_refit, tasks)
    label = f"bootstrap, batches of {size}"
    rows = np.concatenate(list(with_progress(done, label, total=len(tasks), wanted=progress)))
    return Bootstrap(pd.DataFrame(rows[:, :-1], columns=fit.names), rows[:, -1] == 1, kind)


def _refuse(fit: Fit, n: int, kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r}: choose one of {', '.join(KINDS)}")
    if n < 2:
        raise ValueError(f"n = {n}: a scatter needs at least 2 replicates, take 200 or more")
    if fit.minimum.triangle is None:
        raise ValueError(f"this fit has no curve to simulate data from ({fit.message})")
    if fit.freedom < 1:
        raise ValueError(
            f"{fit.problem.size} points leave nothing to estimate the noise from; fix parameters"
        )
    if kind == "residual" and fit.measurement.noise == "poisson":
        raise ValueError(
            'kind = "residual": counts are whole numbers, and a residual of one point is impossible at'
            ' another; take kind = "parametric", which draws new counts'
        )


@dataclass(frozen=True, eq=False)
class _Plan:
    """All that a worker needs, in plain data, so that it can travel to another process."""

    problem: Problem
    x: np.ndarray
    free: np.ndarray
    curves: list[np.ndarray]
    size: float  # of the noise, in units of the likelihood's sigma
    pools: list[np.ndarray] | None  # each trace's residuals, in the same units, to draw from
    together: bool  # whether replicates can be fitted side by side


def _plan(fit: Fit, kind: str) -> _Plan:
    curves, pools = fit.curves(), None
    if kind == "residual":
        rows = zip(fit.problem.likelihoods, curves, fit.traces, strict=True)
        scaled = [each.scaled(curve, trace.signal) for each, curve, trace in rows]
        bias = np.sqrt(fit.problem.size / fit.freedom)  # a fit makes residuals a little small
        pools = [(each - each.mean()) * bias for each in scaled]
    size = 1.0 if fit.problem.is_absolute else float(np.sqrt(fit.variance))
    together = is_known(fit.problem, fit.minimum.x, fit.free)
    return _Plan(fit.problem, fit.minimum.x, fit.free, curves, size, pools, together)


def _refit(task: tuple[_Plan, Sequence[np.random.SeedSequence]]) -> np.ndarray:
    """Refit one replicate for each seed: rows of the values and whether the fit converged."""
    plan, seeds = task
    drawn = [_signals(plan, np.random.default_rng(seed)) for seed in seeds]
    if not plan.together:
        return np.array([_refit_one(plan, signals) for signals in drawn], float)
    found = refit_side_by_side(plan.problem, plan.x, plan.free, np.array([each[0] for each in drawn]))
    rows = np.column_stack([found.values, found.trusted])
    for k in np.flatnonzero(~found.trusted):
        rows[k] = _refit_one(plan, drawn[k])
    return rows


def _refit_one(plan: _Plan, signals: list[np.ndarray]) -> list[float]:
    problem = plan.problem.for_signals(signals)
    found = minimise(problem, plan.x, free=plan.free, wanted_offset=CONVERGED_OFFSET)
    return [*problem.values(found.x), found.converged]


def _signals(plan: _Plan, rng: np.random.Generator) -> list[np.ndarray]:
    pairs = list(zip(plan.problem.likelihoods, plan.curves, strict=True))
    if plan.pools is None:
        return [each.draw(curve, rng, size=plan.size) for each, curve in pairs]
    rows = zip(pairs, plan.pools, strict=True)
    return [curve + np.asarray(each.sigma) * rng.choice(pool, len(curve)) for (each, curve), pool in rows]
