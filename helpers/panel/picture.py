"""The picture of a measurement: all traces in their colours, the model's curves, the residuals below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from helpers.measurement import Measurement
from helpers.panel.drawing import CURVE_POINTS, KEPT, PLAIN_POWERS, BlitView, thinned
from helpers.plots.style import COLOURS, CURVES, DATA, MODEL
from helpers.units import axis_label

_COLUMNS = 1000  # of pixels, which several traces share; three points of data are drawn in each
_LEAST_COLUMNS = 100
_PALE = {False: 0.55, True: 0.35}  # share of the ground in the points beside a curve of their colour
_LOG_REACH = 1e-4  # of a trace's largest signal: what noise does below it would stretch the axis to anywhere
MOST_KEPT = 30  # kept guesses drawn; more of them are a blot, and take seconds
_MOST_NAMES = 8  # in the legend
_MOST_STRIPS = 6  # of residuals, one a trace; more traces share one


class MeasurementView(BlitView):
    """Figure of one trace or several with model curves and residuals, redrawn as PNG bytes.

    Attributes
    ----------
    t_curves : list of ndarray
        Times on each trace's own axis at which the model's curve is wanted.
    kept : list of lists of ndarray
        Curves that stay visible, drawn thin and numbered: for each kept guess one curve a trace. See
        `draw_kept`.
    alone : int or None
        Number of the only trace that is drawn, from 0; None for all.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> view = MeasurementView(Measurement(Trace([0, 1, 2], [4, 2, 1])))
    >>> view.draw([4 * np.exp2(-t) for t in view.t_curves], [np.zeros(3)])[1:4]
    b'PNG'
    """

    def __init__(self, measurement: Measurement, scale: str = "semi-log") -> None:
        self.measurement = measurement
        pairs = zip(measurement.traces, measurement.time_zero, strict=True)
        self._elapsed = [trace.t - zero for trace, zero in pairs]
        self._kept: dict[int, list[np.ndarray]] = {}
        self._kept_of = 0
        self._alone: int | None = None
        self._in_sigma = measurement.noise not in ("even", "estimated")
        if not self._in_sigma and len(measurement) == 1:
            self._size = float(np.abs(measurement.traces[0].signal).max()) or 1.0
        super().__init__(scale)

    @property
    def kept(self) -> list[list[np.ndarray]]:  # noqa: D102 (see the class)
        return list(self._kept.values())

    def draw_kept(self, curves: dict[int, list[np.ndarray]], *, of: int) -> None:
        """Draw curves of kept guesses from now on, each by its number in a list of so many."""
        self._kept, self._kept_of = curves, of
        self._base = None

    @property
    def alone(self) -> int | None:  # noqa: D102 (see the class)
        return self._alone

    @alone.setter
    def alone(self, trace: int | None) -> None:
        self._alone = trace
        self._base = None

    @property
    def _seen(self) -> list[int]:
        """Numbers of the traces that are drawn."""
        return list(range(len(self._elapsed))) if self._alone is None else [self._alone]

    @property
    def _strip_count(self) -> int:
        return len(self._seen) if len(self._seen) <= _MOST_STRIPS else 1

    @property
    def _sign(self) -> int:
        """Sign with which the signals are drawn: a log axis has no place for a bleach."""
        return 1 if self.scale == "linear" else self.measurement.observable.sign or 1

    @property
    def _is_log(self) -> bool:
        return self.scale == "log-log"

    def _choose_points(self) -> None:
        count = len(self._elapsed)
        columns = max(_COLUMNS // count, _LEAST_COLUMNS)
        self._drawn = []
        for elapsed in self._elapsed:
            shown = np.flatnonzero(elapsed > 0) if self._is_log else np.arange(elapsed.size)
            self._drawn.append(shown[thinned(elapsed[shown], logarithmic=self._is_log, columns=columns)])
        points = CURVE_POINTS if count == 1 else CURVE_POINTS // 2
        self._grids = [_grid(elapsed, points, logarithmic=self._is_log) for elapsed in self._elapsed]
        zeros = self.measurement.time_zero
        self.t_curves = [grid + zero for grid, zero in zip(self._grids, zeros, strict=True)]

    def _colours(self, j: int) -> tuple:
        """Colours of the points and of the curve of trace j."""
        if len(self._elapsed) == 1:
            return DATA["color"], MODEL["color"]
        colour = CURVES[j % len(CURVES)]
        colour = self.theme.ink if colour == COLOURS["black"] else colour
        pairs = zip(to_rgb(self.theme.ground), to_rgb(colour), strict=True)
        pale = _PALE[self.dark]
        return tuple(pale * ground + (1 - pale) * level for ground, level in pairs), colour

    def _moving(self, curve: Sequence[np.ndarray], residuals: Sequence[np.ndarray]):
        for line, j in zip(self._models, self._seen, strict=True):
            yield self.decay, line, self._sign * curve[j]
        for number, (line, j) in enumerate(zip(self._residuals, self._seen, strict=True)):
            yield self.strips[number % len(self.strips)], line, residuals[j][self._drawn[j]]

    def _largest(self, residuals: Sequence[np.ndarray]) -> float:
        return max(float(np.abs(residuals[j]).max()) for j in self._seen)

    def _draw_decay(self) -> None:
        axes, traces = self.decay, self.measurement.traces
        self._models = []
        for j in self._seen:
            points, colour = self._colours(j)
            drawn, signal = self._drawn[j], traces[j].signal
            axes.plot(self._elapsed[j][drawn], self._sign * signal[drawn], **DATA | {"color": points})
            style = MODEL | {"color": colour, "animated": True}
            self._models += axes.plot(self._grids[j], self._grids[j], **style)
        if self.scale == "linear":
            axes.ticklabel_format(axis="y", scilimits=PLAIN_POWERS)
        else:
            axes.set_yscale("log")
        if self._is_log:
            axes.set_xscale("log")
        axes.set_xlim(*self._t_limits())
        axes.set_ylim(*self._signal_limits())
        for number, curves in self._kept.items():
            self._draw_kept(number, curves)
        axes.set_ylabel(self._signal_label())
        axes.yaxis.set_label_coords(*self.label_place)
        axes.tick_params(labelbottom=False)
        axes.set_title(self._not_drawn(), fontsize=8, loc="right")
        if len(traces) > 1:
            self._draw_legend()

    def _draw_kept(self, number: int, curves: Sequence[np.ndarray]) -> None:
        """Draw the curves of a kept guess, with its number where the first of them leaves the picture."""
        axes = self.decay
        for j in self._seen:
            several = {"color": self._colours(j)[1], "linestyle": "--"} if len(curves) > 1 else {}
            axes.plot(self._grids[j], self._sign * curves[j], **KEPT | several)
        j = self._seen[0]
        (begin, end), (low, high) = axes.get_xlim(), axes.get_ylim()
        t, heights = self._grids[j], self._sign * curves[j]
        inside = np.flatnonzero((t >= begin) & (t <= end) & (heights > low) & (heights < high))
        if inside.size:
            # Numbers of curves that lie on each other stand beside each other.
            last = inside[max(-1 - 12 * ((number - 1) % 8), -inside.size)]
            place = {"xytext": (0, 2), "textcoords": "offset points", "ha": "right", "va": "bottom"}
            axes.annotate(str(number), (t[last], heights[last]), fontsize=8, **place)

    def _draw_legend(self) -> None:
        traces, seen = self.measurement.traces, self._seen
        names = [traces[j].name or f"trace {j + 1}" for j in seen]
        lines = [Line2D([], [], color=self._colours(j)[1], linewidth=2) for j in seen]
        if len(names) > _MOST_NAMES:
            title = f"{_MOST_NAMES} of {len(names)} names"
            names, lines = names[:_MOST_NAMES], lines[:_MOST_NAMES]
        else:
            title = None
        place = "lower left" if self._is_log else "upper right"  # where a decay does not go
        self.decay.legend(lines, names, loc=place, fontsize=8, title=title, title_fontsize=8)

    def _draw_residuals(self) -> None:
        for strip in self.strips:
            if self._in_sigma:
                strip.axhspan(-1, 1, color=self.theme.soft, linewidth=0)
            strip.axhline(0, color="0.5", linewidth=0.8)
            strip.yaxis.set_major_locator(MaxNLocator(3 if len(self.strips) > 2 else 4, symmetric=True))
            strip.tick_params(labelbottom=strip is self.below, labelsize=8 if len(self.strips) > 2 else 10)
        self._residuals = []
        for number, j in enumerate(self._seen):
            drawn = self._drawn[j]
            t = self._elapsed[j][drawn]
            colour = DATA["color"] if len(self._drawn) == 1 else self._colours(j)[1]
            style = DATA | {"color": colour, "animated": True}
            style |= {} if len(self._drawn) == 1 else {"markersize": 2.5}
            strip = self.strips[number % len(self.strips)]
            self._residuals += strip.plot(t, np.zeros_like(t), **style)
        top = self.strips[0]
        place = {"transform": top.transAxes, "ha": "right", "va": "top", "fontsize": 8}
        self._power = top.text(0.995, 0.97, "", **place)
        relative = not self._in_sigma and len(self._drawn) > 1
        middle = self.strips[len(self.strips) // 2]
        middle.set_ylabel(
            "residual (σ)" if self._in_sigma else "residual/max" if relative else "data − model"
        )
        even = 1.0 if len(self.strips) % 2 == 0 else 0.5
        middle.yaxis.set_label_coords(self.label_place[0], even)
        zeros = np.unique(self.measurement.time_zero)
        start = "" if not zeros.any() else f" − {zeros[0]:.6g}" if len(zeros) == 1 else " after the pulse"
        self.below.set_xlabel(axis_label(f"t{start}", self.measurement.t_unit))

    def _signal_label(self) -> str:
        measurement = self.measurement
        is_density = measurement.observable.kind == "density" and measurement.scale.mode == "fixed"
        name = "n" if is_density and measurement.signal_unit else "signal"
        return axis_label(name if self._sign > 0 else f"−{name}", measurement.signal_unit)

    def _t_limits(self) -> tuple[float, float]:
        t = np.concatenate([self._elapsed[j] for j in self._seen])
        if self._is_log:
            return 0.8 * float(t[t > 0].min()), 1.25 * float(t.max())
        margin = 0.02 * float(np.ptp(t))
        return float(t.min()) - margin, float(t.max()) + margin

    def _signal_limits(self) -> tuple[float, float]:
        signals = [self._sign * self.measurement.traces[j].signal for j in self._seen]
        low = min(0.0, *(float(each.min()) for each in signals))
        high = max(0.0, *(float(each.max()) for each in signals))
        if self.scale == "linear":
            margin = 0.06 * (high - low or 1.0)
            return low - margin, high + margin
        lows = [
            max(float(each[each > 0].min()), _LOG_REACH * float(each.max()))
            for each in signals
            if (each > 0).any()
        ]
        return (min(lows) / 2, 2 * high) if lows else (1e-3, 1.0)

    def _not_drawn(self) -> str:
        """Say what the picture leaves out; nothing is left out silently."""
        seen = [self._elapsed[j] for j in self._seen]
        notes, sizes = [], [elapsed.size for elapsed in seen]
        before = [int((elapsed <= 0).sum()) if self._is_log else 0 for elapsed in seen]
        drawn = sum(self._drawn[j].size for j in self._seen)
        if drawn < sum(sizes) - sum(before):
            notes.append(f"{drawn} of {sum(sizes)} points drawn")
        if sum(before):
            notes.append("t ≤ 0 has no place on a log axis")
        floor = self._signal_limits()[0]
        signals = [self._sign * self.measurement.traces[j].signal for j in self._seen]
        if below := sum(int((signal < floor).sum()) for signal in signals):
            notes.append(f"{below} points lie below the axis")
        if len(self._kept) < self._kept_of:
            notes.append(f"{len(self._kept)} of {self._kept_of} kept guesses drawn")
        if len(seen) > _MOST_STRIPS:
            notes.append("the residuals share one strip")
        return "; ".join(notes)


def _grid(elapsed: np.ndarray, points: int, *, logarithmic: bool) -> np.ndarray:
    """Return times since the pulse for a curve: dense where it bends, on both sides of the pulse."""
    end = float(elapsed[-1])
    if logarithmic:
        return np.geomspace(float(elapsed[elapsed > 0][0]) / 2, end, points)
    root = np.linspace(0, 1, points)
    if elapsed[0] >= 0:
        return elapsed[0] + (end - elapsed[0]) * root**2
    before = elapsed[0] * np.linspace(1, 0, points // 4, endpoint=False) ** 2
    return np.append(before, end * root**2)
