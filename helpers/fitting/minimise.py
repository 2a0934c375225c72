"""Levenberg–Marquardt for non-negative parameters: every step is a non-negative least-squares problem.

Parameters that may have any sign are eliminated from that problem first. Parameters that enter linearly are
settled (put at their best values) before each evaluation.

An objective is handed over in dimensionless parameters x ≥ 0 and answers with its cost and the triangle
of the QR factorisation of [J r]: a few numbers that hold all that steps, errors and profiles ask of
thousands of residuals. Zero bounds are met exactly (a rate that the data do not want is 0, not 1e-22).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import lstsq, orth
from scipy.optimize import nnls

# Bates & Watts' relative offset: the part of the residuals that a Gauss–Newton step would still remove,
# over the residuals' own length. At 1e-3 a point is statistically at the minimum already.
CONVERGED_OFFSET = 1e-5
_WANTED_OFFSET = 1e-10
_ROUNDING = 1e-13
_LEAST_FELT = 1e-150  # length of a Jacobian column; its square is still a number
_LARGEST_FELT = 1e150  # likewise, for the length of what a parameter adds
_EPS = np.finfo(float).eps
_COST_ROUNDING = 1e3 * _EPS  # of the cost: a difference that is rounding
_ROWS_PER_PIECE = 500


class Objective(Protocol):
    """What `minimise` asks of a problem.

    `evaluate(x)` returns (cost, triangle), the triangle of shape (p + 1, p + 1) from `triangle_of`; a point
    where the model cannot be computed has cost inf and triangle None. `settle(x, free)` returns x with its
    free linear parameters at their best values.
    """

    @property
    def floor(self) -> float:
        """Length that rounding alone gives the residuals."""

    @property
    def signed(self) -> np.ndarray:
        """Which parameters have no bound at 0."""

    @property
    def linear(self) -> np.ndarray:
        """Which parameters the model is linear in."""

    def evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray | None]:
        """Return cost and triangle at x."""

    def settle(self, x: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return x with the free linear parameters at their best values."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where `minimise` stopped, and whether that is a minimum."""

    x: np.ndarray
    cost: float
    triangle: np.ndarray | None
    converged: bool
    message: str
    evaluations: int
    path: tuple[np.ndarray, ...] = ()

    def __repr__(self) -> str:
        return f"Minimum(cost={self.cost:.6g}, converged={self.converged})"


def triangle_of(jacobian: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """R of the QR factorisation of [J r], shape (p + 1, p + 1): ‖J·z + r‖ = ‖R·(z, 1)‖ for every z.

    Examples
    --------
    >>> abs(triangle_of(np.array([[3.0], [4.0]]), np.array([3.0, 4.0]))).round(6).tolist()
    [[5.0, 5.0], [0.0, 0.0]]
    """
    columns = jacobian.shape[1] + 1
    # Long tables are factorised piece by piece, and then the stacked triangles: faster, same triangle.
    pieces = max(1, len(residuals) // _ROWS_PER_PIECE)
    rows = max(-(-len(residuals) // pieces), columns)
    table = np.zeros((pieces * rows, columns))
    table[: len(residuals), :-1] = jacobian
    table[: len(residuals), -1] = residuals
    triangles = upper_triangle(table.reshape(pieces, rows, columns))
    return triangles[0] if pieces == 1 else upper_triangle(triangles.reshape(-1, columns))


def upper_triangle(table: np.ndarray) -> np.ndarray:
    """R of the QR factorisation of a table, or of each table in a stack of them.

    Examples
    --------
    >>> abs(upper_triangle(np.array([[3.0], [4.0]]))).round(6).tolist()
    [[5.0]]
    """
    return np.asarray(np.linalg.qr(table, mode="r"))


@np.errstate(over="ignore", invalid="ignore")
def computed(x, cost: float, triangle: np.ndarray) -> tuple[float, np.ndarray | None]:
    """Return cost and triangle at x, or inf and None where a step from there is beyond what doubles hold.

    Examples
    --------
    >>> computed(np.ones(1), 0.0, np.array([[1e200, 0.0], [0.0, 0.0]]))
    (inf, None)
    """
    # False for NaN, too
    if math.isfinite(cost) and np.abs(triangle).max() * np.abs(x).max(initial=1.0) < _LARGEST_FELT:
        return cost, triangle
    return math.inf, None


def minimise(
    problem: Objective,
    start,
    *,
    free=None,
    max_evaluations: int = 200,
    wanted_offset: float = _WANTED_OFFSET,
    record: bool = False,
) -> Minimum:
    """Minimum of the cost over x ≥ 0 from `start`: Levenberg–Marquardt with non-negative steps.

    Parameters that `problem.signed` marks have no bound.

    Parameters
    ----------
    problem : Objective
    start : array_like, shape (p,)
        Dimensionless start, not negative but for signed parameters.
    free : sequence of bool, shape (p,), optional
        Which parameters may move; all of them by default.
    max_evaluations : int
        Evaluations of the model after which the search gives up.
    wanted_offset : float
        Relative offset (see CONVERGED_OFFSET) at which the search is content; `converged` is more lenient.
    record : bool
        Keep the accepted points in `path`.

    Notes
    -----
    The damping follows Nielsen (1999), "Damping parameter in Marquardt's method", IMM-REP-1999-05; the
    convergence criterion Bates & Watts (1988), "Nonlinear Regression Analysis", section 2.2.3. Settled
    linear parameters are not damped, so that for squares the step is that of Kaufman's variable projection
    (BIT 15, 49–57, 1975).
    """
    x = np.array(start, float)
    free = np.ones(len(x), bool) if free is None else np.asarray(free, bool)
    x = problem.settle(x, free)
    cost, triangle = problem.evaluate(x)
    path = [x.copy()] if record else []
    if triangle is None:
        words = "the model cannot be computed at the start: begin with other rates or another n0"
        return Minimum(x, math.inf, None, False, words, 1, tuple(path))
    damping, raise_by, evaluations, lowest = 1e-4, 2.0, 1, cost
    signed, undamped = problem.signed, problem.linear
    message = f"stopped after {max_evaluations} evaluations"
    while evaluations < max_evaluations:
        if _removable(triangle, x, free, signed) <= wanted_offset * _length(triangle) + problem.floor:
            break
        step, gain = linear_step(triangle, x, free, damping=damping, signed=signed, undamped=undamped)
        trial = problem.settle(x + step, free)
        new_cost, new_triangle = problem.evaluate(trial)
        evaluations += 1
        rounding = _COST_ROUNDING * lowest
        # A fall beyond rounding is taken, however little of the expected one it is: what is returned is
        # never worse than a point that was visited.
        if new_triangle is not None and cost - new_cost > min(1e-4 * gain, rounding) and gain > 0:
            damping *= max(1 / 9, 1 - (2 * min((cost - new_cost) / gain, 1.0) - 1) ** 3)
            x, cost, triangle, raise_by = trial, new_cost, new_triangle, 2.0
            lowest = min(lowest, cost)
            if record:
                path.append(x.copy())
        elif (
            gain <= rounding
            and new_cost <= lowest + rounding
            and _is_closer(new_triangle, trial, triangle, x, free, signed)
        ):
            # So near the minimum the cost is all rounding; what a step would still remove is not. No sum of
            # such steps leads further uphill, because all of them are compared with the lowest cost.
            x, cost, triangle = trial, new_cost, new_triangle
            lowest = min(lowest, cost)
        elif gain <= 4 * _EPS * cost or damping > 1e25:
            message = "no step leads downhill from here"
            break
        else:
            damping *= raise_by
            raise_by *= 2
    removable = _removable(triangle, x, free, signed)
    converged = removable <= CONVERGED_OFFSET * _length(triangle) + 10 * problem.floor
    message = "converged" if converged else message
    return Minimum(x, cost, triangle, converged, message, evaluations, tuple(path))


def linear_step(triangle, x, free, *, damping=0.0, signed=False, undamped=False) -> tuple[np.ndarray, float]:
    """Step (damped) with x + step ≥ 0, and the fall of the cost that the linear model expects of it.

    The step of a parameter that is `signed` is not bounded, that of an `undamped` one not damped.
    """
    if not free.any():
        return np.zeros_like(x), 0.0
    kept = np.append(free, False)
    # The upper rows of the triangle see the linear model; the last one is the part no step can change.
    slopes, rest = triangle[:, kept], triangle[:, -1]
    size = np.linalg.norm(slopes, axis=0)
    # A parameter that no residual feels stays where it is.
    slopes, size = np.where(size > _LEAST_FELT, slopes, 0.0), np.where(size > _LEAST_FELT, size, 1.0)
    is_damped = ~np.broadcast_to(undamped, free.shape)[free]
    weight = math.sqrt(damping) * size * is_damped
    # In units of each column's length the system is well scaled, whatever the parameters mean.
    matrix = np.vstack([slopes, np.diag(weight)]) / size
    target = np.concatenate([slopes @ x[free] - rest, weight * x[free]])
    step = np.zeros_like(x)
    is_open = np.broadcast_to(signed, free.shape)[free]
    step[free] = _closest(matrix, target, is_open) / size - x[free]
    change = slopes @ step[free]
    return step, -float(change @ rest) - 0.5 * float(change @ change)


def _closest(matrix, target, is_open) -> np.ndarray:
    """Least-squares solution z of matrix·z = target with z ≥ 0 in all columns that are not open."""
    if not is_open.any():
        return nnls(matrix, target)[0]
    # What the open columns can reach is taken out of the problem of the others.
    basis, bounded = orth(matrix[:, is_open]), matrix[:, ~is_open]
    z = np.zeros(matrix.shape[1])
    if bounded.size:
        beside = bounded - basis @ (basis.T @ bounded)
        z[~is_open] = nnls(beside, target - basis @ (basis.T @ target))[0]
    z[is_open] = lstsq(matrix[:, is_open], target - bounded @ z[~is_open])[0]
    return z


def _is_closer(new_triangle, new_x, triangle, x, free, signed) -> bool:
    if new_triangle is None:
        return False
    return _removable(new_triangle, new_x, free, signed) < 0.5 * _removable(triangle, x, free, signed)


def _length(triangle) -> float:
    return float(np.linalg.norm(triangle[:, -1]))


def _removable(triangle, x, free, signed) -> float:
    """Length of the residuals' part that the best feasible linear step would still remove."""
    return math.sqrt(max(2 * linear_step(triangle, x, free, signed=signed)[1], 0.0))


def covariance(triangle: np.ndarray, active, *, scales=1.0, variance: float = 1.0) -> np.ndarray:
    """Covariance variance·(JᵀJ)⁻¹ over the parameters in `active`; NaN rows for the others.

    `scales` turns it from dimensionless parameters into values, `variance` is that of one weighted
    residual. Where the data leave a direction open, or no degree of freedom, every entry is infinite.

    Examples
    --------
    >>> triangle = triangle_of(np.array([[3.0], [4.0]]), np.zeros(2))
    >>> covariance(triangle, [True]).round(6).tolist()
    [[0.04]]
    """
    active = np.asarray(active, bool)
    count = len(active)
    result = np.full((count, count), np.nan)
    if not active.any():
        return result
    slopes = triangle[:, :-1][:, active]
    size = np.linalg.norm(slopes, axis=0)
    block = np.full((active.sum(), active.sum()), np.inf)
    if (size > _LEAST_FELT).all() and np.isfinite(variance):
        upper = np.linalg.qr(slopes / size, mode="r")
        diagonal = np.abs(np.diag(upper))
        if diagonal.min() > _ROUNDING * diagonal.max():
            size = size / np.broadcast_to(scales, count)[active]
            inverse = np.linalg.inv(upper)  # on a triangle this is back substitution, without threads
            block = variance * (inverse @ inverse.T) / np.outer(size, size)
    result[np.ix_(active, active)] = block
    return result
