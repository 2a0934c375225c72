"""Text files of numbers as instruments and spreadsheets write them: understood whole, or refused by row.

Nothing is guessed cell by cell. The file's dialect (separator and decimal mark) is the one in which most
lines are rows of numbers; from the first such line on every line must be one, but for blank lines and
comments. What stands before it is the preamble, where no spoilt row of numbers may hide.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.traces.dialects import BLANKS, CELL_ERROR, Dialect, recognise
from helpers.traces.table import Table
from helpers.traces.texts import read_lines, shown, warn
from helpers.units import is_time

_LONGEST_LINE = 20_000  # characters
_LARGEST_VALUE = 1e100  # its cube is still a number
_SEEN_AT_END = 200  # rows that are compared with the last one
_REMEDY = "correct or delete the row, or mark it as a comment with '#'"
_NO_WORD = re.compile(r"[\W\d_eEdD]*\d[\W\d_eEdD]*")
_LIKE_A_NUMBER = re.compile(r"[\W_]{0,2}\d")
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\d)|\d{1,2}:\d\d")
_NO_VALUE = re.compile(r"\W*|=.*|[+-]?(nan|inf|infinity)\b.*|n/?a|null|none|true|false", re.IGNORECASE)
_CUT_THOUSANDS = re.compile(r"[^,]*,[+-]?[1-9][0-9]{0,2},[0-9]{3}(\.[0-9]*)?")
_NOT_ZERO = re.compile(r"[+-]?[0.]*[1-9]")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")


def read_table(path: str | Path, *, decimal: str | None = None) -> Table:
    """Read the numbers of a text file, or refuse the file and say where and why.

    Separators may be comma, semicolon, tab or blanks; the decimal mark a point or a comma (`decimal` settles
    it where a file is ambiguous); the encoding UTF-8, UTF-16, UTF-32 or Latin-1; lines may end in any way
    and the whole be packed with gzip. Numbers may be quoted and have Fortran's D exponents. Comments that
    read like rows of numbers, and a last row that seems to be cut off, are told by a warning.

    Raises
    ------
    ValueError
        If anything is not understood; names the file, the cause and the row (line number, from 1).
    OSError
        If the file is missing, is no regular file, or cannot be read.
    """
    if decimal not in (None, ".", ","):
        raise ValueError(f"decimal = {decimal!r}: give '.' or ','")
    path = Path(path)
    file = path.name
    lines = read_lines(path)
    if max(map(len, lines)) > _LONGEST_LINE:
        row = 1 + max(range(len(lines)), key=lambda index: len(lines[index]))
        raise ValueError(f"{file}, row {row}: the line is too long; write one point per row, in columns")
    dialect, width = recognise(file, lines, decimal)
    first = _first_row(file, lines, dialect, width)
    rows, cells = _rows_of_numbers(file, lines, dialect, width, first)
    _warn_of_hidden_rows(file, lines, dialect, width, rows)
    _warn_of_a_cut_end(file, lines, rows, cells)
    above = tuple(lines[: first - 1])
    names, units = _header(file, above, dialect, width)
    if decimal is None:
        _refuse_thousands(file, rows, cells, dialect)
    doubt = "" if names else _doubt(cells, dialect.separator)
    return Table(file, _values(file, rows, cells), np.array(rows), names, units, above, doubt=doubt)


def _first_row(file: str, lines: list[str], dialect: Dialect, width: int) -> int:
    """Return the row where the numbers begin; no line before it may be a spoilt row of numbers."""
    beside: tuple[int, list[str]] = (0, [])  # the line just above, but for comments
    for row, line in enumerate(lines, 1):
        if dialect.is_comment(line, width):
            continue
        fields = dialect.fields(line)
        if fields and dialect.are_numbers(fields):
            if len(beside[1]) == width and dialect.is_number(beside[1][1]):
                raise ValueError(_why_no_row(file, *beside, dialect, width))
            return row
        beside = row, fields
        if not fields:
            continue
        if _is_spoilt(line, fields, dialect, width):
            raise ValueError(_why_no_row(file, row, fields, dialect, width))
    raise AssertionError("a recognised dialect has a row of numbers")


def _is_spoilt(line: str, fields: list[str], dialect: Dialect, width: int) -> bool:
    if not fields or (_DATE.match(fields[0]) and not any(map(dialect.is_number, fields))):
        return False
    if _NO_WORD.fullmatch(line):
        return True
    if len(fields) != width:
        return False
    others = any(_LIKE_A_NUMBER.match(field) for field in fields[1:])
    if _NO_VALUE.fullmatch(fields[0]) or CELL_ERROR.fullmatch(fields[0]):
        return others or bool(re.search(r"\w", fields[0]))
    return dialect.is_number(fields[0]) or (others and bool(_LIKE_A_NUMBER.match(fields[0])))


def _rows_of_numbers(
    file: str, lines: list[str], dialect: Dialect, width: int, first: int
) -> tuple[list[int], list[str]]:
    """Return row numbers and rows in one plain form: commas between the fields, decimal points."""
    rows, cells = [], []
    for row, line in enumerate(lines[first - 1 :], first):
        fields = dialect.fields(line)
        if len(fields) == width and dialect.are_numbers(fields):
            rows.append(row)
            if dialect.decimal == ",":
                fields = [field.replace(",", ".") for field in fields]
            cells.append(",".join(fields))
        elif line.strip() and not dialect.is_comment(line, width):
            raise ValueError(_why_no_row(file, row, fields, dialect, width))
    return rows, cells


def _warn_of_hidden_rows(file: str, lines: list[str], dialect: Dialect, width: int, rows: list[int]) -> None:
    others = set(range(1, len(lines) + 1)).difference(rows)
    hidden = [row for row in sorted(others) if dialect.is_hidden_row(lines[row - 1], width)]
    if hidden:
        warn(
            f"{file}, row {hidden[0]}: {shown(lines[hidden[0] - 1])} is left out as a comment, but reads like"
            f" a row of numbers ({len(hidden)} such in the file); if it is one, remove the mark",
        )


def _warn_of_a_cut_end(file: str, lines: list[str], rows: list[int], cells: list[str]) -> None:
    *others, last = [len(line.rpartition(",")[2].partition(".")[2]) for line in cells[-_SEEN_AT_END:]]
    if rows[-1] == len(lines) and len(others) > 9 and last < min(others) == max(others):
        warn(
            f"{file}, row {rows[-1]}: the file seems to be cut off in {shown(lines[-1])}, whose last number"
            " is shorter than all before it; copy the file again, or delete the row",
        )


def _why_no_row(file: str, row: int, fields: list[str], dialect: Dialect, width: int) -> str:
    column, bad = next(
        ((column, field) for column, field in enumerate(fields, 1) if not dialect.is_number(field)), (0, "")
    )
    if not column:
        cause = f"{len(fields)} field(s) where most rows have {width}; a value is missing or one too many"
    elif not bad:
        cause = f"the field in column {column} is empty, its value is missing"
    else:
        cause = f"{shown(bad)} is not a finite number"
        if dialect._replace(decimal="," if dialect.decimal == "." else ".").is_number(bad):
            cause += f" where the decimal mark is {dialect.decimal!r}"
    return f"{file}, row {row}: {cause}; {_REMEDY}"


def _header(
    file: str, above: tuple[str, ...], dialect: Dialect, width: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the column names and the units from the last lines above the numbers, or empty tuples."""
    filled = [(row, line) for row, line in enumerate(above, 1) if re.search(r"[^\W\d_]", line)]
    words: list[tuple[str, ...]] = []
    for row, line in filled:
        is_comment = dialect.is_comment(line, width)
        fields = tuple(dialect.fields(line.strip(BLANKS).lstrip("#%!;/ ")))
        if dialect.separator and row == len(above) and not is_comment and len(fields) not in (1, width):
            raise ValueError(
                f"{file}, row {row}: {len(fields)} column names but {width} columns of numbers follow;"
                " correct the line, or mark it as a comment with '#'"
            )
        if len(fields) == width or not is_comment:  # a header may stand above other comments
            words.append(() if any(map(dialect.is_number, fields)) else fields)
    words = [fields if len(fields) == width else () for fields in words[-4:]]
    for index, fields in reversed(list(enumerate(words))):  # Origin writes a remark below names and units
        if fields and is_time(fields[0].strip("[]()")):
            return (words[index - 1] if index else ()), tuple(word.strip("[]()") for word in fields)
    return (words[-1] if words else ()), ()


def _refuse_thousands(file: str, rows: list[int], cells: list[str], dialect: Dialect) -> None:
    """Refuse a file in which every decimal mark could as well be a thousands separator (1,234)."""
    if dialect == (",", "."):
        return
    first = 0
    marked, short, long = set[int](), set[int](), set[int]()
    for row, line in zip(rows, cells, strict=True):
        for column, field in enumerate(line.split(",")):
            if "." not in field:
                (short if len(field) < 4 else long).add(column)
            elif _MAYBE_THOUSANDS.fullmatch(field):
                first = first or row
                marked.add(column)
            else:
                return
    # A point is doubtful only beside whole numbers of its column, none of which should have had one too.
    if not first or marked & long or (dialect.decimal == "." and not marked & short):
        return
    raise ValueError(
        f"{file}, row {first}: {dialect.decimal!r} may be the decimal mark or a thousands separator, nothing"
        f" in the file tells; give decimal={dialect.decimal!r} if it is the decimal mark, else remove it"
    )


def _doubt(cells: list[str], separator: str) -> str:
    """Return why three nameless columns may be two, with the numbers of one cut at their commas or blanks."""
    if separator == "," and not any("." in line for line in cells):
        return "the comma may be the decimal mark as well as the separator"
    if separator in (",", "") and all(map(_CUT_THOUSANDS.fullmatch, cells)):
        return "the last two columns may be one number with thousands separators"
    return ""


def _values(file: str, rows: list[int], cells: list[str]) -> np.ndarray:
    text = "\n".join(cells).translate({ord("d"): "e", ord("D"): "E"})
    table = pd.read_csv(io.StringIO(text), header=None, dtype="float64", na_filter=False)
    values = table.to_numpy()
    for index in np.flatnonzero((values == 0).any(axis=1)):
        for field, value in zip(cells[index].split(","), values[index], strict=True):
            if value == 0 and _NOT_ZERO.match(field):
                raise ValueError(
                    f"{file}, row {rows[index]}: {shown(field)}: too small, it would be read as zero;"
                    " write 0 or rescale the column"
                )
    large = np.flatnonzero((np.abs(values) > _LARGEST_VALUE).any(axis=1))
    if large.size:
        raise ValueError(
            f"{file}, row {rows[large[0]]}: {shown(cells[large[0]])}: too large, n^3 would overflow the"
            " range of finite numbers; rescale the column, for instance to units of 10^16 cm^-3"
        )
    return values
