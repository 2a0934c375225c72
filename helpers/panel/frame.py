"""The widgets of a slider panel, and what its buttons do whatever is drawn and fitted.

Core widgets and one picture: no output areas, no global figures, nothing for a notebook to store.
"""

from __future__ import annotations

import base64
import functools
import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets

from helpers.panel.controls import ParameterControl, in_turn
from helpers.panel.drawing import HEIGHT, SCALES, WIDTH, BlitView
from helpers.panel.history import History
from helpers.panel.page import page_code
from helpers.panel.pixels import InlineImage

_TITLE = -1  # the menu's first line, no guess
KINDS = ("svg", "pdf", "png")  # of files
_BUTTONS = {
    "suggest": ("Suggest", "Set the automatic guess"),
    "fit": ("Fit from here", "Fit what is in use and free, beginning where the sliders stand"),
    "intervals": ("Intervals", "Work out errors and limits of the last fit by the profile likelihood"),
    "reset": ("Reset", "Back to where the panel began"),
    "undo": ("Undo", "Back to before the last move, fit or choice (Ctrl+Z)"),
    "redo": ("Redo", "Take the undoing back (Ctrl+Shift+Z)"),
    "keep": ("Keep this guess", "Add where the sliders stand to the kept guesses"),
    "forget": ("Delete", "Take the guess that was chosen last out of its file"),
    "copy": ("Copy table", "Values, errors and units for a spreadsheet"),
    "svg": ("SVG", "Save the picture as SVG"),
    "pdf": ("PDF", "Save the picture as PDF"),
    "png": ("PNG", "Save the picture as PNG"),
}
_NAMES = (
    (".kept select", "Kept guesses"),
    (".kept-name input", "Name for the guess to keep"),
    (".scale", "Axes of the picture"),
    (".alone", "Traces in the picture"),
)
GONE = "The kernel of this panel was restarted or is gone: run its cell again."


class SliderPanel(widgets.VBox):
    """Rows of sliders, buttons, a menu of what was kept, and texts beside a picture.

    A subclass says what is computed, drawn, fitted and kept: the methods that raise NotImplementedError.

    Parameters
    ----------
    view : BlitView
    controls : dict of name to ParameterControl
    heading : str
        HTML above the rows.
    title : str
        Name of the panel and of the files that are saved from it.
    units : mapping of row to its unit
    extra : sequence of widgets
        Stand below the first line of numbers.
    above : sequence of widgets
        Stand above the picture.
    """

    _held = False
    fit: Any = None

    def __init__(
        self,
        view: BlitView,
        controls: Mapping[str, ParameterControl],
        heading: str,
        *,
        title: str,
        units: Mapping[str, str],
        extra: Sequence[widgets.Widget] = (),
        above: Sequence[widgets.Widget] = (),
    ) -> None:
        self.view, self.controls, self._title = view, dict(controls), title
        self.kept: list = []
        self._chosen: int | None = None  # number of the kept guess that was chosen last
        self._history = History()
        self._asked_before: dict[str, dict[str, int]] = {}
        self._parcels = 0
        self._seen_state: Any = None  # of the file of guesses when it was read last
        self._make_widgets()
        bench = widgets.Box([self._left(heading, extra), self._right(above)]).add_class("bench")
        rows = [(name, row.label, units.get(name, "")) for name, row in self.controls.items()]
        picture = f"{title}: decay with the model's curve, residuals below."
        page = widgets.HTML(page_code(f"Sliders of {title}", rows, names=_NAMES, picture=picture))
        page.layout.display = "contents"
        # The page says through these how large the picture is shown, and which keys were pressed.
        self._page_size, self._page_ask = (
            widgets.Text(continuous_update=False, layout={"display": "none"}).add_class(name)
            for name in ("page-size", "page-ask")
        )
        self._page_pong = widgets.HTML(layout={"display": "none"}).add_class("page-pong")  # its answer
        aloud = widgets.HTML().add_class("aloud")
        gone = widgets.Label(GONE).add_class("gone")
        super().__init__([page, self._page_size, self._page_ask, self._page_pong, gone, bench, aloud])
        self.layout.width = "100%"
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
        layout = {"width": "auto", "margin": "2px"}
        self.buttons = {
            name: widgets.Button(description=text, tooltip=tip, layout=layout).add_class(f"btn-{name}")
            for name, (text, tip) in _BUTTONS.items()
        }
        for name in (*KINDS, "copy"):
            self.buttons[name].add_class("delivers")
        for name in ("undo", "redo", "forget"):
            self.buttons[name].disabled = True
        self.scale = widgets.ToggleButtons(
            options=SCALES, value=self.view.scale, style={"button_width": "90px"}
        )
        self.menu = widgets.Dropdown(layout={"width": "150px", "flex": "1 1 150px"})
        self.name = widgets.Text(placeholder="name", continuous_update=False, layout={"width": "120px"})
        self.picture = InlineImage(
            width=WIDTH, height=HEIGHT, layout={"width": "100%", "height": "auto", "margin": "0"}
        )
        self.readout, self.split, self.message, self.delivery = (widgets.HTML() for _ in range(4))
        named = {"scale": self.scale, "kept": self.menu, "picture": self.picture, "kept-name": self.name}
        named |= {"rmse": self.readout, "shares": self.split, "status": self.message}
        for name, widget in (named | {"delivery": self.delivery}).items():
            widget.add_class(name)

    def _left(self, heading: str, extra: Sequence[widgets.Widget]) -> widgets.VBox:
        def line(*parts) -> widgets.HBox:
            shown = [self.buttons.get(part) if isinstance(part, str) else part for part in parts]
            return widgets.HBox(shown, layout={"flex_flow": "row wrap", "align_items": "center"})

        self._rows = widgets.VBox(list(self.controls.values()), layout={"overflow": "visible"})
        parts = [widgets.HTML(heading).add_class("heading"), self._rows, self.readout, *extra, self.split]
        parts += [line("suggest", "fit", "intervals", "reset", "undo", "redo"), self.message]
        parts += [line(self.menu, "forget"), line("keep", self.name)]
        parts += [line(widgets.Label("Save picture:"), *KINDS, "copy"), self.delivery]
        return widgets.VBox(parts, layout={"flex": "1 1 452px"}).add_class("rows-column")

    def _right(self, above: Sequence[widgets.Widget]) -> widgets.VBox:
        top = widgets.HBox([self.scale, *above], layout={"flex_flow": "row wrap"})
        layout = {"flex": "1 1 430px", "align_self": "flex-start", "overflow": "visible"}
        return widgets.VBox([top, self.picture], layout=layout).add_class("picture-column")

    def _connect(self) -> None:
        actions = {"suggest": self._suggest, "fit": self._fit, "keep": self._keep, "reset": self._reset}
        actions["intervals"] = self._intervals
        actions |= {"undo": self._undo, "redo": self._redo, "forget": self._forget, "copy": self._copy}
        actions |= {kind: functools.partial(self._save_picture, kind) for kind in KINDS}
        for name, action in actions.items():
            self.buttons[name].on_click(functools.partial(self._clicked, action))
        self.scale.observe(self._rescale, "value")
        self.menu.observe(self._choose, "value")
        self._page_size.observe(self._sized, "value")
        self._page_ask.observe(self._asked, "value")

    def _clicked(self, action: Callable[[], None], _button: widgets.Button) -> None:
        self._attempt(action)

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
    def _row_changed(self, change) -> None:
        """Follow a row's value or mark; what was said before goes with the next action."""
        if self._held:
            return
        row = change.owner
        if not isinstance(row, ParameterControl):  # one of the marks
            self.say("")
            self._follow_file()
            if row in [each.free for each in self.controls.values()]:  # the curve stays
                self._note()
                return
            self._redraw()
        else:
            self._follow_file()
            self._redraw(key=row.name)

    @in_turn
    def _redraw(self, *, key: str | None = None) -> None:
        """Compute and draw the model where the sliders stand; `key` names a row that is being moved."""
        raise NotImplementedError

    def _choose_none(self) -> None:
        """Let the button delete nothing: what is shown is no kept guess any more."""
        self._chosen, self.buttons["forget"].disabled = None, True

    @in_turn
    def _attempt(self, action: Callable[[], None]) -> None:
        """Carry out what a button asks; whatever goes wrong is said in the panel, where it is seen."""
        self.say("")
        self.delivery.value = ""
        self._follow_file()
        try:
            action()
        except Exception as failure:
            self.say(f"This did not work: {failure}")

    @in_turn
    def _sized(self, change) -> None:
        """Draw the picture at the size and density, and in the theme, in which the page shows it."""
        try:
            width, height, ratio, theme = change.new.split()
            sizes = int(width), int(height), float(ratio)
        except ValueError:
            return
        if self.view.resize(*sizes, dark=theme == "dark"):
            self.picture.width, self.picture.height = str(self.view.width), str(self.view.height)
            self.picture.layout.width = f"{self.view.width}px"
            self._redraw()

    @in_turn
    def _asked(self, change) -> None:
        """Follow keys and double clicks; the page counts them, so that none is lost or done twice."""
        try:
            asked = json.loads(change.new)
            view, nudges, acts = str(asked["view"]), dict(asked["nudges"]), list(asked["acts"])
        except (ValueError, KeyError, TypeError):
            return
        if ping := str(asked.get("ping", "")):  # the page asks whether this kernel is still its own
            self._page_pong.value = html.escape(ping)
        before = self._asked_before.setdefault(view, {})
        for name, count in nudges.items():
            stops, before[name] = int(count) - before.get(name, 0), int(count)
            if stops and name in self.controls:
                self.controls[name].nudge(stops)
        for number, act, name in acts:
            if int(number) > before.get(" acts", 0) and act == "reset" and name in self.controls:
                self._attempt(functools.partial(self._reset_row, name))
            before[" acts"] = max(before.get(" acts", 0), int(number))

    def _state(self) -> Any:
        """Return all that undo brings back."""
        raise NotImplementedError

    def _put(self, state: Any) -> None:
        """Set the panel to a state."""
        raise NotImplementedError

    def _note(self, key: str | None = None) -> None:
        """Remember where the rows stand, for undo."""
        self._history.note(self._state(), key)
        self._show_history()

    def _show_history(self) -> None:
        self.buttons["undo"].disabled = not self._history.can_go_back
        self.buttons["redo"].disabled = not self._history.can_go_forth

    def _undo(self) -> None:
        self._go_to(self._history.back())

    def _redo(self) -> None:
        self._go_to(self._history.forth())

    def _go_to(self, state: Any) -> None:
        if state is not None:
            self._put(state)
        self._show_history()

    def _deliver(self, parcel: str) -> None:
        """Hand HTML over to the page, which saves or copies what it holds."""
        self._parcels += 1
        self.delivery.value = parcel.replace("data-parcel", f'data-parcel="{self._parcels}"', 1)

    def _save_picture(self, kind: str) -> None:
        mime = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}[kind]
        data = base64.b64encode(self._picture_file(kind)).decode("ascii")
        file = html.escape("".join(each if each.isalnum() or each in "-_. " else "_" for each in self._title))
        address = f"data:{mime};base64,{data}"
        self._deliver(f'<a data-parcel download="{file}.{kind}" href="{address}">Save {file}.{kind}</a>')

    def _picture_file(self, kind: str) -> bytes:
        """Return the picture as a file of that kind."""
        raise NotImplementedError

    def _copy(self) -> None:
        table = "\n".join("\t".join(row) for row in self._table())
        options = 'readonly aria-label="Table for the clipboard" style="width:100%;height:90px"'
        self._deliver(f"<textarea data-parcel {options}>{html.escape(table)}</textarea>")
        self.say("The table goes to the clipboard; where the browser forbids that, it stands below.")

    def _table(self) -> list[list[str]]:
        """Rows of cells: a heading, the parameters, the quality of the fit."""
        raise NotImplementedError

    def _reset_row(self, name: str) -> None:
        raise NotImplementedError

    def _suggest(self) -> None:
        raise NotImplementedError

    def _reset(self) -> None:
        raise NotImplementedError

    def _intervals(self) -> None:
        """Show errors and limits of the last fit that take longer than one waits beside a slider."""
        raise NotImplementedError

    def _notes(self) -> list[str]:
        """Lines of text for the picture of the whole panel."""
        raise NotImplementedError

    def _fit(self) -> None:
        free = [name for name, control in self.controls.items() if control.is_varied]
        if not free:
            self.say("Nothing to fit: tick at least one parameter as in use and free.")
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

    def _kept_state(self) -> Any:
        """Return what changes whenever the file of guesses does."""
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

    def _loaded(self) -> list:
        """Return what the file of guesses holds, and remember which state of it was read."""
        self._seen_state = self._kept_state()
        return self._load_kept()

    def _follow_file(self) -> None:
        """Show what another panel has kept or deleted in the file since it was read here."""
        state = self._kept_state()
        if state is None or state == self._seen_state:  # of a file that is gone, what was read stays
            return
        chosen = None if self._chosen is None else self.kept[self._chosen]
        self._read_kept()
        self._redraw()
        self._chosen = self._place_of(chosen)
        self.buttons["forget"].disabled = self._chosen is None

    def _place_of(self, guess) -> int | None:
        """Return the place of a kept guess in the list, by numbers and name; None where it is not there."""
        places = (place for place, each in enumerate(self.kept) if each == guess)
        return next((place for place in places if self.kept[place].name == guess.name), None)

    def _keep(self) -> None:
        kept, here = self._loaded(), self._here()
        if here in kept:
            self.say(f"This guess is kept already, as number {kept.index(here) + 1}.")
        else:
            where = self._save_kept(here)
            kept = self._loaded()
            self.say(f"Kept as number {len(kept)} in {where}.")
            self.name.value = ""
        self._show_kept(kept)
        self._redraw()

    def _forget(self) -> None:
        if self._chosen is None:
            self.say("Nothing was deleted: choose a kept guess in the menu first.")
            return
        number, guess = self._chosen, self.kept[self._chosen]
        self._delete_kept(guess)
        self._show_kept(self._loaded())
        self._redraw()
        self.say(f"Deleted: kept guess {number + 1}, “{guess.name}”.")

    def _delete_kept(self, kept) -> None:
        """Take a guess out of the file."""
        raise NotImplementedError

    @in_turn
    def _rescale(self, change) -> None:
        self.say("")
        self._follow_file()
        self.view.scale = change.new
        self._draw_kept(self.kept)
        self._redraw()

    def _read_kept(self) -> None:
        try:
            self._show_kept(self._loaded())
        except (OSError, ValueError) as failure:
            self._show_kept([])
            self.say(str(failure))

    def _show_kept(self, kept: list) -> None:
        """List the kept guesses in the menu and draw them."""
        self.kept = kept
        self._choose_none()
        self._draw_kept(kept)
        title, texts = self._names_of(kept)
        names = [f"{number}: {text}" for number, text in enumerate(texts, 1)]
        self.menu.options = [(f"{title}: {len(kept)}", _TITLE), *zip(names, range(len(kept)), strict=True)]
        self.menu.value = _TITLE

    @in_turn
    def _choose(self, change) -> None:
        if change.new not in (None, _TITLE):
            guess = self.kept[change.new]
            self._follow_file()
            place = self._place_of(guess)
            self._take_kept(guess)
            self._chosen, self.buttons["forget"].disabled = place, place is None
            number = f"Kept guess {change.new + 1 if place is None else place + 1}, “{guess.name}”"
            self.say(f"{number}." if place is not None else f"{number}, which was deleted elsewhere since.")
            self.menu.value = _TITLE  # a menu, not a state: the same guess can be chosen again
