"""What is kept of a fit of any law to any measurement, as entries of a JSON file, and the fit made of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd

from helpers import entries
from helpers.fits import Fit, Minimum
from helpers.fits.problem import Problem, pose
from helpers.fits.search import Options
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, as_measurement
from helpers.traces import Trace

FORMAT = "recombination-workbook fit, version 2"
# Two searches for one minimum end within some 1e-7 standard errors of each other, and so do two processors.
# Rounded far above that, the same fit is the same text everywhere.
_DIGITS, _MOST_DIGITS = 6, 12
# Of a value beyond its error, and beyond what its error would be if all others were known: parameters that
# trade off need more digits than their errors tell, or the values together are no minimum any more.
_DIGITS_OF_ERROR, _DIGITS_ALONE = 4, 2
_ERROR_DIGITS = 3
_DATA_DIGITS = 9  # of what was given and not searched: times, data, fixed values
_STATUS = ("free", "fixed", "bound")
_QUANTITIES = ("n0", "scale", "offset")
_SAME = 1e-6  # relative difference of two descriptions that is rounding
_SAME_COST = 1e-2  # rounded values stay within a thousandth of their errors
_ROUNDED_CURVE = 1e-5  # relative, for data without noise, whose values are known to more digits than are kept
_INFINITE = {math.inf: "infinity", -math.inf: "-infinity"}


@dataclass(frozen=True)
class DataStamp:
    """Which numbers were fitted: name, span, units and the hash of the points themselves."""

    name: str
    points: int
    first_time: float
    last_time: float
    t_unit: str
    signal_unit: str
    sha256: str


@dataclass(frozen=True)
class LawStamp:
    """Which law was fitted: "rate law" or "equation", its name, parameters and the hash of its source."""

    kind: str
    name: str
    parameters: tuple[str, ...]
    source_hash: str | None


@dataclass(frozen=True, eq=False)
class FitRecord:
    """A saved fit of any law to any measurement.

    Attributes
    ----------
    law : LawStamp
    measurement : dict
        Name, kind, observable, p0, sign, noise, density unit, times; mode and values of n0, scale, offset.
    traces : tuple of DataStamp
        Which data were fitted.
    guess, values, stderr : Series of float
        By the parameter's name. A standard error is NaN where there is none, infinite where it is left open.
    status, units : Series of str
        "free", "fixed" or "bound", and the unit, by name.
    cost, rmse : float
    loss, message : str
        The loss that was minimised, and how the search ended.
    f_scale : float
    converged : bool
    versions : dict
        What wrote the file.
    """

    law: LawStamp
    measurement: dict
    traces: tuple[DataStamp, ...]
    guess: pd.Series
    values: pd.Series
    stderr: pd.Series
    status: pd.Series
    units: pd.Series
    cost: float
    rmse: float
    loss: str
    f_scale: float
    converged: bool
    message: str
    versions: dict[str, str]

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={self.values[name]:.6g}" for name in self.law.parameters)
        return f"FitRecord({self.measurement['name']!r}: {numbers}, cost={self.cost:.6g})"

    def belongs_to(self, data: Measurement | Trace) -> bool:
        """Whether these are the very points that were fitted (the same files, cut in the same way)."""
        traces = as_measurement(data).traces
        return [each.sha256 for each in self.traces] == [fingerprint(trace) for trace in traces]

    def on(self, measurement: Measurement | Trace, law: Law | None = None) -> Fit:
        """Make the fit again of its data, at the saved values and without a search.

        Parameters
        ----------
        measurement : Measurement, Trace or sequence of Trace
            The data that were fitted.
        law : Law, optional
            Needed where an own equation was fitted.

        Raises
        ------
        ValueError
            Where data, law or measurement are not those of the fit; names the trace or entry that differs.
        """
        measurement = as_measurement(measurement)
        _refuse_other_data(self.traces, measurement)
        law = _same_law(self.law, law)
        _refuse_other_measurement(self.measurement, measurement)
        status, guess = np.array(self.status), dict(self.guess)
        free = status != "fixed"
        names = [name for name, moved in zip(self.values.index, free, strict=True) if moved]
        varied = None if isinstance(law, RateLaw) else names
        problem = pose(measurement, law, guess, varied=varied, loss=self.loss, f_scale=self.f_scale)
        if problem.names != tuple(self.values.index):
            raise ValueError(
                f"the saved fit has the parameters {', '.join(self.values.index)}, this law and measurement"
                f" have {', '.join(problem.names)}; give those of the fit"
            )
        x = _inside(problem, problem.point(np.array(self.values)), status)
        cost, triangle = problem.evaluate(x)
        self._refuse_other_cost(cost, problem)
        return Fit(
            problem, Minimum(x, cost, triangle, self.converged, self.message, 1), free, guess, Options()
        )

    def _refuse_other_cost(self, cost: float, problem: Problem) -> None:
        rounding = (_ROUNDED_CURVE * problem.floor / problem.law.accuracy) ** 2
        if math.isfinite(self.cost) and not abs(cost - self.cost) <= _SAME_COST * self.cost + rounding:
            raise ValueError(
                f"at the saved values the cost is {cost:.6g} and was {self.cost:.6g}: the law or the"
                " observable has changed since, so fit again"
            )

    def content(self) -> dict:
        """Entries of the JSON file; NaN is null there, and infinity a text."""
        columns = {"value": self.values, "stderr": self.stderr, "status": self.status, "unit": self.units}
        return {
            "format": FORMAT,
            "law": asdict(self.law) | {"parameters": [*self.law.parameters]},
            "measurement": self.measurement | {"traces": [asdict(each) for each in self.traces]},
            "guess": {name: _shown(value) for name, value in self.guess.items()},
            "optimized": {
                name: {entry: _shown(column[name]) for entry, column in columns.items()}
                for name in self.values.index
            },
            "cost": _shown(self.cost),
            "rmse": _shown(self.rmse),
            "loss": self.loss,
            "f_scale": self.f_scale,
            "converged": self.converged,
            "message": self.message,
            "versions": self.versions,
        }


def fingerprint(trace: Trace) -> str:
    """SHA-256 of the trace's points written as lines "t,signal" (",sigma" where known) with 9 digits.

    Nine digits tell data apart, but not the last bits in which processors differ. Names do not count.

    Examples
    --------
    >>> fingerprint(Trace([0, 1], [2, 1]))[:16]
    '47bae287b1066752'
    """
    columns = [trace.t, trace.signal] + ([] if trace.sigma is None else [trace.sigma])
    rows = np.column_stack(columns) + 0.0  # turns -0.0 into 0.0
    form = ",".join([f"%.{_DATA_DIGITS - 1}e"] * rows.shape[1]) + "\n"
    return hashlib.sha256("".join(form % tuple(row) for row in rows.tolist()).encode("ascii")).hexdigest()


def rounded(value: float, digits: int = _DIGITS) -> float:
    """Return the value with so many significant digits.

    Examples
    --------
    >>> rounded(1.23456789), rounded(1.23456789, 2)
    (1.23457, 1.2)
    """
    return float(f"{value:.{digits - 1}e}") + 0.0


def rounded_value(value: float, error: float, alone: float) -> float:
    """Return a fitted value with the digits that its error leaves: 1/1000 of it, or 6 where there is none.

    Parameters
    ----------
    value, error : float
    alone : float
        The error if all other parameters were known, of which 1/10 is kept at least.

    Examples
    --------
    >>> rounded_value(1.23456789, 0.1, 0.1), rounded_value(1.23456789, np.inf, 0.1)
    (1.2346, 1.23457)
    """
    if value == 0 or not (0 < error < math.inf and 0 < alone < math.inf):
        return rounded(value)
    size = math.floor(math.log10(abs(value)))
    digits = size - math.floor(math.log10(error)) + _DIGITS_OF_ERROR
    digits_alone = size - math.floor(math.log10(alone)) + _DIGITS_ALONE
    return rounded(value, min(_MOST_DIGITS, max(1, digits, digits_alone)))


def stamp(trace: Trace) -> DataStamp:
    """Return what tells a trace from others."""
    return DataStamp(
        name=trace.name,
        points=len(trace),
        first_time=rounded(trace.t[0], _DATA_DIGITS),
        last_time=rounded(trace.t[-1], _DATA_DIGITS),
        t_unit=trace.t_unit,
        signal_unit=trace.signal_unit,
        sha256=fingerprint(trace),
    )


def record_of(fit: Fit) -> FitRecord:
    """Return what is kept of a fit, rounded so that the same fit is the same text on every processor."""
    rows = zip(fit.values, fit.stderr, _errors_alone(fit), fit.status, strict=True)
    values = [
        rounded_value(value, error, alone) if status == "free" else rounded(value, _DATA_DIGITS)
        for value, error, alone, status in rows
    ]
    errors = [rounded(error, _ERROR_DIGITS) for error in fit.stderr]
    guess = [
        rounded(fit.guess[name], _DATA_DIGITS if status == "fixed" else _DIGITS)
        for name, status in fit.status.items()
    ]
    return FitRecord(
        law=_law_stamp(fit.law),
        measurement=_described(fit.measurement),
        traces=tuple(stamp(trace) for trace in fit.traces),
        guess=_by_name(fit.names, guess, "guess"),
        values=_by_name(fit.names, values, "value"),
        stderr=_by_name(fit.names, errors, "stderr"),
        status=fit.status,
        units=fit.units,
        cost=rounded(fit.cost),
        rmse=rounded(fit.rmse),
        loss=fit.loss,
        f_scale=float(fit.f_scale),
        converged=bool(fit.converged),
        message=fit.message,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Return the versions of the programs that make a fit."""
    return {
        "workbook": version("recombination-workbook"),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
    }


def record_from(content: Mapping) -> FitRecord:
    """Return the record whose entries these are.

    Raises
    ------
    ValueError
        Where an entry is missing or of the wrong kind; names it.
    """
    content = dict(content)
    entries.text(content, "format", choices=(FORMAT,))
    names = [*entries.table(content, "optimized")]
    law = _law_of(entries.table(content, "law"))
    told = [*law.parameters, *entries.table(content, "guess")]
    if missing := [name for name in told if name not in names]:
        raise ValueError(f"optimized.{missing[0]} is missing")

    measurement = _measurement_of(entries.table(content, "measurement"))
    traces = _stamps(entries.array(content, "measurement", "traces"))
    _refuse_uneven(measurement, len(traces))

    def of_all(read, entry: str, **options) -> pd.Series:
        found = [read(content, "optimized", name, entry, **options) for name in names]
        return _by_name(names, found, entry)

    return FitRecord(
        law=law,
        measurement=measurement,
        traces=traces,
        guess=_by_name(names, [_number(content, "guess", name) for name in names], "guess"),
        values=of_all(_number, "value"),
        stderr=of_all(_not_negative, "stderr"),
        status=of_all(entries.text, "status", choices=_STATUS),
        units=of_all(entries.text, "unit"),
        cost=_not_negative(content, "cost"),
        rmse=_not_negative(content, "rmse"),
        loss=entries.text(content, "loss"),
        f_scale=entries.not_negative(content, "f_scale"),
        converged=entries.boolean(content, "converged"),
        message=entries.text(content, "message"),
        versions=entries.texts(content, "versions"),
    )


def _errors_alone(fit: Fit) -> np.ndarray:
    """Return the error that each parameter would have if all others were known."""
    if fit.minimum.triangle is None:
        return np.full(len(fit.names), np.nan)
    with np.errstate(divide="ignore"):
        lengths = np.linalg.norm(fit.minimum.triangle[:, :-1], axis=0)
        return fit.problem.scales * np.sqrt(fit.variance) / lengths


def _by_name(names, numbers, name: str) -> pd.Series:
    return pd.Series(numbers, index=pd.Index(names, name="parameter"), name=name)


def _law_stamp(law: Law) -> LawStamp:
    kind = "rate law" if isinstance(law, RateLaw) else "equation"
    return LawStamp(kind, law.key, law.names, getattr(law, "source_hash", None))


def _described(measurement: Measurement) -> dict:
    observable, function = measurement.observable, measurement.observable.function
    return {
        "name": measurement.name,
        "kind": measurement.kind,
        "observable": observable.kind,
        "function": None if function is None else getattr(function, "__name__", type(function).__name__),
        "p0": rounded(observable.p0, _DATA_DIGITS),
        "sign": observable.sign,
        "noise": measurement.noise,
        "density_unit": measurement.density_unit,
        **{name: _quantity(getattr(measurement, name)) for name in _QUANTITIES},
        "time_zero": [rounded(each, _DATA_DIGITS) for each in measurement.time_zero],
        "response_fwhm": _or_none(measurement.response_fwhm),
        "repetition_period": _or_none(measurement.repetition_period),
        "fluence_error_percent": _or_none(measurement.fluence_error_percent),
    }


def _quantity(quantity) -> dict:
    value = quantity.value
    numbers = None if value is None else [rounded(each, _DATA_DIGITS) for each in np.atleast_1d(value)]
    return {"mode": quantity.mode, "values": numbers}


def _or_none(value: float | None) -> float | None:
    return None if value is None else rounded(value, _DATA_DIGITS)


def _refuse_other_data(stamps: tuple[DataStamp, ...], measurement: Measurement) -> None:
    if len(stamps) != len(measurement):
        raise ValueError(
            f"the saved fit has {len(stamps)} traces and this measurement {len(measurement)}; give the traces"
            " that were fitted"
        )
    for number, (each, trace) in enumerate(zip(stamps, measurement.traces, strict=True), 1):
        if each.sha256 != fingerprint(trace):
            label = trace.name or each.name
            raise ValueError(
                f"trace {label!r} (number {number}) is not the one that was fitted: give the same file, cut"
                " and weighted in the same way, or fit again"
            )


def _same_law(saved: LawStamp, law: Law | None) -> Law:
    if law is None and saved.kind == "rate law":
        return RateLaw()
    if law is None:
        raise ValueError(f"the saved fit is one of the equation {saved.name!r}: give it as law=Equation(…)")
    given = _law_stamp(law)
    if given.kind != saved.kind or given.parameters != saved.parameters:
        raise ValueError(
            f"the saved fit is one of the {saved.kind} {saved.name!r} of {', '.join(saved.parameters)}, and"
            f" law is the {given.kind} {given.name!r} of {', '.join(given.parameters)}; give that of the fit"
        )
    if given.source_hash != saved.source_hash:
        raise ValueError(
            f"the source of the equation {saved.name!r} has changed since the fit was saved: give the"
            " function as it was, or fit again"
        )
    return law


def _refuse_other_measurement(saved: dict, measurement: Measurement) -> None:
    span = max(trace.t[-1] - trace.t[0] for trace in measurement.traces)
    for entry, given in _described(measurement).items():
        if entry in ("name", "kind", "function", "fluence_error_percent"):
            continue  # they do not enter the curve
        if not _is_same(saved[entry], given, 1e-9 * span if entry == "time_zero" else 0.0):
            raise ValueError(
                f"the measurement's {entry} is {_in_words(given)} and was {_in_words(saved[entry])} in the"
                " saved fit; describe it as it was, or fit again"
            )


def _is_same(saved, given, absolute: float) -> bool:
    if isinstance(saved, dict):
        return all(_is_same(saved[name], given[name], absolute) for name in saved)
    if isinstance(saved, list) and isinstance(given, list):
        return len(saved) == len(given) and all(map(lambda a, b: _is_same(a, b, absolute), saved, given))
    if isinstance(saved, float | int) and isinstance(given, float | int):
        return math.isclose(saved, given, rel_tol=_SAME, abs_tol=absolute)
    return saved == given


def _in_words(described) -> str:
    if isinstance(described, dict):
        numbers = described["values"]
        return described["mode"] + (f" at {_in_words(numbers)}" if numbers else "")
    if isinstance(described, list):
        return ", ".join(f"{each:g}" for each in described)
    return str(described)


def _inside(problem: Problem, x: np.ndarray, status: np.ndarray) -> np.ndarray:
    """Put what ended on its bound exactly there, and what did not beyond it: values are rounded."""
    x = np.where(status == "bound", 0.0, x)
    beyond = np.where(status == "free", np.finfo(float).tiny, 0.0)
    return np.where(problem.signed, x, np.maximum(x, beyond))


def _shown(value):
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else _INFINITE.get(value, float(value))


def _number(content: dict, *way: str) -> float:
    """Return a number as `_shown` writes it."""
    value = entries.take(content, *way)
    if value is None:
        return math.nan
    for number, text in _INFINITE.items():
        if value == text:
            return number
    return entries.number(content, *way)


def _not_negative(content: dict, *way: str) -> float:
    value = _number(content, *way)
    if value < 0:
        raise ValueError(f"{'.'.join(way)} = {value:g} is negative")
    return value


def _law_of(content: dict) -> LawStamp:
    names = entries.array(content, "parameters")
    source = entries.take(content, "source_hash")
    return LawStamp(
        kind=entries.text(content, "kind", choices=("rate law", "equation")),
        name=entries.text(content, "name"),
        parameters=tuple(entries.text({"law.parameters": name}, "law.parameters") for name in names),
        source_hash=None if source is None else entries.text(content, "source_hash"),
    )


def _measurement_of(content: dict) -> dict:
    return {
        "name": entries.text(content, "name"),
        "kind": _or_nothing(entries.text, content, "kind"),
        "observable": entries.text(content, "observable"),
        "function": _or_nothing(entries.text, content, "function"),
        "p0": entries.not_negative(content, "p0"),
        "sign": _or_nothing(entries.count, content, "sign", least=-1),
        "noise": entries.text(content, "noise"),
        "density_unit": entries.text(content, "density_unit"),
        **{name: _quantity_of(content, name) for name in _QUANTITIES},
        "time_zero": _numbers(content, "time_zero"),
        "response_fwhm": _or_nothing(entries.not_negative, content, "response_fwhm"),
        "repetition_period": _or_nothing(entries.not_negative, content, "repetition_period"),
        "fluence_error_percent": _or_nothing(entries.not_negative, content, "fluence_error_percent"),
    }


def _quantity_of(content: dict, name: str) -> dict:
    mode = entries.text(content, name, "mode", choices=("fixed", "free", "shared"))
    return {"mode": mode, "values": _or_nothing(_numbers, content, name, "values")}


def _or_nothing(read, content: dict, *way: str, **options):
    return None if entries.take(content, *way) is None else read(content, *way, **options)


def _numbers(content: dict, *way: str) -> list[float]:
    place = ".".join(way)
    return [entries.number({place: each}, place) for each in entries.array(content, *way)]


def _stamps(rows: list) -> tuple[DataStamp, ...]:
    if not rows:
        raise ValueError("measurement.traces is empty")
    return tuple(stamp_of({"traces": row}, "traces") for row in rows)


def _refuse_uneven(measurement: dict, count: int) -> None:
    lists = {"time_zero": measurement["time_zero"]}
    lists |= {f"{name}.values": measurement[name]["values"] for name in _QUANTITIES}
    for name, numbers in lists.items():
        if numbers is not None and len(numbers) != count:
            raise ValueError(f"measurement.{name} holds {len(numbers)} numbers for {count} traces")


def stamp_of(content: dict, *way: str) -> DataStamp:
    """Return the stamp of a trace whose entries stand at the end of the way.

    Raises
    ------
    ValueError
        Where an entry is missing or of the wrong kind.
    """
    first, last = entries.number(content, *way, "first_time"), entries.number(content, *way, "last_time")
    if last < first:  # rounded, they may be equal
        raise ValueError(f"last_time = {last:g} is before first_time = {first:g}")
    return DataStamp(
        name=entries.text(content, *way, "name"),
        points=entries.count(content, *way, "points", least=2),
        first_time=first,
        last_time=last,
        t_unit=entries.text(content, *way, "t_unit"),
        signal_unit=entries.text(content, *way, "signal_unit"),
        sha256=entries.text(content, *way, "sha256"),
    )
