"""Fits of the rate law to a trace: G, k1, k2, k3 and n0 by least squares, with their errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import guesses as guessing
from helpers import kinetics, least_squares
from helpers.kinetics import RATES, Rates
from helpers.least_squares import LOSSES, Minimum, Problem, minimise
from helpers.progress import with_progress
from helpers.series import fit_series as fit_series
from helpers.traces import Trace
from helpers.units import rate_units

PARAMETERS = (*RATES, "n0")


class Parameters(NamedTuple):
    """One entry for each of G, k1, k2, k3, n0, in the order of the Jacobian's columns."""

    G: object
    k1: object
    k2: object
    k3: object
    n0: object


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted trace: the rates, how well they describe it, and how far they are determined.

    Attributes
    ----------
    trace : Trace
        The data; the model's time zero is its first time.
    rates, n0 : Rates, float
        The minimum, in the trace's units.
    stderr : Parameters
        Standard errors; NaN for what was fixed or ended on its bound zero (see `status`).
    covariance : ndarray, shape (5, 5)
        Of (G, k1, k2, k3, n0); NaN rows likewise. With the trace's sigma it is absolute, without it is
        scaled with `variance`.
    status : Parameters
        "free", "fixed" or "bound" for each.
    cost : float
        ½·Σr², with r = (model − data)/sigma; a robust loss's own cost where one was asked for.
    rmse : float
        Root mean square of data − model, in the signal's unit; NaN where the guess cannot be computed.
    reduced_chi2 : float
        Σr² per degree of freedom, whatever the loss.
    variance : float
        1 where sigma is known, else that of r, as the loss sees it: a cost is measured in units of it.
    guess : Rates
        Where the search began.
    converged, message : bool, str
        Whether this is a minimum, and in words.
    """

    trace: Trace
    rates: Rates
    n0: float
    stderr: Parameters
    covariance: np.ndarray
    status: Parameters
    cost: float
    rmse: float
    reduced_chi2: float
    variance: float
    guess: Rates
    converged: bool
    message: str
    evaluations: int
    free: np.ndarray
    loss: str
    f_scale: float
    problem: Problem
    minimum: Minimum

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        return f"Fit({self.trace.name!r}: {self.rates!r}, n0={self.n0:.6g}, rmse={self.rmse:.4g}, {state})"

    @property
    def values(self) -> Parameters:
        """The five fitted numbers."""
        return Parameters(*self.rates, self.n0)

    @property
    def units(self) -> Parameters:
        """What the values are counted in."""
        return Parameters(*rate_units(self.trace.t_unit, self.trace.signal_unit), self.trace.signal_unit)

    @property
    def residuals(self) -> np.ndarray:
        """Data − model at the data's times, in the signal's unit, with their sign."""
        return self.trace.signal - self.curve()

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix of (G, k1, k2, k3, n0), shape (5, 5); NaN where there is no error."""
        sizes = np.sqrt([each if 0 < each < np.inf else np.nan for each in np.diag(self.covariance)])
        return self.covariance / np.outer(sizes, sizes)

    def curve(self, t=None) -> np.ndarray:
        """Fitted density at the times t of the trace's own axis (default: the data's times)."""
        t = self.trace.t if t is None else np.asarray(t, float)
        return kinetics.solve(t - self.trace.t[0], self.n0, self.rates)


def fit(
    trace: Trace,
    guess: Rates | Sequence[float] | None = None,
    *,
    n0: float | None = None,
    fixed: Iterable[str] = (),
    loss: str = "linear",
    f_scale: float = 1.0,
    max_evaluations: int = 200,
    record_path: bool = False,
) -> Fit:
    """Least-squares fit of dn/dt = G − k1·n − k2·n² − k3·n³ to a trace: min ½·Σ((n(tᵢ) − nᵢ)/σᵢ)².

    Parameters
    ----------
    trace : Trace
        Data from the moment the law holds: usually `load_trace(path).from_peak()`.
    guess : Rates or four numbers, optional
        Start of G, k1, k2, k3 in the trace's units; by default `guesses.suggest(trace)`.
    n0 : float, optional
        Start (or, with "n0" in `fixed`, value) of the density at the first time; by default the data's own.
    fixed : names among G, k1, k2, k3, n0
        Parameters held at their guess.
    loss, f_scale : {"linear", "soft_l1", "huber", "cauchy"}, float
        Robust losses let outliers pull less; `f_scale` is the residual, in sigma (or in the signal's unit
        where the trace has no sigma), from which on they do.
    max_evaluations : int
        Evaluations of the model after which the search gives up.
    record_path : bool
        Keep the points that the search visited in `Fit.minimum.path`, in units of `Fit.problem.scales`.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        For an unknown name or loss, an f_scale that is not positive, or a guess that is no four
        non-negative numbers. A guess for which the law overflows is no error: that fit did not converge.

    Notes
    -----
    The search runs on (G·T/N, k1·T, k2·N·T, k3·N²·T, n0/N) with the exact Jacobian, so units do not matter
    to it. A guess faster than the data resolve (see `guesses.slowed`) is first slowed to what they resolve.

    Examples
    --------
    >>> t = np.linspace(0, 5, 50)
    >>> fit(Trace(t, 2 / (1 + 2 * t))).rates.k2.__round__(6)
    1.0
    """
    fixed = _checked_names(fixed)
    if loss not in LOSSES:
        raise ValueError(f"loss = {loss!r}: choose one of {', '.join(LOSSES)}")
    if not (isinstance(f_scale, Real) and 0 < f_scale < np.inf):
        raise ValueError(f"f_scale = {f_scale!r}: give a positive number, the residual that counts as large")
    if guess is None:
        guess = guessing.suggest(trace, fixed={name: 0.0 for name in fixed if name != "n0"})
    guess = kinetics.four_rates(guess)
    problem = single_problem(trace, loss=loss, f_scale=f_scale)
    free = np.array([name not in fixed for name in PARAMETERS])
    start_n0 = max(float(trace.signal[0]), 0.0) if n0 is None else kinetics.checked_density(n0)
    with np.errstate(over="ignore"):  # a guess beyond what doubles hold is a start that cannot be computed
        start = np.array([*guess, start_n0]) / problem.scales
    minimum = _search(problem, trace, start, free, max_evaluations, record_path)
    return as_fit(trace, problem, minimum, free, guess=guess, loss=loss, f_scale=f_scale)


def fit_from_guesses(
    trace: Trace, guesses: Iterable[Rates], *, progress: bool = True, **options
) -> list[Fit]:
    """One fit from each guess, in the guesses' order; `options` are those of `fit`.

    A progress bar appears once the work has taken a second. `table` shows all of them side by side.
    """
    guesses = list(guesses)
    bar = with_progress(guesses, "fits", total=len(guesses), wanted=progress)
    return [fit(trace, guess, **options) for guess in bar]


def table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Table of fits, one row each: guess, minimum, cost, and whether it is the best minimum of them all.

    "same minimum" marks a converged fit with a cost within 1e-6 of the smallest.
    """
    if not fits:
        return pd.DataFrame()
    best = min(fit.cost for fit in fits)
    rows = []
    for each in fits:
        row = {f"guess {name}": value for name, value in zip(RATES, each.guess, strict=True)}
        row |= dict(zip(PARAMETERS, each.values, strict=True))
        row |= {"cost": each.cost, "rmse": each.rmse, "evaluations": each.evaluations}
        row["converged"] = each.converged
        row["same minimum"] = each.converged and each.cost <= best * (1 + 1e-6)
        rows.append(row)
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="start"))


@np.errstate(over="ignore")  # of an absurd guess, and of errors squared in extreme units
def as_fit(trace, problem, minimum, free, *, guess, loss="linear", f_scale=1.0) -> Fit:
    """`Fit` of a trace from a minimum of its problem (the last step of every single-trace fit)."""
    values = np.minimum(minimum.x * problem.scales, np.finfo(float).max)
    active = free & (minimum.x > 0)
    freedom = problem.size - int(active.sum())
    status = np.where(active, "free", np.where(free, "bound", "fixed"))
    rates, known = Rates(*values[:4]), trace.sigma is not None
    matrix, residuals, reduced, variance = np.full((5, 5), np.nan), np.full(len(trace), np.nan), np.inf, 1.0
    if minimum.triangle is not None:
        residuals = trace.signal - kinetics.solve(trace.elapsed, values[4], rates)
        weighted, widening = residuals / (trace.sigma if known else 1.0), 1.0
        reduced = float(weighted @ weighted) / freedom if freedom > 0 else np.inf
        if not known:
            variance, widening = least_squares.residual_variance(weighted, freedom, loss, f_scale)
        matrix = least_squares.covariance(minimum.triangle, active, variance=variance * widening)
    return Fit(
        trace=trace,
        rates=rates,
        n0=float(values[4]),
        stderr=Parameters(*(np.sqrt(np.diag(matrix)) * problem.scales).tolist()),
        covariance=matrix * problem.scales[:, None] * problem.scales,
        status=Parameters(*status.tolist()),
        cost=minimum.cost,
        rmse=float(np.sqrt(np.mean(residuals**2))),
        reduced_chi2=reduced,
        variance=variance,
        guess=guess,
        converged=minimum.converged,
        message=minimum.message,
        evaluations=minimum.evaluations,
        free=free,
        loss=loss,
        f_scale=f_scale,
        problem=problem,
        minimum=minimum,
    )


@np.errstate(over="ignore")  # of a sigma so small that no step can be computed
def single_problem(trace: Trace, *, loss: str = "linear", f_scale: float = 1.0) -> Problem:
    """Pose one trace's least-squares problem in (G·T/N, k1·T, k2·N·T, k3·N²·T, n0/N); N = largest signal."""
    weights = np.ones(len(trace)) if trace.sigma is None else 1 / trace.sigma
    scales = np.append(guessing.natural_rates(trace.elapsed[-1], trace.size), trace.size)
    columns, f_scale = scales * weights[:, None], np.float64(f_scale)

    @np.errstate(all="ignore")
    def evaluate(x):
        values = x * scales
        try:
            n, jacobian = kinetics.solve_with_jacobian(trace.elapsed, values[4], values[:4])
            residuals = (n - trace.signal) * weights
            answer = least_squares.robust_triangle(jacobian * columns, residuals, loss, f_scale)
        except ValueError:  # a trial step beyond what doubles hold
            return np.inf, None
        return least_squares.computed(x, *answer)

    floor = 1e-13 * float(np.linalg.norm(trace.signal * weights))
    return Problem(PARAMETERS, scales, evaluate, len(trace), floor)


def _checked_names(fixed) -> frozenset[str]:
    names = frozenset([fixed] if isinstance(fixed, str) else fixed)
    if unknown := names - set(PARAMETERS):
        raise ValueError(f"fixed = {sorted(unknown)}: the parameters are {', '.join(PARAMETERS)}")
    return names


def _search(problem, trace, start, free, max_evaluations, record) -> Minimum:
    """Minimise; where that ends on the plateau of a law that is over at once, slow the law and go again."""
    first = trace.elapsed[1] / trace.elapsed[-1]
    resolved = guessing.slowed(start, free, first)
    minimum = minimise(problem, resolved, free=free, max_evaluations=max_evaluations, record=record)
    again = guessing.slowed(minimum.x, free, first)
    if minimum.triangle is None or np.array_equal(again, minimum.x):
        return minimum
    second = minimise(problem, again, free=free, max_evaluations=max_evaluations, record=record)
    best = min(second, minimum, key=lambda each: each.cost)
    evaluations = minimum.evaluations + second.evaluations
    best = replace(best, path=minimum.path + second.path, evaluations=evaluations)
    if not np.array_equal(guessing.slowed(best.x, free, first), best.x):
        words = "the fitted law is at equilibrium before the second point: the data do not resolve its rates"
        best = replace(best, converged=False, message=words)
    return best
