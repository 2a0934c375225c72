"""The figure of a plan: which densities the best sets have, and the errors to expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from helpers.plots.style import COLOURS, axes_for, look
from helpers.units import axis_label


def plot_plan(plan: Any, *, best: int = 8, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the best sets of a plan: on the left their densities, on the right the expected errors.

    Parameters
    ----------
    plan : uncertainty.Plan
    best : int
        How many sets are drawn, the best one at the top.
    ax : two axes, optional
    """
    rows = plan.table.head(best)
    if ax is None:
        left = axes_for(None, (7.4, 0.36 * len(rows) + 1.4))
        figure = left.figure
        left.remove()
        ax = list(figure.subplots(1, 2, sharey=True))
    places = np.arange(len(rows))
    for place, those in zip(places, rows["densities"], strict=True):
        ax[0].plot(those, np.full(len(those), place), "o-", color=COLOURS["blue"], markersize=5)
    low, high = plan.densities.min(), plan.densities.max()
    ax[0].set(xscale="log", xlim=(low / 1.5, high * 1.5), xlabel=axis_label("n0", plan.unit))
    ax[0].set_yticks(places, [f"{number}" for number in places + 1])
    ax[0].set_ylabel("set, the best first")
    ax[0].invert_yaxis()
    for k, name in enumerate(plan.names):
        errors = rows[f"{name} %"].to_numpy(float)
        shown = np.isfinite(errors)
        style = {"color": look(k)["color"], "marker": "osD^v"[k % 5], "linestyle": "none"}
        ax[1].plot(errors[shown], places[shown], label=name, **style)
    ax[1].set(xscale="log", xlabel="expected error (%)")
    ax[1].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax[1].xaxis.set_major_formatter(FormatStrFormatter("%g"))
    ax[1].xaxis.set_minor_formatter(NullFormatter())
    ax[1].legend()
    return ax
