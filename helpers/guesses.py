"""Guesses kept beside a measurement's description, `NAME.guesses.json`: each with a name and its law.

The panel writes the file, notebooks and fits read it. Whoever changes it reads it and writes it again while
others wait, so that two panels on one file lose nothing of each other's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers import entries
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement
from helpers.paths import DATA, LARGEST_SMALL_FILE, alone, read_small, safe_name, write_text

FORMAT = "recombination-workbook guesses, version 1"
LONGEST = 60  # letters of a name
_VERSION = re.compile(r"recombination-workbook guesses, version ([0-9]{1,9})")
_KNOWN = 1


@dataclass(frozen=True)
class Kept:
    """A kept guess; two are equal where their numbers are.

    Attributes
    ----------
    name : str
    values : dict of name to value
        Of the law's parameters.
    n0 : list of float, or None
        Density of each trace at which the guess was kept, where it was kept by hand in the panel. A fit
        does not begin from it: it takes n0 from the measurement.
    """

    name: str = field(compare=False)
    values: dict[str, float]
    n0: list[float] | None = None


def file_of(measurement: Measurement, folder: str | Path | None = None) -> Path:
    """Return the path of a measurement's guesses: NAME.guesses.json beside its description NAME.toml.

    Parameters
    ----------
    measurement : Measurement
    folder : str or Path, optional
        For a measurement that was made without a description, where the file has the measurement's name;
        by default data/.

    Raises
    ------
    ValueError
        For a measurement without a description that has no name, or that of a description in the folder.

    Examples
    --------
    >>> from helpers.measurement.described import load_measurement
    >>> file_of(load_measurement("sample_data")).relative_to(DATA).as_posix()
    'sample_data.guesses.json'
    """
    if measurement.file is not None:
        return measurement.file.with_name(f"{measurement.file.stem}.guesses.json")
    folder = DATA if folder is None else Path(folder)
    name = safe_name(measurement.name)
    if not name:
        raise ValueError(
            "guesses are kept under the measurement's name, and it has none: give it one with"
            " Measurement(..., name=...), or name a file with path=..."
        )
    if (folder / f"{name}.toml").exists():
        raise ValueError(
            f"{name}.guesses.json belongs to the measurement that {name}.toml describes: take that one with"
            f" load_measurement({name!r}), give this measurement another name, or name a file with path=..."
        )
    return folder / f"{name}.guesses.json"


def load(
    measurement: Measurement, law: Law | None = None, *, path: str | Path | None = None
) -> dict[str, dict[str, float]]:
    """Guesses of a law for a measurement, by name; none where no file is.

    Parameters
    ----------
    measurement : Measurement
    law : Law, optional
        The rate law by default. Guesses of other laws in the file are passed over.
    path : str or Path, optional
        File; by default that of the measurement, see `file_of`.

    Returns
    -------
    dict of name to dict of parameter to value

    Raises
    ------
    ValueError
        Where the file is damaged, or holds guesses in other units.
    """
    return {each.name: each.values for each in read(measurement, law, path=path)[0]}


def read(
    measurement: Measurement, law: Law | None = None, *, path: str | Path | None = None
) -> tuple[list[Kept], int]:
    """Guesses of a law for a measurement with all that was kept of them, and the number of other laws' ones.

    Parameters
    ----------
    measurement, law, path
        As for `load`.

    Raises
    ------
    ValueError
        See `load`.
    """
    law = RateLaw() if law is None else law
    try:
        path = file_of(measurement) if path is None else Path(path)
    except ValueError:  # without a file of its own a measurement has no guesses
        return [], 0
    held = _content(path, measurement)
    try:
        mine = [name for name in held if entries.text(held, name, "law") == law.key]
        return [_guess(held, name, law) for name in mine], len(held) - len(mine)
    except ValueError as error:
        raise _refusal(path, error) from error


def save(
    guesses: Mapping[str, Mapping[str, float]],
    measurement: Measurement,
    law: Law | None = None,
    *,
    path: str | Path | None = None,
) -> Path:
    """Keep the guesses of a law in place of those it had; those of other laws in the file stay.

    Parameters
    ----------
    guesses : mapping of name to mapping of parameter to value
    measurement, law, path
        As for `load`.

    Raises
    ------
    ValueError
        Where the file cannot be read (see `load`), a name in it belongs to a guess of another law, or a value
        is no finite number.
    """
    law = RateLaw() if law is None else law
    path = file_of(measurement) if path is None else Path(path)
    mine = {name: _entry(law, each) for name, each in guesses.items()}
    with alone(path.parent):
        held = _content(path, measurement)
        others = {name: each for name, each in held.items() if entries.text(held, name, "law") != law.key}
        if taken := set(others) & set(guesses):
            raise ValueError(f"{path.name} has {', '.join(sorted(taken))} of another law: take another name")
        for name, entry in mine.items():  # a guess that stays as it was keeps its densities
            if name in held and held[name].get("values") == entry["values"]:
                mine[name] = held[name]
        return _write(path, measurement, others | mine)


def add(
    values: Mapping[str, float],
    measurement: Measurement,
    law: Law | None = None,
    *,
    n0: Sequence[float] | None = None,
    name: str = "",
    path: str | Path | None = None,
) -> Path:
    """Keep one guess more; return the file's path.

    Parameters
    ----------
    values : mapping of parameter to value
    measurement, law, path
        As for `load`.
    n0 : sequence of float, optional
        See `Kept`.
    name : str
        By default "by hand, number 1" or the next number that is free.

    Raises
    ------
    ValueError
        Where the file cannot be read (see `load`), the measurement has none (see `file_of`), the name cannot
        be (see `check_name`), or a value is no finite number.

    Examples
    --------
    >>> import tempfile
    >>> from helpers.traces import Trace
    >>> mine = Measurement(Trace([0, 1], [2, 1], name="mine"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = add({"G": 0, "k1": 0.7, "k2": 0, "k3": 0}, mine, path=file_of(mine, folder))
    ...     load(mine, path=path)
    {'by hand, number 1': {'G': 0.0, 'k1': 0.7, 'k2': 0.0, 'k3': 0.0}}
    """
    law = RateLaw() if law is None else law
    path = file_of(measurement) if path is None else Path(path)
    entry = _entry(law, values, n0)
    with alone(path.parent):
        held = _content(path, measurement)
        if name:
            check_name(name, held)
        number = 1
        while not name:
            free = f"by hand, number {number}"
            name, number = ("" if free in held else free), number + 1
        return _write(path, measurement, held | {name: entry})


def remove(
    guess: Kept, measurement: Measurement, law: Law | None = None, *, path: str | Path | None = None
) -> None:
    """Take a guess out of its file.

    Parameters
    ----------
    guess : Kept
        As `read` gave it.
    measurement, law, path
        As for `load`.

    Raises
    ------
    ValueError
        Where the file has no such guess any more, or another one of this name.

    Examples
    --------
    >>> import tempfile
    >>> from helpers.traces import Trace
    >>> mine = Measurement(Trace([0, 1], [2, 1], name="mine"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = add({"G": 0, "k1": 0.7, "k2": 0, "k3": 0}, mine, path=file_of(mine, folder))
    ...     remove(read(mine, path=path)[0][0], mine, path=path)
    ...     load(mine, path=path)
    {}
    """
    law = RateLaw() if law is None else law
    path = file_of(measurement) if path is None else Path(path)
    with alone(path.parent):
        held = _content(path, measurement)
        found = held.get(guess.name)
        if found is None or found["law"] != law.key or found.get("values") != guess.values:
            raise ValueError(f"“{guess.name}” was changed or deleted in {path.name} by somebody else")
        _write(path, measurement, {name: each for name, each in held.items() if name != guess.name})


def check_name(name: str, taken: Container[str] = ()) -> None:
    """Refuse a name that a guess cannot have.

    Raises
    ------
    ValueError
        For a name that is empty, too long or taken, or the automatic guess's.

    Examples
    --------
    >>> check_name("slow", ["fast"])
    """
    if name == "automatic":
        raise ValueError("“automatic” is the name of the automatic guess: choose another name")
    if not name or len(name) > LONGEST:
        raise ValueError(f"a name has 1 to {LONGEST} letters: choose another name")
    if name in taken:
        raise ValueError(f"“{name}” is the name of another guess: choose another name")


def starts(measurement: Measurement, law: Law | None = None, *, path: str | Path | None = None) -> dict:
    """Return what a fit begins from: the automatic guess (None) first, then the kept ones.

    An equation has no automatic guess: there are the kept ones only.
    """
    kept = load(measurement, law, path=path)
    if law is not None and not isinstance(law, RateLaw):
        return kept
    return {"automatic": None} | {name: each for name, each in kept.items() if name != "automatic"}


def _content(path: Path, measurement: Measurement) -> dict[str, Any]:
    """Return what a file holds by name; nothing where no file is."""
    if not path.exists():
        return {}
    try:
        content = entries.parse(read_small(path, "a file of guesses"))
        _refuse_newer(path, content)
        entries.text(content, "format", choices=(FORMAT,))
        for name in ("t_unit", "density_unit"):
            found, wanted = entries.text(content, name), getattr(measurement, name)
            if found != wanted:
                raise ValueError(f"its {name} is {found!r}, that of the measurement {wanted!r}")
        held = entries.take(content, "guesses")
        if not isinstance(held, dict):
            raise ValueError("guesses is no table of names")
        for name in held:
            entries.text(held, name, "law")
    except _NewerError:
        raise
    except ValueError as error:
        raise _refusal(path, error) from error
    return held


class _NewerError(ValueError):
    """The file was written by a newer workbook."""


def _refuse_newer(path: Path, content: dict[str, Any]) -> None:
    version = _VERSION.fullmatch(str(content.get("format")))
    if version and int(version[1]) > _KNOWN:
        raise _NewerError(
            f"{path.name} was written by a newer workbook (version {version[1]} of these files, this one"
            f" reads up to {_KNOWN}); update the workbook"
        )


def _refusal(path: Path, error: ValueError) -> ValueError:
    return ValueError(
        f"{path.name} does not hold guesses for this measurement: {error}; mend the file, or move it away"
    )


def _write(path: Path, measurement: Measurement, guesses: Mapping[str, Any]) -> Path:
    content = {
        "format": FORMAT,
        "measurement": measurement.name,
        "t_unit": measurement.t_unit,
        "density_unit": measurement.density_unit,
    }
    lines = [f"  {entries.on_one_line(name)}: {entries.on_one_line(each)}" for name, each in content.items()]
    rows = [f"    {entries.on_one_line(name)}: {entries.on_one_line(each)}" for name, each in guesses.items()]
    held = "{\n" + ",\n".join(rows) + "\n  }" if rows else "{}"
    text = "{\n" + ",\n".join([*lines, f'  "guesses": {held}']) + "\n}\n"
    if len(text.encode("utf-8")) > LARGEST_SMALL_FILE:
        raise ValueError(
            f"{path.name} would be larger than {LARGEST_SMALL_FILE >> 20} MiB with {len(guesses)} guesses;"
            " delete some of them"
        )
    return write_text(path, text)


def _entry(law: Law, values: Mapping[str, float], n0: Sequence[float] | None = None) -> dict[str, Any]:
    numbers = {name: float(value) for name, value in values.items()}
    densities = {} if n0 is None else {"n0": [float(each) for each in n0]}
    for name, value in [*numbers.items(), *(("n0", each) for each in densities.get("n0", []))]:
        if not math.isfinite(value):
            raise ValueError(f"{name} = {value:g}: only finite numbers are kept as a guess")
    return {"law": law.key, "values": numbers, **densities}


def _guess(held: dict[str, Any], name: str, law: Law) -> Kept:
    values = entries.take(held, name, "values")
    if not isinstance(values, dict):
        raise ValueError(f"{name}.values is no table of numbers")
    missing = [each for each in law.names if each not in values]
    if missing:
        raise ValueError(f"{name} has no {', '.join(missing)}")
    numbers = {each: entries.number(held, name, "values", each) for each in values}
    if "n0" not in held[name]:
        return Kept(name, numbers)
    n0 = [entries.number({"n0": each}, "n0") for each in entries.array(held, name, "n0")]
    return Kept(name, numbers, n0)
