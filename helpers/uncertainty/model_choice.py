"""Which terms, or which law, do the data ask for: models fitted to the same data and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from helpers.fitting import Fit, suggest
from helpers.kinetics import RATES, RateLaw
from helpers.uncertainty.profile_path import fewest_spare_points, freedom, spare_points, variance
from helpers.uncertainty.thresholds import chance

_TOLD_APART = 2.0  # BIC: odds of e to 1


@dataclass(frozen=True, eq=False)
class Ladder:
    """Models of the same data, and the one that the data choose.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each model: parameters counted, rmse, AICc and BIC above the smallest, for terms the p
        of the likelihood ratio to the fullest model, parameters that ended at 0, whether the fit converged.
    fits : dict of str to Fit
        By the model's name, such as "k1 + k2".
    best : str
        The model with the fewest parameters among those within 2 of the smallest BIC.
    rivals : tuple of str
        The others of these: the data cannot tell them from the best.
    verdict : str
        The same in a sentence.
    """

    table: pd.DataFrame
    fits: dict[str, Fit]
    best: str
    rivals: tuple[str, ...]
    verdict: str

    def __repr__(self) -> str:
        return f"Ladder({len(self.fits)} models, best: {self.best})"


def compare_terms(fit: Fit) -> Ladder:
    """Fit every subset of the law's terms again, and rank them: BIC = 2·cost + p·ln m.

    Parameters
    ----------
    fit : Fit
        Its law says which terms can be dropped (for the rate law G, k1, k2, k3). What the fit held stays
        held: n0, a scale, or a rate that is known; n0, scales and offsets that it varied are varied.

    Returns
    -------
    Ladder

    Raises
    ------
    ValueError
        For a law or a fit without a term to drop.

    Notes
    -----
    Criteria are those of `Fit.aicc` and `Fit.bic`. BIC chooses, because AICc keeps a superfluous rate in one
    of twelve cases however long the trace, BIC ever more rarely (Schwarz 1978, "Estimating the dimension of
    a model"). Models within 2 of the smallest BIC are not told apart ("not worth more than a bare mention":
    Kass & Raftery 1995, "Bayes factors"); of these the one with the fewest parameters is best. p:
    probability that chance alone brings the fullest model's gain over this model, with rates that cannot
    be negative; never below that of one rate alone, half of the textbook's (see `thresholds`).

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 5, 200)
    >>> noise = 0.005 * np.random.default_rng(0).standard_normal(200)
    >>> compare_terms(fit(Trace(t, 2 / (1 + 2 * t) + noise))).best
    'k2'
    """
    terms = _terms(fit)
    fits: dict[str, Fit] = {}
    for count in range(len(terms), -1, -1):
        for subset in combinations(terms, count):
            dropped = [name for name in terms if name not in subset]
            if (name := _name(fit, dropped)) is not None:
                fits[name] = _reduced(fits.values(), subset, dropped) or _without(fit, dropped)
    return _ladder(_monotonic(fits))


def compare(fits: Sequence[Fit] | Mapping[str, Fit]) -> Ladder:
    """Rank fits of different laws to the same data by BIC = 2·cost + p·ln m and AICc.

    Parameters
    ----------
    fits : sequence of Fit, or mapping of name to Fit
        In a sequence each is called by its law.

    Returns
    -------
    Ladder

    Raises
    ------
    ValueError
        For fewer than two fits, or fits whose data, noise or loss differ: their criteria have nothing in
        common.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.kinetics import Equation
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 5, 50)
    >>> trace = Trace(t, 2 / (1 + 2 * t) + 0.01 * np.sin(40 * t))
    >>> def power(t, n, args):
    ...     return -args[0] * n**1.5
    >>> own = fit(trace, [1.0], law=Equation(power, ["k"]))
    >>> compare({"bimolecular": fit(trace, fixed=["G", "k1", "k3"]), "power": own}).best
    'bimolecular'
    """
    named = dict(fits) if isinstance(fits, Mapping) else _called(fits)
    if len(named) < 2:
        raise ValueError("compare: give two fits or more, of different laws to the same data")
    first_name, first = next(iter(named.items()))
    for name, each in named.items():
        if (what := _difference(first, each)) is not None:
            raise ValueError(
                f"{name} and {first_name} differ in their {what}: only fits of the same data with the same"
                " noise and loss can be compared"
            )
    return _ladder(named, with_p=False)


def _called(fits: Iterable[Fit]) -> dict[str, Fit]:
    named: dict[str, Fit] = {}
    for each in fits:
        name, number = each.law.key, 1
        while name in named:
            number += 1
            name = f"{each.law.key} ({number})"
        named[name] = each
    return named


def _difference(one: Fit, other: Fit) -> str | None:
    """Say what keeps two fits from being compared, or None."""
    pairs = list(zip(one.traces, other.traces, strict=False))
    if len(one.traces) != len(other.traces):
        return "number of traces"
    for what in ("t", "signal"):
        if not all(np.array_equal(getattr(a, what), getattr(b, what)) for a, b in pairs):
            return "times" if what == "t" else "data"
    for a, b in zip(one.problem.likelihoods, other.problem.likelihoods, strict=True):
        if one.measurement.noise == other.measurement.noise == "estimated" and a.loss == b.loss == "linear":
            continue  # each has the noise that its own residuals ask for, and the criteria count that
        if a.noise != b.noise or not np.array_equal(a.sigma, b.sigma):
            return "noise"
        if a.loss != b.loss or (a.loss != "linear" and a.f_scale != b.f_scale):
            return "loss"
    return None


def _terms(fit: Fit) -> list[str]:
    if not fit.law.droppable:
        raise ValueError(
            f"{fit.law!r} says of no term that it can be left out: name such arguments with"
            " Equation(..., droppable=[...]), or compare fits of several laws with compare"
        )
    if fit.minimum.triangle is None:
        raise ValueError(f"this fit has no minimum to begin from ({fit.message}): fit with another guess")
    free = dict(zip(fit.names, fit.free, strict=True))
    terms = [name for name in fit.law.names if name in fit.law.droppable and free[name]]
    if not terms:
        raise ValueError(
            f"the fit held {', '.join(fit.law.droppable)}, so that there is no term to drop: fit with one of"
            " them free"
        )
    if bounded := [each for each in fit.problem.parameters if each.name in terms and each.lower > 0]:
        raise ValueError(
            f"{bounded[0].name} cannot be left out: its lower bound {bounded[0].lower:g} is above 0; lower"
            " the bound, or take it from droppable"
        )
    return terms


def _name(fit: Fit, dropped: Sequence[str]) -> str | None:
    """Name of the model without the dropped terms; None where nothing is left to recombine."""
    left = [name for name in fit.law.names if name not in dropped]
    free = dict(zip(fit.names, fit.free, strict=True))
    words = [name if free[name] else f"{name} (held)" for name in left if free[name] or fit.values[name] != 0]
    if isinstance(fit.law, RateLaw):
        words_of_losses = [word for word in words if word.split()[0] != "G"]
        return " + ".join(words) if words_of_losses else None
    return " + ".join(words) or None


def _without(fit: Fit, dropped: Sequence[str]) -> Fit:
    """Fit again without the dropped terms."""
    if not dropped:
        return fit
    guess = dict.fromkeys(dropped, 0.0)
    left = [name for name in fit.law.droppable if name not in dropped]
    if left and not fit.values[left].any():  # the terms that are left were not needed beside the others
        guess = _start(fit, dropped) | guess
    held = [*fit.fixed, *dropped]
    found = fit.refit(guess=guess, fixed=held)
    if found.converged:
        return found
    again = fit.refit(guess=_start(fit, dropped) | dict.fromkeys(dropped, 0.0), fixed=held)
    return min(found, again, key=lambda each: each.cost)


def _start(fit: Fit, dropped: Sequence[str]) -> dict[str, float]:
    """Law's parameters to begin with: the automatic guess where there is one, else the fit's own."""
    if not isinstance(fit.law, RateLaw):
        return {name: fit.guess[name] for name in fit.law.names if name not in fit.fixed}
    known = dict.fromkeys(dropped, 0.0) | {
        name: float(fit.values[name]) for name in RATES if name in fit.fixed
    }
    try:
        return dict(zip(RATES, suggest(fit.measurement, fixed=known), strict=True)) | known
    except ValueError:
        return {name: fit.guess[name] for name in RATES} | known


def _reduced(done: Iterable[Fit], subset: Sequence[str], dropped: Sequence[str]) -> Fit | None:
    """Return a richer model's fit that ended with all its further terms at 0: it is this model's fit, too."""
    for each in done:
        free = {name for name, free in zip(each.names, each.free, strict=True) if free}
        is_richer = free >= set(subset) and free & set(dropped)
        if is_richer and each.converged and not each.values[list(dropped)].any():
            return replace(each, free=each.free & ~np.isin(each.names, dropped))
    return None


def _monotonic(fits: dict[str, Fit]) -> dict[str, Fit]:
    """Fit the fullest model again where a smaller one is closer: it can do whatever a smaller one does."""
    name, fullest = next(iter(fits.items()))
    closest = min(fits.values(), key=lambda each: each.cost)
    if closest.cost < fullest.cost * (1 - 1e-9):
        again = fullest.refit(guess=dict(closest.values))
        return {**fits, name: min(fullest, again, key=lambda each: each.cost)}
    return fits


def _ladder(fits: dict[str, Fit], *, with_p: bool = True) -> Ladder:
    fullest = next(iter(fits.values()))
    rows = [_row(each, fullest if with_p else None) for each in fits.values()]
    table = pd.DataFrame(rows, index=pd.Index(list(fits), name="terms" if with_p else "law"))
    for criterion in ("AICc", "BIC"):
        smallest = table[criterion].min()
        table[criterion] -= smallest if np.isfinite(smallest) else 0.0
    table = table.sort_values(["BIC", "parameters"], kind="stable")
    table = table.rename(columns={"AICc": "ΔAICc", "BIC": "ΔBIC"})
    return Ladder(table, fits, *_choice(table, fullest.problem.size))


def _row(model: Fit, fullest: Fit | None) -> dict[str, object]:
    enough = spare_points(model) >= fewest_spare_points(model)
    row: dict[str, object] = {
        "parameters": model.parameters,
        "rmse": model.rmse,
        "AICc": model.aicc if enough else np.inf,
        "BIC": model.bic if enough and np.isfinite(model.aicc) else np.inf,
    }
    if fullest is not None:
        row["p"] = _p_value(model, fullest)
    at_bound = [name for name, state in model.status.items() if state == "bound"]
    return row | {"at zero": ", ".join(at_bound), "converged": model.converged}


def _p_value(model: Fit, fullest: Fit) -> float:
    """Probability of the fullest model's gain over this model, were this model true."""
    held = fullest.free & ~model.free
    if not held.any() or fullest.freedom < 1 or model.minimum.triangle is None:
        return 1.0
    noise, names = variance(fullest), np.array(fullest.names)[held]
    rise = max(2 * (model.cost - fullest.cost) / noise, 0.0)
    # The smaller model's own problem may have no derivatives by the terms that it dropped.
    x = fullest.problem.point(np.array(model.values))
    _, triangle = fullest.problem.evaluate(x)
    if triangle is None:
        return 1.0
    options = {"signed": fullest.problem.signed, "variance": noise, "freedom": freedom(fullest, names)}
    return chance(rise, triangle, x, fullest.free, held, **options)


def _choice(table: pd.DataFrame, points: int) -> tuple[str, tuple[str, ...], str]:
    """Name the model to use, those that cannot be told from it, and both in a sentence."""
    above = table["ΔBIC"]
    if not np.isfinite(above.iloc[0]):
        words = f"{points} points are too few to choose between models."
        return str(table.index[0]), tuple(table.index[1:]), words
    together = table[above < _TOLD_APART]
    best = together["parameters"].idxmin()  # the first of the fewest, hence the smallest BIC among them
    rivals = tuple(name for name in together.index if name != best)
    if rivals:
        others = " and ".join(f"{name} ({above[name] - above[best]:+.1f})" for name in rivals)
        words = f"The simplest model that the data allow is {best}; by their BIC they cannot tell it from"
        return best, rivals, f"{words} {others}."
    if len(table) == 1:
        return best, rivals, f"The only model to choose from was {best}."
    words = f"The data ask for {best}: the next, {table.index[1]}, has a BIC {above.iloc[1]:.1f} higher."
    return best, rivals, words
