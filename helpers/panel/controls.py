"""One parameter's row of widgets: marks "use" and "free", exact number, error, slider from exactly zero.

Each parameter has one true value, of which the widgets are views. Sliders run over whole-numbered stops: a
slider of decimal numbers is snapped to its grid by the browser, which sends the snapped number back and so
would spoil what a fit has found.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
import traitlets

_TURN = threading.RLock()


def in_turn(action: Callable) -> Callable:
    """Let an action wait until the one before has ended, in whatever thread it began.

    JupyterLab has clicks and moves of a slider carried out in different threads of a kernel. Neither the
    numbers of a panel nor matplotlib's fonts, which all panels share, stand two at a time.
    """

    @functools.wraps(action)
    def waiting(*args, **options):
        with _TURN:
            return action(*args, **options)

    return waiting


class ParameterControl(widgets.HBox):
    """One parameter: marks for use and free, box with the exact number, error, log slider from exactly zero.

    Parameters
    ----------
    name : str
        Its widgets carry the classes name-NAME, on-NAME, free-NAME, box-NAME, verdict-NAME and rate-NAME.
    stops : ndarray
        Values of the slider's stops, increasing; the first of them is 0 for what cannot be negative.
    say : function of str
        Where a refused entry is explained.
    changed : function of a change
        What follows a new value; called before the row's own widgets are brought up to date, so that a
        picture need not wait for them.
    linear : bool
        Whether the stops are evenly spaced, so that the nearest one is nearest on a linear scale.
    is_term : bool
        Whether the parameter can be out of use, and is 0 then.
    lower : float
        Lower bound of what may be typed; -inf for a parameter of any sign.
    label : str, optional
        What the row is called; the name by default.
    label_width : int
        Its width in pixels.
    continuous : bool
        Whether the value follows the slider while it is moved, or only when it is released.

    Attributes
    ----------
    value : float
        The exact value, kept while the term is out of use; `effective` is 0 then.
    on : Checkbox
        Whether the term is in use; always, for a parameter that is no term.
    free : Checkbox
        Whether a fit varies the parameter, if it is in use; otherwise it is held.
    verdict : Label
        What the last fit says of it.
    """

    value = traitlets.Float(0.0)

    def __init__(
        self,
        name: str,
        stops: np.ndarray,
        say: Callable[[str], None],
        changed: Callable,
        *,
        is_term: bool = True,
        lower: float = 0.0,
        label: str = "",
        label_width: int = 40,
        continuous: bool = True,
        linear: bool = False,
    ) -> None:
        self.name, self.stops, self._say = name, stops, say
        self.is_term, self.lower, self.label, self._linear = is_term, lower, label or name, linear
        self._showing = False
        self._make_widgets(label_width, continuous=continuous)
        parts = [self.title, self.on, self.free, self.box, self.verdict, self.slider]
        super().__init__(
            parts,
            layout={"flex_flow": "row wrap", "align_items": "center", "width": "100%", "margin": "0 0 3px 0"},
        )
        self.add_class("parameter")
        self.add_class(f"row-{name}")
        self.slider.observe(self._slider_moved, "value")
        self.box.observe(self._text_typed, "value")
        self.on.observe(changed, "value")
        self.free.observe(changed, "value")
        self.observe(changed, "value")
        self.observe(self._show, "value")
        self._show()  # zero is not the first stop of every slider

    def _make_widgets(self, label_width: int, *, continuous: bool) -> None:
        self.title = widgets.Label(
            self.label,
            layout={"width": f"{label_width}px"},
            tooltip="Double click: back to where this row began (Delete on its slider does the same)",
        )
        layout = {"width": "50px"}
        self.on = widgets.Checkbox(value=True, description="use", indent=False, layout=layout)
        self.free = widgets.Checkbox(value=True, description="free", indent=False, layout=layout)
        self.slider = widgets.IntSlider(
            max=len(self.stops) - 1,
            readout=False,
            continuous_update=continuous,
            layout={"flex": "1 1 404px", "width": "auto"},
        )
        # Seventeen digits and an exponent: a number whose end is out of sight is a wrong number.
        self.box = widgets.Text(
            value="0", continuous_update=False, layout={"width": "144px"}, style={"font_size": "12px"}
        )
        self.verdict = widgets.Label("", layout={"width": "112px"})
        kinds = {"name": self.title, "on": self.on, "free": self.free, "rate": self.slider}
        for kind, widget in (kinds | {"box": self.box, "verdict": self.verdict}).items():
            widget.add_class(f"{kind}-{self.name}")
        self.title.add_class("row-name")
        self.verdict.add_class("verdict")
        if not self.is_term:  # it is always in use
            self.on.disabled = True
            self.on.add_class("unused")
            self.on.layout.visibility = "hidden"

    @property
    def effective(self) -> float:
        """The value that the law sees: 0 where a term is out of use."""
        return self.value if self.on.value or not self.is_term else 0.0

    @property
    def is_varied(self) -> bool:
        """Whether a fit varies the parameter."""
        return bool(self.free.value and (self.on.value or not self.is_term))

    @property
    def marks(self) -> tuple[float, bool, bool]:
        """Value, use and free: all that a reader can set in the row."""
        return self.value, bool(self.on.value), bool(self.free.value)

    @property
    def stop(self) -> int:
        """The slider's stop nearest to the value; on the log scale the stop at zero is for zero only."""
        alike = np.flatnonzero(np.sign(self.stops) == np.sign(self.value))
        if self._linear or self.value == 0 or not alike.size:
            return int(np.abs(self.stops - self.value).argmin())
        sizes = np.log(np.abs(self.stops[alike]))
        return int(alike[np.abs(sizes - math.log(abs(self.value))).argmin()])

    @property
    def drawn(self) -> tuple[str, bool, float, str]:
        """Name, in use or not, place of the slider from 0 to 1, value: what a picture of the row shows."""
        is_on = bool(self.on.value) or not self.is_term
        return self.label, is_on, self.stop / self.slider.max, f"{self.value:.6g}"

    @in_turn
    def take(self, value: float) -> None:
        """Set the effective value: a term that is needed comes into use; one that is out stays at 0."""
        if value != 0 or self.on.value or not self.is_term:
            self.value = float(value)
        self.on.value = bool(self.on.value or (self.is_term and value != 0))

    @in_turn
    def put(self, value: float, on: bool, free: bool) -> None:
        """Set value and marks, see `marks`."""
        self.value, self.on.value, self.free.value = value, on, free

    @in_turn
    def nudge(self, stops: int) -> None:
        """Go some stops up or down from the stop nearest to the value, as far as the slider goes."""
        self._say_if_off()
        self.value = float(self.stops[min(max(self.stop + stops, 0), len(self.stops) - 1)])

    def _show(self, _=None) -> None:
        self._showing = True
        try:
            self.box.value = repr(self.value).removesuffix(".0")
            self.slider.value = self.stop
        finally:
            self._showing = False

    @in_turn
    def _slider_moved(self, change) -> None:
        # A browser may repeat where the slider stands; that must not round a value between two stops.
        if not self._showing and change.new != self.stop:
            self._say_if_off()
            self.value = float(self.stops[change.new])

    @in_turn
    def _text_typed(self, change) -> None:
        if self._showing:
            return
        try:
            value = parse(change.new, self.lower)
        except ValueError as refusal:
            self._say(f"{self.name}: {refusal}; {self.value:.6g} is kept.")
        else:
            self._say_if_off()
            self.value = value
            if "," in change.new:
                self._say(f"{self.name}: the comma is read as a decimal point: {value:.17g}.")
        self._show()

    def _say_if_off(self) -> None:
        unseen = self.is_term and not self.on.value
        self._say(f"{self.name} is off: tick “use” to see its effect." if unseen else "")


def parse(text: str, lower: float = 0.0) -> float:
    """Return the number that was typed; finite, not below `lower`, to the last digit.

    One comma and no point is a decimal comma.

    Raises
    ------
    ValueError
        In a few words, for anything else.

    Examples
    --------
    >>> parse(" 1.1e-7 "), parse("0,25")
    (1.1e-07, 0.25)
    """
    shown = text if len(text) <= 20 else text[:17] + "..."
    try:
        plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
        value = float(plain.strip().replace("_", "?"))
    except ValueError:
        raise ValueError(f"“{shown}” is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"“{shown}” is not a finite number")
    if value < lower:
        raise ValueError(f"“{shown}” is " + ("negative" if lower == 0 else f"below {lower:g}"))
    if value == 0 and any(digit in text.lower().partition("e")[0] for digit in "123456789"):
        raise ValueError(f"“{shown}” is too small for a number")
    return value + 0.0  # no -0


def stops_around(centre: float, decades: int, per_decade: int, *, lower: float = 0.0) -> np.ndarray:
    """Return stops of a slider: 0, then a log grid around 10^centre, each rounded to 5 digits.

    Below a negative `lower` bound there are none; above it the grid's mirror image comes before the zero.

    Examples
    --------
    >>> stops_around(0.0, 1, 1).tolist()
    [0.0, 0.1, 1.0, 10.0]
    >>> stops_around(0.0, 1, 1, lower=-np.inf).tolist()
    [-10.0, -1.0, -0.1, 0.0, 0.1, 1.0, 10.0]
    """
    centre = min(max(centre, -300.0 + decades), 300.0 - decades)  # within what doubles hold
    powers = centre + np.arange(-decades * per_decade, decades * per_decade + 1) / per_decade
    grid = [float(f"{10.0**power:.4e}") for power in powers]
    stops = np.array([*(-stop for stop in reversed(grid)), 0.0, *grid])
    stops = stops[stops >= lower]
    if lower > 0 or -np.inf < lower < 0:
        stops = np.unique(np.append(stops, lower))
    return stops
