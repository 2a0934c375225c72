"""Lines of text as columns of numbers, with whatever is no number kept as text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from helpers.traces.dialects import Dialect, recognise
from helpers.traces.texts import shown

ONE_COLUMN = "\n"  # a separator that no line holds
Lines = Sequence[tuple[int, str]]  # with their row in the file, from 1

_NUMBERS = {".": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)}
_NUMBERS[","] = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)


def number(text: str, decimal: str = ".") -> float | None:
    """Return a plain finite number, or None.

    Examples
    --------
    >>> number("0,5", ","), number("1_000"), number("nan")
    (0.5, None, None)
    """
    text = text.strip()
    if not _NUMBERS[decimal].fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def numbered(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return the lines that are not blank, with their rows."""
    return [(row, line) for row, line in enumerate(lines, 1) if line.strip()]


def one_column(lines: Lines, decimal: str | None = None) -> str | None:
    """Return the decimal mark with which most lines are one number each, or None.

    A decimal comma has to be given: 1,5 may as well be the two numbers 1 and 5.

    Examples
    --------
    >>> one_column([(1, "5"), (2, "4.5"), (3, "END")])
    '.'
    """
    mark = decimal or "."
    return mark if 2 * sum(number(bare(line), mark) is not None for _, line in lines) > len(lines) else None


def bare(line: str) -> str:
    """Return a line of a single column without quotes, and without separators at its end.

    Examples
    --------
    >>> bare(' "512",')
    '512'
    """
    return line.strip().rstrip(",;\t ").strip("\"'")


def columns(
    file: str, lines: Lines, decimal: str | None = None
) -> tuple[np.ndarray, np.ndarray, dict[tuple[int, int], str]]:
    """Return the values of some lines, their rows, and the texts in the places of numbers.

    Raises
    ------
    ValueError
        If most lines are no rows of numbers; names the file and the row.
    """
    mark = one_column(lines, decimal)
    if mark is not None:
        return split(lines, Dialect(ONE_COLUMN, mark), 1)
    dialect, width = recognise(file, [line for _, line in lines], decimal)
    return split(lines, dialect, width)


def split(
    lines: Lines, dialect: Dialect, width: int
) -> tuple[np.ndarray, np.ndarray, dict[tuple[int, int], str]]:
    """Return values, rows and texts of lines in a known dialect; fields beyond the width are left out."""
    values = np.full((len(lines), width), np.nan)
    texts = {}
    for i, (_, line) in enumerate(lines):
        cells = [bare(line)] if dialect.separator == ONE_COLUMN else dialect.fields(line)[:width]
        for j, text in enumerate(cells):
            value = number(text, dialect.decimal)
            if value is not None:
                values[i, j] = value
            elif text:
                texts[i, j] = text
    return values, np.array([row for row, _ in lines], dtype=int), texts


def refuse_ragged(file: str, lines: Lines, dialect: Dialect) -> int:
    """Return the number of fields of most lines, or refuse the first line that has another.

    Raises
    ------
    ValueError
        Names the row, and how many fields it has.
    """
    counts = [len(dialect.fields(line)) for _, line in lines]
    width = Counter(counts).most_common(1)[0][0]
    for (row, line), count in zip(lines, counts, strict=True):
        if count != width:
            raise ValueError(
                f"{file}, row {row}: {shown(line)} has {count} field(s), most rows have {width}; a value is"
                " missing or one too many, correct or delete the row"
            )
    return width
