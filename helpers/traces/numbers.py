"""Cells of a text as numbers: plain ones, and ones whose thousands are marked so that nothing is in doubt."""

from __future__ import annotations

import re

_EXPONENT = r"(?:[eEdD][+-]?[0-9]+)?"
_PLAIN = {
    ".": re.compile(rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+){_EXPONENT}"),
    ",": re.compile(rf"[+-]?[0-9]+(?:,[0-9]+)?{_EXPONENT}"),
}
# Swiss apostrophes and the blanks that do not break stand for nothing but thousands. A point or comma does
# where it comes twice or before the decimal mark; Indian groups have two digits but for the last.
_BLANKS_OF_NUMBERS = "\u00a0\u2007\u2009\u202f'’`´٬"
_GROUPED = {
    mark: re.compile(
        rf"[+-]?(?:[0-9]{{1,3}}(?:[{_BLANKS_OF_NUMBERS}][0-9]{{3}})+(?:\{mark}[0-9]*)?"
        rf"|[0-9]{{1,3}}(?:\{other}[0-9]{{3}})+\{mark}[0-9]+|[0-9]{{1,3}}(?:\{other}[0-9]{{3}}){{2,}}"
        rf"|[0-9]{{1,2}}(?:\{other}[0-9]{{2}})+\{other}[0-9]{{3}}(?:\{mark}[0-9]+)?)"
    )
    for mark, other in ((".", ","), (",", "."))
}
_ONE_GROUP = {
    mark: re.compile(rf"[+-]?[1-9][0-9]{{0,2}}\{other}[0-9]{{3}}") for mark, other in ((".", ","), (",", "."))
}
_TO_POINT = {
    ".": str.maketrans("dD", "ee", "," + _BLANKS_OF_NUMBERS),
    ",": str.maketrans("dD,", "ee.", "." + _BLANKS_OF_NUMBERS),
}
_OTHER_SIGNS = {
    **{ord(zero) + k: str(k) for zero in "٠۰०０" for k in range(10)},  # Arabic, Persian, Indian, full width
    **{ord(sign): plain for sign, plain in zip("−﹣－٫．،，؛；", "---..,,;;", strict=True)},
}


def western(line: str) -> str:
    """Return a line with digits, minus signs and separators of other scripts as ASCII has them.

    Examples
    --------
    >>> western("١٢٫٥；−３")
    '12.5;-3'
    """
    return line if line.isascii() else line.translate(_OTHER_SIGNS)


def is_plain(field: str, decimal: str) -> bool:
    """Say whether a field is a plain number with this decimal mark."""
    return _PLAIN[decimal].fullmatch(field) is not None


def number(field: str, decimal: str, *, is_sure: bool = False) -> str | None:
    """Return a field as Python writes a number, or None where it is none or in doubt.

    One group of thousands, "1,234", is in doubt, unless the user has named the decimal mark.

    Examples
    --------
    >>> number("1'234.5", "."), number("12,34,567", "."), number("1,234", "."), number("1.234,5", ",")
    ('1234.5', '1234567', None, '1234.5')
    """
    if _PLAIN[decimal].fullmatch(field):
        return (
            field
            if decimal == "." and field.isascii() and "d" not in field.lower()
            else _point(field, decimal)
        )
    if _GROUPED[decimal].fullmatch(field) or (is_sure and _ONE_GROUP[decimal].fullmatch(field)):
        return _point(field, decimal)
    return None


def _point(field: str, decimal: str) -> str:
    return field.translate(_TO_POINT[decimal])
