"""The keyword arguments of a measurement: each passes its check, or a sentence names it and what to give.

The checks are those of the description's keys of the same names, see `helpers.description.keys`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from helpers.description import keys
from helpers.description.toml_errors import nearest
from helpers.measurement.instrument import Response
from helpers.measurement.measured_response import in_unit, measured
from helpers.traces import Trace, load_trace

_FACTORS = {"wavelength_nm": 1e-7, "thickness_nm": 1e-7, "absorption_per_cm": 1.0, "reflection": 1.0}  # cgs
_SIGNS = {"positive": 1, "negative": -1}


def checked(name: str, value: Any, check: Callable[[Any], Any] | None = None) -> Any:
    """Return a value that passed the check of its key; None stays None.

    Raises
    ------
    ValueError
        Where it did not pass; names the argument and says what to give.

    Examples
    --------
    >>> checked("response_fwhm", 1)
    1.0
    """
    if value is None:
        return None
    value = _plain(value)
    try:
        return (check or keys.TOP[name].check)(value)
    except ValueError as reason:
        known = keys.ALL.get(name)
        meaning = f" ({known.meaning})" if known else ""
        raise ValueError(f"{name} = {value!r}: {reason}{meaning}") from None


def baseline_of(value: Any) -> tuple[float, float] | None:
    """Return the first and the last time of a baseline.

    Examples
    --------
    >>> baseline_of((-10, -1))
    (-10.0, -1.0)
    """
    return checked("baseline", value, _baseline)


def window_of(value: Any) -> tuple[float | None, float | None] | None:
    """Return the first and the last time of a window; None leaves an end open.

    Examples
    --------
    >>> window_of((0, None))
    (0.0, None)
    """
    return checked("window", value, _open_span)


def numbers(name: str, value: Any) -> Any:
    """Return one number or one for each trace, each as the key of a trace takes it.

    Examples
    --------
    >>> numbers("n0_cm3", [1e16, 1e17])
    [1e+16, 1e+17]
    """
    value = None if value is None else _plain(value)
    if not isinstance(value, list):
        return checked(name, value, keys.TRACE[name].check)
    return [
        checked(name, each, keys.TRACE[name].check) if each is not None else _lacks(name, value)
        for each in value
    ]


def sign_of(value: Any) -> int | None:
    """Return the sign of the signal, 1 or -1; None leaves it to the data.

    Examples
    --------
    >>> sign_of("negative")
    -1
    """
    if value is None or (isinstance(value, int | float | np.number) and value in (1, -1)):
        return None if value is None else int(value)
    if isinstance(value, str) and value.strip().lower() in _SIGNS:
        return _SIGNS[value.strip().lower()]
    raise ValueError(f"sign = {value!r}: give 1 or -1, or leave sign out to take it from the data")


def repetition_of(value: Any) -> float | None:
    """Return the pulses per second; None for single ones."""
    hertz = checked("repetition_Hz", value)
    return None if hertz == keys.SINGLE else hertz


def response_of(response: Any, background: Any, fwhm: Any, bin_width: Any, t_unit: str) -> Response | None:
    """Return the instrument's response in the traces' unit of time; None where there is none.

    Examples
    --------
    >>> response_of({"fwhm": 0.2, "tail": 0.5, "tail_share": 0.3}, None, None, None, "ns").tail
    0.5
    """
    fwhm, bin_width = checked("response_fwhm", fwhm), checked("bin_width", bin_width)
    span = checked("response_background", background, _baseline)
    if response is not None and fwhm is not None:
        raise ValueError("response and response_fwhm both say what the instrument's response is; give one")
    found = Response(fwhm=fwhm) if fwhm is not None else _response(response, span, t_unit)
    if span is not None and (found is None or found.samples is None):
        raise ValueError("response_background belongs to a measured response; give response, or leave it out")
    if bin_width is None:
        return found
    return Response(bin_width=bin_width) if found is None else found.with_bins(bin_width)


def _response(given: Any, background, t_unit: str) -> Response | None:
    if given is None or isinstance(given, Response):
        return given
    if isinstance(given, Mapping):
        return _response_of_table(dict(given), background, t_unit)
    if isinstance(given, str | Path):
        given = _loaded(given, None)
    if not isinstance(given, Trace):
        raise ValueError(
            f"response = {given!r:.60}: give a Trace of the instrument's response, the name of its file, or"
            ' its shape as {"fwhm": 0.2, "tail": 0.5}'
        )
    if not given.t_unit and t_unit:
        raise ValueError(
            "response: its unit of time is missing, with which every rate would go; give"
            ' Trace(t, signal, t_unit="ns"), or "ps", …'
        )
    return in_unit(measured(given, background), given.t_unit, t_unit)


def _response_of_table(given: dict, background, t_unit: str) -> Response | None:
    for name in given:
        if name not in keys.RESPONSE:
            near = nearest(str(name), list(keys.RESPONSE))
            meant = f"; write {near}" if near else ""
            raise ValueError(f"response: {name} is unknown{meant}; it has {', '.join(keys.RESPONSE)}")
    given = {name: str(each) if isinstance(each, Path) else each for name, each in given.items()}
    values = {
        name: checked(f"response: {name}", each, keys.RESPONSE[name].check) for name, each in given.items()
    }
    if "file" in values:
        if others := [name for name in values if name not in ("file", "t_unit", "background")]:
            raise ValueError(f"response: a measured one needs no {', '.join(others)}; leave it out")
        span = values.get("background", background)
        return _response(_loaded(values["file"], values.get("t_unit")), span, t_unit)
    if others := [name for name in ("t_unit", "background") if name in values]:
        raise ValueError(
            f"response: {', '.join(others)} belongs to the file of a measured one; give file, too"
        )
    if "fwhm" not in values and "tail" not in values:
        raise ValueError("response: give fwhm, tail or both, or the file of a measured one")
    return Response(**values)


def _loaded(path: str | Path, t_unit: str | None) -> Trace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing unit is refused
        trace = load_trace(path, t_unit=t_unit)
    if not trace.t_unit:
        name = Path(path).name
        raise ValueError(
            f"response = {name!r}: the unit of its times is missing, because its header does not say it, and"
            f' every rate goes with it; write response = {{ file = "{name}", t_unit = "ns" }} (or "ps", ...)'
        )
    return trace


def film_of(film: Any) -> dict[str, float]:
    """Return the properties of a film as `excitation.carrier_density` takes them, in cm.

    Examples
    --------
    >>> film_of({"wavelength_nm": 400, "thickness_nm": 500, "absorption_per_cm": 1e5, "reflection": 0.2})
    {'wavelength': 4e-05, 'thickness': 5e-05, 'absorption': 100000.0, 'reflection': 0.2}
    """
    if film is not None and not isinstance(film, Mapping):
        raise ValueError(f"film = {film!r}: give a dict with {', '.join(_FACTORS)}")
    film = film or {}
    if missing := [name for name in _FACTORS if name not in film]:
        near = {name: nearest(name, [str(each) for each in film]) for name in missing}
        meant = "".join(f" ({found} is unknown; write {name})" for name, found in near.items() if found)
        raise ValueError(f"film: give {', '.join(missing)} to turn a fluence into a density{meant}")
    if unknown := sorted(map(str, set(film) - set(keys.FILM_TABLE))):
        raise ValueError(f"film: {', '.join(unknown)} is unknown; it has {', '.join(keys.FILM_TABLE)}")
    checks = {name: keys.FILM[name].check for name in _FACTORS}
    return {
        name.rpartition("_per_cm")[0] or name.removesuffix("_nm"): checked(f"film: {name}", film[name], check)
        * _FACTORS[name]
        for name, check in checks.items()
    }


def traces_of(traces: Trace | Iterable[Trace]) -> tuple[Trace, ...]:
    """Return traces as a tuple.

    Raises
    ------
    ValueError
        Where there are none, or where something is no Trace.
    """
    if isinstance(traces, str | Path):
        raise ValueError(
            f"traces = {str(traces)!r}: give a Trace, made with Trace(t, signal) or load_trace(path); a"
            " description is read by load_measurement(path)"
        )
    if isinstance(traces, Trace):
        return (traces,)
    if not isinstance(traces, Iterable):
        raise ValueError(f"traces = {traces!r}: give a Trace or several, made with Trace(t, signal)")
    given = tuple(traces)
    if not given:
        raise ValueError("no traces: give the traces of a measurement, one at least")
    if strange := [each for each in given if not isinstance(each, Trace)]:
        raise ValueError(f"traces: {type(strange[0]).__name__} is no Trace; make one with Trace(t, signal)")
    return given


def numbered(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Return the traces with a number behind each name that several of them bear.

    Examples
    --------
    >>> two = [Trace([0, 1], [4, 2], name="film"), Trace([0, 1], [4, 3], name="film")]
    >>> [trace.name for trace in numbered(two)]
    ['film 1', 'film 2']
    """
    traces = tuple(traces)
    taken, result = [trace.name for trace in traces], list[Trace]()
    for trace in traces:
        name, number = trace.name, 0
        if name and taken.count(name) > 1:
            while not number or name in taken or name in [each.name for each in result]:
                number += 1
                name = f"{trace.name} {number}"
        result.append(replace(trace, name=name) if number else trace)
    return tuple(result)


def _plain(value: Any) -> Any:
    """Return a value as Python's own kinds: lists for arrays and tuples, numbers for those of NumPy."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def _baseline(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("give two times, the first and the last, for instance (-10, -1)")
    return keys.span(value)


def _open_span(value: Any) -> tuple[float | None, float | None]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("give two times, the first and the last, for instance (0, 100) or (0, None)")
    if None not in value:
        return keys.span(value)
    first, last = (None if each is None else keys.number()(each) for each in value)
    return first, last


def _lacks(name: str, value: list) -> float:
    raise ValueError(f"{name} = {value!r}: a number is missing; give one for each trace")
