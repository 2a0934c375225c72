"""Guesses kept beside the data: `data/NAME.guesses.json`, each with a name, its law and its units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from helpers import entries
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement
from helpers.paths import DATA, write_text

FORMAT = "recombination-workbook guesses, version 1"


def file_of(measurement: Measurement, folder: str | Path = DATA) -> Path:
    """Return the path of the guesses that belong to a measurement.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> file_of(Measurement(Trace([0, 1], [2, 1], name="mine"))).name
    'mine.guesses.json'
    """
    name = "".join(each if each.isalnum() or each in "-_. " else "_" for each in measurement.name)
    return Path(folder) / f"{name or 'unnamed'}.guesses.json"


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
        Where the file is damaged, or holds the guesses of other units or of another measurement.
    """
    law = RateLaw() if law is None else law
    path = file_of(measurement) if path is None else Path(path)
    if not path.exists():
        return {}
    try:
        content = entries.parse(path.read_bytes())
        entries.text(content, "format", choices=(FORMAT,))
        _refuse_other_units(content, measurement)
        kept = entries.take(content, "guesses")
        if not isinstance(kept, dict):
            raise ValueError("guesses is no table of names")
        return {name: _guess(kept, name, law) for name in kept if entries.text(kept, name, "law") == law.key}
    except ValueError as error:
        raise ValueError(f"{path.name} does not hold guesses: {error}; mend or delete the file") from error


def save(
    guesses: Mapping[str, Mapping[str, float]],
    measurement: Measurement,
    law: Law | None = None,
    *,
    path: str | Path | None = None,
) -> Path:
    """Keep the guesses of a law, whole or not at all; those of other laws in the file stay.

    Parameters
    ----------
    guesses : mapping of name to mapping of parameter to value
    measurement, law, path
        As for `load`.
    """
    law = RateLaw() if law is None else law
    path = file_of(measurement) if path is None else Path(path)
    others = {}
    if path.exists():
        content = entries.parse(path.read_bytes())
        kept = entries.take(content, "guesses")
        others = {name: each for name, each in kept.items() if entries.text(kept, name, "law") != law.key}
    mine = {
        name: {"law": law.key, "values": {key: float(value) for key, value in guess.items()}}
        for name, guess in guesses.items()
    }
    content = {
        "format": FORMAT,
        "measurement": measurement.name,
        "t_unit": measurement.t_unit,
        "density_unit": measurement.density_unit,
        "guesses": others | mine,
    }
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def starts(measurement: Measurement, law: Law | None = None, *, path: str | Path | None = None) -> dict:
    """Return what a fit begins from: the automatic guess (None) first, then the kept ones.

    An equation has no automatic guess: there are the kept ones only.
    """
    kept = load(measurement, law, path=path)
    return ({"automatic": None} if law is None or isinstance(law, RateLaw) else {}) | kept


def _refuse_other_units(content: dict, measurement: Measurement) -> None:
    for name in ("t_unit", "density_unit"):
        found, wanted = entries.text(content, name), getattr(measurement, name)
        if found != wanted:
            raise ValueError(f"its {name} is {found!r}, that of the measurement {wanted!r}")


def _guess(kept: dict, name: str, law: Law) -> dict[str, float]:
    values = entries.take(kept, name, "values")
    if not isinstance(values, dict):
        raise ValueError(f"{name}.values is no table of numbers")
    missing = [each for each in law.names if each not in values]
    if missing:
        raise ValueError(f"{name} has no {', '.join(missing)}")
    return {each: entries.number(kept, name, "values", each) for each in values}
