"""The columns of a file, with their names, units and rows, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file as numbers; `helpers.traces.columns` checks those that are chosen.

    Parameters
    ----------
    file : str
        The file's name as messages write it, for instance "a.csv" or "a.xlsx, sheet 'Decay'".
    values : ndarray, shape (m, k)
        The cells, NaN where a cell is empty or holds no finite number. Columns of unequal length end in NaN.
    rows : ndarray of int, shape (m,)
        The row of the file, from 1, in which each row of values stands.
    names, units : tuple of str, each of length k or empty
        What the file calls its columns and the units that it gives; "" where it gives none.
    above : tuple of str
        Lines before the numbers, or metadata such as "Time calibration = 5.48E-11 sec/ch": searched for
        the unit of the times.
    texts : mapping of (int, int) to str
        What stands in a cell, by its place in values, that is neither empty nor a finite number ("#N/A").
    doubt : str
        Why the columns may not be what they seem, where they have no names; "" where nothing speaks for it.
    letters : tuple of str, of length k or empty
        What a spreadsheet calls its columns: "A", "C".
    curves : str
        How one of several curves is chosen, where the file numbers or names them; "" elsewhere.
    """

    file: str
    values: np.ndarray
    rows: np.ndarray
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    texts: Mapping[tuple[int, int], str] = field(default_factory=dict)
    doubt: str = ""
    letters: tuple[str, ...] = ()
    curves: str = ""

    def title(self, column: int) -> str:
        """Return what the file calls a column, "" where it has no name."""
        return self.names[column] if self.names else ""

    def __repr__(self) -> str:
        named = f": {', '.join(self.names)}" if self.names else ""
        return f"Table({self.file!r}, {len(self.values)} rows, {self.values.shape[1]} columns{named})"
