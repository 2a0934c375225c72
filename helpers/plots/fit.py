"""The figure of a fit: data, fitted curve and residuals of one trace or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from helpers.fitting import Fit
from helpers.measurement import Measurement
from helpers.plots.style import (
    COLOURS,
    DATA,
    MODEL,
    SCALES,
    axes_for,
    labels_of,
    limit_axes,
    points,
    shades,
    smooth_times,
    time_label,
)
from helpers.records import FitRecord
from helpers.traces import Trace
from helpers.units import axis_label


class _Row(NamedTuple):
    """What is drawn of one trace, whose times are counted from `start`."""

    trace: Trace
    start: float
    t: np.ndarray
    curve: np.ndarray
    residuals: np.ndarray


def plot_fit(
    fit: Fit | FitRecord,
    measurement: Measurement | Trace | None = None,
    *,
    scale: str = "linear",
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> tuple[Axes, Axes]:
    """Draw data, the fitted curve and, below, the residuals data − model (in σ, where that is known).

    The traces of a series are told apart by colour; their residuals are always in σ, estimated where the
    noise is unknown.

    Parameters
    ----------
    fit : Fit or FitRecord
    measurement : Measurement or Trace, optional
        The data; needed with a record, which holds none.
    scale : {"linear", "semilog", "loglog"}
        With "loglog" the time runs from the pulse. A negative signal is turned for a logarithmic axis.
    labels : sequence of str, optional
        One for each trace of a series; the traces' names by default.
    ax : Axes, optional
        Made by `plt.subplots` or `figure.add_subplot`; its lower quarter goes to the residuals.

    Returns
    -------
    (Axes, Axes)
        The upper axes and those of the residuals.

    Raises
    ------
    ValueError
        For a record without its data, an unknown scale, or another number of labels than of traces.
    """
    if scale not in SCALES:
        raise ValueError(f"scale = {scale!r}: choose one of {', '.join(SCALES)}")
    if isinstance(fit, FitRecord):
        fit = _made_again(fit, measurement)
    rows = _rows(fit, scale)
    upper, lower = _two_axes(ax)
    looks = _looks(rows, labels)
    for row, (data, model) in zip(rows, looks, strict=True):
        upper.plot(*points(row.trace, row.start, scale), **data)
        upper.plot(row.t - row.start, row.curve, **model)
    upper.set(xscale=SCALES[scale][0], yscale=SCALES[scale][1], ylabel=_signal_label(fit, scale))
    limit_axes(upper, [(row.trace, row.start) for row in rows], scale)
    upper.tick_params(labelbottom=False)
    upper.legend()
    _residuals(lower, rows, [data for data, _ in looks])
    lower.set_xscale(SCALES[scale][0])
    lower.set_xlabel(time_label(rows[0].trace, scale, "the pulse"))
    lower.set_ylabel(axis_label("residual\n", _residual_unit(fit)).replace("\n ", "\n"))
    return upper, lower


def _made_again(record: FitRecord, measurement: Measurement | Trace | None) -> Fit:
    if measurement is None:
        raise ValueError("a record holds no data: give plot_fit(record, measurement)")
    return record.on(measurement)


def _two_axes(ax: Axes | None) -> tuple[Axes, Axes]:
    upper = axes_for(ax)
    places = upper.get_subplotspec().subgridspec(2, 1, height_ratios=(3, 1), hspace=0.05)
    upper.set_subplotspec(places[0])
    return upper, upper.figure.add_subplot(places[1], sharex=upper)


def _rows(fit: Fit, scale: str) -> list[_Row]:
    zeros = fit.time_zero
    times = [smooth_times(trace, zero) for trace, zero in zip(fit.traces, zeros, strict=True)]
    residuals = fit.residuals(in_sigma=_in_sigma(fit))
    turn = -1.0 if _is_turned(fit, scale) else 1.0
    starts = zeros if scale == "loglog" else np.zeros(len(zeros))
    rows = zip(fit.traces, starts, times, fit.curves(times), residuals, strict=True)
    return [
        _Row(replace(trace, signal=turn * trace.signal), float(start), t, turn * curve, rest)
        for trace, start, t, curve, rest in rows
    ]


def _is_turned(fit: Fit, scale: str) -> bool:
    return SCALES[scale][1] == "log" and fit.measurement.observable.sign == -1


def _in_sigma(fit: Fit) -> bool:
    return fit.problem.likelihoods[0].noise != "even" or len(fit.traces) > 1


def _residual_unit(fit: Fit) -> str:
    if fit.problem.is_absolute:
        return "σ"
    return "σ, estimated" if _in_sigma(fit) else fit.measurement.signal_unit


def _signal_label(fit: Fit, scale: str) -> str:
    measurement = fit.measurement
    name = "n" if measurement.observable.kind == "density" else "signal"
    sign = "−" if _is_turned(fit, scale) else ""
    return axis_label(sign + name, measurement.signal_unit)


def _looks(rows: list[_Row], labels: Sequence[str] | None) -> list[tuple[dict, dict]]:
    """Return the looks of data and curve of each trace: one trace is grey, several have colours."""
    traces = [row.trace for row in rows]
    names = labels_of(traces, labels)
    if len(rows) == 1:
        name = traces[0].name or "data" if labels is None else names[0]
        return [(DATA | {"label": name}, MODEL | {"label": "fit"})]
    faint = {"markersize": 2, "alpha": 0.3}
    return [
        (DATA | faint | {"color": shade}, MODEL | {"color": shade, "label": name})
        for shade, name in zip(shades(len(rows)), names, strict=True)
    ]


def _residuals(ax: Axes, rows: list[_Row], looks: list[dict]) -> None:
    for row, look in zip(rows, looks, strict=True):
        ax.plot(row.trace.t - row.start, row.residuals, **look)
    ax.axhline(0, color=MODEL["color"] if len(rows) == 1 else COLOURS["black"], linewidth=1)
    reach = 1.1 * max(np.abs(row.residuals).max() for row in rows)
    reach = reach if 0 < reach < np.inf else 1.0  # NaN where the model could not be computed
    ax.set_ylim(-reach, reach)
