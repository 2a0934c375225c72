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

from helpers.panel.pixels import THEMES, Backdrop, Theme, packed
from helpers.plots.style import COLOURS, STYLE

SCALES = ("linear", "semi-log", "log-log")
WIDTH, HEIGHT = 640, 440  # pixels, until the page has said how large the picture is shown
_STYLE = STYLE | {"figure.constrained_layout.use": False}  # nothing may move when a label grows
KEPT = {"color": COLOURS["blue"], "linewidth": 0.8}
CURVE_POINTS = 400
_MARGINS = (80, 18, 24, 46, 16)  # pixels: left, right, top, bottom, between decay and residuals
PLAIN_POWERS = (-2, 3)  # tick labels of other sizes get a power of ten: more digits would reach the label
_BACKDROPS = 12  # kept; 1.4 MB each at first
_MOST_PIXELS = 4000  # of the screen, along one side
_COLUMNS, _PER_COLUMN = 500, 3  # more points than that are not told apart


class BlitView:
    """Figure of a signal above and its residuals below in one strip or several, redrawn as PNG bytes.

    A subclass draws what stays put (`_draw_decay`, `_draw_residuals`) and names what moves (`_moving`).

    Attributes
    ----------
    decay : Axes
    strips : list of Axes
        For the residuals; all have the same limits.
    """

    _size = 1.0  # of what is measured: residuals below 1e-9 of it are rounding

    def __init__(self, scale: str = "linear") -> None:
        self.width, self.height, self.ratio, self.dark = WIDTH, HEIGHT, 1.0, False
        self._power: Any = None  # the power of ten in the residuals' axis, a text of the subclass
        self._base: Backdrop | None = None  # without the residuals' axes
        self._limit = 0.0  # of those axes
        self._backdrops: dict[float, Backdrop] = {}  # by the limit of those axes
        self.scale = scale
        self._make_axes()

    @property
    def scale(self) -> str:
        """One of SCALES: how the two axes are divided."""
        return self._scale

    @scale.setter
    def scale(self, scale: str) -> None:
        self._scale = scale
        self._choose_points()
        self._base = None

    @property
    def theme(self) -> Theme:
        """Colours of the ground and of what is written on it."""
        return THEMES[self.dark]

    @property
    def below(self) -> Axes:
        """The lowest strip of residuals."""
        return self.strips[-1]

    def resize(self, width: int, height: int, ratio: float = 1.0, *, dark: bool = False) -> bool:
        """Draw from now on at this size in pixels of the page, each `ratio` pixels of the screen wide.

        Returns
        -------
        bool
            Whether anything is different from before.
        """
        width, height = (int(min(max(each, 200), 3000)) for each in (width, height))
        ratio = float(min(max(ratio, 0.5), 4.0, _MOST_PIXELS / max(width, height)))
        wanted = (width, height, ratio, dark)
        if wanted == (self.width, self.height, self.ratio, self.dark):
            return False
        self.width, self.height, self.ratio, self.dark = wanted
        self._base = None
        return True

    def _choose_points(self) -> None:
        """Choose the points of data and curves that the scale shows."""
        raise NotImplementedError

    def _draw_decay(self) -> None:
        raise NotImplementedError

    def _draw_residuals(self) -> None:
        raise NotImplementedError

    @property
    def _strip_count(self) -> int:
        return 1

    def _moving(self, curve, residuals) -> Iterator[tuple[Axes, Line2D, np.ndarray]]:
        """Yield each line that moves, with its axes and its new heights."""
        raise NotImplementedError

    def draw(self, curve, residuals) -> bytes:
        """Draw the model `curve` at `t_curve` and the residuals data − model; return the picture as PNG."""
        backdrop = self._paint(curve, residuals)
        return packed(self._image(), backdrop)

    def file(self, curve, residuals, kind: str) -> bytes:
        """Draw a file of the last picture, "svg", "pdf" or "png" (of twice the pixels), on a white ground.

        Such a file is drawn anew as a whole, with lines and letters where the format has them.
        """
        size = (self.width, self.height, self.ratio, self.dark)
        self.resize(self.width, self.height, 1.0)
        self._paint(curve, residuals)
        lines = [line for _, line, _ in self._moving(curve, residuals)]
        bytes_ = io.BytesIO()
        try:
            for line in lines:
                line.set_animated(False)
            plain = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "panel"}
            dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
            with mpl.rc_context(self._style | plain):
                self.canvas.figure.savefig(bytes_, format=kind, dpi=200, metadata=dated)
        finally:
            self._base = None  # the canvas has drawn for the file
            width, height, ratio, dark = size
            self.resize(width, height, ratio, dark=dark)
        return bytes_.getvalue()

    def still(self, sliders: Sequence[tuple[str, bool, float, str]], notes: Sequence[str]) -> bytes:
        """Draw the last picture beside drawn sliders (name, on, place from 0 to 1, value) and lines of text.

        This is the panel for readers without a kernel.
        """
        with mpl.rc_context(self._style):
            image = self._image()
            high, wide = image.shape[0] / self.ratio, image.shape[1] / self.ratio
            figure = Figure(figsize=(wide / 100 + 4, high / 100), dpi=100 * self.ratio)
            figure.figimage(image, xo=400 * self.ratio)
            axes = figure.add_axes((0, 0, 400 / (wide + 400), 1), xlim=(0, 400), ylim=(high, 0))
            axes.set_axis_off()
            pitch = min(34.0, (high - 70 - 26 * len(notes)) / max(len(sliders), 1))
            begin = 65 + 8 * max(max(len(name) for name, *_ in sliders) - 2, 0)
            for row, slider in enumerate(sliders):
                _draw_slider(axes, 35 + pitch * row, begin, self.theme, *slider)
            for row, note in enumerate(notes):
                axes.text(12, 60 + pitch * len(sliders) + 26 * row, note, va="center")
            canvas = FigureCanvasAgg(figure)
            file = io.BytesIO()
            canvas.print_png(file, metadata={"Software": None})
        return file.getvalue()

    @property
    def _style(self) -> dict[str, Any]:
        theme = self.theme
        names = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor")
        style = dict.fromkeys(names, theme.ink)
        style |= dict.fromkeys(("figure.facecolor", "axes.facecolor"), theme.ground)
        return _STYLE | style | {"grid.color": theme.grid}

    def _make_axes(self) -> None:
        """Lay the axes out by pixels, so that letters keep their size and place in a picture of any size."""
        left, right, top, bottom, gap = _MARGINS
        count = self._strip_count
        inner = self.height - top - bottom - gap
        strips = inner * min(0.25 + 0.09 * (count - 1), 0.6)
        with mpl.rc_context(self._style):
            figure = Figure(figsize=(self.width / 100, self.height / 100), dpi=100 * self.ratio)
            self.canvas = FigureCanvasAgg(figure)
            across = (left / self.width, (self.width - left - right) / self.width)

            def place(low: float, high: float) -> tuple[float, float, float, float]:
                return across[0], low / self.height, across[1], (high - low) / self.height

            self.decay = figure.add_axes(place(bottom + strips + gap, self.height - top))
            pitch = strips / count
            lows = [bottom + pitch * (count - 1 - number) for number in range(count)]
            space = 0 if count == 1 else min(6.0, 0.15 * pitch)
            self.strips = [
                figure.add_axes(place(low, low + pitch - space), sharex=self.decay) for low in lows
            ]
        self.label_place = (-(left - 18) / (self.width - left - right), 0.5)

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
        """Limit of the residuals' axes in steps of 10^(1/3), so that most moves keep the axes."""
        largest = max(largest, 1e-9 * self._size)
        return float(10 ** (np.ceil(3 * np.log10(1.05 * largest)) / 3))

    def _backdrop(self, limit: float) -> Backdrop:
        if self._base is None:
            self._arrange()
        if limit != self._limit:
            self._limit = limit
            for strip in self.strips:
                strip.set_ylim(-limit, limit)
            self._show_power(limit)
        if limit not in self._backdrops:
            if len(self._backdrops) == _BACKDROPS:
                del self._backdrops[next(iter(self._backdrops))]  # the oldest
            assert self._base is not None
            self._base.restore(self._image())
            with mpl.rc_context(self._style):  # ticks are made as they are drawn
                for strip in self.strips:
                    strip.draw(self.canvas.get_renderer())
            self._backdrops[limit] = Backdrop.of(self._image(), dark=self.dark)
        return self._backdrops[limit]

    def _show_power(self, limit: float) -> None:
        """Take a power of ten out of the residuals' tick labels; above them it would stand in the decay."""
        power = int(np.floor(np.log10(limit)))
        power = 0 if PLAIN_POWERS[0] <= power < PLAIN_POWERS[1] else power
        for strip in self.strips:
            strip.yaxis.set_major_formatter(lambda value, _: f"{value / 10.0**power:g}".replace("-", "−"))
        self._power.set_text(f"×10$^{{{power}}}$" if power else "")

    def _arrange(self) -> None:
        """Lay the axes out anew and draw all but those of the residuals."""
        self._make_axes()
        with mpl.rc_context(self._style):
            self._draw_decay()
            self._draw_residuals()
            for strip in self.strips:
                strip.set_visible(False)
            self.canvas.draw()
            for strip in self.strips:
                strip.set_visible(True)
        self._base = Backdrop.of(self._image(), dark=self.dark)
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


def _draw_slider(
    axes, y: float, x: float, theme: Theme, name: str, is_on: bool, place: float, value: str
) -> None:
    colour = COLOURS["blue"] if is_on else COLOURS["grey"]
    fill = colour if is_on else theme.ground
    axes.plot(18, y, marker="s", markersize=9, markerfacecolor=fill, markeredgecolor=colour)
    axes.text(32, y, name, va="center")
    axes.plot([x, x + 150], [y, y], color=theme.soft, linewidth=3, solid_capstyle="round")
    axes.plot(x + 150 * place, y, marker="o", markersize=10, color=colour)
    axes.text(x + 170, y, value, va="center", color=theme.ink if is_on else COLOURS["grey"])
