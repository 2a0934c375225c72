"""Noise that nobody measured: even, or with the weights that the residuals ask for.

A fit with even weights comes first. Where its residuals reject even noise (see `variance_function`), or are
too few for that test, the points are weighed by the estimated variance function, fitted again and so on until
the weights settle. Fewer than 20 points to spare are never weighed. Each trace has a function of its own;
where traces are short, all have one together, in units of their largest signals. A robust loss keeps even
noise: it makes outliers pull less, and an estimate from their squares would take a few of them for noise that
grows with the signal.

Weights must not hide a misfit: a trace that the law does not describe has large residuals, and would hardly
weigh. So where neighbouring residuals follow each other (see `order`), the noise is taken from the
differences of neighbours, in which a smooth misfit has no part; and where the misfit is far larger than that
noise, the noise stays even.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from helpers.fitting.minimise import Minimum
from helpers.fitting.order import DOUBT, normal_scores, order
from helpers.fitting.problem import Problem
from helpers.fitting.variance_function import (
    TERMS,
    Scatter,
    VarianceFunction,
    differences,
    estimate,
    freedoms,
    threshold,
)
from helpers.measurement.quantity import amount

FEWEST = 20  # points that must be to spare, or the weights would be worse than none
FEWEST_TESTED = 60  # points to spare for each variance function, from which on even noise is tested
FEWEST_EACH = 30  # points of each trace for functions of their own
_SUSPECT = 2.71  # 2·ΔREML from which on few points look uneven (even noise: one case in twenty or so)
_ROUNDS, _SETTLED = 6, 1e-3
_ROUNDING = 10.0  # times the problem's floor
_GROSS = 3.0  # times the noise of neighbouring points: larger residuals are mostly misfit
_TOLD = 0.1  # relative difference of the residuals' size from the noise that is worth a word

_Search = Callable[[Problem, np.ndarray], Minimum]
_Weighed = tuple[Problem, Minimum]


def weighed(problem: Problem, minimum: Minimum, free: np.ndarray, search: _Search) -> _Weighed:
    """Return problem and minimum with the weights that the residuals ask for; as they are where they do not.

    Parameters
    ----------
    problem : Problem
        With even noise.
    minimum : Minimum
        Its minimum.
    free : ndarray of bool, shape (p,)
    search : callable
        Minimises a problem from a point on.
    """
    even = problem, minimum
    if problem.likelihoods[0].loss != "linear" or not minimum.converged:
        return even
    if not is_uneven(problem, minimum.x, free):
        return even
    if is_structured(problem, minimum.x):
        found = _by_neighbours(problem, minimum, free, search)
        return even if _size(*found, free) > _GROSS else found
    found = _settled(problem, minimum, free, search, variance_functions)
    if found[1].triangle is not None and is_structured(found[0], found[1].x):
        # Even weights did not see a misfit of the quiet part. However large it is, it is to be seen now.
        return _by_neighbours(problem, minimum, free, search)
    return found


def _settled(problem: Problem, minimum: Minimum, free, search: _Search, estimated) -> _Weighed:
    """Weigh and fit again until the weights settle."""
    before, best = None, (problem, minimum)
    for _ in range(_ROUNDS):
        functions = estimated(problem, minimum.x, free)
        if functions is None:
            break
        problem = problem.weighed(functions, minimum.x)
        sizes = np.concatenate([each.sigma for each in problem.likelihoods])
        further = search(problem, minimum.x)
        path, evaluations = minimum.path + further.path, minimum.evaluations + further.evaluations
        minimum = replace(further, path=path, evaluations=evaluations)
        if minimum.triangle is None:
            break
        best = problem, minimum
        if before is not None and np.abs((sizes / before) ** 2 - 1).max() < _SETTLED:
            break
        before = sizes
    return best


def _by_neighbours(problem: Problem, minimum: Minimum, free: np.ndarray, search: _Search) -> _Weighed:
    """Weigh by the noise of neighbouring points where that is not even; leave all as it is elsewhere."""
    scatter = _differences(problem, minimum.x, free)
    if scatter is None or min(len(each) for each in scatter.members) < FEWEST:
        return problem, minimum
    found = estimate(scatter)
    if found is None or found.gain <= threshold(len(scatter.members)):
        return problem, minimum
    return _settled(problem, minimum, free, search, _functions_of_neighbours)


def _size(problem: Problem, minimum: Minimum, free: np.ndarray) -> float:
    """Size of the residuals in units of the noise."""
    return np.sqrt(2 * minimum.cost / max(_spare(problem, free), 1))


def is_structured(problem: Problem, x: np.ndarray) -> bool:
    """Whether the residuals of some trace follow each other, as those of a wrong law do."""
    traces = problem.measurement.traces
    rows = zip(problem.likelihoods, problem.curves(x), traces, strict=True)
    scores = [normal_scores(each.scaled(curve, trace.signal)) for each, curve, trace in rows]
    return min(order(each)[0] for each in scores) * len(traces) < DOUBT


def is_uneven(problem: Problem, x: np.ndarray, free: np.ndarray) -> bool:
    """Whether points are many enough and their residuals reject even noise (in 1 % of cases wrongly).

    Few points are not tested. Noise that grows with the signal is found by the test in half of the sets of 30
    points, and the 95 % intervals of n0 hold the truth in 62 to 72 % of all sets; weighed at once, those of
    all parameters do in 93 to 94 % for the sample's noise and in 98 to 99 % for even noise
    (tests/benchmarks/noise_coverage.py).
    """
    spare, groups = _spare(problem, free), noise_groups(problem)
    wanted = threshold(groups) if spare >= FEWEST_TESTED * groups else 0.0
    return spare >= FEWEST and _gain(problem, x, free) > wanted


def is_suspect(problem: Problem, x: np.ndarray, free: np.ndarray) -> bool:
    """Whether residuals look uneven and are too few to estimate how."""
    return 1 <= _spare(problem, free) < FEWEST and _gain(problem, x, free) > _SUSPECT


def variance_functions(
    problem: Problem, x: np.ndarray, free: np.ndarray
) -> tuple[VarianceFunction, ...] | None:
    """Estimate each trace's variance function at x; None where the data leave it open."""
    return _functions(problem, x, _scatter(problem, x, free))


def _functions_of_neighbours(problem: Problem, x: np.ndarray, free: np.ndarray):
    """Estimate each trace's variance function at x from the differences of neighbouring residuals."""
    return _functions(problem, x, _differences(problem, x, free))


def _functions(
    problem: Problem, x: np.ndarray, scatter: Scatter | None
) -> tuple[VarianceFunction, ...] | None:
    found = None if scatter is None else estimate(scatter)
    if found is None:
        return None
    sizes = _largest(problem.signal(x))
    rows = [found.coefficients[group] for group in _groups(problem)]
    return tuple(
        VarianceFunction(*map(float, row * [size**2, size, 1.0]))
        for row, size in zip(rows, sizes, strict=True)
    )


def error_freedoms(problem: Problem, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Degrees of freedom behind each parameter's error, shape (p,); those of the fewest where it has none.

    m − p for even noise, Satterthwaite's where the noise was estimated, infinite where it is known.
    """
    spare = float(_spare(problem, free))
    if problem.is_absolute:
        return np.full(len(x), np.inf)
    functions = [each.function for each in problem.likelihoods if each.function is not None]
    if not functions or (scatter := _scatter(problem, x, free)) is None:
        return np.full(len(x), spare)
    coefficients = np.zeros((noise_groups(problem), TERMS))
    sizes = _largest(problem.signal(x))
    for group, each, size in zip(_groups(problem), functions, sizes, strict=True):
        coefficients[group] = each.constant / size**2, each.linear / size, each.square
    found = np.full(len(x), np.nan)
    found[_active(problem, x, free)] = freedoms(scatter, coefficients)
    found = np.clip(found, 1.0, spare)
    return np.where(np.isnan(found), np.nanmin(found, initial=spare), found)


def noise_in_words(problem: Problem, minimum: Minimum, free: np.ndarray, size: float) -> str:
    """Say what is known of the noise; `size` is that of a residual in units of the likelihood's sigma."""
    measurement = problem.measurement
    if problem.is_absolute:
        return {"poisson": "that of raw counts", "sigma": "the given standard errors"}[measurement.noise]
    if minimum.triangle is None:
        return "unknown"
    unit, x = measurement.signal_unit, minimum.x
    rows = zip(problem.likelihoods, measurement.traces, _largest(problem.signal(x)), strict=True)
    words = []
    for number, (likelihood, trace, largest) in enumerate(rows, 1):
        name = "" if len(measurement) == 1 else f"{trace.name or f'trace {number}'}: "
        if likelihood.function is None:
            words.append(name + amount(f"{size * float(likelihood.sigma):.2g}", unit))
        else:
            words.append(name + likelihood.function.words(largest, unit))
    told = "; ".join(words)
    if problem.likelihoods[0].function is not None:
        if abs(size - 1) <= _TOLD:
            return told
        return f"{told} (by neighbouring points; the residuals are {size:.2g} times as large)"
    return f"{told} everywhere ({_why_even(problem, minimum, free)})"


def _why_even(problem: Problem, minimum: Minimum, free: np.ndarray) -> str:
    x = minimum.x
    if problem.measurement.noise != "estimated":
        return "taken to be even"
    if problem.likelihoods[0].loss != "linear":
        return "taken to be even, as always with a robust loss"
    if not minimum.converged:
        return "taken to be even, because the fit has not converged"
    if is_suspect(problem, x, free):
        return (
            "taken to be even, but the residuals look uneven: too few points to estimate the noise, so give"
            " the standard errors if you know them"
        )
    if _spare(problem, free) >= FEWEST and is_structured(problem, x):
        return "taken to be even, because the residuals are not noise alone"
    return "the residuals do not ask for more"


def _active(problem: Problem, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    return free & ((x > 0) | problem.signed)


def _spare(problem: Problem, free: np.ndarray) -> int:
    return problem.size - int(free.sum())  # those on their bound cost freedom, too


def _groups(problem: Problem) -> np.ndarray:
    """Which traces share a variance function: none, or all of them where one of them is short."""
    count = len(problem.links)
    own = min(len(trace) for trace in problem.measurement.traces) >= FEWEST_EACH
    return np.arange(count) if own else np.zeros(count, int)


def noise_groups(problem: Problem) -> int:
    """Return the number of variance functions that the traces have between them."""
    return int(_groups(problem).max()) + 1


def _largest(signals: list[np.ndarray]) -> list[float]:
    return [float(np.abs(signal).max()) or 1.0 for signal in signals]


def _gain(problem: Problem, x: np.ndarray, free: np.ndarray) -> float:
    scatter = _scatter(problem, x, free)
    found = None if scatter is None else estimate(scatter)
    return -np.inf if found is None else found.gain


def _scatter(problem: Problem, x: np.ndarray, free: np.ndarray) -> Scatter | None:
    """Residuals, slopes and signals of all traces; None where they are nothing but rounding."""
    slopes = problem.jacobian(x)
    if slopes is None:
        return None
    signals, traces = problem.signal(x), problem.measurement.traces
    triples = zip(traces, signals, problem.offsets(x), strict=True)
    rows = [trace.signal - signal - offset for trace, signal, offset in triples]
    scaled = [row / each.sigma for row, each in zip(rows, problem.likelihoods, strict=True)]
    if np.linalg.norm(np.concatenate(scaled)) <= _ROUNDING * problem.floor:
        return None
    lengths = [len(row) for row in rows]
    sizes = np.repeat(_largest(signals), lengths)
    return Scatter(
        residuals=np.concatenate(rows),
        slopes=np.vstack(slopes)[:, _active(problem, x, free)],
        signal=np.concatenate(signals) / sizes,
        sizes=sizes,
        groups=np.repeat(_groups(problem), lengths),
    )


def _differences(problem: Problem, x: np.ndarray, free: np.ndarray) -> Scatter | None:
    scatter = _scatter(problem, x, free)
    if scatter is None:
        return None
    return differences(scatter, [len(trace) for trace in problem.measurement.traces])
