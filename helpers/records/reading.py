"""The entries of a file back as a record: each of the right kind, or refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields

import pandas as pd

from helpers import entries
from helpers.fitting.variance_function import VarianceFunction
from helpers.records.record import FORMAT, INFINITE, FitRecord, by_name
from helpers.records.stamps import QUANTITIES, DataStamp, LawStamp

_STATUS = ("free", "fixed", "bound")


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
        return by_name(names, found, entry)

    return FitRecord(
        law=law,
        measurement=measurement,
        traces=traces,
        guess=by_name(names, [_number(content, "guess", name) for name in names], "guess"),
        values=of_all(_number, "value"),
        stderr=of_all(_not_negative, "stderr"),
        status=of_all(entries.text, "status", choices=_STATUS),
        units=of_all(entries.text, "unit"),
        cost=_not_negative(content, "cost"),
        rmse=_not_negative(content, "rmse"),
        loss=entries.text(content, "loss"),
        f_scale=_not_negative(content, "f_scale"),
        converged=entries.boolean(content, "converged"),
        message=entries.text(content, "message"),
        versions=entries.texts(content, "versions"),
        noise=_noise_of(content, len(traces)),
    )


def _number(content: dict, *way: str) -> float:
    """Return a number as `_shown` writes it."""
    value = entries.take(content, *way)
    if value is None:
        return math.nan
    for number, text in INFINITE.items():
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
        kind=entries.text(content, "kind", choices=("rate law", "traps", "equation")),
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
        **{name: _quantity_of(content, name) for name in QUANTITIES},
        "time_zero": _numbers(content, "time_zero"),
        "response_fwhm": _or_nothing(entries.not_negative, content, "response_fwhm"),
        "repetition_period": _or_nothing(entries.not_negative, content, "repetition_period"),
        "fluence_error_percent": _or_nothing(entries.not_negative, content, "fluence_error_percent"),
        **_seldom_of(content),
    }


def _seldom_of(content: dict) -> dict:
    """Return the entries that only some files have."""
    found: dict = {}
    if "time_zero_mode" in content:
        found["time_zero_mode"] = entries.text(content, "time_zero_mode", choices=("free", "shared"))
    if "scatter" in content:
        found["scatter"] = _quantity_of(content, "scatter")
    if "response" in content:
        numbers = ("fwhm", "tail", "bin_width", "tail_share")
        shape = {name: _or_nothing(entries.not_negative, content, "response", name) for name in numbers}
        found["response"] = shape | {"sha256": _or_nothing(entries.text, content, "response", "sha256")}
    return found


def _noise_of(content: dict, count: int) -> tuple[VarianceFunction, ...] | None:
    """Return the variance functions of a fit whose weights were estimated; other files have no such entry."""
    if "estimated_noise" not in content:
        return None
    rows = entries.array(content, "estimated_noise")
    if len(rows) != count:
        raise ValueError(f"estimated_noise holds {len(rows)} entries for {count} traces")
    terms = [field.name for field in fields(VarianceFunction)]
    found = []
    for row in rows:
        numbers = [_not_negative({"estimated_noise": row}, "estimated_noise", term) for term in terms]
        if numbers[0] == 0:
            raise ValueError("estimated_noise.constant = 0: a point without noise would weigh without limit")
        found.append(VarianceFunction(*numbers))
    return tuple(found)


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
    there = [name for name in (*QUANTITIES, "scatter") if name in measurement]
    lists |= {f"{name}.values": measurement[name]["values"] for name in there}
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
