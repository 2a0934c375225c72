"""Small bounded quadratic problems, one for each pixel, solved side by side.

min bᵀs + ½·sᵀHs with x + s ≥ 0 for the rates: where the free solution breaks a bound, every choice of rates
at 0 is solved and the best one that keeps all bounds is taken. There are few, and nothing can cycle.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

_RIDGE = 1e-15  # of each diagonal element
_LEAST = 1e-290
_INSIDE = -1e-12  # of a rate in natural units: rounding


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve symmetric positive systems, shapes (p, p, pixels) and (p, pixels), by elimination.

    Examples
    --------
    >>> solved(np.array([[[2.0]]]), np.array([[4.0]])).tolist()
    [[2.0]]
    """
    count = len(right)
    rows = [[matrix[i, j] for j in range(count)] for i in range(count)]
    values = [right[i] for i in range(count)]
    for k in range(count):
        pivot = 1 / np.maximum(rows[k][k], _LEAST)
        for i in range(k + 1, count):
            factor = rows[k][i] * pivot
            for j in range(i, count):
                rows[i][j] = rows[i][j] - factor * rows[k][j]
            values[i] = values[i] - factor * values[k]
        rows[k][k] = pivot  # kept as its inverse
    for k in reversed(range(count)):
        for j in range(k + 1, count):
            values[k] = values[k] - rows[k][j] * values[j]
        values[k] = values[k] * rows[k][k]
    return np.array(values)


@np.errstate(all="ignore")
def bounded_step(
    squares: np.ndarray,
    slope: np.ndarray,
    x: np.ndarray,
    bounded: tuple[int, ...],
    damping: np.ndarray | float = 0.0,
    undamped: tuple[int, ...] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Best step of every pixel, and by how much the quadratic model without damping falls.

    Parameters
    ----------
    squares, slope : ndarray, shapes (p, p, pixels) and (p, pixels)
    x : ndarray, shape (p, pixels)
    bounded : tuple of int
        Places of the parameters that may not fall below 0.
    damping : ndarray, shape (pixels,)
        Part of each diagonal element that is added to it.
    undamped : tuple of int
        Places to which it is not added.

    Examples
    --------
    >>> one = np.ones((1, 1, 1))
    >>> step, gain = bounded_step(one, 3 * one[0], one[0], (0,))
    >>> step.tolist(), gain.tolist()
    ([[-1.0]], [2.5])
    """
    count = len(slope)
    matrix = squares.copy()
    for k in range(count):
        matrix[k, k] *= 1 + _RIDGE + (0.0 if k in undamped else damping)
        matrix[k, k] += _LEAST
    # In units of each parameter's own length
    size = np.sqrt(matrix[range(count), range(count)])
    matrix = matrix / size / size[:, None]
    right = -slope / size
    y = x * size
    step = solved(matrix, right)
    broken = np.flatnonzero(
        (step[list(bounded)] < _INSIDE * size[list(bounded)] - y[list(bounded)]).any(axis=0)
    )
    if len(broken):
        step[:, broken] = _on_bounds(matrix[:, :, broken], right[:, broken], y[:, broken], bounded)
    step = step / size
    for k in bounded:
        np.maximum(step[k], -x[k], out=step[k])
    change = np.einsum("abn,bn->an", squares, step)
    gain = -np.einsum("an,an->n", slope, step) - 0.5 * np.einsum("an,an->n", change, step)
    return step, gain


def _on_bounds(matrix, right, y, bounded):
    """Return the best of the solutions with some of the bounded parameters at 0."""
    best = np.zeros_like(right)
    lowest = np.full(right.shape[1], np.inf)
    for size in range(1, len(bounded) + 1):
        for held in combinations(bounded, size):
            step = _with_held(matrix, right, y, held)
            value = np.einsum("abn,an,bn->n", matrix, step, step) / 2 - np.einsum("an,an->n", right, step)
            inside = np.all([step[k] >= -y[k] * (1 + 1e-12) for k in bounded], axis=0)
            better = inside & (value < lowest)
            best[:, better], lowest[better] = step[:, better], value[better]
    return best


def _with_held(matrix, right, y, held):
    count = len(right)
    inner = matrix.copy()
    target = right.copy()
    for k in held:
        for i in range(count):
            if i not in held:
                target[i] += matrix[i, k] * y[k]
    for k in held:
        inner[k], inner[:, k], inner[k, k] = 0.0, 0.0, 1.0
        target[k] = -y[k]
    return solved(inner, target)
