"""What tells data, laws and measurements from others: names, units, options and hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from helpers.kinetics import RateLaw, TrapLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement
from helpers.measurement.instrument import Response
from helpers.records.rounding import DATA_DIGITS, rounded
from helpers.traces import Trace

QUANTITIES = ("n0", "scale", "offset")
# What most fits have not: their files do not name it.
SELDOM = {"time_zero_mode": "fixed", "response": None, "scatter": None}


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
    """Which law was fitted: "rate law", "traps" or "equation", its name, parameters, hash of its source."""

    kind: str
    name: str
    parameters: tuple[str, ...]
    source_hash: str | None


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
    form = ",".join([f"%.{DATA_DIGITS - 1}e"] * rows.shape[1]) + "\n"
    return hashlib.sha256("".join(form % tuple(row) for row in rows.tolist()).encode("ascii")).hexdigest()


def stamp(trace: Trace) -> DataStamp:
    """Return what tells a trace from others."""
    return DataStamp(
        name=trace.name,
        points=len(trace),
        first_time=rounded(trace.t[0], DATA_DIGITS),
        last_time=rounded(trace.t[-1], DATA_DIGITS),
        t_unit=trace.t_unit,
        signal_unit=trace.signal_unit,
        sha256=fingerprint(trace),
    )


def law_stamp(law: Law) -> LawStamp:
    """Return what tells a law from others.

    Examples
    --------
    >>> law_stamp(RateLaw()).parameters
    ('G', 'k1', 'k2', 'k3')
    """
    kind = "rate law" if isinstance(law, RateLaw) else "traps" if isinstance(law, TrapLaw) else "equation"
    return LawStamp(kind, law.key, law.names, getattr(law, "source_hash", None))


def described(measurement: Measurement) -> dict:
    """Return all that a fit's curve depends on, and the measurement's name and kind, as JSON takes it."""
    observable, function = measurement.observable, measurement.observable.function
    return {
        "name": measurement.name,
        "kind": measurement.kind,
        "observable": observable.kind,
        "function": None if function is None else getattr(function, "__name__", type(function).__name__),
        "p0": rounded(observable.p0, DATA_DIGITS),
        "sign": observable.sign,
        "noise": measurement.noise,
        "density_unit": measurement.density_unit,
        **{name: _quantity(getattr(measurement, name)) for name in QUANTITIES},
        "time_zero": [rounded(each, DATA_DIGITS) for each in measurement.time_zero],
        "response_fwhm": _or_none(measurement.response_fwhm),
        "repetition_period": _or_none(measurement.repetition_period),
        "fluence_error_percent": _or_none(measurement.fluence_error_percent),
        **{name: each for name, each in _seldom(measurement).items() if each != SELDOM[name]},
    }


def _seldom(measurement: Measurement) -> dict:
    scatter = measurement.scatter
    has_light = scatter.mode != "fixed" or np.any(scatter.value)
    return {
        "time_zero_mode": measurement.time_zero_mode,
        "response": _response(measurement.response),
        "scatter": _quantity(scatter) if has_light else None,
    }


def _response(response: Response | None) -> dict | None:
    """Shape of a response; None where its full width at half maximum says all."""
    if response is None or (
        response.fwhm is not None and response.tail is None and response.bin_width is None
    ):
        return None
    numbers = {name: _or_none(getattr(response, name)) for name in ("fwhm", "tail", "bin_width")}
    share = {"tail_share": rounded(response.tail_share, DATA_DIGITS)}
    return numbers | share | {"sha256": None if response.samples is None else response.samples.sha256}


def _quantity(quantity) -> dict:
    value = quantity.value
    numbers = None if value is None else [rounded(each, DATA_DIGITS) for each in np.atleast_1d(value)]
    return {"mode": quantity.mode, "values": numbers}


def _or_none(value: float | None) -> float | None:
    return None if value is None else rounded(value, DATA_DIGITS)
