"""One parameter's row of widgets: check box, log slider that begins at exactly zero, exact number box.

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
    """One parameter: check box (on or off), log slider from exactly zero, number box with the exact value.

    Parameters
    ----------
    name : str
        Its widgets carry the classes on-NAME, rate-NAME and box-NAME.
    stops : ndarray
        Values of the slider's stops, the first of them 0, increasing.
    say : function of str
        Where a refused entry is explained.
    changed : function of a change
        What follows a new value; called before the row's own widgets are brought up to date, so that a
        picture need not wait for them.
    is_term : bool
        Whether the parameter is 0 while it is not ticked. Otherwise it keeps its value then, and the tick
        only says whether a fit varies it.
    lower : float
        Lower bound of what may be typed; -inf for a parameter of any sign.
    label : str, optional
        What stands beside the check box; the name by default.
    label_width : int
        Its width in pixels.
    continuous : bool
        Whether the value follows the slider while it is moved, or only when it is released.

    Attributes
    ----------
    value : float
        The exact value, kept while the term is off; `effective` is 0 then.
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
        label_width: int = 46,
        continuous: bool = True,
    ) -> None:
        self.name, self.stops, self._say = name, stops, say
        self.is_term, self.lower, self.label = is_term, lower, label or name
        self._showing = False
        layout = {"width": f"{label_width}px"}
        self.on = widgets.Checkbox(value=True, description=self.label, indent=False, layout=layout)
        self.slider = widgets.IntSlider(
            max=len(stops) - 1,
            readout=False,
            continuous_update=continuous,
            layout={"width": "126px", "margin": "2px 6px"},
        )
        # Seventeen digits and an exponent: a number whose end is out of sight is a wrong number.
        self.box = widgets.Text(
            value="0", continuous_update=False, layout={"width": "196px"}, style={"font_size": "12px"}
        )
        for widget, kind in ((self.on, "on"), (self.slider, "rate"), (self.box, "box")):
            widget.add_class(f"{kind}-{name}")
        super().__init__([self.on, self.slider, self.box], layout={"align_items": "center"})
        self.slider.observe(self._slider_moved, "value")
        self.box.observe(self._text_typed, "value")
        self.on.observe(changed, "value")
        self.observe(changed, "value")
        self.observe(self._show, "value")

    @property
    def effective(self) -> float:
        """The value that the law sees: 0 where a term is off."""
        return self.value if self.on.value or not self.is_term else 0.0

    @property
    def stop(self) -> int:
        """The slider's stop nearest to the value on the log scale; the stop at zero for zero only."""
        alike = np.flatnonzero(np.sign(self.stops) == np.sign(self.value))
        if self.value == 0 or not alike.size:
            return int(np.abs(self.stops - self.value).argmin())
        sizes = np.log(np.abs(self.stops[alike]))
        return int(alike[np.abs(sizes - math.log(abs(self.value))).argmin()])

    @property
    def drawn(self) -> tuple[str, bool, float, str]:
        """Name, on or off, place of the slider from 0 to 1, value: what a picture of the row shows."""
        return self.label, self.on.value, self.stop / self.slider.max, f"{self.value:.6g}"

    @in_turn
    def take(self, value: float) -> None:
        """Set the effective value: a term that is needed is switched on, one that is off stays off at 0."""
        if value != 0 or self.on.value or not self.is_term:
            self.value = float(value)
        self.on.value = bool(self.on.value or (self.is_term and value != 0))

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
        self._show()

    def _say_if_off(self) -> None:
        unseen = self.is_term and not self.on.value
        self._say(f"{self.name} is off: tick it to see its effect." if unseen else "")


def parse(text: str, lower: float = 0.0) -> float:
    """Return the number that was typed; finite, not below `lower`, to the last digit.

    Raises
    ------
    ValueError
        In a few words, for anything else.

    Examples
    --------
    >>> parse(" 1.1e-7 ")
    1.1e-07
    """
    shown = text if len(text) <= 20 else text[:17] + "..."
    try:
        value = float(text.strip().replace("_", "?"))
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
    """Return stops of a slider: 0, then a log grid around 10^centre, each rounded to 3 digits.

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
    grid = [float(f"{10.0**power:.2e}") for power in powers]
    stops = np.array([*(-stop for stop in reversed(grid)), 0.0, *grid])
    stops = stops[stops >= lower]
    if lower > 0 or -np.inf < lower < 0:
        stops = np.unique(np.append(stops, lower))
    return stops
