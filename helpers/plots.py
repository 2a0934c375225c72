"""Figures of one trace: one function per figure, each draws on `ax` (by default new ones) and returns it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from helpers.fits import Fit
from helpers.fits.cost_surface import cost_at, grid_along_valley
from helpers.plots_fit import plot_fit
from helpers.plots_measurement import plot_measurement, plot_starts
from helpers.plots_style import (
    COLOURS,
    CURVES,
    DATA,
    MODEL,
    SCALES,
    STAR,
    STYLE,
    axes_for,
    look,
    smooth_times,
    use_style,
)
from helpers.slopes import decay_rates, decay_terms
from helpers.traces import Trace
from helpers.units import axis_label, rate_units

__all__ = [
    "COLOURS",
    "CURVES",
    "DATA",
    "MODEL",
    "SCALES",
    "STAR",
    "STYLE",
    "axes_for",
    "look",
    "plot_cost_map",
    "plot_decay_order",
    "plot_fit",
    "plot_measurement",
    "plot_starts",
    "smooth_times",
    "use_style",
]
_MARGIN = 0.03  # of a map's axes, below zero: a path along an axis must not hide behind the frame
_LEVELS = 10.0 ** np.arange(0.5, 6.5, 0.5)  # of the cost over its minimum


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
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the cost over two parameters, the others held at the fit's values, and paths of searches over it.

    Parameters
    ----------
    fit : Fit
    paths : iterable of arrays, shape (steps, p)
        All parameters step by step, from `path_of` or `descend` of `cost_surface`; all may move on them.
    names : (str, str)
        Parameters of the two axes.
    limits : (float, float), optional
        Where the axes end; by default beyond the paths and the minimum.
    labels : sequence of str, optional
        One for each path; "from guess 1" and so on by default.
    """
    ax = axes_for(ax)
    chosen = [fit.problem.index(name) for name in names]
    minimum = np.array(fit.values)[chosen]
    paths = [np.asarray(path)[:, chosen] for path in paths]
    ends = np.array(1.1 * np.vstack([minimum, *paths]).max(axis=0) if limits is None else limits)
    ends = np.where(ends > 0, ends, fit.problem.scales[chosen])
    _contours(ax, fit, names, grid_along_valley(fit, names, (float(ends[0]), float(ends[1]))))
    labels = [f"from guess {k}" for k in range(1, len(paths) + 1)] if labels is None else labels
    for k, (path, label) in enumerate(zip(paths, labels, strict=True)):
        colour = CURVES[k % len(CURVES)]
        ax.plot(*path.T, color=colour, marker=".", markersize=4, linewidth=1.2, label=label)
        ax.plot(*path[0], color=colour, marker="s", clip_on=False)
    ax.plot(*minimum, **STAR, label="minimum")
    xlabel, ylabel = (axis_label(name, fit.units[name]) for name in names)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(-_MARGIN * ends[0], ends[0]))
    ax.set_ylim(-_MARGIN * ends[1], ends[1])
    return ax


def _contours(ax: Axes, fit: Fit, names: tuple[str, str], grid: tuple[np.ndarray, np.ndarray]) -> None:
    """Draw lines of equal cost, two to a factor of 10, some with their multiple of the smallest cost."""
    height = cost_at(fit, names, *grid) / (fit.cost or 1.0)
    levels = np.array([level for level in _LEVELS if height.min() < level < height.max()])
    if levels.size:
        lines = ax.contour(*grid, height, levels, colors=COLOURS["grey"], linewidths=0.8)
        labelled = np.intersect1d(levels, _LEVELS[5::4])  # lines near the minimum are too short for labels
        ax.clabel(lines, levels=labelled, fmt=lambda level: f"×{level:.0f}", fontsize="x-small")
