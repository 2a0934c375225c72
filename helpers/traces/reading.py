"""Text files of numbers as instruments and spreadsheets write them: understood whole, or refused by row.

Nothing is guessed cell by cell. The file's dialect (separator and decimal mark) is the one in which most
lines are rows of numbers; from the first such line on every line is one, but for blank lines, comments and a
last line END. A cell that is no number is kept as its text, and refused where its column is chosen
(`helpers.traces.cells`). What stands before the first row is the preamble, where no spoilt row may hide.
"""

from __future__ import annotations

import re
from array import array
from math import isfinite
from pathlib import Path

import numpy as np

from helpers.traces.dialects import BLANKS, CELL_ERROR, Dialect, recognise
from helpers.traces.header import header, is_header
from helpers.traces.numbers import western
from helpers.traces.table import Table
from helpers.traces.texts import read_lines, shown, warn

_LONGEST_LINE = 20_000  # characters
_SEEN_AT_END = 200  # rows that are compared with the last one
_SEEN_FOR_COLUMNS = 400  # lines that tell which columns hold numbers
_SEEN_BELOW = 50  # lines below the numbers that may tell their unit
_REMEDY = "correct or delete the row, or mark it as a comment with '#'"
_NO_WORD = re.compile(r"[\W\d_eEdD]*\d[\W\d_eEdD]*")
_LIKE_A_NUMBER = re.compile(r"[\W_]{0,2}\d")
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\d)|\d{1,2}:\d\d")
_NO_VALUE = re.compile(r"\W*|=.*|[+-]?(nan|inf|infinity)\b.*|n/?a|null|none|true|false", re.IGNORECASE)
_CUT_THOUSANDS = re.compile(r"[^,]*,[+-]?[1-9][0-9]{0,2},[0-9]{3}(\.[0-9]*)?")
_NOT_ZERO = re.compile(r"[+-]?[0.]*[1-9]")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
_END = re.compile(r"[\W_]*(end|ende|fin|fine|eof)( of)?( \w+){0,2}[\W_]*", re.IGNORECASE)


def read_table(path: str | Path, *, decimal: str | None = None) -> Table:
    """Read the columns of a text file, or refuse the file and say where and why.

    Separators may be comma, semicolon, tab or blanks; the decimal mark a point or a comma (`decimal` settles
    it where a file is ambiguous); the encoding UTF-8, UTF-16, UTF-32 or Latin-1; lines may end in any way
    and the whole be packed with gzip. Numbers may be quoted, have Fortran's D exponents, thousands that are
    marked beyond doubt (1'234, 12,34,567) and digits of other scripts. Comments that read like rows of
    numbers, and a last row that seems to be cut off, are told by a warning.

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
    lines = [western(line) for line in read_lines(path)]
    if max(map(len, lines)) > _LONGEST_LINE:
        row = 1 + max(range(len(lines)), key=lambda index: len(lines[index]))
        raise ValueError(f"{file}, row {row}: the line is too long; write one point per row, in columns")
    dialect, width = recognise(file, lines, decimal)
    filled = _filled(lines, dialect, width)
    first = _first_row(lines, dialect, width, filled)
    rows, values, texts = _rows_of_numbers(file, lines, dialect, width, first)
    _warn_of_hidden_rows(file, lines, dialect, width, rows)
    _warn_of_a_cut_end(file, lines, rows, dialect)
    above = tuple(lines[: first - 1])
    names, units = header(file, above, dialect, width, min(filled))
    if decimal is None:
        _refuse_thousands(file, lines, rows, dialect)
    doubt = _doubt(lines, rows, dialect) if width == 3 and not names else ""
    beside = _words_beside(lines, rows, texts, filled) + tuple(lines[rows[-1] :])[:_SEEN_BELOW]
    return Table(file, values, np.array(rows), names, units, above + beside, texts, doubt)


def _filled(lines: list[str], dialect: Dialect, width: int) -> list[int]:
    """Return the columns that hold numbers in most rows; the others may begin with words."""
    counts, rows = np.zeros(width, int), 0
    sample = (
        lines
        if len(lines) < 2 * _SEEN_FOR_COLUMNS
        else lines[:_SEEN_FOR_COLUMNS] + lines[-_SEEN_FOR_COLUMNS:]
    )
    for line in sample:
        fields = dialect.fields(line)[:width]
        numbers = [k for k, field in enumerate(fields) if dialect.is_number(field)]
        if len(numbers) > 1:
            rows += 1
            counts[numbers] += 1
    return [int(k) for k in np.flatnonzero(2 * counts >= rows)]


def _first_row(lines: list[str], dialect: Dialect, width: int, filled: list[int]) -> int:
    """Return the row where the numbers begin, or an earlier one that is a spoilt row of numbers."""
    beside: tuple[int, list[str]] = (0, [])  # the line just above, but for comments
    for row, line in enumerate(lines, 1):
        if dialect.is_comment(line, width):
            continue
        fields = dialect.fields(line)
        cells = [fields[k] for k in filled if k < len(fields)]
        if len(fields) > 1 and cells and dialect.are_numbers(cells):
            _, above = beside
            is_spoilt = len(above) == len(filled) > 1 and dialect.is_number(above[1]) and not is_header(above)
            return beside[0] if is_spoilt else row
        beside = row, cells
        if fields and _is_spoilt(line, cells, dialect, len(filled)):
            return row
    raise AssertionError("a recognised dialect has a row of numbers")


def _is_spoilt(line: str, cells: list[str], dialect: Dialect, width: int) -> bool:
    if not cells or (_DATE.match(cells[0]) and not any(map(dialect.is_number, cells))):
        return False
    if _NO_WORD.fullmatch(line):
        return True
    if len(cells) != width or is_header(cells):
        return False
    if cells[0].startswith("#") and all(map(CELL_ERROR.fullmatch, cells)):
        return True
    others = any(_LIKE_A_NUMBER.match(field) for field in cells[1:])
    if _NO_VALUE.fullmatch(cells[0]) or CELL_ERROR.fullmatch(cells[0]):
        return others or bool(re.search(r"\w", cells[0]))
    return dialect.is_number(cells[0]) or (others and bool(_LIKE_A_NUMBER.match(cells[0])))


def _rows_of_numbers(
    file: str, lines: list[str], dialect: Dialect, width: int, first: int
) -> tuple[list[int], np.ndarray, dict[tuple[int, int], str]]:
    """Return the rows, their values and the texts of the cells that are no numbers."""
    last = _last_row(lines)
    rows: list[int] = []
    values, texts = array("d"), dict[tuple[int, int], str]()
    plain = _plain_row(dialect, width)
    for row, line in enumerate(lines[first - 1 : last], first):
        if plain.fullmatch(line):
            numbers = line.replace(",", ".") if dialect.decimal == "," else line
            found = [float(field) for field in numbers.split(dialect.separator or None)]
            if 0 not in found:
                values.extend(found)
                rows.append(row)
                continue
        fields = dialect.fields(line)
        if not fields or dialect.is_comment(line, width):
            continue
        if len(fields) > width:
            empty = f"column {fields.index('') + 1} is empty, " if "" in fields else ""
            raise ValueError(
                f"{file}, row {row}: {empty}{len(fields)} field(s) where most rows have {width}; a value is"
                " missing"
                f" or one too many; {_REMEDY}"
            )
        for column, field in enumerate(fields):
            value = _value(dialect.number(field))
            values.append(value)
            if value != value and field:
                texts[len(rows), column] = field
        values.extend([float("nan")] * (width - len(fields)))
        rows.append(row)
    return rows, np.array(values).reshape(len(rows), width), texts


def _plain_row(dialect: Dialect, width: int) -> re.Pattern[str]:
    """Return what most rows of a file are, which need no second look: plain numbers of usual size."""
    if dialect.separator == dialect.decimal:
        return re.compile(r"(?!)")  # numbers are in quotes
    number = rf"[+-]?[0-9]{{1,20}}(?:{re.escape(dialect.decimal)}[0-9]{{1,20}})?(?:[eE][+-]?[0-9]{{1,2}})?"
    between = (
        rf"[{BLANKS}]*{re.escape(dialect.separator)}[{BLANKS}]*" if dialect.separator else rf"[{BLANKS}]+"
    )
    if dialect.separator == "\t":
        between = " *\t *"
    return re.compile(number + rf"(?:{between}{number}){{{width - 1}}}")


def _value(number: str | None) -> float:
    """Return a number, or NaN where it is none, overflows or would vanish."""
    value = float("nan") if number is None else float(number)
    vanishes = value == 0 and number is not None and _NOT_ZERO.match(number)
    return float("nan") if vanishes or not isfinite(value) else value


def _last_row(lines: list[str]) -> int:
    """Return the last row that counts: some instruments close a table with a line END."""
    last = len(lines)
    while last > 1 and not lines[last - 1].strip(BLANKS + ",;"):
        last -= 1
    return last - 1 if last > 1 and _END.fullmatch(lines[last - 1]) else last


def _words_beside(
    lines: list[str], rows: list[int], texts: dict[tuple[int, int], str], filled: list[int]
) -> tuple[str, ...]:
    """Return the lines with words beside their numbers, where some oscilloscopes write their settings."""
    places = sorted({index for index, column in texts if column not in filled})[:100]
    return tuple(lines[rows[index] - 1] for index in places)


def _warn_of_hidden_rows(file: str, lines: list[str], dialect: Dialect, width: int, rows: list[int]) -> None:
    others = set(range(1, len(lines) + 1)).difference(rows)
    hidden = [row for row in sorted(others) if dialect.is_hidden_row(lines[row - 1], width)]
    if hidden:
        warn(
            f"{file}, row {hidden[0]}: {shown(lines[hidden[0] - 1])} is left out as a comment, but reads like"
            f" a row of numbers ({len(hidden)} such in the file); if it is one, remove the mark"
        )


def _warn_of_a_cut_end(file: str, lines: list[str], rows: list[int], dialect: Dialect) -> None:
    ends = [(dialect.fields(lines[row - 1]) or [""])[-1] for row in rows[-_SEEN_AT_END:]]
    *others, last = [len(end.rpartition(dialect.decimal)[2]) if dialect.decimal in end else 0 for end in ends]
    if rows[-1] == len(lines) and len(others) > 9 and last < min(others) == max(others):
        warn(
            f"{file}, row {rows[-1]}: the file seems to be cut off in {shown(lines[-1])}, whose last number"
            " is shorter than all before it; copy the file again, or delete the row"
        )


def _plain_rows(lines: list[str], rows: list[int], dialect: Dialect):
    """Yield each row with its fields as Python writes numbers; what is none stays as it is."""
    for row in rows:
        yield row, [dialect.number(field) or field for field in dialect.fields(lines[row - 1])]


def _refuse_thousands(file: str, lines: list[str], rows: list[int], dialect: Dialect) -> None:
    """Refuse a file in which every decimal mark could as well be a thousands separator (1,234)."""
    if (dialect.separator, dialect.decimal) == (",", ".") or not any(
        dialect.decimal in lines[row - 1] for row in rows
    ):
        return
    first = 0
    marked, short, long = set[int](), set[int](), set[int]()
    for row, fields in _plain_rows(lines, rows, dialect):
        for column, field in enumerate(fields):
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
        f' in the file tells; give decimal="{dialect.decimal}" if it is the decimal mark, else'
        f' decimal="{"," if dialect.decimal == "." else "."}"'
    )


def _doubt(lines: list[str], rows: list[int], dialect: Dialect) -> str:
    """Return why three nameless columns may be two, with the numbers of one cut at their commas or blanks."""
    if dialect.separator not in (",", ""):
        return ""
    cells = [",".join(fields) for _, fields in _plain_rows(lines, rows, dialect)]
    if dialect.separator == "," and not any("." in line for line in cells):
        return "the comma may be the decimal mark as well as the separator"
    if all(map(_CUT_THOUSANDS.fullmatch, cells)):
        return "the last two columns may be one number with thousands separators"
    return ""
