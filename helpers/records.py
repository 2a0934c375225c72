"""Fits kept as small readable files (`.par`): written whole, the same bytes on every run, read back."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from helpers import entries, fits, kinetics
from helpers.fit_records import (
    DataStamp,
    FitRecord,
    fingerprint,
    record_from,
    record_of,
    rounded,
    rounded_value,
    stamp,
    stamp_of,
    versions,
)
from helpers.fitting import PARAMETERS, Fit, Parameters
from helpers.kinetics import RATES, Rates
from helpers.measurement import Measurement
from helpers.paths import RESULTS, write_text
from helpers.traces import Trace

FORMAT = "recombination-workbook fit, version 1"
_VERSION = re.compile(r"recombination-workbook fit, version (\d+)")
_KNOWN = 2
_ERROR_DIGITS = 3
_STATUS = ("free", "fixed", "bound")
_SAMPLE = {"sample_data": "20190110_cubic"}  # a name that its records had from the first on


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


def paths_for(measurement: Measurement, count: int, folder: str | Path = RESULTS) -> list[Path]:
    """Return the paths of `count` fits of a measurement: FOLDER/NAME/fit_1.par and so on.

    Those of the sample are FOLDER/20190110_cubic_1.par and so on.

    Examples
    --------
    >>> [path.as_posix() for path in paths_for(Measurement(Trace([0, 1], [2, 1], name="mine")), 2, "results")]
    ['results/mine/fit_1.par', 'results/mine/fit_2.par']
    """
    if (name := measurement.name) in _SAMPLE:
        stem = Path(folder) / _SAMPLE[name]
    else:
        safe = "".join(each if each.isalnum() or each in "-_. " else "_" for each in name).strip(" .")
        stem = Path(folder) / (safe or "unnamed") / "fit"
    return [stem.with_name(f"{stem.name}_{number}.par") for number in range(1, count + 1)]


def save(fit: fits.Fit | Fit, path: str | Path) -> Path:
    """Keep a fit of any law as readable JSON, whole or not at all; what was there is replaced.

    Errors are rounded to 3 significant digits, values to 1/1000 of their error or to 6 digits, whichever is
    coarser, so that the same fit is the same bytes.
    """
    content = record_of(fit).content() if isinstance(fit, fits.Fit) else _content(fit)
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def load(path: str | Path) -> FitRecord | Record:
    """Read a fit that `save` kept; `FitRecord.on` makes the fit of it again.

    Raises
    ------
    FileNotFoundError, ValueError
        Where the file is missing, damaged, newer than this workbook or something else; the message names it
        and says what to do.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; run 03_optimize, which writes the .par files") from None
    remedy = "delete it and run 03_optimize again"
    try:
        found = entries.parse(content)
        number = _version(found)
        if number == _KNOWN:
            remedy = "fit again and save the fit under this name"
            return record_from(found)
        if number < _KNOWN:
            return _record(found)
    except ValueError as error:
        raise ValueError(f"{path.name} is no whole record of a fit: {error}; {remedy}") from error
    raise ValueError(
        f"{path.name} was written by a newer workbook (version {number} of these files, this one reads up to"
        f" {_KNOWN}); update the workbook"
    )


def _version(content: dict) -> int:
    """Return the version of the file's format; 1 for anything else, which is then refused by name."""
    found = _VERSION.fullmatch(str(content.get("format")))
    return int(found[1]) if found else 1


def _content(fit: Fit) -> dict:
    columns = zip(PARAMETERS, fit.values, fit.stderr, _errors_alone(fit), fit.status, fit.units, strict=True)
    return {
        "format": FORMAT,
        "law": "dn/dt = G - k1*n - k2*n^2 - k3*n^3, n = n0 at the first time",
        "data": asdict(stamp(fit.trace)),
        "guess": {name: rounded(value) for name, value in zip(RATES, fit.guess, strict=True)},
        "optimized": {
            name: {
                "value": rounded_value(value, error, alone),
                "stderr": _error(error),
                "status": status,
                "unit": unit,
            }
            for name, value, error, alone, status, unit in columns
        },
        "cost": rounded(fit.cost),
        "rmse": rounded(fit.rmse),
        "loss": fit.loss,
        "converged": bool(fit.converged),
        "message": fit.message,
        "versions": versions(),
    }


def _errors_alone(fit: Fit) -> np.ndarray:
    """Return the error that each parameter would have if all others were known."""
    if fit.minimum.triangle is None:
        return np.full(len(PARAMETERS), np.nan)
    with np.errstate(divide="ignore"):
        return (
            fit.problem.scales * np.sqrt(fit.variance) / np.linalg.norm(fit.minimum.triangle[:, :-1], axis=0)
        )


def _error(error: float) -> float | None:
    return rounded(error, _ERROR_DIGITS) if math.isfinite(error) else None


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
        data=stamp_of(content, "data"),
        loss=entries.text(content, "loss"),
        converged=entries.boolean(content, "converged"),
        message=entries.text(content, "message"),
        versions=entries.texts(content, "versions"),
    )


def _stderr(content: dict, *way: str) -> float:
    if entries.take(content, *way) is not None:
        return entries.not_negative(content, *way)
    return math.inf if entries.take(content, *way[:-1], "status") == "free" else math.nan
