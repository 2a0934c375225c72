"""The file in which a panel keeps guesses, for one law and one measurement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from helpers import entries
from helpers.paths import RESULTS, write_text


class Kept(TypedDict):
    """A guess: the rows' values by name, and the densities to which a factor n0 refers."""

    values: dict[str, float]
    densities: list[float]


def usual_path(name: str) -> Path:
    """Return where the guesses of a measurement lie: results/NAME/guesses.json.

    Examples
    --------
    >>> usual_path("four fluences").parts[-2:]
    ('four_fluences', 'guesses.json')
    """
    folder = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip(".")
    return RESULTS / (folder or "measurement") / "guesses.json"


def load(path: Path, law: str, rows: Sequence[str], traces: int) -> list[Kept]:
    """Guesses in a file, none where there is no file.

    Parameters
    ----------
    path : Path
    law : key of the law
    rows : names of the panel's rows
    traces : number of traces

    Raises
    ------
    ValueError
        Where the file holds something else, or guesses of another law or another number of traces.
    """
    if not path.exists():
        return []
    try:
        held = entries.parse(path.read_bytes())
        entries.text(held, "law", choices=(law,))
        return [_checked(each, rows, traces) for each in entries.array(held, "guesses")]
    except ValueError as error:
        raise ValueError(
            f"{path.name} does not hold guesses of this law and this measurement ({error}); move the file"
            " away, or give the panel another path"
        ) from error


def _checked(entry, rows: Sequence[str], traces: int) -> Kept:
    values = {name: entries.number(entry, "values", name) for name in rows}
    densities = [entries.number({"density": each}, "density") for each in entries.array(entry, "densities")]
    if len(densities) != traces:
        raise ValueError(f"{len(densities)} densities stand where {traces} belong")
    return {"values": values, "densities": densities}


def save(guesses: Sequence[Kept], path: Path, law: str) -> Path:
    """Keep guesses in a file, whole or not at all; what was there is replaced."""
    lines = ",\n".join(f"    {json.dumps(guess)}" for guess in guesses)
    return write_text(path, f'{{\n  "law": {json.dumps(law)},\n  "guesses": [\n{lines}\n  ]\n}}\n')
