"""What all figures share: colours, looks, and axes for a trace on linear or logarithmic scales."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes

from helpers.traces import Trace
from helpers.units import axis_label

# Okabe and Ito's palette, told apart with every common kind of colour blindness; grey is for measured points.
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
    "grey": "#9A9A9A",
}
CURVES = tuple(colour for name, colour in COLOURS.items() if name != "grey")
DATA = {"color": COLOURS["grey"], "linestyle": "none", "marker": ".", "markersize": 4, "zorder": 1}
STAR = {"color": COLOURS["black"], "linestyle": "none", "marker": "*", "markersize": 12, "clip_on": False}
MODEL = {"color": COLOURS["vermilion"], "linewidth": 1.8, "zorder": 3}
STYLE = {
    "figure.figsize": (6.4, 4.0),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": cycler(color=CURVES),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": "small",
}
# For a column of a journal, 85 mm wide.
COLUMN_STYLE = STYLE | {
    "figure.figsize": (3.35, 2.4),
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 2.5,
}
STYLES = {"screen": STYLE, "column": COLUMN_STYLE}
SCALES = {"linear": ("linear", "linear"), "semilog": ("linear", "log"), "loglog": ("log", "log")}


def use_style(name: str = "screen") -> None:
    """Give all figures of a notebook the workbook's look; call it once, after the imports.

    Parameters
    ----------
    name : {"screen", "column"}
        "column" is for a paper: figures as wide as one of its columns (85 mm), in type of 6.5 to 8 points.

    Raises
    ------
    ValueError
        For another name.
    """
    if name not in STYLES:
        raise ValueError(f"there is no style {name!r}; choose one of {', '.join(STYLES)}")
    mpl.rcParams.update(STYLES[name])


def axes_for(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return the axes given, or new ones in a figure of that size (inches; the style's by default)."""
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def look(k: int) -> dict:
    """Return colour and dashes of curve k: with dashes even a grey print tells them apart."""
    return {"color": CURVES[k % len(CURVES)], "linestyle": ("-", "--", "-.", ":")[k % 4]}


def shades(count: int) -> list:
    """Return a colour for each trace of a series, whose order is one of lightness."""
    return list(plt.get_cmap("viridis")(np.linspace(0.85, 0.0, count)))


def labels_of(traces: Sequence[Trace], labels: Sequence[str] | None = None) -> list[str]:
    """Return a label for each trace: those that are given, else the traces' names or numbers.

    Raises
    ------
    ValueError
        If there is not one label for each trace.

    Examples
    --------
    >>> labels_of([Trace([0, 1], [2, 1], name="low"), Trace([0, 1], [4, 2])])
    ['low', 'trace 2']
    """
    if labels is None:
        return [trace.name or f"trace {number}" for number, trace in enumerate(traces, 1)]
    if len(labels) != len(traces):
        raise ValueError(f"{len(labels)} labels for {len(traces)} traces; give one for each")
    return list(labels)


def smooth_times(trace: Trace, zero: float | None = None) -> np.ndarray:
    """Return times on the trace's own axis for a smooth curve: even steps and, for log axes, even ratios.

    Drawn only at the data's times a curve would have corners where they are far apart.

    Parameters
    ----------
    trace : Trace
    zero : float, optional
        When the pulse comes; by default at the first point.
    """
    first, last = trace.t[0], trace.t[-1]
    begin = first if zero is None else max(zero, first)
    span = last - begin
    shortest = trace.t[trace.t > begin][0] - begin
    elapsed = np.union1d(np.linspace(0, span, 301), np.geomspace(min(shortest, span / 1000) / 10, span, 301))
    after = np.minimum(begin + elapsed, last)
    if begin == first:
        return after
    before = np.linspace(first, begin, 50)
    before[-1] = np.nextafter(begin, -np.inf)  # a step at the pulse is drawn as a step
    return np.append(before, after)


def points(trace: Trace, start: float, scale: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times and signal as far as the axes can show them."""
    if scale not in SCALES:
        raise ValueError(f"scale = {scale!r}: choose one of {', '.join(SCALES)}")
    shown = np.ones(len(trace), bool)
    if SCALES[scale][0] == "log":
        shown &= trace.t > start
    if SCALES[scale][1] == "log":
        shown &= trace.signal > 0
    return trace.t[shown] - start, trace.signal[shown]


def time_label(trace: Trace, scale: str, moment: str = "the first point") -> str:
    """Return the label of the time axis, which runs from that moment if it is logarithmic."""
    return axis_label(f"t from {moment}" if SCALES[scale][0] == "log" else "t", trace.t_unit)


def limit_axes(ax: Axes, rows: Sequence[tuple[Trace, float]], scale: str) -> None:
    """Let the data set the limits: a curve far off must not squeeze them.

    Parameters
    ----------
    rows : sequence of (Trace, float)
        Traces, each with the time from which a logarithmic axis runs.
    """
    if SCALES[scale][0] == "log":
        elapsed = np.concatenate([trace.t - start for trace, start in rows])
        ax.set_xlim(elapsed[elapsed > 0].min() / 1.5, elapsed.max() * 1.5)
    shown = [signal for signal in (points(*row, scale)[1] for row in rows) if signal.size]
    if not shown:
        return
    low, high = min(each.min() for each in shown), max(each.max() for each in shown)
    if SCALES[scale][1] == "log":
        # Single points of noise near zero reach down for decades.
        low = max(low, min(np.quantile(each, 0.01) for each in shown))
        ax.set_ylim(low / 1.5, high * 1.5)
    else:
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
