"""Solutions of two stiff equations with their sensitivities, fast: collocation on all steps at once.

A quick solver with step control (Rosenbrock, order 2) places the steps. On each of them the solution is then
a polynomial that fulfils the equations at seven Radau points (order 13), found for all steps together by
Newton's method; its last linear problem gives the derivatives as well. Source of both methods: Hairer &
Wanner, "Solving Ordinary Differential Equations II", 2nd edition (1996), sections IV.5 and IV.7, and
Shampine & Reichelt, SIAM J. Sci. Comput. 18, 1 (1997).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

_STAGES = 7
_COARSE = 1e-3  # relative error of a quick step, which sets its length
_SMALL = 1e-9  # of a state's size: smaller values are resolved no finer
_MOST_STEPS, _MOST_ROUNDS, _SETTLED = 4000, 12, 1e-11
_D = 1 / (2 + math.sqrt(2))
_E = 6 + math.sqrt(2)


class Pair(ABC):
    """Two equations dy/dt = f(y; θ), autonomous, with their derivatives by y and θ."""

    @abstractmethod
    def slope(self, n: float, m: float) -> tuple[float, float]:
        """Return f for numbers."""

    @abstractmethod
    def slopes(self, y: np.ndarray) -> np.ndarray:
        """Return f for states of the shape (..., 2)."""

    @abstractmethod
    def jacobian(self, n, m) -> tuple:
        """Return ∂f₁/∂n, ∂f₁/∂m, ∂f₂/∂n, ∂f₂/∂m for numbers or arrays."""

    @abstractmethod
    def by_values(self, y: np.ndarray) -> np.ndarray:
        """Return ∂f/∂θ, shape (..., 2, p)."""


def _radau(stages: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the Radau IIA points on (0, 1] and the matrix A of the integrals of their polynomials."""
    polynomial = Polynomial([0, 1]) ** (stages - 1) * Polynomial([-1, 1]) ** stages
    points = np.sort(polynomial.deriv(stages - 1).roots().real)
    points[-1] = 1.0
    rows = []
    for j in range(stages):
        others = np.delete(points, j)
        basis = Polynomial.fromroots(others) / np.prod(points[j] - others)
        rows.append(basis.integ()(points))
    return points, np.array(rows).T


_POINTS, _A = _radau(_STAGES)
_NODES = np.append(0.0, _POINTS)
_BARYCENTRIC = np.array([1 / np.prod(x - np.delete(_NODES, i)) for i, x in enumerate(_NODES)])


@dataclass(frozen=True, eq=False)
class Solved:
    """States and derivatives at the points of all steps.

    Attributes
    ----------
    edges : ndarray, shape (k + 1,)
    table : ndarray, shape (k, 8, 2·(1 + p + 2))
        At the beginning of each step and its Radau points.
    """

    edges: np.ndarray
    table: np.ndarray

    def at(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return states, shape (m, 2), and derivatives by values and start, (m, 2, p + 2), at the times t."""
        cell = np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.table) - 1)
        begin = self.edges[cell]
        x = (t - begin) / (self.edges[cell + 1] - begin)
        away = x[:, None] - _NODES
        exact = away == 0
        weights = _BARYCENTRIC / np.where(exact, 1.0, away)
        hit = exact.any(axis=1)
        weights[hit] = exact[hit]
        weights /= weights.sum(axis=1, keepdims=True)
        found = np.matmul(weights[:, None, :], self.table[cell])[:, 0]
        return found[:, :2], found[:, 2:].reshape(len(t), 2, -1)


def solve(pair: Pair, start: np.ndarray, end: float, first: float) -> Solved:
    """Solve two equations from 0 to `end` with their sensitivities.

    Parameters
    ----------
    pair : Pair
    start : ndarray, shape (2,)
    end : float
        Positive.
    first : float
        Length of the first step that is tried.

    Raises
    ------
    ArithmeticError
        Where the equations need too many steps, or do not settle.
    """
    edges, states, slopes = _quick(pair, float(start[0]), float(start[1]), end, first)
    for _ in range(3):
        stages = _guess(edges, states, slopes)
        found = _newton(pair, np.asarray(start, float), edges, stages)
        if found is not None:
            return found
        edges, states, slopes = _halved(pair, edges, states, slopes)
    raise ArithmeticError("the equations do not settle; change the guess")


def _quick(pair: Pair, n: float, m: float, end: float, first: float):
    """Place the steps: their edges, and states and slopes there."""
    t, h, f = 0.0, min(first, end), pair.slope(n, m)
    rows = [(0.0, n, m, *f)]
    floor_n = floor_m = _SMALL * (max(n, m) or 1.0)
    for _ in range(_MOST_STEPS):
        h = min(h, end - t)
        a, b, c, d = pair.jacobian(n, m)
        a, b, c, d = 1 - h * _D * a, -h * _D * b, -h * _D * c, 1 - h * _D * d
        determinant = a * d - b * c
        a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
        k1n, k1m = a * f[0] + b * f[1], c * f[0] + d * f[1]
        g = pair.slope(n + 0.5 * h * k1n, m + 0.5 * h * k1m)
        un, um = g[0] - k1n, g[1] - k1m
        k2n, k2m = a * un + b * um + k1n, c * un + d * um + k1m
        later_n, later_m = n + h * k2n, m + h * k2m
        after = pair.slope(later_n, later_m)
        vn = after[0] - _E * (k2n - g[0]) - 2 * (k1n - f[0])
        vm = after[1] - _E * (k2m - g[1]) - 2 * (k1m - f[1])
        wrong_n = abs(k1n - 2 * k2n + a * vn + b * vm) / (max(abs(n), abs(later_n)) + floor_n)
        wrong_m = abs(k1m - 2 * k2m + c * vn + d * vm) / (max(abs(m), abs(later_m)) + floor_m)
        error = h / 6 * max(wrong_n, wrong_m) / _COARSE
        if not math.isfinite(error):
            raise ArithmeticError("the equations run away; change the guess")
        if error <= 1.0:
            t, n, m, f = (end if t + h >= end * (1 - 1e-12) else t + h), later_n, later_m, after
            rows.append((t, n, m, *f))
            if t >= end:
                table = np.array(rows)
                return table[:, 0], table[:, 1:3], table[:, 3:]
            floor_m = max(floor_m, 1e-6 * abs(m))
        h *= min(3.0, max(0.2, 0.8 * (error or 1e-9) ** (-1 / 3)))
    raise ArithmeticError(f"the equations need more than {_MOST_STEPS} steps; change the guess")


def _guess(edges, states, slopes) -> np.ndarray:
    """Return the cubics through states and slopes at the Radau points, shape (k, 7, 2)."""
    h, x = np.diff(edges)[:, None, None], _POINTS[None, :, None]
    left, right = states[:-1, None], states[1:, None]
    rise_left, rise_right = h * slopes[:-1, None], h * slopes[1:, None]
    cubic = (1 + 2 * x) * (1 - x) ** 2 * left + x * (1 - x) ** 2 * rise_left
    cubic = cubic + x**2 * (3 - 2 * x) * right + x**2 * (x - 1) * rise_right
    # A stiff slope makes the cubic overshoot; the straight line does not.
    low, high = np.minimum(left, right), np.maximum(left, right)
    return np.where((cubic >= low) & (cubic <= high), cubic, left + x * (right - left))


def _halved(pair: Pair, edges, states, slopes):
    middle = 0.5 * (edges[1:] + edges[:-1])
    between = 0.5 * (states[1:] + states[:-1])
    place = np.arange(1, len(edges))
    return (
        np.insert(edges, place, middle),
        np.insert(states, place, between, axis=0),
        np.insert(slopes, place, pair.slopes(between), axis=0),
    )


def _newton(pair: Pair, start: np.ndarray, edges: np.ndarray, stages: np.ndarray) -> Solved | None:
    """Solve all steps together; None where Newton's method does not settle."""
    h = np.diff(edges)
    scale = max(float(np.abs(start).max()), float(np.abs(stages).max())) or 1.0
    unit = np.tile(np.eye(2), (len(h), _STAGES, 1))
    for _ in range(_MOST_ROUNDS):
        before = np.vstack([start[None], stages[:-1, -1]])
        rest = before[:, None] + h[:, None, None] * np.einsum("ij,kjs->kis", _A, pair.slopes(stages)) - stages
        matrix = _matrix(pair, stages, h)
        answer = np.linalg.solve(matrix, np.concatenate([unit, rest.reshape(len(h), -1, 1)], axis=2))
        move = np.zeros((len(h), 2))  # of the state at the beginning of each step
        ends, free = answer[:, -2:, :2].tolist(), answer[:, -2:, 2].tolist()
        x, y = 0.0, 0.0
        for k in range(len(h) - 1):
            (a, b), (c, d) = ends[k]
            x, y = a * x + b * y + free[k][0], c * x + d * y + free[k][1]
            move[k + 1] = x, y
        change = (answer[:, :, 2] + np.einsum("kij,kj->ki", answer[:, :, :2], move)).reshape(stages.shape)
        stages = stages + change
        if not np.isfinite(change).all():
            return None
        if (np.abs(change) <= _SETTLED * (np.abs(stages) + 1e-3 * _SMALL * scale)).all():
            return _with_derivatives(pair, start, edges, stages)
    return None


def _matrix(pair: Pair, stages: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return I − h·A⊗J of each step, shape (k, 14, 14)."""
    jacobian = np.stack(pair.jacobian(stages[..., 0], stages[..., 1]), axis=-1).reshape(*stages.shape, 2)
    product = (
        -(h[:, None, None, None, None] * _A[None, :, None, :, None]) * np.moveaxis(jacobian, 2, 1)[:, None]
    )
    size = 2 * _STAGES
    return product.reshape(len(h), size, size) + np.eye(size)


def _with_derivatives(pair: Pair, start, edges, stages) -> Solved:
    h = np.diff(edges)
    drive = h[:, None, None, None] * np.einsum("ij,kjsp->kisp", _A, pair.by_values(stages))
    count = drive.shape[-1]
    unit = np.tile(np.eye(2), (len(h), _STAGES, 1))
    right = np.concatenate([unit, drive.reshape(len(h), -1, count)], axis=2)
    answer = np.linalg.solve(_matrix(pair, stages, h), right)
    begins = np.empty((len(h), 2, count + 2))
    begins[0] = np.column_stack([np.zeros((2, count)), np.eye(2)])
    steps, free = answer[:, -2:, :2], answer[:, -2:, 2:]
    for k in range(len(h) - 1):
        begins[k + 1] = steps[k] @ begins[k]
        begins[k + 1, :, :count] += free[k]
    inside = np.matmul(answer[:, :, :2], begins)
    inside[:, :, :count] += answer[:, :, 2:]
    states = np.concatenate([np.vstack([start[None], stages[:-1, -1]])[:, None], stages], axis=1)
    slopes = np.concatenate([begins[:, None], inside.reshape(len(h), _STAGES, 2, -1)], axis=1)
    return Solved(edges, np.concatenate([states, slopes.reshape(*slopes.shape[:2], -1)], axis=2))
