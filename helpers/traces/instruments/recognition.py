"""Which kind of file a file is, by its first bytes, and its reader."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.paths import read_start
from helpers.traces.instruments import (
    becker_hickl,
    counts,
    edinburgh,
    horiba,
    labview,
    picoharp,
    picoquant,
    sdt,
)
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table

_LOOKED_AT = 64 << 10  # bytes; the setup lines of SPCM are long
_OLE = b"\xd0\xcf\x11\xe0"
_PLACES_OF_HDF5 = (0, 512, 1024, 2048)  # MATLAB writes 512 bytes of its own first
_TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".asc", ".lvm")
_EXPORT_FIRST = {  # binary files that are not read
    ".phd": "an old file of PicoQuant; open it in its program and export the curve as text",
    ".pt3": "an old file of PicoQuant; convert it to .ptu, or export a histogram as text",
    ".ht3": "an old file of PicoQuant; convert it to .ptu, or export a histogram as text",
    ".thd": "an old file of PicoQuant; open it in its program and export the curve as text",
    ".spc": "a file of single photons or of a spectrum; export the decay as text",
    ".tdms": "a binary file of LabVIEW; save it as .lvm or CSV",
    ".opj": "a project of Origin; export the worksheet as CSV",
    ".opju": "a project of Origin; export the worksheet as CSV",
    ".mat": "a MATLAB file of an old version; save it with save(..., '-v7.3'), or the columns as CSV",
    ".fs": "a file of Edinburgh Instruments; export the curve as text",
    ".fl": "a file of Edinburgh Instruments; export the curve as text",
}


@dataclass(frozen=True)
class _Binary:
    """A kind of binary file: what messages call it, its suffixes, its first bytes, its reader."""

    name: str
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]
    read: Callable[[Path, Selection, str | None], Table]


def _read_excel(path: Path, selection: Selection, decimal: str | None) -> Table:
    from helpers.traces.instruments import excel  # takes a moment to import

    return excel.read(path, selection, decimal)


def _read_hdf5(path: Path, selection: Selection, decimal: str | None) -> Table:
    from helpers.traces.instruments import hdf5  # likewise

    return hdf5.read(path, selection)


def _is_hdf5(start: bytes) -> bool:
    return any(start[place : place + 8] == b"\x89HDF\r\n\x1a\n" for place in _PLACES_OF_HDF5)


_BINARY = (
    _Binary("Excel workbook", (".xlsx", ".xlsm"), lambda start: start.startswith(b"PK\x03\x04"), _read_excel),
    _Binary("HDF5 file", (".h5", ".hdf5", ".nxs"), _is_hdf5, _read_hdf5),
    _Binary(
        "histogram of PicoQuant",
        (".phu",),
        lambda start: start.startswith(picoquant.HISTOGRAMS),
        lambda path, selection, _: picoquant.read_histograms(path, selection),
    ),
    _Binary(
        "file of time-tagged photons of PicoQuant",
        (".ptu",),
        lambda start: start.startswith(picoquant.PHOTONS),
        lambda path, selection, _: picoquant.read_photons(path, selection),
    ),
    _Binary(
        "file of Becker & Hickl", (".sdt",), sdt.is_sdt, lambda path, selection, _: sdt.read(path, selection)
    ),
)


def read_instrument(path: Path, selection: Selection, decimal: str | None = None) -> Table | None:
    """Read a file of a known instrument or program; None for a plain text file.

    Parameters
    ----------
    path : Path
    selection : Selection
        What of the file is wanted.
    decimal : "." or ",", optional
        The decimal mark of a text file that leaves it open.

    Raises
    ------
    ValueError
        If the file is not understood, or does not hold what is wanted.
    OSError
        If the file is missing, is no regular file, or cannot be read.

    Examples
    --------
    >>> from helpers.paths import DATA
    >>> read_instrument(DATA / "sample_data.csv", Selection()) is None
    True
    """
    start = read_start(path, _LOOKED_AT, "a file of numbers")
    suffix = path.suffix.lower()
    kind = next((each for each in _BINARY if each.begins(start)), None)
    if kind is not None:
        named = next((each for each in _BINARY if suffix in each.suffixes), None)
        if named is not kind and (named or suffix in _TEXT_SUFFIXES):
            _refuse_wrong_name(path, kind, named)
        return kind.read(path, selection, decimal)
    _refuse_wrong_names(path.name, suffix, start)
    text = _text(start)
    for module in (picoharp, labview, becker_hickl, horiba, edinburgh):
        if module.MARK.search(text):
            return module.read(path, selection, decimal)
    if selection.channel_width is not None:
        return counts.read(path, selection, decimal)
    selection.refuse_others(path.name, "a text file")
    return None


def _refuse_wrong_name(path: Path, kind: _Binary, named: _Binary | None) -> None:
    """Refuse a binary file whose suffix says that it is another kind of file, or text."""
    if kind.suffixes[0] == ".xlsx":
        from helpers.traces.instruments import excel

        excel.refuse_other_archives(path)
    article = "an" if kind.name[0] in "EH" else "a"
    raise ValueError(
        f"{path.name}: this is {article} {kind.name}, binary data and no {named.name if named else 'text'},"
        f" under a wrong name; rename it to {path.stem}{kind.suffixes[0]}"
    )


def _refuse_wrong_names(file: str, suffix: str, start: bytes) -> None:
    """Refuse files whose name promises another kind of file, and binary ones that are not read."""
    if start.startswith(_OLE):
        raise ValueError(
            f"{file}: an old Excel workbook (.xls), binary data and no text, or a workbook with a"
            " password; open it in Excel and save it as .xlsx without a password, or as CSV"
        )
    is_page = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    if suffix in (".xls", ".xlsx", ".xlsm") and is_page:
        raise ValueError(
            f"{file}: a web page (HTML or XML) under the name of an Excel workbook; open it in Excel and"
            " save it as .xlsx, or as CSV"
        )
    named = next((each for each in _BINARY if suffix in each.suffixes), None)
    if named:
        cause = "it is empty" if not start else "its first bytes are others"
        raise ValueError(
            f"{file}: no {named.name}, although its name says so: {cause}; copy"
            " it again, or give it the name of what it is, such as .csv for text"
        )
    if suffix in _EXPORT_FIRST and b"\0" in start[:4096]:
        raise ValueError(f"{file}: {_EXPORT_FIRST[suffix]}")


def _text(start: bytes) -> str:
    """Return the first lines of a text, whatever its encoding; damage in it is for its reader to find."""
    if start.startswith(b"\x1f\x8b"):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, _LOOKED_AT)
        except zlib.error:
            return ""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = start.decode("utf-16", errors="ignore")
    elif start[1:2] == b"\0" or start[:1] == b"\0":
        text = start.decode("utf-16-le" if start[1:2] == b"\0" else "utf-16-be", errors="ignore")
    else:
        text = start.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
