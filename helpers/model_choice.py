"""Which terms of the rate law do the data ask for: every sensible subset fitted and compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from helpers.evidence.thresholds import chance
from helpers.fitting import PARAMETERS, Fit, as_fit, fit
from helpers.kinetics import RATES
from helpers.profile_path import fewest_spare_points, freedom, spare_points, variance
from helpers.traces import Trace

_TOLD_APART = 2.0  # BIC: odds of e to 1


@dataclass(frozen=True, eq=False)
class Ladder:
    """Models from the fewest terms to all of them, and the one that the data choose.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each model: parameters counted, rmse, χ² (or Σr²/variance of the fullest model),
        AICc and BIC above the smallest, p of the likelihood ratio to the fullest model.
    fits : dict of str to Fit
        By the model's name, such as "k1 + k2".
    best : str
        The model with the fewest terms among those within 2 of the smallest BIC.
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
        return f"Ladder({self.verdict})"


def compare_terms(
    trace: Trace, *, terms: Iterable[str] = RATES, fixed: Iterable[str] = (), n0: float | None = None
) -> Ladder:
    """Fit every subset of the terms that can recombine, and rank them: BIC = χ² + k·ln N.

    Parameters
    ----------
    trace : Trace or Fit
        Data from the moment the law holds.
    terms : names among G, k1, k2, k3
        Terms to choose from; a subset needs at least one of k1, k2, k3.
    fixed : names
        "n0" to hold the initial density.
    n0 : float, optional
        Its start or held value.

    Returns
    -------
    Ladder

    Notes
    -----
    With sigma χ² = Σ(r/σ)²; without it N·ln(Σr²/N) stands in its place, and the noise's variance counts among
    the k parameters. AICc = χ² + 2k + 2k(k + 1)/(N − k − 1). BIC chooses, because AICc keeps a superfluous
    rate in one of twelve cases however long the trace, BIC ever more rarely (Schwarz 1978, "Estimating the
    dimension of a model"). Models within 2 of the smallest BIC are not told apart ("not worth more than a
    bare mention": Kass & Raftery 1995, "Bayes factors"); of these the one with the fewest terms is best.
    p: probability that chance alone brings the fullest model's gain over this model, with rates that
    cannot be negative (see `evidence.thresholds`).

    Examples
    --------
    >>> t = np.linspace(0, 5, 200)
    >>> noise = 0.005 * np.random.default_rng(0).standard_normal(200)
    >>> compare_terms(Trace(t, 2 / (1 + 2 * t) + noise)).best
    'k2'
    """
    trace = trace.trace if isinstance(trace, Fit) else trace
    terms = [term for term in RATES if term in _checked(terms)]
    held = {fixed} if isinstance(fixed, str) else set(fixed)
    if unknown := held - {"n0"}:
        raise ValueError(
            f"fixed = {sorted(unknown)}: only n0 can be held; to drop a rate leave it out of terms"
        )
    fits: dict[str, Fit] = {}
    for subset in _subsets(terms):
        dropped = [term for term in RATES if term not in subset]
        fits[" + ".join(subset)] = _reduced(fits.values(), subset) or fit(
            trace, n0=n0, fixed=[*dropped, *held]
        )
    return _ladder(trace, fits)


def _checked(terms) -> set[str]:
    chosen = set([terms] if isinstance(terms, str) else terms)
    if unknown := chosen - set(RATES):
        raise ValueError(f"terms = {sorted(unknown)}: choose among {', '.join(RATES)}")
    if not chosen - {"G"}:
        raise ValueError("terms: at least one of k1, k2, k3 must be there for anything to decay")
    return chosen


def _subsets(terms) -> list[tuple[str, ...]]:
    """Subsets with at least one recombination term, the richest first."""
    every = [some for count in range(len(terms), 0, -1) for some in combinations(terms, count)]
    return [some for some in every if some != ("G",)]


def _reduced(done: Iterable[Fit], subset) -> Fit | None:
    """Return a richer model's fit that ended with all its further rates at 0: it is this model's fit, too."""
    wanted = np.array([name in subset or name == "n0" for name in PARAMETERS])
    for each in done:
        extra = each.free & ~wanted
        if extra.any() and not (wanted[:4] & ~each.free[:4]).any() and (each.minimum.x[extra] == 0).all():
            free = each.free & wanted
            return as_fit(each.trace, each.problem, each.minimum, free, guess=each.guess)
    return None


def _ladder(trace: Trace, fits: dict[str, Fit]) -> Ladder:
    fullest = next(iter(fits.values()))
    closest = min(fits.values(), key=lambda each: each.cost)
    if closest.cost < fullest.cost * (1 - 1e-9):  # the fullest model can do whatever a smaller one does
        fixed = [name for name, free in zip(PARAMETERS, fullest.free, strict=True) if not free]
        again = fit(trace, closest.rates, n0=closest.n0, fixed=fixed)
        fits = {**fits, next(iter(fits)): min(fullest, again, key=lambda each: each.cost)}
        fullest = next(iter(fits.values()))
    table = pd.DataFrame(
        [_row(each, fullest) for each in fits.values()], index=pd.Index(list(fits), name="terms")
    )
    for criterion in ("AICc", "BIC"):
        smallest = table[criterion].min()
        table[criterion] -= smallest if np.isfinite(smallest) else 0.0
    table = table.sort_values(["BIC", "parameters"], kind="stable")
    table = table.rename(columns={"AICc": "ΔAICc", "BIC": "ΔBIC"})
    return Ladder(table, fits, *_choice(table, len(trace)))


def _row(model: Fit, fullest: Fit) -> dict[str, object]:
    size, known = model.problem.size, model.trace.sigma is not None
    squares = max(2 * model.cost, model.problem.floor**2)
    count = int(model.free.sum()) + (0 if known else 1)
    misfit = squares if known else size * np.log(squares / size)
    at_zero = [name for name, state in zip(PARAMETERS, model.status, strict=True) if state == "bound"]
    enough = spare_points(model) >= fewest_spare_points(model) and size > count + 1
    correction = 2 * count * (count + 1) / (size - count - 1) if enough else np.inf
    return {
        "parameters": count,
        "rmse": model.rmse,
        "AICc": misfit + 2 * count + correction,
        "BIC": misfit + count * np.log(size) if enough else np.inf,
        "p": _p_value(model, fullest),
        "at zero": ", ".join(at_zero),
        "converged": model.converged,
    }


def _p_value(model: Fit, fullest: Fit) -> float:
    """Probability of the fullest model's gain over this model, were this model true."""
    held = fullest.free & ~model.free
    spare = freedom(fullest)
    if not held.any() or spare < 1 or model.minimum.triangle is None:
        return 1.0
    noise = variance(fullest)
    rise = max(2 * (model.cost - fullest.cost) / noise, 0.0)
    options = {"variance": noise, "freedom": spare}
    return chance(rise, model.minimum.triangle, model.minimum.x, fullest.free, held, **options)


def _choice(table: pd.DataFrame, points: int) -> tuple[str, tuple[str, ...], str]:
    """Name the model to use, those that cannot be told from it, and both in a sentence."""
    above = table["ΔBIC"]
    if not np.isfinite(above.iloc[0]):
        words = f"{points} points are too few to choose between models"
        return str(table.index[0]), tuple(table.index[1:]), words
    together = table[above < _TOLD_APART]
    best = together["parameters"].idxmin()  # the first of the fewest, hence the smallest BIC among them
    rivals = tuple(name for name in together.index if name != best)
    if rivals:
        others = " and ".join(f"{name} ({above[name] - above[best]:+.1f})" for name in rivals)
        return best, rivals, f"{best} is enough, but by their BIC the data cannot tell it from {others}"
    if len(table) == 1:
        return best, rivals, f"{best} was the only model to choose from"
    words = f"the data ask for {best}: the next, {table.index[1]}, has a BIC {above.iloc[1]:.1f} higher"
    return best, rivals, words
