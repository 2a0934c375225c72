"""Figures of one trace: one function per figure, each draws on `ax` (by default new ones) and returns it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes

from helpers import kinetics
from helpers.fitting import PARAMETERS, Fit
from helpers.kinetics import RATES, Rates
from helpers.records import Record
from helpers.slopes import decay_rates, decay_terms
from helpers.traces import Trace
from helpers.units import axis_label, rate_units
from helpers.valley import cost_at, grid_along_valley

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
_MARGIN = 0.03  # of a map's axes, below zero: a path along an axis must not hide behind the frame
_LEVELS = 10.0 ** np.arange(0.5, 6.5, 0.5)  # of the cost over its minimum
SCALES = {"linear": ("linear", "linear"), "semilog": ("linear", "log"), "loglog": ("log", "log")}


def use_style() -> None:
    """Give all figures of a notebook the workbook's look; call it once, after the imports."""
    mpl.rcParams.update(STYLE)


def axes_for(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return the axes given, or new ones in a figure of that size (inches; the style's by default)."""
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def look(k: int) -> dict:
    """Return colour and dashes of curve k: with dashes even a grey print tells them apart."""
    return {"color": CURVES[k % len(CURVES)], "linestyle": ("-", "--", "-.", ":")[k % 4]}


def plot_trace(trace: Trace, part: Trace | None = None, *, scale: str = "linear", ax: Axes | None = None):
    """Draw a trace and, over it, a part of it (that from the peak, say).

    Parameters
    ----------
    trace, part : Trace
        All points, and those to stand out.
    scale : {"linear", "semilog", "loglog"}
        With "loglog" the time runs from the part's first point, and what lies before is not drawn.
    """
    ax = axes_for(ax)
    start = (part or trace).t[0] if scale == "loglog" else 0.0
    if part is None or scale != "loglog":
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
    """
    ax = axes_for(ax)
    guesses = [kinetics.four_rates(guess) for guess in guesses]
    labels = [f"{k}: {_in_words(guess)}" for k, guess in enumerate(guesses, 1)] if labels is None else labels
    start = trace.t[0] if scale == "loglog" else 0.0
    t = smooth_times(trace)
    n0 = max(trace.signal[0], 0.0) if n0 is None else n0
    ax.plot(*_points(trace, start, scale), **DATA, label=trace.name or "data")
    for k, (guess, label) in enumerate(zip(guesses, labels, strict=True)):
        curve = kinetics.solve(t - trace.t[0], n0, guess)
        ax.plot(t - start, curve, **MODEL | look(k), label=label)
    _label(ax, trace, scale)
    _limits(ax, trace, start, scale)
    ax.legend()
    return ax


def plot_fit(fit: Fit | Record, trace: Trace | None = None, *, scale: str = "linear", ax: Axes | None = None):
    """Draw data, the fitted curve and, below, the residuals data − model (in σ, where that is known).

    Parameters
    ----------
    fit : Fit or Record
    trace : Trace, optional
        The data; needed with a record, which holds none.
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
    upper = axes_for(ax)
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


def plot_decay_order(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """Draw −dn/dt against n on log axes, with the terms k1·n, k2·n², k3·n³ (slopes 1, 2, 3) and their sum.

    Drawn as far down as the derivative stands out of the noise (see `slopes.decay_rates`). The terms come
    from these points alone (see `slopes.decay_terms`); a term that they do not show is left out.
    """
    ax = axes_for(ax)
    n, rate, error = decay_rates(trace)
    ax.errorbar(
        n, rate, yerr=error, fmt="o", markersize=4, color=COLOURS["black"], label=trace.name or "data"
    )
    reach = np.geomspace(n.min(), n.max(), 100)
    terms = decay_terms(n, rate, error)
    for order, k in enumerate(terms, 1):
        if k > 0:
            label = f"slope {order}: k{order} = {k:.3g}"
            ax.plot(reach, k * reach**order, **look(order - 1), linewidth=1.2, zorder=1, label=label)
    total = sum(k * reach**order for order, k in enumerate(terms, 1))
    ax.plot(reach, total, **look(3), linewidth=1.2, zorder=1, label="sum")
    ax.set(xscale="log", yscale="log", ylim=(rate.min() / 3, 3 * rate.max()))
    ax.set_xlabel(axis_label("n", trace.signal_unit))
    ax.set_ylabel(axis_label("−dn/dt", rate_units(trace.t_unit, trace.signal_unit)[0]))
    ax.legend()
    return ax


def plot_cost_map(
    fit: Fit,
    paths: Iterable[np.ndarray] = (),
    *,
    names: tuple[str, str] = ("k2", "k3"),
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the cost over two parameters, the others held at the fit's values, and paths of searches over it.

    Parameters
    ----------
    fit : Fit
    paths : iterable of arrays, shape (steps, 5)
        G, k1, k2, k3, n0 step by step, from `valley.path_of` or `valley.descend`; all five move on them.
    names : (str, str)
        Parameters of the two axes.
    limits : (float, float), optional
        Where the axes end; by default beyond the paths and the minimum.
    """
    ax = axes_for(ax)
    chosen = [PARAMETERS.index(name) for name in names]
    minimum = np.array(fit.values)[chosen]
    paths = [np.asarray(path)[:, chosen] for path in paths]
    limits = 1.1 * np.vstack([minimum, *paths]).max(axis=0) if limits is None else limits
    limits = np.where(np.array(limits) > 0, limits, fit.problem.scales[chosen])
    _contours(ax, fit, names, grid_along_valley(fit, names, limits))
    for k, path in enumerate(paths):
        colour = CURVES[k % len(CURVES)]
        ax.plot(*path.T, color=colour, marker=".", markersize=4, linewidth=1.2, label=f"from guess {k + 1}")
        ax.plot(*path[0], color=colour, marker="s", clip_on=False)
    ax.plot(*minimum, **STAR, label="minimum")
    xlabel, ylabel = (axis_label(name, getattr(fit.units, name)) for name in names)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(-_MARGIN * limits[0], limits[0]))
    ax.set_ylim(-_MARGIN * limits[1], limits[1])
    return ax


def _contours(ax: Axes, fit: Fit, names: tuple[str, str], grid: tuple[np.ndarray, np.ndarray]) -> None:
    """Draw lines of equal cost, two to a factor of 10, some with their multiple of the smallest cost."""
    height = cost_at(fit, names, *grid) / (fit.cost or 1.0)
    levels = np.array([level for level in _LEVELS if height.min() < level < height.max()])
    if levels.size:
        lines = ax.contour(*grid, height, levels, colors=COLOURS["grey"], linewidths=0.8)
        labelled = np.intersect1d(levels, _LEVELS[5::4])  # lines near the minimum are too short for labels
        ax.clabel(lines, levels=labelled, fmt=lambda level: f"×{level:.0f}", fontsize="x-small")


def smooth_times(trace: Trace) -> np.ndarray:
    """Return times on the trace's own axis for a smooth curve: even steps and, for log axes, even ratios.

    Drawn only at the data's times a curve would have corners where they are far apart.
    """
    first, last = trace.elapsed[1], trace.elapsed[-1]
    elapsed = np.union1d(np.linspace(0, last, 301), np.geomspace(min(first, last / 1000) / 10, last, 301))
    return trace.t[0] + np.minimum(elapsed, last)


def _residuals(ax: Axes, trace: Trace, fit: Fit | Record, start: float, scale: str) -> None:
    residuals = (trace.signal - fit.curve(trace.t)) / (1.0 if trace.sigma is None else trace.sigma)
    shown = trace.t > start if scale == "loglog" else slice(None)
    ax.plot(trace.t[shown] - start, residuals[shown], **DATA)
    ax.axhline(0, color=MODEL["color"], linewidth=1)
    reach = 1.1 * np.abs(residuals).max() or 1.0
    ax.set_ylim(-reach, reach)
    ax.set_xscale(SCALES[scale][0])
    ax.set_xlabel(_time_label(trace, scale))
    unit = trace.signal_unit if trace.sigma is None else "in σ"
    ax.set_ylabel(axis_label("residual\n", unit).replace("\n ", "\n"))


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
    ax.set_ylabel(axis_label("n", trace.signal_unit))


def _time_label(trace: Trace, scale: str) -> str:
    return axis_label("t from the first point" if scale == "loglog" else "t", trace.t_unit)


def _limits(ax: Axes, trace: Trace, start: float, scale: str) -> None:
    """Let the data set the limits: a curve far off must not squeeze them."""
    if SCALES[scale][0] == "log":
        ax.set_xlim(trace.elapsed[1] / 1.5, trace.elapsed[-1] * 1.5)
    _, shown = _points(trace, start, scale)
    low, high = shown.min(), shown.max()
    if SCALES[scale][1] == "log":
        low = max(low, np.quantile(shown, 0.01))  # single points of noise near zero reach down for decades
        ax.set_ylim(low / 1.5, high * 1.5)
    else:
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _in_words(rates: Rates) -> str:
    terms = zip(RATES, rates, strict=True)
    return ", ".join(f"{name} = {value:.3g}" for name, value in terms if value) or "no recombination"
