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

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import nnls

from helpers.measurement.quantity import amount

TERMS = 3  # a², c and b²
_LEVEL = 0.99  # of the test of even noise
_LEAST_CONSTANT = 1e-6  # of the mean square: no point may weigh without limit
_LEAST_SPARE = 1e-6  # 1 − h of a point that the fit follows wherever it goes
_ROUNDS, _HALVINGS, _SETTLED = 50, 12, 1e-5
_ROUNDING = 1e-13
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

    @property
    def terms(self) -> np.ndarray:
        """What each coefficient adds to each variance, shape (m, 3·groups): size²·(1, u, u²)."""
        u = np.abs(self.signal)
        rows = np.column_stack([np.ones_like(u), u, u**2]) * self.sizes[:, None] ** 2
        count = int(self.groups.max()) + 1
        table = np.zeros((len(u), count, TERMS))
        table[np.arange(len(u)), self.groups] = rows
        return table.reshape(len(u), -1)


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
    terms = scatter.terms
    spare = len(scatter.residuals) - scatter.slopes.shape[1]
    rest = _restricted(scatter, scatter.sizes**2)
    if spare < 1 or rest is None or not rest.residuals.any():
        return None
    coefficients = np.zeros(terms.shape[1])
    coefficients[::TERMS] = float(rest.residuals @ rest.residuals) / spare
    rest = _restricted(scatter, terms @ coefficients)
    if rest is None:
        return None
    even = rest.criterion
    for _ in range(_ROUNDS):
        before = rest
        step = _coefficients(terms, rest) - coefficients
        coefficients, rest = _downhill(scatter, terms, coefficients, step, rest)
        if rest is before or np.abs(rest.variance / before.variance - 1).max() < _SETTLED:
            break
    return Estimate(coefficients.reshape(-1, TERMS), even - rest.criterion)


def _downhill(scatter: Scatter, terms, coefficients, step, rest: _Rest) -> tuple[np.ndarray, _Rest]:
    """Go the step, or a part of it: where two terms change places the whole one may go back and forth."""
    for share in 0.5 ** np.arange(_HALVINGS):
        further = coefficients + share * step
        following = _restricted(scatter, terms @ further)
        if following is not None and following.criterion < rest.criterion:
            return further, following
    return coefficients, rest


def freedoms(scatter: Scatter, coefficients: np.ndarray) -> np.ndarray:
    """Degrees of freedom ν = 2V²/var(V) behind the variance V of each parameter.

    V = Σ wᵢ²σᵢ² with w the row of the estimator in the linear problem, so that it is linear in the
    coefficients, whose covariance is that of the least squares in `estimate`. Even noise gives m − p.

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
    coefficients = coefficients.ravel()
    used = coefficients > 0
    terms = scatter.terms[:, used]
    variance = terms @ coefficients[used]
    spare = len(scatter.residuals) - scatter.slopes.shape[1]
    rest = _restricted(scatter, variance)
    if rest is None:
        return np.full(scatter.slopes.shape[1], float(spare))
    weighted = terms * (np.sqrt(np.maximum(1 - rest.leverages, 0) / 2) / variance)[:, None]
    own = np.linalg.pinv(weighted.T @ weighted, hermitian=True)
    # The estimator's rows: inverse triangle on the whitened orthogonal basis, in each point's own unit.
    rows = np.linalg.solve(rest.triangle, rest.basis.T) / np.sqrt(variance)
    parts = rows**2 @ terms
    total = parts @ coefficients[used]
    return 2 * total**2 / np.einsum("ij,jk,ik->i", parts, own, parts)


class _Rest(NamedTuple):
    """The linear problem at some weights: whitened residuals and basis, leverages, triangle.

    `criterion` is −2·ln of the restricted likelihood, Σ ln σ² + ln det(JᵀV⁻¹J) + Σ r²/σ².
    """

    variance: np.ndarray
    residuals: np.ndarray
    basis: np.ndarray
    leverages: np.ndarray
    triangle: np.ndarray
    criterion: float


def _restricted(scatter: Scatter, variance: np.ndarray) -> _Rest | None:
    """Fit the linear problem with these variances; None where the data leave a direction open."""
    length = np.linalg.norm(scatter.slopes, axis=0)
    if not ((length > 0) & np.isfinite(length)).all() or not (variance > 0).all():
        return None
    size = np.sqrt(variance)
    basis, triangle = np.linalg.qr(scatter.slopes / length / size[:, None])
    diagonal = np.abs(np.diag(np.asarray(triangle)))
    if len(diagonal) and diagonal.min() <= _ROUNDING * diagonal.max():
        return None
    residuals = scatter.residuals / size
    residuals = residuals - basis @ (basis.T @ residuals)
    criterion = np.log(variance).sum() + 2 * np.log(diagonal).sum() + residuals @ residuals
    leverages = np.einsum("ij,ij->i", basis, basis)
    return _Rest(variance, residuals, basis, leverages, triangle, float(criterion))


def _coefficients(terms: np.ndarray, rest: _Rest) -> np.ndarray:
    """Non-negative least squares of r²/(1 − h) on the terms."""
    spare = np.maximum(1 - rest.leverages, _LEAST_SPARE)
    squares = rest.residuals**2 * rest.variance / spare
    weights = np.sqrt(spare / 2) / rest.variance
    table = np.column_stack([terms, squares]) * weights[:, None]
    length = np.linalg.norm(table, axis=0)
    length = np.where(length > 0, length, 1.0)
    triangle = np.asarray(np.linalg.qr(table / length, mode="r"))
    found = nnls(triangle[:, :-1], triangle[:, -1])[0] * length[-1] / length[:-1]
    constants = terms[:, ::TERMS]
    mean = (constants > 0).T @ squares / np.maximum(constants.sum(axis=0), 1e-300)
    found[::TERMS] = np.maximum(found[::TERMS], _LEAST_CONSTANT * mean)
    return found
