"""LabVIEW measurement files (.lvm): a header of the file, then segments with a header and columns each.

The header says what separates fields and marks decimals, and whether there is one column of times for
all channels (X_Columns One), one for each (Multi) or none (No: t = X0 + k·Delta_X). Times are in seconds
where the header does not name another unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.traces.dialects import Dialect
from helpers.traces.instruments.channels import Curve, as_table, times
from helpers.traces.instruments.fields import number, numbered, split
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table
from helpers.traces.texts import read_lines, shown, warn
from helpers.units import is_time

MARK = re.compile(r"\A\s*LabVIEW Measurement", re.IGNORECASE)
_END = re.compile(r"\s*\*\*\*End_of_Header\*\*\*[\s,;]*", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*Separator[\t,; ]+(\w+)", re.IGNORECASE)
_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": ""}


@dataclass(frozen=True)
class _Segment:
    """One block of the file: its own header, its column names, and its lines."""

    head: Mapping[str, list[str]]
    names: list[str]
    row: int  # of the column names
    body: list[tuple[int, str]]


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read the channels of a LabVIEW measurement file.

    Raises
    ------
    ValueError
        If its header is not understood, if its axis is none of time, or if the chosen channel is not there.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "a LabVIEW file", "curve")
    lines = numbered(read_lines(path))
    start = next((i for i, (_, line) in enumerate(lines) if _END.fullmatch(line)), None)
    if start is None:
        raise ValueError(
            f"{file}: the line '***End_of_Header***' is missing, the file is cut short; copy it again"
        )
    said = next(filter(None, (_SEPARATOR.match(line) for _, line in lines[:start])), None)
    separator = _SEPARATORS.get(said[1].lower() if said else "tab", "\t")
    top = _entries(lines[1:start], separator)
    mark = _one(top, "decimal_separator", decimal or ".") or "."
    if mark not in (".", ",") or (decimal and mark != decimal):
        raise ValueError(
            f"{file}: its header says Decimal_Separator {mark!r}; leave decimal out, or correct the header"
        )
    layout = _one(top, "x_columns", "One").lower()
    if layout not in ("one", "multi", "no"):
        raise ValueError(f"{file}: X_Columns {layout!r} is none of No, One and Multi; export the file again")
    dialect = Dialect(separator, mark)
    segments = _segments(file, lines[start + 1 :], dialect, top)
    curves, t_units = [], set()
    for k, segment in enumerate(segments, 1):
        found, unit = _curves(file, segment, dialect, layout, k if len(segments) > 1 else 0)
        curves += found
        t_units.add(unit)
    if len(t_units) > 1:
        raise ValueError(f"{file}: its segments have times in several units; save each to its own file")
    return as_table(file, _distinct(curves), selection, t_units.pop())


def _entries(lines: list[tuple[int, str]], separator: str) -> dict[str, list[str]]:
    entries = {}
    for _, line in lines:
        key, *values = line.split(separator or None)
        entries[key.strip().lower()] = [value.strip() for value in values]
    return entries


def _one(entries: Mapping[str, list[str]], key: str, default: str) -> str:
    return (entries.get(key) or [default])[0] or default


def _segments(
    file: str, lines: list[tuple[int, str]], dialect: Dialect, top: Mapping[str, list[str]]
) -> list[_Segment]:
    """Cut the file at the headers of its segments; a file may have a single one, or none at all."""
    ends = [i for i, (_, line) in enumerate(lines) if _END.fullmatch(line)]
    heads = [_start_of_head(lines, end) for end in ends]
    if not ends:
        ends, heads = [-1], [0]
    segments = []
    for head, end, stop in zip(heads, ends, [*heads[1:], len(lines)], strict=True):
        if end + 2 >= stop:
            raise ValueError(
                f"{file}: a header without rows of numbers, the file is cut short; copy it again"
            )
        entries = dict(top) | _entries(lines[head : max(end, 0)], dialect.separator)
        row, heading = lines[end + 1]
        body = lines[end + 2 : stop]
        names = [name.strip() for name in heading.split(dialect.separator or None)]
        if number(names[0], dialect.decimal) is not None:  # no line of names
            names, body = [f"channel {k}" for k in range(len(names))], lines[end + 1 : stop]
        segments.append(_Segment(entries, names, row, body))
    return segments


def _start_of_head(lines: list[tuple[int, str]], end: int) -> int:
    """Return where the header begins that ends in a line: after the last row of numbers before it."""
    start = end
    while start and re.match(r"\s*[A-Za-z]", lines[start - 1][1]):
        start -= 1
    return start


def _curves(
    file: str, segment: _Segment, dialect: Dialect, layout: str, number_of_segment: int
) -> tuple[list[Curve], str]:
    head, names = segment.head, list(segment.names)
    if names and names[-1].lower() == "comment":
        names.pop()
    while names and not names[-1]:
        names.pop()
    if len(names) < 2:
        raise ValueError(
            f"{file}, row {segment.row}: no names of columns, X_Value and channels; export it again"
        )
    unit = _time_unit(file, head)
    separator = dialect.separator
    # An empty first field stands for the times that X_Columns No leaves out.
    body = [(row, line if separator else line.strip()) for row, line in segment.body]
    values, rows, texts = split(body, dialect, len(names))
    ends = f" of segment {number_of_segment}" if number_of_segment else ""
    units = head.get("y_unit_label", [])
    _warn_of_missing_rows(file, head, len(rows))
    curves = []
    pairs = _pairs(names, layout)
    for k, (x, y) in enumerate(pairs):
        t = values[:, x] if layout != "no" else _computed(file, head, k, len(rows), dialect.decimal)
        wrong = next(((i, text) for (i, j), text in texts.items() if j == x and layout != "no"), None)
        if wrong:
            raise ValueError(
                f"{file}, row {rows[wrong[0]]}: {shown(wrong[1])} is no time; correct or delete the row"
            )
        used = ~(np.isnan(values[:, y]) & np.isnan(t)) if layout == "multi" else np.full(len(rows), True)
        places = np.cumsum(used) - 1
        at = {int(places[i]): text for (i, j), text in texts.items() if j == y and used[i]}
        label = (names[y] or f"channel {k + 1}") + ends
        curves.append(
            Curve(label, t[used], values[used, y], rows[used], at, units[k] if k < len(units) else "")
        )
    return curves, unit


def _pairs(names: list[str], layout: str) -> list[tuple[int, int]]:
    """Return the columns of times and signal of each channel."""
    if layout == "multi":
        return [(k, k + 1) for k in range(0, len(names) - 1, 2)]
    return [(0, k) for k in range(1, len(names))]


def _computed(file: str, head: Mapping[str, list[str]], k: int, count: int, decimal: str) -> np.ndarray:
    """Return the times X0 + i·Delta_X of a channel."""
    found = []
    for key in ("x0", "delta_x"):
        texts = head.get(key, [])
        text = texts[min(k, len(texts) - 1)] if texts else ("0" if key == "x0" else "")
        value = number(text, decimal)
        if value is None or (key == "delta_x" and value <= 0):
            raise ValueError(
                f"{file}: it has no column of times (X_Columns No), and its header gives {key.title()} ="
                f" {shown(text)}; give the step of the times in a line 'Delta_X', or save it with a column"
                " of times"
            )
        found.append(value)
    origin, step = found
    return times(np.arange(count), step) + origin


def _time_unit(file: str, head: Mapping[str, list[str]]) -> str:
    dimension = _one(head, "x_dimension", "Time")
    unit = _one(head, "x_unit_label", "")
    if dimension.lower() != "time" or (unit and not is_time(unit)):
        raise ValueError(
            f"{file}: its header gives the first axis as {unit or dimension!r}, no time; give a file with"
            " times"
        )
    return unit or "s"


def _warn_of_missing_rows(file: str, head: Mapping[str, list[str]], count: int) -> None:
    said = [int(text) for text in head.get("samples", []) if text.isdecimal() and len(text) < 12]
    if said and max(said) > count:
        warn(
            f"{file}: its header announces {max(said)} samples, and {count} rows follow: the file seems to"
            " be cut off; copy it again"
        )


def _distinct(curves: list[Curve]) -> list[Curve]:
    """Return the curves with names that differ: LabVIEW calls several channels 'Untitled'."""
    labels = [curve.label for curve in curves]
    seen: dict[str, int] = {}
    result = []
    for curve in curves:
        seen[curve.label] = seen.get(curve.label, 0) + 1
        label = curve.label if labels.count(curve.label) == 1 else f"{curve.label} #{seen[curve.label]}"
        result.append(Curve(label, curve.t, curve.signal, curve.rows, curve.texts, curve.unit))
    return result
