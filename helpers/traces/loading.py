"""A file of numbers as a trace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpers.traces.columns import choose, merge_repeated, refuse_bad_numbers, time_unit, unit_of_signal
from helpers.traces.instruments import Selection, read_instrument
from helpers.traces.reading import read_table
from helpers.traces.table import Table
from helpers.traces.trace import Trace


def read_columns(
    path: str | Path, *, decimal: str | None = None, selection: Selection | None = None
) -> Table:
    """Return the columns of a file of any kind; here each kind of file finds its reader."""
    table = read_instrument(Path(path), selection or Selection(), decimal)
    return read_table(path, decimal=decimal) if table is None else table


def load_trace(
    path: str | Path,
    *,
    name: str | None = None,
    t_unit: str | None = None,
    signal_unit: str | None = None,
    columns: Sequence[int | str] | None = None,
    decimal: str | None = None,
    repeated: str = "refuse",
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
        comments (lines that begin with #, %, !, ; or //), units and quotes; see `reading.read_table`.
    name : str, optional
        The trace's name; the file's name without its suffix by default.
    t_unit, signal_unit : str, optional
        Units; by default those that the header names, else "ns" and none. Without t_unit a header such as
        "Delay (steps)" is refused, and a line above the header that seems to name a unit gives a warning.
    columns : sequence of int or str, optional
        The columns of time, signal and, if wanted, sigma, counted from 0 or by their names in the header.
        By default the first two; a third one is sigma if its name says so, or if it has no name, is
        positive and at the peak at most a tenth of the signal. Any other column is refused: a larger one
        without a name is rather a second signal.
    decimal : "." or ",", optional
        The decimal mark, where the file leaves it open (is 1,234 a thousand or a little more than one?).
    repeated : {"refuse", "mean"}
        What to do with rows of the same time, as instruments write that round their times: refuse the
        file, or take the mean of their signals.

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
    >>> load_trace(DATA / "sample_data.csv", signal_unit="10^16 cm^-3")
    Trace('sample_data': 791 points, t -20 to 480 ns, largest signal 800 10^16 cm^-3)
    """
    path = Path(path)
    selection = Selection(sheet, curve, channel_width, time, signal, sigma)
    table = read_columns(path, decimal=decimal, selection=selection)
    chosen = choose(table, columns)
    if repeated not in ("refuse", "mean"):
        raise ValueError(f"repeated = {repeated!r}: choose 'refuse' or 'mean'")
    if repeated == "mean":
        table = merge_repeated(table, chosen)
    refuse_bad_numbers(table, chosen)
    if name is None:
        name = Path(path.name.removesuffix(".gz")).stem + (f", {selection.label}" if selection.label else "")
    times, values, *errors = table.values[:, chosen].T
    return Trace(
        times,
        values,
        errors[0] if errors else None,
        name=name,
        t_unit=time_unit(table, chosen[0], t_unit),
        signal_unit=unit_of_signal(table, chosen[1], signal_unit),
    )
