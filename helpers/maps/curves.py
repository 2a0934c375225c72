"""The rate law of many pixels at once: curves, their derivatives, and the sums that a search needs of them.

Without generation, with E = exp(−k1·t), τ = (1 − E)/k1 and z = (E/n)², the law is dz/dτ = 2·k2·√z + 2·k3·E:
k1 is exact, z only grows, and neither k2 nor k3 alone makes the equation stiff. Each step is one of the
classical Runge–Kutta method. The derivatives need no further equations, with q = k1 + k2·n + k3·n²:

    ∂n/∂k_j = −n·q·∫ n^(j−1)/q dt        ∂n/∂n0 = n·q(n)/(n0·q(n0))

The integrals are running sums of a rule that knows values and slopes at both ends of a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.maps.grid import Grid

NAMES = ("k1", "k2", "k3", "n0", "scale", "offset")  # of one pixel, in natural units
K1, K2, K3, N0, SCALE, OFFSET = range(6)
_ELEMENTS = 32768  # of a block of rows: they stay in the processor's cache
_TINY = 1e-20  # in units of 1/T: no sum divides by zero
_SMALL = 0.01  # of k1·t: below it a series is closer than a difference
_LEAST_COUNT = 1e-300


@dataclass(frozen=True, eq=False)
class Form:
    """What all pixels of a map have in common.

    Attributes
    ----------
    free : tuple of int
        Places in `NAMES` of the parameters that are fitted.
    counts : bool
        Whether the noise is that of counts.
    squared : bool
        Whether the signal goes with n·(n + p0) instead of n.
    """

    free: tuple[int, ...]
    counts: bool = False
    squared: bool = False

    @property
    def linear(self) -> tuple[int, ...]:
        """Places among the free parameters of those that the signal is linear in."""
        return tuple(place for place, index in enumerate(self.free) if index in (SCALE, OFFSET))


@dataclass(frozen=True, eq=False)
class Data:
    """Signals of pixels side by side, in natural units.

    Attributes
    ----------
    y : ndarray, shape (m, pixels)
    weights : ndarray, shape (m, pixels) or (m, 1)
        One over the standard errors; not used for counts.
    doping : ndarray, shape (pixels,)
        p0 in units of each pixel's density.
    """

    y: np.ndarray
    weights: np.ndarray
    doping: np.ndarray

    def take(self, which) -> Data:
        """Return some of the pixels."""
        weights = self.weights if self.weights.shape[1] == 1 else self.weights[:, which]
        return Data(self.y[:, which], weights, self.doping[which])


@dataclass(eq=False)
class Sums:
    """Cost of each pixel, and the sums JᵀWJ and JᵀWr over its points, for the free parameters.

    Attributes
    ----------
    cost : ndarray, shape (pixels,)
        Infinite where the model cannot be computed.
    squares : ndarray, shape (p, p, pixels)
    slope : ndarray, shape (p, pixels)
    residuals, neighbours : ndarray, shape (pixels,)
        Σr² and Σrᵢ·rᵢ₊₁ of the weighted residuals.
    """

    cost: np.ndarray
    squares: np.ndarray
    slope: np.ndarray
    residuals: np.ndarray
    neighbours: np.ndarray

    @classmethod
    def empty(cls, count: int, pixels: int) -> Sums:
        """Return sums of nothing."""
        return cls(
            np.zeros(pixels),
            np.zeros((count, count, pixels)),
            np.zeros((count, pixels)),
            np.zeros(pixels),
            np.zeros(pixels),
        )

    def put(self, which, other: Sums, chosen=slice(None)) -> None:
        """Replace the sums of some pixels."""
        self.cost[which] = other.cost[chosen]
        self.squares[:, :, which] = other.squares[:, :, chosen]
        self.slope[:, which] = other.slope[:, chosen]
        self.residuals[which] = other.residuals[chosen]
        self.neighbours[which] = other.neighbours[chosen]

    def take(self, which) -> Sums:
        """Return the sums of some pixels."""
        return Sums(
            self.cost[which],
            self.squares[:, :, which],
            self.slope[:, which],
            self.residuals[which],
            self.neighbours[which],
        )


def inverse_roots(grid: Grid, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return E/n = √z and E at the ends of all steps, both of shape (k + 1, pixels).

    Parameters
    ----------
    grid : Grid
    x : ndarray, shape (6, pixels)
        Parameters in the order of `NAMES`.
    """
    k1, k2, k3, n0 = x[:4]
    t = grid.t[:, None]
    exponent = t * k1
    E = np.exp(-exponent)
    tau = _running_time(t, exponent, E)
    step = tau[1:] - tau[:-1]
    half, third = step / 2, step / 6
    pull = 2 * k3 * E
    middle = (pull[1:] + pull[:-1]) / 2
    push = 2 * k2
    root = np.empty_like(E)
    z = n0**-2.0
    y = np.empty_like(z)
    total, slope = np.empty_like(z), np.empty_like(z)
    for i in range(len(step)):
        np.sqrt(z, out=root[i])
        np.multiply(push, root[i], out=total)
        total += pull[i]
        np.multiply(total, half[i], out=y)
        for width in (half[i], step[i]):
            y += z
            np.sqrt(y, out=y)
            y *= push
            np.add(y, middle[i], out=slope)
            total += slope
            total += slope
            np.multiply(slope, width, out=y)
        y += z
        np.sqrt(y, out=y)
        y *= push
        total += y
        total += pull[i + 1]
        total *= third[i]
        z += total
    np.sqrt(z, out=root[-1])
    return root, E


def _running_time(t, exponent, E):
    """τ = (1 − exp(−k1·t))/k1, without cancellation."""
    small = exponent < _SMALL
    tau = (1 - E) / np.where(small, 1.0, exponent)
    series = 1 - exponent / 2 * (1 - exponent / 3 * (1 - exponent / 4 * (1 - exponent / 5)))
    np.copyto(tau, series, where=small)
    tau *= t
    return tau


@np.errstate(all="ignore")
def curves(grid: Grid, form: Form, x: np.ndarray, doping: np.ndarray) -> np.ndarray:
    """Signals of the pixels at the data's times, shape (m, pixels)."""
    root, E = inverse_roots(grid, x)
    n = E[grid.rows] / root[grid.rows]
    shape = n * (n + doping) if form.squared else n
    dark = np.zeros((grid.dark, x.shape[1]))
    return np.vstack([dark, shape]) * x[SCALE] + x[OFFSET]


@np.errstate(all="ignore")
def evaluate(grid: Grid, form: Form, x: np.ndarray, data: Data) -> Sums:
    """Cost, JᵀWJ and JᵀWr of every pixel at the parameters x, shape (6, pixels)."""
    root, E = inverse_roots(grid, x)
    pixels = x.shape[1]
    found = _Gram(form, pixels)
    if grid.dark:
        nothing = np.zeros((grid.dark, pixels))
        found.add(nothing, [nothing] * 4, x, data, slice(0, grid.dark))
    integrals = [np.zeros(pixels) for _ in range(3)]
    k1, k2, k3, n0 = x[:4]
    by_start = 1 / (n0 * (k1 + n0 * (k2 + n0 * k3) + _TINY))
    rows = max(_ELEMENTS // pixels, 2)
    done = 0
    for begin in range(0, len(grid.t) - 1, rows):
        part = slice(begin, min(begin + rows, len(grid.t) - 1) + 1)
        n = E[part] / root[part]
        lost, running = _integrated(grid.t[part], n, x, form, integrals)
        # The first end of a part is the last one of the part before.
        first, last = done, int(np.searchsorted(grid.rows, part.stop))
        inner, done = grid.rows[first:last] - part.start, last
        lost = lost[inner]
        slopes = [None if each is None else -lost * each[inner] for each in running]
        slopes.append(lost * by_start)
        found.add(n[inner], slopes, x, data, slice(grid.dark + first, grid.dark + last))
    return found.sums()


def _integrated(t, n, x, form: Form, integrals):
    """Return n·q and the running integrals of n^(j−1)/q over a part of the grid."""
    k1, k2, k3 = x[:3]
    q = n * k3
    bend = 2 * q
    bend += k2
    bend *= n
    q += k2
    q *= n
    q += k1
    q += _TINY
    value = 1 / q
    bend *= value
    q *= n
    width = np.diff(t)[:, None]
    running: list[np.ndarray | None] = []
    slope, factor = bend, None
    for j in range(3):
        if j:
            value = value * n
            factor = n if factor is None else factor * n
            slope = factor * (bend - j)
        if j not in form.free:
            running.append(None)
            continue
        gain = (value[1:] + value[:-1]) * (width / 2)
        gain += (slope[:-1] - slope[1:]) * (width**2 / 12)
        total = np.empty_like(n)
        total[0] = integrals[j]
        for i in range(len(gain)):
            np.add(total[i], gain[i], out=total[i + 1])
        integrals[j] = total[-1].copy()
        running.append(total)
    return q, running


class _Gram:
    """Sums over the points, as they come block by block."""

    def __init__(self, form: Form, pixels: int) -> None:
        self.form = form
        count = len(form.free)
        self.table = np.zeros((count + 1, count + 1, pixels))
        self.cost = np.zeros(pixels)
        self.neighbours = np.zeros(pixels)
        self.last: np.ndarray | None = None

    def add(self, n, slopes, x, data: Data, rows: slice) -> None:
        if len(n) == 0:
            return
        form, scale, y = self.form, x[SCALE], data.y[rows]
        shape = n * (n + data.doping) if form.squared else n
        expected = shape * scale + x[OFFSET]
        residuals = expected - y
        if form.counts:
            impossible = (expected < 0) | ((expected == 0) & (y > 0))
            expected = np.where(expected > 0, expected, _LEAST_COUNT)
            ratio = np.where(y > 0, y, 1.0) / expected
            self.cost += (residuals + y * np.log(ratio)).sum(axis=0)
            self.cost[impossible.any(axis=0)] = np.inf
            weights = 1 / np.sqrt(expected)
        else:
            weights = data.weights[rows]
        residuals = residuals * weights
        seen = weights * scale
        if form.squared:
            seen = seen * (2 * n + data.doping)
        columns = [self._column(index, slopes, shape, seen, weights) for index in form.free]
        columns.append(residuals)
        for a, one in enumerate(columns):
            for b in range(a, len(columns)):
                self.table[a, b] += np.einsum("mn,mn->n", one, columns[b])
        self.neighbours += np.einsum("mn,mn->n", residuals[1:], residuals[:-1])
        if self.last is not None:
            self.neighbours += self.last * residuals[0]
        self.last = residuals[-1].copy()

    def _column(self, index, slopes, shape, seen, weights):
        if index <= N0:
            return slopes[index] * seen
        return shape * weights if index == SCALE else np.broadcast_to(weights, shape.shape)

    def sums(self) -> Sums:
        count = len(self.form.free)
        squares = self.table[:count, :count].copy()
        for a in range(count):
            for b in range(a):
                squares[a, b] = squares[b, a]
        slope, residuals = self.table[:count, -1].copy(), self.table[-1, -1].copy()
        cost = self.cost if self.form.counts else residuals / 2
        whole = np.isfinite(cost) & np.isfinite(slope).all(axis=0) & np.isfinite(squares).all(axis=(0, 1))
        return Sums(np.where(whole, cost, np.inf), squares, slope, residuals, self.neighbours)
