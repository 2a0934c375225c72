"""Bytes on a disk as lines of text, or a refusal that says what the file is instead."""

from __future__ import annotations

import re
import sys
import warnings
import zlib
from pathlib import Path

from helpers.paths import read_start

_LARGEST_FILE = 64 << 20  # bytes, unpacked: about three million rows
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\x89HDF": "an HDF5 file",
    b"{\\rtf": "a formatted RTF document",
}
_ENCODINGS = {  # longest mark first: UTF-32's begins with UTF-16's
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def read_lines(path: str | Path) -> list[str]:
    """Return the lines of a text file; line 1 comes first, and an empty file is one empty line.

    The encoding may be UTF-8, UTF-16, UTF-32 or Latin-1, lines may end in any way (also several in one
    file), and the whole may be packed with gzip.

    Raises
    ------
    ValueError
        If the file is no text, is damaged or larger than 64 MiB; names the file, the cause and the row.
    OSError
        If the file is missing, is no regular file, or cannot be read.

    Examples
    --------
    >>> from helpers.paths import DATA
    >>> read_lines(DATA / "sample_data.csv")[0].startswith("-20.00,")
    True
    """
    path = Path(path)
    data = read_start(path, _LARGEST_FILE, "a text file")
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(path.name, data)
    if len(data) > _LARGEST_FILE:
        raise ValueError(f"{path.name}: larger than {_LARGEST_FILE >> 20} MiB; bin or crop the data first")
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            raise ValueError(f"{path.name}: this is {kind}, binary data and no text; export the table as CSV")
    text = _decoded(path.name, data).rstrip("\x1a")  # the end mark of old DOS files
    control = _CONTROL.search(text)
    if control:
        row = 1 + len(_LINE_END.findall(text, 0, control.start()))
        kind = "NUL bytes" if control.group() == "\0" else f"the control character {control.group()!r}"
        raise ValueError(
            f"{path.name}, row {row}: {kind}, so this is binary data, a damaged file or an unknown encoding;"
            " export the table as UTF-8 text"
        )
    return _LINE_END.split(text)


def _unpacked(file: str, data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(data, _LARGEST_FILE + 1)
    except zlib.error as error:
        raise ValueError(f"{file}: damaged gzip file ({error}); pack or copy it again") from error
    if len(text) <= _LARGEST_FILE and not unpacker.eof:
        raise ValueError(f"{file}: the gzip file is cut short (truncated); copy it again")
    if unpacker.unused_data.strip(b"\0"):
        raise ValueError(f"{file}: the gzip file has more than one part; unpack it first")
    return text


def _decoded(file: str, data: bytes) -> str:
    encoding = next((name for mark, name in _ENCODINGS.items() if data.startswith(mark)), None)
    if encoding is None and b"\0" in data:
        halves = data[::2].strip(b"\0"), data[1::2].strip(b"\0")
        if not all(halves):  # every second byte is zero: UTF-16 without a mark
            encoding = "utf-16-le" if halves[0] else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is None:
            return data.decode("latin-1")
        raise ValueError(f"{file}: damaged {encoding} text ({error.reason}); save it as UTF-8") from error


def shown(text: str) -> str:
    """Return a text as messages quote it, cut where it is long."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def warn(message: str) -> None:
    """Warn at the line outside of helpers that asked for the file, however deep the call is."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "helpers":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
