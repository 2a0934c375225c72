"""What the lines above the numbers say of the unit of the times: "Horizontal Units,s", "XAxis,Time(us)"."""

from __future__ import annotations

import re
from typing import NamedTuple

from helpers.traces.titles import other_unit_in, plain, says_time, time_unit_in, time_unit_only

_LINES = 500  # that are searched, the last ones
_FIELDS = re.compile(r"[;,\t:=|]+|\s{2,}")
_KEY = re.compile(
    r"(?:(?:x|horizontal|horiz\.?|h|time|t|delay|abscissa|zeit|temps|tiempo|tempo|时间|zeitachse|x[\s_-]?achse)"
    r"[\s_.-]*)"
    r"(?:axis|scale|base)?[\s_.-]*(?:units?|labels?|title|einheit|unité|unidad|unità|单位)?"
    r"|units?( of (the )?times?)?"
    r"|unit[\s_]?x|(?:column|col|spalte|colonne|columna)\.?\s?[01]|einheit(?:en)?|unités?|unidad(?:es)?|unità|单位",
    re.IGNORECASE,
)
_AXIS = {  # of a picture or an oscilloscope, with what is written on it
    "x": re.compile(
        r"(?:x|horizontal|horiz\.?|abscissa)[\s_.-]*(?:axis|achse)?[\s_.-]*(?:units?|labels?|title|einheit)|x[\s_-]?(?:axis|achse)",
        re.IGNORECASE,
    ),
    "y": re.compile(
        r"(?:y|vertical|vert\.?|ordinate)[\s_.-]*(?:axis|achse)?[\s_.-]*(?:units?|labels?|title|einheit)|y[\s_-]?(?:axis|achse)",
        re.IGNORECASE,
    ),
}
_NOT_THE_AXIS = re.compile(
    r"integ|acqui|exposure|measur(?!ed)|messzeit|collect|dwell|repet|rep\.?\s?rate|pulse|period|start|stop|live|real|dead"
    r"|gate|resol|(?<![a-z])per(?![a-z])|/\s?div|window|length|durat|rise|fall|scan|total|date|creat|saved|offset"
    r"|trig|interv|increm|sampl|step|range|bin(?![a-z])|chan|(?<![a-z])ch(?![a-z])|lifetime|respons|irf|laser"
    r"|shutter|wait|pause|aver|settl|filter|const|jitter|last|elapsed|since|limit|max|min(?![a-z])|belicht|öffn|width",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    r"(?:times?|delays?|zeit(?:en)?|temps|tiempos?|tempi?|x|t)(?![^\W\d_])[^.;:,]{0,30}?(?<![^\W\d_])(?:in|en)\s+"
    r"(?:units? of\s+)?([^\s.,;:()]+)",
    re.IGNORECASE,
)
_CALIBRATION = re.compile(
    r"([0-9]+(?:[.,][0-9]*)?(?:[eE][+-]?[0-9]{1,3})?)\s*([^\W\d]+)\s*(?:/|per|pro)\s*"
    r"(?:ch(?:an(?:nel)?)?|kanal|bin|pt)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"(?<![a-z])(?:increment|sequence|sample (?:interval|period)|xincr?)(?![a-z])", re.IGNORECASE
)
_OF_TIME = re.compile(
    r"time|delay|zeit|temps|tiempo|tempo(?!r)|horizontal|x.?axis|(?<![^\W_])(?:t|sec|seconds?)(?![^\W_])",
    re.I,
)
_CLEAR_UNIT = re.compile(r"(?<![^\W_])(?:s|sec|seconds?|[mµμunpf]s|min|h)(?![^\W_])")


class Statement(NamedTuple):
    """A row above the numbers, its text and the unit of time that it names."""

    row: int
    text: str
    unit: str


def stated(above: tuple[str, ...]) -> tuple[list[Statement], Statement | None]:
    """Return the lines that state the unit of the times, and the first other one that may be about it.

    Examples
    --------
    >>> stated(("Model,TBS1102", "Horizontal Units,s", "Integration time: 5 ms"))[0][0].unit
    's'
    """
    sure: list[Statement] = []
    unsure = None
    for row, line in list(enumerate(above, 1))[-_LINES:]:
        text = line.strip().lstrip("#%!;/ ").strip()
        if not text:
            continue
        if unit := _stated_in(text):
            sure.append(Statement(row, text, unit))
        elif unsure is None and _OF_TIME.search(text[:200]) and not _NOT_THE_AXIS.search(text[:200]):
            words = [time_unit_only(word) for word in re.split(r"[^\w]+", text[:200])]
            clear = _CLEAR_UNIT.search(text[:200])
            if clear and any(words):
                unsure = Statement(row, text, next(filter(None, words)))
    return sure, unsure


def width_of_a_channel(above: tuple[str, ...]) -> str:
    """Return what a line says of the step of a channel or sample, "5.48E-11 sec", or ""."""
    for line in above[-_LINES:]:
        if _STEP.search(line[:200]):
            return line.strip()[:60]
        if (found := _CALIBRATION.search(line[:200])) and time_unit_only(found[2]):
            return f"{found[1]} {time_unit_only(found[2])}"
    return ""


def said_of_axis(above: tuple[str, ...], axis: str) -> str:
    """Return what the last line about an axis, "x" or "y", writes on it ("Horizontal Units,mm"), or "".

    Examples
    --------
    >>> said_of_axis(("XAxis,Wavelength(nm)", "YAxis,Counts"), "x")
    'Wavelength(nm)'
    """
    for line in reversed(above[-_LINES:]):
        first, second = _first_two(line.strip().lstrip("#%!;/ "))
        if second and _AXIS[axis].fullmatch(first):
            return second
    return ""


def is_about_an_axis(fields: tuple[str, ...]) -> bool:
    """Say whether fields are a key and its value, "XAxis,Time(us)", and no titles of two columns."""
    return (
        len(fields) == 2
        and any(axis.fullmatch(fields[0]) for axis in _AXIS.values())
        and (not re.fullmatch(r"\d+", fields[1]))
    )


def _first_two(text: str) -> tuple[str, str]:
    fields = [field.strip(" \"'") for field in _FIELDS.split(text[:200])]
    fields = [field for field in fields if field]
    words = text[:200].split()
    if len(fields) == 1 and len(words) == 2 and _KEY.fullmatch(words[0]):
        return words[0], words[1]
    return fields[0] if fields else "", fields[1] if len(fields) > 1 else ""


def _stated_in(text: str) -> str:
    """Return the unit of time that a line surely states, or ""."""
    if text.upper().startswith("LECROY"):
        return "s"  # these oscilloscopes write "Time,Ampl" and always mean seconds
    first, second = _first_two(text)
    if _CALIBRATION.search(text[:200]):
        return ""
    if _KEY.fullmatch(first) and second:
        return _unit_not_an_amount(second)
    phrase = _PHRASE.search(text[:200])
    if phrase and not _NOT_THE_AXIS.search(text[: phrase.end()]) and time_unit_only(phrase[1]):
        return time_unit_only(phrase[1])
    if _NOT_THE_AXIS.search(first):
        return ""
    if says_time(first) and not time_unit_only(first) and not re.match(r"[+-]?[\d.]", second):
        return _unit_not_an_amount(first)
    if (unit := time_unit_only(first)) and not re.match(r"[+-]?[\d.]", second):
        is_clear = len(plain(first).strip("[](){}<> ")) > 1 and unit != "min"
        return unit if is_clear or (second and other_unit_in(f"[{second.strip('[](){}<> ')}]")) else ""
    return ""


def _unit_not_an_amount(title: str) -> str:
    """Return the unit in a title, but not that of an amount of time, "Time 5 s"."""
    unit = time_unit_in(title)
    is_amount = re.search(r"(?<![\w^])[+-]?\d+(?:[.,]\d+)?\s*[fpnumµμ]?s(?:ec\w*)?(?![^\W\d_])", title)
    return "" if is_amount and not re.search(r"10\s*\^|e-\d", title, re.I) else unit
