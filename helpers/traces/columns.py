"""Which columns of a table are time, signal and standard error, where a title or the user says so.

A column is what its title says, or what the user says; what neither says is asked for. The user's word never
overrules a title that says something else: then one of the two is wrong, and the file is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np

from helpers.traces.cells import label
from helpers.traces.column_units import unit_of_times
from helpers.traces.matrices import refuse_matrix
from helpers.traces.preamble import said_of_axis, width_of_a_channel
from helpers.traces.table import Table
from helpers.traces.texts import shown
from helpers.traces.titles import (
    other_unit_in,
    says_channel,
    says_error,
    says_logarithm,
    says_no_time,
    says_sigma,
    says_spectrum,
    says_time,
    time_unit_in,
    time_unit_only,
)

_UNIT_IN_BRACKETS = re.compile(r"\s*[\[({][^\[\](){}]*[\])}]\s*$")
_NAMED_AT_MOST = 6  # columns that a message lists
_SCARCE = 0.5  # share of a column's rows that hold numbers, in columns of settings or remarks


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
    refuse_matrix(table)
    if wish is None and table.curves:
        raise ValueError(f"{table.file}: {table.curves}")
    chosen = _by_shape(table) if wish is None else _by_wish(table, wish)
    _refuse_no_time(table, chosen[0])
    _refuse_logarithm(table, chosen[1])
    return chosen


def signals(table: Table, wish: Sequence[int | str] | None = None) -> list[list[int]]:
    """Return the columns of each trace of a table: time, signal and, where one follows, sigma.

    A wish names the time first and then the signals. Without one the columns are told apart by their names;
    a signal belongs to the nearest time on its left.
    """
    refuse_matrix(table)
    if wish is not None:
        chosen = _known(table, wish, "give the column of time and those of the signals")
        if len(chosen) < 2:
            raise ValueError(_wrong_wish(table, wish, "give the column of time and those of the signals"))
        _refuse_no_time(table, chosen[0])
        found = [[chosen[0], column] for column in chosen[1:]]
    elif not table.names and table.values.shape[1] > 2:
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
        elif found and says_sigma(table.title(column), table.title(found[-1][1])) and len(found[-1]) == 2:
            found[-1].append(column)
        elif says_error(table.title(column)):
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
        name = table.title(column)
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
    before = table.title(column - 1) if column else ""
    return says_error(table.title(column)) or (bool(before) and says_sigma(table.title(column), before))


def _is_conductivity(name: str) -> bool:
    return bool(re.fullmatch(r"[ΔδdD∆]\s?(σ|sigma)\b.*", name.strip()))


def _first_time(table: Table, times: list[int]) -> int:
    """Return the column of times where none is wished for: the first, unless its title says otherwise."""
    first = table.title(0)
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
    if not table.names:
        whole = np.flatnonzero(np.isfinite(table.values).all(axis=0))
        others = np.delete(np.isfinite(table.values), whole, axis=1).mean(axis=0)
        if count == 2:
            return [0, 1]
        if len(whole) == 2 and (others < _SCARCE).all():
            return [int(each) for each in whole]  # beside settings or remarks
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
    if len(measured) == 1 and not others and len(errors) == 1 and errors[0] > measured[0]:
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
    names = [table.title(column) for column in columns]
    by_name = all(name and table.names.count(name) == 1 and '"' not in name for name in names)
    return json.dumps(names if by_name else columns, ensure_ascii=False)


def _has_numbers(table: Table, column: int) -> bool:
    return bool(np.isfinite(table.values[:, column]).any())


def _is_row_number(table: Table, column: int) -> bool:
    name = table.title(column).lower()
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
    """Refuse a column of times whose title, unit or axis says that it is something else."""
    name, of_unit = table.title(column), table.units[column] if table.units else ""
    on_axis = said_of_axis(table.above, "x") if not unit_of_times(table, column) else ""
    if says_no_time(name) or (of_unit and other_unit_in(f"[{of_unit}]") and not time_unit_in(name)):
        called = f"{name!r}" + (f" in {of_unit}" if of_unit else "")
    elif on_axis and (says_no_time(on_axis) or other_unit_in(f"[{on_axis}]")):
        called = f"{on_axis!r}, as it names the axis of x"
    else:
        _refuse_channels(table, column)
        return
    is_spectrum = any(map(says_spectrum, (name, of_unit, on_axis)))
    what = "a spectrum and no decay" if is_spectrum else "which is no time"
    remedy = "choose the columns of time and signal with columns=[...]"
    if channel := width_of_a_channel(table.above):
        remedy = f"multiply it by the length of its steps ({shown(channel)}) and name the unit in the header"
    elif says_channel(name):
        remedy = "give channel_width=..., the time from one channel to the next, and t_unit=..."
    times, values, _ = _roles(table)
    others = [each for each in times if each != column]
    if others and (signal := [each for each in values if each not in (column, others[0])] or [column]):
        remedy = f"give columns={_shown_choice(table, [others[0], signal[0]])}"
    raise ValueError(
        f"{table.file}: the header calls column {column + 1} {called}, {what};"
        f" {remedy}; if it holds times all the same, correct the header"
    )


def _refuse_channels(table: Table, column: int) -> None:
    """Refuse whole numbers one after the other where a line above tells how long a step is."""
    step = width_of_a_channel(table.above)
    if step and not unit_of_times(table, column) and (np.diff(table.values[:, column]) == 1).all():
        raise ValueError(
            f"{table.file}: column {column + 1} counts channels or samples, and a line above says how far"
            " they"
            f" are apart ({shown(step)}); multiply the column by it and name the unit in the header"
        )


def _refuse_logarithm(table: Table, column: int) -> None:
    said = (table.title(column), table.units[column] if table.units else "", said_of_axis(table.above, "y"))
    called = next(filter(says_logarithm, said), "")
    if called:
        raise ValueError(
            f"{table.file}: the header calls column {column + 1} {called!r}, a logarithm; a fit needs the"
            " signal"
            " itself: write its powers (10**x, exp(x), or 10**(x/10) for dB) and correct the header, or"
            " choose"
            " another column with columns=[...]"
        )
