"""The widgets of a slider panel, and what its buttons do whatever is drawn and fitted.

Core widgets and one picture: no output areas, no global figures, nothing for a notebook to store.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets

from helpers.panel.controls import ParameterControl, in_turn
from helpers.panel.drawing import HEIGHT, SCALES, WIDTH, BlitView
from helpers.panel.pixels import InlineImage

_TITLE = -1  # the menu's first line, no guess
LEFT = 388  # pixels


class SliderPanel(widgets.Box):
    """Rows of sliders, buttons, a menu of what was kept, and texts beside a picture.

    A subclass says what is computed, drawn, fitted and kept: the methods that raise NotImplementedError.

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
        """Return what the file of guesses holds for this panel."""
        raise NotImplementedError

    def _save_kept(self, kept) -> str:
        """Add a guess to the file; return where it is, in words."""
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
            where = self._save_kept(here)
            kept = self._load_kept()
            self.say(f"Kept as number {len(kept)} in {where}.")
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
