"""The slider panel of any measurement: move the law's parameters and n0 by hand, and fit from there."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from helpers import fitting, guesses, kinetics
from helpers.guesses import Kept
from helpers.kinetics import RATES, RateLaw, Rates
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, Quantity, as_measurement
from helpers.panel.controls import in_turn
from helpers.panel.frame import SliderPanel
from helpers.panel.model import Model
from helpers.panel.picture import MOST_KEPT, MeasurementView
from helpers.panel.rows import rows_of
from helpers.panel.texts import raised, share_bar, shares_text
from helpers.panel.verdicts import profile_of, verdicts
from helpers.traces import Trace
from helpers.units import axis_label

_MOST_NUMBERS = 4  # in a line of the picture
_MOST_BUTTONS = 8  # for traces to be looked at alone; of more a menu
_ALL = -1  # traces
_MOST_FITS = 100  # whose errors are remembered, for undo
_CURVATURE = " Errors are those of the curvature at the minimum; “Intervals” works out those of the profile."
_WORDS = {"scale": "scale", "offset": "background", "scatter": "scattered light", "time_zero": "time zero"}


class MeasurementPanel(SliderPanel):
    """Sliders for a law's parameters and n0 over a measurement, with curves and residuals drawn live.

    Each row has two marks: "use" (a term that is not in use is 0) and "free" (a fit varies it; otherwise it
    is held at its value). Scale and background are at their best values at every move; they are shown below
    the RMSE. For several traces the row n0 is a factor on each trace's n0. A time zero that is fitted has a
    row t0; where each trace has its own, the row shifts all of them. After a fit each row says its
    error, its limit or that it is not determined; grey after the next move.

    Parameters
    ----------
    data : Trace, sequence of Trace, or Measurement
        Bare traces are taken as densities from their first point on.
    guess : Rates, numbers, or mapping of name to value, optional
        Where the sliders begin; by default the automatic guess of the rate law.
    law : Law, optional
        The rate law by default.
    path : path, optional
        File of the kept guesses; by default the one beside the measurement's description, from which the
        notebooks read, or data/NAME.guesses.json for a measurement made in Python. See
        `helpers.guesses`.

    Attributes
    ----------
    values : dict of name to value
        All parameters with which the curves are drawn; terms that are off are 0.
    rates : Rates
        Likewise, for the rate law.
    n0 : ndarray
        Density of each trace.
    residuals : list of ndarray
        Data − model of each trace.
    rmse : float
    kept : list of Kept
        The guesses of this law in the file.
    controls, buttons : dict
        The widgets, by parameter and by name ("suggest", "fit", "keep", "reset", "undo" …).
    fit : Fit or None
        The last one made here.

    Raises
    ------
    ValueError, ArithmeticError
        For a guess that is missing (an own equation has no automatic one) or has no curve. Later on
        whatever goes wrong is said in the panel.

    Examples
    --------
    >>> trace = Trace([0, 1, 2], [4, 2, 1])
    >>> panel = MeasurementPanel(trace, (0, np.log(2), 0, 0), path="no guesses yet.json")
    >>> round(panel.rmse, 12), panel
    (0.0, MeasurementPanel(G, k1, k2, k3, n0))
    """

    view: MeasurementView

    def __init__(
        self,
        data: Trace | Sequence[Trace] | Measurement,
        guess: Rates | Sequence[float] | Mapping[str, float] | None = None,
        *,
        law: Law | None = None,
        path: str | Path | None = None,
    ) -> None:
        self.measurement = as_measurement(data)
        self.law = RateLaw() if law is None else law
        self.path = None if path is None else Path(path)
        self._model = Model(self.measurement, self.law, guess)
        self.densities = self._model.densities  # to which a factor refers
        self._times = self._first_times()  # time zeros that are fitted, to which a shift refers
        self._fitted: dict[tuple, dict[str, str]] = {}  # verdicts by where the rows stood
        rows = rows_of(self._model, self.say, self._row_changed)
        self._linear = widgets.HTML().add_class("linear")
        self.alone = self._make_alone()
        super().__init__(
            MeasurementView(self.measurement),
            rows,
            _heading(self.law, self.measurement),
            title=self.measurement.name or "measurement",
            units=self._units(),
            extra=[self._linear],
            above=[self.alone] if len(self.measurement) > 1 else [],
        )
        self.alone.observe(self._look_at, "value")
        if isinstance(self.law, RateLaw):  # whose intervals every fit shows
            self.buttons["intervals"].layout.display = "none"
        self.say("")
        self._read_kept()
        said = self.message.value
        self._begin()
        self.message.value = said

    def __repr__(self) -> str:
        return f"MeasurementPanel({', '.join(self.controls)})"

    @property
    def values(self) -> dict[str, float]:
        """All parameters with which the curves are drawn."""
        return self._shown.values

    @property
    def rates(self) -> Rates:
        """G, k1, k2, k3 as the curves are drawn with them.

        Raises
        ------
        ValueError
            For another law.
        """
        if not isinstance(self.law, RateLaw):
            raise ValueError(f"{self.law!r} has no G, k1, k2, k3: take panel.values")
        return Rates(*(self.controls[name].effective for name in RATES))

    @property
    def n0(self) -> np.ndarray:
        """Density of each trace as the curves are drawn with it."""
        value = self.controls["n0"].effective
        return self.densities * value if len(self.measurement) > 1 else np.array([value])

    @property
    def residuals(self) -> list[np.ndarray]:
        """Data − model of each trace."""
        return self._shown.residuals

    @property
    def rmse(self) -> float:
        """Root mean square of the residuals of all traces."""
        return self._shown.rmse

    @in_turn
    def set(self, values: Mapping[str, float]) -> None:
        """Set rows by name with one redraw; switches on the terms that are not zero.

        Parameters
        ----------
        values : mapping of name to value
            "n0" is the density of one trace, and a factor for several.
        """
        if unknown := set(values) - set(self.controls):
            names = ", ".join(self.controls)
            raise ValueError(f"there is no {', '.join(sorted(unknown))}; the rows are {names}")
        with self._one_redraw():
            for name, value in values.items():
                self.controls[name].take(value)

    def _make_alone(self) -> widgets.ToggleButtons | widgets.Dropdown:
        """Choice of the traces that are drawn."""
        names = [trace.name or f"trace {j + 1}" for j, trace in enumerate(self.measurement.traces)]
        few = len(names) <= _MOST_BUTTONS
        shown = [name if len(name) <= 12 or not few else f"{j + 1}" for j, name in enumerate(names)]
        shown = [f"{j + 1}: {name}" if shown.count(name) > 1 else name for j, name in enumerate(shown)]
        options = [("all", _ALL), *zip(shown, range(len(names)), strict=True)]
        if few:
            tips = ["All traces", *(f"Look at {name} alone" for name in names)]
            choice = widgets.ToggleButtons(options=options, tooltips=tips, style={"button_width": "auto"})
        else:
            choice = widgets.Dropdown(options=options, layout={"width": "auto"})
        return choice.add_class("alone")

    @in_turn
    def _look_at(self, change) -> None:
        self.say("")
        self._follow_file()
        self.view.alone = None if change.new == _ALL else change.new
        self._redraw()

    def _units(self) -> dict[str, str]:
        units = {each.name: each.unit for each in self._model.problem.parameters}
        units |= {"time_zero": self.measurement.t_unit}
        return units | {"n0": "" if len(self.measurement) > 1 else units.get("n0", "")}

    def _first_times(self) -> dict[str, float]:
        """Time zeros where a fit would begin, by the names of its parameters."""
        names = [each.name for each in self._model.problem.parameters if each.kind == "time_zero"]
        return {name: self._model.start[name] for name in names}

    @property
    def _time_values(self) -> dict[str, float]:
        """Fitted time zeros where their row stands: of several, each is shifted."""
        if not self._times:
            return {}
        value = self.controls["time_zero"].value
        if len(self._times) == 1:
            return dict.fromkeys(self._times, value)
        return {name: zero + value for name, zero in self._times.items()}

    def _begin(self) -> None:
        """Put all rows to where they began, marks included."""
        with self._one_redraw():
            self.densities, self._times = self._model.densities, self._first_times()
            for name, row in self.controls.items():
                row.put(*self._beginning(name))

    def _beginning(self, name: str) -> tuple[float, bool, bool]:
        """Value, use and free of a row when the panel was made."""
        start, held = self._model.start, self.law.held
        if name == "n0":
            several = len(self.measurement) > 1
            value = start.get("n0_factor", 1.0) if several else float(self._model.densities[0])
            return value, True, self.measurement.n0.mode != "fixed"
        if name == "time_zero":
            return start.get(name, 0.0), True, True
        is_term = self.controls[name].is_term
        return start[name], not is_term or name not in held or start[name] != 0, is_term or name not in held

    def _reset_row(self, name: str) -> None:
        with self._one_redraw():
            if name == "n0":
                self.densities = self._model.densities
            if name == "time_zero":
                self._times = self._first_times()
            self.controls[name].put(*self._beginning(name))

    def _state(self) -> tuple:
        marks = tuple(row.marks for row in self.controls.values())
        return marks, tuple(float(each) for each in self.densities), tuple(self._times.items())

    def _put(self, state: tuple) -> None:
        marks, densities, times = state
        with self._one_redraw():
            self.densities, self._times = np.array(densities), dict(times)
            for row, each in zip(self.controls.values(), marks, strict=True):
                row.put(*each)

    def _place(self) -> tuple:
        """Where the curves are drawn: what a fit's errors belong to."""
        rows = tuple(row.effective for row in self.controls.values())
        return rows, tuple(map(float, self.n0)), tuple(self._time_values.values())

    def _show_verdicts(self) -> None:
        """Show what a fit said of where the rows stand; elsewhere what the last one said, in grey."""
        words = self._fitted.get(self._place())
        if words is None:
            self._rows.add_class("stale")
            return
        for name, text in words.items():
            self.controls[name].verdict.value = text
        self._rows.remove_class("stale")

    def _law_values(self) -> dict[str, float]:
        return {name: self.controls[name].effective for name in self.law.names}

    def _drawn_with(self) -> dict[str, float]:
        """Values of the law's parameters and of fitted time zeros."""
        return self._law_values() | self._time_values

    @in_turn
    def _redraw(self, *, key: str | None = None) -> None:
        """Compute the model where the rows stand; send the picture first, then the numbers."""
        if self._held:
            return
        self._choose_none()
        try:
            self._shown = self._model.at(self._drawn_with(), self.n0, self.view.t_curves)
            png = self.view.draw(self._shown.curves, self._shown.scaled)
        except Exception as failure:  # an own equation may fail in any way; the picture stays
            self.readout.value = "<b>no curve</b>"
            self.say(f"There is no curve for these numbers: {failure}. The picture shows the last one.")
            self._note(key)
            return
        self.picture.value = png
        self.readout.value = f"<b>{raised(self._rmse_text())}</b>"
        self._linear.value = "<br>".join(f"<small>{raised(line)}</small>" for line in self._linear_texts())
        shares = self._shares()
        self.split.value = "" if shares is None else share_bar(shares) + shares_text(shares)
        self._show_verdicts()
        self._note(key)

    def _rmse_text(self) -> str:
        unit = self.measurement.signal_unit
        text = f"RMSE {self.rmse:.6g}" + (f" ({unit})" if unit else "")
        return f"{text}{self._in_sigma()}"

    def _in_sigma(self) -> str:
        """Size of the residuals in units of the noise, where that is known."""
        if self.measurement.noise in ("even", "estimated"):
            return ""
        return f", {self._shown.rms_scaled:.4g} sigma"

    def _linear_texts(self, *, short: bool = False) -> list[str]:
        """Lines with the scales and backgrounds that were found; short ones of several have no unit."""
        lines = []
        for kind, word in _WORDS.items():
            found = [each for each in self._model.problem.parameters if each.kind == kind]
            if found and [each.name for each in found] != ["time_zero"]:  # which has a row that shows it
                digits = 3 if short else 4
                numbers = ", ".join(f"{self.values[each.name]:.{digits}g}" for each in found[:_MOST_NUMBERS])
                unit = "" if short and len(found) > 1 else found[0].unit
                more = ", …" if len(found) > _MOST_NUMBERS else ""
                factor = " factor" if found[0].name.endswith("_factor") else ""
                lines.append(f"{word}{factor} {numbers}{more} {unit}".rstrip())
        return lines

    def _shares(self) -> np.ndarray | None:
        """Shares of the decay; only for one decay after one pulse by the rate law."""
        single = len(self.measurement) == 1 and self.measurement.repetition_period is None
        if not (single and isinstance(self.law, RateLaw)):
            return None
        zero = self._time_values.get("time_zero", self.measurement.time_zero[0])
        end = float(self.measurement.traces[0].t[-1] - zero)
        return kinetics.shares(end, self.n0[0], self.rates)

    def _notes(self) -> list[str]:
        lines, shares = self._linear_texts(short=True), self._shares()
        notes = [axis_label(f"RMSE {self.rmse:.6g}", self.measurement.signal_unit) + self._in_sigma()]
        notes += [axis_label("", line).strip(" ()") for line in lines]
        return notes if shares is None else [*notes, shares_text(shares)]

    def _suggest(self) -> None:
        if not isinstance(self.law, RateLaw):
            self.say("There is no automatic guess for an equation of your own; move the sliders.")
            return
        # Generation is part of a guess only where it is asked for.
        known = {} if self.controls["G"].on.value else {"G": 0.0}
        suggested = fitting.suggest(self.measurement, fixed=known)
        with self._one_redraw():
            self.densities = self._model.densities
            for name, value in zip(RATES, suggested, strict=True):
                self.controls[name].take(value)
            self.controls["n0"].take(1.0 if len(self.measurement) > 1 else float(self.densities[0]))
        self.say("Matched to the integrals of the data: a start for a fit.")

    def _search(self, fixed: Sequence[str]) -> fitting.Fit:
        measurement, n0 = self.measurement, self._model.by_name(self.n0)
        if "n0" not in fixed and measurement.n0.mode == "fixed":
            several = len(measurement) > 1
            mode, densities = ("shared", self.densities) if several else ("free", self.n0)
            measurement = measurement.with_quantities(n0=Quantity(densities, mode))
            n0 = {"n0_factor" if several else "n0": self.controls["n0"].value}
        return fitting.fit(measurement, self._drawn_with() | n0, law=self.law, fixed=fixed)

    def _show_fit(self) -> None:
        self._show_values()
        self._show_errors("Fitted; working out the errors …", slow=False)

    def _intervals(self) -> None:
        if self.fit is None or self._place() not in self._fitted:
            self.say("There is no fit where the sliders stand: press “Fit from here” first.")
            return
        self._show_errors("Working out the intervals: some ten fits for each row …", slow=True)

    def _show_errors(self, said: str, *, slow: bool) -> None:
        self.say(said)
        rows = self._names_in_fit()
        try:
            curves = profile_of(self.fit, rows, slow=slow)
        except (ValueError, ArithmeticError):  # the errors by the curvature are left
            curves = None
        if curves is not None and curves.restarted:  # on the way a better fit was found
            self.fit = curves.fit
            self._show_values()
        used = {name: bool(row.on.value) or not row.is_term for name, row in self.controls.items()}
        self._fitted[self._place()] = verdicts(self.fit, curves, rows, used)
        if len(self._fitted) > _MOST_FITS:
            del self._fitted[next(iter(self._fitted))]
        self._show_verdicts()
        how = "" if curves is not None else _CURVATURE
        self.say(self._words_of(self.fit) + how)

    def _show_values(self) -> None:
        fit = self.fit
        with self._one_redraw():
            for name in self.law.names:
                self.controls[name].take(fit.values[name])
            if self._times and self.controls["time_zero"].free.value:
                several = len(self._times) > 1
                self._times = {name: float(fit.values[name]) for name in self._times}
                self.controls["time_zero"].value = 0.0 if several else self._times["time_zero"]
            if self.controls["n0"].free.value:
                self._take_n0(fit)

    def _names_in_fit(self) -> dict[str, str | None]:
        """Name of each row's parameter in the fit; none for n0 where each trace has its own."""
        n0 = [name for name in self.fit.names if name in ("n0", "n0_factor")]
        held = not self.controls["n0"].free.value
        names: dict[str, str | None] = {name: name for name in self.law.names}
        names["n0"] = n0[0] if n0 else "n0" if held else None
        if self._times:
            held = not self.controls["time_zero"].free.value
            names["time_zero"] = "time_zero" if len(self._times) == 1 or held else None
        return names

    def _take_n0(self, fit: fitting.Fit) -> None:
        row = self.controls["n0"]
        if len(self.measurement) == 1:
            row.value = float(fit.n0[0])
        elif "n0_factor" in fit.names:
            row.value = float(fit.values["n0_factor"])
        else:  # each trace its own: from now on a factor refers to what was found
            self.densities, row.value = fit.n0, 1.0

    def _words_of(self, fit: fitting.Fit) -> str:
        """Say what was free, what was held, and how well it fits."""
        pairs = zip(fit.problem.parameters, fit.free, strict=True)
        free = list(dict.fromkeys(each.kind for each, is_free in pairs if is_free))
        rows = {name: row for name, row in self.controls.items() if name not in free}
        dropped = [name for name, row in rows.items() if row.is_term and not row.on.value]
        held = [name for name in rows if name not in dropped]
        words = f"Fitted; free: {', '.join(_WORDS.get(name, name) for name in free)}"
        words += f"; held at zero: {', '.join(dropped)}" if dropped else ""
        words += f"; held: {', '.join(_WORDS.get(name, name) for name in held)}" if held else ""
        words += "".join(_each_of(fit, kind) for kind in ("n0", "time_zero") if kind in free)
        quality = f"reduced χ² {fit.reduced_chi2:.4g}" if fit.problem.is_absolute else f"RMSE {fit.rmse:.6g}"
        quality += f"; noise: {fit.noise}" if fit.measurement.noise == "estimated" else ""
        return f"{words}. {fit.evaluations} evaluations, {quality}."

    def _reset(self) -> None:
        self._begin()
        self.say("")

    def _here(self) -> Kept:
        return Kept("", self._law_values(), self.n0.tolist())

    def _load_kept(self) -> list[Kept]:
        kept, others = guesses.read(self.measurement, self.law, path=self.path)
        if others:
            self.say(f"Guesses of other laws are kept for this measurement, too: {others}, not shown here.")
        return [self._with_n0(each) for each in kept]

    def _with_n0(self, guess: Kept) -> Kept:
        """Return a guess with a density for each trace: where it has none, those that are measured."""
        known = guess.n0 is not None and len(guess.n0) == len(self.measurement)
        return guess if known else replace(guess, n0=self._model.densities.tolist())

    def _save_kept(self, guess: Kept) -> str:
        name = self.name.value.strip()
        path = guesses.add(guess.values, self.measurement, self.law, n0=guess.n0, name=name, path=self.path)
        if self.path is None and self.measurement.file is None:
            return f"{path.name} in the folder {path.parent.name}: this measurement has no description"
        return path.name

    def _delete_kept(self, guess: Kept) -> None:
        guesses.remove(guess, self.measurement, self.law, path=self.path)

    def _kept_state(self) -> tuple | None:
        try:
            file = guesses.file_of(self.measurement) if self.path is None else self.path
            found = file.stat()
        except (OSError, ValueError):  # there is no file
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _take_kept(self, guess: Kept) -> None:
        self.densities, value = self._row_of(guess)
        self.set({name: guess.values[name] for name in self.law.names} | {"n0": value})

    def _row_of(self, guess: Kept) -> tuple[np.ndarray, float]:
        """Densities to which the row n0 refers, and its value, with which a guess comes back."""
        n0, measured = np.array(guess.n0), self._model.densities
        if len(n0) == 1:
            return measured, float(n0[0])
        factor = float(n0[0] / measured[0]) if measured[0] else 1.0
        # Division rounds: of the numbers beside each other the one that the row was set to.
        for each in (float(f"{factor:.12g}"), factor):
            if np.array_equal(measured * each, n0):
                return measured, each
        return n0, 1.0

    def _draw_kept(self, guesses: list[Kept]) -> None:
        curves: dict[int, list[np.ndarray]] = {}
        for number in range(len(guesses), 0, -1):  # the newest first
            guess = guesses[number - 1]
            values = {name: guess.values[name] for name in self.law.names} | self._time_values
            try:
                curves[number] = self._model.at(values, np.array(guess.n0), self.view.t_curves).curves
            except Exception:  # what was kept may have no curve here; it stays in the menu
                continue
            if len(curves) == MOST_KEPT:
                break
        self.view.draw_kept(dict(sorted(curves.items())), of=len(guesses))

    def _picture_file(self, kind: str) -> bytes:
        png = self.view.file(self._shown.curves, self._shown.scaled, kind)
        self._redraw()
        return png

    def _table(self) -> list[list[str]]:
        rows = [["parameter", "value", "fit", "unit", "use", "free"]]
        units, is_valid = self._units(), self._place() in self._fitted
        for name, row in self.controls.items():
            words = row.verdict.value if is_valid else ""
            marks = ["yes" if mark else "no" for mark in (row.on.value or not row.is_term, row.free.value)]
            rows.append([row.label, repr(row.effective), words, units.get(name, ""), *marks])
        for each in self._model.problem.parameters:
            if each.kind in _WORDS and each.name != "time_zero":  # which has a row
                how = "in a fit" if each.kind == "time_zero" else "settled"
                rows.append([each.name, repr(self.values[each.name]), "", each.unit, "yes", how])
        rows.append(["RMSE", repr(self.rmse), "", self.measurement.signal_unit, "", ""])
        if self.measurement.noise not in ("even", "estimated"):
            rows.append(["RMS of residuals", repr(self._shown.rms_scaled), "", "sigma", "", ""])
        return rows

    def _names_of(self, guesses: list[Kept]) -> tuple[str, list[str]]:
        texts = []
        for guess in guesses:
            numbers = [*(guess.values[name] for name in self.law.names), self._row_of(guess)[1]]
            texts.append(f"{guess.name}: " + ", ".join(f"{number:.3g}" for number in numbers))
        return f"Kept guesses ({', '.join([*self.law.names, 'n0'])})", texts


def _each_of(fit: fitting.Fit, kind: str) -> str:
    """Say what was found for each trace, where each has its own."""
    own = [each.name for each in fit.problem.parameters if each.kind == kind and each.trace is not None]
    own = [name for name in own if name != kind]
    if not own:
        return ""
    errors = {name: f" ± {error:.2g}" if error > 0 else "" for name, error in fit.stderr[own].items()}
    numbers = [f"{fit.values[name]:.4g}{errors[name]}" for name in own[:_MOST_NUMBERS]]
    return f"; {_WORDS.get(kind, kind)} {', '.join(numbers)}" + (", …" if len(own) > _MOST_NUMBERS else "")


def _heading(law: Law, measurement: Measurement) -> str:
    if isinstance(law, RateLaw):
        text = "dn/dt = G − k<sub>1</sub>n − k<sub>2</sub>n<sup>2</sup> − k<sub>3</sub>n<sup>3</sup>"
    else:
        text = f"{html.escape(law.key)}({', '.join(map(html.escape, law.names))})"
    t, n = measurement.t_unit or "the data's time unit", measurement.density_unit or "the data's unit"
    units = f"t in {raised(t)}, n in {raised(n)}"
    marks = "“use”: otherwise 0. “free”: a fit varies it, otherwise it is held."
    return f"<b>{text}</b> <small>{units}<br>{marks}</small>"
