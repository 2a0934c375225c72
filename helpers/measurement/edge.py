"""Where a trace rises: the moment of the pulse as far as the data show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from helpers.traces import Trace

_LOW, _HIGH = 0.1, 0.9  # of the rise, between which its width is measured


class Edge(NamedTuple):
    """Time of half the rise, and the time that the rise takes from 10 to 90 %."""

    time: float
    width: float


def rising_edge(trace: Trace, level: float = 0.0, sign: int = 1) -> Edge | None:
    """Find the edge before the largest signal: the last crossing of half its height above `level`.

    Parameters
    ----------
    trace : Trace
    level : float
        The signal before the pulse.
    sign : {1, -1}
        Of the signal.

    Returns
    -------
    Edge or None
        None where the trace begins at half its height or above: there is no edge in it.

    Examples
    --------
    >>> rising_edge(Trace([-2, -1, 0, 1, 2], [0, 0, 4, 2, 1]))
    Edge(time=-0.5, width=0.8)
    """
    height = sign * (trace.signal - level)
    peak = int(height.argmax())
    crossings = [_last_crossing(trace.t, height, peak, share) for share in (_LOW, 0.5, _HIGH)]
    low, half, high = crossings
    if half is None or high is None:
        return None
    low = float(trace.t[0]) if low is None else low
    step = float(np.min(np.diff(trace.t[: peak + 1]))) if peak else 0.0
    return Edge(half, round(max(high - low, 0.5 * step), 12))


def _last_crossing(t, height, peak: int, share: float) -> float | None:
    wanted = share * height[peak]
    below = np.flatnonzero(height[:peak] < wanted)
    if not below.size:
        return None
    at = int(below[-1])
    part = (wanted - height[at]) / (height[at + 1] - height[at])
    return float(t[at] + part * (t[at + 1] - t[at]))
