"""What a fit says, in plain sentences: misfit, limits, trade-offs, and what to measure next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from helpers import kinetics
from helpers.fitting import Fit, Likelihood
from helpers.fitting.minimise import covariance
from helpers.kinetics import RateLaw
from helpers.measurement.pulses import after_pulse
from helpers.uncertainty.profile_path import fewest_spare_points, spare_points
from helpers.uncertainty.profiles import Curve, Profile, profile
from helpers.uncertainty.residual_tests import Misfit, TraceTest, misfit
from helpers.units import density_in_cm3

_DOUBT = 1e-3  # p value below which the given noise is called wrong, or the scatter uneven
_SEEN = 1 / 3  # relative standard error at which a rate counts as determined
_TRADE_OFF = 0.9  # correlation worth a sentence
_LEFT_OVER = 0.01
_PROCESSES = ("trapping (k1·n)", "radiative recombination (k2·n²)", "Auger recombination (k3·n³)")


def advise(fit: Fit, curves: Profile | None = None) -> list[str]:
    """Say in plain sentences what a fit determines, what it does not, and what would.

    Parameters
    ----------
    fit : Fit
        Of any law, to one trace or several.
    curves : Profile, optional
        `profile(fit, …)`, if it is there already; by default the profiles of the law's parameters.

    Returns
    -------
    list of str
        With numbers and units; the most serious first.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 5, 60)
    >>> traces = [Trace(t, n / (1 + n * t) + 0.01 * np.sin(37 * t)) for n in (1, 4)]
    >>> advise(fit(traces))[0]
    'trace 1: the residuals look like noise (p = 0.34 for their order).'
    """
    if fit.minimum.triangle is None:
        return [f"The fit has not converged ({fit.message}): there are no numbers to judge."]
    if spare_points(fit) < fewest_spare_points(fit):
        return [
            f"{fit.problem.size} points and {int(fit.free.sum())} free parameters: nothing is determined."
            " Measure more points, or fix what is known."
        ]
    if curves is None:
        varied = [name for name, free in zip(fit.names, fit.free, strict=True) if free]
        curves = profile(fit, [name for name in varied if name in fit.law.names])
    fit = curves.fit
    words = [f"{curves.message.capitalize()}."] if curves.restarted else []
    if not fit.converged:
        words.append(f"The fit has not converged ({fit.message}): its numbers are not a minimum.")
    test = misfit(fit)
    words += _about_residuals(fit, test) + list(fit.notes)
    if fit.measurement.noise == "estimated":
        words.append(f"Noise, from the residuals: {fit.noise}.")
    words += [_judged(curves[name], test) for name in curves]
    rest = _about_fluence(fit)
    rest += [_about_excitation(fit, curves[name]) for name in curves if _may_be_seen(fit, curves[name])]
    rest += about_trade_offs(fit.correlation)
    if isinstance(fit.law, RateLaw):
        rest += _about_crossovers(fit) + _about_shares(fit) + _about_left_overs(fit) + _about_signal(fit)
    if test.found and not test.correlation:
        rest = [f"{each} This comes from a law that does not describe the data." for each in rest]
    return words + rest


def _about_residuals(fit: Fit, test: Misfit) -> list[str]:
    words = [_about_trace(fit, each) for each in test.traces]
    words.sort(key=lambda each: "structured" not in each)
    if test.correlation:
        words.insert(0, _about_correlation(fit, test))
    elif test.found:
        law = "the law does not describe these data"
        if len(fit.traces) > 1:
            law = "one law with these parameters does not describe all traces"
        size = f", χ² is {fit.reduced_chi2:.3g} per degree of freedom" if fit.problem.is_absolute else ""
        words.insert(0, f"Misfit: {law} ({_p(test.p)}{size}), and all errors below are too small.")
    for j in range(len(fit.traces)):
        words += _about_scatter(fit, j, test.traces[j])
    return words


def _about_trace(fit: Fit, test: TraceTest) -> str:
    name = "The trace" if test.name == "the trace" else test.name
    if test.is_rounding:
        return f"{name}: the residuals are nothing but rounding; these data hold no noise to judge errors by."
    size = ""
    if test.p_size < _DOUBT and f"{test.size:.3g}" != "1":
        direction = "small" if test.size > 1 else "large"
        factor = f"the errors below are too {direction} by about that factor"
        reason = f"was given ({_p(test.p_size)}), so that {factor}"
        if fit.measurement.noise == "poisson":
            reason = f"counts have ({_p(test.p_size)}): they are no raw counts"
            reason += f"{', or the law does not describe them' if test.size > 1 else ''}, and {factor}"
        size = f"; their size is {test.size:.3g} times the noise that {reason}"
    if test.is_too_faint:
        return f"{name}: there are too few counts to test the order of the residuals{size}."
    if test.found:
        neighbours = "neighbouring residuals" if test.block == 1 else f"means of {test.block} residuals"
        return (
            f"{name}: the residuals are structured, {neighbours} are correlated"
            f" ({test.correlation:+.2f}, {_p(test.p)}){size}."
        )
    return f"{name}: the residuals look like noise ({_p(test.p)} for their order){size}."


def _about_correlation(fit: Fit, test: Misfit) -> str:
    """Say what correlated noise, if that is what makes the structure, does to the errors."""
    wider = [
        f"{name} by {test.widening[name]:.2g}"
        for name in fit.law.names
        if fit.status[name] == "free" and np.isfinite(test.widening[name])
    ]
    factors = f" ({_listed(wider)} times)" if wider else ""
    return (
        "Either the noise is correlated or the law is a little wrong: the residuals are like noise in which"
        f" neighbouring points have the correlation {test.correlation:.2f}. Such noise makes all errors"
        f" larger{factors}; each interval below is given as for independent noise and as for this one."
    )


def _judged(curve: Curve, test: Misfit) -> str:
    """Say what a profile tells of its parameter, and what the structure of the residuals does to that."""
    sentence = about_parameter(curve)
    if not test.found or curve.verdict == "not determined":
        return sentence
    if not test.correlation:
        if curve.verdict == "determined":
            return f"{sentence[:-1]}; this interval is too small, because the law does not describe the data."
        return f"{sentence[:-1]}; this limit does not hold, because the law does not describe the data."
    factor, unit = test.widening[curve.name], curve.parameter.unit
    low, high = (curve.value + factor * (end - curve.value) for end in curve.interval95)
    low = max(low, curve.parameter.lower)
    if curve.verdict == "upper limit":
        return f"{sentence[:-1]}; if the noise is correlated, at most {high:.3g} {unit}".rstrip() + "."
    if curve.verdict == "lower limit":
        return f"{sentence[:-1]}; if the noise is correlated, at least {low:.3g} {unit}".rstrip() + "."
    error = _with_error(curve.value, factor * curve.error, unit)
    return f"{sentence[:-1]}; if the noise is correlated, {error}, 95 % interval {low:.4g} to {high:.4g}."


def _about_scatter(fit: Fit, j: int, test: TraceTest) -> list[str]:
    """Say whether noise that depends on the signal was taken for even noise."""
    curve, scatter = np.abs(fit.curves()[j]), np.abs(fit.residuals()[j])
    if test.is_rounding or np.ptp(curve) == 0 or np.ptp(scatter) == 0:
        return []
    if fit.problem.likelihoods[j].noise != "even":
        return []
    ranks = stats.spearmanr(curve, scatter)
    if ranks.pvalue >= _DOUBT:
        return []
    grows = "grows" if ranks.statistic > 0 else "shrinks"
    return [
        f"{test.name}: the scatter {grows} with the signal, but every point counted alike, so that the errors"
        " below may be several times too small or too large. Give the standard errors as a third column, or"
        ' sigma_relative_percent and sigma_floor; raw counts need noise = "poisson".'
    ]


def about_parameter(curve: Curve) -> str:
    """Say what a profile tells of its parameter, with its error and the same in cgs units."""
    name, unit, (low, high) = curve.name, curve.parameter.unit, curve.interval95
    at_bound = " (the best value is its bound)" if curve.value == low else ""
    if curve.verdict == "determined":
        sentence = f"{name} = {_with_error(curve.value, curve.error, unit)}"
        sentence += f", 95 % interval {low:.4g} to {high:.4g}"
        return f"{sentence}{_in_cgs(curve, curve.value, curve.error)}."
    if curve.verdict == "upper limit":
        zero = "; it may be zero" if low == 0 else ""
        limit = f"{high:.3g} {unit}".rstrip()
        return f"{name} is at most {limit} (95 %){_in_cgs(curve, high)}{at_bound}{zero}."
    if curve.verdict == "lower limit":
        limit = f"{low:.3g} {unit}".rstrip()
        return f"{name} is at least {limit} (95 %){_in_cgs(curve, low)}; the data set no upper limit."
    side = "lower " if np.isfinite(high) else "upper " if curve.parameter.lower < low else ""
    return f"{name} is not determined: the data set no {side}limit on it."


def _in_cgs(curve: Curve, value: float, error: float | None = None) -> str:
    factor, unit = curve.parameter.cgs, curve.parameter.cgs_unit
    if not np.isfinite(factor) or unit == curve.parameter.unit:
        return ""
    if error is None:
        return f", in cgs {value * factor:.3g} {unit}"
    return f", in cgs {_with_error(value * factor, error * factor, unit)}"


def _with_error(value: float, error: float, unit: str = "") -> str:
    """Write "(1.23 ± 0.04)e-10 cm^3/s", with as many digits as the error has meaning.

    >>> _with_error(1.234e-10, 4.2e-12, "cm^3/s")
    '(1.234 ± 0.042)e-10 cm^3/s'
    """
    size = max(abs(value), abs(error))
    if not 0 < error < np.inf or not np.isfinite(value):
        return f"{value:.4g} {unit}".rstrip()
    power = int(np.floor(np.log10(size)))
    power = 0 if -3 <= power <= 3 else power
    digits = min(max(1 - int(np.floor(np.log10(error))) + power, 0), 12)
    number = f"{value / 10.0**power:.{digits}f} ± {error / 10.0**power:.{digits}f}"
    return (f"({number})e{power:+03d} {unit}" if power else f"{number} {unit}").rstrip()


def _about_fluence(fit: Fit) -> list[str]:
    """Say what the error of the fluence does to each parameter of the law, beside the fit's own error."""
    percent = fit.measurement.fluence_error_percent
    if not percent:
        return []
    if fit.measurement.n0.mode != "fixed":
        return [f"n0 was fitted, so the error of the fluence ({percent:g} %) does not act on the rates."]
    words, moves, errors = [], fit.error_from_n0, fit.conditional_stderr
    dominated = [name for name in fit.law.names if moves[name] > errors[name]]
    for name in dominated:
        size, unit = abs(fit.values[name]), fit.units[name]
        share, own = 100 * moves[name] / size, 100 * errors[name] / size
        moved = f"{moves[name]:.3g} {unit}".rstrip()
        beside = f"the fit's own error is {own:.2g} %"
        if fit.see_interval[name]:
            beside = "for the fit's own error see its interval"
        words.append(f"{name} by {moved} ({share:.2g} %; {beside})")
    if not words:
        return [f"The error of the fluence, {percent:g} %, moves no parameter by more than the fit's error."]
    return [
        f"The fluence is known to {percent:g} % only, and this error dominates {_listed(dominated)}: it moves"
        f" {_listed(words)}."
    ]


def _may_be_seen(fit: Fit, curve: Curve) -> bool:
    """Whether a parameter of the law is open, so that other excitation may help."""
    return curve.verdict != "determined" and curve.name in fit.law.names and curve.parameter.lower == 0


def _about_excitation(fit: Fit, curve: Curve) -> str:
    """Say whether ten times more or less excitation, at the same relative noise, would determine it."""
    name, limit = curve.name, curve.interval95[1]
    if not np.isfinite(limit):
        return f"No excitation can be advised for {name}, because the data set no limit on it."
    errors = {factor: _expected_error(fit, name, limit, factor) / limit for factor in (10.0, 0.1)}
    factor = min(errors, key=errors.__getitem__)
    densities = ", ".join(f"{factor * n0:.3g}" for n0 in fit.n0)
    density = f"n0 = {densities} {fit.measurement.density_unit}".rstrip()
    direction = "higher" if factor > 1 else "lower"
    if errors[factor] < _SEEN:
        return (
            f"A tenfold {direction} excitation ({density}, same relative noise) would determine {name}:"
            f" were it as large as its limit, its error would be {100 * errors[factor]:.2g} %."
        )
    return (
        f"Neither a tenfold higher nor a tenfold lower excitation would determine {name}"
        f" (expected error {_percent(errors[factor])} of its limit): less noise or other times are needed."
    )


def _expected_error(fit: Fit, name: str, value: float, factor: float) -> float:
    """Return the standard error of a parameter of that value at `factor` times the initial density."""
    problem, index = fit.problem, fit.problem.index(name)
    values = np.array(fit.values)
    values[index] = value
    values[[each.kind == "n0" and not each.name.endswith("_factor") for each in problem.parameters]] *= factor
    if "n0_factor" in fit.names:
        values[problem.index("n0_factor")] *= factor
    x = problem.point(values)
    try:
        with np.errstate(all="ignore"):
            likelihoods = tuple(_scaled(fit, j, curve) for j, curve in enumerate(problem.curves(x)))
    except (ValueError, ArithmeticError):
        return np.inf
    _, triangle = replace(problem, likelihoods=likelihoods, _last={}).evaluate(x)
    if triangle is None:
        return np.inf
    active = fit.free & ((values != 0) | problem.signed)
    return float(np.sqrt(covariance(triangle, active)[index, index]) * problem.scales[index])


def _scaled(fit: Fit, j: int, curve: np.ndarray) -> Likelihood:
    """Noise of the same size relative to the largest signal."""
    before, background = fit.curves()[j], fit.offset[j]
    ratio = np.abs(curve - background).max() / (np.abs(before - background).max() or 1.0)
    likelihood = fit.problem.likelihoods[j]
    if likelihood.noise == "poisson":
        return Likelihood("sigma", np.sqrt(np.maximum(np.abs(curve), ratio) * ratio))
    size = 1.0 if fit.problem.is_absolute else np.sqrt(fit.variance)
    return Likelihood("sigma", np.maximum(likelihood.sigma * size * ratio, 1e-300))


def about_trade_offs(correlation: pd.DataFrame) -> list[str]:
    """Name the pairs of parameters that the data can hardly tell apart."""
    words, names = [], list(correlation)
    for place, first in enumerate(names):
        for second in names[:place]:
            value = correlation.loc[first, second]
            if abs(value) > _TRADE_OFF:
                words.append(f"{second} and {first} trade off against each other (correlation {value:+.3f}).")
    return words


def _ends(fit: Fit) -> list[tuple[float, float]]:
    """Density just after the pulse, and time from there to the last point (in a train to the next pulse)."""
    ends, period = [], fit.measurement.repetition_period
    for trace, zero, n0 in zip(fit.traces, fit.time_zero, fit.n0, strict=True):
        span = float(trace.t[-1] - zero)
        if period is not None:
            ends.append((after_pulse(n0, fit.rates, period), min(span, period) if span > 0 else period))
        else:
            ends.append((float(n0), span))
    return ends


def _about_crossovers(fit: Fit) -> list[str]:
    unit, ends = fit.measurement.density_unit, _ends(fit)
    high = max(n0 for n0, _ in ends)
    lasts = [float(kinetics.solve([end], n0, fit.rates)[0]) for n0, end in ends]
    low, high = min([*lasts, *(n0 for n0, _ in ends)]), max([high, *lasts])  # with generation n may grow
    words = []
    for lower, upper in (("k1", "k2"), ("k2", "k3")):
        slow, fast = getattr(fit.rates, lower), getattr(fit.rates, upper)
        if slow == 0 or fast == 0:
            continue
        density = slow / fast
        place = "inside" if low <= density <= high else "above" if density > high else "below"
        meaning = {
            "inside": "both terms rule a part of the decay",
            "above": f"the {upper} term never overtakes the {lower} term",
            "below": f"the {upper} term exceeds the {lower} term all the time",
        }[place]
        number, span = f"{density:.3g} {unit}".rstrip(), f"{low:.3g} to {high:.3g} {unit}".rstrip()
        words.append(
            f"n{lower[1]}{upper[1]} = {lower}/{upper} = {number} lies {place} the densities that the data"
            f" cover, {span}: {meaning}."
        )
    return words


def _about_shares(fit: Fit) -> list[str]:
    words, unit = [], fit.measurement.t_unit
    for (n0, end), trace in zip(_ends(fit), fit.traces, strict=True):
        parts = 100 * kinetics.shares(end, n0, fit.rates)
        if not parts.any():
            continue
        listed = _listed([f"{part:.3g} % is {name}" for name, part in zip(_PROCESSES, parts, strict=True)])
        which = f"{trace.name or f'n0 = {n0:.3g}'}: of" if len(fit.traces) > 1 else "Of"
        words.append(f"{which} all recombination within {f'{end:.4g} {unit}'.rstrip()}, {listed}.")
    return words


def _about_left_overs(fit: Fit) -> list[str]:
    most = float(fit.left_over.max())
    if most < _LEFT_OVER:
        return []
    return [f"Up to {100 * most:.2g} % of the carriers are still there when the next pulse comes."]


def _about_signal(fit: Fit) -> list[str]:
    """Say what a signal that is no density is taken for."""
    measurement = fit.measurement
    if measurement.observable.kind != "density" or density_in_cm3(measurement.signal_unit) is not None:
        return []
    unit = measurement.signal_unit or "no unit"
    return [
        f"The signal ({unit}) is taken to be proportional to the density n. For luminescence, which goes with"
        ' n², describe the measurement: Measurement(trace, kind="TRPL counts", n0=…).'
    ]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else "more than 100 %"


def _p(value: float) -> str:
    return "p < 0.001" if value < 1e-3 else f"p = {value:.2g}"
