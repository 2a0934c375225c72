"""The map of the cost over two parameters, with the paths of searches over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from helpers.fitting import Fit
from helpers.fitting.cost_surface import cost_at, grid_along_valley
from helpers.plots.style import COLOURS, CURVES, STAR, axes_for
from helpers.units import axis_label

_MARGIN = 0.03  # of a map's axes, below zero: a path along an axis must not hide behind the frame
_LEVELS = 10.0 ** np.arange(0.5, 6.5, 0.5)  # of the cost over its minimum


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
