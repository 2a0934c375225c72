"""What of a file is wanted: its sheet, its curve, its datasets, the width of its channels."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from helpers.traces.texts import shown

_MOST_SHOWN = 20  # choices that a message lists
_OF = {
    "sheet": "Excel workbooks",
    "curve": "files of several curves",
    "channel_width": "counts without times",
    "time": "HDF5 files",
    "signal": "HDF5 files",
    "sigma": "HDF5 files",
}


@dataclass(frozen=True)
class Selection:
    """What the user says of a file's contents; None where nothing is said.

    Parameters
    ----------
    sheet : str, optional
        Name of an Excel sheet.
    curve : int or str, optional
        One of several curves, by its number or name in the file.
    channel_width : float, optional
        Time from one channel to the next, where the file holds counts without times.
    time, signal, sigma : str, optional
        Paths of datasets in an HDF5 file.

    Raises
    ------
    ValueError
        If one of them is of the wrong kind.

    Examples
    --------
    >>> Selection(sheet="Film A").given
    ('sheet',)
    """

    sheet: str | None = None
    curve: int | str | None = None
    channel_width: float | None = None
    time: str | None = None
    signal: str | None = None
    sigma: str | None = None

    def __post_init__(self) -> None:
        for name in ("sheet", "time", "signal", "sigma"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} = {value!r}: give a name in quotes")
        if isinstance(self.curve, bool) or not isinstance(self.curve, int | str | None):
            raise ValueError(f"curve = {self.curve!r}: give the number or the name of a curve")
        width = self.channel_width
        if width is not None and (isinstance(width, bool) or not isinstance(width, int | float)):
            raise ValueError(f"channel_width = {width!r}: give a number, the width of a channel in t_unit")
        if width is not None and not (math.isfinite(width) and width > 0):
            raise ValueError(f"channel_width = {width!r}: give a number above 0")

    @property
    def given(self) -> tuple[str, ...]:
        """Names of what is said."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    @property
    def label(self) -> str:
        """What tells apart several traces of one file, for the names of traces; empty where nothing does."""
        said = [self.sheet, self.signal if self.signal else None]
        if self.curve is not None:
            said.append(self.curve if isinstance(self.curve, str) else f"curve {self.curve}")
        return ", ".join(str(each) for each in said if each is not None)

    def refuse_others(self, file: str, kind: str, *known: str) -> None:
        """Refuse what is said although this kind of file has no such thing.

        Raises
        ------
        ValueError
            For the first such option; names it and what it is for.
        """
        for name in self.given:
            if name not in known:
                raise ValueError(f"{file}: {name} is for {_OF[name]}, and this is {kind}; leave {name} out")


def listed(choices: Iterable[str]) -> str:
    """Return choices as messages list them, the first ones where there are many.

    Examples
    --------
    >>> listed(["Film A", "Film B"])
    "'Film A', 'Film B'"
    """
    names = [shown(each) for each in choices]
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that a wrong name probably stands for, or None.

    Examples
    --------
    >>> nearest("film a", ["Film A", "Film B"])
    'Film A'
    """
    by_lower = {each.strip().lower(): each for each in choices}
    found = difflib.get_close_matches(name.strip().lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None
