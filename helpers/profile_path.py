"""The walk behind a profile: one parameter goes away from the minimum, the others are fitted anew."""

from __future__ import annotations

import numpy as np

from helpers.evidence.thresholds import textbook_thresholds, thresholds
from helpers.fitting import Fit
from helpers.least_squares import Minimum, Problem, covariance, linear_step, minimise

LEVELS = (0.68, 0.95)
CONTENT = 1e-3  # χ² left to gain at which a point of the path is good enough
_CLOSE = 5e-3  # standard errors: how well the ends of an interval are met
_BEYOND = 1.2  # the path goes on to this multiple of the threshold, in standard errors
_LARGEST = 1e8  # dimensionless: no data resolve a law that fast


def spare_points(fit: Fit) -> int:
    """Residuals minus free parameters, those that a global fit solves for (scales, offsets) among them."""
    return fit.problem.size - len(fit.status) + fit.status.count("fixed")


def fewest_spare_points(fit: Fit) -> int:
    """Residuals that must be to spare: 2 for any test of the law, 3 to estimate an unknown noise as well."""
    return 2 if np.isinf(freedom(fit)) else 3


def freedom(fit: Fit) -> float:
    """Degrees of freedom behind the noise's variance; infinite where sigma is known (variance exactly 1)."""
    if fit.variance == 1.0:
        return np.inf
    return fit.problem.size - fit.status.count("free")


def variance(fit) -> float:
    """Variance of a weighted residual, never quite zero."""
    # Data without any noise still carry rounding.
    return max(fit.variance, fit.problem.floor**2 / fit.problem.size, 1e-300)


def offset(fit) -> float:
    """Relative offset at which a point's χ² is within CONTENT of its minimum."""
    return float(np.sqrt(CONTENT / max(spare_points(fit), 1)))


class Tracer:
    """Walks one parameter away from the minimum, to both sides."""

    def __init__(self, fit, name: str, points: int) -> None:
        self.fit, self.name = fit, name
        self.problem: Problem = fit.problem
        self.index = self.problem.names.index(name)
        self.others = fit.free.copy()
        self.others[self.index] = False
        self.held = ~self.others & fit.free
        self.variance, self.freedom = variance(fit), freedom(fit)
        self.evaluations = 0
        self.known: dict[int, tuple[Minimum, np.ndarray]] = {}
        at_bound = fit.minimum.x[self.index] == 0
        self.count = max(points if at_bound else points // 2, 3)

    @property
    def last(self) -> float:
        """Root of Δ up to which the path goes."""
        return float(np.sqrt(textbook_thresholds(LEVELS, 1, self.freedom)[-1])) * _BEYOND

    def walk(self) -> tuple[list[Minimum], list[tuple[float, float]], Minimum | None]:
        """Walk both ways: the points in order, both levels' intervals, and a better minimum or None.

        Where the data have nothing to spare, or a better minimum turned up, the intervals have no ends.
        """
        start, open_ends = self.fit.minimum, [(0.0, np.inf)] * len(LEVELS)
        if start.triangle is None or spare_points(self.fit) < fewest_spare_points(self.fit):
            return [start], open_ends, None
        down, up = self._side(-1), self._side(+1)
        path = [*reversed(down), start, *up]
        lowest = min(path, key=self.rise)
        rounding = (10 * self.problem.floor) ** 2
        if self.rise(lowest) < -10 * CONTENT and 2 * (start.cost - lowest.cost) > rounding:
            return path, open_ends, lowest
        ends = [
            (self._end([start, *down], -1, level), self._end([start, *up], 1, level))
            for level in range(len(LEVELS))
        ]
        return path, ends, None

    def rise(self, point) -> float:
        """Δ of a point: how far its χ² lies above the minimum's."""
        return 2 * (point.cost - self.fit.minimum.cost) / self.variance

    def _side(self, direction: int) -> list[Minimum]:
        """Points outwards, even in the root of Δ as far as the linear problem can tell."""
        point, path = self.fit.minimum, []
        for _ in range(3 * self.count):
            value = point.x[self.index]
            if (direction < 0 and value == 0) or value > _LARGEST:
                break
            wanted = (np.sqrt(max(self.rise(point), 0.0)) + self.last / self.count) ** 2
            following = self._solve(point, max(value + direction * self._step(point, wanted, direction), 0.0))
            if not np.isfinite(following.cost):
                break
            point = following
            path.append(point)
            # The highest level's threshold is simulated, and near a bound it may lie above the textbook's.
            if self.rise(point) > self.last**2 and self._margin(point, len(LEVELS) - 1) > 0:
                break
        return path

    def _step(self, point, wanted: float, direction: int) -> float:
        """Step to where the linear problem expects the wanted Δ: gradient·h + ½h²/variance."""
        active = self.others & (point.x > 0)
        active[self.index] = True
        value = point.x[self.index]
        spread = covariance(point.triangle, active)[self.index, self.index] * self.variance
        if not np.isfinite(spread):
            return value or 1.0
        slope = direction * float(point.triangle[:, self.index] @ point.triangle[:, -1]) / self.variance
        slope = max(slope, 0.0)  # at a minimum over the others the cost cannot fall outwards
        missing = wanted - max(self.rise(point), 0.0)
        step = missing / (slope + np.sqrt(slope**2 + missing / spread))
        return min(step, 10 * value) if value > 0 else step

    def _solve(self, origin, value: float) -> Minimum:
        """Fit the others at the value, from where the linear problem at `origin` expects them."""
        moved = origin.triangle.copy()
        moved[:, -1] += moved[:, self.index] * (value - origin.x[self.index])
        x = origin.x + linear_step(moved, origin.x, self.others)[0]
        x[self.index] = value
        found = minimise(self.problem, x, free=self.others, wanted_offset=offset(self.fit))
        if not np.isfinite(found.cost):  # the linear problem pointed beyond what doubles hold
            x[self.others] = origin.x[self.others]
            found = minimise(self.problem, x, free=self.others, wanted_offset=offset(self.fit))
        self.evaluations += found.evaluations
        return found

    def _margin(self, point, level: int) -> float:
        """Root of Δ minus root of the level's threshold: negative inside the interval."""
        if id(point) not in self.known:
            options = {"variance": self.variance, "freedom": self.freedom}
            limits = thresholds(LEVELS, point.triangle, point.x, self.fit.free, self.held, **options)
            margins = np.sqrt(max(self.rise(point), 0.0)) - np.sqrt(limits)
            self.known[id(point)] = point, margins  # the point is kept, or its id might come again
        return self.known[id(point)][1][level]

    def _end(self, side, direction: int, level: int) -> float:
        """End of the level's interval on one side: 0 or inf where the path does not leave it."""
        if self._margin(side[-1], level) <= 0:
            return 0.0 if direction < 0 else np.inf
        inside, outside = 0, len(side) - 1
        while outside - inside > 1:
            middle = (inside + outside) // 2
            if self._margin(side[middle], level) <= 0:
                inside = middle
            else:
                outside = middle
        return self._crossing(side[inside], side[outside], level)

    def _crossing(self, near, far, level: int) -> float:
        """Where the margin is zero between two points, by false position with the others fitted anew."""
        for _ in range(5):
            inner, outer = self._margin(near, level), self._margin(far, level)
            share = inner / (inner - outer)
            value = near.x[self.index] + share * (far.x[self.index] - near.x[self.index])
            if min(-inner, outer) < _CLOSE:
                break
            point = self._solve(near, value)
            if self._margin(point, level) <= 0:
                near = point
            else:
                far = point
        return float(value)
