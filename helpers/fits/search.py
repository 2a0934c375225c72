"""The search for the minimum of a law's problem: what is varied, where it begins, when it begins again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from helpers.fits.minimise import Minimum, minimise
from helpers.fits.parameters import Parameter, chosen, parameters_of
from helpers.fits.problem import Problem, pose
from helpers.fits.start import starting_values
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement


@dataclass(frozen=True)
class Options:
    """How a minimum is searched: evaluations after which it is given up, and whether the path is kept."""

    max_evaluations: int = 200
    record_path: bool = False


class Found(NamedTuple):
    """Outcome of a search: the fields of a fit."""

    problem: Problem
    minimum: Minimum
    free: np.ndarray
    guess: dict[str, float]
    options: Options


def find_minimum(
    measurement: Measurement,
    guess=None,
    *,
    law: Law,
    fixed: Iterable[str] | None = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    options: Options = Options(),
) -> Found:
    """Pose the problem of a law for a measurement and minimise it; arguments are those of `fit`."""
    parameters = parameters_of(law, measurement)
    held = chosen(law.held if fixed is None else fixed, parameters, "fixed")
    _refuse_open_scale(measurement, law, held)
    start = starting_values(measurement, law, guess, held)
    free = np.array([each.name not in held and _may_move(each, measurement) for each in parameters])
    varied = (
        None if isinstance(law, RateLaw) else [p.name for p, f in zip(parameters, free, strict=True) if f]
    )
    problem = pose(measurement, law, start, varied=varied, loss=loss, f_scale=f_scale)
    with np.errstate(over="ignore"):  # a guess beyond what doubles hold is a start that cannot be computed
        x = problem.point(np.array([start[each.name] for each in parameters]))
    _call_in_the_open(problem, x)
    return Found(problem, _search(problem, x, free, options), free, start, options)


def _may_move(parameter: Parameter, measurement: Measurement) -> bool:
    return parameter.kind != "n0" or measurement.n0.mode != "fixed"


def _refuse_open_scale(measurement: Measurement, law: Law, held) -> None:
    """Refuse a free scale beside a free n0: more signal could be more carriers or more light from each."""
    scale_moves = measurement.scale.mode != "fixed" and not _all_held("scale", len(measurement), held)
    n0_moves = measurement.n0.mode != "fixed" and not _all_held("n0", len(measurement), held)
    if scale_moves and n0_moves and isinstance(law, RateLaw):
        raise ValueError(
            "n0 and scale are both free, and no data can tell more carriers from more signal of each: fix n0"
            ' (from the fluence), or fix the scale (scale="fixed" or a number)'
        )


def _all_held(kind: str, count: int, held) -> bool:
    own = {kind} if count == 1 else {f"{kind}_{j + 1}" for j in range(count)}
    return own <= set(held) or f"{kind}_factor" in held


def _call_in_the_open(problem: Problem, x: np.ndarray) -> None:
    """Compute the start of an own function once: a slip in it is the user's to see."""
    if isinstance(problem.law, RateLaw) and problem.measurement.observable.function is None:
        return
    try:
        with np.errstate(all="ignore"):
            problem.curves(x)
    except ArithmeticError:
        return  # what cannot be computed there is a bad start, not a slip


def _search(problem: Problem, x: np.ndarray, free: np.ndarray, options: Options) -> Minimum:
    """Minimise; where that ends on the plateau of a law that is over at once, slow the law and go again."""
    search = partial(
        minimise, problem, free=free, max_evaluations=options.max_evaluations, record=options.record_path
    )
    minimum = search(_resolved(problem, x, free))
    if problem.linear.any() and (blind := _without_signal(problem, minimum)):
        words = f"no signal of this sign was found in {', '.join(blind)}: check sign, baseline and window"
        return replace(minimum, converged=False, message=words)
    again = _resolved(problem, minimum.x, free)
    if minimum.triangle is None or np.array_equal(again, minimum.x):
        return minimum
    second = search(again)
    best = min(second, minimum, key=lambda each: each.cost)
    evaluations = minimum.evaluations + second.evaluations
    best = replace(best, path=minimum.path + second.path, evaluations=evaluations)
    if not np.array_equal(_resolved(problem, best.x, free), best.x):
        words = "the fitted law is at equilibrium before the second point: the data do not resolve its rates"
        best = replace(best, converged=False, message=words)
    return best


def _without_signal(problem: Problem, minimum: Minimum) -> list[str]:
    """Return the names of scales that ended at 0: their traces say nothing of the law."""
    return [
        each.name
        for each, x in zip(problem.parameters, minimum.x, strict=True)
        if each.kind == "scale" and x == 0 and minimum.triangle is not None
    ]


def _resolved(problem: Problem, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return `x` with rates that the data resolve: not over before the second point, in trains not all 0."""
    count = len(problem.law.parameters)
    if problem.measurement.repetition_period is not None:
        if isinstance(problem.law, RateLaw) and not x[1:count].any():
            return np.where(free & (np.arange(len(x)) < count) & (np.arange(len(x)) > 0), 1.0, x)
        return x
    span = max(float(clock.nodes.max()) for clock in problem.clocks)
    first = min(float(clock.nodes[clock.nodes > 0].min()) for clock in problem.clocks) / span
    slowed = problem.law.slowed(x[:count], free[:count], first)
    return x if slowed is x[:count] or np.array_equal(slowed, x[:count]) else np.append(slowed, x[count:])
