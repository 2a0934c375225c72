"""How a text file writes its rows of numbers: what parts them, and what marks their decimals."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import NamedTuple

from helpers.traces.texts import shown

_SAMPLED = 200  # lines from each end that decide on the dialect
_MARKS = ("#", "%", "!", "//", ";")  # of comments
BLANKS = " \t\v\f"
_EXPONENT = r"(?:[eEdD][+-]?[0-9]+)?"
_NUMBER = {
    ".": re.compile(rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+){_EXPONENT}"),
    ",": re.compile(rf"[+-]?[0-9]+(?:,[0-9]+)?{_EXPONENT}"),
}
CELL_ERROR = re.compile(r"#[^\W\d_][\w/]*[!?]|#N/A|#NV|[#%!;/]+")


class Dialect(NamedTuple):
    """A separator and a decimal mark."""

    separator: str  # "" means any run of blanks and tabs
    decimal: str

    def fields(self, line: str) -> list[str]:
        """Split a line at its separators; fields without blanks and quotes, empty ones at the end dropped."""
        if self.separator:
            fields = [field.strip(BLANKS) for field in line.split(self.separator)]
        else:  # str.split would also cut at the blanks that mark thousands, such as U+00A0
            fields = line.split() if line.isascii() else re.split(rf"[{BLANKS}]+", line.strip(BLANKS))
        if '"' in line or "'" in line:
            if self.separator and any(field.count('"') % 2 for field in fields) and line.count('"') % 2 == 0:
                fields = next(csv.reader([line], delimiter=self.separator, skipinitialspace=True))
            fields = [_unquoted(field.strip(BLANKS)) for field in fields]
        while fields and not fields[-1]:
            fields.pop()
        return fields

    def is_number(self, field: str) -> bool:
        """Tell a plain finite number from anything else that Python would take for one."""
        return _NUMBER[self.decimal].fullmatch(field) is not None

    def are_numbers(self, fields: list[str]) -> bool:
        """Tell whether all are plain numbers; none at all are, too."""
        return all(map(_NUMBER[self.decimal].fullmatch, fields))

    def is_comment(self, line: str, width: int) -> bool:
        """Tell a comment from a row of numbers whose first field is a bare mark or an error such as #N/A."""
        if not self._is_marked(line):
            return False
        fields = self.fields(line)
        is_row = len(fields) == width and self.are_numbers(fields[1:])
        is_cut = self.separator or len(fields[0]) > 1  # between blanks, "# 5" is a comment
        return not (is_row and is_cut and CELL_ERROR.fullmatch(fields[0]))

    def is_hidden_row(self, line: str, width: int) -> bool:
        """Tell a comment that would be a row of numbers without its mark."""
        if not self._is_marked(line):
            return False
        fields = self.fields(line.lstrip(BLANKS + "\"'" + "".join(_MARKS)))
        return len(fields) == width and self.are_numbers(fields)

    def _is_marked(self, line: str) -> bool:
        marks = tuple(mark for mark in _MARKS if mark != self.separator)
        return line.lstrip(BLANKS + "\"'").startswith(marks)


def recognise(file: str, lines: list[str], decimal: str | None) -> tuple[Dialect, int]:
    """Return the dialect in which most sampled lines are rows of numbers, and their usual width."""
    filled = [line for line in lines if line.strip()]
    sample = filled if len(filled) < 2 * _SAMPLED else filled[:_SAMPLED] + filled[-_SAMPLED:]
    best, most, width = None, 0.0, 0
    for mark in decimal or ".,":
        for separator in (";", "\t", ",", ""):
            dialect = Dialect(separator, mark)
            rows = [fields for fields in map(dialect.fields, sample) if dialect.are_numbers(fields)]
            widths = Counter(len(fields) for fields in rows if len(fields) > 1)
            # Blanks come second to tabs, where two in a row enclose an empty field.
            score = widths.total() * (1.0 if separator else 0.5)
            if score > most:
                best, most, width = dialect, score, widths.most_common(1)[0][0]
    if best is None:
        raise ValueError(_why_no_rows(file, lines))
    return best, width


def _why_no_rows(file: str, lines: list[str]) -> str:
    filled = [(row, line.strip()) for row, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        return f"{file}: the file is empty; there is no data in it"
    start = filled[0][1]
    if start.startswith("<"):
        return (
            f"{file}, row {filled[0][0]}: an HTML or XML page, no table of numbers; download the data itself"
        )
    if start.startswith(("{", "[")):
        return f"{file}, row {filled[0][0]}: JSON or its like, no table of numbers; export the table as CSV"
    data = [(row, line) for row, line in filled if not line.startswith(_MARKS)]
    if not data:
        return f"{file}: comments only, no numeric rows; the data is empty"
    if any(number.fullmatch(data[-1][1].strip("\"'")) for number in _NUMBER.values()):
        return f"{file}, row {data[-1][0]}: one column of numbers; a trace needs two, time and signal"
    return (
        f"{file}, row {data[0][0]}: no numeric data; {shown(data[0][1])} is no row of numbers and neither"
        " is any other; give two columns of plain numbers, time and signal"
    )


def _unquoted(field: str) -> str:
    is_quoted = len(field) > 1 and field[0] == field[-1] and field[0] in "\"'"
    return field[1:-1].strip(BLANKS) if is_quoted else field
