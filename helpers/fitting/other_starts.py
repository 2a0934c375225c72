"""Other starts of a search: where the first minimum looks doubtful, and where to begin again."""

from __future__ import annotations

import numpy as np

from helpers.fitting.minimise import Minimum
from helpers.fitting.problem import Problem
from helpers.kinetics import RateLaw

_STRUCTURED = 4.0  # standard errors of the correlation between neighbouring residuals
_FASTEST = 3.0  # e-folds before the second point, at the first slope: the orders are hard to tell apart
_TOGETHER = (2.0, 500.0)  # e-folds over the span of the slowest and the fastest of several rates
_SIZES = 6  # of each rate that are tried, from one e-fold over the span to the fastest
_SLOW = 5.0  # e-folds over the span of a first rate alone
_FACTORS = (0.1, 10.0)  # on the guess of an own equation, whose rates have no natural starts


def other_starts(problem: Problem, start: np.ndarray, minimum: Minimum, free: np.ndarray) -> list[np.ndarray]:
    """Return points to search from again: none where the minimum shows no sign of trouble.

    Signs are a minimum without recombination, carriers or signal; a first slope that would end the decay
    before the second point; residuals that follow each other; and, for the rate law, a search that did not
    converge. Other starts of the rate law have one rate alone, slow or of the size whose cost is lowest, or
    all together; those of an own equation are its guess with slower and faster rates.

    Parameters
    ----------
    problem : Problem
    start : ndarray, shape (p,)
        Where the search was asked to begin.
    minimum : Minimum
        What was found from there.
    free : ndarray of bool, shape (p,)
    """
    after = resolved(problem, minimum.x, free)
    starts = [] if np.array_equal(after, minimum.x) else [after]
    if problem.measurement.repetition_period is not None:
        return starts
    is_empty = _is_empty(problem, minimum.x, free)
    if not isinstance(problem.law, RateLaw):
        return starts + (_scaled(problem, start, free) if is_empty else [])
    if starts or is_empty or not minimum.converged or _is_steep(problem, minimum.x):
        return starts + _of_few_rates(problem, start, free)
    return _of_few_rates(problem, start, free) if _is_structured(problem, minimum.x) else []


def resolved(problem: Problem, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return `x` with rates that the data resolve: not over before the second point, in trains not all 0."""
    count = len(problem.law.parameters)
    if problem.measurement.repetition_period is not None:
        if isinstance(problem.law, RateLaw) and not x[1:count].any():
            return np.where(free & (np.arange(len(x)) < count) & (np.arange(len(x)) > 0), 1.0, x)
        return x
    span, first = _span_and_gap(problem)
    slowed = problem.law.slowed(x[:count], free[:count], first / span)
    return x if slowed is x[:count] or np.array_equal(slowed, x[:count]) else np.append(slowed, x[count:])


def densities_at_zero(problem: Problem, x: np.ndarray, free: np.ndarray) -> list[int]:
    """Return the places of the densities that are free and 0."""
    rows = enumerate(zip(problem.parameters, x, free, strict=True))
    return [place for place, (each, value, moves) in rows if each.kind == "n0" and moves and value == 0]


def _span_and_gap(problem: Problem) -> tuple[float, float]:
    span = max(float(clock.nodes.max()) for clock in problem.clocks)
    return span, min(float(clock.nodes[clock.nodes > 0].min()) for clock in problem.clocks)


def _rates(problem: Problem, free: np.ndarray) -> np.ndarray:
    """Places of the rates that are free: those of the law but for generation."""
    laws = problem.law.parameters
    return np.array([j for j, each in enumerate(laws) if free[j] and each.order != 0], int)


def _is_empty(problem: Problem, x: np.ndarray, free: np.ndarray) -> bool:
    """Whether all rates, a density or a scale ended at 0."""
    rates = _rates(problem, free)
    scales = [j for j, each in enumerate(problem.parameters) if each.kind == "scale"]
    return bool(
        (len(rates) and not x[rates].any()) or densities_at_zero(problem, x, free) or not x[scales].all()
    )


def _is_steep(problem: Problem, x: np.ndarray) -> bool:
    """Whether at its first slope a decay is over before the second point."""
    _, gap = _span_and_gap(problem)
    for link in problem.links:
        *values, n0, _, _ = link.values(x)
        with np.errstate(all="ignore"):
            if -problem.law.slope(0.0, np.array([n0]), values)[0] * gap > _FASTEST * n0:
                return True
    return False


def _is_structured(problem: Problem, x: np.ndarray) -> bool:
    """Whether neighbouring residuals agree far beyond chance."""
    products = squares = 0.0
    pairs = zip(problem.likelihoods, problem.curves(x), problem.measurement.traces, strict=True)
    for likelihood, curve, trace in pairs:
        residuals = likelihood.scaled(curve, trace.signal)
        products += float(residuals[1:] @ residuals[:-1])
        squares += float(residuals @ residuals)
    return products * np.sqrt(problem.size) > _STRUCTURED * squares > problem.floor**2


def _of_few_rates(problem: Problem, start: np.ndarray, free: np.ndarray) -> list[np.ndarray]:
    """Return starts with each free rate alone, of the size whose cost is lowest, and with all of them."""
    span, gap = _span_and_gap(problem)
    rates, found = _rates(problem, free), []
    others = start.copy()
    others[rates] = 0.0
    if free[0]:
        others[0] = 0.0  # generation
    others[densities_at_zero(problem, start, free)] = 1.0
    sizes = np.geomspace(1.0, max(_FASTEST * span / gap, 2.0), _SIZES)
    for rate in rates:
        trials = np.tile(others, (_SIZES, 1))
        trials[:, rate] = sizes
        settled = [problem.settle(trial, free) for trial in trials]
        found.append(min(settled, key=lambda trial: problem.evaluate(trial)[0]))
    if len(rates) > 1:  # the higher its order, the earlier a term is over, and the faster it may be
        slow, together = others.copy(), others.copy()
        slow[rates[0]] = _SLOW
        together[rates] = np.geomspace(*_TOGETHER, len(rates))
        found += [slow, together]
    return found


def _scaled(problem: Problem, start: np.ndarray, free: np.ndarray) -> list[np.ndarray]:
    """Return the start with rates that are slower and faster, densities lifted from 0."""
    rates = _rates(problem, free)
    rates = rates[~problem.signed[rates]]
    found = []
    for factor in _FACTORS:
        trial = start.copy()
        trial[rates] *= factor
        trial[densities_at_zero(problem, start, free)] = 1.0
        found.append(trial)
    return found
