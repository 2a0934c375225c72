"""Which columns of a table are time, signal and standard error, and in which units.

A column is what its title says, or what the user says; what neither says is asked for. The user's word never
overrules a title that says something else: then one of the two is wrong, and the file is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np

from helpers.traces.cells import label, unit
from helpers.traces.preamble import stated, width_of_a_channel
from helpers.traces.table import Table
from helpers.traces.texts import shown, warn
from helpers.traces.titles import (
    other_unit_in,
    says_error,
    says_logarithm,
    says_no_time,
    says_sigma,
    says_spectrum,
    says_time,
    time_unit_in,
    time_unit_only,
)
from helpers.units import density_in_cm3, is_time, known_time_unit, seconds

_UNIT_IN_BRACKETS = re.compile(r"\s*[\[({][^\[\](){}]*[\])}]\s*$")
_NUMBER_WITH_UNIT = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*\w{0,3}")
_NAMED_AT_MOST = 6  # columns that a message lists
_NANOMETRES = (150, 30_000)  # where wavelengths of light lie


def choose(table: Table, wish: Sequence[int | str] | None = None) -> list[int]:
    """Return the columns of time, signal and, where there is one, sigma: the wished ones, or the named ones.

    A third column is sigma if its name says so. Anything else has to be wished for, by numbers from 0 or by
    names.

    Raises
    ------
    ValueError
        If the wish cannot be met, if there is none and the columns do not speak for themselves, or if the
        title of the first says that it is no time, or that of the signal that it is a logarithm.
    """
    chosen = _by_shape(table) if wish is None else _by_wish(table, wish)
    _refuse_no_time(table, chosen[0])
    _refuse_logarithm(table, chosen[1])
    return chosen


def signals(table: Table, wish: Sequence[int | str] | None = None) -> list[list[int]]:
    """Return the columns of each trace of a table: time, signal and, where one follows, sigma.

    A wish names the time first and then the signals. Without one the columns are told apart by their names;
    a signal belongs to the nearest time on its left.
    """
    if wish is not None:
        chosen = _known(table, wish, "give the column of time and those of the signals")
        if len(chosen) < 2:
            raise ValueError(_wrong_wish(table, wish, "give the column of time and those of the signals"))
        _refuse_no_time(table, chosen[0])
        found = [[chosen[0], column] for column in chosen[1:]]
    elif not table.names and table.values.shape[1] > 2:
        refuse_matrix(table)
        count = table.values.shape[1]
        raise ValueError(
            f"{table.file}: {count} columns of numbers without names, so it is open which are signals; name"
            f" them in a line above the numbers, or give columns={list(range(min(count, 4)))} with the"
            " numbers"
            " of the time and of the signals"
        )
    else:
        found = _by_names(table)
    for each in found:
        _refuse_logarithm(table, each[1])
    return found


def _by_names(table: Table) -> list[list[int]]:
    refuse_matrix(table)
    times, _, _ = _roles(table)
    first = _first_time(table, times)
    _refuse_no_time(table, first)
    found: list[list[int]] = []
    time = first
    for column in range(first, table.values.shape[1]):
        if column == first or column in times:
            time = column
        elif not _has_numbers(table, column) or _is_row_number(table, column):
            continue
        elif found and says_sigma(_name(table, column), _name(table, found[-1][1])) and len(found[-1]) == 2:
            found[-1].append(column)
        elif says_error(_name(table, column)):
            raise ValueError(
                f"{table.file}: {label(table, column)} is an error in a form that is not known, or follows"
                " no signal; give the column of time and those of the signals with"
                f" columns={_shown_choice(table, [0, 1])}"
            )
        else:
            found.append([time, column])
    if not found:
        raise ValueError(f"{table.file}: no column of a signal stands beside {label(table, first)}")
    return found


def _roles(table: Table) -> tuple[list[int], list[int], list[int]]:
    """Return the columns whose titles call them times, signals and errors."""
    times, values, errors = [], [], []
    for column in range(table.values.shape[1]):
        name = _name(table, column)
        of_unit = table.units[column] if table.units else ""
        if says_no_time(name) and not says_error(name):
            is_time_column = False
        else:
            is_time_column = says_time(name) or bool(time_unit_in(name)) or bool(time_unit_only(of_unit))
        if is_time_column and not says_error(name):
            times.append(column)
        elif not _has_numbers(table, column):
            continue
        elif _says_error(table, column) and not _is_conductivity(name):
            errors.append(column)
        else:
            values.append(column)
    return times, values, errors


def _says_error(table: Table, column: int) -> bool:
    before = _name(table, column - 1) if column else ""
    return says_error(_name(table, column)) or (bool(before) and says_sigma(_name(table, column), before))


def _is_conductivity(name: str) -> bool:
    return bool(re.fullmatch(r"[ΔδdD∆]\s?(σ|sigma)\b.*", name.strip()))


def _first_time(table: Table, times: list[int]) -> int:
    """Return the column of times where none is wished for: the first, unless its title says otherwise."""
    first = _name(table, 0)
    if not times or 0 in times:
        return 0
    if first and not says_no_time(first) and len(times) != 1:
        return 0
    column = times[0]
    after = [each for each in range(table.values.shape[1]) if each not in times and _has_numbers(table, each)]
    signal = next((each for each in after if each > column), after[0] if after else 0)
    raise ValueError(
        f"{table.file}: the header calls {label(table, column)} a time, not column 1;"
        f" give columns={_shown_choice(table, [column, signal])}"
    )


def _by_shape(table: Table) -> list[int]:
    """Return the columns of time, signal and perhaps sigma where the user names none."""
    count = table.values.shape[1]
    refuse_matrix(table)
    if not table.names:
        if count == 2:
            return [0, 1]
        raise ValueError(_nameless(table))
    times, values, errors = _roles(table)
    time = _first_time(table, times)
    _refuse_no_time(table, time)
    if _is_row_number(table, time):
        raise ValueError(
            f"{table.file}: the first column has no name and counts rows, and no other is called a time; give"
            f" columns={list(range(count))[:2]} if it holds the times, else add a column of times"
        )
    if count == 2:
        if says_error(table.names[1]) and not _is_sign_of_conductivity(table.names[1]):
            raise ValueError(
                f"{table.file}: the only signal is called {table.names[1]!r}, an error; correct the header,"
                " or give a file with the signal"
            )
        return [0, 1]
    measured = [column for column in values if column != time]
    errors = [column for column in errors if column != time]
    others = [column for column in times if column != time]
    if len(measured) == 1 and not others and not errors:
        return [time, measured[0]]
    if len(measured) == 1 and not others and len(errors) == 1:
        if says_sigma(table.names[errors[0]], table.names[measured[0]]):
            return [time, measured[0], errors[0]]
        raise ValueError(
            f"{table.file}: {label(table, errors[0])} is an error, but no standard error by its name; leave"
            " it"
            f" aside with columns={_shown_choice(table, [time, measured[0]])}, or turn it into one and call"
            " it"
            " sigma"
        )
    raise ValueError(_open_choice(table, time, measured))


def _is_sign_of_conductivity(name: str) -> bool:
    return _is_conductivity(name) or bool(re.match(r"σ|sigma", name.strip(), re.IGNORECASE))


def _nameless(table: Table) -> str:
    count = table.values.shape[1]
    start = f"{table.file}: {count} columns of numbers without names"
    if count == 3:
        cause = f", and {table.doubt}" if table.doubt else ""
        return (
            f"{start}{cause}: is the third a standard error or a second signal? Give columns=[0, 1, 2] if it"
            " is the standard error, columns=[0, 1] to leave it aside; or put the line 't,n,sigma' above the"
            " numbers"
        )
    hint = "; it looks transposed, write one point per row" if len(table.values) < 4 else ""
    hint = hint or "; if the comma is the decimal mark, separate the columns with ';'"
    end = "choose time and signal with columns=[0, 1] or other numbers"
    return f"{start}, a trace has two or three{hint}; {end}"


def _open_choice(table: Table, time: int, measured: list[int]) -> str:
    first = measured[0] if measured else min(1, table.values.shape[1] - 1)
    third = ""
    if len(table.names) == 3 and len(measured) == 2:
        third = (
            f", or columns={_shown_choice(table, [time, *measured])} if {label(table, measured[1])} is the"
            " standard error"
        )
    names = ", ".join(shown(name) for name in table.names[:_NAMED_AT_MOST])
    more = ", ..." if len(table.names) > _NAMED_AT_MOST else ""
    return (
        f"{table.file}: {len(table.names)} columns of numbers, and the header calls them {names}{more};"
        " choose"
        f" time and signal, for instance columns={_shown_choice(table, [time, first])}{third}; load_traces"
        " reads"
        " all signals of one file"
    )


def _shown_choice(table: Table, columns: list[int]) -> str:
    """Return columns as Python and TOML write them, by their names where these are unique."""
    names = [_name(table, column) for column in columns]
    by_name = all(name and table.names.count(name) == 1 and '"' not in name for name in names)
    return json.dumps(names if by_name else columns, ensure_ascii=False)


def _name(table: Table, column: int) -> str:
    return table.names[column] if table.names else ""


def _has_numbers(table: Table, column: int) -> bool:
    return bool(np.isfinite(table.values[:, column]).any())


def _is_row_number(table: Table, column: int) -> bool:
    name = _name(table, column).lower()
    return name in ("", "#", "index", "unnamed: 0", "no", "no.", "nr", "nr.") and bool(
        (np.diff(table.values[:, column]) == 1).all()
    )


def _by_wish(table: Table, columns: Sequence[int | str]) -> list[int]:
    advice = "give two or three"
    if isinstance(columns, str) or len(columns) not in (2, 3):
        raise ValueError(_wrong_wish(table, columns, advice))
    return _known(table, columns, advice)


def _known(table: Table, columns: Sequence[int | str], advice: str) -> list[int]:
    """Return the numbers of columns that are given by number, by name or by name without its unit."""
    if isinstance(columns, str):
        raise ValueError(_wrong_wish(table, columns, advice))
    known: dict[int | str, int] = {k: k for k in range(table.values.shape[1])}
    for form in (_short, str):
        names = [form(name) for name in table.names]
        known |= {name: k for k, name in enumerate(names) if name and names.count(name) == 1}
    wanted = [each if each in known or not isinstance(each, str) else _short(each) for each in columns]
    if any(isinstance(each, bool) or each not in known for each in wanted):
        raise ValueError(_wrong_wish(table, columns, advice))
    found = [known[each] for each in wanted]
    if len(set(found)) < len(found):
        raise ValueError(_wrong_wish(table, columns, advice) + "; one column stands in it twice")
    return found


def _short(name: str) -> str:
    return _UNIT_IN_BRACKETS.sub("", name).strip().lower()


def _wrong_wish(table: Table, columns: Sequence[int | str], advice: str) -> str:
    names = f", or of the names {', '.join(table.names)}" if table.names else ""
    return f"columns = {columns!r}: {advice} of 0 to {table.values.shape[1] - 1}{names} ({table.file})"


def _refuse_no_time(table: Table, column: int) -> None:
    """Refuse a column of times whose title or unit says that it is something else."""
    name, of_unit = _name(table, column), table.units[column] if table.units else ""
    if not (says_no_time(name) or (of_unit and other_unit_in(f"[{of_unit}]") and not time_unit_in(name))):
        _refuse_channels(table, column)
        return
    called = f"{name!r}" + (f" in {of_unit}" if of_unit else "")
    what = "a spectrum and no decay" if says_spectrum(name) or says_spectrum(of_unit) else "which is no time"
    channel = width_of_a_channel(table.above)
    remedy = "choose the columns of time and signal with columns=[...]"
    if channel:
        remedy = f"multiply it by the length of a channel ({channel}) and name the unit in the header"
    times, values, _ = _roles(table)
    others = [each for each in times if each != column]
    if others and (signal := [each for each in values if each not in (column, others[0])] or [column]):
        remedy = f"give columns={_shown_choice(table, [others[0], signal[0]])}"
    raise ValueError(
        f"{table.file}: the header calls {label(table, column).partition(' (')[0]} {called}, {what};"
        f" {remedy}; if it holds times all the same, correct the header"
    )


def _refuse_channels(table: Table, column: int) -> None:
    """Refuse whole numbers one after the other where a line above tells how long a channel is."""
    channel = width_of_a_channel(table.above)
    if channel and not time_unit_in(_name(table, column)) and (np.diff(table.values[:, column]) == 1).all():
        raise ValueError(
            f"{table.file}: column {column + 1} counts channels, and a line above says how long one is"
            f" ({channel}); multiply the column by it and name the unit in the header"
        )


def _refuse_logarithm(table: Table, column: int) -> None:
    name, of_unit = _name(table, column), table.units[column] if table.units else ""
    if says_logarithm(name) or says_logarithm(of_unit):
        raise ValueError(
            f"{table.file}: the header calls {label(table, column).partition(' (')[0]} {name or of_unit!r}, a"
            " logarithm; a fit needs the signal itself: write its powers (10**x, exp(x), or 10**(x/10) for"
            " dB)"
            " and correct the header, or choose another column with columns=[...]"
        )


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
    name = _name(table, 0)
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


def transposed_table(table: Table) -> Table:
    """Return a matrix with wavelengths down the side as one with times there, and wavelengths as names.

    Raises
    ------
    ValueError
        If no increasing numbers stand along the top.
    """
    top = _numbers_on_top(table)
    if top is None or table.texts:
        raise ValueError(
            f"{table.file}: transposed=True needs a matrix of numbers with increasing times along the top, in"
            " the line of names or in a first row that begins with 0 or an empty field"
        )
    body = table.values if table.names else table.values[1:]
    corner = _name(table, 0)
    time_title = corner.partition("\\")[2] or corner.partition("/")[2]
    title = f"time ({time_unit_in(time_title)})" if time_unit_in(time_title) else "time"
    return Table(
        table.file,
        np.column_stack([top, body[:, 1:].T]),
        np.arange(1, len(top) + 1) + 1,
        names=(title, *map(_shown_number, body[:, 0])),
        above=table.above,
    )


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
    found, where = _unit_of_column(table, column), "its header gives the time"
    sure, unsure = stated(table.above)
    if not found and sure:
        found, where = sure[-1].unit, f"row {sure[-1].row} ({shown(sure[-1].text)}) gives the time"
    for each in sure:
        if seconds(each.unit) != seconds(found):
            warn(
                f"{table.file}, row {each.row}: {shown(each.text)} seems to give the time in {each.unit},"
                " but the"
                f" lines nearest to the numbers in {found}, which is taken; delete the one that is wrong"
            )
    if found and wished and seconds(found) != seconds(wished):
        raise ValueError(
            f'{table.file}: {where} in {found}, not in {wished}; change t_unit to "{found}", or correct the'
            " file if it is wrong"
        )
    name = _name(table, column)
    strange = _bracket_that_is_no_unit(name) if not found else ""
    if strange:
        warn(
            f"{table.file}: ({strange}) in the header {name!r} is no known unit of time; {wished or 'none'}"
            " is taken"
        )
    elif not found and unsure is not None and wished and seconds(unsure.unit) != seconds(wished):
        warn(
            f"{table.file}, row {unsure.row}: {shown(unsure.text)} may tell the unit of the times, which were"
            f" taken to be in {wished}; check t_unit"
        )
    return wished or found


def _wished_unit(wish: str | None) -> str:
    if not wish:
        return ""
    if is_time(wish):
        return wish.strip()
    if known := known_time_unit(wish):
        return known
    seconds(wish)
    raise AssertionError("an unknown unit is refused")


def _unit_of_column(table: Table, column: int) -> str:
    of_unit = time_unit_only(table.units[column]) if table.units else ""
    return of_unit or time_unit_in(_name(table, column))


def _bracket_that_is_no_unit(name: str) -> str:
    found = _UNIT_IN_BRACKETS.search(name)
    return found[0].strip(" [](){}") if found and says_time(name) else ""


def without_unit(table: Table) -> str:
    """Return the question for the unit of the times, which stands nowhere in the file."""
    _, unsure = stated(table.above)
    hint = f" (row {unsure.row}, {shown(unsure.text)}, may tell it)" if unsure is not None else ""
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
