"""Where a trace rises: the moment of the pulse as far as the data show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from helpers.traces import Trace

_LOW, _HIGH = 0.1, 0.9  # of the rise, between which its width is measured
_WIDTHS = (1, 2, 4, 8, 16, 32)  # points of the running means that are tried
_SEEN = 8.0  # standard deviations of a running mean above which the height stands out
_FEWEST = 8  # points that tell a noise
_NEAR = 50  # points after the largest signal that show its noise


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

    Raises
    ------
    ValueError
        Where the signal does not stand out of its noise clearly enough.

    Notes
    -----
    Noise would put the crossing anywhere where the signal is faint, so the edge is sought in a running mean
    over as many points as make the height eight times its noise.

    Examples
    --------
    >>> rising_edge(Trace([-2, -1, 0, 1, 2], [0, 0, 4, 2, 1]))
    Edge(time=-0.5, width=0.8)
    """
    height = _smooth(trace, sign * (trace.signal - level), sign)
    peak = int(height.argmax())
    crossings = [_last_crossing(trace.t, height, peak, share) for share in (_LOW, 0.5, _HIGH)]
    low, half, high = crossings
    if half is None or high is None:
        return None
    low = float(trace.t[0]) if low is None else low
    step = float(np.min(np.diff(trace.t[: peak + 1]))) if peak else 0.0
    return Edge(half, round(max(high - low, 0.5 * step), 12))


def _smooth(trace: Trace, height: np.ndarray, sign: int) -> np.ndarray:
    """Take the running mean over as few points as make the signal stand out of its noise."""
    peak = int(height.argmax())
    near, dark = np.abs(np.diff(height[peak : peak + _NEAR], 2)), height[: peak // 2]
    # The median of |second difference| is 1.652 standard deviations of independent noise.
    noise = float(np.median(near)) / 1.652 if len(near) >= _FEWEST else 0.0
    noise = max(noise, float(dark.std()) if len(dark) >= _FEWEST else 0.0)
    for width in _WIDTHS:
        smooth = uniform_filter1d(height, width, mode="nearest")
        if smooth.max() >= _SEEN * noise / np.sqrt(width):
            return smooth
    other = "negative" if sign > 0 else "positive"
    turned = f', or sign = "{other}"' if -height.min() > height.max() else ""
    label = f"trace {trace.name!r}" if trace.name else "the trace"
    raise ValueError(
        f"{label}: its rise does not stand out of the noise; give time_zero as a number, in the trace's"
        f" unit{turned}"
    )


def _last_crossing(t, height, peak: int, share: float) -> float | None:
    wanted = share * height[peak]
    below = np.flatnonzero(height[:peak] < wanted)
    if not below.size:
        return None
    at = int(below[-1])
    part = (wanted - height[at]) / (height[at + 1] - height[at])
    return float(t[at] + part * (t[at + 1] - t[at]))
