"""Figures of one trace: one function per figure, each draws on `ax` (a new one by default) and returns it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes

from helpers import kinetics
from helpers.fitting import Fit
from helpers.kinetics import Rates
from helpers.records import Record
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
SCALES = {"linear": ("linear", "linear"), "semilog": ("linear", "log"), "loglog": ("log", "log")}


def use_style() -> None:
    """Give all figures of a notebook the workbook's look; call it once, after the imports."""
    mpl.rcParams.update(STYLE)


def plot_trace(trace: Trace, part: Trace | None = None, *, scale: str = "linear", ax: Axes | None = None):
    """Draw a trace and, over it, a part of it (that from the peak, say).

    Parameters
    ----------
    trace, part : Trace
        All points, and those to stand out.
    scale : {"linear", "semilog", "loglog"}
        Axes; with "loglog" the time runs from the part's first point, and what lies before is not drawn.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    start = (part or trace).t[0] if scale == "loglog" else 0.0
    ax.plot(*_points(trace, start, scale), **DATA, label="all points" if part else trace.name)
    if part is not None:
        standing_out = DATA | {"color": COLOURS["blue"], "zorder": 2}
        ax.plot(*_points(part, start, scale), **standing_out, label=f"from {part.t[0]:g} {part.t_unit} on")
    _label(ax, trace, scale)
    ax.legend()
    return ax


def plot_guesses(
    trace: Trace,
    guesses: Iterable[Rates],
    *,
    labels: Sequence[str] | None = None,
    n0: float | None = None,
    scale: str = "linear",
    ax: Axes | None = None,
):
    """Draw a trace with the curve of each guess, all of which begin at n0 (default: the first point).

    Parameters
    ----------
    trace : Trace
        Data from the moment the law holds.
    guesses : iterable of Rates
    labels : sequence of str, optional
        One for each guess; by default its number and coefficients.
    n0 : float, optional
    scale : {"linear", "semilog", "loglog"}
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    guesses = [Rates(*guess) for guess in guesses]
    labels = [f"{k}: {_in_words(guess)}" for k, guess in enumerate(guesses, 1)] if labels is None else labels
    start = trace.t[0] if scale == "loglog" else 0.0
    t = smooth_times(trace)
    n0 = max(trace.signal[0], 0.0) if n0 is None else n0
    ax.plot(*_points(trace, start, scale), **DATA, label=trace.name or "data")
    for k, (guess, label) in enumerate(zip(guesses, labels, strict=True)):
        curve = kinetics.solve(t - trace.t[0], n0, guess)
        ax.plot(t - start, curve, **MODEL | _look(k), label=label)
    _label(ax, trace, scale)
    _limits(ax, trace, start, scale)
    ax.legend()
    return ax


def plot_fit(fit: Fit | Record, trace: Trace | None = None, *, scale: str = "linear", ax: Axes | None = None):
    """Draw data, the fitted curve and, on axes below, the residuals data − model.

    Parameters
    ----------
    fit : Fit or Record
    trace : Trace, optional
        The data; needed with a record, which holds none.
    scale : {"linear", "semilog", "loglog"}
    ax : Axes, optional
        Made by `plt.subplots` or `figure.add_subplot`; its lower quarter goes to the residuals.

    Returns
    -------
    (Axes, Axes)
        The upper axes and those of the residuals.
    """
    trace = getattr(fit, "trace", None) if trace is None else trace
    if trace is None:
        raise ValueError("a record holds no data: give plot_fit(record, trace)")
    upper = _axes(ax)
    places = upper.get_subplotspec().subgridspec(2, 1, height_ratios=(3, 1), hspace=0.05)
    upper.set_subplotspec(places[0])
    lower = upper.figure.add_subplot(places[1], sharex=upper)
    start = trace.t[0] if scale == "loglog" else 0.0
    t = smooth_times(trace)
    upper.plot(*_points(trace, start, scale), **DATA, label=trace.name or "data")
    upper.plot(t - start, fit.curve(t), **MODEL, label="fit")
    _label(upper, trace, scale)
    _limits(upper, trace, start, scale)
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    upper.legend()
    _residuals(lower, trace, fit, start, scale)
    return upper, lower


def smooth_times(trace: Trace) -> np.ndarray:
    """Return times on the trace's own axis for a smooth curve: even steps and, for log axes, even ratios.

    Drawn only at the data's times a curve would have corners where they are far apart.
    """
    first, last = trace.elapsed[1], trace.elapsed[-1]
    elapsed = np.union1d(np.linspace(0, last, 301), np.geomspace(min(first, last / 1000), last, 301))
    return trace.t[0] + np.minimum(elapsed, last)


def _residuals(ax: Axes, trace: Trace, fit: Fit | Record, start: float, scale: str) -> None:
    residuals = trace.signal - fit.curve(trace.t)
    shown = trace.t > start if scale == "loglog" else slice(None)
    ax.plot(trace.t[shown] - start, residuals[shown], **DATA)
    ax.axhline(0, color=MODEL["color"], linewidth=1)
    reach = 1.1 * np.abs(residuals).max() or 1.0
    ax.set_ylim(-reach, reach)
    ax.set_xscale(SCALES[scale][0])
    ax.set_xlabel(_time_label(trace, scale))
    ax.set_ylabel("residual")


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _points(trace: Trace, start: float, scale: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times and signal as far as the axes can show them."""
    if scale not in SCALES:
        raise ValueError(f"scale = {scale!r}: choose one of {', '.join(SCALES)}")
    shown = np.ones(len(trace), bool)
    if SCALES[scale][0] == "log":
        shown &= trace.t > start
    if SCALES[scale][1] == "log":
        shown &= trace.signal > 0
    return trace.t[shown] - start, trace.signal[shown]


def _label(ax: Axes, trace: Trace, scale: str) -> None:
    ax.set_xscale(SCALES[scale][0])
    ax.set_yscale(SCALES[scale][1])
    ax.set_xlabel(_time_label(trace, scale))
    ax.set_ylabel(signal_label(trace))


def _time_label(trace: Trace, scale: str) -> str:
    return axis_label("t from the first point" if scale == "loglog" else "t", trace.t_unit)


def signal_label(trace: Trace) -> str:
    """Axis label of the signal: n with its unit.

    Examples
    --------
    >>> signal_label(Trace([0, 1], [2, 1], signal_unit="counts"))
    'n (counts)'
    """
    return axis_label("n", trace.signal_unit)


def _limits(ax: Axes, trace: Trace, start: float, scale: str) -> None:
    """Let the data set the limits: a curve far off must not squeeze them."""
    _, shown = _points(trace, start, scale)
    low, high = shown.min(), shown.max()
    if SCALES[scale][1] == "log":
        low = max(low, np.quantile(shown, 0.01))  # single points of noise near zero reach down for decades
        ax.set_ylim(low / 1.5, high * 1.5)
    else:
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _look(k: int) -> dict:
    """Colour and dashes of curve k: with dashes even a grey print tells them apart."""
    return {"color": CURVES[k % len(CURVES)], "linestyle": ("-", "--", "-.", ":")[k % 4]}


def _in_words(rates: Rates) -> str:
    terms = zip(("G", "k₁", "k₂", "k₃"), rates, strict=True)
    return ", ".join(f"{name} = {value:.3g}" for name, value in terms if value) or "no recombination"
