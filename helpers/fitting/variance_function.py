"""How the noise depends on the signal, σ² = a² + c·|s| + (b·s)², estimated from the residuals of a fit.

Even noise has a² alone, counted light c, fluctuations of a lamp or an amplifier b. The residuals of one
decay tell these three numbers poorly, and weights made of poor numbers are worse than none. So even noise is
tested first where the points are many enough for that; where weights are used, all three terms are estimated
together, none below zero. Sources: restricted likelihood (REML), Patterson & Thompson (1971), "Recovery of
inter-block information when block sizes are unequal", Biometrika 58, 545; variance functions, Davidian &
Carroll (1987), "Variance function estimation", J. Am. Stat. Assoc. 82, 1079; degrees of freedom,
Satterthwaite (1946), "An approximate distribution of estimates of variance components", Biometrics 2, 110.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import nnls
from scipy.special import stdtridf

from helpers.fitting.minimise import triangle_of
from helpers.measurement.quantity import amount

TERMS = 3  # a², c and b²
_LEVEL = 0.99  # of the test of even noise
_LEAST_CONSTANT = 1e-6  # of the mean square: no point may weigh without limit
_LEAST_SPARE = 1e-6  # 1 − h of a point that the fit follows wherever it goes
_ROUNDS, _HALVINGS, _SETTLED = 50, 12, 1e-5  # the last of −2·ln of the likelihood
_ROUNDING = 1e-13
_TAIL = 0.975  # of Student's t, for intervals of 95 %
_LEAST_WIDER = 1e-9  # of a variance; less is rounding
_ROWS = 256  # of a table that are multiplied at once: a linear algebra library starts no threads for so few
_SEEN = 1e-3  # share of the variance below which a term is not worth a word


@dataclass(frozen=True)
class VarianceFunction:
    """Variance of a point by its signal: σ² = constant + linear·|s| + square·s².

    Attributes
    ----------
    constant, linear, square : float
        a² (in squares of the signal's unit), c (in its unit) and b². None is negative.

    Examples
    --------
    >>> noise = VarianceFunction(constant=0.09, linear=0.0, square=9e-6)
    >>> noise.sizes(np.array([0.0, 100.0])).round(3).tolist()
    [0.3, 0.424]
    >>> noise.words(largest=800, unit="10^16 cm^-3")
    '0.3 % of the signal + 0.3 × 10^16 cm^-3'
    """

    constant: float
    linear: float
    square: float

    def sizes(self, signal: np.ndarray) -> np.ndarray:
        """Return the standard error σ of points with this signal."""
        size = np.abs(signal)
        return np.sqrt(self.constant + size * (self.linear + size * self.square))

    def words(self, largest: float, unit: str = "") -> str:
        """Return the terms in plain words; they add in squares. `largest` is the largest signal."""
        variance = float(self.sizes(np.array([largest]))[0] ** 2)
        words = []
        if self.square * largest**2 > _SEEN * variance:
            words.append(f"{100 * np.sqrt(self.square):.2g} % of the signal")
        if self.linear * largest > _SEEN * variance:
            words.append(f"{np.sqrt(self.linear):.2g}·√signal")
        # However small beside the peak, the constant term is what is left of the noise in the tail.
        words.append(amount(f"{np.sqrt(self.constant):.2g}", unit))
        return " + ".join(words)


@dataclass(frozen=True, eq=False)
class Scatter:
    """What a variance function is estimated from: the residuals of a fit, and what the fit could bend.

    Attributes
    ----------
    residuals : ndarray, shape (m,)
        Data − model of all traces, one after the other.
    slopes : ndarray, shape (m, p)
        Derivatives of the model by the p fitted parameters.
    signal : ndarray, shape (m,)
        Signal of the model without its background, in units of `sizes`.
    sizes : ndarray, shape (m,)
        Units in which a trace is counted: a size for each trace, repeated for its points.
    groups : ndarray of int, shape (m,)
        Which points share one variance function: 0, 1, ….
    """

    residuals: np.ndarray
    slopes: np.ndarray
    signal: np.ndarray
    sizes: np.ndarray
    groups: np.ndarray

    @cached_property
    def terms(self) -> np.ndarray:
        """What the coefficients of its group add to each variance, shape (m, 3): size²·(1, u, u²)."""
        u = np.abs(self.signal)
        return np.column_stack([np.ones_like(u), u, u**2]) * self.sizes[:, None] ** 2

    @cached_property
    def members(self) -> list[np.ndarray]:
        """Which points belong to each group."""
        return [np.flatnonzero(self.groups == each) for each in range(int(self.groups.max()) + 1)]

    @cached_property
    def basis(self) -> _Basis | None:
        """Orthonormal columns that span slopes/sizes, in pieces of rows; None where they are dependent.

        With other weights it needs only the Cholesky factor of a small matrix, which is well conditioned:
        the weights of the points differ far less than the effects of the parameters.
        """
        table = self.slopes / self.sizes[:, None]
        length = np.linalg.norm(table, axis=0)
        if not ((length > 0) & np.isfinite(length)).all():
            return None
        table /= length
        triangle = triangle_of(table, np.zeros(len(table)))[:-1, :-1]
        diagonal = np.abs(np.diag(triangle))
        if len(diagonal) and not diagonal.min() > _ROUNDING * diagonal.max():
            return None
        return _Basis(_in_pieces(table) @ np.linalg.inv(triangle), triangle)

    def variances(self, coefficients: np.ndarray) -> np.ndarray:
        """Variance of each point with these coefficients, shape (groups, 3)."""
        return np.einsum("ij,ij->i", self.terms, coefficients[self.groups])


def differences(scatter: Scatter, lengths: Sequence[int]) -> Scatter:
    """Scatter of (r₁ − 2r₂ + r₃)/√6 of every three neighbouring points, in which a smooth misfit has no part.

    Where a law does not describe the data their residuals are noise and misfit, and weights made of them
    would take a part of the decay that fits badly for a noisy one. Source: Gasser, Sroka & Jennen-Steinmetz
    (1986), "Residual variance and residual pattern in nonlinear regression", Biometrika 73, 625.

    Parameters
    ----------
    scatter : Scatter
    lengths : sequence of int
        Points of each trace.

    Examples
    --------
    >>> line = np.arange(7.0)
    >>> scatter = Scatter(line, np.ones((7, 1)), line, np.ones(7), np.zeros(7, int))
    >>> found = differences(scatter, [7])
    >>> found.residuals.tolist(), found.signal.tolist()
    ([0.0, 0.0], [1.0, 4.0])
    """
    ends = np.cumsum(lengths)
    middle = np.concatenate(
        [np.arange(end - length + 1, end - 1, 3) for end, length in zip(ends, lengths, strict=True)]
    )
    r, u = scatter.residuals, np.abs(scatter.signal)
    return Scatter(
        residuals=(r[middle - 1] - 2 * r[middle] + r[middle + 1]) / np.sqrt(6),
        slopes=np.zeros((len(middle), 0)),
        signal=(u[middle - 1] + u[middle] + u[middle + 1]) / 3,
        sizes=scatter.sizes[middle],
        groups=scatter.groups[middle],
    )


class _Basis(NamedTuple):
    """Orthonormal columns, and the triangle that makes the slopes of them (each column of length 1)."""

    columns: np.ndarray
    triangle: np.ndarray


def _in_pieces(table: np.ndarray, filler: float = 0.0) -> np.ndarray:
    """Return the rows of a table, or of a column, in pieces of the same length."""
    count = max(-(-len(table) // _ROWS), 1)
    padded = np.full((count * _ROWS, *table.shape[1:]), filler)
    padded[: len(table)] = table
    return padded.reshape(count, _ROWS, *table.shape[1:])


class Estimate(NamedTuple):
    """Coefficients (a², c, b²) of each group, shape (groups, 3), and 2·ΔREML against even noise."""

    coefficients: np.ndarray
    gain: float


def threshold(groups: int = 1) -> float:
    """2·ΔREML that even noise exceeds in about one case of a hundred.

    One group of points has two more coefficients than even noise, which cannot be negative and count
    together like one; each further group has a level of its own besides.

    Examples
    --------
    >>> round(threshold(), 2)
    6.63
    """
    return float(stats.chi2.ppf(_LEVEL, 2 * groups - 1))


def estimate(scatter: Scatter) -> Estimate | None:
    """Estimate σ² = a² + c·|s| + (b·s)² from the residuals r of a fit, and how far it beats even noise.

    r²/(1 − h) has the mean σ² and the variance 2σ⁴/(1 − h), where h are the leverages of the weighted
    Jacobian. Its non-negative least squares on (1, s, s²) with these weights are repeated until they
    settle, in steps that raise the restricted likelihood; the residuals follow the weights in the linear
    problem.

    Returns
    -------
    Estimate or None
        None where the data leave nothing to estimate it from: no residual to spare, a parameter that no
        point feels, or no residuals at all.

    Examples
    --------
    >>> t = np.linspace(0, 3, 400)
    >>> curve = np.exp(-t)
    >>> noise = 0.05 * curve * np.random.default_rng(0).standard_normal(400)
    >>> scatter = Scatter(noise, curve[:, None], curve, np.ones(400), np.zeros(400, int))
    >>> found = estimate(scatter)
    >>> found.gain > threshold(), round(float(np.sqrt(found.coefficients[0, 2])), 2)
    (True, 0.05)
    """
    spare = len(scatter.residuals) - scatter.slopes.shape[1]
    rest = _restricted(scatter, scatter.sizes**2)
    if spare < 1 or rest is None or not rest.residuals.any():
        return None
    coefficients = np.zeros((len(scatter.members), TERMS))
    coefficients[:, 0] = float(rest.residuals @ rest.residuals) / spare
    rest = _restricted(scatter, scatter.variances(coefficients))
    if rest is None:
        return None
    even = rest.criterion
    for _ in range(_ROUNDS):
        before = rest
        coefficients, rest = _downhill(scatter, coefficients, _coefficients(scatter, rest), rest)
        if rest is before or before.criterion - rest.criterion < _SETTLED:
            break
    return Estimate(coefficients, even - rest.criterion)


def _downhill(scatter: Scatter, coefficients, aim, rest: _Rest) -> tuple[np.ndarray, _Rest]:
    """Go to the aim, or a part of the way: where two terms change places it may go back and forth."""
    for share in 0.5 ** np.arange(_HALVINGS):
        further = coefficients + share * (aim - coefficients)
        following = _restricted(scatter, scatter.variances(further))
        if following is not None and following.criterion < rest.criterion:
            return further, following
    return coefficients, rest


def freedoms(scatter: Scatter, coefficients: np.ndarray) -> np.ndarray:
    """Degrees of freedom ν behind the variance V of each parameter, with which Student's t makes intervals.

    Without more ν is 2V²/var(V): V = Σ wᵢ²σᵢ², with w the row of the estimator in the linear problem, is
    linear in the coefficients, whose covariance W is that of the least squares in `estimate`. Even noise
    gives m − p. But V is too small besides, because weights that are estimated are not the best ones: with
    orthonormal columns U of the weighted problem and Dᵢ = (term i)/σ² it should be larger by
    2·Σ Wᵢⱼ·(UᵀDᵢDⱼU − UᵀDᵢU·UᵀDⱼU). What is returned is the smaller ν whose t makes a 95 % interval
    longer by as much; of 30 points intervals are then 7 % longer, of 80 points 2 %.
    Source: Kenward & Roger (1997), "Small sample inference for fixed effects from restricted maximum
    likelihood", Biometrics 53, 983.

    Parameters
    ----------
    scatter : Scatter
    coefficients : ndarray, shape (groups, 3)

    Returns
    -------
    ndarray, shape (p,)

    Examples
    --------
    >>> ones = np.ones(10)
    >>> scatter = Scatter(np.tile([1.0, -1.0], 5), ones[:, None], ones, ones, np.zeros(10, int))
    >>> freedoms(scatter, np.array([[1.0, 0, 0]])).round(6).tolist()
    [9.0]
    """
    variance = scatter.variances(coefficients)
    count = scatter.slopes.shape[1]
    spare = len(scatter.residuals) - count
    rest = _restricted(scatter, variance)
    if rest is None:
        return np.full(count, float(spare))
    rows = np.linalg.inv(rest.triangle)  # of the estimator, up to a factor for each parameter
    total, doubled, lost = np.zeros(count), np.zeros(count), np.zeros((count, count))
    for group, points in enumerate(scatter.members):
        used = coefficients[group] > 0
        terms = scatter.terms[points][:, used] / variance[points, None]
        columns = rest.columns[points]
        weighted = terms * np.sqrt(np.maximum(1 - rest.leverages[points], 0) / 2)[:, None]
        own = np.linalg.pinv(weighted.T @ weighted, hermitian=True)
        parts = ((columns @ rows.T) ** 2).T @ terms
        total += parts @ coefficients[group, used]
        doubled += np.einsum("ij,jk,ik->i", parts, own, parts)
        slopes = [columns.T @ (columns * term[:, None]) for term in terms.T]
        lost += columns.T @ (columns * np.einsum("ij,jk,ik->i", terms, own, terms)[:, None])
        lost -= sum(own[i, j] * a @ b for i, a in enumerate(slopes) for j, b in enumerate(slopes))
    found = np.clip(2 * total**2 / doubled, 1.0, spare)
    size = np.einsum("ij,ij->i", rows, rows)
    wider = 1 + 2 * np.maximum(np.einsum("ij,jk,ik->i", rows, lost, rows), 0) / size
    is_wider = wider > 1 + _LEAST_WIDER
    if is_wider.any():
        reach = stats.t.ppf(_TAIL, found[is_wider]) * np.sqrt(wider[is_wider])
        found[is_wider] = stdtridf(_TAIL, np.minimum(reach, stats.t.ppf(_TAIL, 1)))
    return found


class _Rest(NamedTuple):
    """The linear problem at some weights: whitened residuals and orthonormal columns, leverages, triangle.

    `criterion` is −2·ln of the restricted likelihood, Σ ln σ² + ln det(JᵀV⁻¹J) + Σ r²/σ².
    """

    variance: np.ndarray
    residuals: np.ndarray
    columns: np.ndarray
    leverages: np.ndarray
    triangle: np.ndarray
    criterion: float


def _restricted(scatter: Scatter, variance: np.ndarray) -> _Rest | None:
    """Fit the linear problem with these variances; None where the data leave a direction open."""
    basis, count = scatter.basis, len(variance)
    if basis is None or not (variance > 0).all():
        return None
    columns = basis.columns / _in_pieces(np.sqrt(variance) / scatter.sizes, 1.0)[:, :, None]
    try:
        upper = np.linalg.cholesky((columns.swapaxes(1, 2) @ columns).sum(axis=0)).T
    except np.linalg.LinAlgError:
        return None
    columns = columns @ np.linalg.inv(upper)
    residuals = _in_pieces(scatter.residuals / np.sqrt(variance))
    moved = (columns.swapaxes(1, 2) @ residuals[:, :, None]).sum(axis=0)
    residuals = (residuals - (columns @ moved)[:, :, 0]).ravel()[:count]
    columns = np.concatenate(columns)[:count]
    criterion = np.log(variance).sum() + 2 * np.log(np.diag(upper)).sum() + residuals @ residuals
    leverages = np.einsum("ij,ij->i", columns, columns)
    return _Rest(variance, residuals, columns, leverages, upper @ basis.triangle, float(criterion))


def _coefficients(scatter: Scatter, rest: _Rest) -> np.ndarray:
    """Non-negative least squares of r²/(1 − h) on the terms, group by group."""
    spare = np.maximum(1 - rest.leverages, _LEAST_SPARE)
    squares = rest.residuals**2 * rest.variance / spare
    weights = np.sqrt(spare / 2) / rest.variance
    found = np.zeros((len(scatter.members), TERMS))
    for group, points in enumerate(scatter.members):
        terms = scatter.terms[points]
        table = np.column_stack([terms, squares[points]]) * weights[points, None]
        length = np.linalg.norm(table, axis=0)
        length = np.where(length > 0, length, 1.0)
        table = table / length
        triangle = triangle_of(table[:, :-1], table[:, -1])
        found[group] = nnls(triangle[:, :-1], triangle[:, -1])[0] * length[-1] / length[:-1]
        mean = squares[points].sum() / max(terms[:, 0].sum(), 1e-300)
        found[group, 0] = max(found[group, 0], _LEAST_CONSTANT * mean)
    return found
