"""Fits kept as small readable files (`.par`): written whole, the same bytes on every run, read back."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from helpers import entries, kinetics
from helpers.fitting import PARAMETERS, Fit, Parameters
from helpers.kinetics import RATES, Rates
from helpers.paths import write_text
from helpers.traces import Trace

FORMAT = "recombination-workbook fit, version 1"
# Two searches for one minimum end within some 1e-7 standard errors of each other, and so do two processors.
# Rounded far above that, the same fit is the same text everywhere.
_DIGITS, _MOST_DIGITS = 6, 12
# Of a value beyond its error, and beyond what its error would be if all others were known: parameters that
# trade off need more digits than their errors tell, or the values together are no minimum any more.
_DIGITS_OF_ERROR, _DIGITS_ALONE = 4, 2
_ERROR_DIGITS = 3
_DATA_DIGITS = 9
_STATUS = ("free", "fixed", "bound")


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


@dataclass(frozen=True, eq=False)
class Record:
    """A saved fit.

    Attributes
    ----------
    guess, rates : Rates
        Where the search began and where it ended, in the data's units.
    n0, cost, rmse : float
        Density at the first time, ½·Σr² (a robust loss's own cost) and root mean square residual.
    stderr : Parameters
        Standard errors of G, k1, k2, k3, n0: NaN where there is none, inf where the data leave it open.
    status, units : Parameters
        "free", "fixed" or "bound", and the unit, of each.
    data : DataStamp
        Which data were fitted.
    loss, message : str
        The loss that was minimised, and how the search ended.
    converged : bool
        Whether it ended in a minimum.
    versions : dict
        What wrote the file.
    """

    guess: Rates
    rates: Rates
    n0: float
    cost: float
    rmse: float
    stderr: Parameters
    status: Parameters
    units: Parameters
    data: DataStamp
    loss: str
    converged: bool
    message: str
    versions: dict[str, str]

    def __repr__(self) -> str:
        return f"Record({self.data.name!r}: {self.rates!r}, cost={self.cost:.6g})"

    @property
    def values(self) -> Parameters:
        """The five fitted numbers."""
        return Parameters(*self.rates, self.n0)

    def belongs_to(self, trace: Trace) -> bool:
        """Whether these are the very points that were fitted (the same file, cut in the same way)."""
        return self.data.sha256 == fingerprint(trace)

    def curve(self, t) -> np.ndarray:
        """Fitted density at the times t of the data's own axis."""
        return kinetics.solve(np.asarray(t, float) - self.data.first_time, self.n0, self.rates)


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


def save(fit: Fit, path: str | Path) -> Path:
    """Keep a fit as readable JSON, whole or not at all; what was there is replaced.

    Errors are rounded to 3 significant digits, values to 1/1000 of their error or to 6 digits, whichever is
    coarser, so that the same fit is the same bytes.
    """
    return write_text(path, json.dumps(_content(fit), indent=2, ensure_ascii=False) + "\n")


def load(path: str | Path) -> Record:
    """Read a fit that `save` kept.

    Raises
    ------
    FileNotFoundError, ValueError
        Where the file is missing, damaged or something else; the message names it and says what to do.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; run 03_optimize, which writes the .par files") from None
    try:
        return _record(entries.parse(content))
    except ValueError as error:
        raise ValueError(
            f"{path.name} is no whole record of a fit: {error}; delete it and run 03_optimize again"
        ) from error


def _content(fit: Fit) -> dict:
    trace = fit.trace
    columns = zip(PARAMETERS, fit.values, fit.stderr, _errors_alone(fit), fit.status, fit.units, strict=True)
    return {
        "format": FORMAT,
        "law": "dn/dt = G - k1*n - k2*n^2 - k3*n^3, n = n0 at the first time",
        "data": {
            "name": trace.name,
            "points": len(trace),
            "first_time": _rounded(trace.t[0], _DATA_DIGITS),
            "last_time": _rounded(trace.t[-1], _DATA_DIGITS),
            "t_unit": trace.t_unit,
            "signal_unit": trace.signal_unit,
            "sha256": fingerprint(trace),
        },
        "guess": {name: _rounded(value) for name, value in zip(RATES, fit.guess, strict=True)},
        "optimized": {
            name: {
                "value": _value(value, error, alone),
                "stderr": _error(error),
                "status": status,
                "unit": unit,
            }
            for name, value, error, alone, status, unit in columns
        },
        "cost": _rounded(fit.cost),
        "rmse": _rounded(fit.rmse),
        "loss": fit.loss,
        "converged": bool(fit.converged),
        "message": fit.message,
        "versions": {
            "workbook": version("recombination-workbook"),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        },
    }


def _rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits - 1}e}") + 0.0


def _errors_alone(fit: Fit) -> np.ndarray:
    """Return the error that each parameter would have if all others were known."""
    if fit.minimum.triangle is None:
        return np.full(len(PARAMETERS), np.nan)
    with np.errstate(divide="ignore"):
        return (
            fit.problem.scales * np.sqrt(fit.variance) / np.linalg.norm(fit.minimum.triangle[:, :-1], axis=0)
        )


def _value(value: float, error: float, alone: float) -> float:
    if value == 0 or not (0 < error < math.inf and 0 < alone < math.inf):
        return _rounded(value)
    size = math.floor(math.log10(value))
    digits = size - math.floor(math.log10(error)) + _DIGITS_OF_ERROR
    digits_alone = size - math.floor(math.log10(alone)) + _DIGITS_ALONE
    return _rounded(value, min(_MOST_DIGITS, max(1, digits, digits_alone)))


def _error(error: float) -> float | None:
    return _rounded(error, _ERROR_DIGITS) if math.isfinite(error) else None


def _record(content: dict) -> Record:
    def of_all(read, entry: str, **options) -> Parameters:
        return Parameters(*(read(content, "optimized", name, entry, **options) for name in PARAMETERS))

    entries.text(content, "format", choices=(FORMAT,))
    values = of_all(entries.not_negative, "value")
    return Record(
        guess=Rates(*(entries.not_negative(content, "guess", name) for name in RATES)),
        rates=Rates(*values[:4]),
        n0=values.n0,
        cost=entries.not_negative(content, "cost"),
        rmse=entries.not_negative(content, "rmse"),
        stderr=of_all(_stderr, "stderr"),
        status=of_all(entries.text, "status", choices=_STATUS),
        units=of_all(entries.text, "unit"),
        data=_stamp(entries.take(content, "data")),
        loss=entries.text(content, "loss"),
        converged=entries.boolean(content, "converged"),
        message=entries.text(content, "message"),
        versions=entries.texts(content, "versions"),
    )


def _stamp(data: dict) -> DataStamp:
    first, last = entries.number(data, "first_time"), entries.number(data, "last_time")
    if last < first:  # rounded, they may be equal
        raise ValueError(f"last_time = {last:g} is before first_time = {first:g}")
    return DataStamp(
        name=entries.text(data, "name"),
        points=entries.count(data, "points", least=2),
        first_time=first,
        last_time=last,
        t_unit=entries.text(data, "t_unit"),
        signal_unit=entries.text(data, "signal_unit"),
        sha256=entries.text(data, "sha256"),
    )


def _stderr(content: dict, *way: str) -> float:
    if entries.take(content, *way) is not None:
        return entries.not_negative(content, *way)
    return math.inf if entries.take(content, *way[:-1], "status") == "free" else math.nan
