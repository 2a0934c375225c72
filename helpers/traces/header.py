"""The lines above the numbers: which of them name the columns and their units."""

from __future__ import annotations

import re

from helpers.traces.dialects import BLANKS, Dialect
from helpers.traces.preamble import is_about_an_axis
from helpers.traces.titles import (
    other_unit_in,
    plain,
    says_spectrum,
    says_time,
    time_unit_in,
    time_unit_only,
)

_LAST_LINES = 4  # above the numbers: names, units and up to two remarks, as Origin writes them
_EXTREMES = {"min", "max", "mean", "avg", "median"}
_BEFORE_BRACKETS = re.compile(r"\s+(?![\[(])")


def is_header(fields: list[str]) -> bool:
    """Say whether fields are titles although numbers may stand among them: "Time (ps),450,500"."""
    first = fields[0] if fields else ""
    return re.match(r"[\W_]*[^\W\d_]", first) is not None and (
        says_time(first) or bool(time_unit_in(first)) or says_spectrum(first)
    )


def header(
    file: str, above: tuple[str, ...], dialect: Dialect, width: int, first: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the column names and the units from the last lines above the numbers, or empty tuples.

    Raises
    ------
    ValueError
        If the line just above the numbers has another number of fields than they have columns.
    """
    filled = [(row, line) for row, line in enumerate(above, 1) if re.search(r"[^\W\d_]", line)]
    words: list[tuple[str, ...]] = []
    for row, line in filled:
        is_comment = dialect.is_comment(line, width)
        fields = _titles(line, dialect, width)
        if dialect.separator and row == len(above) and not is_comment and len(fields) not in (1, width):
            raise ValueError(
                f"{file}, row {row}: {len(fields)} column names but {width} columns of numbers follow;"
                " correct the line, or mark it as a comment with '#'"
            )
        if len(fields) == width or not is_comment:  # a header may stand above other comments
            no_titles = any(map(dialect.is_number, fields)) and not is_header(list(fields))
            words.append(() if no_titles or is_about_an_axis(fields) else fields)
    words = [fields if len(fields) == width else () for fields in words[-_LAST_LINES:]]
    for index, fields in reversed(list(enumerate(words))):
        before = words[index - 1] if index else ()
        if fields and _are_units(fields, first, bool(before)):
            return before, tuple(word.strip("[](){}<> ") for word in fields)
    return (words[-1] if words else ()), ()


def _titles(line: str, dialect: Dialect, width: int) -> tuple[str, ...]:
    line = line.strip(BLANKS).lstrip("#%!;/ ")
    fields = dialect.fields(line)
    if len(fields) < width == len(dialect.split(line)):
        fields += [""] * (width - len(fields))
    if not dialect.separator and len(fields) != width:  # "Time (ns)  PL (counts)"
        fields = [field for field in _BEFORE_BRACKETS.split(line) if field]
    return tuple(fields)


def _are_units(fields: tuple[str, ...], first: int, has_names: bool) -> bool:
    """Say whether fields are the units of columns whose names stand above them."""
    if {field.lower() for field in fields} & (_EXTREMES - {"min"}):
        return False
    lead = fields[first]
    if time_unit_only(lead):
        return True
    if not lead and first + 1 < len(fields) and time_unit_only(fields[first + 1]):
        return True  # beside a column of row numbers
    others = [field.strip("[](){}<> ") for field in fields if field.strip("[](){}<> ")]
    return has_names and bool(others) and all(_is_unit(field) for field in others)


def _is_unit(field: str) -> bool:
    is_whole = len(plain(field)) > 1 or field in "VKAJW%"
    return bool(time_unit_only(field)) or (is_whole and other_unit_in(f"[{field}]") == plain(field))
