"""The shape of the cost around a fit: maps, condition numbers, and the way of plain gradient descent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from helpers.fitting.problem import Problem
from helpers.fitting.result import Fit

_ROWS, _HALF_ROW = 60, 31  # of a map: its rows, and the points from the lowest of a row to either end


def path_of(fit: Fit) -> np.ndarray:
    """Return the points visited by a fit with `record_path=True`, shape (steps, p), in the data's units.

    Raises
    ------
    ValueError
        For a fit that kept no path.
    """
    if not fit.minimum.path:
        raise ValueError("this fit kept no path: call fit(..., record_path=True)")
    return np.array([fit.problem.values(x) for x in fit.minimum.path])


def cost_at(fit: Fit, names: tuple[str, str], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cost ½·Σ(r/σ)² at pairs of two parameters, the others held at the fit.

    Parameters
    ----------
    fit : Fit
    names : (str, str)
        Two of the fit's parameters.
    first, second : array_like, of one shape
        Their values, in the units of the fit.

    Returns
    -------
    ndarray
        Of the same shape; with the fit's own loss and weights, infinite where there is no model.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> found = fit(Trace(np.linspace(0, 5, 50), 2 / (1 + 2 * np.linspace(0, 5, 50))))
    >>> bool(cost_at(found, ("k2", "n0"), found.rates.k2, found.n0[0]) < 1e-12)
    True
    """
    first, second = np.broadcast_arrays(np.asarray(first, float), np.asarray(second, float))
    chosen = [fit.problem.index(name) for name in names]
    problem = _without_derivatives(fit.problem)
    values = np.array(fit.values)
    cost = np.empty(first.shape)
    for place in np.ndindex(cost.shape):
        values[chosen] = first[place], second[place]
        cost[place] = problem.evaluate(problem.point(values))[0]
    return cost


def grid_along_valley(
    fit: Fit, names: tuple[str, str], limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of two parameters, 0 to `limits`, that lie densest where the cost is lowest.

    A valley may be a hundred times narrower than the map that shows it: even steps would miss its floor
    between two points and draw it as a chain of islands. So each row, at one value of the second parameter,
    has its own steps of the first: the lowest point of the row is sought, and from there they grow with the
    third power of the distance.

    Parameters
    ----------
    fit : Fit
    names : (str, str)
        Two of the fit's parameters.
    limits : (float, float)
        Where the rows, and the values of the second parameter, end.

    Returns
    -------
    first, second : ndarray, shape (rows, columns)
        As `cost_at` and matplotlib's `contour` take them.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> found = fit(Trace(np.linspace(0, 5, 50), 2 / (1 + 2 * np.linspace(0, 5, 50))))
    >>> first, second = grid_along_valley(found, ("k2", "n0"), (4.0, 4.0))
    >>> bool(np.abs(first[second == found.n0] - found.rates.k2).min() < 1e-3)
    True
    """
    end = limits[0]
    chosen = fit.problem.index(names[1])
    rows = np.union1d(np.linspace(0, limits[1], _ROWS), min(np.array(fit.values)[chosen], limits[1]))
    away = np.linspace(0, 1, _HALF_ROW) ** 3
    first = np.empty((len(rows), 2 * _HALF_ROW - 1))
    for line, value in zip(first, rows, strict=True):
        lowest = minimize_scalar(
            lambda x, value=value: float(cost_at(fit, names, x, value)),
            bounds=(0, end),
            method="bounded",
            options={"xatol": 1e-5 * end},
        ).x
        line[:] = np.append(lowest * (1 - away[:0:-1]), lowest + (end - lowest) * away)
    return first, np.broadcast_to(rows[:, None], first.shape)


def _without_derivatives(problem: Problem) -> Problem:
    """Return the same problem for its cost alone, which takes a part of the time."""
    return replace(problem, varied=np.zeros(len(problem.names), bool), _last={})


def sensitivities(fit: Fit) -> np.ndarray:
    """Return the length of each column of the Jacobian at the fit, |∂r/∂θ|, θ being all parameters.

    Infinite where no residual feels a parameter: in units of 1/sensitivity it does not move then.

    Raises
    ------
    ValueError
        For a fit whose model could not be computed.
    """
    lengths = np.linalg.norm(_jacobian(fit), axis=0)
    return np.where(lengths > 0, lengths, np.inf)


def condition(fit: Fit, units: np.ndarray | float = 1.0) -> float:
    """Return the condition number of JᵀJ over the free parameters, each counted in its unit.

    It is the squared ratio of the longest to the shortest axis of the ellipses of equal cost; gradient
    descent needs about as many steps. `units` of 1 are the trace's own, `1 / sensitivities(fit)` make every
    column of J one long. NaN where nothing is free.

    Raises
    ------
    ValueError
        For a fit whose model could not be computed.
    """
    free = np.array(fit.status) == "free"
    jacobian = _jacobian(fit) * units
    return float(np.linalg.cond(jacobian[:, free]) ** 2) if free.any() else float("nan")


def _jacobian(fit: Fit) -> np.ndarray:
    """Return the Jacobian as the triangle of as many rows, in the data's units."""
    if fit.minimum.triangle is None:
        raise ValueError(f"this fit has no model ({fit.message}): fit from another guess first")
    return fit.minimum.triangle[:, :-1] / fit.problem.scales


def descend(
    problem: Problem,
    start: np.ndarray,
    *,
    units: np.ndarray | float = 1.0,
    free: np.ndarray | None = None,
    steps: int = 300,
) -> np.ndarray:
    """Go down the gradient, θ ← max(θ − s·∇cost, 0), θ counted in `units`; return the way, (steps + 1, p).

    The step s is the best one for a linear model, halved until the cost falls. A lesson, not a method: the
    way depends on the units, and in a long valley it goes to and fro between the sides.

    Parameters
    ----------
    problem : Problem
        `fit.problem`.
    start : array_like, shape (p,)
        Where to begin, in the trace's units like the result.
    units : array_like, shape (p,)
        What counts as 1 of each parameter.
    free : ndarray of bool, shape (p,), optional
        Which parameters move; all by default.
    steps : int
        How many.
    """
    way = [np.array(start, float)]
    if free is not None:
        units = np.where(free, units, 0.0)
    lower_bound = np.where(problem.signed, -np.inf, problem.values(np.zeros(len(way[0]))))
    cost, triangle = problem.evaluate(problem.point(way[0]))
    for _ in range(steps):
        if triangle is None:
            break  # no model at the start, so no slope either
        jacobian = triangle[:, :-1] / problem.scales * units
        gradient = jacobian.T @ triangle[:, -1]
        if not (gradient.any() and np.isfinite(gradient).all()):
            break
        length, lower = 2 * (gradient @ gradient) / np.sum((jacobian @ gradient) ** 2), np.inf
        while lower > cost:  # at the latest a step too short to count ends this
            length /= 2
            below = np.maximum(way[-1] - length * gradient * units, lower_bound)
            lower, triangle_below = problem.evaluate(problem.point(below))
        cost, triangle = lower, triangle_below
        way.append(below)
    return np.array(way)
