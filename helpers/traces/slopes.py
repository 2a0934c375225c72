"""Decay rates read off the data alone, with errors that say how far down they can be believed."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from helpers.traces.trace import Trace

# A straight line through a run of a bent curve misses its slope by up to about this share of it.
_CURVATURE = 0.01


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


def decay_terms(n, rate, error) -> np.ndarray:
    """Coefficients k1, k2, k3 of −dn/dt = k1·n + k2·n² + k3·n³ from decay rates, none of them negative.

    Linear least squares, weighted with 1/error. All three terms are sought at once, as one of them rarely
    has a range of densities to itself.

    Parameters
    ----------
    n, rate, error : array_like, shape (m,)
        Densities, −dn/dt and its standard errors, as `decay_rates` returns them.

    Returns
    -------
    ndarray, shape (3,)
        k1, k2, k3 in the units of the data; 0 for a term that the rates do not show.

    Notes
    -----
    A quick look at the data, not a fit of them: the errors of the rates are themselves uncertain, and noisy
    late points are left out.

    Examples
    --------
    >>> n = np.array([1.0, 2.0, 5.0, 10.0])
    >>> decay_terms(n, 0.5 * n + 0.02 * n**2, 0.01 * n).round(6).tolist()
    [0.5, 0.02, 0.0]
    """
    n, rate = np.asarray(n, float), np.asarray(rate, float)
    error = np.maximum(error, _CURVATURE * rate)
    # Relative to the largest density and the largest rate, no power of n can overflow or vanish.
    powers = (n / n.max())[:, None] ** np.arange(1, 4)
    shares = nnls(powers * (rate.max() / error)[:, None], rate / error)[0]
    return shares * rate.max() / n.max() ** np.arange(1, 4)


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
