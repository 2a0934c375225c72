"""Figures of errors: correlations, profiles, bootstrap clouds, the ladder of models.

Each draws on `ax` (by default new ones) and returns it; colours and looks are those of `plots`.
"""

from __future__ import annotations

from collections.abc import ItemsView, Sequence
from typing import Any, Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from helpers.fitting import Fit
from helpers.plots.style import COLOURS, DATA, axes_for
from helpers.uncertainty import Bootstrap, Ladder
from helpers.units import axis_label

_DASHES = {0.68: "-", 0.95: "--"}


class Profiles(Protocol):
    """Profiles by parameter name, and the fit that they belong to."""

    @property
    def fit(self) -> Any:
        """Fit that the profiles belong to."""

    def items(self) -> ItemsView[str, Any]:
        """Names and curves."""

    def __len__(self) -> int: ...


def plot_correlation(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw the correlation matrix as coloured squares with their numbers; grey for what has no error.

    Rows and columns bear the names of the fit's own parameters, and the figure grows with their number.
    """
    names, correlation = fit.names, np.asarray(fit.correlation)
    size = max(len(names), 5)
    ax = axes_for(ax, (0.56 * size + 1.6, 0.56 * size + 1.0))
    ax.set_facecolor("#E6E6E6")
    picture = ax.imshow(correlation, cmap="PuOr", vmin=-1, vmax=1)
    for row, column in np.argwhere(np.isfinite(correlation)):
        value = correlation[row, column]
        colour = "white" if abs(value) > 0.7 else "black"
        ax.text(column, row, f"{value:+.2f}", ha="center", va="center", color=colour, fontsize="small")
    upright = max(map(len, names)) > 3
    ax.set_xticks(range(len(names)), names, rotation=90 if upright else 0)
    ax.set_yticks(range(len(names)), names)
    ax.grid(False)
    ax.figure.colorbar(picture, ax=ax, label="correlation", fraction=0.046, pad=0.04)
    return ax


def plot_profiles(curves: Profiles, *, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw each parameter's profile with its 95 % interval, the estimate, and the parabola of its error.

    Where the profile leaves the parabola, value ± error is a poor summary; without a parabola there is none.
    """
    axes = _grid(len(curves)) if ax is None else ax
    fit = curves.fit
    known = fit.problem.is_absolute
    for each, (name, curve) in zip(axes, curves.items(), strict=True):
        low, high = curve.interval95
        if len(curve.values) > 1:
            low, high = max(low, curve.values[0]), min(high, curve.values[-1])
            each.axvspan(low, high, color=COLOURS["sky"], alpha=0.25, label="95 %")
        error, unit = fit.stderr[name], fit.units[name]
        if np.isfinite(error) and error > 0:
            parabola = ((curve.values - curve.value) / error) ** 2
            each.plot(curve.values, parabola, color=COLOURS["grey"], linestyle=":", label="parabola")
        each.plot(curve.values, curve.rise, color=COLOURS["blue"], marker=".", label="profile")
        each.axvline(curve.value, color=COLOURS["vermilion"], linewidth=1)
        each.set(title=f"{name}: {curve.verdict}", xlabel=axis_label(name, unit), ylim=(0, 7))
        each.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
        each.locator_params(axis="x", nbins=4)
        each.xaxis.labelpad = 12  # leaves room for the power of ten
        if each.get_subplotspec().is_first_col():
            each.set_ylabel("Δχ²" if known else "Δχ² (noise from the residuals)")
    axes[0].legend(loc="upper center")
    return axes


def plot_cloud(
    fit: Fit,
    scatter: Bootstrap,
    pair: tuple[str, str],
    contours: dict[float, np.ndarray],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw two parameters of all bootstrap replicates, and the profile's joint regions over them.

    Parameters
    ----------
    pair : (str, str)
        Parameters on the two axes.
    contours : dict of level to ndarray, shape (m, 2)
        As from `uncertainty.contour(fit, pair, level)`.
    """
    ax = axes_for(ax, (6.4, 4.0))
    ax.plot(scatter[pair[0]], scatter[pair[1]], **DATA | {"markersize": 3}, label="bootstrap")
    for level, edge in contours.items():
        closed = np.vstack([edge, edge[:1]])
        dashes = _DASHES.get(level, "-")
        ax.plot(*closed.T, color=COLOURS["blue"], linestyle=dashes, label=f"profile, {100 * level:.0f} %")
    ax.plot(*fit.values[[*pair]], "*", color=COLOURS["vermilion"], markersize=11)
    xlabel, ylabel = (axis_label(name, fit.units[name]) for name in pair)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.ticklabel_format(style="sci", scilimits=(-2, 3), useMathText=True)
    ax.legend()
    return ax


def plot_ladder(ladder: Ladder, *, ax: Axes | None = None) -> Axes:
    """Draw how far each model's BIC lies above the smallest; the chosen one and its rivals stand out."""
    ax = axes_for(ax, (6.4, 4.2))
    table = ladder.table[np.isfinite(ladder.table["ΔBIC"])]
    marks = {ladder.best: ", chosen"} | dict.fromkeys(ladder.rivals, ", within 2 of the chosen one")
    places = np.arange(len(table))
    ax.barh(places, table["ΔBIC"], color=COLOURS["grey"], height=0.6)
    for place, (name, value) in enumerate(table["ΔBIC"].items()):
        words = (f" {value:.0f}" if value > 9.5 else f" {value:.1f}") + marks.get(name, "")
        weight = "bold" if name == ladder.best else "normal"
        ax.text(value, place, words, va="center", fontsize="small", weight=weight)
    ax.set_xscale("symlog", linthresh=2.0)
    ax.set_xlim(0, 10 * max(table["ΔBIC"].max(), 1.0))
    ax.set_yticks(places, table.index)
    ax.invert_yaxis()
    ax.set_xlabel("BIC above the smallest")
    ax.grid(False, axis="y")
    return ax


def _grid(count: int) -> Sequence[Axes]:
    """Make axes in rows of three."""
    rows, columns = -(-count // 3), min(count, 3)
    size = (2.8 * columns + 0.4, 2.8 * rows)
    axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained")[1].flat
    for spare in axes[count:]:
        spare.remove()
    return axes[:count]
