"""Pictures of a report: the traces as they were taken, and the fit with its residuals, one strip a trace."""

from __future__ import annotations

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.fitting import Fit
from helpers.measurement import Measurement
from helpers.plots import COLOURS
from helpers.traces import Trace
from helpers.units import axis_label

_ROW = 3.0  # inches
_STRIP_LIMIT = 4.5  # standard deviations that a strip shows at least


def colour(j: int, count: int):
    """Return the colour of trace j: the order of a series is one of lightness."""
    return plt.get_cmap("viridis")(0.0 if count == 1 else 0.85 * (1 - j / (count - 1)))


def draw_measurement(measurement: Measurement, whole: list[Trace], zeros: np.ndarray | None = None) -> Figure:
    """Draw all points that were read, those that are used, the baseline and time zero of each trace.

    Parameters
    ----------
    measurement : Measurement
    whole : list of Trace
        The traces as they were read, before any window.
    zeros : ndarray, optional
        Time zero of each trace; by default that of the measurement, where a fit of it begins.
    """
    zeros = measurement.time_zero if zeros is None else zeros
    count = len(measurement)
    figure, rows = plt.subplots(count, 1, figsize=(7.5, _ROW * count), layout="constrained", squeeze=False)
    for j, (axes, trace, used) in enumerate(zip(rows[:, 0], whole, measurement.traces, strict=True)):
        axes.plot(trace.t, trace.signal, ".", color="0.75", markersize=3, label="read")
        axes.plot(used.t, used.signal, ".", color=colour(j, count), markersize=3, label="used")
        dark = used.t[measurement.before_pulse(j)]
        if dark.size:
            axes.axvspan(dark[0], dark[-1], color=COLOURS["sky"], alpha=0.3, label="baseline")
        axes.axvline(zeros[j], color=COLOURS["vermilion"], linewidth=1, label="time zero")
        axes.axvspan(used.t[0], used.t[-1], color="0.5", alpha=0.06, label="window")
        _scale_signal(axes, used)
        axes.set_title(used.name, fontsize="medium")
        axes.set_ylabel(axis_label("signal", used.signal_unit))
    rows[0, 0].legend(fontsize="small")
    rows[-1, 0].set_xlabel(axis_label("t", measurement.t_unit))
    return figure


def draw_fit(fit: Fit) -> Figure:
    """Draw data and curves, and below them the residuals in σ, one strip for each trace."""
    count = len(fit.traces)
    figure = plt.figure(figsize=(7.5, 3.6 + 0.9 * count), layout="constrained")
    axes = figure.subplots(1 + count, 1, sharex=True, height_ratios=[4, *[1] * count])
    residuals = fit.residuals(in_sigma=True)
    for j, (trace, curve, rest) in enumerate(zip(fit.traces, fit.curves(), residuals, strict=True)):
        shade = colour(j, count)
        axes[0].plot(trace.t, trace.signal, ".", color=shade, markersize=3, alpha=0.4)
        axes[0].plot(trace.t, curve, color=shade, linewidth=1.6, label=trace.name or "fit")
        strip = axes[j + 1]
        strip.plot(trace.t, rest, ".", color=shade, markersize=2.5)
        strip.axhline(0, color="black", linewidth=0.8)
        limit = max(_STRIP_LIMIT, 1.05 * float(np.abs(rest).max()))
        strip.set_ylim(-limit, limit)
        strip.set_ylabel("σ")
    _scale_signal(axes[0], max(fit.traces, key=lambda each: np.abs(each.signal).max()))
    axes[0].set_ylabel(axis_label("signal", fit.measurement.signal_unit))
    axes[0].legend(fontsize="small")
    axes[-1].set_xlabel(axis_label("t", fit.measurement.t_unit))
    return figure


def as_html(figure: Figure, words: str, *, dpi: int) -> str:
    """Return a figure, which is closed, as an image of a page, with `words` for those who do not see it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    plt.close(figure)
    picture = base64.b64encode(file.getvalue()).decode("ascii")
    alt = html.escape(words, quote=True)
    return f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{picture}">'


def _scale_signal(axes, trace: Trace) -> None:
    """Use a log axis where the signal is positive but for noise; a bleach stays linear."""
    positive = trace.signal[trace.signal > 0]
    if positive.size > 0.7 * len(trace) and positive.max() > -2 * trace.signal.min():
        axes.set_yscale("log")
        axes.set_ylim(max(float(np.quantile(positive, 0.02)) / 3, 1e-5 * positive.max()), 3 * positive.max())
