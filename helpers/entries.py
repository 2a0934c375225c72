"""What stands in a small JSON file, taken out entry by entry: of the right kind, or refused by name.

The functions follow a way such as "optimized", "k1", "value" through nested entries, and raise ValueError
where it leads nowhere or to something else.
"""

from __future__ import annotations

import json
import math


def parse(content: bytes) -> dict:
    """Return the entries of a JSON object; UTF-8, with or without a byte-order mark.

    Raises
    ------
    ValueError
        If it is no JSON object, if an entry stands in it twice, or if it holds NaN or Infinity.

    Examples
    --------
    >>> parse(b'{"G": 0}')
    {'G': 0}
    """
    try:
        entries = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    if not isinstance(entries, dict):
        raise ValueError("it does not begin with '{'")
    return entries


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
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands in it twice")
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no number")


def _shown(value) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
