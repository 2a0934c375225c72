"""The slider panel: move G, k1, k2, k3 and n0 by hand over a decay, and fit from where they stand.

Core widgets and one picture: no output areas, no global figures, nothing for a notebook to store.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from helpers import fitting, guesses, kinetics
from helpers.fitting import PARAMETERS
from helpers.kinetics import Rates
from helpers.panel_view import (
    HEIGHT,
    SCALES,
    WIDTH,
    BlitView,
    DecayView,
    raised,
    rmse_text,
    share_bar,
    shares_text,
)
from helpers.pixels import InlineImage
from helpers.sliders import ParameterControl, in_turn, slider_stops
from helpers.traces import Trace
from helpers.units import axis_label

_TITLE = -1  # the menu's first line, no guess
LEFT = 388  # pixels


class SliderPanel(widgets.Box):
    """Rows of sliders, buttons, a menu of what was kept, and texts beside a picture: any panel's widgets.

    Parameters
    ----------
    view : BlitView
    controls : dict of name to ParameterControl
    heading : str
        HTML above the rows.
    extra : widget, optional
        Stands below the first line of numbers.
    width : int
        Of the column of rows, in pixels.
    """

    _held = False
    fit: Any = None

    def __init__(
        self,
        view: BlitView,
        controls: Mapping[str, ParameterControl],
        heading: str,
        *,
        extra: Sequence[widgets.Widget] = (),
        width: int = LEFT,
    ) -> None:
        self.view, self.controls, self._width = view, dict(controls), width
        self.kept: list = []
        self._make_widgets()
        layout = {"flex_flow": "row wrap", "max_width": f"{width + WIDTH}px"}
        super().__init__([self._left(heading, extra), self._right()], layout=layout)
        self.add_class("guess-panel")
        self._connect()

    def _repr_mimebundle_(self, **kwargs) -> dict:
        # Where no kernel runs (a code-hosting site, exported HTML) the panel is shown as this picture.
        picture = base64.b64encode(self.still()).decode("ascii")
        return super()._repr_mimebundle_(**kwargs) | {"image/png": picture}

    @in_turn
    def still(self) -> bytes:
        """PNG of the panel as it stands, sliders and numbers included."""
        return self.view.still([each.drawn for each in self.controls.values()], self._notes())

    def _make_widgets(self) -> None:
        texts = {"suggest": "Suggest", "fit": "Fit from here", "keep": "Keep this guess", "reset": "Reset"}
        layout = {"width": "auto", "margin": "2px"}
        self.buttons = {
            name: widgets.Button(description=text, layout=layout).add_class(f"btn-{name}")
            for name, text in texts.items()
        }
        self.scale = widgets.ToggleButtons(
            options=SCALES, value=self.view.scale, style={"button_width": "90px"}
        )
        self.menu = widgets.Dropdown(layout={"width": "auto"})
        self.picture = InlineImage(
            width=WIDTH, height=HEIGHT, layout={"width": "100%", "height": "auto", "margin": "0"}
        )
        self.readout, self.split, self.message = (widgets.HTML() for _ in range(3))
        self.message.layout = {"height": "48px", "overflow": "auto"}
        named = {"scale": self.scale, "kept": self.menu, "picture": self.picture}
        named |= {"rmse": self.readout, "shares": self.split, "status": self.message}
        for name, widget in named.items():
            widget.add_class(name)

    def _left(self, heading: str, extra: Sequence[widgets.Widget]) -> widgets.VBox:
        parts = [widgets.HTML(heading), *self.controls.values(), self.readout, *extra, self.split]
        parts += [widgets.HBox(list(self.buttons.values())), self.menu, self.message]
        return widgets.VBox(parts, layout={"width": f"{self._width}px", "flex": "0 0 auto"})

    def _right(self) -> widgets.VBox:
        # In a narrow window the picture shrinks beside the sliders; below them it would be out of sight.
        layout = {"flex": "1 1 430px", "max_width": f"{WIDTH}px", "align_self": "flex-start"}
        return widgets.VBox([self.scale, self.picture], layout=layout)

    def _connect(self) -> None:
        actions = {"suggest": self._suggest, "fit": self._fit, "keep": self._keep, "reset": self._reset}
        for name, action in actions.items():
            self.buttons[name].on_click(lambda _, action=action: self._attempt(action))
        self.scale.observe(self._rescale, "value")
        self.menu.observe(self._choose, "value")

    def say(self, text: str) -> None:
        """Show a short message below the buttons."""
        self.message.value = html.escape(text)

    @contextmanager
    def _one_redraw(self) -> Iterator[None]:
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._redraw()

    @in_turn
    def _redraw(self, _=None) -> None:
        """Compute and draw the model where the sliders stand."""
        raise NotImplementedError

    @in_turn
    def _attempt(self, action: Callable[[], None]) -> None:
        """Carry out what a button asks; whatever goes wrong is said in the panel, where it is seen."""
        try:
            action()
        except Exception as failure:
            self.say(f"This did not work: {failure}")

    def _suggest(self) -> None:
        raise NotImplementedError

    def _reset(self) -> None:
        raise NotImplementedError

    def _notes(self) -> list[str]:
        """Lines of text for the picture of the whole panel."""
        raise NotImplementedError

    def _fit(self) -> None:
        free = [name for name, control in self.controls.items() if control.on.value]
        if not free:
            self.say("Nothing to fit: tick at least one term.")
            return
        self.buttons["fit"].disabled = True
        self.say(f"Fitting {', '.join(free)} …")
        try:
            self.fit = self._search([name for name in self.controls if name not in free])
            if self.fit.converged:
                self._show_fit()
            else:
                self.say(f"The fit did not converge: {self.fit.message}. The sliders stay where they were.")
        except Exception as failure:
            self.say(f"The fit failed: {failure}. The sliders stay where they were.")
        finally:
            self.buttons["fit"].disabled = False

    def _search(self, fixed: Sequence[str]):
        """Fit from where the sliders stand, with the rows `fixed` held; return the fit."""
        raise NotImplementedError

    def _show_fit(self) -> None:
        """Put the rows to the values of `fit` and say what was found."""
        raise NotImplementedError

    def _here(self):
        """Return what is kept of where the sliders stand."""
        raise NotImplementedError

    def _load_kept(self) -> list:
        raise NotImplementedError

    def _save_kept(self, kept: list) -> Path:
        raise NotImplementedError

    def _take_kept(self, kept) -> None:
        raise NotImplementedError

    def _names_of(self, kept: list) -> tuple[str, list[str]]:
        """Title of the menu, and one line for each kept guess."""
        raise NotImplementedError

    def _draw_kept(self, kept: list) -> None:
        """Hand the curves of the kept guesses to the view."""
        raise NotImplementedError

    def _keep(self) -> None:
        kept, here = self._load_kept(), self._here()
        if here in kept:
            self.say(f"This guess is kept already, as number {kept.index(here) + 1}.")
        else:
            kept.append(here)
            path = self._save_kept(kept)
            self.say(f"Kept as number {len(kept)} in {path.name}.")
        self._show_kept(kept)
        self._redraw()

    @in_turn
    def _rescale(self, change) -> None:
        self.view.scale = change.new
        self._show_kept(self.kept)
        self._redraw()

    def _read_kept(self) -> None:
        try:
            self._show_kept(self._load_kept())
        except (OSError, ValueError) as failure:
            self._show_kept([])
            self.say(str(failure))

    def _show_kept(self, kept: list) -> None:
        """List the kept guesses in the menu and draw them."""
        self.kept = kept
        self._draw_kept(kept)
        title, texts = self._names_of(kept)
        names = [f"{number}: {text}" for number, text in enumerate(texts, 1)]
        self.menu.options = [(f"{title}: {len(kept)}", _TITLE), *zip(names, range(len(kept)), strict=True)]
        self.menu.value = _TITLE

    @in_turn
    def _choose(self, change) -> None:
        if change.new not in (None, _TITLE):
            self._take_kept(self.kept[change.new])
            self.say(f"Kept guess {change.new + 1}.")
            self.menu.value = _TITLE  # a menu, not a state: the same guess can be chosen again


class GuessPanel(SliderPanel):
    """Sliders for G, k1, k2, k3 and n0 over a decay, with the curve, its residuals and RMSE drawn live.

    Parameters
    ----------
    trace : Trace
        Data from the moment the law holds: usually `load_trace(path).from_peak()`.
    guess : Rates or four numbers, optional
        Where the sliders begin; by default `guesses.suggest(trace)`.
    n0 : float, optional
        Where n0 begins; by default the first point of the data.
    path : path, optional
        File of the kept guesses; by default results/guesses.json.

    Attributes
    ----------
    rates, n0 : Rates, float
        What the curve is drawn with; terms that are off are 0.
    model, residuals, rmse : ndarray, ndarray, float
        The law at the data's times, data − model, and the root mean square of that.
    kept : list of Rates
        The guesses in the file.
    controls, buttons : dict
        The widgets, by parameter and by name ("suggest", "fit", "keep", "reset").
    fit : Fit or None
        The last one made here.

    Examples
    --------
    >>> panel = GuessPanel(Trace([0, 1, 2], [4, 2, 1]), (0, 0.5, 0, 0), path="no guesses yet.json")
    >>> panel.set((0, np.log(2), 0, 0))
    >>> round(panel.rmse, 12), panel
    (0.0, GuessPanel(G, k1, k2, k3, n0))
    """

    def __init__(
        self,
        trace: Trace,
        guess: Rates | Sequence[float] | None = None,
        *,
        n0: float | None = None,
        path: str | Path | None = None,
    ) -> None:
        self.trace = trace
        self.path = guesses.FILE if path is None else Path(path)
        controls = {
            name: ParameterControl(name, stops, self.say, self._redraw)
            for name, stops in slider_stops(trace).items()
        }
        super().__init__(DecayView(trace, scale=SCALES[1]), controls, _heading(trace))
        self._start_n0 = max(float(trace.signal[0]), 0.0) if n0 is None else float(n0)
        self._start = _first_guess(trace) if guess is None else kinetics.four_rates(guess)
        kinetics.solve(trace.elapsed, self._start_n0, self._start)  # refuses what has no curve
        self._read_kept()
        self.set(self._start, self._start_n0)

    def __repr__(self) -> str:
        return "GuessPanel(G, k1, k2, k3, n0)"

    @property
    def rates(self) -> Rates:
        """G, k1, k2, k3 as the curve is drawn with them."""
        return Rates(*(self.controls[name].effective for name in PARAMETERS[:4]))

    @property
    def n0(self) -> float:
        """The density at the first time as the curve is drawn with it."""
        return self.controls["n0"].effective

    @in_turn
    def set(self, rates: Rates | Sequence[float], n0: float | None = None) -> None:
        """Set all sliders with one redraw; switches on the terms that are not zero."""
        with self._one_redraw():
            for name, value in zip(PARAMETERS, (*kinetics.four_rates(rates), n0), strict=True):
                if value is not None:
                    self.controls[name].take(value)

    def _notes(self) -> list[str]:
        return [axis_label(f"RMSE {self.rmse:.6g}", self.trace.signal_unit), shares_text(self.shares)]

    @in_turn
    def _redraw(self, _=None) -> None:
        """Solve once for the curve's grid and the data's times; send the picture first, then the numbers."""
        if self._held:
            return
        t_curve, n0, rates = self.view.t_curve, self.n0, self.rates
        n = _curve(np.append(t_curve, self.trace.elapsed), n0, rates)
        if n is None:
            self.readout.value = "<b>no curve</b>"
            self.say("These numbers are too large together for a curve; the picture shows the last one.")
            return
        self.model = n[t_curve.size :]
        self.residuals = self.trace.signal - self.model
        size = float(np.abs(self.residuals).max()) or 1.0
        self.rmse = size * float(np.sqrt(np.mean((self.residuals / size) ** 2)))
        self.picture.value = self.view.draw(n[: t_curve.size], self.residuals)
        self.shares = kinetics.shares(self.trace.elapsed[-1], n0, rates)
        self.readout.value = f"<b>{raised(rmse_text(self.rmse, self.residuals, self.trace))}</b>"
        self.split.value = share_bar(self.shares) + shares_text(self.shares)

    def _suggest(self) -> None:
        self.set(guesses.suggest(self.trace), max(float(self.trace.signal[0]), 0.0))
        self.say("Matched to the integrals of the data: a start for a fit.")

    def _search(self, fixed):
        return fitting.fit(self.trace, self.rates, n0=self.n0, fixed=fixed)

    def _show_fit(self) -> None:
        fit = self.fit
        fixed = [name for name, control in self.controls.items() if not control.on.value]
        free = [name for name in self.controls if name not in fixed]
        with self._one_redraw():
            for name, value in zip(PARAMETERS, fit.values, strict=True):
                self.controls[name].take(value)
        held = f"; held at zero: {', '.join(fixed)}" if fixed else ""
        words = f"{fit.evaluations} evaluations, RMSE {fit.rmse:.6g}."
        self.say(f"Fitted; free: {', '.join(free)}{held}. {words}")

    def _here(self) -> Rates:
        return self.rates

    def _load_kept(self) -> list[Rates]:
        return guesses.load(self.path) if self.path.exists() else []

    def _save_kept(self, kept: list[Rates]) -> Path:
        return guesses.save(kept, self.path)

    def _take_kept(self, kept: Rates) -> None:
        self.set(kept)

    def _reset(self) -> None:
        with self._one_redraw():
            for control, value in zip(self.controls.values(), (*self._start, self._start_n0), strict=True):
                control.on.value = True
                control.value = value
        self.say("")

    def _draw_kept(self, kept: list[Rates]) -> None:
        """Draw the kept guesses, beginning at the first point of the data."""
        t = self.view.t_curve
        # What was kept for data of quite another size may have no curve here.
        curves = [(t, _curve(t, self._start_n0, rates)) for rates in kept]
        self.view.kept = [(t, n) for t, n in curves if n is not None]

    def _names_of(self, kept: list[Rates]) -> tuple[str, list[str]]:
        texts = [", ".join(f"{value:.3g}" for value in rates) for rates in kept]
        return "Kept guesses (G, k1, k2, k3)", texts


def _heading(trace: Trace) -> str:
    law = "<b>dn/dt = G − k<sub>1</sub>n − k<sub>2</sub>n<sup>2</sup> − k<sub>3</sub>n<sup>3</sup></b>"
    t, n = trace.t_unit or "the data's time unit", trace.signal_unit or "the data's unit"
    return f"{law}<br><small>t in {raised(t)}, n in {raised(n)}; rates in these units</small>"


def _first_guess(trace: Trace) -> Rates:
    try:
        return guesses.suggest(trace)
    except ValueError:  # too few points
        return Rates(k1=1 / trace.elapsed[-1])


def _curve(t: np.ndarray, n0: float, rates: Rates) -> np.ndarray | None:
    try:
        return kinetics.solve(t, n0, rates)
    except ValueError:  # beyond what numbers hold
        return None
