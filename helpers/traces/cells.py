"""The chosen columns of a table as numbers: every cell and row is sound, or the file is refused by row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from helpers.traces.dialects import SPREADSHEET_ERROR
from helpers.traces.table import Table
from helpers.traces.texts import shown, warn
from helpers.traces.titles import bracketed
from helpers.units import is_time, seconds

_LARGEST_VALUE = 1e100  # its cube is still a number
_SMALLEST_PEAK = 1e-100  # likewise
_REMEDY = "correct or delete the row, or mark it as a comment with '#'"
_NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*(?:[eEdD]([+-]?\d+))?")
_FEWEST_FOR_A_TOTAL = 4  # rows above one that adds them up
_OUT_OF_LINE = 30  # times all that follows
_SHORTEST, _LONGEST = 1e-4, 1e8  # spans in a unit below the second, that nobody writes in this unit
_LONGEST_IN_SECONDS = 1e7


class Cells(NamedTuple):
    """Times, signal and perhaps sigma, with the row of each."""

    rows: np.ndarray
    t: np.ndarray
    signal: np.ndarray
    sigma: np.ndarray | None


def label(table: Table, column: int) -> str:
    """Return how messages call a column: by its number, from 1, or its letter, and its name."""
    name = table.title(column)
    place = table.letters[column] if table.letters else column + 1
    return f"column {place}" + (f" ({shown(name)})" if name else "")


def unit(table: Table, column: int) -> str:
    """Return a column's unit from the line of units or from a name such as "PL [counts]"; "" without one."""
    if table.units and table.units[column]:
        return table.units[column]
    return bracketed(table.title(column))


def sound_cells(table: Table, chosen: Sequence[int], repeated: str) -> Cells:
    """Return the chosen columns, up to where they end.

    One rule for every cell of a chosen column: it is a finite number, or the file is refused with its row.
    Empty cells at the end of a signal, where another column goes on, are its end.

    Raises
    ------
    ValueError
        By row, if a cell is no number, times do not increase or lost their digits, a sigma is not positive,
        or a row is the total of those above it; also if the signal is too small for its powers.
    """
    end = _end(table, chosen)
    rows, values = table.rows[:end], table.values[:end, list(chosen)]
    _refuse_bad_cells(table, chosen, end)
    _refuse_large(table, rows, values)
    _refuse_total(table, rows, values)
    if len(chosen) > 2:
        _refuse_bad_sigma(table, chosen, rows, values[:, 2])
    if repeated == "mean":
        rows, values = _merged(table, rows, values)
    _refuse_bad_times(table, rows, values[:, 0])
    if 0 < np.abs(values[:, 1]).max(initial=0) < _SMALLEST_PEAK:
        raise ValueError(f"{table.file}: the signal is too small, n^3 would vanish; rescale the column")
    _warn_of_a_first_row_out_of_line(table, rows, values[:, 1])
    return Cells(rows, values[:, 0], values[:, 1], values[:, 2] if len(chosen) > 2 else None)


def _end(table: Table, chosen: Sequence[int]) -> int:
    """Return the number of rows before the end of the signal, where it ends before other columns do."""
    has_text = np.zeros(table.values.shape, bool)
    for place in table.texts:
        has_text[place] = True
    filled = ~np.isnan(table.values) | has_text
    others = np.delete(filled, list(chosen), axis=1).any(axis=1)
    end = len(table.values)
    while end > 0 and others[end - 1] and not filled[end - 1, list(chosen[1:])].any():
        end -= 1
    if end == 0:
        raise ValueError(
            f"{table.file}: {label(table, chosen[1])} holds no number; choose the columns of time and signal"
            " with columns=[...]"
        )
    return end


def _refuse_bad_cells(table: Table, chosen: Sequence[int], end: int) -> None:
    bad = np.argwhere(np.isnan(table.values[:end, list(chosen)]))
    if not len(bad):
        return
    index, place = (int(each) for each in bad[0])
    column = chosen[place]
    text = table.texts.get((index, column), "")
    words = _words_of_a_row(table, index)
    if not text:
        cause = f"the field in {label(table, column)} is empty, its value is missing"
    elif SPREADSHEET_ERROR.fullmatch(text):
        cause = (
            f"{shown(text)} is not a finite number but an error of the spreadsheet, in {label(table, column)}"
        )
    elif (found := _NUMBER.fullmatch(text)) and found[1]:
        size = "too small, it would be read as zero" if found[1].startswith("-") else "too large"
        cause = f"{shown(text)}: {size}, in {label(table, column)}"
    else:
        cause = f"{shown(text)} is not a finite number{_about_decimals(text)}, in {label(table, column)}"
    raise ValueError(f"{table.file}, row {table.rows[index]}: {cause}{words}; {_REMEDY}")


def _words_of_a_row(table: Table, index: int) -> str:
    row = [table.texts.get((index, column), "") for column in range(table.values.shape[1])]
    if any(
        re.match(r"total|sum|mean|average|summe|mittel|somme|moyenne|总|合计", each, re.I) for each in row
    ):
        return "; the row seems to sum up those above it"
    return ""


def _about_decimals(text: str) -> str:
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return """ where the decimal mark is '.' (if it is a comma, give decimal=",")"""
    if re.fullmatch(r"[+-]?\d+\.\d+", text):
        return """ where the decimal mark is ',' (if it is a point, give decimal=".")"""
    return ""


def _refuse_large(table: Table, rows: np.ndarray, values: np.ndarray) -> None:
    large = np.argwhere(np.abs(values) > _LARGEST_VALUE)
    if len(large):
        index, place = large[0]
        raise ValueError(
            f"{table.file}, row {rows[index]}: {values[index, place]:g} is too large, n^3 would overflow the"
            " range of finite numbers; rescale the column, for instance to units of 10^16 cm^-3"
        )


def _refuse_total(table: Table, rows: np.ndarray, values: np.ndarray) -> None:
    """Refuse a last row that is the sum of the signals above it, as spreadsheets add one."""
    above, last = values[:-1, 1], values[-1, 1]
    if len(above) < _FEWEST_FOR_A_TOTAL or not last > above.max():
        return
    total = float(above.sum())
    if abs(last - total) <= 1e-6 * abs(total):
        raise ValueError(
            f"{table.file}, row {rows[-1]}: the signal {last:g} is the sum of all rows above it, a total"
            " and no point of the decay; delete the row, or mark it as a comment with '#'"
        )


def _refuse_bad_sigma(table: Table, chosen: Sequence[int], rows: np.ndarray, sigma: np.ndarray) -> None:
    aside = f"columns={list(chosen[:2])}"
    of_signal, of_sigma = unit(table, chosen[1]), unit(table, chosen[2])
    if of_sigma != of_signal and (of_sigma == "%" or (of_sigma and of_signal)):
        raise ValueError(
            f"{table.file}: sigma is given in {of_sigma}, the signal in {of_signal or 'no unit'}; bring"
            f" both to one unit, or leave sigma aside with {aside}"
        )
    if (sigma <= 0).any():
        bad = int(np.flatnonzero(sigma <= 0)[0])
        raise ValueError(
            f"{table.file}, row {rows[bad]}: sigma = {sigma[bad]:g} is no standard error, which must"
            f" be positive; correct it, or leave the column aside with {aside}"
        )


def _merged(table: Table, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbouring rows of the same time as one: mean signal, and sigma of that mean.

    For instruments that write their times with too few digits. A merged time may be off by half of its
    last digit. One repeated time alone, in the first two rows, is rather a row that is no data.
    """
    t = values[:, 0]
    same = np.flatnonzero(np.diff(t) == 0)
    if same.tolist() == [0]:
        raise ValueError(_of_a_repeated_start(table, rows, t))
    first = np.flatnonzero(np.append(True, np.diff(t) != 0))
    count = np.diff(np.append(first, len(t)))
    merged = np.add.reduceat(values, first, axis=0) / count[:, None]
    merged[:, 0] = t[first]
    if values.shape[1] > 2:
        merged[:, 2] = np.sqrt(np.add.reduceat(values[:, 2] ** 2, first)) / count
    return rows[first], merged


def _of_a_repeated_start(table: Table, rows: np.ndarray, t: np.ndarray) -> str:
    return (
        f"{table.file}, row {rows[1]}: the time {float(t[1])!r} is repeated, and only here: row {rows[0]}"
        " may be"
        " a number of points, a wavelength or the like and no point of the decay; then delete it or mark it"
        " as"
        " a comment with '#', else write one row for this time"
    )


def _refuse_bad_times(table: Table, rows: np.ndarray, t: np.ndarray) -> None:
    steps = np.diff(t)
    late = np.flatnonzero(steps <= 0)
    if late.size and late.tolist() == [0] and steps[0] == 0:
        raise ValueError(_of_a_repeated_start(table, rows, t))
    if late.size:
        index = 1 + int(late[0])
        now, before = float(t[index]), float(t[index - 1])
        remedy = "times must be in the first column and increase: "
        if late.tolist() == [0]:
            remedy += f"if row {rows[0]} is no point of the decay, delete it, else sort the rows"
        elif len(late) == 1 and now <= t[0] + 0.1 * (t[:index].max() - t[0]):
            remedy += "a second measurement seems to begin in this row, give each a file of its own"
        elif len(late) > 1 and (steps < 0).mean() > 0.9:
            remedy += "the rows run backwards, turn their order"
        else:
            remedy += 'sort the rows, and merge those of one time or read them with repeated="mean"'
        raise ValueError(
            f"{table.file}, row {rows[index]}: the time {now!r} "
            + ("is repeated" if now == before else f"follows {before!r}")
            + f"; {remedy}"
        )
    if (np.spacing(np.abs(t[1:])) > 1e-3 * steps).any():
        raise ValueError(
            f"{table.file}: times near {t[-1]:.4g} are too far from zero for their steps, digits were lost;"
            " subtract the first time in the file"
        )


def _warn_of_a_first_row_out_of_line(table: Table, rows: np.ndarray, signal: np.ndarray) -> None:
    if len(signal) > _FEWEST_FOR_A_TOTAL and abs(signal[0]) > _OUT_OF_LINE * np.abs(signal[1:]).max() > 0:
        warn(
            f"{table.file}, row {rows[0]}: the signal {signal[0]:g} is more than {_OUT_OF_LINE} times all"
            " that"
            " follow; if the row is no point of the decay but a number of points, a wavelength or the like,"
            " delete it or mark it as a comment with '#'"
        )


def warn_of_an_absurd_span(file: str, t: np.ndarray, t_unit: str) -> None:
    """Warn where the times span what nobody writes in their unit, as seconds that were taken for ns."""
    if len(t) < 2 or not is_time(t_unit):
        return
    span, length = float(t[-1] - t[0]), seconds(t_unit)
    is_short = length < 1 and span < _SHORTEST
    is_long = span > (_LONGEST if length < 1 else _LONGEST_IN_SECONDS / length)
    if not (is_short or is_long):
        return
    remedy = 'if the file gives them in s, say t_unit="s"' if is_short else "check the unit of the times"
    warn(
        f"{file}: the times span {span:.3g} {t_unit}, too {'short' if is_short else 'long'} for this unit;"
        f" {remedy}, with which every rate goes"
    )
