"""A drawing of the three ways in which carriers vanish, and of the bands between which they do."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from helpers.plots.style import COLOURS

_UPPER, _LOWER, _TRAP = 2.0, 0.0, 1.1  # heights of the bands' edges and of a trap in the gap
_SIZE = 11  # points, of a carrier


def draw_processes(axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw trapping, radiative and Auger recombination: −dn/dt = k1·n, k2·n² and k3·n³.

    Parameters
    ----------
    axes : sequence of three Axes, optional
        New ones side by side by default.

    Returns
    -------
    sequence of Axes
        In this order. Filled circles are electrons, open ones holes: as many as must meet.

    Examples
    --------
    >>> [ax.get_title() for ax in draw_processes()]
    ['trapping: k₁·n', 'radiative: k₂·n²', 'Auger: k₃·n³']
    """
    if axes is None:
        axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")[1]
    trap, light, auger = axes
    for ax, title in zip(axes, ("trapping: k₁·n", "radiative: k₂·n²", "Auger: k₃·n³"), strict=True):
        _bands(ax, title)
    trap.plot([0.35, 0.65], [_TRAP, _TRAP], color=COLOURS["black"], linewidth=2)
    trap.text(0.68, _TRAP, "trap", va="center")
    _carriers(trap, [(0.5, _UPPER)])
    _arrow(trap, (0.5, _UPPER), (0.5, _TRAP))

    _carriers(light, [(0.4, _UPPER)], [(0.4, _LOWER)])
    _arrow(light, (0.4, _UPPER), (0.4, _LOWER))
    x = np.linspace(0.47, 0.85, 200)
    wave = 1.0 + 0.12 * np.sin((x - x[0]) * 2 * np.pi / 0.075)
    light.plot(x, wave, color=COLOURS["orange"], linewidth=1.5)
    light.text(0.66, 1.25, "light", ha="center")

    _carriers(auger, [(0.3, _UPPER), (0.62, _UPPER)], [(0.3, _LOWER)])
    _arrow(auger, (0.3, _UPPER), (0.3, _LOWER))
    _arrow(auger, (0.62, _UPPER), (0.62, _UPPER + 0.75))
    auger.annotate(
        "energy", (0.6, 1.9), (0.34, 1.0), arrowprops={"arrowstyle": "->", "color": COLOURS["orange"]}
    )
    return axes


def _bands(ax: Axes, title: str) -> None:
    ax.set(xlim=(0, 1), ylim=(-0.8, 3.1), xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.axhspan(_UPPER, 3.1, color=COLOURS["sky"], alpha=0.25)
    ax.axhspan(-0.8, _LOWER, color=COLOURS["sky"], alpha=0.25)
    for height in (_UPPER, _LOWER):
        ax.axhline(height, color=COLOURS["black"], linewidth=1)
    ax.text(0.02, 2.85, "conduction band", va="center", fontsize="small")
    ax.text(0.02, -0.6, "valence band", va="center", fontsize="small")


def _carriers(ax: Axes, electrons: list, holes: list | None = None) -> None:
    for kind, places, fill in (("electron", electrons, COLOURS["blue"]), ("hole", holes or [], "white")):
        for x, y in places:
            ax.plot(
                [x], [y], marker="o", markersize=_SIZE, color=COLOURS["blue"], markerfacecolor=fill, gid=kind
            )


def _arrow(ax: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(
        FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=12, shrinkA=7, shrinkB=6, linewidth=1.4)
    )
