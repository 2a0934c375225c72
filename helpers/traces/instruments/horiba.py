"""Decays that Horiba's DataStation and DAS6 export as text: a time calibration, then channels and counts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.traces.dialects import Dialect
from helpers.traces.instruments.channels import times
from helpers.traces.instruments.fields import number, numbered, split
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table
from helpers.traces.texts import read_lines, shown
from helpers.units import is_time

MARK = re.compile(r"^\s*Time calibration\s*[:=]", re.IGNORECASE | re.MULTILINE)
_CALIBRATION = re.compile(
    r"\s*Time calibration\s*[:=]\s*([-+.,\deE]+?)\s*([a-zµμ]+)\s*/\s*ch\w*\.?\s*", re.IGNORECASE
)
_CHANNELS = re.compile(r"\s*[\"']?chan(nel)?s?\b", re.IGNORECASE)


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read a decay of DataStation: t = channel × time calibration, and all columns of counts.

    Raises
    ------
    ValueError
        If the calibration or the line "Chan  Data" is missing or not understood.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "an export of DataStation with its own time calibration")
    lines = numbered(read_lines(path))
    width, unit = _calibration(file, lines)
    start = next((i for i, (_, line) in enumerate(lines) if _CHANNELS.match(line)), None)
    if start is None or start + 1 == len(lines):
        raise ValueError(
            f"{file}: the line 'Chan  Data' is missing, below which channels and counts stand; export it"
            " again"
        )
    heading, body = lines[start][1], lines[start + 1 :]
    separator = next((mark for mark in "\t;," if mark in heading), "")
    mark = decimal or ("," if separator != "," and any("," in line for _, line in body) else ".")
    names = Dialect(separator, mark).fields(heading)
    if len(names) < 2:
        raise ValueError(
            f"{file}, row {lines[start][0]}: no column of counts beside the channels; export it again"
        )
    values, rows, texts = split(body, Dialect(separator, mark), len(names))
    table = Table(file, values, rows, tuple(names), ("", *[""] * (len(names) - 1)), texts=texts)
    return with_times(table, width, unit)


def with_times(table: Table, width: float, unit: str) -> Table:
    """Return a table of channels and counts with times in the place of the channels, t = channel × width.

    Raises
    ------
    ValueError
        If the first column does not count channels one by one.
    """
    channels = table.values[:, 0]
    steps = np.diff(channels)
    wrong = np.flatnonzero(~(steps == 1) | ~np.isfinite(channels[1:]))
    if len(channels) < 2 or wrong.size or not np.isfinite(channels[0]) or channels[0] % 1:
        row = table.rows[wrong[0] + 1] if wrong.size else table.rows[0]
        raise ValueError(
            f"{table.file}, row {row}: the first column does not count channels one by one, so a width of the"
            " channels has no use; correct the row, or leave channel_width out where the column holds times"
        )
    names = ("t", *table.names[1:]) if table.names else ("t", *[""] * (table.values.shape[1] - 1))
    values = table.values.copy()
    values[:, 0] = times(channels, width)
    texts = {(i, j): text for (i, j), text in table.texts.items() if j}
    return replace(
        table, values=values, names=names, units=(unit, *[""] * (len(names) - 1)), texts=texts, above=()
    )


def _calibration(file: str, lines: list[tuple[int, str]]) -> tuple[float, str]:
    row, line = next((row, line) for row, line in lines if MARK.match(line))
    found = _CALIBRATION.fullmatch(line)
    width = number(found[1], "," if "," in found[1] else ".") if found else None
    if found is None or width is None or width <= 0 or not is_time(found[2].lower()):
        raise ValueError(
            f"{file}, row {row}: {shown(line.strip())} is no width of a channel, such as"
            " 'Time calibration: 2.74E-02ns/ch'; export the file again"
        )
    unit = found[2].lower()
    if unit in ("s", "sec"):  # 5.48E-11 sec/ch: times in ns can be read
        return float(f"{width * 1e9:.12g}"), "ns"
    return width, unit
