"""Curves that Becker & Hickl's SPCM exports as text (.asc): blocks between "*BLOCK 1 ..." and "*END".

A block's heading names its columns, "( Time[ns]  No_of_photons )". Where it has no times, the setup
lines above say how wide a channel is: "#SP [SP_TAC_TC,F,1.2e-11]", in seconds.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from helpers.traces.instruments.channels import Curve, as_table, times, width_in_ns
from helpers.traces.instruments.fields import columns, numbered
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table
from helpers.traces.texts import read_lines, shown
from helpers.units import is_time

MARK = re.compile(r"^\s*\*BLOCK\s+\d+", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"\s*\*BLOCK\s+(\d+)\s*([^(]*)(?:\((.*)\))?.*", re.IGNORECASE)
_END = re.compile(r"\s*\*END\b.*", re.IGNORECASE)
_TIME = re.compile(r"\btime\s*[\[(]\s*(\w+)\s*[\])]", re.IGNORECASE)
_WIDTH = re.compile(r"\[SP_TAC_TC,F,([^\]]+)\]")


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read the blocks of a text file of SPCM, each a curve of times and counts.

    Raises
    ------
    ValueError
        If a block is not understood, or if the chosen one is not there.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "an export of SPCM", "curve", "channel_width")
    lines = numbered(read_lines(path))
    starts = [i for i, (_, line) in enumerate(lines) if _HEADING.fullmatch(line)]
    width = _width(file, "\n".join(line for _, line in lines[: starts[0]]))
    if selection.channel_width is not None:
        width = selection.channel_width
    curves, units = [], set()
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        row, heading = lines[start]
        body = lines[start + 1 : stop]
        end = next((i for i, (_, line) in enumerate(body) if _END.fullmatch(line)), len(body))
        curve, unit = _curve(file, row, heading, body[:end], width, decimal)
        curves.append(curve)
        units.add(unit)
    if len(units) > 1:
        raise ValueError(f"{file}: the blocks have times in several units; export each curve to its own file")
    t_unit = "" if selection.channel_width is not None and units == {""} else units.pop() or "ns"
    return as_table(file, curves, selection, t_unit)


def _width(file: str, setup: str) -> float | None:
    found = _WIDTH.search(setup)
    if found is None:
        return None
    try:
        return width_in_ns(file, float(found[1]), digits=8)
    except ValueError:
        raise ValueError(
            f"{file}: SP_TAC_TC = {shown(found[1])} in the setup is no width of a channel in seconds; give"
            " it with channel_width=... and t_unit=..."
        ) from None


def _curve(
    file: str, row: int, heading: str, body: list[tuple[int, str]], width: float | None, decimal: str | None
) -> tuple[Curve, str]:
    """Return a block as a curve, and the unit of its times ("" where they are counted in channels)."""
    found = _HEADING.fullmatch(heading)
    assert found is not None
    if not body:
        raise ValueError(f"{file}, row {row}: the block {found[1]} holds no numbers; export the file again")
    label = f"block {found[1]}" + (f" {found[2].strip()}" if found[2].strip() else "")
    values, rows, texts = columns(file, body, decimal)
    if values.shape[1] > 2:
        raise ValueError(
            f"{file}, row {row}: the block {found[1]} has {values.shape[1]} columns, a curve has times and"
            " counts; export a curve, not an image or a sequence"
        )
    at = {i: text for (i, j), text in texts.items() if j == values.shape[1] - 1}
    if values.shape[1] == 1:
        if width is None:
            raise ValueError(
                f"{file}, row {row}: counts without times, and nothing says how wide a channel is; give"
                " channel_width=... and t_unit=..., or export with times"
            )
        return Curve(label, times(np.arange(len(rows)), width), values[:, 0], rows, at), ""
    unit = _TIME.search(found[3] or "")
    if unit is None or not is_time(unit[1]):
        raise ValueError(
            f"{file}, row {row}: {shown(heading.strip())} does not name times in a known unit, such as"
            " Time[ns]; export a decay curve with its times"
        )
    wrong = next((i for (i, j) in texts if j == 0), None)
    if wrong is not None:
        raise ValueError(
            f"{file}, row {rows[wrong]}: {shown(texts[wrong, 0])} is no time; correct or delete the row"
        )
    return Curve(label, values[:, 0], values[:, 1], rows, at), unit[1]
