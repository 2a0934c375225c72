"""Time steps that all pixels of a map share: the data's times, and more where these are far apart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_WIDEST = 1.5  # ratio of the ends of one step: rates of any size find steps of their own length
_FIRST = 2.0 ** -np.arange(5, 0, -1)  # where the first interval is divided


@dataclass(frozen=True, eq=False)
class Grid:
    """Steps of an integration, and which of their ends are data.

    Attributes
    ----------
    t : ndarray, shape (k + 1,)
        Ends of the steps, from 0, the moment of the pulse.
    rows : ndarray of int, shape (m - dark,)
        Place in `t` of each data point after the pulse.
    dark : int
        Number of data points before the pulse, which come first.

    Examples
    --------
    >>> grid_of(np.array([-1.0, 0.0, 1.0]))
    Grid(6 steps for 3 points)
    """

    t: np.ndarray
    rows: np.ndarray
    dark: int

    def __repr__(self) -> str:
        return f"Grid({len(self.t) - 1} steps for {self.dark + len(self.rows)} points)"

    @property
    def gap(self) -> float:
        """Time from the pulse to the first point after it."""
        later = self.t[self.rows]
        return float(later[later > 0][0])

    def halved(self) -> Grid:
        """Return the grid with each step halved."""
        t = np.empty(2 * len(self.t) - 1)
        t[::2], t[1::2] = self.t, (self.t[1:] + self.t[:-1]) / 2
        return Grid(t, 2 * self.rows, self.dark)


def grid_of(t: np.ndarray) -> Grid:
    """Return steps for data at the times t since the pulse, which increase.

    Examples
    --------
    >>> grid_of(np.array([1.0, 2.0])).t.tolist()
    [0.0, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0, 1.4142135623730951, 2.0]
    """
    later = t[t >= 0]
    positive = later[later > 0]
    parts = [np.zeros(1), _FIRST * positive[0], positive[:1]]
    for begin, end in pairwise(positive):
        count = max(int(np.ceil(np.log(end / begin) / np.log(_WIDEST) - 1e-9)), 1)
        inner = begin * (end / begin) ** (np.arange(1, count) / count)
        parts += [inner, [end]]
    steps = np.concatenate(parts)
    return Grid(steps, np.searchsorted(steps, later), len(t) - len(later))
