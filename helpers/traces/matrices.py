"""Matrices of spectra: wavelengths on one side, times on the other, which of them stand where."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from helpers.traces.table import Table
from helpers.traces.titles import says_spectrum, says_time, time_unit_in

_NUMBER_WITH_UNIT = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*\w{0,3}")
_FEWEST_ON_TOP = 3  # numbers of a row that can be nothing but wavelengths
_NANOMETRES = (150, 30_000)  # where wavelengths of light lie


def refuse_matrix(table: Table) -> None:
    """Refuse a matrix of spectra with wavelengths down the side and times along the top.

    Raises
    ------
    ValueError
        With the way to read one wavelength of it.
    """
    if table.values.shape[1] < 3 or len(table.values) < 3:
        return
    side, top = table.values[:, 0], _numbers_on_top(table)
    if top is None:
        return
    name = table.title(0)
    body = side[1:] if not table.names else side
    is_named = says_spectrum(name.split("\\")[0]) and not says_time(name.split("\\")[0])
    if is_named or (not says_time(name) and _are_wavelengths(body) and not _are_wavelengths(top)):
        last = _shown_number(float(body[len(body) // 2]))
        raise ValueError(
            f"{table.file}: wavelengths (or energies) stand down the side and {len(top)} times along the top,"
            " so a column is a spectrum and no decay; read one wavelength with transposed=True and, for"
            f' instance, columns=["time", "{last}"]'
        )


def _numbers_on_top(table: Table) -> np.ndarray | None:
    """Return the numbers along the top of a matrix: of its names, or of its first row; None without such."""
    if table.names:
        numbers = [
            re.match(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*\w{0,3}\s*$", each)
            for each in table.names[1:]
        ]
        if not all(numbers):
            return None
        top = np.array([float(found[1]) for found in numbers if found])
    else:
        top, corner = table.values[0, 1:], table.values[0, 0]
        if corner == corner and corner != 0:
            return None
    steps = np.diff(top)
    return top if len(top) > 1 and (steps > 0).all() else None


def _are_wavelengths(values: np.ndarray) -> bool:
    """Say whether numbers run through wavelengths in nm, in steps that are small beside them."""
    steps = np.diff(values)
    low, high = _NANOMETRES
    one_way = len(steps) and ((steps > 0).all() or (steps < 0).all())
    return bool(
        one_way and values.min() > low and values.max() < high and np.abs(steps).max() < 0.2 * values.min()
    )


def _shown_number(value: float) -> str:
    return f"{value:.10g}"


def named_by_numbers(table: Table) -> Table:
    """Return a matrix with wavelengths in its first row and times on the left, with the wavelengths as names.

    The row begins with 0 or an empty field, as programs for transient absorption write it. Read as a point of
    the decay it would be one at t = 0.
    """
    if table.names or table.values.shape[1] < 1 + _FEWEST_ON_TOP or len(table.values) < 3:
        return table
    corner, top, below = table.values[0, 0], table.values[0, 1:], table.values[1, 1:]
    is_top = (np.isnan(corner) or corner == 0) and _are_wavelengths(top) and not _are_wavelengths(below)
    if not is_top or _are_wavelengths(table.values[1:, 0]):
        return table
    texts = {(row - 1, column): text for (row, column), text in table.texts.items() if row}
    names = ("", *map(_shown_number, top))
    return replace(table, values=table.values[1:], rows=table.rows[1:], names=names, texts=texts)


def transposed_table(table: Table) -> Table:
    """Return a matrix with wavelengths down the side as one with times there, and wavelengths as names.

    Raises
    ------
    ValueError
        If no increasing numbers stand along the top.
    """
    top = _numbers_on_top(table)
    if top is None or set(table.texts) - {(0, 0)}:
        raise ValueError(
            f"{table.file}: transposed=True needs a matrix of numbers with increasing times along the top, in"
            " the line of names or in a first row that begins with 0 or an empty field"
        )
    body = table.values if table.names else table.values[1:]
    corner = table.title(0)
    time_title = corner.partition("\\")[2] or corner.partition("/")[2]
    title = f"time ({time_unit_in(time_title)})" if time_unit_in(time_title) else "time"
    return Table(
        table.file,
        np.column_stack([top, body[:, 1:].T]),
        np.arange(1, len(top) + 1) + 1,
        names=(title, *map(_shown_number, body[:, 0])),
        above=table.above,
    )
