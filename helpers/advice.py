"""What a fit says, in plain sentences: misfit, limits, crossovers, and what to measure next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from helpers import kinetics
from helpers.fitting import PARAMETERS, Fit, single_problem
from helpers.kinetics import Rates
from helpers.least_squares import covariance
from helpers.profile_path import fewest_spare_points, spare_points, variance
from helpers.profiles import Curve, Profile, profile
from helpers.units import density_in_cm3

_DOUBT = 0.01  # p value below which residuals are called structured, or sigma wrong
_FEWEST_BLOCKS = 12
_UNEVEN = 1e-3  # p value below which the scatter depends on the signal
_SEEN = 1 / 3  # relative standard error at which a rate counts as determined
_TRADE_OFF = 0.9  # correlation worth a sentence
_PROCESS = {
    "k1": "trapping (k1·n)",
    "k2": "radiative recombination (k2·n²)",
    "k3": "Auger recombination (k3·n³)",
}


@dataclass(frozen=True)
class Misfit:
    """Whether the law describes the data.

    `found` is True where neighbouring residuals agree more than chance allows. `p` is that chance, `block`
    the number of neighbouring points over which the agreement is clearest, `correlation` that of neighbouring
    blocks. `p_size` is the chance of a χ² so far from its expectation (1 where sigma is unknown).
    """

    found: bool
    p: float
    block: int
    correlation: float
    p_size: float


def misfit(fit: Fit) -> Misfit:
    """Test of the residuals' order: z = Σ sᵢsᵢ₊₁ / √Σ(sᵢsᵢ₊₁)² over sums s of 1, 2, 4, … neighbours.

    The residuals enter as normal scores of their ranks, so that the noise of the peak does not hide the faint
    tail. Under independent noise of any (also changing) size z is standard normal. The smallest p over the
    lengths of the sums, times their number, is the verdict; below 0.01 the residuals are structured: the
    model does not describe these data.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 4, 200)
    >>> misfit(fit(Trace(t, np.exp(-t) + 0.1 * np.sin(3 * t)))).found
    True
    """
    freedom = None if fit.trace.sigma is None else fit.problem.size - fit.status.count("free")
    return structure(_weighted_residuals(fit), freedom, _rounding(fit))


def _weighted_residuals(fit: Fit) -> np.ndarray:
    return fit.residuals / (1.0 if fit.trace.sigma is None else fit.trace.sigma)


def _rounding(fit: Fit) -> float:
    """Length up to which weighted residuals are nothing but rounding."""
    return 10 * fit.problem.floor


def structure(residuals: np.ndarray, freedom: float | None = None, floor: float = 0.0) -> Misfit:
    """Test of `misfit` for residuals in their order, in units of sigma where `freedom` says it is known.

    Residuals no longer than `floor` are rounding, of which no order says anything.
    """
    lengths = [1]
    while 2 * lengths[-1] * _FEWEST_BLOCKS <= len(residuals):
        lengths.append(2 * lengths[-1])
    scores = stats.norm.ppf(stats.rankdata(residuals) / (len(residuals) + 1))
    found = [(*_agreement(scores, length), length) for length in lengths]
    p, correlation, block = min(found)
    p = min(p * len(found), 1.0) if np.linalg.norm(residuals) > floor else 1.0
    p_size = 1.0
    if freedom is not None and freedom > 0:
        squares = float(residuals @ residuals)
        p_size = min(2 * min(stats.chi2.cdf(squares, freedom), stats.chi2.sf(squares, freedom)), 1.0)
    return Misfit(bool(p < _DOUBT), float(p), block, float(correlation), float(p_size))


def _agreement(residuals, length: int) -> tuple[float, float]:
    """P value and correlation of neighbouring sums over `length` residuals."""
    count = len(residuals) // length
    sums = residuals[: count * length].reshape(count, length).sum(axis=1)
    products = sums[:-1] * sums[1:]
    size = np.sqrt(products @ products)
    if size == 0:
        return 1.0, 0.0
    return float(stats.norm.sf(products.sum() / size)), float(products.sum() / (sums @ sums))


def advise(fit: Fit, curves: Profile | None = None) -> list[str]:
    """Say in plain sentences what the fit determines, what it does not, and what would.

    Parameters
    ----------
    fit : Fit
    curves : Profile, optional
        `profile(fit)`, if it is there already.

    Returns
    -------
    list of str
        With numbers and units; the most serious first.
    """
    curves = profile(fit) if curves is None else curves
    fit = curves.fit
    words = [curves.message.capitalize() + "."] if curves.restarted else []
    if not fit.converged:
        words.append(f"The fit has not converged ({fit.message}): its numbers are not a minimum.")
    if spare_points(fit) < fewest_spare_points(fit):
        words.append(
            f"{len(fit.trace)} points and {int(fit.free.sum())} free parameters: nothing is determined."
            " Measure more points, or fix what is known."
        )
        return words
    words += _about_residuals(fit)
    words += [about_parameter(curves[name], _unit(fit, name)) for name in curves if name != "n0"]
    words += [_about_excitation(fit, curves, name) for name in curves if _is_open(curves, name)]
    words += about_trade_offs(PARAMETERS, fit.correlation)
    return words + _about_crossovers(fit) + _about_shares(fit) + _about_signal(fit)


def _is_open(curves, name) -> bool:
    return name != "n0" and curves[name].verdict != "determined"


def _about_residuals(fit: Fit) -> list[str]:
    test = misfit(fit)
    if test.found:
        neighbours = "neighbouring residuals" if test.block == 1 else f"means of {test.block} residuals"
        words = (
            f"The residuals are structured: {neighbours} are correlated ({test.correlation:+.2f},"
            f" {_p(test.p)}), so the model does not describe these data, and the errors below are too small."
        )
        return [words]
    words = [f"The residuals look like noise ({_p(test.p)} for their order)."]
    if np.linalg.norm(_weighted_residuals(fit)) <= _rounding(fit):
        words = ["The residuals are nothing but rounding: these data hold no noise to judge errors by."]
    if test.p_size < _DOUBT:
        factor = np.sqrt(fit.reduced_chi2)
        direction = "smaller" if factor > 1 else "larger"
        words.append(
            f"The reduced chi-square is {fit.reduced_chi2:.3g} ({_p(test.p_size)}): the given sigma is"
            f" {direction} than the scatter, by a factor of {max(factor, 1 / factor):.2g}."
        )
    return words + _about_scatter(fit)


def _about_scatter(fit: Fit) -> list[str]:
    """Say whether noise that depends on the signal was taken for even noise."""
    curve, scatter = fit.curve(), np.abs(fit.residuals)
    if (
        fit.trace.sigma is not None
        or np.linalg.norm(scatter) <= _rounding(fit)
        or np.ptp(curve) == 0
        or np.ptp(scatter) == 0
    ):
        return []
    ranks = stats.spearmanr(curve, scatter)
    if ranks.pvalue >= _UNEVEN:
        return []
    grows = "grows" if ranks.statistic > 0 else "shrinks"
    return [
        f"The scatter {grows} with the signal, but without sigma every point counted alike: the errors below"
        " may be several times too small or too large. Give sigma as a third column; counts are weighed"
        ' rightly by series.fit_series with weights="poisson".'
    ]


def about_parameter(curve: Curve, unit: str) -> str:
    """Say what a profile tells of its parameter."""
    name, (low, high) = curve.name, curve.interval95
    at_bound = " (the best value is its bound 0)" if curve.value == 0 else ""
    if curve.verdict == "determined":
        return f"{name} = {curve.value:.4g} {unit}, 95 % interval {low:.4g} to {high:.4g}."
    if curve.verdict == "upper limit":
        return f"{name} is at most {high:.3g} {unit} (95 %){at_bound}; it may be zero."
    if curve.verdict == "lower limit":
        return f"{name} is at least {low:.3g} {unit} (95 %); the data set no upper limit."
    return f"{name} is not determined: the data set no limit on it."


def _about_excitation(fit: Fit, curves: Profile, name: str) -> str:
    """Say whether ten times more or less excitation, at the same relative noise, would determine a rate."""
    limit = curves[name].interval95[1]
    if not np.isfinite(limit):
        return f"No excitation can be advised for {name}, because the data set no limit on it."
    index = PARAMETERS.index(name)
    errors = {factor: _expected_error(fit, index, limit, factor) / limit for factor in (10.0, 0.1)}
    factor = min(errors, key=errors.get)
    density = f"n0 = {factor * fit.n0:.3g} {fit.trace.signal_unit}".rstrip()
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


def _expected_error(fit: Fit, index: int, value: float, factor: float) -> float:
    """Return the standard error of a rate of that value in a measurement at `factor` times the density."""
    values = np.array(fit.values, float)
    values[index] = value
    values[4] *= factor
    clean = kinetics.solve(fit.trace.elapsed, values[4], Rates(*values[:4]))
    sigma = fit.trace.sigma if fit.trace.sigma is not None else np.full(len(clean), np.sqrt(variance(fit)))
    problem = single_problem(replace(fit.trace, signal=clean, sigma=factor * sigma))
    _, triangle = problem.evaluate(values / problem.scales)
    if triangle is None:
        return np.inf
    active = fit.free & (values > 0)
    return float(np.sqrt(covariance(triangle, active)[index, index]) * problem.scales[index])


def about_trade_offs(names: Sequence[str], correlation: np.ndarray) -> list[str]:
    """Name the pairs of parameters that the data can hardly tell apart."""
    words = []
    for first in range(len(names)):
        for second in range(first):
            value = correlation[first, second]
            if abs(value) > _TRADE_OFF:
                pair = f"{names[second]} and {names[first]}"
                words.append(f"{pair} trade off against each other (correlation {value:+.3f}).")
    return words


def _about_crossovers(fit: Fit) -> list[str]:
    curve = fit.curve()
    low, high = float(curve.min()), float(curve.max())
    span = f"{low:.3g} to {high:.3g} {fit.trace.signal_unit}".rstrip()
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
        name = f"n{lower[1]}{upper[1]} = {lower}/{upper}"
        number = f"{density:.3g} {fit.trace.signal_unit}".rstrip()
        words.append(f"{name} = {number} lies {place} the measured range {span}: {meaning}.")
    return words


def _about_shares(fit: Fit) -> list[str]:
    shares = kinetics.shares(fit.trace.elapsed[-1], fit.n0, fit.rates)
    end = f"{fit.trace.elapsed[-1]:.4g} {fit.trace.t_unit}".rstrip()
    (trap, one), (radiative, two), (auger, three) = zip(_PROCESS.values(), 100 * shares, strict=True)
    return [
        f"Of all recombination within {end}, {trap} makes up {one:.3g} %, {radiative} {two:.3g} % and"
        f" {auger} {three:.3g} %."
    ]


def _about_signal(fit: Fit) -> list[str]:
    """Say what a signal that is no density is taken for."""
    if density_in_cm3(fit.trace.signal_unit) is not None:
        return []
    return [
        f"The signal ({fit.trace.signal_unit or 'no unit'}) is taken to be proportional to the density n. For"
        ' luminescence, which goes with n², use fit_series(observable="photoluminescence").'
    ]


def _unit(fit: Fit, name: str) -> str:
    return getattr(fit.units, name)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else "more than 100 %"


def _p(value: float) -> str:
    return "p < 0.001" if value < 1e-3 else f"p = {value:.2g}"
