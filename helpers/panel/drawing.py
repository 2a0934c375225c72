"""A picture of a signal, its model and the residuals, redrawn in a few milliseconds.

What stays put (axes, data, kept curves) is drawn once and kept as pixels; a move redraws only the model curve
and the residuals on top of it (Agg's "blitting") and packs the result as a PNG. Where residuals outgrow their
axis, only that axis is drawn anew, once for each of its limits. No pyplot: a figure that no global list knows
of cannot leak.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from helpers.panel.pixels import Backdrop, packed
from helpers.plots.style import COLOURS, STYLE

SCALES = ("linear", "semi-log", "log-log")
WIDTH, HEIGHT = 640, 440  # pixels
_STYLE = STYLE | {"figure.constrained_layout.use": False}  # nothing may move when a label grows
KEPT = {"color": COLOURS["blue"], "linewidth": 0.8}
CURVE_POINTS = 400
LABEL_PLACE = (-0.105, 0.5)  # fixed, so that the axis below can be drawn by itself
PLAIN_POWERS = (-2, 3)  # tick labels of other sizes get a power of ten: more digits would reach the label
_BACKDROPS = 12  # kept; 1.4 MB each
_COLUMNS, _PER_COLUMN = 500, 3  # more points than that are not told apart


class BlitView:
    """Figure of two axes, a signal above and its residuals below, redrawn as PNG bytes.

    A subclass draws what stays put (`_draw_decay`, `_draw_residuals`) and names what moves (`_moving`).
    """

    _size = 1.0  # of what is measured: residuals below 1e-9 of it are rounding

    def __init__(self, scale: str = "linear") -> None:
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
            self.canvas = FigureCanvasAgg(figure)
            self.decay, self.below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
            figure.subplots_adjust(left=0.125, right=0.97, top=0.95, bottom=0.115, hspace=0.08)
        self._power: Any = None  # the power of ten in the residuals' axis, a text of the subclass
        self._base: Backdrop | None = None  # without the residuals' axis
        self._limit = 0.0  # of that axis
        self._backdrops: dict[float, Backdrop] = {}  # by the limit of that axis
        self.scale = scale

    @property
    def scale(self) -> str:
        """One of SCALES: how the two axes are divided."""
        return self._scale

    @scale.setter
    def scale(self, scale: str) -> None:
        self._scale = scale
        self._choose_points()
        self._base = None

    def _choose_points(self) -> None:
        """Choose the points of data and curves that the scale shows."""
        raise NotImplementedError

    def _draw_decay(self) -> None:
        raise NotImplementedError

    def _draw_residuals(self) -> None:
        raise NotImplementedError

    def _moving(self, curve, residuals) -> Iterator[tuple[Axes, Line2D, np.ndarray]]:
        """Yield each line that moves, with its axes and its new heights."""
        raise NotImplementedError

    def draw(self, curve, residuals) -> bytes:
        """Draw the model `curve` at `t_curve` and the residuals data − model; return the picture as PNG."""
        backdrop = self._paint(curve, residuals)
        return packed(self._image(), backdrop)

    def still(self, sliders: Sequence[tuple[str, bool, float, str]], notes: Sequence[str]) -> bytes:
        """Draw the last picture beside drawn sliders (name, on, place from 0 to 1, value) and lines of text.

        This is the panel for readers without a kernel.
        """
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=(WIDTH / 100 + 4, HEIGHT / 100), dpi=100, facecolor="white")
            figure.figimage(self._image(), xo=400)
            axes = figure.add_axes((0, 0, 400 / (WIDTH + 400), 1), xlim=(0, 400), ylim=(HEIGHT, 0))
            axes.set_axis_off()
            pitch = min(34.0, (HEIGHT - 70 - 26 * len(notes)) / max(len(sliders), 1))
            begin = 65 + 8 * max(max(len(name) for name, *_ in sliders) - 2, 0)
            for row, slider in enumerate(sliders):
                _draw_slider(axes, 35 + pitch * row, begin, *slider)
            for row, note in enumerate(notes):
                axes.text(12, 60 + pitch * len(sliders) + 26 * row, note, va="center")
            canvas = FigureCanvasAgg(figure)
            file = io.BytesIO()
            canvas.print_png(file, metadata={"Software": None})
        return file.getvalue()

    def _image(self) -> np.ndarray:
        return np.asarray(self.canvas.get_renderer().buffer_rgba())

    def _paint(self, curve, residuals) -> Backdrop:
        backdrop = self._backdrop(self._snapped(self._largest(residuals)))
        backdrop.restore(self._image())
        for axes, line, heights in self._moving(curve, residuals):
            line.set_ydata(heights)
            axes.draw_artist(line)
        return backdrop

    def _largest(self, residuals) -> float:
        return float(np.abs(residuals).max())

    def _snapped(self, largest: float) -> float:
        """Limit of the residuals' axis in steps of 10^(1/3), so that most moves keep the axes."""
        largest = max(largest, 1e-9 * self._size)
        return float(10 ** (np.ceil(3 * np.log10(1.05 * largest)) / 3))

    def _backdrop(self, limit: float) -> Backdrop:
        if self._base is None:
            self._arrange()
        if limit != self._limit:
            self._limit = limit
            self.below.set_ylim(-limit, limit)
            self._show_power(limit)
        if limit not in self._backdrops:
            if len(self._backdrops) == _BACKDROPS:
                del self._backdrops[next(iter(self._backdrops))]  # the oldest
            assert self._base is not None
            self._base.restore(self._image())
            with mpl.rc_context(_STYLE):  # ticks are made as they are drawn
                self.below.draw(self.canvas.get_renderer())
            self._backdrops[limit] = Backdrop.of(self._image())
        return self._backdrops[limit]

    def _show_power(self, limit: float) -> None:
        """Take a power of ten out of the residuals' tick labels; above them it would stand in the decay."""
        power = int(np.floor(np.log10(limit)))
        power = 0 if PLAIN_POWERS[0] <= power < PLAIN_POWERS[1] else power
        self.below.yaxis.set_major_formatter(lambda value, _: f"{value / 10.0**power:g}".replace("-", "−"))
        self._power.set_text(f"×10$^{{{power}}}$" if power else "")

    def _arrange(self) -> None:
        """Lay both axes out anew and draw all but the residuals' axis."""
        with mpl.rc_context(_STYLE):
            self.decay.clear()
            self.below.clear()
            self._draw_decay()
            self._draw_residuals()
            self.below.set_visible(False)
            self.canvas.draw()
            self.below.set_visible(True)
        self._base = Backdrop.of(self._image())
        self._backdrops.clear()
        self._limit = 0.0  # not set yet


def thinned(t: np.ndarray, *, logarithmic: bool, columns: int = _COLUMNS) -> np.ndarray:
    """Return the points to draw: all, or of very many a few in each column of pixels, whatever their values.

    Examples
    --------
    >>> thinned(np.arange(100_000.0), logarithmic=False).size
    1501
    """
    if t.size <= columns * _PER_COLUMN:
        return np.arange(t.size)
    position = np.log(np.maximum(t, t[1] / 2)) if logarithmic else t
    column = (position - position[0]) / (position[-1] - position[0]) * columns
    starts = np.flatnonzero(np.diff(np.floor(column), prepend=-1))
    counts = np.diff(np.append(starts, t.size))
    inside = np.minimum.outer(np.arange(_PER_COLUMN), counts - 1)
    return np.unique(starts + np.where(counts > _PER_COLUMN, inside * counts // _PER_COLUMN, inside))


def _draw_slider(axes, y: float, x: float, name: str, is_on: bool, place: float, value: str) -> None:
    colour = COLOURS["blue"] if is_on else COLOURS["grey"]
    fill = colour if is_on else "white"
    axes.plot(18, y, marker="s", markersize=9, markerfacecolor=fill, markeredgecolor=colour)
    axes.text(32, y, name, va="center")
    axes.plot([x, x + 150], [y, y], color="#C8C8C8", linewidth=3, solid_capstyle="round")
    axes.plot(x + 150 * place, y, marker="o", markersize=10, color=colour)
    axes.text(x + 170, y, value, va="center", color="black" if is_on else COLOURS["grey"])
