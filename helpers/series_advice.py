"""What a global fit says, in plain sentences: the advice of the single fit, for a series."""

from __future__ import annotations

import numpy as np

from helpers.advice import about_parameter, about_trade_offs, structure
from helpers.kinetics import RATES
from helpers.profiles import Profile, profile
from helpers.series_fit import SeriesFit
from helpers.units import rates_in_cgs

_DOUBT = 1e-3  # p value below which the given noise is called wrong


def advise_series(fit: SeriesFit, curves: Profile | None = None) -> list[str]:
    """Say in plain sentences what the series determines, what it does not, and which trace does not fit.

    Parameters
    ----------
    fit : SeriesFit
    curves : Profile, optional
        `profile(fit, …)` of the rates, if it is there already.

    Returns
    -------
    list of str
        With numbers and units; the most serious first.

    Examples
    --------
    >>> from helpers.series import fit_series
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 5, 60)
    >>> traces = [Trace(t, n / (1 + n * t) + 0.01 * np.sin(37 * t), name=f"n0 = {n}") for n in (1, 4)]
    >>> advise_series(fit_series(traces))[0]
    'n0 = 1: the residuals look like noise.'
    """
    free = [name for name, may_move in zip(fit.problem.names, fit.free, strict=True) if may_move]
    rates = [name for name in free if name in RATES]
    curves = profile(fit, rates) if curves is None else curves
    fit = curves.fit
    words = [curves.message.capitalize() + "."] if curves.restarted else []
    if not fit.converged:
        words.append(f"The fit has not converged ({fit.message}): its numbers are not a minimum.")
    words += list(fit.notes) + _about_traces(fit) + [_about_rate(fit, curves, name) for name in curves]
    words += _about_left_overs(fit)
    return words + about_trade_offs(fit.names, fit.correlation)


def _about_traces(fit: SeriesFit) -> list[str]:
    words = []
    per_trace = fit.status.count("free") / len(fit.traces)
    pairs = zip(fit.traces, fit.residuals(), fit.model.weights, strict=True)
    for number, (trace, residuals, weights) in enumerate(pairs, 1):
        rounding = 1e-12 * float(np.linalg.norm(trace.signal * weights))
        test = structure(residuals * weights, len(trace) - per_trace if fit.absolute else None, rounding)
        name = trace.name or f"trace {number}"
        if test.found:
            words.append(
                f"{name}: the residuals are structured (correlation {test.correlation:+.2f} over"
                f" {test.block} neighbours); one set of rates does not describe this trace."
            )
        elif test.p_size < _DOUBT:
            spread = np.sqrt(np.mean((residuals * weights) ** 2))
            words.append(f"{name}: the residuals look like noise, of {spread:.2f} times the size given.")
        else:
            words.append(f"{name}: the residuals look like noise.")
    return sorted(words, key=lambda each: "structured" not in each)


def _about_rate(fit: SeriesFit, curves: Profile, name: str) -> str:
    """Say what the profile tells of a rate, with the value or the limit in cgs units."""
    row, curve = fit.table().loc[name], curves[name]
    sentence = about_parameter(curve, row["unit"])
    low, high = curve.interval95
    told = {"determined": curve.value, "upper limit": high, "lower limit": low}.get(curve.verdict)
    if name not in RATES or told is None or np.isnan(row["in cgs"]):
        return sentence
    factors = rates_in_cgs((1, 1, 1, 1), fit.t_unit, fit.density_unit)
    return f"{sentence} In cgs: {told * factors[RATES.index(name)]:.4g} {row['cgs unit']}."


def _about_left_overs(fit: SeriesFit) -> list[str]:
    most = fit.left_over.max()
    if most < 0.01:
        return []
    return [f"Up to {100 * most:.2g} % of the carriers are still there when the next pulse comes."]
