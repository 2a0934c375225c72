"""Which columns of a table are time, signal and standard error, in which units, and whether they can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.traces.table import Table
from helpers.traces.texts import shown, warn
from helpers.units import density_in_cm3, is_time, seconds

_TIME = re.compile(r"(t|time|delay|zeit)(?![^\W_])", re.IGNORECASE)
_NO_TIME = re.compile(r"channel|pixel|index|sequence|sample|point|number", re.IGNORECASE)
_SPECTRAL = re.compile(
    r"wave|energy|freq|lambda|λ|(.*[\[(\s/])?(nm|m?eV|cm\^?-1|[MGT]?Hz)[\])]?\s*$", re.IGNORECASE
)
_SIGMA = re.compile(
    r"sigma|σ|err(or)?s?(?![^\W\d_])|std|deviation|uncert|noise|fehler|^(s|sd|se|sem|[dΔδ]n)\b", re.IGNORECASE
)
_UNIT_IN_BRACKETS = re.compile(r"[\[(]\s*([^\[\]()]+?)\s*[\])]\s*$")
_UNIT_AT_END = re.compile(r"(?:\s*/|[\s_])\s*(\w+)\s*$")
_LARGEST_SIGMA = 0.1  # of the signal at the peak, where the column has no name
_OF_TIME = re.compile(r"time|delay|zeit|horizontal|x.?axis|(?<![^\W_])(t|sec|seconds?)(?![^\W_])", re.I)
_NOT_NS = re.compile(r"(?<![^\W_])(sec|[Ss]econds?|s|ms|us|µs|μs|ps|fs|min|h)(?![^\W_])")
_SMALLEST_PEAK = 1e-100  # its cube is still a number


def choose(table: Table, wish: Sequence[int | str] | None = None) -> list[int]:
    """Return the columns of time, signal and, where there is one, sigma: the wished ones, or the first.

    A third column is sigma if its name says so, or if it has no name and is at most a tenth of the signal
    at the peak. Anything else has to be wished for, by numbers from 0 or by names.

    Raises
    ------
    ValueError
        If the wish cannot be met, or if there is none and the columns do not speak for themselves.
    """
    return _by_shape(table) if wish is None else _by_wish(table, wish)


def _by_shape(table: Table) -> list[int]:
    """Return the columns of time, signal and perhaps sigma where the user names none."""
    values, names = table.values, table.names
    count = values.shape[1]
    remedy = "choose time and signal with columns=(0, 1) or other numbers"
    if count > 3:
        hint = "; it looks transposed, write one point per row" if len(values) < 4 else ""
        hint = hint or "; separate the columns with ';' if the comma is the decimal mark"
        raise ValueError(
            f"{table.file}: {count} columns of numbers, a trace has two or three{hint}; {remedy}"
        )
    _refuse_no_time_first(table)
    if count == 2:
        return [0, 1]
    peak = values[:, 1].argmax()
    cause = table.doubt
    if names:
        cause = "" if names[0] and _SIGMA.search(names[2]) else f"the header calls them {', '.join(names)}"
    elif not cause and values[peak, 2] > _LARGEST_SIGMA * values[peak, 1]:
        cause = (
            f"the third has no name and is {values[peak, 2] / values[peak, 1]:.2g} of the signal at the peak,"
            " large for a standard error"
        )
    if cause:
        raise ValueError(
            f"{table.file}: three columns of numbers, and {cause}; {remedy}, or"
            " put the line 't,n,sigma' above the numbers"
        )
    return [0, 1, 2]


def _refuse_no_time_first(table: Table) -> None:
    first, second = table.names[:2] if table.names else ("", "")
    if _SPECTRAL.match(first):
        raise ValueError(
            f"{table.file}: the header calls the first column {first!r}, a spectrum and no decay; give"
            " a file with times, or choose the columns of time and signal with columns=..."
        )
    if len(table.names) == 2 and _is_of_time(second) and not _is_of_time(first):
        raise ValueError(
            f"{table.file}: the header calls column 2 {second!r}, not column 1; give columns=(1, 0)"
        )


def _is_of_time(name: str) -> bool:
    return bool(_TIME.match(name)) or is_time(name)


def _by_wish(table: Table, columns: Sequence[int | str]) -> list[int]:
    count = table.values.shape[1]
    known: dict[int | str, int] = {k: k for k in range(count)}
    known |= {name: k for k, name in enumerate(table.names) if table.names.count(name) == 1}
    unknown = [column for column in columns if column not in known]
    if unknown or len(columns) not in (2, 3) or isinstance(columns, str):
        raise ValueError(
            f"columns = {columns!r}: give two or three of 0 to {count - 1}"
            + (f", or of the names {', '.join(table.names)}" if table.names else "")
            + f" ({table.file})"
        )
    return [known[column] for column in columns]


def merge_repeated(table: Table, chosen: Sequence[int]) -> Table:
    """Return the table with neighbouring rows of the same time as one: mean signal, and sigma of that mean.

    For instruments that write their times with too few digits. A merged time may be off by half of its
    last digit.
    """
    _refuse_bad_sigma(table, chosen)
    t = table.values[:, chosen[0]]
    first = np.flatnonzero(np.append(True, np.diff(t) != 0))
    count = np.diff(np.append(first, len(t)))
    values = np.add.reduceat(table.values, first, axis=0) / count[:, None]
    values[:, chosen[0]] = t[first]
    if len(chosen) == 3:
        sigma = table.values[:, chosen[2]]
        values[:, chosen[2]] = np.sqrt(np.add.reduceat(sigma**2, first)) / count
    return replace(table, values=values, rows=table.rows[first])


def refuse_bad_numbers(table: Table, chosen: Sequence[int]) -> None:
    """Refuse, by row, times that do not increase or lost their digits, and sigmas that are not positive.

    Raises
    ------
    ValueError
        Also if the largest signal is so small that its powers vanish.
    """
    t, signal = table.values[:, chosen[:2]].T
    steps = np.diff(t)
    if (steps <= 0).any():
        late = 1 + int(np.flatnonzero(steps <= 0)[0])
        now, before = float(t[late]), float(t[late - 1])
        raise ValueError(
            f"{table.file}, row {table.rows[late]}: the time {now!r} "
            + ("is repeated" if now == before else f"follows {before!r}")
            + "; times must be in the first column and increase: sort the rows, and merge those of one"
            " time or read them with repeated='mean'"
        )
    if (np.spacing(np.abs(t[1:])) > 1e-3 * steps).any():
        raise ValueError(
            f"{table.file}: times near {t[-1]:.4g} are too far from zero for their steps, digits were lost;"
            " subtract the first time in the file"
        )
    if 0 < np.abs(signal).max() < _SMALLEST_PEAK:
        raise ValueError(f"{table.file}: the signal is too small, n^3 would vanish; rescale the column")
    _refuse_bad_sigma(table, chosen)


def _refuse_bad_sigma(table: Table, chosen: Sequence[int]) -> None:
    if len(chosen) < 3:
        return
    of_signal, of_sigma = unit(table, chosen[1]), unit(table, chosen[2])
    if of_sigma != of_signal and (of_sigma == "%" or (of_sigma and of_signal)):
        raise ValueError(
            f"{table.file}: sigma is given in {of_sigma}, the signal in {of_signal or 'no unit'}; bring"
            " both to one unit, or leave sigma aside with columns=(0, 1)"
        )
    sigma = table.values[:, chosen[2]]
    if (sigma <= 0).any():
        bad = int(np.flatnonzero(sigma <= 0)[0])
        raise ValueError(
            f"{table.file}, row {table.rows[bad]}: sigma = {sigma[bad]:g} is no standard error, which must"
            " be positive; correct it, or leave the column aside with columns=(0, 1)"
        )


def unit(table: Table, column: int) -> str:
    """Return a column's unit from the header's second line or from a name such as "PL [counts]".

    Empty where the header has none.
    """
    if table.units:
        return table.units[column]
    found = _UNIT_IN_BRACKETS.search(_name(table, column))
    return found[1] if found else ""


def _name(table: Table, column: int) -> str:
    return table.names[column] if table.names else ""


def time_unit(table: Table, column: int, wish: str | None) -> str:
    """Return the time's unit: the wished one, else the header's (also as in "t / ns"), else "ns".

    Warns where "ns" is a mere assumption and a line above the numbers seems to say otherwise.

    Raises
    ------
    ValueError
        If the header names another unit than the wished one, or, without a wish, something that is no time.
    """
    found, name = unit(table, column), _name(table, column)
    at_end = _UNIT_AT_END.search(name)
    if not found and at_end and is_time(at_end[1]):
        found = at_end[1]
    if wish and is_time(found) and seconds(found) != seconds(wish):
        raise ValueError(f"{table.file}: its header gives the time in {found}, not in {wish}; change t_unit")
    if wish:
        return wish
    if (found and not is_time(found)) or _NO_TIME.match(name):
        raise ValueError(
            f"{table.file}: the header calls the column of times {name or found!r}, which is no time in a"
            " known unit; choose the columns with columns=..., or give the unit of the times with t_unit=..."
        )
    if not found:
        _warn_of_another_unit(table)
    return found or "ns"


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
            f" is not, say signal_unit={found!r}, or no rate will be in the units that it seems to have",
        )
    elif density_in_cm3(found) != density_in_cm3(wish):
        raise ValueError(
            f"{table.file}: its header gives the signal in {found}, not in {wish}; change signal_unit"
        )
    return wish


def _warn_of_another_unit(table: Table) -> None:
    for row, line in enumerate(table.above, 1):
        if _OF_TIME.search(line) and _NOT_NS.search(line):
            warn(
                f"{table.file}, row {row}: {shown(line)} may tell the unit of the times, which were taken to"
                " be in ns; give it with t_unit=...",
            )
            return
