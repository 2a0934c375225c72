"""The convolution of a decay with a response, as sums over nodes: h(u) = Σ w·F(τ), and its slope in u.

F is what the pulse adds to the signal, τ the time since the pulse, u that of a data point. F is computed at
few nodes, on panels that become shorter towards the pulse, and interpolated from there; the sums know where.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import Legendre, leggauss, legvander
from scipy.sparse import csr_array

NODES = 14  # of a panel
_X, _WEIGHTS = leggauss(NODES)
_COEFFICIENTS = np.linalg.inv(legvander(_X, NODES - 1))  # of Legendre polynomials, from values at the nodes
_INTEGRALS = np.column_stack(
    [Legendre(column).integ(lbnd=-1)(_X) for column in _COEFFICIENTS.T]
)  # from the start of a panel to each node
_RATIO = 1.5  # of the ends of neighbouring panels
_FINEST = 256  # parts of the shortest time that matters: the first panel is one of them
_POINTS_A_PANEL = 8  # of data, where the decay may have more structure than a sum of exponentials
_REACH = 6.0  # standard deviations: beyond them a Gaussian holds 2e-9 of its area
_FARTHER = 20.0  # standard deviations from the pulse, from which on few nodes do
_FAR, _FARTHEST = hermegauss(10), hermegauss(6)
_NEAR_X, _NEAR_WEIGHTS = leggauss(32)
_EDGE_X, _EDGE_WEIGHTS = leggauss(16)


class Sums(NamedTuple):
    """Terms of sums over F: point `row` gets weight·F(time), and its slope in u gets slope·F(time)."""

    row: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    slope: np.ndarray

    @staticmethod
    def joined(parts: list[Sums]) -> Sums:
        """Return the terms of all parts."""
        return Sums(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def no_sums() -> Sums:
    """Return sums without any term."""
    return Sums(np.zeros(0, int), *(np.zeros(0) for _ in range(3)))


@dataclass(frozen=True, eq=False)
class Panels:
    """Panels of times since the pulse, each with Gauss–Legendre nodes between which F is a polynomial.

    Examples
    --------
    >>> panels = panels_for(1.0, 0.1)
    >>> F = np.exp(-3 * panels.nodes)
    >>> (panels.interpolation(np.array([0.0, 0.25])) @ F).round(9).tolist()
    [1.0, 0.472366553]
    """

    edges: np.ndarray
    order: int = NODES

    def __repr__(self) -> str:
        return f"Panels({len(self.edges) - 1}, up to {self.edges[-1]:g})"

    @property
    def nodes(self) -> np.ndarray:
        """Times at which F is computed, increasing."""
        x, _ = _of_order(self.order)
        return (self.edges[:-1, None] + 0.5 * np.diff(self.edges)[:, None] * (1 + x)).ravel()

    def interpolation(self, times: np.ndarray) -> csr_array:
        """Matrix from values at the nodes to values at times between the first and the last edge."""
        order, (_, coefficients) = self.order, _of_order(self.order)
        panel = np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.edges) - 2)
        start, width = self.edges[panel], np.diff(self.edges)[panel]
        basis = coefficients.T @ _legendre(np.clip(2 * (times - start) / width - 1, -1, 1), order)
        columns = panel[:, None] * order + np.arange(order)
        begins = order * np.arange(len(times) + 1)
        shape = (len(times), order * (len(self.edges) - 1))
        return csr_array((basis.T.ravel(), columns.ravel(), begins), shape=shape)

    def filtered(self, table: np.ndarray, tail: float, period: float | None) -> np.ndarray:
        """Columns of F at the nodes after an exponential response, E(τ) = ∫ exp(−(τ − s)/tail)·F(s)ds/tail.

        E solves tail·E' = F − E. Its slope on each panel is a polynomial through the nodes (the collocation
        method of Gauss). In a train E just before a pulse is that just after it.
        """
        widths = np.diff(self.edges)
        blocks = table.reshape(len(widths), NODES, -1)
        half = (0.5 * widths)[:, None, None]
        matrices = tail * np.eye(NODES) + half * _INTEGRALS
        # From F, and from 1 (what a unit at the start of a panel does).
        right = np.concatenate([blocks, -np.ones((len(widths), NODES, 1))], axis=2)
        slopes = np.linalg.solve(matrices, right)
        inside, ends = half * (_INTEGRALS @ slopes), half[:, 0] * np.einsum("k,pkc->pc", _WEIGHTS, slopes)
        start, result = np.zeros(blocks.shape[2]), np.empty_like(blocks)
        left = np.empty((len(widths), NODES))  # what is left of a unit at the pulse
        unit = 1.0
        for j in range(len(widths)):
            passed = 1 + inside[j, :, -1]
            result[j] = inside[j, :, :-1] + passed[:, None] * start
            left[j] = passed * unit
            start = ends[j, :-1] + (1 + ends[j, -1]) * start
            unit *= 1 + ends[j, -1]
        if period is not None:
            result += left[:, :, None] * (start / (1 - unit))
        return result.reshape(table.shape)


@functools.cache
def _of_order(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss–Legendre nodes, and the matrix from values there to coefficients of polynomials."""
    x, _ = leggauss(order)
    return x, np.linalg.inv(legvander(x, order - 1))


def _legendre(x: np.ndarray, order: int) -> np.ndarray:
    """Legendre polynomials at x, one in each row."""
    rows = np.empty((order, len(x)))
    rows[0], rows[1] = 1.0, x
    for n in range(1, order - 1):
        rows[n + 1] = ((2 * n + 1) * x * rows[n] - n * rows[n - 1]) / (n + 1)
    return rows


def panels_for(end: float, shortest: float, times: np.ndarray | None = None) -> Panels:
    """Panels from the pulse to `end`, shortest next to the pulse.

    Parameters
    ----------
    end : float
        Last time that is needed.
    shortest : float
        Shortest time that matters: a width, or a distance of points.
    times : ndarray, optional
        Times of data. With them no panel holds more than a few, so that any structure that the data could
        show is resolved; without them F is taken to be smooth, like a sum of decays.
    """
    count = max(math.ceil(math.log(_FINEST * end / shortest, _RATIO)), 4) if end > shortest / _FINEST else 4
    edges = np.append(0.0, end * _RATIO ** -np.arange(count, -1.0, -1.0))
    if times is not None:
        held = np.diff(np.searchsorted(np.sort(times), edges))
        parts = np.maximum(np.ceil(held / _POINTS_A_PANEL).astype(int), 1)
        pieces = [
            np.linspace(first, last, n, endpoint=False)
            for first, last, n in zip(edges[:-1], edges[1:], parts, strict=True)
        ]
        edges = np.append(np.concatenate(pieces), end)
    return Panels(edges)


def widening(first: float, width: float, end: float) -> np.ndarray:
    """Edges after `first` up to `end`, the first one `width` later, each interval half as long again.

    Examples
    --------
    >>> widening(0.0, 1.0, 4.0).tolist()
    [1.0, 2.5, 4.75]
    """
    edges = [first + width]
    while edges[-1] < end:
        width *= _RATIO
        edges.append(edges[-1] + width)
    return np.array(edges)


def gaussian_sums(u: np.ndarray, sigma: float, period: float | None) -> Sums:
    """Return the sums of the convolution with a Gaussian.

    Further than six standard deviations from the pulse it is a Gauss–Hermite sum. Closer to it the jump at
    the pulse splits the integral; each part is a Gauss–Legendre sum in the square root of the time from the
    jump, which crowds the nodes where a fast decay needs them.
    """
    if period is not None:
        u = np.mod(u + period / 2, period) - period / 2
    parts = [*_far(u, sigma), _near(u, sigma)]
    if period is not None:  # what the pulse before has left; seen backwards in time it looks the same
        for row, time, weight, slope in (*_far(-u, sigma), _near(-u, sigma)):
            parts.append(Sums(row, period - time, weight, -slope))
    return Sums.joined(parts)


def _far(u, sigma) -> list[Sums]:
    distance = u / sigma
    found = []
    for there, (x, shares) in (
        ((distance >= _REACH) & (distance < _FARTHER), _FAR),
        (distance >= _FARTHER, _FARTHEST),
    ):
        rows = np.flatnonzero(there)
        times = u[rows, None] + sigma * x
        weights = np.broadcast_to(shares / math.sqrt(2 * math.pi), times.shape)
        found.append(Sums(*map(np.ravel, (_spread(rows, times), times, weights, weights * x / sigma))))
    return found


def _near(u, sigma) -> Sums:
    rows = np.flatnonzero(np.abs(u) < _REACH * sigma)
    centre = u[rows, None]
    root = np.sqrt(centre + _REACH * sigma)
    x = root * (_NEAR_X + 1) / 2
    times = x**2
    away = (times - centre) / sigma
    weights = np.exp(-0.5 * away**2) / (sigma * math.sqrt(2 * math.pi)) * root * x * _NEAR_WEIGHTS
    return Sums(*map(np.ravel, (_spread(rows, times), times, weights, weights * away / sigma)))


def _spread(rows: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(rows[:, None], like.shape)


def plain_sums(u: np.ndarray, period: float | None) -> Sums:
    """Return the sums of no response at all: F itself. A jump has no slope, which is left at 0."""
    u = u if period is None else np.mod(u, period)
    rows = np.flatnonzero(u >= 0)
    return Sums(rows, u[rows], np.ones(len(rows)), np.zeros(len(rows)))


def box_sums(u: np.ndarray, width: float, period: float | None) -> Sums:
    """Return the sums of the mean over u ± width/2, as counts are collected in channels."""
    if period is not None:
        u = np.mod(u + width / 2, period) - width / 2
    rows = np.flatnonzero(u > -width / 2)
    low, high = u[rows] - width / 2, u[rows] + width / 2
    first = np.sqrt(np.maximum(low, 0.0))
    parts = [_root_sums(rows, first, np.sqrt(high), 1 / width)]
    ones = np.full(len(rows), 1 / width)
    parts.append(Sums(rows, high, 0 * ones, ones))
    later = low >= 0
    parts.append(Sums(rows[later], low[later], 0 * ones[later], -ones[later]))
    if period is not None:
        early = np.flatnonzero(u < width / 2)
        low = u[early] - width / 2
        times = period + low[:, None] * (1 + _EDGE_X) / 2
        weights = -low[:, None] / (2 * width) * _EDGE_WEIGHTS
        parts.append(Sums(*map(np.ravel, (_spread(early, times), times, weights, 0 * weights))))
        one = np.full(len(early), 1 / width)
        parts.append(Sums(early, period + low, 0 * one, -one))
    return Sums.joined(parts)


def _root_sums(rows, first, last, height) -> Sums:
    """Return the sums of height·∫F over times from first² to last²."""
    half = 0.5 * (last - first)[:, None]
    x = first[:, None] + half * (1 + _EDGE_X)
    weights = 2 * height * half * x * _EDGE_WEIGHTS
    return Sums(*map(np.ravel, (_spread(rows, x), x**2, weights, 0 * weights)))


class Blocks:
    """A response of straight lines between samples, in blocks of 1, 2, 4 … of them, for fast convolution.

    As seen from the pulse F is smooth over a block that lies no nearer than its own length. There the sum
    over the block's many samples is one over few nodes, whose weights are exact for polynomials. A data point
    near the pulse needs short blocks next to it and long ones further away: some ten in all, whatever the
    number of samples. The samples next to the pulse are integrated in the square root of the time from it.

    Parameters
    ----------
    v, g : ndarray, shape (k,)
        Times and heights of the response, 0 at both ends.
    """

    def __init__(self, v: np.ndarray, g: np.ndarray) -> None:
        self.v, self.g = v, g
        self.inclines = np.diff(g) / np.diff(v)
        x, w = leggauss(NODES // 2 + 1)
        points = v[:-1, None] + 0.5 * np.diff(v)[:, None] * (1 + x)
        shares = 0.5 * np.diff(v)[:, None] * w
        heights = np.stack([g[:-1, None] + self.inclines[:, None] * (points - v[:-1, None])] * 2)
        heights[1] = self.inclines[:, None]
        self.levels = []
        length = 1
        while True:
            first = np.arange(0, len(v) - 1, length)
            last = np.minimum(first + length, len(v) - 1)
            block = np.arange(len(v) - 1) // length
            middle, half = 0.5 * (v[first] + v[last]), 0.5 * (v[last] - v[first])
            basis = legvander((points - middle[block, None]) / half[block, None], NODES - 1) @ _COEFFICIENTS
            sums = np.einsum("dsq,sq,sqk->dsk", heights, shares, basis)
            weights = np.add.reduceat(sums, first, axis=1)
            self.levels.append((v[first], v[last], middle[:, None] + half[:, None] * _X, *weights))
            if len(first) == 1:
                break
            length *= 2

    def __repr__(self) -> str:
        return f"Blocks({len(self.v)} samples)"

    def sums(self, u: np.ndarray, period: float | None) -> Sums:
        """Return the sums of the convolution with this response."""
        if period is not None:
            u = np.mod(u - self.v[0], period) + self.v[0]
        parts: list[Sums] = [no_sums()]
        rows, blocks = np.arange(len(u)), np.zeros(len(u), int)
        for level in range(len(self.levels) - 1, -1, -1):
            starts, ends, *_ = self.levels[level]
            gap = u[rows] - ends[blocks]
            later = starts[blocks] >= u[rows]  # this part of the response comes after the point
            is_far = gap >= ends[blocks] - starts[blocks]
            parts.append(self._of_blocks(u, rows[is_far], blocks[is_far], level, 0.0))
            if period is not None:
                parts.append(self._of_blocks(u, rows[later], blocks[later], level, period))
            rows, blocks = rows[~is_far & ~later], blocks[~is_far & ~later]
            if level:
                rows, blocks = np.repeat(rows, 2), (2 * blocks[:, None] + [0, 1]).ravel()
                there = blocks < len(self.levels[level - 1][0])
                rows, blocks = rows[there], blocks[there]
        parts.append(self._of_lines(u, rows, blocks))
        if period is not None:
            parts.append(self._behind(u, rows, blocks, period))
        return Sums.joined(parts)

    def _of_blocks(self, u, rows, blocks, level: int, added: float) -> Sums:
        _, _, nodes, weights, slopes = self.levels[level]
        times = u[rows, None] - nodes[blocks] + added
        return Sums(*map(np.ravel, (_spread(rows, times), times, weights[blocks], slopes[blocks])))

    def _of_lines(self, u, rows, lines) -> Sums:
        """Return the sums over single lines as far as they lie before the point."""
        first = np.sqrt(np.maximum(u[rows] - self.v[lines + 1], 0.0))
        row, times, weights, _ = _root_sums(
            np.arange(len(rows)), first, np.sqrt(u[rows] - self.v[lines]), 1.0
        )
        return self._weighed(u, rows, lines, row, times, weights, 0.0)

    def _behind(self, u, rows, lines, period: float) -> Sums:
        """Return the sums over the rest of the lines that a point lies on, which the pulse before reaches."""
        inside = self.v[lines + 1] > u[rows]
        rows, lines = rows[inside], lines[inside]
        rest = self.v[lines + 1] - u[rows]
        times = -0.5 * rest[:, None] * (1 + _EDGE_X)
        weights = 0.5 * rest[:, None] * _EDGE_WEIGHTS
        row = _spread(np.arange(len(rows)), times).ravel()
        return self._weighed(u, rows, lines, row, times.ravel(), weights.ravel(), period)

    def _weighed(self, u, rows, lines, row, times, weights, added: float) -> Sums:
        rows, lines = rows[row], lines[row]
        incline = self.inclines[lines]
        heights = self.g[lines] + incline * (u[rows] - times - self.v[lines])
        return Sums(rows, times + added, weights * heights, weights * incline)
