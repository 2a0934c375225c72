"""A file of numbers as a trace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpers.traces.cells import sound_cells, warn_of_an_absurd_span
from helpers.traces.column_units import time_unit, unit_of_signal, without_unit
from helpers.traces.columns import choose, signals
from helpers.traces.instruments import Selection, read_instrument
from helpers.traces.matrices import named_by_numbers, transposed_table
from helpers.traces.reading import read_table
from helpers.traces.table import Table
from helpers.traces.texts import warn
from helpers.traces.trace import Trace


def read_columns(
    path: str | Path,
    *,
    decimal: str | None = None,
    selection: Selection | None = None,
    transposed: bool = False,
) -> Table:
    """Return the columns of a file of any kind; here each kind of file finds its reader."""
    table = read_instrument(Path(path), selection or Selection(), decimal)
    table = read_table(path, decimal=decimal) if table is None else table
    return transposed_table(table) if transposed else named_by_numbers(table)


def load_trace(
    path: str | Path,
    *,
    name: str | None = None,
    t_unit: str | None = None,
    signal_unit: str | None = None,
    columns: Sequence[int | str] | None = None,
    decimal: str | None = None,
    repeated: str = "refuse",
    transposed: bool = False,
    sheet: str | None = None,
    curve: int | str | None = None,
    channel_width: float | None = None,
    time: str | None = None,
    signal: str | None = None,
    sigma: str | None = None,
) -> Trace:
    """Read a decay from a text file: time, signal and, where there is one, the signal's standard error.

    Parameters
    ----------
    path : str or Path
        Text with comma, semicolon, tab or blanks between the columns, with or without header, preamble,
        comments (lines that begin with #, %, !, ; or //), units and quotes, see `reading.read_table`; or a
        file of one of the instruments and programs in `instruments`.
    name : str, optional
        The trace's name; the file's name without its suffix by default.
    t_unit, signal_unit : str, optional
        Units; by default those that the file names. A t_unit that contradicts the file is refused, and so is
        a column that the file calls anything but a time. Where neither says the unit of the times, the trace
        has none, and a warning asks for it.
    columns : sequence of int or str, optional
        The columns of time, signal and, if wanted, sigma, counted from 0 or by their names in the header.
        By default the first two; a third one is sigma if its name says so (sigma, error, std, ±, Fehler,
        ...). Any other column is asked about. Only the chosen columns are checked.
    decimal : "." or ",", optional
        The decimal mark, where the file leaves it open (is 1,234 a thousand or a little more than one?).
    repeated : {"refuse", "mean"}
        What to do with rows of the same time, as instruments write that round their times: refuse the
        file, or take the mean of their signals.
    transposed : bool, optional
        Whether wavelengths stand down the side of a matrix and times along the top; columns are then
        wavelengths, for instance columns=["time", "520"].
    sheet : str, optional
        Name of the sheet of an Excel workbook, where several hold numbers.
    curve : int or str, optional
        Number or name of one of several curves in a file of a counter or of LabVIEW.
    channel_width : float, optional
        Time from one channel to the next, in t_unit, where the file holds counts without times.
    time, signal, sigma : str, optional
        Paths of datasets in an HDF5 file, such as "/scan/delay".

    Raises
    ------
    ValueError
        If anything in the file is not understood; names the file, the cause and the row.
    OSError
        If the file is missing or cannot be read.

    Examples
    --------
    >>> from helpers.paths import DATA
    >>> load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3")
    Trace('sample_data': 791 points, t -20 to 480 ns, largest signal 800 10^16 cm^-3)
    """
    selection = Selection(sheet, curve, channel_width, time, signal, sigma)
    table = read_columns(path, decimal=decimal, selection=selection, transposed=transposed)
    if name is None:
        name = _stem(path) + (f", {selection.label}" if selection.label else "")
    chosen = choose(table, columns)
    return _trace(table, chosen, name, t_unit, signal_unit, _known(repeated))


def load_traces(
    path: str | Path,
    *,
    t_unit: str | None = None,
    signal_unit: str | None = None,
    columns: Sequence[int | str] | None = None,
    decimal: str | None = None,
    repeated: str = "refuse",
    transposed: bool = False,
    sheet: str | None = None,
    curve: int | str | None = None,
    channel_width: float | None = None,
    time: str | None = None,
    signal: str | None = None,
    sigma: str | None = None,
) -> list[Trace]:
    """Read all decays of a file: one column of times and many signals, each named by its title.

    A column whose title calls it an error belongs to the signal on its left, and a signal to the nearest
    time on its left. The signals may end in different rows.

    Parameters
    ----------
    path, t_unit, signal_unit, decimal, repeated, transposed, sheet, curve, channel_width, time, signal, sigma
        As of `load_trace`.
    columns : sequence of int or str, optional
        The column of times and those of the signals, by numbers from 0 or by names; needed where the
        columns have no names.

    Returns
    -------
    list of Trace

    Raises
    ------
    ValueError
        If anything in the file is not understood; names the file, the cause and the row.
    OSError
        If the file is missing or cannot be read.

    Examples
    --------
    >>> from helpers.paths import DATA
    >>> [trace.name for trace in load_traces(DATA / "fluence_series_1uJ.csv")]
    ['counts']
    """
    selection = Selection(sheet, curve, channel_width, time, signal, sigma)
    table = read_columns(path, decimal=decimal, selection=selection, transposed=transposed)
    return [
        _trace(table, chosen, _title(table, chosen[1], path), t_unit, signal_unit, _known(repeated))
        for chosen in signals(table, columns)
    ]


def _trace(
    table: Table, chosen: list[int], name: str, t_unit: str | None, signal_unit: str | None, repeated: str
) -> Trace:
    unit = time_unit(table, chosen[0], t_unit)
    cells = sound_cells(table, chosen, repeated)
    if not unit:
        warn(without_unit(table))
    warn_of_an_absurd_span(table.file, cells.t, unit)
    return Trace(
        cells.t,
        cells.signal,
        cells.sigma,
        name=name,
        t_unit=unit,
        signal_unit=unit_of_signal(table, chosen[1], signal_unit),
    )


def _known(repeated: str) -> str:
    if repeated not in ("refuse", "mean"):
        raise ValueError(f"repeated = {repeated!r}: choose 'refuse' or 'mean'")
    return repeated


def _stem(path: str | Path) -> str:
    return Path(Path(path).name.removesuffix(".gz")).stem


def _title(table: Table, column: int, path: str | Path) -> str:
    """Return the name of one of several traces: its title, with its column where the title is not unique."""
    title = table.title(column)
    if title and table.names.count(title) == 1:
        return title
    return f"{title or _stem(path)} (column {column + 1})"
