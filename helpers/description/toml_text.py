"""TOML files with the line of each key, so that a message can say where something is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.description.toml_errors import explain
from helpers.paths import read_start

LARGEST_FILE = 1 << 20  # bytes; descriptions have a few thousand
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LINE_END = re.compile(r"\r\n|\r")
_LONGEST_LINE = 10_000  # letters
_ENDLESS_NUMBER = re.compile(r"(?<![\w.])(?:0[xob])?\d[\w.]{999,}")
_ENDLESS_KEY = re.compile(r"(?<![\w.-])(?:[\w-]+[ \t]*\.[ \t]*){40,}")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}'  # texts of several lines
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''  # texts of one line
    r"|#[^\n]*|\n|[\[\]{}=,.]"
    r"|[^\s\[\]{}=,.\"'#]+",
    re.DOTALL,
)

Way = tuple[str | int, ...]  # ("trace", 0, "file"): the key `file` of the first trace


@dataclass(frozen=True)
class Document:
    """What stands in a TOML file.

    Attributes
    ----------
    file : str
        The file's name without its folder, for messages.
    entries : dict
        The values, as `tomllib` gives them.
    lines : dict
        The line, from 1, of each key and of each table's heading.
    tables : tuple of (str, int)
        The headings as written, such as "[film]", with their lines, in the order of the file.
    """

    file: str
    entries: dict[str, Any]
    lines: dict[Way, int]
    tables: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        return f"Document({self.file!r}: {len(self.entries)} entries)"

    def line(self, *way: str | int) -> int | None:
        """Return the line of a key, or that of what it stands in."""
        below = [line for each, line in self.lines.items() if way and each[: len(way)] == way]
        while way and way not in self.lines and not below:
            way = way[:-1]
        return self.lines.get(way, min(below, default=None))

    def error(self, way: Way, reason: str) -> ValueError:
        """Return an error that names file and line; without the line where the key does not stand there."""
        line = self.line(*way)
        return ValueError(f"{self.file}: {reason}" if line is None else f"{self.file}, line {line}: {reason}")


def read_text(path: str | Path) -> str:
    """Return the text of a file, with line feeds between the lines.

    The encoding may be UTF-8 or UTF-16, with or without a byte-order mark, or Windows-1252.

    Raises
    ------
    ValueError
        If the file is larger than 1 MiB or is no text.
    OSError
        If the file is missing, is no regular file, or cannot be read.
    """
    path = Path(path)
    content = read_start(path, LARGEST_FILE, "a .toml file")
    if len(content) > LARGEST_FILE:
        raise ValueError(
            f"{path.name}: larger than {LARGEST_FILE >> 20} MiB, so this is no description;"
            " give the .toml file, not the data"
        )
    return _LINE_END.sub("\n", _decoded(path.name, content))


def _decoded(file: str, content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:2]:  # UTF-16 without a mark: every second byte is zero
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    for candidate in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = content.decode(candidate)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ValueError(f"{file}: this is no text, or a damaged one; save it as plain text in UTF-8")


def parse(file: str, text: str, keys: Mapping[str, str]) -> Document:
    """Return the entries of a TOML text with the lines of their keys.

    Parameters
    ----------
    file : str
        The file's name, for messages.
    text : str
        The file's text, with line feeds between the lines.
    keys : mapping of str to str
        The keys that may stand in the file, with what each of them takes; for messages only.

    Raises
    ------
    ValueError
        If the text is no TOML; says the line and what to write instead.

    Examples
    --------
    >>> document = parse("mine.toml", 'kind = "TA"' + chr(10) + "window = [0, 5]", {})
    >>> document.entries["window"], document.line("window")
    ([0, 5], 2)
    """
    _refuse_endless(file, text)
    try:
        entries = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"{file}: its brackets are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and Python's own about numbers of thousands of digits
        where = re.search(r"at line (\d+), column (\d+)", str(error))
        place = (int(where[1]), int(where[2])) if where else None
        line, reason = explain(text, place, _repeated(text, place), keys)
        raise ValueError(f"{file}, line {line}: {reason}") from None
    found, tables = _scan(text)
    lines: dict[Way, int] = {}
    for way, line in found:
        lines.setdefault(way, line)
    return Document(file, entries, lines, tables)


def _refuse_endless(file: str, text: str) -> None:
    """Refuse what is no description and would keep `tomllib` busy for minutes, or fill the memory."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST_LINE:
            reason = f"{len(line)} letters in one line; write each trace in a line of its own"
        elif len(line) > 80 and (found := _ENDLESS_NUMBER.search(line)):
            reason = (
                f"a number of {len(found.group())} digits; write the leading 15 of them and a power of ten"
            )
        elif len(line) > 80 and _ENDLESS_KEY.search(line):
            reason = "a key of more than 40 parts with points between them; delete it"
        else:
            continue
        raise ValueError(f"{file}, line {number}: {reason}")


def _repeated(text: str, place: tuple[int, int] | None) -> tuple[str, int, int] | None:
    """Return the first key that stands twice before the place of an error, with both lines."""
    end = place[0] if place else text.count("\n") + 1
    first: dict[Way, int] = {}
    for way, line in _scan(text)[0]:
        if line > end:
            return None
        if way in first:
            return str(way[-1]), first[way], line
        first[way] = line
    return None


def _scan(text: str) -> tuple[list[tuple[Way, int]], tuple[tuple[str, int], ...]]:
    """Return way and line of each key and heading, and the headings as they are written.

    For a text that `tomllib` has read, or as much of another one as can be made out.
    """
    scanner = _Scanner()
    for match in _TOKEN.finditer(text):
        scanner.take(match.group())
    return scanner.found, tuple(scanner.tables)


class _Scanner:
    """Walks through the tokens of a TOML text and notes where each key stands."""

    def __init__(self) -> None:
        self.found: list[tuple[Way, int]] = []
        self.tables: list[tuple[str, int]] = []
        self._line = 1
        self._table: Way = ()
        self._counts: dict[Way, int] = {}  # of the tables [[name]] so far
        self._open: list[tuple[str, Way, int]] = []  # brackets, whose value they are, brackets in them so far
        self._parts: list[str] = []  # of the key or heading that is being read
        self._heading = ""  # its brackets, while one is being read
        self._is_value = False
        self._key: Way = ()

    def take(self, token: str) -> None:
        if token == "\n":
            self._end_line()
        elif self._heading:
            self._take_heading(token)
        elif token in ("[", "{"):
            self._take_opening(token)
        elif token in ("]", "}"):
            self._is_value = True
            if self._open:
                self._open.pop()
        elif token == ",":
            self._take_comma()
        elif token == "=" and not self._is_value:
            self._key = (*self._base(), *self._parts)
            self.found.append((self._key, self._line))
            self._parts, self._is_value = [], True
        elif not self._is_value and token != "." and not token.startswith("#"):
            self._parts.append(_bare(token))
        self._line += token.count("\n")

    def _end_line(self) -> None:
        self._heading = ""
        if not self._open:
            self._parts, self._is_value = [], False

    def _take_heading(self, token: str) -> None:
        if token == "[":
            self._heading = "[["
        elif token == "]" and self._parts:
            name, way = ".".join(self._parts), (*self._resolved(tuple(self._parts[:-1])), self._parts[-1])
            if self._heading == "[[":
                self._counts[way] = self._counts.get(way, -1) + 1
                way = (*way, self._counts[way])
            self._table = way
            self.found.append((way, self._line))
            self.tables.append((f"[[{name}]]" if self._heading == "[[" else f"[{name}]", self._line))
            self._parts = []
        elif token not in ("]", "."):
            self._parts.append(_bare(token))

    def _take_opening(self, token: str) -> None:
        if token == "[" and not self._open and not self._is_value:
            self._heading = "["
            return
        way = self._key
        if self._open and self._open[-1][0] == "[":
            bracket, outer, number = self._open[-1]
            self._open[-1] = bracket, outer, number + 1
            way = (*outer, number)
            if token == "{":
                self.found.append((way, self._line))
        self._open.append((token, way, 0))
        self._is_value = token == "["

    def _take_comma(self) -> None:
        if self._open:
            self._is_value, self._parts = self._open[-1][0] == "[", []

    def _base(self) -> Way:
        return self._open[-1][1] if self._open else self._table

    def _resolved(self, way: Way) -> Way:
        """Return a way in which a name of tables [[name]] is followed by the number of the last of them."""
        return (*way, self._counts[way]) if way in self._counts else way


def _bare(token: str) -> str:
    return token[1:-1] if token[0] in "\"'" and len(token) > 1 else token
