"""Fits of a law to a measurement, from one guess or from several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from helpers.fitting.result import Fit
from helpers.fitting.search import Options, find_minimum
from helpers.kinetics import RateLaw, Rates
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, as_measurement
from helpers.progress import with_progress
from helpers.traces import Trace


def fit(
    data: Trace | Sequence[Trace] | Measurement,
    guess: Rates | Sequence[float] | Mapping[str, float] | None = None,
    *,
    law: Law | None = None,
    fixed: Iterable[str] | None = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    max_evaluations: int = 200,
    record_path: bool = False,
) -> Fit:
    """Most likely parameters of a law for a measurement: min ½·Σ((S(tᵢ) − Sᵢ)/σᵢ)², or of the deviance.

    Parameters
    ----------
    data : Trace, sequence of Trace, or Measurement
        Bare traces are taken as densities from their first point on.
    guess : Rates, numbers, or mapping of name to value, optional
        Start of the law's parameters; a mapping may name any parameter ("n0", "offset_2"). By default the
        automatic guess of the rate law.
    law : Law, optional
        The rate law by default; `kinetics.Equation` makes one of any function.
    fixed : names, optional
        Parameters held at their guess (at 0 without one), by name or by kind ("n0"). By default those that
        the law holds: G for the rate law, because after a pulse there is no generation. `fixed=()` frees all.
    loss, f_scale : {"linear", "soft_l1", "huber", "cauchy"}, float
        Robust losses let outliers pull less; `f_scale` is the residual, in sigma (in √counts, or in the
        signal's unit where the noise is unknown), from which on they do.
    max_evaluations : int
        Evaluations of the model after which the search gives up.
    record_path : bool
        Keep the points that the search visited in `Fit.minimum.path`, in units of `Fit.problem.scales`.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        For unknown names or losses, a guess out of its bounds, or a request that no data can answer (n0 and
        scale both free; counts before the pulse and a background of 0). A guess for which the law overflows
        is no error: that fit did not converge, and its `message` says why.

    Notes
    -----
    Where there are neither standard errors nor counts the noise is "estimated": a first fit has even weights;
    where its residuals reject even noise at the 1 % level, or are fewer than that test needs, the points are
    weighed with σ² = a² + c·s + (b·s)² and fitted again (see `weighing`). `Fit.noise` says what was found. A
    robust loss keeps even weights, and so does `Measurement(..., noise="even")`.

    The search runs in the natural units of law and data, so units do not matter to it. A guess faster than
    the data resolve is first slowed to what they resolve.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 5, 50)
    >>> round(float(fit(Trace(t, 2 / (1 + 2 * t))).values["k2"]), 6)
    1.0
    """
    found = find_minimum(
        _measured(data),
        guess,
        law=RateLaw() if law is None else law,
        fixed=fixed,
        loss=loss,
        f_scale=f_scale,
        options=Options(max_evaluations, record_path),
    )
    return Fit(*found)


def fit_from_guesses(
    data: Trace | Sequence[Trace] | Measurement,
    guesses: Iterable,
    *,
    progress: bool = True,
    **options,
) -> list[Fit]:
    """One fit from each guess, in the guesses' order; `options` are those of `fit`.

    A progress bar appears once the work has taken a second. `table` shows all of them side by side. Where the
    noise is estimated, all of them have that of the best one: without the same weights no costs compare.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 5, 50)
    >>> fits = fit_from_guesses(Trace(t, 2 / (1 + 2 * t)), [(0, 1, 0, 0), (0, 0, 9, 0)])
    >>> [round(float(each.values["k2"]), 6) for each in fits]
    [1.0, 1.0]
    """
    measurement, guesses = _measured(data), list(guesses)
    bar = with_progress(guesses, "fits", total=len(guesses), wanted=progress)
    return with_one_noise([fit(measurement, guess, **options) for guess in bar])


def with_one_noise(fits: Sequence[Fit]) -> list[Fit]:
    """Return fits to the same data with the noise that the best of them estimates, so that costs compare.

    A fit that weighs by its own residuals makes χ² as large as its degrees of freedom, however poor it is.
    By BIC the best one is that whose residuals, weighed so, are smallest.
    """
    likely = [each for each in fits if each.converged and each.measurement.noise == "estimated"]
    if len(fits) < 2 or not likely:
        return list(fits)
    best = min(likely, key=lambda each: each.bic)
    if all(each.problem.likelihoods[0].noise == "even" for each in fits):
        return list(fits)
    return [each if each is best else _with_noise_of(best, each) for each in fits]


def _with_noise_of(best: Fit, each: Fit) -> Fit:
    found = each.refit(noise_of=best)
    evaluations = each.evaluations + found.evaluations
    minimum = replace(found.minimum, path=each.minimum.path + found.minimum.path, evaluations=evaluations)
    return replace(found.at(minimum), guess=each.guess)


def _measured(data) -> Measurement:
    if not isinstance(data, Measurement | Trace | Iterable):
        raise ValueError(f"data = {data!r:.60}: give a Trace, several of them, or a Measurement")
    return as_measurement(data)


def table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Table of fits, one row each: guess, minimum, cost, and whether it is the best minimum of them all.

    "same minimum" marks a converged fit with a cost within 1e-6 of the smallest.
    """
    if not fits:
        return pd.DataFrame()
    best = min(fit.cost for fit in fits)
    rows = []
    for each in fits:
        row: dict[str, Any] = {f"guess {name}": each.guess[name] for name in each.law.names}
        row |= dict(each.values)
        row |= {"cost": each.cost, "rmse": each.rmse, "evaluations": each.evaluations}
        if each.measurement.noise == "estimated":
            row["noise"] = each.noise
        row["converged"] = each.converged
        row["same minimum"] = each.converged and each.cost <= best * (1 + 1e-6)
        rows.append(row)
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="start"))
