"""Text files of counts without times, where the user says how wide a channel is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from helpers.traces.dialects import Dialect
from helpers.traces.instruments.channels import Curve, as_table, times
from helpers.traces.instruments.fields import ONE_COLUMN, bare, number, numbered, one_column, split
from helpers.traces.instruments.horiba import with_times
from helpers.traces.instruments.selection import Selection
from helpers.traces.reading import read_table
from helpers.traces.table import Table
from helpers.traces.texts import read_lines

_END = re.compile(r"\s*\*?end\s*(of\s+(file|data))?\s*\.?\s*", re.IGNORECASE)
_COMMENT = ("#", "%", "!", ";", "//")


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read counts, one in a row or beside the numbers of their channels: t = channel × channel_width.

    The first of unnumbered channels is at t = 0. The unit of the width is t_unit, which has to be given.

    Raises
    ------
    ValueError
        If the file has times of its own, or is not understood.
    OSError
        If the file cannot be read.
    """
    selection.refuse_others(path.name, "a text file", "channel_width")
    assert selection.channel_width is not None
    width = selection.channel_width
    lines = [
        (row, line) for row, line in numbered(read_lines(path)) if not line.lstrip().startswith(_COMMENT)
    ]
    mark = one_column(lines, decimal)
    if mark is None:
        return with_times(read_table(path, decimal=decimal), width, "")
    first = next(i for i, (_, line) in enumerate(lines) if number(bare(line), mark) is not None)
    body = lines[first:-1] if _END.fullmatch(lines[-1][1]) else lines[first:]
    values, rows, texts = split(body, Dialect(ONE_COLUMN, mark), 1)
    t = times(np.arange(len(rows)), width)
    curve = Curve("counts", t, values[:, 0], rows, {i: text for (i, _), text in texts.items()})
    return as_table(path.name, [curve], selection, "")
