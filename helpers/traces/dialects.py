"""How a text file writes its rows of numbers: what parts them, and what marks their decimals."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from helpers.traces.numbers import is_plain, number
from helpers.traces.texts import shown

_SAMPLED = 200  # lines from each end that decide on the dialect
_MARKS = ("#", "%", "!", "//", ";")  # of comments
_FEWEST_WIDE = 3  # rows that end in an empty cell later, as columns of unequal length do
_WITH_GAPS, _WITH_WORDS = 0.2, 0.02  # weights of such rows
BLANKS = " \t\v\f"
_KNOWN_ERRORS = (  # of several languages; the general form is in capitals in all of them
    r"#(?:N/?A|n/a|NV|N/D!?|N/B|I/T|H/T|Н/Д|YOK|GETTING_DATA|[¡¿]?\w+/0!?|[¡¿]?[^\W\d_a-z]+[!?])"
    r"|(?:Err|Fehler|Erreur):\d+"
)
SPREADSHEET_ERROR = re.compile(_KNOWN_ERRORS)
CELL_ERROR = re.compile(rf"{_KNOWN_ERRORS}|#[^\W\d_][\w/]*[!?]|[#%!;/]+")


class Dialect(NamedTuple):
    """A separator and a decimal mark, and whether the user has named the mark."""

    separator: str  # "" means any run of blanks and tabs
    decimal: str
    is_sure: bool = False

    def split(self, line: str) -> list[str]:
        """Split a line at its separators; fields without blanks and quotes."""
        if self.separator:
            fields = [field.strip(BLANKS) for field in line.split(self.separator)]
        else:  # str.split would also cut at the blanks that mark thousands, such as U+00A0
            fields = line.split() if line.isascii() else re.split(rf"[{BLANKS}]+", line.strip(BLANKS))
        if '"' in line or "'" in line:
            if self.separator and any(field.count('"') % 2 for field in fields) and line.count('"') % 2 == 0:
                fields = next(csv.reader([line], delimiter=self.separator, skipinitialspace=True))
            fields = [_unquoted(field.strip(BLANKS)) for field in fields]
        return fields

    def fields(self, line: str) -> list[str]:
        """Split a line at its separators, and drop empty fields at its end."""
        fields = self.split(line)
        while fields and not fields[-1]:
            fields.pop()
        return fields

    def number(self, field: str) -> str | None:
        """Return a field as Python writes a number, or None."""
        return number(field, self.decimal, is_sure=self.is_sure)

    def is_number(self, field: str) -> bool:
        """Tell a plain finite number from anything else that Python would take for one."""
        return is_plain(field, self.decimal) or self.number(field) is not None

    def are_numbers(self, fields: list[str]) -> bool:
        """Tell whether all are plain numbers; none at all are, too."""
        return all(map(self.is_number, fields))

    def is_comment(self, line: str, width: int) -> bool:
        """Tell a comment from a row of numbers one of which is a bare mark or an error such as #N/A."""
        if not self._is_marked(line):
            return False
        first, *others = self.fields(line) or [""]
        if SPREADSHEET_ERROR.fullmatch(first) and len(others) < width:
            return not all(self._is_cell(field) for field in others) and 1 + len(others) < width
        if self.separator and others and all(field.startswith("#") for field in (first, *others)):
            return 1 + len(others) != width  # "# N/A,# N/A"
        is_row = 1 + len(others) == width and all(self._is_cell(field) for field in others)
        is_cut = self.separator or len(first) > 1  # between blanks, "# 5" is a comment
        return not (is_row and is_cut and CELL_ERROR.fullmatch(first))

    def is_hidden_row(self, line: str, width: int) -> bool:
        """Tell a comment that would be a row of numbers without its mark."""
        if not self._is_marked(line):
            return False
        fields = self.fields(line.lstrip(BLANKS + "\"'" + "".join(_MARKS)))
        return len(fields) == width and self.are_numbers(fields)

    def _is_cell(self, field: str) -> bool:
        return not field or self.is_number(field) or CELL_ERROR.fullmatch(field) is not None

    def _is_marked(self, line: str) -> bool:
        marks = tuple(mark for mark in _MARKS if mark != self.separator)
        return line.lstrip(BLANKS + "\"'").startswith(marks)


def recognise(file: str, lines: list[str], decimal: str | None) -> tuple[Dialect, int]:
    """Return the dialect in which most sampled lines are rows of numbers, and their width.

    Raises
    ------
    ValueError
        If in no dialect a line is a row of numbers; says what the file seems to be.
    """
    best, width, score = _best(lines, decimal)
    if decimal is not None:
        other = "," if decimal == "." else "."
        better, _, most = _best(lines, other)
        if better is not None and most > 2 * score:
            raise ValueError(
                f"{file}: few rows are rows of numbers with the decimal mark {decimal!r}, but with"
                f" {other!r} they"
                f' are; give decimal="{other}", or leave decimal out'
            )
    if best is None:
        raise ValueError(_why_no_rows(file, lines))
    return best, width


def _best(lines: list[str], decimal: str | None) -> tuple[Dialect | None, int, float]:
    """Return the dialect that most sampled lines speak for, the width of its rows, and how much they do."""
    filled = [line for line in lines if line.strip()]
    sample = filled if len(filled) < 2 * _SAMPLED else filled[:_SAMPLED] + filled[-_SAMPLED:]
    best, most, width = None, 0.0, 0
    for mark in decimal or ".,":
        for separator in (";", "\t", ",", ""):
            dialect = Dialect(separator, mark, decimal is not None)
            weights: dict[int, float] = defaultdict(float)
            for fields in map(dialect.fields, sample):
                if weight := _weight(dialect, fields):
                    weights[len(fields)] += weight
            # Blanks come second to tabs, where two in a row enclose an empty field.
            score = sum(weights.values()) * (1.0 if separator else 0.5)
            if score > most:
                best, most, width = dialect, score, max(weights, key=lambda each: weights[each])
    return best, _width_with_short_columns(best, sample, width) if best else width, most


def _weight(dialect: Dialect, fields: list[str]) -> float:
    """Return how much a line speaks for a dialect: a row of numbers 1, one with gaps or words less."""
    if len(fields) < 2:
        return 0
    numbers = sum(map(dialect.is_number, fields))
    if numbers == len(fields):
        return 1
    if numbers < 2:
        return 0
    return _WITH_GAPS if numbers + fields.count("") == len(fields) else _WITH_WORDS


def _width_with_short_columns(dialect: Dialect, sample: list[str], usual: int) -> int:
    """Return the width of a table whose last columns may end earlier, so that later rows are narrower."""
    weighed = [(line, _weight(dialect, dialect.fields(line))) for line in sample]
    rows = [line for line, weight in weighed if weight > 0]
    widest = max((len(dialect.fields(line)) for line in rows), default=usual)
    if widest <= usual:
        return usual
    widths = [len(dialect.fields(line)) for line, weight in weighed if weight >= _WITH_GAPS]
    falls = all(after <= before for before, after in pairwise(widths))
    same = dialect.separator and len({len(dialect.split(line)) for line in rows}) == 1
    return widest if same or (falls and widths.count(widest) >= _FEWEST_WIDE) else usual


def _why_no_rows(file: str, lines: list[str]) -> str:
    filled = [(row, line.strip()) for row, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        return f"{file}: the file is empty; there is no data in it"
    start = filled[0][1]
    if start.startswith("<"):
        return (
            f"{file}, row {filled[0][0]}: an HTML or XML page, no table of numbers; download the data itself"
        )
    if start.startswith(("{", "[")) and not re.fullmatch(r"\[[^\]]*\]", start):
        return f"{file}, row {filled[0][0]}: JSON or its like, no table of numbers; export the table as CSV"
    cells = [(row, cell.strip("\"' ")) for row, line in filled for cell in re.split(r"[,;\t]", line)]
    if error := next(((row, cell) for row, cell in cells if SPREADSHEET_ERROR.fullmatch(cell)), None):
        return (
            f"{file}, row {error[0]}: {shown(error[1])} is a spreadsheet's error, and no row holds numbers"
            " in two"
            " columns; repair the formulas and export the table again"
        )
    data = [(row, line) for row, line in filled if not line.startswith(_MARKS)]
    if not data:
        return f"{file}: comments only, no numeric rows; the data is empty"
    numbers = [row for row, line in data if any(is_plain(line.strip("\"'"), mark) for mark in ".,")]
    if 2 * len(numbers) > len(data):
        return (
            f"{file}, row {numbers[-1]}: one column of numbers; a trace needs two, time and signal; for"
            " counts alone give channel_width=..., the time from one channel to the next, and t_unit=..."
        )
    return (
        f"{file}, row {data[0][0]}: no numeric data; {shown(data[0][1])} is no row of numbers and neither"
        " is any other; give two columns of plain numbers, time and signal"
    )


def _unquoted(field: str) -> str:
    is_quoted = len(field) > 1 and field[0] == field[-1] and field[0] in "\"'"
    return field[1:-1].strip(BLANKS) if is_quoted else field
