"""Decays that Edinburgh Instruments' F980 and Fluoracle export as text, below header lines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from helpers.traces.instruments.channels import how_to_choose
from helpers.traces.instruments.selection import Selection, listed
from helpers.traces.reading import read_table
from helpers.traces.table import Table
from helpers.units import is_time

MARK = re.compile(r"\A\s*Labels[,;\t].*\n\s*Type[,;\t]", re.IGNORECASE)
_AXIS = re.compile(r"(.*?)\s*[\[(]\s*([^\])]*?)\s*[\])]\s*|(.*)")


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read the curves of an export of F980 or Fluoracle, with the labels, units and axes of its header.

    Raises
    ------
    ValueError
        If the numbers are not understood, if they are a spectrum, or if the chosen curve is not there.
    OSError
        If the file cannot be read.
    """
    selection.refuse_others(path.name, "an export of F980", "curve")
    table = read_table(path, decimal=decimal)
    head = {fields[0].strip().lower(): fields[1:] for fields in map(_fields, table.above) if fields}
    count = table.values.shape[1] - 1
    axis, unit = _axis(_first(head.get("xaxis")))
    kind = _first(head.get("type"))
    if not is_time(unit) and (axis.lower().startswith(("wave", "energy")) or "spectr" in kind.lower()):
        raise ValueError(
            f"{table.file}: its header calls it {kind or axis!r} over {axis or 'a wavelength'}, a spectrum"
            " and no decay; give a file with times"
        )
    labels = [each.strip() for each in head.get("labels", [])]
    labels += [""] * (count - len(labels))
    names = tuple(label or f"curve {k}" for k, label in enumerate(labels[:count], 1))
    y_axis, y_unit = _axis(_first(head.get("yaxis")))
    signal_unit = y_unit or (y_axis.lower() if y_axis.lower() == "counts" else "")
    table = replace(
        table,
        names=(axis or "t", *names),
        units=(unit, *[signal_unit] * count),
        doubt="",
        curves=how_to_choose(names),
    )
    return table if selection.curve is None else _chosen(table, selection.curve)


def _chosen(table: Table, curve: int | str) -> Table:
    names = list(table.names[1:])
    known = {**{str(k): k for k in range(1, len(names) + 1)}, **{name: k for k, name in enumerate(names, 1)}}
    if str(curve) not in known:
        raise ValueError(f"{table.file}: there is no curve {curve!r}; give one of {listed(names)}")
    k = known[str(curve)]
    texts = {(i, 0 if j == 0 else 1): text for (i, j), text in table.texts.items() if j in (0, k)}
    return replace(
        table,
        file=f"{table.file}, curve {table.names[k]!r}",
        values=table.values[:, [0, k]],
        names=(table.names[0], table.names[k]),
        units=(table.units[0], table.units[k]),
        texts=texts,
        curves="",
    )


def _fields(line: str) -> list[str]:
    separator = next((mark for mark in "\t;," if mark in line), None)
    return [field.strip(" \"'") for field in line.split(separator)] if line.strip() else []


def _first(fields: list[str] | None) -> str:
    return next((field for field in fields or [] if field), "")


def _axis(text: str) -> tuple[str, str]:
    found = _AXIS.fullmatch(text)
    return ((found[1] or found[3] or "").strip(), found[2] or "") if found else (text, "")
