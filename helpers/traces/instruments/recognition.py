"""Which kind of file a file is, by its first bytes, and its reader."""

from __future__ import annotations

import zlib
from pathlib import Path

from helpers.paths import read_start
from helpers.traces.instruments import (
    becker_hickl,
    counts,
    edinburgh,
    excel,
    hdf5,
    horiba,
    labview,
    picoharp,
    picoquant,
    sdt,
)
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table

_LOOKED_AT = 64 << 10  # bytes; the setup lines of SPCM are long
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".asc", ".lvm")
_SUFFIXES = {  # of binary files that are read
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".ptu": "a file of time-tagged photons of PicoQuant",
    ".phu": "a histogram of PicoQuant",
    ".sdt": "a file of Becker & Hickl",
    ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file",
    ".nxs": "an HDF5 file",
}
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
    kind = _binary(path, start)
    if kind is not None:
        reader, name, rightly = kind
        if suffix in (*_TEXT_SUFFIXES, *_SUFFIXES) and suffix not in rightly:
            raise ValueError(
                f"{path.name}: this is {name}, binary data and no {_SUFFIXES.get(suffix, 'text')}, under a"
                f" wrong name; rename it to {path.stem}{rightly[0]}"
            )
        return reader(path, selection, decimal) if reader is excel.read else reader(path, selection)
    _refuse_wrong_names(path.name, suffix, start)
    text = _text(start)
    if picoharp.MARK.search(text):
        return picoharp.read(path, selection)
    for module in (labview, becker_hickl, horiba, edinburgh):
        if module.MARK.search(text):
            return module.read(path, selection, decimal)
    if selection.channel_width is not None:
        return counts.read(path, selection, decimal)
    selection.refuse_others(path.name, "a text file")
    return None


def _binary(path: Path, start: bytes):
    """Return the reader of a binary file, what it is, and its suffixes; None for text."""
    if start.startswith(_ZIP):
        return excel.read, "a zip archive or an Excel workbook", (".xlsx", ".xlsm")
    if start.startswith(picoquant.HISTOGRAMS):
        return picoquant.read_histograms, "a histogram of PicoQuant", (".phu",)
    if start.startswith(picoquant.PHOTONS):
        return picoquant.read_photons, "a file of time-tagged photons", (".ptu",)
    if hdf5.is_hdf5(start):
        return hdf5.read, "an HDF5 file", (".h5", ".hdf5", ".nxs", ".mat")
    if sdt.is_sdt(start):
        return sdt.read, "a file of Becker & Hickl", (".sdt",)
    return None


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
    if suffix in _SUFFIXES:
        cause = "it is empty" if not start else "its first bytes are others"
        raise ValueError(
            f"{file}: no {_SUFFIXES[suffix].partition(' ')[2]}, although its name says so: {cause}; copy"
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
