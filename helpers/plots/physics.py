"""Figures of one trace or a fluence series: what the data say about the processes. One function per figure.

Each draws on `ax` (by default new ones) and returns it; colours and looks are those of `plots`.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from helpers.fitting import Fit
from helpers.kinetics import RateLaw, density_of_best_yield, internal_quantum_yield, rate_terms, solve
from helpers.measurement.pulses import steady_state
from helpers.plots.style import COLOURS, axes_for, labels_of, shades
from helpers.traces import Trace
from helpers.traces.slopes import decay_rates
from helpers.units import axis_label, rate_units

PROCESSES = {"k1·n (traps)": "blue", "k2·n² (radiative)": "vermilion", "k3·n³ (Auger)": "green"}
_DASHES = ("--", "-.", ":")
_MARKERS = "osD^vP*X"
_BEYOND = 5.0  # curves over density run so far beyond the densities of the series
_POINTS = 400


def plot_series(fit: Fit, *, labels=None, ax: tuple[Axes, Axes] | None = None) -> tuple[Axes, Axes]:
    """Draw all decays with their fits on a log axis, and the weighted residuals of each below.

    A fit of any law can be drawn so. Negative signals are turned for the logarithmic axis.

    Parameters
    ----------
    fit : Fit
    labels : sequence of str, optional
        One for each trace; the traces' names by default.
    ax : two Axes, optional

    Returns
    -------
    tuple of Axes
    """
    if ax is None:
        figure = plt.figure(figsize=(6.4, 5.2), layout="constrained")
        ax = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    upper, lower = ax
    sign = fit.measurement.observable.sign or 1
    rows = zip(fit.traces, fit.curves(), fit.residuals(in_sigma=True), _looks(fit, labels), strict=True)
    lowest = []
    for trace, curve, rest, look in rows:
        signal = sign * trace.signal
        seen = signal > 0
        points = {"linestyle": "none", "marker": ".", "color": look["color"]}
        upper.plot(trace.t[seen], signal[seen], **points, markersize=2, alpha=0.3)
        upper.plot(trace.t, sign * curve, color=look["color"], linewidth=1.8, label=look["label"])
        lower.plot(trace.t, rest, **points, markersize=1.5, alpha=0.5)
        lowest.append(np.quantile(signal[seen], 0.01))
    upper.set(yscale="log", ylim=(min(lowest) / 2, None))
    upper.set_ylabel(axis_label("signal" if sign > 0 else "−signal", fit.traces[0].signal_unit))
    upper.legend()
    lower.axhline(0, color=COLOURS["black"], linewidth=1)
    lower.set(ylim=(-5, 5))
    lower.set_ylabel("residual\n(σ)")
    lower.set_xlabel(axis_label("time", fit.traces[0].t_unit))
    return upper, lower


def plot_decay_orders(fit: Fit, *, labels=None, ax: Axes | None = None) -> Axes:
    """Draw −dn/dt of every trace against n, with the fitted sum and its terms of slope 1, 2 and 3.

    The rate law knows no history: −dn/dt depends on n alone, so that the traces must lie on one curve where
    they overlap. Where they do not (trapped carriers, diffusion), no such law fits the series.
    """
    _refuse_other_laws(fit)
    ax = axes_for(ax)
    measured = _measured_rates(fit, labels)
    for n, rate, error, look in measured:
        ax.errorbar(n, rate, yerr=error, **look)
    n, rates = (np.concatenate(each) for each in zip(*(row[:2] for row in measured), strict=True))
    low, high = rates.min(), rates.max()
    n = np.geomspace(n.min(), n.max(), _POINTS)
    terms = rate_terms(n, fit.rates)
    ax.plot(
        n, terms[1:].sum(axis=0) - terms[0], color=COLOURS["black"], linewidth=1.8, label="sum of the three"
    )
    _processes(ax, n, terms[1:])
    ax.set(xscale="log", yscale="log", ylim=(low / 3, 3 * high))
    ax.set_xlabel(axis_label("n", fit.measurement.density_unit))
    ax.set_ylabel(axis_label("−dn/dt", rate_units(fit.traces[0].t_unit, fit.measurement.density_unit)[0]))
    ax.legend()
    return ax


def plot_lifetime(fit: Fit, *, labels=None, ax: Axes | None = None) -> Axes:
    """Draw the differential lifetime τ = −n/(dn/dt) of every trace against n, with the fitted law.

    Against density, not time: a lifetime that changes with time may only say that the density does.
    """
    _refuse_other_laws(fit)
    ax = axes_for(ax)
    measured = _measured_rates(fit, labels)
    for n, rate, error, look in measured:
        ax.errorbar(n, n / rate, yerr=error * n / rate**2, **look)
    n = np.concatenate([row[0] for row in measured])
    n = np.geomspace(n.min(), n.max(), _POINTS)
    terms = rate_terms(n, fit.rates)
    loss = terms[1:].sum(axis=0) - terms[0]
    shown = loss > 0  # below the equilibrium density carriers are gained
    ax.plot(n[shown], n[shown] / loss[shown], color=COLOURS["black"], linewidth=1.8, label="fitted law")
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel(axis_label("n", fit.measurement.density_unit))
    ax.set_ylabel(axis_label("lifetime −n/(dn/dt)", fit.traces[0].t_unit))
    ax.legend()
    return ax


def plot_shares_over_density(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each process in the recombination against n; marks on top are the traces' n0."""
    _refuse_other_laws(fit)
    ax = axes_for(ax)
    n = _densities(fit)
    terms = rate_terms(n, fit.rates)[1:]
    _processes(ax, n, 100 * terms / terms.sum(axis=0))
    top = {"marker": "v", "linestyle": "none", "color": COLOURS["black"], "clip_on": False}
    ax.plot(fit.n0, np.full(len(fit.n0), 100.0), **top, label="n0 of the traces")
    ax.set(xscale="log", ylim=(0, 100), ylabel="share of recombination (%)")
    ax.set_xlabel(axis_label("n", fit.measurement.density_unit))
    ax.legend()
    return ax


def plot_shares_over_time(fit: Fit, trace: int = -1, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each process in the recombination of one trace (by default the last) over time."""
    _refuse_other_laws(fit)
    ax = axes_for(ax)
    elapsed = fit.traces[trace].t - fit.time_zero[trace]
    t = np.linspace(0, elapsed[-1], _POINTS)
    terms = rate_terms(solve(t, _start(fit, trace), fit.rates), fit.rates)[1:]
    _processes(ax, t, 100 * terms / terms.sum(axis=0))
    ax.set(ylim=(0, 100), ylabel="share of recombination (%)")
    ax.set_xlabel(axis_label("time since the pulse", fit.traces[0].t_unit))
    ax.legend()
    return ax


def plot_quantum_yield(fit: Fit, *, labels=None, ax: Axes | None = None) -> Axes:
    """Draw the internal quantum yield k2·n²/(k1·n + k2·n² + k3·n³) against n, its maximum and the n0."""
    _refuse_other_laws(fit)
    ax = axes_for(ax)
    n = _densities(fit)
    ax.plot(n, 100 * internal_quantum_yield(n, fit.rates), color=COLOURS["vermilion"], linewidth=1.8)
    for n0, look in zip(fit.n0, _looks(fit, labels), strict=True):
        ax.plot(n0, 100 * internal_quantum_yield(n0, fit.rates), **look | {"markersize": 7})
    best = density_of_best_yield(fit.rates)
    if n[0] < best < n[-1]:
        words = f"largest at √(k1/k3) = {best:.2g}"
        ax.axvline(best, color=COLOURS["black"], linestyle=":", linewidth=1.2, label=words)
    ax.set(xscale="log", ylim=(0, None), ylabel="internal quantum yield (%)")
    ax.set_xlabel(axis_label("n", fit.measurement.density_unit))
    ax.legend()
    return ax


def _looks(fit: Fit, labels) -> list[dict]:
    """Return colour, marker and label of each trace: the order of a series is one of lightness."""
    looks = zip(shades(len(fit.traces)), labels_of(fit.traces, labels), strict=True)
    return [
        {"color": shade, "marker": _MARKERS[j % 8], "markersize": 4, "linestyle": "none", "label": label}
        for j, (shade, label) in enumerate(looks)
    ]


def _refuse_other_laws(fit: Fit) -> None:
    if not isinstance(fit.law, RateLaw):
        raise ValueError(
            f"this figure shows the terms of dn/dt = G − k1·n − k2·n² − k3·n³, which {fit.law!r} has not;"
            " draw such a fit with plots.plot_fit or plots.plot_series"
        )


def _start(fit: Fit, trace: int) -> float:
    """Return the density of a trace just after a pulse; in a train the pulses before have left some."""
    period = fit.measurement.repetition_period
    if period is None:
        return float(fit.n0[trace])
    return float(steady_state(fit.law, fit.n0[trace], [*fit.rates], period)[0][0])


def _measured_rates(fit: Fit, labels) -> list[tuple]:
    """Return n, −dn/dt and its error as the data have them, and the look, of each trace with a slope."""
    rows = []
    starts = fit.time_zero + (fit.measurement.response_fwhm or 0.0)
    for trace, n, start, look in zip(fit.traces, fit.densities(), starts, _looks(fit, labels), strict=True):
        after = trace.t >= start
        try:
            rows.append((*decay_rates(Trace(trace.t[after], n[after])), look))
        except ValueError:  # too noisy, or too flat, for a slope
            continue
    if not rows:
        raise ValueError("no trace shows a decay rate above its noise; nothing to draw against the density")
    return rows


def _densities(fit: Fit) -> np.ndarray:
    return np.geomspace(fit.n0.min() / _BEYOND, fit.n0.max() * _BEYOND, _POINTS)


def _processes(ax: Axes, x, terms) -> None:
    """Draw the three processes, those that take part, told apart by colour and dashes."""
    for (label, colour), dashes, term in zip(PROCESSES.items(), _DASHES, terms, strict=True):
        if term.any():
            ax.plot(x, term, color=COLOURS[colour], linestyle=dashes, linewidth=1.5, label=label)
