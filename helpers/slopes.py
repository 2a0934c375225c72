"""Decay rates read off the data alone: no model, but errors that say how far down they can be believed."""

from __future__ import annotations

import numpy as np

from helpers.traces import Trace


def decay_rates(
    trace: Trace, *, points_per_decade: int = 10, least: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n, −dn/dt and its standard error from straight lines through runs of neighbouring points.

    Each run has at least `least` points and 1/points_per_decade of a decade in time. Where its slope is not
    above twice its error, which comes from the points' scatter about the line, it is doubled; the list ends
    where n would fall too far within a run for that, so that late runs which noise made steep do not appear.

    Raises
    ------
    ValueError
        If not even two runs show a decay.

    Examples
    --------
    >>> t = np.linspace(0, 1, 101)
    >>> n, rate, error = decay_rates(Trace(t, np.exp(-3 * t)))
    >>> round(float(np.median(rate / n)), 2)
    3.0
    """
    runs, start, t = [], 0, trace.elapsed
    while start + least <= len(trace):
        wide = np.searchsorted(t, t[start] * 10 ** (1 / points_per_decade))
        stop, line = _visible_line(t, trace.signal, start, max(start + least, int(wide)))
        if line is None:
            break
        runs.append(line)
        start = stop
    if len(runs) < 2:
        label = trace.name or "the trace"
        raise ValueError(f"{label}: no decay stands out of the noise; give a longer part of it")
    return tuple(np.array(runs).T)


def _visible_line(t: np.ndarray, n: np.ndarray, start: int, stop: int):
    """Lengthen a run until its slope stands out of the noise; return its end, and its line or None."""
    while True:
        mean, rate, error = _line(t[start:stop], n[start:stop])
        if rate > 2 * error and mean > 0:
            return stop, (mean, rate, error)
        fall = rate * (t[min(stop, len(t)) - 1] - t[start])
        if stop >= len(t) or fall > mean:
            return stop, None
        stop = 2 * stop - start


def _line(t: np.ndarray, n: np.ndarray) -> tuple[float, float, float]:
    """Fit a straight line to a run: mean, downward slope and the slope's standard error."""
    away = t - t.mean()
    width = away @ away
    slope = away @ n / width
    scatter = n - n.mean() - slope * away
    return n.mean(), -slope, np.sqrt(scatter @ scatter / ((len(n) - 2) * width))
