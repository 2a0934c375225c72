"""The search for the minimum of a law's problem: what is varied, where it begins, when it begins again."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from helpers.fitting.likelihood import Likelihood
from helpers.fitting.minimise import Minimum, minimise
from helpers.fitting.other_starts import densities_at_zero, other_starts, resolved
from helpers.fitting.parameters import Parameter, chosen, parameters_of
from helpers.fitting.problem import Problem, pose
from helpers.fitting.start import largest_density, starting_values
from helpers.fitting.weighing import weighed
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement

_NEXT_TO_ZERO = 1e-6  # of a rate's natural size, which no data can tell from 0
_UNSEEN = 100.0  # times the largest signal of the data
_SAME_COST = 1e-9  # relative difference of two costs that is rounding
_SAME_EFFECT = 1e-7  # least singular value over the largest: what derivatives by differences can tell from 0
_SHARE = 0.1  # of the largest share in a direction: a parameter with less is not named


@dataclass(frozen=True)
class Options:
    """How a minimum is searched: evaluations after which it is given up, and whether the path is kept."""

    max_evaluations: int = 200
    record_path: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.max_evaluations, numbers.Integral) or self.max_evaluations < 1:
            raise ValueError(f"max_evaluations = {self.max_evaluations!r}: give a whole number, 1 or more")


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
    likelihoods: tuple[Likelihood, ...] | None = None,
) -> Found:
    """Pose the problem of a law for a measurement and minimise it; arguments are those of `fit`.

    With `likelihoods`, those of another fit to the same traces, the noise is not estimated again.
    """
    if not isinstance(law, Law):
        raise ValueError(
            f"law = {law!r:.60}: give RateLaw(), TrapLaw(), or Equation(function, names) of a function"
        )
    parameters = parameters_of(law, measurement)
    held = chosen(law.held if fixed is None else fixed, parameters, "fixed")
    _refuse_open_scale(measurement, law, held)
    start = starting_values(measurement, law, guess, held)
    free = np.array([each.name not in held and _may_move(each, measurement) for each in parameters])
    varied = (
        None if isinstance(law, RateLaw) else [p.name for p, f in zip(parameters, free, strict=True) if f]
    )
    problem = pose(measurement, law, start, varied=varied, loss=loss, f_scale=f_scale)
    x = problem.point(np.array([start[each.name] for each in parameters]))
    if likelihoods is not None:
        problem = problem.with_likelihoods(likelihoods)
    reason = _reason_against(problem, x)
    minimum = _search(problem, x, free, options)
    if measurement.noise == "estimated" and likelihoods is None:
        problem, minimum = _weighed(problem, minimum, free, options)
    if reason and minimum.triangle is None:
        minimum = replace(minimum, message=f"the model cannot be computed at the start: {reason}")
    return Found(problem, minimum, free, start, options)


def _weighed(problem: Problem, minimum: Minimum, free: np.ndarray, options: Options):
    """Weigh by the noise that the residuals show, and search with these weights as in the first place."""
    near = partial(minimise, free=free, max_evaluations=options.max_evaluations, record=options.record_path)
    again, found = weighed(problem, minimum, free, near)
    if again is problem:
        return problem, minimum
    last = _search(again, found.x, free, options)
    evaluations = found.evaluations + last.evaluations
    return again, replace(last, path=found.path + last.path, evaluations=evaluations)


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


def _reason_against(problem: Problem, x: np.ndarray) -> str:
    """Compute the start once, and say why it cannot be computed; a slip in an own function is raised."""
    own = not isinstance(problem.law, RateLaw) or problem.measurement.observable.function is not None
    counted = problem.measurement.noise == "poisson"
    if not own and not (counted and any(link.values(x)[-1] == 0 for link in problem.links)):
        return ""
    try:
        with np.errstate(all="ignore"):
            curves = problem.curves(x)
    except ArithmeticError as error:
        return _described(error) if own else ""
    except ValueError:
        if own:
            raise
        return ""
    if counted:
        _refuse_counts_in_the_dark(problem.measurement, curves)
    for trace, curve in zip(problem.measurement.traces, curves, strict=True):
        if own and not np.isfinite(curve).all():
            first = int(np.argmin(np.isfinite(curve)))
            words = f"the signal is {curve[first]:g} at t = {trace.t[first]:g}"
            return f"{words}; change the observable or the guess"
    return ""


def _described(error: ArithmeticError) -> str:
    """Return the words of an error; one that Python raised in an own function with its name."""
    if type(error) is ArithmeticError:
        return str(error)
    trail = error.__traceback__
    while trail is not None and trail.tb_next is not None:
        trail = trail.tb_next
    where = "" if trail is None else f" in {trail.tb_frame.f_code.co_name!r}"
    return f"{type(error).__name__} ({error}){where}; change that function or the guess"


def _refuse_counts_in_the_dark(measurement: Measurement, curves) -> None:
    """Refuse counts before the pulse where the background is held at 0: no rates make them possible."""
    for j, (trace, curve) in enumerate(zip(measurement.traces, curves, strict=True)):
        zero = float(measurement.time_zero[j])
        dark = (trace.t < zero) & (trace.signal > 0) & (curve == 0)
        if measurement.repetition_period is None and dark.any():
            label = f"trace {trace.name!r}" if trace.name else "the trace"
            first = int(dark.argmax())
            raise ValueError(
                f"{label}: {trace.signal[first]:g} counts at t = {trace.t[first]:g}, before the pulse at"
                f" {zero:g}, and the background is held at 0, which allows none: let it be fitted (offset"
                " free, and not in `fixed`), hold it at its level (`guess`), or begin the window at the pulse"
            )


def _search(problem: Problem, x: np.ndarray, free: np.ndarray, options: Options) -> Minimum:
    """Minimise; where the minimum found looks doubtful, go from other starts, too, and keep the best."""
    search = partial(
        minimise, problem, free=free, max_evaluations=options.max_evaluations, record=options.record_path
    )
    minimum = search(_lifted(problem, resolved(problem, x, free), free))
    if minimum.triangle is None:
        return minimum
    for start in other_starts(problem, x, minimum, free):
        minimum = _better(minimum, search(start))
    return _judged(problem, _on_bounds(problem, minimum, free, search), free)


def _on_bounds(problem: Problem, minimum: Minimum, free: np.ndarray, search) -> Minimum:
    """Put rates that ended next to 0 on it, where the cost is the same there.

    Beside a free scale and offset the slopes are singular where a rate is 0: a search that stops a rounding
    away from it has huge errors, and takes its parameters for such as act alike.
    """
    of_law = np.arange(len(minimum.x)) < len(problem.law.parameters)
    near = free & of_law & ~problem.signed & (minimum.x > 0) & (minimum.x < _NEXT_TO_ZERO)
    if not near.any():
        return minimum
    found = search(np.where(near, 0.0, minimum.x), free=free & ~near)
    evaluations = minimum.evaluations + found.evaluations
    if found.triangle is None or found.cost > minimum.cost * (1 + _SAME_COST):
        return replace(minimum, evaluations=evaluations)
    return replace(found, path=minimum.path + found.path, evaluations=evaluations)


def _better(one: Minimum, two: Minimum) -> Minimum:
    """Return the lower of two minima; of equal ones that which converged."""
    lower = min(one, two, key=lambda each: each.cost)
    equal = [each for each in (one, two) if each.cost <= lower.cost * (1 + _SAME_COST) and each.converged]
    best = lower if lower in equal or not equal else equal[0]
    return replace(best, path=one.path + two.path, evaluations=one.evaluations + two.evaluations)


def _judged(problem: Problem, minimum: Minimum, free: np.ndarray) -> Minimum:
    """Say so where the lowest point is no minimum that the data determine."""
    words = ""
    if blind := _without_signal(problem, minimum):
        words = f"no signal of this sign was found in {', '.join(blind)}: check sign, baseline and window"
    elif not np.array_equal(resolved(problem, minimum.x, free), minimum.x):
        words = "the fitted law is at equilibrium before the second point: the data do not resolve its rates"
    else:
        words = _run_away(problem, minimum, free) or _alike(problem, minimum, free)
        if not words and not minimum.converged:
            values = (minimum.x * problem.scales)[: len(problem.law.parameters)]
            words = problem.law.why_no_end(values, largest_density(problem.measurement))
    return replace(minimum, converged=False, message=words) if words else minimum


def _lifted(problem: Problem, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return `x` with no density at 0 where the signal has no slope: a search would never leave it."""
    for place in densities_at_zero(problem, x, free):
        _, triangle = problem.evaluate(problem.settle(x, free))
        if triangle is not None and not triangle[:, place].any():
            x = x.copy()
            x[place] = 1.0
    return x


def _alike(problem: Problem, minimum: Minimum, free: np.ndarray) -> str:
    """Name the parameters that change the signal in the same way, and what to fix; "" where none do."""
    moving = np.flatnonzero(free & ((minimum.x > 0) | problem.signed))
    slopes = np.asarray(minimum.triangle)[:, moving]
    sizes = np.linalg.norm(slopes, axis=0)
    if not 1 < len(moving) < problem.size or not (sizes > 0).all():
        return ""
    _, lengths, directions = np.linalg.svd(slopes / sizes)
    if lengths[-1] > _SAME_EFFECT * lengths[0]:
        return ""
    shares = np.abs(directions[-1])
    chosen = [problem.parameters[place] for place in moving[shares > _SHARE * shares.max()]]
    names, kinds = [each.name for each in chosen], {each.kind for each in chosen}
    remedy = f"fix {' or '.join(names)} (`guess` and `fixed`)"
    if {"n0", "scale"} <= kinds:
        remedy = 'fix n0 (from the fluence), or the scale (scale="fixed" or a number)'
    return (
        f"no single minimum: {', '.join(names[:-1])} and {names[-1]} act on the signal in the same way, so"
        f" that no data can tell them apart; {remedy}"
    )


def _without_signal(problem: Problem, minimum: Minimum) -> list[str]:
    """Return the names of scales that ended at 0: their traces say nothing of the law."""
    pairs = zip(problem.parameters, minimum.x, strict=True)
    return [each.name for each, x in pairs if each.kind == "scale" and x == 0]


def _run_away(problem: Problem, minimum: Minimum, free: np.ndarray) -> str:
    """Say so where scale and rates have run away: a signal that no point shows, gone before the first one.

    Of n ∝ 1/t or 1/√t, which is what early points leave when they are missing, any scale is a fit.
    """
    if problem.measurement.repetition_period is not None:
        return ""
    for j, link in enumerate(problem.links):
        place = link.index[-2]
        if place >= 0 and free[place] and (times := _seen_by(problem, minimum.x, j)) > _UNSEEN:
            return _run_away_in_words(problem, j, times, free)
    return ""


def _run_away_in_words(problem: Problem, j: int, times: float, free: np.ndarray) -> str:
    trace, laws = problem.measurement.traces[j], problem.law.parameters
    may = [each.name for each, moves in zip(laws, free, strict=False) if moves and each.order not in (0, 1)]
    remedies = ["give the scale"]
    if any(edge is not None for edge in problem.measurement.edges):
        remedies.insert(0, "give response or response_fwhm, with which the points at the edge count")
    if may:
        remedies.append(f"hold {' and '.join(may)} at known values (`guess` and `fixed`)")
    label = f" of trace {trace.name!r}" if trace.name else ""
    return (
        f"no minimum: just after the pulse the fitted signal{label} is {times:.1e} times the largest of the"
        " data, which do not show the first decay and cannot tell scale and rates apart;"
        f" {', or '.join(remedies)}"
    )


def _seen_by(problem: Problem, x: np.ndarray, j: int) -> float:
    """Signal that the pulse adds to trace j at its very start, in units of the largest that the data show."""
    *values, n0, scale, offset = problem.links[j].values(x)
    signal = problem.measurement.traces[j].signal - offset
    states, _ = problem.law.start(np.array(values), n0)
    with np.errstate(all="ignore"):
        start, _ = problem.measurement.observable.signal(
            states if problem.law.states == 1 else states[None, :], problem.law.trapped
        )
        return float(np.abs(scale * start[0]) / (np.abs(signal).max() or 1.0))
