"""Whether data, law and measurement are those of a saved fit; what differs is named."""

from __future__ import annotations

import math

from helpers.kinetics import RateLaw, TrapLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement
from helpers.records.stamps import SELDOM, DataStamp, LawStamp, described, fingerprint, law_stamp

NOT_SAID = "not said"  # by files of the first version, of the noise: the hash holds standard errors, too
_SAME = 1e-6  # relative difference of two descriptions that is rounding


def refuse_other_data(stamps: tuple[DataStamp, ...], measurement: Measurement) -> None:
    """Raise ValueError where these are not the points that were fitted; names the trace."""
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


def same_law(saved: LawStamp, law: Law | None, p0: float = 0.0) -> Law:
    """Return the law of a saved fit; ValueError where another one, or none for an equation, is given.

    `p0` is the measurement's doping, which ready-made laws take.
    """
    if law is None and saved.kind == "rate law":
        return RateLaw()
    if law is None and saved.kind == "traps":
        law = TrapLaw(p0)
    if law is None:
        raise ValueError(f"the saved fit is one of the equation {saved.name!r}: give it as law=Equation(…)")
    given = law_stamp(law)
    if given.kind != saved.kind or given.parameters != saved.parameters:
        raise ValueError(
            f"the saved fit is one of the {saved.kind} {saved.name!r} of {', '.join(saved.parameters)}, and"
            f" law is the {given.kind} {given.name!r} of {', '.join(given.parameters)}; give that of the fit"
        )
    if given.source_hash != saved.source_hash:
        raise ValueError(
            f"the equation {saved.name!r} has changed since the fit was saved, in its source, its states or"
            " what the pulse excites: give it as it was, or fit again"
        )
    return law


def refuse_other_measurement(saved: dict, measurement: Measurement) -> None:
    """Raise ValueError where the measurement is described otherwise; names the entry."""
    span = max(trace.t[-1] - trace.t[0] for trace in measurement.traces)
    saved = SELDOM | saved
    for entry, given in (SELDOM | described(measurement)).items():
        if entry in ("name", "kind", "function", "fluence_error_percent"):
            continue  # they do not enter the curve
        if saved[entry] == NOT_SAID:
            continue
        if not _is_same(saved[entry], given, 1e-9 * span if entry == "time_zero" else 0.0):
            raise ValueError(
                f"the measurement's {entry} is {_in_words(given)} and was {_in_words(saved[entry])} in the"
                " saved fit; describe it as it was, or fit again"
            )


def _is_same(saved, given, absolute: float) -> bool:
    if isinstance(saved, dict) != isinstance(given, dict):
        return False
    if isinstance(saved, dict):
        return all(_is_same(saved[name], given[name], absolute) for name in saved)
    if isinstance(saved, list) and isinstance(given, list):
        return len(saved) == len(given) and all(map(lambda a, b: _is_same(a, b, absolute), saved, given))
    if isinstance(saved, float | int) and isinstance(given, float | int):
        return math.isclose(saved, given, rel_tol=_SAME, abs_tol=absolute)
    return saved == given


def _in_words(described) -> str:
    if isinstance(described, dict) and "mode" not in described:
        return ", ".join(f"{name} {each}" for name, each in described.items() if each is not None)
    if isinstance(described, dict):
        numbers = described["values"]
        return described["mode"] + (f" at {_in_words(numbers)}" if numbers else "")
    if isinstance(described, list):
        return ", ".join(f"{each:g}" for each in described)
    return str(described)
