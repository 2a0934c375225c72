"""What stands in a small JSON file, taken out entry by entry: of the right kind, or refused by name.

The functions follow a way such as "optimized", "k1", "value" through nested entries, and raise ValueError
where it leads nowhere or to something else.
"""

from __future__ import annotations

import json
import math
import re

_MOST_DIGITS = 1000  # of a whole number; the largest double has 309
_DEEPEST = 40  # brackets in each other; files of the workbook have seven
_UNPAIRED = re.compile(
    "[\ud800-\udfff]"
)  # halves of a letter, as they stand in names of files that are no UTF-8


def parse(content: bytes) -> dict:
    """Return the entries of a JSON object; UTF-8, with or without a byte-order mark.

    Raises
    ------
    ValueError
        If it is no JSON object, if an entry stands in it twice, or if it holds NaN, Infinity, a whole number
        of thousands of digits or brackets in brackets without end.

    Examples
    --------
    >>> parse(b'{"G": 0}')
    {'G': 0}
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    if not text.strip():
        raise ValueError("it is empty")
    try:
        entries = json.loads(text, parse_constant=_refuse, parse_int=_whole_number, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it is no JSON text, or was cut off ({place}: {error.msg})") from None
    if not isinstance(entries, dict):
        raise ValueError("it does not begin with '{'")
    _refuse_depth(entries)
    return entries


def written(content: dict) -> str:
    """Return the JSON text of entries, which `parse` reads back as they are.

    Raises
    ------
    ValueError
        For NaN and infinities, which JSON has no words for.

    Examples
    --------
    >>> print(written({"name": "µ"}), end="")
    {
      "name": "µ"
    }
    """
    return on_one_line(content, indent=2) + "\n"


def on_one_line(value, *, indent: int | None = None) -> str:
    """Return the JSON text of a value; halves of letters, which UTF-8 has no bytes for, by their numbers.

    Examples
    --------
    >>> on_one_line({"k1": [1.0, 2.0]})
    '{"k1": [1.0, 2.0]}'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return _UNPAIRED.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def take(entries: dict, *way: str):
    """Return the entry at the end of the way, of whatever kind."""
    for depth, name in enumerate(way):
        if not isinstance(entries, dict):
            raise ValueError(f"{_shown(entries)} stands where {'.'.join(way[: depth + 1])} belongs")
        if name not in entries:
            raise ValueError(f"{'.'.join(way[: depth + 1])} is missing")
        entries = entries[name]
    return entries


def number(entries: dict, *way: str) -> float:
    """Return a finite number; true, false and "1" are none.

    Examples
    --------
    >>> number({"guess": {"k1": 2}}, "guess", "k1")
    2.0
    """
    value = take(entries, *way)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, way, "a number")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{'.'.join(way)} is too large, no finite number")
    return value


def not_negative(entries: dict, *way: str) -> float:
    """Return a finite number, zero or larger."""
    value = number(entries, *way)
    if value < 0:
        raise ValueError(f"{'.'.join(way)} = {value:g} is negative")
    return value


def count(entries: dict, *way: str, least: int) -> int:
    """Return a whole number that is not too small."""
    value = take(entries, *way)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _wrong(value, way, f"a whole number of at least {least}")
    return value


def boolean(entries: dict, *way: str) -> bool:
    """Return true or false; 1 and "true" are neither."""
    value = take(entries, *way)
    if not isinstance(value, bool):
        raise _wrong(value, way, "true or false")
    return value


def text(entries: dict, *way: str, choices: tuple[str, ...] = ()) -> str:
    """Return a text, one of the choices where there are any."""
    value = take(entries, *way)
    if not isinstance(value, str) or (choices and value not in choices):
        raise _wrong(value, way, " or ".join(map(repr, choices)) or "a text")
    return value


def array(entries: dict, *way: str) -> list:
    """Return a list, whatever it holds."""
    value = take(entries, *way)
    if not isinstance(value, list):
        raise _wrong(value, way, "a list")
    return value


def table(entries: dict, *way: str) -> dict:
    """Return entries in braces, whatever they hold."""
    value = take(entries, *way)
    if not isinstance(value, dict):
        raise _wrong(value, way, "entries in braces")
    return value


def texts(entries: dict, *way: str) -> dict[str, str]:
    """Return entries that all are texts."""
    value = table(entries, *way)
    return {name: text(value, name) for name in value}


def _wrong(value, way: tuple[str, ...], wanted: str) -> ValueError:
    return ValueError(f"{_shown(value)} stands where {'.'.join(way)}, {wanted}, belongs")


def _once(pairs: list[tuple[str, object]]) -> dict:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{_cut(repr(name))} stands in it twice")
        found[name] = value
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it holds a whole number of {len(digits.lstrip('-'))} digits, which is too large")
    return int(digits)


def _refuse_depth(entries: dict) -> None:
    level: list = [entries]
    for _ in range(_DEEPEST):
        level = [each for node in level for each in (node.values() if isinstance(node, dict) else node)]
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return
    raise ValueError("its brackets are nested too deeply")


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no number")


def _shown(value) -> str:
    return _cut(json.dumps(value))


def _cut(shown: str) -> str:
    return shown if len(shown) <= 40 else shown[:37] + "..."
