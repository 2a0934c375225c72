"""Why a line is no TOML, and what to write instead.

`tomllib` says where it stopped, in the words of the format's grammar. The rules below look at that line for
what people do write: a decimal comma, a text without quotes, a Windows path. The first rule that recognises
something gives the sentence.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_TEXT_OR_COMMENT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*")
_KEY = re.compile(r"([\w-]+)\s*=(?!=)\s*")
_END_OF_VALUE = re.compile(r",\s*[\w-]+\s*=|\}")
_NUMBER = r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_POWER_OF_TEN = re.compile(r"([+-]?)(?:([\d.,]+)\s*[×x*·]\s*)?10\s*(?:\^|\*\*)\s*\(?([+-]?\d+)\)?")
_BOOLEAN = re.compile(r"true|false|yes|no|on|off", re.IGNORECASE)
_NOTHING = re.compile(r"none|null|nil|na|n/a|-+|\?+", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00a0\u2000-\u200f\u202f\u2060\u3000\ufeff\x00-\x08\x0b-\x1f\x7f]")
_TYPOGRAPHIC = re.compile("[“”„‟‘’‚«»`´″]")
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*([^\W\d_][\w^/*. -]*|[µμ]\w+)")


def plain_number(text: str) -> str | None:
    """Return a number as TOML writes it, or None where the text is none.

    Understands a decimal comma, a missing digit beside the point, leading zeros, groups of thousands,
    powers of ten as in 1.5×10^5, a per cent sign and the typographic minus.

    Examples
    --------
    >>> plain_number("0,2"), plain_number(".5"), plain_number("1_000,5"), plain_number("10^16")
    ('0.2', '0.5', '1000.5', '1e16')
    """
    text = re.sub(r"\s*%$", "", text.strip().replace("−", "-").replace("–", "-").replace("\u00a0", " "))
    power = _POWER_OF_TEN.fullmatch(text)
    if power:
        text = f"{power[1]}{power[2] or 1}e{power[3]}"
    text = re.sub(r"(?<=\d)[ _'’](?=\d{3}(?!\d))", "", text)
    marks = re.findall(r"[.,]", text)
    if len(set(marks)) == 2 or len(marks) > 1:  # the last one is the decimal mark, if there are two kinds
        thousands = marks[0]
        text = text.replace(thousands, "")
    text = text.replace(",", ".")
    text = re.sub(r"^([+-]?)\.(?=\d)", r"\g<1>0.", text)
    text = re.sub(r"(\d)\.(?!\d)", r"\1.0", text)
    text = re.sub(r"^([+-]?)0+(?=\d)", r"\1", text)
    return text if re.fullmatch(_NUMBER, text, re.ASCII) else None


def without_prefix(text: str, unit: str) -> str | None:
    """Return a number with a unit such as "80 MHz" in the unit itself; None where it is none.

    Examples
    --------
    >>> without_prefix("80 MHz", "Hz"), without_prefix("0.3 um", "nm"), without_prefix("5 ns", "Hz")
    ('80e6', '0.3e3', None)
    """
    found = re.fullmatch(rf"({_NUMBER})\s*(\w*?){unit[-1] if unit == 'nm' else unit}", text.strip())
    prefixes = (
        {"": -9, "n": 0, "u": 3, "µ": 3, "μ": 3, "m": 6} if unit == "nm" else {"": 0, "k": 3, "M": 6, "G": 9}
    )
    if not found or found[2] not in prefixes or "e" in found[1].lower():
        return None
    if unit == "nm" and found[2] == "":
        return f"{found[1]}e9"
    return found[1] + (f"e{prefixes[found[2]]}" if prefixes[found[2]] else "")


def nearest(name: str, known: Mapping[str, object] | list[str]) -> str | None:
    """Return the known name that resembles a name most, whatever the case; None if none does.

    Examples
    --------
    >>> nearest("Thicknes_nm", ["thickness_nm", "wavelength_nm"])
    'thickness_nm'
    """
    lowered = {each.lower(): each for each in reversed(list(known))}
    found = difflib.get_close_matches(name.lower(), lowered, n=1)
    return lowered[found[0]] if found else None


@dataclass(frozen=True)
class _Spot:
    """The place where reading stopped, taken apart.

    `bare` is the line with the inside of its texts replaced by _ and without its comment; `column` counts
    from 0; `key` is the one whose `value` is being read, if any; `opened` is the innermost bracket that is
    open there, with its line.
    """

    number: int
    line: str
    bare: str
    column: int
    key: str
    value: str
    opened: tuple[str, int] | None
    keys: Mapping[str, str]

    def write(self, value: str) -> str:
        """Return a remedy that names the key, where there is one."""
        return f"write {self.key} = {value}" if self.key else f"write {value}"


def explain(
    text: str,
    place: tuple[int, int] | None,
    repeated: tuple[str, int, int] | None,
    keys: Mapping[str, str],
) -> tuple[int, str]:
    """Return the line of an error and a sentence about it.

    Parameters
    ----------
    text : str
        The whole text.
    place : (int, int) or None
        Line and column, both from 1, where reading stopped; None for the end of the text.
    repeated : (str, int, int) or None
        A key that stands twice, and its two lines.
    keys : mapping of str to str
        The known keys, and what each of them takes.
    """
    if repeated:
        key, first, second = repeated
        return second, f"{key} stands in line {first} already; keep one of the two"
    lines = text.split("\n")
    number, column = place or (len(lines), len(lines[-1]) + 1)
    opened = _innermost_bracket("\n".join([*lines[: number - 1], lines[number - 1][: column - 1]]))
    if opened and opened[0] == '"""':
        return opened[1], 'the text that begins with """ in this line has no end; close it with """'
    while number > 1 and not lines[number - 1].strip():
        number -= 1
        column = len(lines[number - 1]) + 1
    spot = _spot(lines[number - 1], number, column - 1, opened, keys)
    for rule in _RULES:
        reason = rule(spot)
        if reason:
            return number, reason
    return number, (
        f"{_cut(spot.line)} is not understood; write key = value, texts in quotes, numbers with a decimal"
        " point, remarks after #"
    )


def _spot(
    line: str, number: int, column: int, opened: tuple[str, int] | None, keys: Mapping[str, str]
) -> _Spot:
    bare = _TEXT_OR_COMMENT.sub(_blanked, line)
    before = [match for match in _KEY.finditer(bare) if match.start() < max(column, 1)]
    key, value = "", line[: len(bare)].strip()
    if before:
        key, start = before[-1][1], before[-1].end()
        stop = _END_OF_VALUE.search(bare, start)
        value = line[start : stop.start() if stop else len(bare)].strip()
        if not value.startswith("["):
            value = value.rstrip("],").strip()
    return _Spot(number, line, bare, column, key, value, opened, keys)


def _blanked(match: re.Match[str]) -> str:
    found = match.group()
    return "" if found[0] == "#" else found[0] + "_" * (len(found) - 2) + found[0]


def _innermost_bracket(text: str) -> tuple[str, int] | None:
    open_brackets: list[tuple[str, int]] = []
    line = 1
    for match in re.finditer(
        r'"""(?:\\.|[^\\])*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}\n]', text, re.DOTALL
    ):
        token = match.group()
        if token in ("[", "{"):
            open_brackets.append((token, line))
        elif token in ("]", "}"):
            del open_brackets[-1:]
        elif token.startswith('"""') and (len(token) < 6 or not token.endswith('"""')):
            return '"""', line
        line += token.count("\n")
    return open_brackets[-1] if open_brackets else None


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= 60 else text[:57] + "..."


def _backslash(spot: _Spot) -> str | None:
    path = re.search(r'"[^"]*\\[^"]*"?', spot.line)
    if not path:
        return None
    return (
        f"{_cut(path.group())}: a backslash between double quotes begins a special character; write a Windows"
        " path with /, or between single quotes: 'C:\\data\\mine.csv'"
    )


def _typographic_quotes(spot: _Spot) -> str | None:
    found = _TYPOGRAPHIC.search(spot.bare)
    if not found:
        return None
    remedy = re.sub("[“”„‟‘’‚«»`´″]|''|,,", '"', spot.line.split("#")[0].strip())
    return f"{found.group()} is a typographic quotation mark; write straight ones: {_cut(remedy)}"


def _missing_quote(spot: _Spot) -> str | None:
    if spot.bare.count('"') % 2 == 0 and spot.bare.count("'") % 2 == 0:
        return None
    if "'" in spot.bare and '"' not in spot.bare and spot.bare.count("'") > 1:
        return f"{_cut(spot.line)}: put a text that holds a ' between double quotes"
    return f"{_cut(spot.line)}: a quotation mark is missing; texts stand between two of them, in one line"


def _invisible(spot: _Spot) -> str | None:
    found = _INVISIBLE.search(spot.line)
    if not found:
        return None
    return (
        f"an invisible character (U+{ord(found.group()):04X}) stands in column {found.start() + 1};"
        " delete it, and type a blank where one is needed"
    )


def _comment(spot: _Spot) -> str | None:
    found = re.search(r"(?:^|\s)(//|;|%|--|!|/\*)", spot.bare)
    if not found or re.match(r"\s*\[", spot.value):
        return None
    return f"{_cut(spot.line[found.start(1) :])}: a remark begins with #, not with {found[1]}"


def _heading(spot: _Spot) -> str | None:
    if (
        "=" in spot.bare
        or not re.match(r"\s*\[", spot.bare)
        or (spot.opened and spot.opened[1] < spot.number)
    ):
        return None
    name = re.search(r"[A-Za-z][\w.-]*", spot.bare)
    written = f"[{name.group() if name else 'film'}]"
    return (
        f"{_cut(spot.line)}: a heading is one name in brackets on a line of its own, for instance {written}"
    )


def _no_equals(spot: _Spot) -> str | None:
    if spot.key or (spot.opened and spot.opened[1] < spot.number):
        return None
    found = re.fullmatch(r"\s*([A-Za-z][\w-]*)(?:\s*:=?\s*|\s+)(\S.*?)\s*", spot.line[: len(spot.bare)])
    if found and "=" not in found[2]:
        remedy = _value(found[2])
        return f"{_cut(spot.line)}: = is missing between key and value; write {found[1]} = {_cut(remedy)}"
    word = re.fullmatch(r"\s*([A-Za-z][\w-]*)\s*", spot.bare)
    if word:
        return f"{word[1]} has no value; write {word[1]} = and a value, or delete the line"
    return None


def _value(text: str) -> str:
    """Return what somebody meant as TOML writes it, as well as can be told."""
    number = plain_number(text)
    if number is not None:
        return number
    return f'"{text}"' if re.fullmatch(r"[A-Za-z][^\"\[\]{}\\]*", text) else text


def _double_equals(spot: _Spot) -> str | None:
    found = re.search(r"([\w-]+)\s*==\s*(.*)", spot.line)
    return f"write {found[1]} = {_cut(_value(found[2].strip()))} with one =" if found else None


def _bad_key(spot: _Spot) -> str | None:
    for found in re.finditer(r"(?:^|[{,])\s*([^\s={},\[\]\"'#][^={},\[\]\"'#]*?)\s*=", spot.bare):
        key = found[1]
        if re.fullmatch(r"[A-Za-z0-9_.-]+", key):
            continue
        meant = nearest(key.replace("µ", "u").replace("μ", "u").replace(" ", "_"), spot.keys)
        remedy = f"write {meant}" if meant else "use letters a to z, digits and _"
        return f"{_cut(key)} is no key: keys have no blanks and no letters beside a to z; {remedy}"
    return None


def _no_value(spot: _Spot) -> str | None:
    if not spot.key or spot.value:
        return None
    return f"{spot.key} has no value; write one after the =, or delete {spot.key}"


def _several_values(spot: _Spot) -> str | None:
    takes_two = spot.keys.get(spot.key, "").startswith("two numbers")
    if not re.fullmatch(rf"{_NUMBER}(\s*,{'' if takes_two else ' '}\s*{_NUMBER})+", spot.value):
        return None
    return f"{spot.value}: several values stand in square brackets; {spot.write(f'[{spot.value}]')}"


def _number(spot: _Spot) -> str | None:
    number = plain_number(spot.value)
    if number is None or number == spot.value:
        return None
    if spot.value.endswith("%") and not spot.key.endswith("_percent"):
        number = f"{float(number) / 100:g}"
    elif re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", spot.value):
        number += f", or {spot.value.replace(',', '')} if the comma separates thousands"
    return f"{spot.value} is no number in TOML; {spot.write(number)}"


def _number_with_unit(spot: _Spot) -> str | None:
    found = _WITH_UNIT.fullmatch(spot.value)
    if not found:
        return None
    wanted = spot.keys.get(spot.key)
    unit = next((each for each in ("Hz", "nm") if spot.key.endswith(f"_{each}")), None)
    converted = without_prefix(spot.value, unit) if unit else None
    remedy = f"{spot.key} takes {wanted}" if wanted else spot.write(found[1])
    if converted:
        remedy = f"{spot.write(converted)} ({unit})"
    return f"{_cut(spot.value)}: a number stands without its unit; {remedy}"


def _boolean(spot: _Spot) -> str | None:
    if not _BOOLEAN.fullmatch(spot.value):
        return None
    wanted = spot.keys.get(spot.key)
    if wanted:
        return f"{spot.value} is no value of {spot.key}; {spot.key} takes {wanted}"
    return f"{spot.value} is not understood; no key takes yes or no, write a number or a text in quotes"


def _nothing(spot: _Spot) -> str | None:
    if not spot.key or not _NOTHING.fullmatch(spot.value):
        return None
    return f"{spot.key} = {spot.value}: what is not known is left out; delete {spot.key}"


def _bare_text(spot: _Spot) -> str | None:
    if not spot.key or not re.fullmatch(r"[^\W\d][^\"'\[\]{}#=]*|[\w./:\\-]+\.[A-Za-z]\w*", spot.value):
        return None
    quoted = f"'{spot.value}'" if "\\" in spot.value else f'"{spot.value}"'
    return f"{_cut(spot.value)} needs quotes, it is a text; {spot.write(quoted)}"


def _parentheses(spot: _Spot) -> str | None:
    if not spot.value.startswith("("):
        return None
    remedy = f"[{spot.value.strip('()')}]"
    return f"{_cut(spot.value)}: several values stand in square brackets; {spot.write(remedy)}"


def _list_item(spot: _Spot) -> str | None:
    in_list = spot.opened is not None and spot.opened[0] == "["
    if not in_list and not spot.value.startswith("["):
        return None
    if re.search(r"(?<![\d,.])[1-9]\d{0,2},0\d\d(?!\d)", spot.value):
        return f"{_cut(spot.value)}: write thousands without a comma, as in [0, 1000]"
    for item in re.split(r"[\[\],]", spot.value):
        item = item.strip()
        if ";" in item or re.fullmatch(r"[+-]?[\d.]+(\s+[+-]?[\d.]+)+", item):
            return f"{_cut(spot.value)}: the values in a list are separated by commas, as in [0, 100]"
        if plain_number(item) not in (None, item):
            return f"{item} is no number in TOML; write {plain_number(item)}"
        if re.fullmatch(r"[A-Za-z]\w*", item):
            return f'{item} needs quotes, it is a text; write "{item}"'
    return None


def _braces(spot: _Spot) -> str | None:
    if not spot.opened or spot.opened[0] != "{":
        return None
    rest = spot.bare[spot.column :].strip()
    if spot.opened[1] == spot.number and rest:
        if re.match(r"\}", rest) and spot.bare[: spot.column].rstrip().endswith(","):
            return "the last entry before } has no comma behind it; delete that comma"
        return None
    return (
        f"the braces that open in line {spot.opened[1]} are not closed there; write {{ ... }} in one line, or"
        " a heading, [film] or [[trace]], with one entry a line below it"
    )


def _open_bracket(spot: _Spot) -> str | None:
    if not spot.opened or spot.opened[0] != "[" or spot.opened[1] == spot.number:
        return None if not spot.opened or spot.bare[spot.column :].strip() else "a closing ] is missing"
    return (
        f"the list that opens in line {spot.opened[1]} goes wrong before {_cut(spot.line[spot.column :])!r};"
        " write a comma after each entry, and ] after the last"
    )


_RULES = (
    _backslash,
    _typographic_quotes,
    _missing_quote,
    _invisible,
    _several_values,
    _number,
    _no_value,
    _comment,
    _heading,
    _double_equals,
    _no_equals,
    _bad_key,
    _number_with_unit,
    _boolean,
    _nothing,
    _bare_text,
    _parentheses,
    _list_item,
    _braces,
    _open_bracket,
)
