"""The panel's picture: a decay, its model curve and residuals, redrawn in a few milliseconds.

What stays put (axes, data, kept curves) is drawn once and kept as pixels; a move redraws only the model curve
and the residuals on top of it (Agg's "blitting") and packs the result as a PNG. Where residuals outgrow their
axis, only that axis is drawn anew, once for each of its limits. No pyplot: a figure that no global list knows
of cannot leak.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from helpers.pixels import Backdrop, packed
from helpers.plots import COLOURS, DATA, MODEL, STYLE
from helpers.traces import Trace
from helpers.units import axis_label

SCALES = ("linear", "semi-log", "log-log")
PROCESSES = {"trap": COLOURS["blue"], "radiative": COLOURS["vermilion"], "Auger": COLOURS["green"]}
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


class DecayView(BlitView):
    """Figure of a trace with one model curve and its residuals, redrawn as PNG bytes.

    Attributes
    ----------
    t_curve : ndarray
        Times since the first point at which the model curve is wanted: its own grid, fit for the scale.

    Examples
    --------
    >>> view = DecayView(Trace([0, 1, 2], [4, 2, 1]))
    >>> view.draw(4 * np.exp2(-view.t_curve), np.zeros(3))[1:4]
    b'PNG'
    """

    def __init__(self, trace: Trace, scale: str = "linear") -> None:
        self.trace = trace
        self._size = float(np.abs(trace.signal).max()) or 1.0
        self._kept: Sequence[tuple[np.ndarray, np.ndarray]] = ()
        super().__init__(scale)

    def _choose_points(self) -> None:
        t = self.trace.elapsed
        if self.scale == "log-log":
            self.t_curve = np.geomspace(t[1] / 2, t[-1], CURVE_POINTS)
        else:  # a decay bends most at its beginning
            self.t_curve = t[-1] * np.linspace(0, 1, CURVE_POINTS) ** 2
        self._drawn = thinned(t, logarithmic=self.scale == "log-log")

    @property
    def kept(self) -> Sequence[tuple[np.ndarray, np.ndarray]]:
        """Pairs (time since the first point, density) of curves that stay visible, drawn thin."""
        return self._kept

    @kept.setter
    def kept(self, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self._kept = curves
        self._base = None

    def _moving(self, curve, residuals):
        yield self.decay, self._model, curve
        yield self.below, self._residuals, residuals[self._drawn]

    def _draw_decay(self) -> None:
        axes, trace, drawn = self.decay, self.trace, self._drawn
        for t, n in self.kept:
            axes.plot(t, n, **KEPT)
        axes.plot(trace.elapsed[drawn], trace.signal[drawn], **DATA)
        (self._model,) = axes.plot(self.t_curve, self.t_curve, **MODEL, animated=True)
        if self.scale == "linear":
            axes.ticklabel_format(axis="y", scilimits=PLAIN_POWERS)
        else:
            axes.set_yscale("log")
        if self.scale == "log-log":
            axes.set_xscale("log")
        axes.set_xlim(*self._t_limits())
        axes.set_ylim(*self._signal_limits())
        axes.set_ylabel(axis_label("n" if trace.signal_unit else "signal", trace.signal_unit))
        axes.yaxis.set_label_coords(*LABEL_PLACE)
        axes.tick_params(labelbottom=False)
        axes.set_title(self._not_drawn(), fontsize=8, loc="right", color="0.3")

    def _draw_residuals(self) -> None:
        axes, trace, drawn = self.below, self.trace, self._drawn
        if trace.sigma is not None:
            band = trace.sigma[drawn]
            axes.fill_between(trace.elapsed[drawn], -band, band, color="0.88", linewidth=0)
        axes.axhline(0, color="0.5", linewidth=0.8)
        t = trace.elapsed[drawn]
        (self._residuals,) = axes.plot(t, np.zeros_like(t), **DATA, animated=True)
        place = {"transform": axes.transAxes, "ha": "right", "va": "top", "fontsize": 8}
        self._power = axes.text(0.995, 0.97, "", **place)
        axes.set_ylabel("data − model")
        axes.yaxis.set_label_coords(*LABEL_PLACE)
        start = f" − {trace.t[0]:g}" if trace.t[0] else ""
        axes.set_xlabel(axis_label(f"t{start}", trace.t_unit))

    def _t_limits(self) -> tuple[float, float]:
        t = self.trace.elapsed
        return (0.8 * t[1], 1.25 * t[-1]) if self.scale == "log-log" else (-0.02 * t[-1], 1.02 * t[-1])

    def _signal_limits(self) -> tuple[float, float]:
        signal = self.trace.signal
        if self.scale == "linear":
            low, high = min(0.0, float(signal.min())), max(0.0, float(signal.max()))
            margin = 0.06 * (high - low or self._size)
            return low - margin, high + margin
        # Four decades show a decay; what noise does near zero would stretch the axis to anywhere.
        positive = signal[signal > 0]
        low = max(float(positive.min()), 1e-4 * self._size) if positive.size else 1e-3 * self._size
        return low / 2, 2 * self._size

    def _not_drawn(self) -> str:
        """Say what the picture leaves out; nothing is left out silently."""
        t, signal = self.trace.elapsed, self.trace.signal
        notes = []
        if self._drawn.size < t.size:
            notes.append(f"{self._drawn.size} of {t.size} points drawn")
        if self.scale == "log-log":
            notes.append("t = 0 has no place on a log axis")
        below = int((signal < self._signal_limits()[0]).sum())
        if below:
            notes.append(f"{below} points lie below the axis")
        return "; ".join(notes)


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


def raised(text: str) -> str:
    """Return a unit's text as HTML, powers raised.

    Examples
    --------
    >>> raised("10^16 cm^-3")
    '10<sup>16</sup> cm<sup>-3</sup>'
    """
    return re.sub(r"\^([+-]?\d+)", r"<sup>\1</sup>", html.escape(text))


def rmse_text(rmse: float, residuals: np.ndarray, trace: Trace) -> str:
    """Write the RMSE with its unit, and in units of the data's errors where they are known."""
    text = f"RMSE {rmse:.6g}" + (f" ({trace.signal_unit})" if trace.signal_unit else "")
    if trace.sigma is None:
        return text
    return f"{text}, {np.sqrt(np.mean((residuals / trace.sigma) ** 2)):.4g} sigma"


def shares_text(shares: Sequence[float] | np.ndarray) -> str:
    """Write which share of the decay each of the PROCESSES carries."""
    parts = (f"{name} {share:.1%}" for name, share in zip(PROCESSES, shares, strict=True))
    return "decay by " + ", ".join(parts)


def share_bar(shares: Sequence[float] | np.ndarray) -> str:
    """Return HTML of a bar that is divided as the PROCESSES share the decay."""
    pieces = "".join(
        f'<div style="width:{100 * share:.1f}%;background:{colour}"></div>'
        for colour, share in zip(PROCESSES.values(), shares, strict=True)
    )
    return f'<div style="display:flex;height:8px;background:#ddd">{pieces}</div>'
