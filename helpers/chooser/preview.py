"""What a file of numbers holds, for a form: its first rows, its columns, a proposal for each entry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.measurement.edge import rising_edge
from helpers.traces import Trace
from helpers.traces.columns import choose
from helpers.traces.instruments.selection import Selection
from helpers.traces.loading import read_columns
from helpers.traces.table import Table
from helpers.units import density_in_cm3

ROWS = 6
_FEWEST_DARK = 5  # points before the pulse that show a background
_WIDTHS_BEFORE = 2.0  # widths of the edge that the background keeps from it


@dataclass(frozen=True)
class Preview:
    """A file as the form shows it.

    Parameters
    ----------
    table : Table
        All columns of the file.
    names : tuple of str
        Number and name of each column, for menus.
    columns : tuple of int
        Those of time, signal and perhaps sigma, as far as the file says it by itself; else empty.
    question : str
        Why the columns are not settled, in the reader's own words; "" where they are.
    """

    table: Table
    names: tuple[str, ...]
    columns: tuple[int, ...]
    question: str

    def __repr__(self) -> str:
        return f"Preview({self.table!r})"

    def first_rows(self) -> str:
        """Return the first rows as HTML, with the numbers and names of the columns."""
        values = self.table.values
        shown = pd.DataFrame(values[:ROWS], columns=list(self.names))
        more = f"<p>{len(values)} rows, {values.shape[1]} columns</p>"
        return shown.to_html(index=False, border=0, na_rep="", float_format=lambda x: f"{x:.7g}") + more


def preview(path: str | Path, *, decimal: str | None = None, **places: Any) -> Preview:
    """Read a file for a form; `places` are sheet, curve and channel_width, as a description has them.

    Raises
    ------
    ValueError, OSError
        Where the file is not understood, in the words of the reader of data files.

    Examples
    --------
    >>> from helpers.paths import DATA
    >>> preview(DATA / "sample_data.csv").columns
    (0, 1)
    """
    table = read_columns(path, decimal=decimal, selection=Selection(**places))
    count = table.values.shape[1]
    names = tuple(_name(table, column) for column in range(count))
    try:
        return Preview(table, names, tuple(choose(table, None)), "")
    except ValueError as reason:
        return Preview(table, names, (), str(reason))


def _name(table: Table, column: int) -> str:
    name = table.names[column] if table.names else ""
    unit = table.units[column] if table.units else ""
    name = f"{name} ({unit})" if name and unit and unit not in name else name or unit
    return f"{column}: {name}" if name else f"{column}"


def likely_kind(trace: Trace) -> str | None:
    """Return the kind of measurement that a trace looks like, or None where it shows none.

    Examples
    --------
    >>> likely_kind(Trace([0, 1, 2], [900, 310, 95]))
    'TRPL counts'
    """
    if density_in_cm3(trace.signal_unit or "") is not None:
        return "density"
    if np.all(trace.signal == np.round(trace.signal)) and trace.signal.min() >= 0 and trace.signal.max() > 1:
        return "TRPL counts"
    return None


def dark_times(trace: Trace) -> tuple[float, float] | None:
    """Return the first and last time of the background before the pulse, or None where there is none.

    It ends two widths of the edge before the moment of half the rise.
    """
    sign = -1 if -trace.signal.min() > trace.signal.max() else 1
    early = float(np.median(trace.signal[: max(3, len(trace) // 50)]))
    try:
        edge = rising_edge(trace, early, sign)
    except ValueError:
        return None
    if edge is None:
        return None
    dark = trace.t[trace.t < edge.time - _WIDTHS_BEFORE * edge.width]
    return (float(dark[0]), float(dark[-1])) if dark.size >= _FEWEST_DARK else None
