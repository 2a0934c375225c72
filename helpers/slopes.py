"""Decay rates read off the data alone: no model, but errors that say how far down they can be believed."""

from __future__ import annotations

import numpy as np

from helpers.traces import Trace


def decay_rates(
    trace: Trace, *, points_per_decade: int = 10, least: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n, −dn/dt and its standard error from straight lines through runs of neighbouring points.

    Each run has at least `least` points and 1/points_per_decade of a decade in time; the error comes from
    the points' scatter about their line. The list ends before the first run whose slope is not above twice
    its error: of the later ones only those that noise made steep would show on log axes.

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
    runs, start = [], 0
    while start + least <= len(trace):
        wide = np.searchsorted(trace.elapsed, trace.elapsed[start] * 10 ** (1 / points_per_decade))
        stop = max(start + least, int(wide))
        runs.append(_line(trace.elapsed[start:stop], trace.signal[start:stop]))
        start = stop
    n, rate, error = np.array(runs).T if runs else np.empty((3, 0))
    lost = np.flatnonzero((rate <= 2 * error) | (n <= 0))
    last = lost[0] if lost.size else len(n)
    if last < 2:
        raise ValueError(
            f"{trace.name or 'the trace'}: no decay stands out of the noise; give a longer part of it"
        )
    return n[:last], rate[:last], error[:last]


def _line(t: np.ndarray, n: np.ndarray) -> tuple[float, float, float]:
    """Mean, downward slope and the slope's standard error of a straight line through a run of points."""
    away = t - t.mean()
    width = away @ away
    slope = away @ n / width
    scatter = n - n.mean() - slope * away
    return n.mean(), -slope, np.sqrt(scatter @ scatter / ((len(n) - 2) * width))
