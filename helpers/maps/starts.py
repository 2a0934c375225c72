"""Where the searches of all pixels begin: integral matching, all pixels at once.

n(t) = n(0) − k1·∫n − k2·∫n² − k3·∫n³ is linear in everything that is asked for; the integrals are those of
the data. Nothing is iterated. Long traces are averaged over times of equal ratio first.
"""

from __future__ import annotations

import numpy as np

from helpers.maps.curves import K1, N0, OFFSET, SCALE, Data, Form
from helpers.maps.steps import bounded_step

_BINNED_FROM = 60  # points
_BINS_PER_DECADE = 20
_SEEN = 0.02  # of the largest signal: below it the root of a signal is noise
_LEAST_OFFSET = 1e-2  # counts
_FASTEST = 3.0  # e-folds of k1 before the second point: such a start is slowed
_EARLY = 3  # bins whose largest is taken as the height of a decay
_NEXT = 1e-3  # of the largest density, the least start of a density


def binned(t: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average the rows over times of equal ratio, the first row and short traces apart.

    Examples
    --------
    >>> binned(np.array([0.0, 1.0, 2.0]), np.ones((3, 1)))[0].tolist()
    [0.0, 1.0, 2.0]
    """
    if len(t) < _BINNED_FROM:
        return t, y
    elapsed = t[1:] - t[0]
    number = np.floor(_BINS_PER_DECADE * np.log10(elapsed / elapsed[0]) + 1e-9)
    begins = np.r_[0, 1 + np.flatnonzero(np.diff(number, prepend=-1))]
    count = np.diff(np.r_[begins, len(t)])
    return np.add.reduceat(t, begins) / count, np.add.reduceat(y, begins, axis=0) / count[:, None]


@np.errstate(all="ignore")
def starts(t: np.ndarray, dark: int, form: Form, x: np.ndarray, data: Data) -> list[np.ndarray]:
    """Return points to begin at, each of shape (6, pixels): one, or two where the background is unknown.

    Parameters
    ----------
    t : ndarray, shape (m,)
        Times since the pulse in units of their span.
    dark : int
        Number of points before the pulse.
    form : Form
    x : ndarray, shape (6, pixels)
        What is known; what is fitted is replaced, but for rates where all of them are given.
    data : Data
    """
    later, y = binned(t[dark:], data.y[dark:])
    levels = [x[OFFSET]]
    if OFFSET in form.free:
        lowest = np.sort(y, axis=0)[: max(len(y) // 10, 1)].mean(axis=0)
        least = _LEAST_OFFSET if form.counts else -np.inf
        levels = (
            [np.maximum(data.y[:dark].mean(axis=0), least)]
            if dark
            else [
                np.maximum(np.zeros_like(lowest), least),
                np.maximum(lowest, least),
            ]
        )
    return [_matched(later, y, form, x, data, level) for level in levels]


def _matched(t, y, form: Form, x, data: Data, level):
    x = x.copy()
    x[OFFSET] = level
    above = y - level
    if SCALE in form.free:
        x[SCALE] = np.maximum(above[:_EARLY].max(axis=0), 1e-3 * np.abs(above).max(axis=0))
        x[SCALE] /= x[N0] * (x[N0] + data.doping) if form.squared else x[N0]
    n = above / x[SCALE]
    kept = np.ones_like(n)
    if form.squared:
        kept = np.minimum.accumulate(above > _SEEN * above.max(axis=0), axis=0).astype(float)
        kept[:_EARLY] = 1.0
        signal = np.maximum(n, 0.0)
        root = np.sqrt(data.doping**2 + 4 * signal) + data.doping
        n = np.where(root > 0, 2 * signal / root, 0.0)
    width = np.diff(t)[:, None]
    columns = []
    for power in (1, 2, 3):
        value = n**power
        gain = (value[1:] + value[:-1]) / 2 * width
        columns.append(-np.vstack([np.zeros((1, n.shape[1])), np.cumsum(gain, axis=0)]))
    columns.append(np.ones_like(n))
    rates = [j for j in range(3) if j in form.free]
    target = n - sum(columns[j] * x[j] for j in range(3) if j not in rates)
    used = [columns[j] for j in rates] + [columns[3]]
    squares = np.array([[np.einsum("mn,mn,mn->n", kept, one, two) for two in used] for one in used])
    slope = -np.array([np.einsum("mn,mn,mn->n", kept, one, target) for one in used])
    step, _ = bounded_step(squares, slope, np.zeros_like(slope), tuple(range(len(rates))))
    for place, j in enumerate(rates):
        x[j] = step[place]
    if N0 in form.free:
        first = np.abs(n).max(axis=0)
        x[N0] = np.where(
            step[-1] > _NEXT * first, np.minimum(step[-1], 2 * first), np.maximum(n[0], _NEXT * first)
        )
    if K1 in rates:
        x[K1] = np.minimum(x[K1], _FASTEST / t[t > 0][0])
    return x


def other_starts(x: np.ndarray, form: Form, gap: float) -> list[list[np.ndarray]]:
    """Return points with one rate alone, slow to fast, and with all of them together, each group by itself.

    Parameters
    ----------
    x : ndarray, shape (6, pixels)
        A minimum, whose densities, scales and offsets are kept.
    form : Form
    gap : float
        Time to the first point after the pulse, in units of the span.
    """
    rates = [j for j in range(3) if j in form.free]
    sizes = np.geomspace(1.0, max(1.0 / gap, 10.0), 3)
    found = []
    for j in rates:
        group = [x.copy() for _ in sizes]
        for each, size in zip(group, sizes, strict=True):
            each[rates] = 0.0
            each[j] = size
        found.append(group)
    together = x.copy()
    together[rates] = np.geomspace(2.0, 500.0, 3)[: len(rates), None]
    return [*found, [together]]
