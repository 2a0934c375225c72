"""Maps of fits: images of rates with colour bars and scale bars, and what became of each pixel.

The colours run from dark blue to yellow with even steps in lightness, so that every common kind of colour
blindness and a grey print keep their order.
"""

from __future__ import annotations

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.patches import Patch

from helpers.maps import FitMap
from helpers.plots.style import COLOURS, axes_for
from helpers.units import axis_label

_SIZE = (5.0, 4.2)
_COLOURS = "cividis"
_EDGES = (2.0, 98.0)  # percentiles of an image between which its colours run
_BAR_SHARE = 0.3  # of the width of an image, at most, for a scale bar
_ROUND = (5.0, 2.0, 1.0)


def plot_map(
    found: FitMap,
    name: str,
    *,
    error: bool = False,
    pixel_size: float | None = None,
    length_unit: str = "µm",
    scale: str = "linear",
    limits: tuple[float, float] | None = None,
    only: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the image of a parameter, or of its standard error.

    Parameters
    ----------
    found : FitMap
        Of an image with two axes.
    name : str
        Of a parameter.
    error : bool
        Its standard error instead of its value.
    pixel_size : float, optional
        Side of a pixel in `length_unit`; it adds a scale bar.
    scale, limits
        As in `plot_image`.
    only : array of bool, optional
        Pixels to show, for instance `found.trusted`; others are hatched, as those without a value always are.
    ax : Axes, optional
    """
    image = (found.stderr if error else found.values)[name]
    return plot_image(
        image if only is None else np.where(only, image, np.nan),
        f"standard error of {name}" if error else name,
        found.units[name],
        pixel_size=pixel_size,
        length_unit=length_unit,
        scale=scale,
        limits=limits,
        ax=ax,
    )


def plot_image(
    image: np.ndarray,
    label: str,
    unit: str = "",
    *,
    pixel_size: float | None = None,
    length_unit: str = "µm",
    scale: str = "linear",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw an image with a colour bar that names its unit; pixels that are NaN are hatched.

    Parameters
    ----------
    image : array_like, shape (rows, columns)
    label, unit : str
    pixel_size : float, optional
        Side of a pixel in `length_unit`; it adds a scale bar.
    scale : {"linear", "log"}
        Of the colours; on a logarithmic one values that are not positive are hatched.
    limits : (float, float), optional
        Values of the darkest and the lightest colour; by default those of 2 % and 98 % of the pixels.
    ax : Axes, optional

    Raises
    ------
    ValueError
        For an image without two axes, or an unknown scale.
    """
    image = np.asarray(image, float)
    if image.ndim != 2:
        raise ValueError(f"an image has two axes, and this one the shape {image.shape}; take a part of it")
    if scale not in ("linear", "log"):
        raise ValueError(f"scale = {scale!r}: choose one of linear, log")
    ax = axes_for(ax, _SIZE)
    shown = np.ma.masked_invalid(image if scale == "linear" else np.where(image > 0, image, np.nan))
    norm = (Normalize if scale == "linear" else LogNorm)(*(limits or _limits(shown)))
    _background(ax)
    drawn = ax.imshow(shown, cmap=_COLOURS, norm=norm, interpolation="nearest", zorder=2)
    beyond = _beyond(shown, norm)
    ax.figure.colorbar(drawn, ax=ax, label=axis_label(label, unit), extend=beyond, shrink=0.9)
    _frame(ax, image.shape, pixel_size, length_unit)
    return ax


def plot_status(
    found: FitMap, *, pixel_size: float | None = None, length_unit: str = "µm", ax: Axes | None = None
) -> Axes:
    """Draw where a map is not to be trusted: what became of each pixel, fits with a doubt apart.

    Parameters
    ----------
    found : FitMap
        Of an image with two axes.
    pixel_size : float, optional
        Side of a pixel in `length_unit`; it adds a scale bar.
    ax : Axes, optional
    """
    words = found.status.astype(object)  # a text of fixed length would cut "in doubt" off
    if words.ndim != 2:
        raise ValueError(f"an image has two axes, and this one the shape {words.shape}; take a part of it")
    words[found.converged & ~found.trusted] = "fitted, in doubt"
    names = [name for name in ("fitted", "fitted, in doubt") if (words == name).any()]
    names += sorted(set(words.ravel().tolist()) - set(names))
    ax = axes_for(ax, _SIZE)
    others = [COLOURS[name] for name in ("vermilion", "black", "blue", "orange", "purple", "green", "grey")]
    colours = [others[k % len(others)] for k in range(len(names))]
    if names[0] == "fitted":
        colours = [COLOURS["sky"], *colours[:-1]]
    number = np.array([names.index(word) for word in words.ravel().tolist()]).reshape(words.shape)
    limits = {"vmin": -0.5, "vmax": len(names) - 0.5, "interpolation": "nearest"}
    ax.imshow(number, cmap=ListedColormap(colours), **limits)
    counts = [int((words == name).sum()) for name in names]
    rows = zip(names, colours, counts, strict=True)
    patches = [Patch(color=colour, label=f"{name} ({count:,})") for name, colour, count in rows]
    ax.legend(handles=patches, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    _frame(ax, words.shape, pixel_size, length_unit)
    return ax


def _limits(shown: np.ma.MaskedArray) -> tuple[float, float]:
    values = shown.compressed()
    if not len(values):
        return 1.0, 2.0
    low, high = (float(each) for each in np.percentile(values, _EDGES))
    return (low, high) if low < high else (low - 0.1 * abs(low), high + 0.1 * abs(high) + 1e-300)


def _beyond(shown: np.ma.MaskedArray, norm: Normalize) -> str:
    """Say at which ends of a colour bar values lie outside it."""
    values = shown.compressed()
    below, above = bool((values < norm.vmin).any()), bool((values > norm.vmax).any())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[int(below), int(above)]


def _background(ax: Axes) -> None:
    box = Patch(facecolor="white", edgecolor=COLOURS["grey"], hatch="////", linewidth=0)
    ax.set_facecolor("white")
    ax.patch.set(hatch=box.get_hatch(), edgecolor=COLOURS["grey"])


def _frame(ax: Axes, shape: tuple[int, ...], pixel_size: float | None, length_unit: str) -> None:
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    if pixel_size is None:
        ax.set_xlabel(f"{shape[1]} × {shape[0]} pixels")
        return
    pixels, words = scale_bar(shape[1], pixel_size, length_unit)
    row, begin = 0.93 * shape[0], 0.05 * shape[1]
    outline = [patheffects.withStroke(linewidth=3, foreground="black")]
    bar = {"color": "white", "linewidth": 3, "solid_capstyle": "butt", "zorder": 4}
    ax.plot([begin, begin + pixels], [row, row], path_effects=[*outline, patheffects.Normal()], **bar)
    fine = [patheffects.withStroke(linewidth=2, foreground="black")]
    text = {"color": "white", "ha": "center", "va": "bottom", "path_effects": fine, "zorder": 4}
    ax.text(begin + pixels / 2, row - 0.015 * shape[0], words, **text)
    ax.set_xlim(-0.5, shape[1] - 0.5)
    ax.set_ylim(shape[0] - 0.5, -0.5)


def scale_bar(columns: int, pixel_size: float, length_unit: str) -> tuple[float, str]:
    """Return the length of a scale bar in pixels, and its label: a round length of at most 0.3 widths.

    Raises
    ------
    ValueError
        For a pixel size that is not positive.

    Examples
    --------
    >>> scale_bar(64, 0.5, "µm")
    (10.0, '5 µm')
    """
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise ValueError(f"pixel_size = {pixel_size:g}: give the side of a pixel, a positive length")
    longest = _BAR_SHARE * columns * pixel_size
    power = 10.0 ** np.floor(np.log10(longest))
    length = next(factor * power for factor in _ROUND if factor * power <= longest * (1 + 1e-12))
    return float(length / pixel_size), f"{length:g} {length_unit}"
