"""A measurement made from its description: the files are read, and the facts of the file handed over."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.description import DescribedTrace, Description, find, read
from helpers.measurement.measurement import Measurement
from helpers.traces import Trace, load_trace
from helpers.traces.column_units import time_unit
from helpers.traces.columns import choose
from helpers.traces.instruments import Selection
from helpers.traces.loading import read_columns
from helpers.units import seconds

_SIGNS = {"positive": 1, "negative": -1, None: None}


def load_measurement(what: str | Path | Description | Measurement, fit: str | None = None) -> Measurement:
    """Measurement of a name ("sample_data"), of the path of a description, or as it is.

    Parameters
    ----------
    what : str, Path, Description or Measurement
        A name stands for the description data/NAME.toml; its file is kept as `Measurement.file`.
    fit : str, optional
        Name of the fit whose window is used; needed only where the description has several.

    Raises
    ------
    ValueError, OSError
        Where the description or one of its files is missing or not understood.

    Examples
    --------
    >>> load_measurement("sample_data")
    Measurement('sample_data': 1 trace, density, estimated noise)
    """
    if isinstance(what, Measurement):
        return what
    description = what if isinstance(what, Description) else read(find(str(what)))
    window = description.fit_choice(fit).window if fit or len(description.fits) == 1 else None
    traces = load_traces(description)
    try:
        measurement = Measurement(
            traces,
            kind=description.kind,
            name=description.name or description.path.stem,
            window=window or description.window,
            **_facts(description),
        )
    except ValueError as reason:
        raise description.error(str(reason)) from None
    return measurement.with_file(description.path)


def load_traces(description: Description) -> list[Trace]:
    """Read all traces of a description, whole."""
    is_density = description.kind == "density"
    unit = description.signal_unit or (description.density_unit if is_density else None)
    options: dict[str, Any] = {
        "channel_width": description.channel_width,
        "decimal": description.decimal,
        "t_unit": description.t_unit,
        "transposed": bool(description.transposed),
    }
    repeated = description.repeated or "refuse"
    if description.t_unit is None:
        _refuse_no_unit(description)
    try:
        traces = [
            load_trace(
                each.file,
                name=each.name or _name(each),
                columns=each.columns or description.columns,
                signal_unit=unit,
                repeated=repeated,
                **each.place,
                **options,
            )
            for each in description.traces
        ]
    except ValueError as reason:
        remedy = ", or delete it where each file names its own unit" if "change t_unit" in str(reason) else ""
        raise ValueError(f"{reason}{remedy if len(description.traces) > 1 else ''}") from None
    traces = [_in_unit(each, traces[0].t_unit) for each in traces]
    if description.kind == "TRPL counts":
        return [replace(each, signal_unit=each.signal_unit or "counts") for each in traces]
    return traces


def _name(trace: DescribedTrace) -> str | None:
    """Return a name that tells apart the columns of one file; None leaves it to the file."""
    return None if trace.columns is None else f"{trace.file.stem}, {trace.columns[1]}"


def _refuse_no_unit(description: Description) -> None:
    """Ask for the unit of the times where neither the description nor a file has it."""
    for each in description.traces:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # reading the traces warns again
            table = read_columns(
                each.file,
                decimal=description.decimal,
                selection=Selection(**each.place, channel_width=description.channel_width),
                transposed=bool(description.transposed),
            )
            unit = time_unit(table, choose(table, each.columns or description.columns)[0], None)
        if not unit:
            raise description.error(
                f"t_unit is missing, and the header of {each.file.name} does not say the unit of its times,"
                ' with which every rate goes; add at the top of the file t_unit = "ns" (or "ps", "us", ...)'
            )


def _in_unit(trace: Trace, t_unit: str) -> Trace:
    """Return a trace with its times in another unit: files of one measurement may differ in theirs."""
    if trace.t_unit == t_unit:
        return trace
    return replace(trace, t=trace.t * (seconds(trace.t_unit) / seconds(t_unit)), t_unit=t_unit)


def _facts(description: Description) -> dict[str, Any]:
    """Keyword arguments of `Measurement`, as far as the description has them."""
    facts: dict[str, Any] = {
        name: getattr(description, name)
        for name in (
            *("several", "density_unit", "baseline", "response_fwhm", "p0_cm3", "fluence_error_percent"),
            *("noise", "sigma_relative_percent", "sigma_floor"),
            *("response", "response_background", "scatter", "bin_width"),
            *("spot_diameter_um", "collected_diameter_um", "count_rate_Hz"),
        )
    }
    facts["n0"] = description.n0
    facts["sign"] = _SIGNS[description.sign]
    if isinstance(description.repetition_Hz, int | float):
        facts["repetition_Hz"] = description.repetition_Hz
    if description.film is not None:
        known = vars(description.film).items()
        facts["film"] = {name: value for name, value in known if value is not None}
    for name in ("scale", "offset", "time_zero"):
        facts[name] = _of_traces(description.traces, name, getattr(description, name))
    for name in ("fluence_uJ_cm2", "n0_cm3"):
        values = [getattr(each, name) for each in description.traces]
        if None not in values:
            facts[name] = values
    return {name: value for name, value in facts.items() if value is not None}


def _of_traces(traces: tuple[DescribedTrace, ...], name: str, common):
    """Return what is said of all traces, or one value for each where a trace says otherwise."""
    own = [getattr(each, name) for each in traces]
    if all(value is None for value in own):
        return list(common) if isinstance(common, tuple) else common
    values = list(common) if isinstance(common, tuple) else [common] * len(traces)
    return [value if mine is None else mine for value, mine in zip(values, own, strict=True)]
