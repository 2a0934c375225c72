"""A template of a description, filled in: its comments stay, so that its owner can edit it later."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from helpers.description.keys import FILM, TOP, TRACE
from helpers.description.search import TEMPLATES
from helpers.paths import DATA

_ENTRY = re.compile(r"^(?:# )?(?P<key>[A-Za-z]\w*) = (?P<rest>.*)$")
_TRACES = re.compile(r"^trace = \[\n.*?^\]\n", flags=re.MULTILINE | re.DOTALL)
_ACTIVE = {**TRACE, **TOP}
_SERIES = "fluence_series.toml"


def toml(value: Any) -> str:
    """Return a value as a TOML file writes it.

    Examples
    --------
    >>> toml([0, 1e-3]), toml("film A"), toml({"file": "a.csv", "fluence_uJ_cm2": 1})
    ('[0, 0.001]', '"film A"', '{ file = "a.csv", fluence_uJ_cm2 = 1 }')
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and value == round(value) and abs(value) < 1e6:
        return repr(int(value))
    return json.dumps(value, ensure_ascii=False)


def filled(kind: str, traces: Sequence[Mapping[str, Any]], entries: Mapping[str, Any]) -> str:
    """Return the text of a description: the template of its kind with these entries.

    Parameters
    ----------
    kind : str
        "TRPL counts", "TA", "TRMC" or "density".
    traces : sequence of mapping
        For each trace its `file` and what else belongs to it (`fluence_uJ_cm2`, `n0_cm3`, `name`).
    entries : mapping
        Keys of the description with their values; `film` holds those of the film. A key of the template
        that has no entry becomes a comment, but for those of [fit].

    Examples
    --------
    >>> text = filled("density", [{"file": "mine.csv"}], {"t_unit": "ps"})
    >>> [line for line in text.splitlines() if line.startswith(("kind", "file", "t_unit", "# name"))]
    ... # doctest: +ELLIPSIS
    ['kind = "density"...', '# name = "film A"...', 'file = "mine.csv"', 't_unit = "ps"...']
    """
    several = len(traces) > 1
    name = _SERIES if several else TEMPLATES[kind]
    text = (DATA / "templates" / name).read_text(encoding="utf-8")
    entries = {"kind": kind, **entries}
    if several:
        entries.setdefault("several", "one law")
        lines = "".join(f"  {toml(each)},\n" for each in traces)
        text = _TRACES.sub(lambda _: f"trace = [\n{lines}]\n", text, count=1)
    else:
        entries.update(traces[0])
    return _with_entries(text, entries)


def _with_entries(text: str, entries: Mapping[str, Any]) -> str:
    film = entries.get("film") or {}
    left = {key: value for key, value in entries.items() if key != "film" and value is not None}
    lines, heading = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            if heading == "":
                lines += [f"{key} = {toml(value)}" for key, value in _take_rest(left)]
            heading = line.strip("[]")
        if heading == "film":
            lines.append(_film_line(line, film))
        elif heading.startswith("fit"):
            lines.append(line)
        else:
            lines.append(_top_line(line, left))
    return "\n".join(lines) + "\n"


def _take_rest(left: dict[str, Any]) -> list[tuple[str, Any]]:
    rest = list(left.items())
    left.clear()
    return rest


def _top_line(line: str, left: dict[str, Any]) -> str:
    match = _ENTRY.match(line)
    if not match:
        return line
    key = match["key"]
    if key in left:
        return f"{key} = {toml(left.pop(key))}{_comment(match['rest'])}"
    is_open = line.startswith("#") or key not in _ACTIVE
    return line if is_open else f"# {line}"


def _film_line(line: str, film: Mapping[str, Any]) -> str:
    if not film:
        return line if not line or line.startswith("#") else f"# {line}"
    match = _ENTRY.match(line)
    if match and match["key"] in film and match["key"] in FILM:
        return f"{match['key']} = {toml(film[match['key']])}{_comment(match['rest'])}"
    return line


def _comment(rest: str) -> str:
    """Return the comment behind a value; no value of the templates holds a #."""
    _, mark, words = rest.partition("  # ")
    return mark + words
