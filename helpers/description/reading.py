"""The description of a measurement: a TOML file beside the data that says what their numbers are.

What each key means stands in `keys`; data/templates/ holds a file to copy for each kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.description import toml_text
from helpers.description.keys import (
    ALL,
    FILM_TABLE,
    FIT,
    FOUND_BY_ITSELF,
    KINDS,
    OTHER_BEGINNINGS,
    OTHER_NAMES,
    PLACE,
    RATES,
    SINGLE_TRACE,
    TABLES,
    TAKES,
    TOP,
    TRACE,
    Key,
    fit_name,
    shown,
)
from helpers.description.rules import ask_for_missing, refuse_contradictions
from helpers.description.search import find, is_file, is_folder, listed
from helpers.description.toml_errors import nearest
from helpers.description.toml_text import Document, Way

_OPEN = re.compile(r"unknown|not known|none|null|n/?a|\?+|-{2,}|auto|automatic|default", re.IGNORECASE)
_NO_DOPING = "p0_cm3 changes the rates; write p0_cm3 = 0 for an undoped film, else an estimate in cm^-3"
MOST_TRACES, MOST_FITS = 2000, 500  # in one description
_LEFT_OUT = "; where it is not known, delete the line"

__all__ = ["DescribedTrace", "Description", "Film", "FitChoice", "find", "read"]


@dataclass(frozen=True)
class Film:
    """The absorbing film: what turns a fluence into a density, and what else is known of it."""

    wavelength_nm: float | None = None
    thickness_nm: float | None = None
    absorption_per_cm: float | None = None
    reflection: float | None = None
    diffusion_cm2_s: float | None = None
    surface_velocity_cm_s: float | None = None
    bulk_lifetime_ns: float | None = None
    refractive_index: float | None = None


@dataclass(frozen=True)
class DescribedTrace:
    """One trace of a description; None where its file says nothing."""

    file: Path
    name: str | None = None
    fluence_uJ_cm2: float | None = None  # noqa: N815  as the key of the file
    n0_cm3: float | None = None
    time_zero: float | str | None = None
    scale: float | None = None
    offset: float | None = None
    sheet: str | None = None
    curve: int | str | None = None
    time: str | None = None
    signal: str | None = None
    sigma: str | None = None
    columns: tuple[int | str, ...] | None = None

    @property
    def place(self) -> dict[str, Any]:
        """Where in its file the trace stands, as keyword arguments of `helpers.traces.load_trace`."""
        return {name: getattr(self, name) for name in PLACE}


@dataclass(frozen=True)
class FitChoice:
    """The choices of one fit; None leaves the choice to the fit."""

    name: str = "fit"
    fixed: tuple[str, ...] | None = None
    guess: dict[str, float] | None = None
    loss: str | None = None
    f_scale: float | None = None
    window: tuple[float, float] | None = None
    law: str | None = None
    terms: tuple[str, ...] | None = None


@dataclass(frozen=True, repr=False)
class Description:
    """What a measurement is, as its file says it; None where the file says nothing.

    Attributes
    ----------
    path, text : Path, str
        The file, and what stands in it.
    kind : {"TRPL counts", "TA", "TRMC", "density"}
    traces : tuple of DescribedTrace
        At least one; their files exist.
    fits : dict of str to FitChoice
        By name, in the order of the file; a file without a name has one fit, called "fit".
    film : Film or None
        Its first four numbers are given wherever fluences are, unless n0 is "unknown".
    time_zero : number, "edge", "fitted", "shared", "first", "peak", tuple of one for each trace, or None
        A trace's own time_zero goes before it.
    repetition_Hz : number, "single" or None
    scale, offset : number, "fixed", "free", "shared" or None
        A trace's own number goes before it.
    response : Path, dict or None
        The file of a recording, or what stands in the braces, its file as a path.
    n0 : "fixed", "free", "shared", "unknown" or None

    The other attributes are called as the keys of the file, see `keys.TOP`.
    """

    path: Path
    text: str
    kind: str
    traces: tuple[DescribedTrace, ...]
    fits: dict[str, FitChoice]
    film: Film | None = None
    several: str | None = None
    name: str | None = None
    t_unit: str | None = None
    signal_unit: str | None = None
    density_unit: str | None = None
    time_zero: float | str | tuple[float | str, ...] | None = None
    window: tuple[float, float] | None = None
    baseline: tuple[float, float] | None = None
    response: Path | dict[str, Any] | None = None
    response_background: tuple[float, float] | None = None
    response_fwhm: float | None = None
    scatter: float | str | None = None
    bin_width: float | None = None
    repetition_Hz: float | str | None = None  # noqa: N815  as the key of the file
    p0_cm3: float | None = None
    sign: str | None = None
    spot_diameter_um: float | None = None
    collected_diameter_um: float | None = None
    count_rate_Hz: float | None = None  # noqa: N815  as the key of the file
    fluence_error_percent: float | None = None
    noise: str | None = None
    sigma_relative_percent: float | None = None
    sigma_floor: float | None = None
    scale: float | str | None = None
    offset: float | str | None = None
    n0: str | None = None
    columns: tuple[int | str, ...] | None = None
    channel_width: float | None = None
    decimal: str | None = None
    transposed: bool | None = None
    repeated: str | None = None
    comment: str | None = None
    source: str | None = None

    def __repr__(self) -> str:
        count = "1 trace" if len(self.traces) == 1 else f"{len(self.traces)} traces"
        return f"Description({self.path.stem!r}: {self.kind}, {count}, fits: {', '.join(self.fits)})"

    def error(self, reason: str) -> ValueError:
        """Return an error that names the file, and the line of the key that the reason begins with."""
        document = toml_text.parse(self.path.name, self.text, TAKES)
        return document.error((reason.partition(" = ")[0],), reason)

    def fit_choice(self, name: str | None = None) -> FitChoice:
        """Return the fit of a name; without a name, the only one.

        Raises
        ------
        ValueError
            If there is no such fit, or if there are several and no name is given.
        """
        names = ", ".join(self.fits)
        if name is None:
            if len(self.fits) > 1:
                raise ValueError(f"{self.path.name} describes several fits; name one of {names}")
            return next(iter(self.fits.values()))
        if name not in self.fits:
            meant = nearest(name, self.fits)
            remedy = f"write {meant}" if meant else f"choose one of {names}"
            raise ValueError(f"{self.path.name} describes no fit {name!r}; {remedy}")
        return self.fits[name]


def read(path: str | Path) -> Description:
    """Read the description of a measurement, or say in which line what is wrong and what to write.

    Parameters
    ----------
    path : str or Path
        A TOML file, see data/templates/. The names of data files in it begin at its own folder.

    Raises
    ------
    ValueError
        If anything in the file is not understood, or if something is left out that changes a rate.
    OSError
        If the file is missing, is no regular file, or cannot be read.

    Examples
    --------
    >>> read(find("sample_data"))
    Description('sample_data': density, 1 trace, fits: fit)
    """
    path = Path(path)
    text = toml_text.read_text(path)
    document = toml_text.parse(path.name, text, TAKES)
    tables = {name: document.entries.pop(name) for name in TABLES if name in document.entries}
    top = _checked(document, (), document.entries, TOP | {name: TRACE[name] for name in SINGLE_TRACE})
    film = _film(document, tables.get("film"))
    fits = _fits(document, tables.get("fit", {}))
    if "kind" not in top:
        kinds = ", ".join(f'"{kind}"' for kind in KINDS)
        raise document.error(
            (), f"kind is missing: what was measured; add kind = ... at the top, one of {kinds}"
        )
    traces = _traces(document, path.parent, tables, top)
    facts = {name: value for name, value in top.items() if name not in SINGLE_TRACE}
    if "response" in facts:
        facts["response"] = _response(document, path.parent, facts["response"])
    result = Description(path=path, text=text, traces=traces, film=film, fits=fits, **facts)
    refuse_contradictions(document, result)
    ask_for_missing(document, result)
    return result


def _checked(document: Document, way: Way, entries: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the checked values of a table; unknown keys and wrong values are refused by line."""
    values = {}
    for name, value in entries.items():
        if name not in keys:
            reason = _unknown(document, (*way, name), keys)
            raise document.error((*way, name), reason + ("" if not _is_open(value) else _LEFT_OUT))
        if _is_open(value) and name not in ("n0", "p0_cm3", "repetition_Hz"):
            raise document.error((*way, name), f"{name} = {shown(value)}: " + _left_out(name))
        if _is_open(value) and name == "p0_cm3":
            raise document.error((*way, name), _NO_DOPING)
        try:
            values[name] = keys[name].check(value)
        except ValueError as reason:
            raise document.error((*way, name), f"{name} = {shown(value)}: {reason}") from None
    return values


def _is_open(value: Any) -> bool:
    return isinstance(value, str) and bool(_OPEN.fullmatch(value.strip()))


def _left_out(name: str) -> str:
    if name in FILM_TABLE or (name in SINGLE_TRACE and name not in PLACE):
        return (
            f'what is not known is left out; where a density is not known write n0 = "unknown", and no {name}'
        )
    return f"what is not known is left out; delete {name}"


def _unknown(document: Document, way: Way, keys: Mapping[str, Key]) -> str:
    """Return why a key does not stand where it stands, and what to do."""
    if misplaced := _misplaced(document, way, keys):
        return misplaced
    name = str(way[-1])
    if name.lower() in FOUND_BY_ITSELF:
        return f"unknown key {name}; the reader of the files finds this by itself, delete the line"
    meant = _meant(name, [*keys, *(TABLES if len(way) == 1 else ())])
    if meant is None:
        return (
            f"unknown key {name}; delete the line or make it a remark with # in front, the keys here are"
            f" {', '.join(keys)}"
        )
    if meant in keys or meant in TABLES:
        meaning = keys[meant].meaning if meant in keys else TABLES[meant]
        return f"unknown key {name}; the nearest one is {meant} ({meaning})"
    return f"unknown key {name}; the nearest one is {meant} ({ALL[meant].meaning}), which {_home(meant)}"


def _misplaced(document: Document, way: Way, keys: Mapping[str, Key]) -> str | None:
    """Return where a known key belongs that stands in a wrong place."""
    name = str(way[-1])
    if name == "t_unit" and way[0] == "trace":
        return (
            "t_unit is one for all traces; delete it here, and at the top as well where each file's header"
            " names its own unit"
        )
    if name in TABLES or (name in TOP and name not in keys):
        return f"{name} stands in {_place(way)}, but belongs to the top; {_upwards(document, way)}"
    if len(way) == 1 and name in TRACE:
        return f"{name} belongs to a trace; {_trace_remedy(name)}"
    for table, known in (("film", FILM_TABLE), ("fit", FIT)):
        if name in known and name not in keys:
            return f"{name} belongs to [{table}]; move it below a line [{table}]"
    if name in TRACE and name not in keys:
        return f"{name} belongs to a trace; {_trace_remedy(name)}"
    if name in RATES and way[0] == "fit":
        return f"{name} belongs to the guess; write guess = {{ {name} = ... }} below [fit]"
    return None


def _meant(name: str, here: list[str]) -> str | None:
    """Return the key that a name stands for: by what people call it, or the nearest one, here first."""
    beginning = next((each for each in OTHER_BEGINNINGS if name.lower().startswith(each)), None)
    called = OTHER_NAMES.get(name.lower()) or (OTHER_BEGINNINGS[beginning] if beginning else None)
    return called or nearest(name, here) or nearest(name, [*ALL, *TABLES])


def _home(name: str) -> str:
    table = "film" if name in FILM_TABLE else "fit" if name in FIT and name not in TOP else None
    return f"stands below a line [{table}]" if table else "stands at the top or beside its file"


def _place(way: Way) -> str:
    return "the braces of a trace" if way[0] == "trace" else f"[{'.'.join(str(part) for part in way[:-1])}]"


def _upwards(document: Document, way: Way) -> str:
    """Say how a key gets to the top of the file: above its first heading, not just above its own."""
    line = document.line(*way[:-1]) or 0
    if not document.tables or all(heading_line > line for _, heading_line in document.tables):
        return "move it out of the braces, to a line of its own"
    heading, first = document.tables[0]
    return f"move it above {heading} (line {first})" + (
        ", the first heading" if len(document.tables) > 1 else ""
    )


def _trace_remedy(name: str) -> str:
    return f'write it beside its file: trace = [ {{ file = "mine.csv", {name} = ... }} ]'


def _traces(
    document: Document, folder: Path, tables: Mapping[str, Any], top: Mapping[str, Any]
) -> tuple[DescribedTrace, ...]:
    given = tables.get("trace")
    single = {name: top[name] for name in SINGLE_TRACE if name in top}
    if given is None:
        if "file" not in single:
            raise document.error(
                (),
                'there are no data: add file = "mine.csv" at the top, or trace = [ { file = "mine.csv" } ]',
            )
        file = _data_file(document, ("file",), folder, single.pop("file"))
        return (DescribedTrace(file=file, **single),)
    if single:
        name = next(iter(single))
        advice = "delete one of the two" if name == "file" else _trace_remedy(name)
        raise document.error((name,), f"{name} stands at the top, but the files stand in trace; {advice}")
    if isinstance(given, list) and len(given) > MOST_TRACES:
        raise document.error(
            ("trace",),
            f"{len(given)} traces, and {MOST_TRACES} at most are read; divide them into several descriptions",
        )
    if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
        raise document.error(
            ("trace",),
            'trace is no list of traces; write trace = [ { file = "mine.csv" } ], or [[trace]] with double'
            " brackets and file = ... below it",
        )
    return tuple(_trace(document, folder, j, entries) for j, entries in enumerate(given))


def _response(document: Document, folder: Path, given: Any) -> Any:
    """Return a response with its file, which must be there, as a path."""
    if isinstance(given, str):
        return _data_file(document, ("response",), folder, given, "response")
    if "file" in given:
        return given | {"file": _data_file(document, ("response",), folder, given["file"])}
    return given


def _trace(document: Document, folder: Path, j: int, entries: Mapping[str, Any]) -> DescribedTrace:
    values = _checked(document, ("trace", j), entries, TRACE)
    if "file" not in values:
        raise document.error(("trace", j), f'trace {j + 1} has no file; add file = "mine.csv" to it')
    values["file"] = _data_file(document, ("trace", j, "file"), folder, values["file"])
    return DescribedTrace(**values)


def _data_file(document: Document, way: Way, folder: Path, name: str, key: str = "file") -> Path:
    file = folder / name
    if is_file(file):
        return file
    if "*" in name or "?" in name:
        reason = 'name each file by itself: trace = [ { file = "p1.csv" }, { file = "p2.csv" } ]'
        raise document.error(way, f"{key} = {shown(name)}: {reason}")
    there = [path for path in listed(file.parent) if path.is_file() and path.suffix != ".toml"]
    near = next((path.name for path in there if path.stem == file.name), None)
    near = near or nearest(file.name, [path.name for path in there])
    if is_folder(file):
        reason = "is a folder; name a file in it"
    elif near:
        reason = f"no such file; the nearest name there is {shown((Path(name).parent / near).as_posix())}"
    else:
        reason = "no such file; its name begins at the folder of the description, put the file there"
    raise document.error(way, f"{key} = {shown(name)}: {reason}")


def _film(document: Document, entries: Any) -> Film | None:
    if entries is None:
        return None
    if not isinstance(entries, dict):
        raise document.error(("film",), "film is no table; write a line [film], and its keys below it")
    return Film(**_checked(document, ("film",), entries, FILM_TABLE))


def _fits(document: Document, entries: Any) -> dict[str, FitChoice]:
    if not isinstance(entries, dict):
        raise document.error(("fit",), "fit is no table; write a line [fit], and its keys below it")
    named = {name: each for name, each in entries.items() if isinstance(each, dict) and name not in FIT}
    if not named:
        return {"fit": FitChoice(**_checked(document, ("fit",), entries, FIT))}
    if plain := [name for name in entries if name not in named]:
        raise document.error(
            ("fit", plain[0]),
            f"{plain[0]} stands below [fit], and there is [fit.{next(iter(named))}], too; give every fit a"
            " name, for instance [fit.plain]",
        )
    if len(named) > MOST_FITS:
        raise document.error(("fit",), f"{len(named)} fits, and {MOST_FITS} at most are read; delete some")
    fits: dict[str, FitChoice] = {}
    for name, each in named.items():
        try:
            fit_name(name)
        except ValueError as reason:
            raise document.error(("fit", name), str(reason)) from None
        if twin := next((other for other in fits if other.lower() == name.lower()), None):
            raise document.error(
                ("fit", name),
                f"[fit.{name}] and [fit.{twin}] differ in capitals only, and so would their folders;"
                " give one another name",
            )
        fits[name] = FitChoice(name=name, **_checked(document, ("fit", name), each, FIT))
    return fits
