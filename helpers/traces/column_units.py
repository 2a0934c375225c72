"""The units of a table's columns: what the file says goes before what the user says, or contradicts it."""

from __future__ import annotations

import re

from helpers.traces.cells import unit
from helpers.traces.preamble import Statement, stated
from helpers.traces.table import Table
from helpers.traces.texts import shown, warn
from helpers.traces.titles import multiple_in, says_time, time_unit_in, time_unit_only
from helpers.units import density_in_cm3, is_time, known_time_unit, seconds

_UNIT_IN_BRACKETS = re.compile(r"\s*[\[({][^\[\](){}]*[\])}]\s*$")


def time_unit(table: Table, column: int, wish: str | None) -> str:
    """Return the unit of the times: the file's, which a wished one must not contradict, else the wished one.

    The file's stands in the title of the column, in the line of units or in a line above. Without a wish ""
    is returned where the file has none.

    Raises
    ------
    ValueError
        If the file names another unit than the wished one, or if the wished one is unknown.
    """
    wished = _wished_unit(wish)
    _refuse_multiple(table, column)
    found, where = unit_of_times(table, column), "its header gives the time"
    sure, unsure = stated(table.above)
    if not found and sure:
        found, where = sure[-1].unit, f"{_place(table, sure[-1])} gives the time"
    for each in sure:
        if seconds(each.unit) != seconds(found):
            warn(
                f"{table.file}, {_place(table, each)} seems to give the time in {each.unit},"
                " but the"
                f" lines nearest to the numbers in {found}, which is taken; delete the one that is wrong"
            )
    if found and wished and seconds(found) != seconds(wished):
        raise ValueError(
            f'{table.file}: {where} in {found}, not in {wished}; change t_unit to "{found}", or correct the'
            " file if it is wrong"
        )
    name = table.title(column)
    strange = _bracket_that_is_no_unit(name) if not found else ""
    if strange:
        warn(
            f"{table.file}: ({strange}) in the header {name!r} is no known unit of time; {wished or 'none'}"
            " is taken"
        )
    elif not found and unsure is not None and wished and seconds(unsure.unit) != seconds(wished):
        warn(
            f"{table.file}, {_place(table, unsure)} may tell the unit of the times, which were"
            f" taken to be in {wished}; check t_unit"
        )
    return wished or found


def _place(table: Table, statement: Statement) -> str:
    """Return where a line stands; one beside or below the numbers by its text alone."""
    is_above = statement.row < table.rows[0]
    return (
        f"row {statement.row} ({shown(statement.text)})" if is_above else f"the line {shown(statement.text)}"
    )


def _refuse_multiple(table: Table, column: int) -> None:
    """Refuse times that are counted in steps of a unit, "Time (100 ns)"."""
    name = table.title(column)
    of_unit = table.units[column] if table.units else ""
    if multiple := multiple_in(name) or multiple_in(f"[{of_unit}]"):
        raise ValueError(
            f"{table.file}: the header {name or of_unit!r} gives the time in steps of {multiple}; multiply"
            " the column by that and name the plain unit in the header"
        )


def _wished_unit(wish: str | None) -> str:
    if not wish:
        return ""
    if is_time(wish):
        return wish.strip()
    if known := known_time_unit(wish):
        return known
    seconds(wish)
    raise AssertionError("an unknown unit is refused")


def unit_of_times(table: Table, column: int) -> str:
    """Return the unit of time in the line of units or in the title of a column, or ""."""
    of_unit = time_unit_only(table.units[column]) if table.units else ""
    return of_unit or time_unit_in(table.title(column))


def _bracket_that_is_no_unit(name: str) -> str:
    found = _UNIT_IN_BRACKETS.search(name)
    return found[0].strip(" [](){}") if found and says_time(name) else ""


def without_unit(table: Table) -> str:
    """Return the question for the unit of the times, which stands nowhere in the file."""
    _, unsure = stated(table.above)
    hint = f" ({_place(table, unsure)} may tell it)" if unsure is not None else ""
    return (
        f"{table.file}: no unit of the times stands in the file{hint}, and none was given, so the rates will"
        ' have none; give it, for instance t_unit="ns"'
    )


def unit_of_signal(table: Table, column: int, wish: str | None) -> str:
    """Return the signal's unit: the wished one, else the header's, else none.

    Warns where a density is wished and the header names a unit that is none.

    Raises
    ------
    ValueError
        If the header names another unit of density than the wished one.
    """
    found = unit(table, column)
    if wish is None or not found or density_in_cm3(wish) is None:
        return found if wish is None else wish
    if density_in_cm3(found) is None:
        warn(
            f"{table.file}: its header gives the signal in {found}, which is no density such as {wish}; if it"
            f" is not, say signal_unit={found!r}, or no rate will be in the units that it seems to have"
        )
    elif density_in_cm3(found) != density_in_cm3(wish):
        raise ValueError(
            f"{table.file}: its header gives the signal in {found}, not in {wish}; change signal_unit"
        )
    return wish
