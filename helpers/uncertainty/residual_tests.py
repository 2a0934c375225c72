"""Whether a law describes the data: tests of the residuals' order and of their size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.special import xlogy

from helpers.fitting import Fit
from helpers.fitting.order import DOUBT, normal_scores, order

_ROUNDING = 10.0  # in units of what the law's accuracy leaves
_POOLED = 10.0  # counts expected in a pool, so that its residual is nearly normal
_FEWEST_POOLS = 5
_MANY_COUNTS = 100.0  # expected in a bin; from here on the deviance's moments follow their series
_FEW_COUNTS = 1e-8
_EXPLAINED = 0.2  # p value above which nothing is left to explain; the correlation was fitted to these data
_LARGEST_CORRELATION = 0.98  # of neighbours; more of it is no noise but a curve
_SHORT = 8  # points within which correlated noise shows most
_SMALL = 0.1  # of the signal's range: larger residuals are not called noise that is correlated


@dataclass(frozen=True)
class TraceTest:
    """Tests of one trace's residuals.

    `found` is True where neighbouring residuals agree more than chance allows. `p` is that chance, `block`
    the number of neighbouring points (of counts: pools) over which the agreement is clearest, `correlation`
    that of neighbouring blocks. `p_size` is the chance of a χ² (for counts of a deviance) so far from its
    expectation, and `size` the residuals' size in units of the given noise (1 and NaN where the noise is
    unknown). `is_rounding`: the residuals are nothing but rounding. `is_too_faint`: so few counts that their
    order tells nothing. `rho` is the correlation of neighbouring points where correlated noise would explain
    the structure, else 0.
    """

    name: str
    found: bool
    p: float
    block: int
    correlation: float
    p_size: float
    size: float
    is_rounding: bool
    is_too_faint: bool = False
    rho: float = 0.0


@dataclass(frozen=True, eq=False)
class Misfit:
    """Whether the law describes the data: one verdict over all traces, and each trace's tests.

    Attributes
    ----------
    found : bool
        Some trace's residuals are structured: the law is wrong, or the noise is correlated.
    p, p_size : float
        Chance of the clearest structure in so many traces, and of the residuals' size.
    traces : tuple of TraceTest
    correlation : float
        Of neighbouring points, where noise with this correlation would explain all the structure: the
        largest of the traces. 0 where there is no structure, or where it is not that of such noise.
    widening : pandas.Series
        By parameter: how many times larger the standard errors are if the noise is so correlated; 1 without
        correlation, for a parameter on its bound √((1 + ρ)/(1 − ρ)), and NaN for one that was fixed. The
        fit's own errors are not changed.
    """

    found: bool
    p: float
    p_size: float
    traces: tuple[TraceTest, ...]
    correlation: float
    widening: pd.Series

    def __repr__(self) -> str:
        verdict = "structured" if self.found else "like noise"
        if self.correlation:
            verdict += f", as by noise of correlation {self.correlation:.2f}"
        return f"Misfit(residuals {verdict}, p = {self.p:.2g}, {len(self.traces)} traces)"

    def doubt(self, name: str) -> str:
        """Return in a few words what the structure does to a parameter's interval; nothing without any."""
        if not self.found:
            return ""
        if not self.correlation:
            return "too small: the law does not describe the data"
        return f"too small by {self.widening[name]:.2g} times, if the noise is correlated"


def misfit(fit: Fit) -> Misfit:
    """Test of the residuals' order in each trace: z = Σ sᵢsᵢ₊₁ / √Σ(sᵢsᵢ₊₁)².

    s are sums of 1, 2, 4, … neighbours of the residuals' normal scores. Under independent noise z is standard
    normal. The smallest p over the lengths of the sums, times their number, is a trace's p; the smallest p
    over the traces, times theirs, is the verdict's. Below 0.01 the residuals are structured: the law does
    not describe these data, or their noise is correlated.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Misfit

    Raises
    ------
    ValueError
        For a fit whose model cannot be computed.

    Notes
    -----
    Scores come from the residuals' ranks, so that the noise of the peak does not hide the faint tail. The
    ranks of few counts follow the model's own curve, so counts are first pooled: neighbouring points, until
    each pool expects ten counts. With fewer than five pools their order is not tested.

    The size of counts is judged by their deviance, whose exact mean and variance at the expected counts are
    known (at 1/10 of a count a mean of 0.47, not 1), and corrected for the fitted parameters.

    Where noise of the form eᵢ = ρ·eᵢ₋₁ + independent noise explains the structure (the residuals rᵢ − ρ·rᵢ₋₁
    pass the test), ρ is the one that gives the observed Σ rᵢrᵢ₊₁/Σ rᵢ² on average after such a fit. The
    errors then follow from (JᵀJ)⁻¹·JᵀCJ·(JᵀJ)⁻¹ with Cᵢⱼ = ρ^|i − j|, for slow directions √((1 + ρ)/(1 − ρ))
    times larger. Counts are independent, so this is not offered for them.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 4, 200)
    >>> misfit(fit(Trace(t, np.exp(-t) + 0.1 * np.sin(3 * t)))).found
    True
    """
    if fit.minimum.triangle is None:
        raise ValueError(f"this fit has no residuals to test ({fit.message})")
    rows = _Rows(fit)
    tests = tuple(_tested(fit, rows, j) for j in range(len(fit.traces)))
    p = min(min(each.p for each in tests) * len(tests), 1.0)
    p_size = min(min(each.p_size for each in tests) * len(tests), 1.0)
    tests = _with_correlation(fit, rows, tests)
    correlation = max(each.rho for each in tests)
    return Misfit(bool(p < DOUBT), float(p), float(p_size), tests, correlation, rows.widening(tests))


class _Rows:
    """Residuals in units of the noise, and the directions in which the fit could move them."""

    def __init__(self, fit: Fit) -> None:
        self.fit, self.curves = fit, fit.curves()
        self.residuals, tables = [], []
        jacobian = fit.problem.jacobian(fit.minimum.x) or []
        rows = zip(fit.problem.likelihoods, self.curves, fit.traces, jacobian, strict=True)
        for likelihood, curve, trace, slopes in rows:
            _, weights, _ = likelihood.rows(curve, trace.signal)
            tables.append(slopes[:, fit.active] * weights[:, None])
            self.residuals.append(likelihood.scaled(curve, trace.signal))
        # Columns of the same length, so that none is lost in the others' rounding.
        table = np.vstack(tables)
        self.sizes = np.linalg.norm(table, axis=0)
        self.sizes[self.sizes == 0] = 1.0
        left, self.values, self.right = np.linalg.svd(table / self.sizes, full_matrices=False)
        felt = self.values > len(table) * np.finfo(float).eps * self.values.max(initial=0.0)
        self.values, self.right = self.values[felt], self.right[felt]
        ends = np.cumsum([len(each) for each in tables])[:-1]
        self.directions = np.split(left[:, felt], ends)
        self.is_determined = bool(felt.all())

    def fitted(self, j: int) -> float:
        """Return the number of parameters that trace j determines: the sum of its leverages."""
        return float(np.sum(self.directions[j] ** 2))

    def widening(self, tests: tuple[TraceTest, ...]) -> pd.Series:
        """Return how many times larger the errors are with the correlations that were found."""
        rho = max(each.rho for each in tests)
        wider = np.where(self.fit.free, np.sqrt((1 + rho) / (1 - rho)), np.nan)
        if rho and self.is_determined:
            middle = sum(
                directions.T @ _correlated(directions, each.rho)
                for directions, each in zip(self.directions, tests, strict=True)
            )
            spread = self.right.T / self.values
            variances = np.einsum("ij,jk,ik->i", spread, middle, spread) / np.sum(spread**2, axis=1)
            if not self.fit.problem.is_absolute:
                # The fit follows slow noise, so that what is left of it is smaller than it was.
                count = self.fit.problem.size
                variances *= (count - len(self.values)) / max(count - np.trace(middle), 1.0)
            wider[self.fit.active] = np.sqrt(variances)
        return pd.Series(wider, index=self.fit.values.index, name="widening")


def _tested(fit: Fit, rows: _Rows, j: int) -> TraceTest:
    trace, likelihood = fit.traces[j], fit.problem.likelihoods[j]
    curve, residuals = rows.curves[j], rows.residuals[j]
    name = trace.name or (f"trace {j + 1}" if len(fit.traces) > 1 else "the trace")
    is_rounding = is_too_faint = False
    if likelihood.noise == "poisson":
        scores = normal_scores(_pooled(curve, trace.signal))
        is_too_faint = len(scores) < _FEWEST_POOLS
        p_size, size = _size_of_counts(rows, j)
    else:
        scores = normal_scores(residuals)
        length = np.linalg.norm(trace.signal / likelihood.sigma)
        is_rounding = bool(np.linalg.norm(residuals) <= _ROUNDING * fit.law.accuracy * length)
        p_size, size = _size(rows, j)
    p, block, correlation = (1.0, 1, 0.0) if is_rounding or is_too_faint else order(scores)
    found = bool(p * len(fit.traces) < DOUBT)
    return TraceTest(name, found, p, block, correlation, p_size, size, is_rounding, is_too_faint)


def _pooled(expected: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Residuals of neighbours that together expect ten counts, in units of their noise."""
    total, starts = np.cumsum(expected), [0]
    while True:
        before = total[starts[-1] - 1] if starts[-1] else 0.0
        end = int(np.searchsorted(total, before + _POOLED)) + 1
        if end >= len(total):
            break
        starts.append(end)
    if len(starts) > 1 and total[-1] - total[starts[-1] - 1] < _POOLED:
        del starts[-1]  # what is left at the end belongs to the last pool
    wanted, seen = np.add.reduceat(expected, starts), np.add.reduceat(counts, starts)
    return (seen - wanted) / np.sqrt(np.maximum(wanted, _FEW_COUNTS))


def _size(rows: _Rows, j: int) -> tuple[float, float]:
    """Chance of residuals so large or small, and their size in units of the noise that was given."""
    residuals = rows.residuals[j]
    spare = len(residuals) - rows.fitted(j)
    if not rows.fit.problem.is_absolute or spare < 1:
        return 1.0, np.nan
    squares = float(residuals @ residuals)
    return _tail(squares, spare, 2 * spare), float(np.sqrt(squares / spare))


def _size_of_counts(rows: _Rows, j: int) -> tuple[float, float]:
    """Chance of a deviance so large or small, and the root of it in units of its mean.

    Σd(y, μ) − Σm(μ), where m is the mean of d, is taken at fitted counts μ. To first order they move m; to
    second order the fit lowers d by one for each fitted direction, and m″ lowers Σm by half of it times the
    variance of μ: where far fewer than one count is expected the two cancel. Source of the first order:
    McCullagh (1986), "The conditional distribution of goodness-of-fit statistics for discrete data",
    J. Am. Stat. Assoc. 81, 104.
    """
    likelihood, curve, counts = rows.fit.problem.likelihoods[j], rows.curves[j], rows.fit.traces[j].signal
    means, variances, moves, shares = _deviance_moments(curve)
    fitted = float(np.sum(shares * np.sum(rows.directions[j] ** 2, axis=1)))
    mean = means.sum() - fitted
    variance = variances.sum() - 2 * fitted - float(np.sum((rows.directions[j].T @ moves) ** 2))
    if mean <= 0 or variance <= 0:
        return 1.0, np.nan
    deviance = likelihood.squares(curve, counts)
    return _tail(deviance, mean, variance), float(np.sqrt(deviance / mean))


def _tail(squares: float, mean: float, variance: float) -> float:
    """Two-sided chance of a sum of squares, by the scaled χ² with its mean and variance."""
    freedom, scale = 2 * mean**2 / variance, variance / (2 * mean)
    tails = stats.chi2.cdf(squares / scale, freedom), stats.chi2.sf(squares / scale, freedom)
    return min(2 * float(min(tails)), 1.0)


def _deviance_moments(expected: np.ndarray) -> np.ndarray:
    """Mean and variance of a count's deviance, its covariance with (y − μ)/√μ, and 1 + μ·m″/2, m its mean."""
    grid, table = _table_of_moments()
    safe = np.maximum(expected, _FEW_COUNTS)
    small = [np.interp(np.log(safe), grid, column) for column in table]
    large = [1 + 1 / (6 * safe), 2 + 2 / (3 * safe), -1 / (6 * safe**1.5), 1 + 1 / (6 * safe**2)]
    return np.where(safe > _MANY_COUNTS, large, small)


@cache
def _table_of_moments() -> tuple[np.ndarray, np.ndarray]:
    grid = np.linspace(np.log(_FEW_COUNTS), np.log(_MANY_COUNTS), 400)
    y = np.arange(_MANY_COUNTS + 12 * np.sqrt(_MANY_COUNTS))
    expected = np.exp(grid)[:, None]
    chances = stats.poisson.pmf(y, expected)
    deviance = 2 * (expected - y + xlogy(y, np.maximum(y, 1) / expected))
    mean = np.sum(chances * deviance, axis=1)
    variance = np.sum(chances * (deviance - mean[:, None]) ** 2, axis=1)
    move = np.sum(chances * deviance * (y - expected), axis=1) / np.sqrt(expected[:, 0])
    share = 1 + np.gradient(move * np.exp(-grid / 2), grid) / 2  # m′ is the covariance of d and y over μ
    return grid, np.array([mean, variance, move, share])


def _with_correlation(fit: Fit, rows: _Rows, tests: tuple[TraceTest, ...]) -> tuple[TraceTest, ...]:
    """Return the tests with the correlation of the noise, where it explains all the structure."""
    found = []
    for j, test in enumerate(tests):
        rho = _explained_by(fit, rows, j, test) if test.found else 0.0
        if test.found and not rho:
            return tests
        found.append(TraceTest(**(vars(test) | {"rho": rho})))
    return tuple(found)


def _explained_by(fit: Fit, rows: _Rows, j: int, test: TraceTest) -> float:
    """Return the correlation of neighbours that explains the structure of trace j; 0 where none does."""
    residuals, curve = rows.residuals[j], rows.curves[j]
    if fit.problem.likelihoods[j].noise == "poisson" or test.block > _SHORT:
        return 0.0
    left = fit.traces[j].signal - curve
    if np.sqrt(np.mean(left**2)) > _SMALL * np.ptp(curve):
        return 0.0
    rho = _correlation(residuals, rows.directions[j])
    left_over = order(normal_scores(residuals[1:] - rho * residuals[:-1]))[0]
    return rho if left_over > _EXPLAINED else 0.0


def _correlation(residuals: np.ndarray, directions: np.ndarray) -> float:
    """Correlation of neighbours in the noise, by Σ rᵢrᵢ₊₁/Σ rᵢ² of the residuals r that a fit leaves.

    A fit removes the noise along its directions, which are slow, so that neighbours of residuals are less
    correlated than those of the noise. 0 where there is none, or where it is that of a curve.
    """
    seen = float(residuals[:-1] @ residuals[1:] / (residuals @ residuals))
    count = len(residuals)
    overlap = directions.T @ directions
    shifted = directions[:-1].T @ directions[1:]

    def excess(rho: float) -> float:
        """Excess of E Σ rᵢrᵢ₊₁ ÷ E Σ rᵢ² over what was seen, r = e − directions·directionsᵀ·e."""
        moved = _correlated(directions, rho)
        middle = directions.T @ moved
        squares = count - 2 * np.trace(middle) + np.trace(overlap @ middle)
        cross = np.sum(directions[:-1] * moved[1:]) + np.sum(directions[1:] * moved[:-1])
        products = (count - 1) * rho - cross + np.trace(shifted.T @ middle)
        return products / squares - seen

    if excess(0.0) >= 0 or excess(_LARGEST_CORRELATION) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, _LARGEST_CORRELATION, xtol=1e-6))


def _correlated(columns: np.ndarray, rho: float) -> np.ndarray:
    """Product of the matrix ρ^|i − j| with columns, by a filter forwards and one backwards."""
    forwards = lfilter([1.0], [1.0, -rho], columns, axis=0)
    backwards = lfilter([1.0], [1.0, -rho], columns[::-1], axis=0)[::-1]
    return forwards + backwards - columns
