"""The form: files are picked, seen and described by menus; it writes the description and makes a fit."""

from __future__ import annotations

import html
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import matplotlib as mpl

from helpers.chooser.preview import Preview, dark_times, likely_kind, preview
from helpers.chooser.template import filled
from helpers.description import read
from helpers.description.keys import KINDS
from helpers.fitting import Fit, fit
from helpers.measurement import Measurement
from helpers.measurement.described import load_measurement, load_traces
from helpers.panel.controls import in_turn
from helpers.paths import DATA, safe_name, write_bytes, write_text
from helpers.plots import STYLE
from helpers.report.figures import as_html, draw_fit, draw_measurement
from helpers.traces import load_trace
from helpers.uncertainty import advise

TIME_UNITS = ("fs", "ps", "ns", "us", "ms", "s")
NOT_CHOSEN = "choose …"
NONE = "none"
_NO_COLUMN = -1
_KIND_WORDS = {
    "TRPL counts": "TRPL counts: luminescence, raw counts of photons",
    "TA": "TA: transient absorption, any sign",
    "TRMC": "TRMC: conductivity, microwave or terahertz",
    "density": "density: a calibrated carrier density",
}
_ORIGINS = {"half the rise (edge)": "edge", "largest signal (peak)": "peak", "first point": "first"}
_KNOWN = {
    "not known: fit k1, k2·n0, k3·n0²": "unknown",
    "the fluence of each pulse, and the film": "fluence",
    "the density just after each pulse": "n0",
}
_FILM_WORDS = {
    "wavelength_nm": "wavelength (nm)",
    "thickness_nm": "thickness (nm)",
    "absorption_per_cm": "absorption (1/cm)",
    "reflection": "reflected share (0–1)",
}
_EXAMPLES = {"TRPL counts": "counts", "TA": "mOD", "TRMC": "S/cm", "density": "10^16 cm^-3"}
_READING = {
    "decimal": "Decimal mark (. or ,):",
    "sheet": "Sheet of the workbook:",
    "curve": "Curve in the file:",
    "channel_width": "Time of a channel:",
}
_LABEL = {"description_width": "190px"}
_WIDE = {"width": "560px", "max_width": "100%"}
_DPI = 90


class MeasurementChooser(widgets.VBox):
    """Form that makes a description from one or several files of traces, and fits what it describes.

    Parameters
    ----------
    folder : str or Path
        Where files and descriptions lie; the project's data folder by default.

    Attributes
    ----------
    path : Path or None
        The description that was written last.
    fit : Fit or None
        The fit that was made last.

    Examples
    --------
    >>> chooser = MeasurementChooser()
    >>> chooser.take("sample_data.csv")
    >>> chooser.entries["signal"].label
    '1'
    """

    def __init__(self, folder: str | Path = DATA) -> None:
        self.folder = Path(folder)
        self.path: Path | None = None
        self.fit: Fit | None = None
        self._picked: list[Path] = []  # what the user chose
        self._files: list[Path] = []  # the same, once all of it has been read
        self._previews: list[Preview] = []
        self._busy = False
        # What was picked waits here until the description is written.
        self._waiting = tempfile.TemporaryDirectory(prefix="workbook-")
        self._make_entries()
        super().__init__(self._parts(), layout={"max_width": "1000px"})
        self.add_class("measurement-chooser")
        self._connect()
        self._show()

    def __repr__(self) -> str:
        return f"MeasurementChooser({self.folder.name!r})"

    def _repr_mimebundle_(self, **kwargs) -> dict:
        # Where no kernel runs (a code-hosting site, exported HTML) a sentence stands for the form.
        words = "<p>A form to pick files stands here while the notebook runs in JupyterLab.</p>"
        bundle = {"text/html": words, "text/plain": repr(self)}
        return (super()._repr_mimebundle_(**kwargs) or {}) | bundle

    def take(self, *names: str) -> None:
        """Choose files that lie in the folder, by their names."""
        self._attempt(lambda: self._read([self.folder / name for name in names]))

    # The widgets

    def _make_entries(self) -> None:
        self.upload = widgets.FileUpload(multiple=True, description="Pick files …", layout={"width": "160px"})
        self.listed = widgets.SelectMultiple(description="or in data/:", rows=4, style=_LABEL, layout=_WIDE)
        self.again = widgets.Button(description="Look again", tooltip="List the files of data/ once more")
        self.entries: dict[str, Any] = {
            **{key: self._text(words) for key, words in _READING.items()},
            "kind": self._menu(
                "What was measured:", [(NOT_CHOSEN, ""), *((_KIND_WORDS[each], each) for each in KINDS)]
            ),
            "t": self._menu("Column of times:"),
            "signal": self._menu("Column of the signal:"),
            "sigma": self._menu("Column of its errors:"),
            "t_unit": self._menu("Unit of the times:", [NOT_CHOSEN, *TIME_UNITS]),
            "unit": self._text("Unit of the signal:"),
            "time_zero": self._menu("The pulse comes at:", list(_ORIGINS.items())),
            "baseline": self._text("Background from, to:", "two times, such as -10, -1"),
            "known": self._menu("Density after the pulse:", list(_KNOWN.items())),
            "amounts": self._text("", "one number for each file"),
            **{key: self._text(f"Film, {words}:") for key, words in _FILM_WORDS.items()},
            "p0_cm3": self._text("Doping p0 (cm⁻³):", "0 for an undoped film"),
            "repetition_Hz": self._text("Pulses per second (Hz):", "a number, or single"),
            "name": self._text("Name of the measurement:"),
        }
        for key, widget in self.entries.items():
            widget.add_class(f"entry-{key}")
        self.rows, self.picture, self.message, self.outcome = (widgets.HTML() for _ in range(4))
        self.write = widgets.Button(description="Write the description", button_style="primary")
        self.first_fit = widgets.Button(description="Fit", tooltip="Fit what the description says")
        for button in (self.write, self.first_fit):
            button.layout.width = "180px"
        named = {"rows": self.rows, "picture": self.picture, "message": self.message}
        named |= {"outcome": self.outcome, "write": self.write, "fit": self.first_fit}
        for name, widget in (named | {"upload": self.upload, "listed": self.listed}).items():
            widget.add_class(f"chooser-{name}")

    @staticmethod
    def _menu(words: str, options: Sequence = ()) -> widgets.Dropdown:
        return widgets.Dropdown(options=list(options), description=words, style=_LABEL, layout=_WIDE)

    @staticmethod
    def _text(words: str, example: str = "") -> widgets.Text:
        return widgets.Text(
            description=words, placeholder=example, style=_LABEL, layout=_WIDE, continuous_update=False
        )

    def _parts(self) -> list[widgets.Widget]:
        self._form = widgets.VBox(list(self.entries.values()))
        self._below = widgets.VBox(
            [self.rows, self._form, self.message, widgets.HBox([self.write, self.first_fit]), self.picture]
        )
        return [widgets.HBox([self.upload, self.again]), self.listed, self._below, self.outcome]

    def _connect(self) -> None:
        self.upload.observe(lambda _: self._attempt(self._uploaded), "value")
        self.listed.observe(lambda _: self._attempt(self._selected), "value")
        self.again.on_click(lambda _: self._list())
        self.write.on_click(lambda _: self._attempt(self._write))
        self.first_fit.on_click(lambda _: self._attempt(self._fit))
        for key, widget in self.entries.items():
            widget.observe(lambda _, key=key: self._changed(key), "value")
        self._list()

    def _list(self) -> None:
        files = sorted(path.name for path in self.folder.glob("*") if self._is_data(path))
        self._busy = True
        self.listed.options = files
        self._busy = False

    @staticmethod
    def _is_data(path: Path) -> bool:
        return path.is_file() and path.suffix not in (".toml", ".json", ".py", ".md") and path.name[0] != "."

    # What happens

    @in_turn
    def _attempt(self, action: Callable[[], None]) -> None:
        """Carry out what was asked; whatever goes wrong is said in the form."""
        if self._busy:
            return
        try:
            action()
        except Exception as failure:
            self._say(str(failure), "error")

    def _say(self, words: str, kind: str = "note") -> None:
        for key in _READING:  # an entry appears when the reader of files asks for it
            if self._picked and f"{key}=" in words.replace(" = ", "="):
                self.entries[key].layout.display = self._below.layout.display = ""
        colour = {"error": "#b3261e", "note": "inherit"}[kind]
        self.message.value = f'<p role="status" style="color: {colour}">{html.escape(words)}</p>'

    def _uploaded(self) -> None:
        files = []
        for each in self.upload.value:
            name = safe_name(Path(each["name"]).name) or "data.csv"
            path = Path(self._waiting.name) / name
            path.write_bytes(bytes(each["content"]))
            files.append(path)
        if files:
            self._read(files)

    def _selected(self) -> None:
        if self.listed.value:
            self._read([self.folder / name for name in self.listed.value])

    def _read(self, files: list[Path]) -> None:
        """Read the files and fill in what they say; the first one stands for all in the menus."""
        self.outcome.value = ""
        if files != self._picked:
            self._clear_reading()
        self._picked, self._files, self._previews = files, [], []
        self._show()
        self._previews = [preview(path, **self._how_to_read()) for path in files]
        self._files = files
        self._fill_in()
        self._show()
        self._check()

    def _clear_reading(self) -> None:
        self._busy = True
        for key in _READING:
            self.entries[key].value = ""
        self._busy = False

    def _how_to_read(self) -> dict[str, Any]:
        """Return what the user says of how the files are read, as the readers take it."""
        said = {key: self.entries[key].value.strip() or None for key in _READING}
        options: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
        if "curve" in options and options["curve"].isdigit():
            options["curve"] = int(options["curve"])
        if "channel_width" in options:
            options["channel_width"] = _number(self.entries["channel_width"])
        return options

    def _fill_in(self) -> None:
        first, entries = self._previews[0], self.entries
        options = [(NOT_CHOSEN, _NO_COLUMN), *((name, column) for column, name in enumerate(first.names))]
        self._busy = True
        try:
            chosen = dict(zip(("t", "signal", "sigma"), first.columns, strict=False))
            for key in ("t", "signal", "sigma"):
                entries[key].options = [(NONE, _NO_COLUMN), *options[1:]] if key == "sigma" else options
                entries[key].value = chosen.get(key, _NO_COLUMN)
            stem = self._files[0].name.removesuffix(".gz").rpartition(".")[0]
            entries["name"].value = stem if len(self._files) == 1 else f"{stem}_series"
            self._propose()
        finally:
            self._busy = False

    def _propose(self) -> None:
        """Fill in what the first trace shows: kind, units, the background before the pulse.

        A density that does not begin with a rise is taken from its first point.
        """
        if not self._columns():
            return
        entries, path = self.entries, self._picked[0]
        trace = None
        for unit in (None, "ns"):  # any unit shows the shape of the trace
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    trace = load_trace(path, columns=self._columns(), t_unit=unit, **self._how_to_read())
            except ValueError:
                continue
            if unit is None and trace.t_unit in TIME_UNITS:
                entries["t_unit"].value = trace.t_unit
            break
        if trace is None:
            return
        entries["kind"].value = likely_kind(trace) or ""
        entries["unit"].value = trace.signal_unit or ""
        entries["time_zero"].value = "edge" if dark_times(trace) else "first"
        dark = dark_times(trace)
        entries["baseline"].value = f"{dark[0]:g}, {dark[1]:g}" if dark else ""

    def _columns(self) -> tuple[int, ...]:
        chosen = [self.entries[key].value for key in ("t", "signal", "sigma")]
        if None in chosen or _NO_COLUMN in chosen[:2]:
            return ()
        return tuple(each for each in chosen if each != _NO_COLUMN)

    @in_turn
    def _changed(self, key: str) -> None:
        if self._busy:
            return
        if key in _READING and self._picked:
            self._attempt(lambda: self._read(self._picked))
            return
        if not self._files:
            return
        if key in ("t", "signal"):
            self._busy = True
            try:
                self._propose()
            finally:
                self._busy = False
        self._show()
        self._attempt(self._check)

    def _show(self) -> None:
        """Show those entries that matter for what is chosen so far."""
        self._below.layout.display = "" if self._files else "none"
        entries = self.entries
        for key in entries:
            is_shown = bool(entries[key].value) if key in _READING else bool(self._files)
            entries[key].layout.display = "" if is_shown else "none"
        if not self._files:
            self.rows.value = self.picture.value = ""
            return
        kind, known = entries["kind"].value, entries["known"].value
        shown = {
            "known": kind not in ("", "density"),
            "amounts": kind not in ("", "density") and known != "unknown",
            "p0_cm3": kind == "TRPL counts",
            "repetition_Hz": kind == "TRPL counts",
            **dict.fromkeys(_FILM_WORDS, kind not in ("", "density") and known == "fluence"),
        }
        for key, is_shown in shown.items():
            entries[key].layout.display = "" if is_shown else "none"
        entries["unit"].placeholder = f"such as {_EXAMPLES[kind]}" if kind else ""
        unit = "µJ/cm²" if known == "fluence" else "cm⁻³"
        entries["amounts"].description = f"{'Fluences' if known == 'fluence' else 'Densities'} ({unit}):"
        self.rows.value = "".join(
            f"<b>{html.escape(path.name)}</b>{each.first_rows()}"
            for path, each in zip(self._files, self._previews, strict=True)
        )

    # From the form to the description

    def text(self) -> str:
        """Return the description that the form makes."""
        entries, kind = self.entries, self.entries["kind"].value
        if not self._files:
            raise ValueError("Pick a file first.")
        if not self._columns():
            question = self._previews[0].question
            raise ValueError(f"Choose the columns of times and signal. {question}")
        if not kind:
            raise ValueError("Choose what was measured: it decides how the signal goes with the density.")
        if entries["t_unit"].value == NOT_CHOSEN:
            raise ValueError(
                "Choose the unit of the times: the file does not say it, and every rate goes with it."
            )
        said: dict[str, Any] = {
            "t_unit": entries["t_unit"].value,
            "time_zero": entries["time_zero"].value,
            "columns": list(self._columns()),
            "baseline": _numbers(entries["baseline"], 2),
        }
        said["density_unit" if kind == "density" else "signal_unit"] = entries["unit"].value.strip() or None
        reading = self._how_to_read()
        said |= {key: reading.pop(key) for key in ("decimal", "channel_width") if key in reading}
        traces = [{"file": path.name, **reading} for path in self._files]
        if kind != "density":
            self._add_density(said, traces)
        if kind == "TRPL counts":
            said["p0_cm3"] = _number(entries["p0_cm3"])
            repetition = entries["repetition_Hz"].value.strip()
            is_word = repetition.lower() == "single"
            said["repetition_Hz"] = "single" if is_word else _number(entries["repetition_Hz"])
        return filled(kind, traces, {key: value for key, value in said.items() if value is not None})

    def _add_density(self, said: dict[str, Any], traces: list[dict[str, Any]]) -> None:
        known = self.entries["known"].value
        if known == "unknown":
            said["n0"] = "unknown"
            return
        key = "fluence_uJ_cm2" if known == "fluence" else "n0_cm3"
        amounts = _numbers(self.entries["amounts"], len(traces))
        if amounts is None:
            what = self.entries["amounts"].description.rstrip(":")
            raise ValueError(f"{what}: give one number for each of the {len(traces)} file(s).")
        for trace, amount in zip(traces, amounts, strict=True):
            trace[key] = amount
        if known == "fluence":
            film = {each: _number(self.entries[each]) for each in _FILM_WORDS}
            said["film"] = {each: value for each, value in film.items() if value is not None} or None

    def _check(self) -> Measurement:
        """Read what the form describes as every notebook would; say how it is understood, and draw it."""
        description_text = self.text()
        with tempfile.TemporaryDirectory(prefix="workbook-") as folder:
            for path in self._files:
                (Path(folder) / path.name).write_bytes(path.read_bytes())
            path = Path(folder) / f"{self._stem()}.toml"
            path.write_text(description_text, encoding="utf-8")
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                description = read(path)
                measurement = load_measurement(description)
                whole = load_traces(description)
        words = [*measurement.describe(), *(f"Warning: {each.message}" for each in caught)]
        listed = "".join(f"<li>{html.escape(each)}</li>" for each in dict.fromkeys(words))
        self.message.value = f'<p role="status">Understood:</p><ul>{listed}</ul>'
        with mpl.rc_context(STYLE):
            self.picture.value = as_html(
                draw_measurement(measurement, whole), "The traces as they were read", dpi=_DPI
            )
        return measurement

    def _stem(self) -> str:
        stem = safe_name(self.entries["name"].value.strip().removesuffix(".toml"))
        if not stem:
            raise ValueError("Give the measurement a name: its description is called so.")
        return stem

    def _write(self) -> None:
        self._check()
        path = self.folder / f"{self._stem()}.toml"
        text = self.text()
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise FileExistsError(
                f"{path.name} is there already and says something else: give the measurement another name, or"
                " delete that file first."
            )
        for file in self._files:
            self._put(file)
        self.path = write_text(path, text)
        self._list()
        name = html.escape(path.stem)
        self.outcome.value = (
            f'<p role="status">Written: <b>{html.escape(path.name)}</b>, beside its data. In the'
            f' settings cell of the notebooks 01 to 05 write <code>MEASUREMENT = "{name}"</code>, or press'
            " Fit.</p>"
        )

    def _put(self, file: Path) -> None:
        """Copy a picked file beside the description, never over another one."""
        target, content = self.folder / file.name, file.read_bytes()
        if target.exists() and target.read_bytes() != content:
            raise FileExistsError(
                f"{target.name} is there already with other contents: rename your file and pick it again, or"
                " choose the one in data/ from the list."
            )
        if not target.exists():
            write_bytes(target, content)

    def _fit(self) -> None:
        measurement = self._check()
        self.first_fit.disabled = True
        self._say("Fitting …")
        try:
            self.fit = found = fit(measurement)
            with mpl.rc_context(STYLE):
                picture = as_html(draw_fit(found), "Data, fitted curves and residuals", dpi=_DPI)
            table = found.table().to_html(border=0, na_rep="–", float_format=lambda x: f"{x:.4g}")
            advice = advise(found) if found.converged else [f"The fit has not converged: {found.message}."]
            words = "".join(f"<li>{html.escape(each)}</li>" for each in advice)
            self.outcome.value = f"{table}<ul>{words}</ul>{picture}"
            self._say("Fitted; the result stands below.")
        finally:
            self.first_fit.disabled = False


def _number(entry: widgets.Text) -> float | None:
    """Return the number of an entry, None where it is empty; a decimal comma is taken, too."""
    text = entry.value.strip()
    if not text:
        return None
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise ValueError(
            f"{entry.description.rstrip(':')}: {text!r} is not a number; write it as 0.5 or 1e17."
        ) from None


def _numbers(entry: widgets.Text, count: int) -> list[float] | None:
    """Return the numbers of an entry, None where it is empty; decimal commas are taken beside blanks or ;."""
    text = entry.value.strip().strip("[]")
    if not text:
        return None
    if count == 1:
        parts = [text]
    elif ";" in text:
        parts = text.split(";")
    else:
        parts = text.replace(", ", " ").split() if " " in text else text.split(",")
    name = entry.description.rstrip(":")
    if len(parts) != count:
        raise ValueError(f"{name}: {len(parts)} number(s) for {count}; write them as 0.2, 1, 5.")
    try:
        return [float(each.strip().replace(",", ".")) for each in parts]
    except ValueError:
        raise ValueError(f"{name}: {text!r} are not numbers; write them as 0.2, 1, 5.") from None
