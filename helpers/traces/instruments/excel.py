"""Excel workbooks (.xlsx, .xlsm): a sheet as columns of numbers, formulas with the last computed values."""

from __future__ import annotations

import datetime
import io
import math
import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
from openpyxl.utils import get_column_letter

from helpers.paths import read_start
from helpers.traces.instruments.fields import number
from helpers.traces.instruments.refusal import RefusedError, damage
from helpers.traces.instruments.selection import Selection, listed, nearest
from helpers.traces.table import Table
from helpers.traces.texts import shown
from helpers.units import is_time

_LARGEST_FILE = 64 << 20  # bytes, packed
_LARGEST_UNPACKED = 256 << 20
_MOST_CELLS = 5_000_000
_MOST_ROWS = 1_048_576  # of a sheet of Excel
_REMEDY = "open it in Excel and save it again, or save the sheet as CSV"
_NUMBER_AS_TEXT = re.compile(r"[\s'’]*[+-]?[\d.,'’\s]*\d[\d.,'’\s]*([eE][+-]?\d+)?\s*", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_NO_VALUE = re.compile(r"\W*|[+-]?(nan|inf|infinity)|n/?a|null|none|#.*", re.IGNORECASE)


@dataclass(frozen=True)
class _Cell:
    """A cell that is not empty: its number, or its text where it is none."""

    number: float
    text: str = ""
    is_error: bool = False


_Row = dict[int, _Cell]  # by column, from 0


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read a sheet of an Excel workbook.

    The numbers begin in the first row that holds nothing but numbers, errors and numbers stored as text;
    the row above them names the columns, or gives their units below their names. Formulas count with the
    value that Excel computed last. Hidden sheets are read only if their name is given. Numbers stored as
    text are read where they are whole, or where `decimal` says what marks their decimals.

    Raises
    ------
    ValueError
        If the workbook or the sheet is not understood: names the sheets to choose from, or the cell.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "an Excel workbook", "sheet")
    data = refuse_other_archives(path)
    rows, name = _cells(file, data, selection.sheet, decimal)
    file = f"{file}, sheet {name!r}"
    table = _table(file, rows)
    _refuse_uncomputed(file, data, name, table)
    return table.table


def refuse_other_archives(path: Path) -> bytes:
    """Return the bytes of a workbook, or refuse another zip archive and say what it is.

    Raises
    ------
    ValueError
        If it is none, is damaged, has a password, or would be too large when unpacked.
    OSError
        If the file cannot be read.
    """
    file = path.name
    data = read_start(path, _LARGEST_FILE, "an Excel workbook")
    if len(data) > _LARGEST_FILE:
        raise ValueError(
            f"{file}: larger than {_LARGEST_FILE >> 20} MiB; save the sheet with the decay alone"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ValueError(
            f"{file}: a zip archive or an Excel workbook, damaged or cut short ({error}); copy it again"
        ) from error
    if any(entry.flag_bits & 1 for entry in entries.values()):
        raise ValueError(f"{file}: the archive has a password; save it without one")
    if "xl/workbook.bin" in entries:
        raise ValueError(f"{file}: a binary Excel workbook (.xlsb); save it as .xlsx")
    if "content.xml" in entries:
        raise ValueError(f"{file}: a LibreOffice document (.ods); save it as .xlsx, or the sheet as CSV")
    if "xl/workbook.xml" not in entries:
        raise ValueError(f"{file}: a zip archive and no Excel workbook; unpack it, and give the file in it")
    unpacked = sum(entry.file_size for entry in entries.values())
    if unpacked > _LARGEST_UNPACKED:
        raise ValueError(
            f"{file}: unpacked it would be {unpacked >> 20} MiB large, more than {_LARGEST_UNPACKED >> 20}"
            " MiB; save the sheet with the decay alone, without pictures"
        )
    return data


def _open(file: str, data: bytes, *, values: bool) -> Any:
    """Return the workbook, with the values of its formulas or with the formulas themselves."""
    with damage(file, _REMEDY), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and validations, which are not needed
        return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values)


def _cells(file: str, data: bytes, wanted: str | None, decimal: str | None) -> tuple[dict[int, _Row], str]:
    """Return the cells of the chosen sheet by row, from 1, and the sheet's name."""
    book = _open(file, data, values=True)
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    shown_ones = [name for name, sheet in sheets.items() if sheet.sheet_state == "visible"]
    if wanted is not None:
        name = _find(file, wanted, sheets, shown_ones)
        return _read_sheet(file, sheets[name], decimal), name
    if not shown_ones:
        raise ValueError(
            f"{file}: all its sheets are hidden; give one of them with sheet=...: {listed(sheets)}"
        )
    filled = {name: rows for name in shown_ones if (rows := _read_sheet(file, sheets[name], decimal))}
    with_numbers = {name: rows for name, rows in filled.items() if any(map(_is_data, rows.values()))}
    filled = with_numbers or filled
    if len(filled) > 1:
        raise ValueError(
            f"{file}: several sheets; choose one with sheet=..., which is one of {listed(filled)}"
        )
    if not filled:
        raise ValueError(f"{file}: no sheet holds anything; the data is empty")
    name, rows = next(iter(filled.items()))
    return rows, name


def _find(file: str, wanted: str, sheets: dict[str, Any], visible: Sequence[str]) -> str:
    if wanted in sheets:
        return wanted
    alike = [name for name in sheets if name.strip().lower() == wanted.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    meant = nearest(wanted, sheets)
    hint = f"; the nearest one is {meant!r}" if meant else ""
    raise ValueError(f"{file}: there is no sheet {wanted!r}{hint}; give one of {listed(visible or sheets)}")


def _read_sheet(file: str, sheet: Any, decimal: str | None) -> dict[int, _Row]:
    rows: dict[int, _Row] = {}
    count = 0
    with damage(f"{file}, sheet {sheet.title!r}", _REMEDY):
        sheet.reset_dimensions()  # what the file says of them may be wrong, and is not needed
        for index, cells in enumerate(sheet.iter_rows(), 1):
            count += len(cells)
            if index > _MOST_ROWS or count > _MOST_CELLS:
                raise ValueError(f"more than {_MOST_ROWS} rows or {_MOST_CELLS} cells")
            row = {j: cell for j, each in enumerate(cells) if (cell := _cell(each, decimal)) is not None}
            if row:
                rows[index] = row
    return rows


def _cell(cell: Any, decimal: str | None) -> _Cell | None:
    value = cell.value
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        return _Cell(math.nan, str(value).upper(), is_error=True)
    if isinstance(value, int | float):
        return _Cell(float(value)) if abs(value) < 1e308 else _Cell(math.nan, str(value), is_error=True)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
        return _Cell(math.nan, f"the date or clock time {value}", is_error=True)
    text = str(value).strip()
    stored = number(text, decimal) if decimal else float(text) if _WHOLE.fullmatch(text) else None
    if stored is not None:
        return _Cell(stored)
    return _Cell(math.nan, text, is_error=cell.data_type == "e" or text.startswith("#"))


@dataclass(frozen=True)
class _Sheet:
    """The table of a sheet, and the sheet's column (from 0) of each of its columns."""

    table: Table
    columns: list[int]


def _table(file: str, rows: dict[int, _Row]) -> _Sheet:
    first = _first_row(file, rows)
    body = [(row, cells) for row, cells in rows.items() if row >= first]
    above = [(row, cells) for row, cells in rows.items() if row < first]
    columns = sorted(
        {
            j
            for _, cells in body
            for j, cell in cells.items()
            if not cell.text or cell.is_error or _NUMBER_AS_TEXT.fullmatch(cell.text)
        }
    )
    values = np.full((len(body), len(columns)), np.nan)
    texts = {}
    for i, (_, cells) in enumerate(body):
        for k, j in enumerate(columns):
            if j not in cells:
                continue
            values[i, k] = cells[j].number
            if cells[j].text:
                texts[i, k] = cells[j].text
    names, units, rest = _header(above, columns)
    numbers = np.array([row for row, _ in body])
    letters = tuple(get_column_letter(j + 1) for j in columns)
    return _Sheet(Table(file, values, numbers, names, units, rest, texts, letters=letters), columns)


def _first_row(file: str, rows: dict[int, _Row]) -> int:
    """Return where the numbers begin."""
    likely = [row for row, cells in rows.items() if _is_data(cells)]
    for fewest in (2, 1):  # a single number in a row is rather a setting, where others have two
        for row in likely:
            if len(rows[row]) >= fewest and not _are_names(rows, row, likely):
                return _with_spoilt_rows(rows, row)
    as_text = next(
        ((row, cell) for row, cells in rows.items() for cell in cells.values() if _looks_like_number(cell)),
        None,
    )
    if as_text:
        raise ValueError(
            f"{file}, row {as_text[0]}: {shown(as_text[1].text)} is stored as text, and no row holds"
            " numbers; say what marks the decimals with decimal=',' or decimal='.', or convert the cells to"
            " numbers in Excel"
        )
    lying = any(sum(not cell.text for cell in cells.values()) > 2 for cells in rows.values())
    remedy = "write one point per row" if lying else "give a sheet with columns of time and signal"
    raise ValueError(f"{file}: no row holds numbers alone; {remedy}")


def _with_spoilt_rows(rows: dict[int, _Row], first: int) -> int:
    """Return the first row of numbers, or one just above it in which only some cells are numbers."""
    column = min(rows[first])
    while (cells := rows.get(first - 1)) and len(cells) > 1 and column in cells:
        time, others = cells[column], [cell for j, cell in cells.items() if j > column]
        begins = not time.text or (time.text[:1].isdigit() and any(not cell.text for cell in others))
        if not begins:
            break
        first -= 1
    return first


def _is_data(cells: _Row) -> bool:
    """Say whether a row belongs to the numbers, be it a spoilt one."""
    some = any(not cell.text for cell in cells.values()) or all(cell.is_error for cell in cells.values())
    return some and all(not cell.text or cell.is_error or _looks_like_number(cell) for cell in cells.values())


def _looks_like_number(cell: _Cell) -> bool:
    return bool(cell.text) and bool(_NUMBER_AS_TEXT.fullmatch(cell.text) or _NO_VALUE.fullmatch(cell.text))


def _are_names(rows: dict[int, _Row], row: int, likely: Sequence[int]) -> bool:
    """Say whether numbers are names of columns, as wavelengths are: the times begin below them."""
    below = [rows[each] for each in likely if each > row]
    column = min((min(cells) for cells in below), default=0)
    return (
        len(below) > 1
        and min(rows[row]) > column
        and sum(column in cells for cells in below) > len(below) / 2
    )


def _header(
    above: list[tuple[int, _Row]], columns: Sequence[int]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the names of the columns, their units, and the other rows above the numbers as lines."""
    words = [tuple(_word(cells.get(j)) for j in columns) for _, cells in above]
    lines = tuple("\t".join(_word(cell) for cell in cells.values()) for _, cells in above)
    if not words or not any(words[-1]):
        return (), (), lines
    bare = tuple(word.strip("[]() ") for word in words[-1])
    if is_time(bare[0]):
        if len(words) > 1 and any(words[-2]):
            return words[-2], bare, lines[:-2]
        return (), bare, lines[:-1]
    return words[-1], (), lines[:-1]


def _word(cell: _Cell | None) -> str:
    if cell is None:
        return ""
    return cell.text if cell.text else f"{cell.number:.12g}"


def _refuse_uncomputed(file: str, data: bytes, name: str, sheet: _Sheet) -> None:
    """Refuse formulas without a value, which look like empty cells: not every program computes them."""
    table = sheet.table
    empty = np.isnan(table.values)
    for i, j in table.texts:
        empty[i, j] = False
    first, last = int(table.rows[0]), int(table.rows[-1])
    # A column of formulas without any value is no column of the table: so every cell is looked at.
    places = {(int(table.rows[i]), sheet.columns[j]) for i, j in zip(*np.nonzero(empty), strict=True)}
    with damage(file, _REMEDY):
        rows = _open(file, data, values=False)[name].iter_rows(min_row=first, max_row=last)
        for index, cells in enumerate(rows, first):
            for j, cell in enumerate(cells):
                is_open = (index, j) in places or j not in sheet.columns
                if is_open and cell.data_type == "f":
                    raise RefusedError(
                        f"{file}, row {index}: the formula {shown(str(cell.value))} has no value (cell"
                        f" {get_column_letter(j + 1)}{index}); open the workbook in Excel and save it"
                    )
