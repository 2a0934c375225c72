"""The walk behind a profile: one parameter goes away from the minimum, the others are fitted anew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from helpers.fitting import Fit, Minimum
from helpers.fitting.minimise import covariance, linear_step, minimise
from helpers.uncertainty.thresholds import textbook_thresholds, thresholds

LEVELS = (0.68, 0.95)
CONTENT = 1e-3  # χ² left to gain at which a point of the path is good enough
_CLOSE = 5e-3  # standard errors: how well the ends of an interval are met
_BEYOND = 1.2  # the path goes on to this multiple of the threshold, in standard errors
_LARGEST = 1e8  # dimensionless: no data resolve a law that fast
_LONGEST = 10.0  # times the distance from zero: the longest step
_HALVINGS = 30
_ROUNDING = 10.0  # times the problem's floor: a search may end that far from the minimum


def spare_points(fit: Fit) -> int:
    """Residuals minus free parameters, those on their bound included."""
    return fit.problem.size - int(fit.free.sum())


def fewest_spare_points(fit: Fit) -> int:
    """Residuals that must be to spare: 2 for any test of the law, 3 to estimate an unknown noise as well."""
    return 2 if fit.problem.is_absolute else 3


def freedom(fit: Fit, names: Sequence[str] | None = None) -> float:
    """Degrees of freedom behind the errors of these parameters, the fewest; infinite for known noise."""
    rows = fit.error_freedom
    return float((rows if names is None else rows[list(names)]).min())


def variance(fit: Fit) -> float:
    """Variance of a weighted residual, never less than what rounding alone does to χ².

    Data without any noise still carry rounding. In units of the residuals that are left of such data the
    cost would rise and fall along a profile by more than any threshold.
    """
    return max(fit.variance, rounding(fit), 1e-300)


def rounding(fit: Fit) -> float:
    """Largest difference in χ² between two searches that is nothing but rounding."""
    return float((_ROUNDING * fit.problem.floor) ** 2)


def offset(fit: Fit) -> float:
    """Relative offset at which a point's χ² is within CONTENT of its minimum."""
    return float(np.sqrt(CONTENT / max(spare_points(fit), 1)))


class Tracer:
    """Walks one parameter away from the minimum, to both sides."""

    def __init__(self, fit: Fit, name: str, points: int) -> None:
        self.fit, self.name, self.problem = fit, name, fit.problem
        self.index = self.problem.index(name)
        self.signed = self.problem.signed
        self.is_bounded = not self.signed[self.index]
        self.others = fit.free.copy()
        self.others[self.index] = False
        self.held = ~self.others & fit.free
        self.variance, self.freedom = variance(fit), freedom(fit, [name])
        self.evaluations = 0
        self.known: dict[int, tuple[Minimum, np.ndarray]] = {}
        at_bound = self.is_bounded and fit.minimum.x[self.index] == 0
        self.count = max(points if at_bound else points // 2, 3)
        self.textbook = np.sqrt(textbook_thresholds(LEVELS, 1, self.freedom))
        self.last = float(self.textbook[-1]) * _BEYOND

    def walk(self) -> tuple[list[Minimum], list[tuple[float, float]], Minimum | None]:
        """Walk both ways: the points in order, both levels' intervals in x, and a better minimum or None.

        Where the data have nothing to spare, or a better minimum turned up, the intervals have no ends.
        """
        start = self.fit.minimum
        open_ends = [(self._open_end(-1), self._open_end(1))] * len(LEVELS)
        if start.triangle is None or spare_points(self.fit) < fewest_spare_points(self.fit):
            return [start], open_ends, None
        down, up = self._side(-1), self._side(+1)
        path = [*reversed(down), start, *up]
        lowest = min(path, key=self.rise)
        if self.rise(lowest) < -10 * CONTENT and 2 * (start.cost - lowest.cost) > rounding(self.fit):
            return path, open_ends, lowest
        ends = [
            (self._end([start, *down], -1, level), self._end([start, *up], 1, level))
            for level in range(len(LEVELS))
        ]
        return path, ends, None

    def rise(self, point: Minimum) -> float:
        """Δ of a point: how far its χ² lies above the minimum's."""
        return 2 * (point.cost - self.fit.minimum.cost) / self.variance

    def _open_end(self, direction: int) -> float:
        """End of an interval on a side where the data set no limit: the bound, or none."""
        return 0.0 if self.is_bounded and direction < 0 else direction * np.inf

    def _side(self, direction: int) -> list[Minimum]:
        """Points outwards, even in the root of Δ as far as the linear problem can tell."""
        point, path = self.fit.minimum, []
        for _ in range(3 * self.count):
            value = point.x[self.index]
            if (direction < 0 and self.is_bounded and value == 0) or abs(value) > _LARGEST:
                break
            wanted = (np.sqrt(max(self.rise(point), 0.0)) + self.last / self.count) ** 2
            following = self._following(point, direction * self._step(point, wanted, direction))
            if following is None:
                break
            point = following
            path.append(point)
            # The highest level's threshold is simulated, and near a bound it may lie above the textbook's.
            if self.rise(point) > self.last**2 and not self._is_inside(point, len(LEVELS) - 1):
                break
        return path

    def _following(self, point: Minimum, step: float) -> Minimum | None:
        """Return the point a step further, or less where the model cannot be computed there."""
        value = point.x[self.index]
        for _ in range(_HALVINGS):
            aim = value + step
            found = self._solve(point, max(aim, 0.0) if self.is_bounded else aim)
            if np.isfinite(found.cost):
                return found
            if self.is_bounded and aim < 0:  # counts cannot be expected where there is no light at all
                step = -value
            step /= 2
        return None

    def _step(self, point: Minimum, wanted: float, direction: int) -> float:
        """Step to where the linear problem expects the wanted Δ: gradient·h + ½h²/variance."""
        active = self.others & ((point.x > 0) | self.signed)
        active[self.index] = True
        value = abs(point.x[self.index])
        triangle = np.asarray(point.triangle)  # points that cannot be computed are left out of the walk
        spread = covariance(triangle, active)[self.index, self.index] * self.variance
        if not np.isfinite(spread):
            return value or 1.0
        slope = direction * float(triangle[:, self.index] @ triangle[:, -1]) / self.variance
        slope = max(slope, 0.0)  # at a minimum over the others the cost cannot fall outwards
        missing = wanted - max(self.rise(point), 0.0)
        step = missing / (slope + np.sqrt(slope**2 + missing / spread))
        if self.is_bounded:
            return min(step, _LONGEST * value) if value > 0 else step
        return min(step, _LONGEST * max(value, np.sqrt(spread)))

    def _solve(self, origin: Minimum, value: float) -> Minimum:
        """Fit the others at the value, from where the linear problem at `origin` expects them."""
        moved = np.array(origin.triangle)
        moved[:, -1] += moved[:, self.index] * (value - origin.x[self.index])
        x = origin.x + linear_step(moved, origin.x, self.others, signed=self.signed)[0]
        x[self.index] = value
        search = partial(minimise, self.problem, free=self.others, wanted_offset=offset(self.fit))
        found = search(x)
        if not np.isfinite(found.cost):  # the linear problem pointed beyond what doubles hold
            x[self.others] = origin.x[self.others]
            found = search(x)
        self.evaluations += found.evaluations
        return found

    def _root(self, point: Minimum) -> float:
        """Root of Δ, which grows about evenly along the path."""
        return float(np.sqrt(max(self.rise(point), 0.0)))

    def _threshold(self, point: Minimum, level: int) -> float:
        """Root of the level's threshold at a point."""
        if id(point) not in self.known:
            options = {"signed": self.signed, "variance": self.variance, "freedom": self.freedom}
            limits = thresholds(LEVELS, point.triangle, point.x, self.fit.free, self.held, **options)
            self.known[id(point)] = point, np.sqrt(limits)  # the point is kept, or its id might come again
        return float(self.known[id(point)][1][level])

    def _is_inside(self, point: Minimum, level: int) -> bool:
        """Whether the level's interval holds a point; no threshold lies below the textbook's."""
        root = self._root(point)
        return root <= self.textbook[level] or root <= self._threshold(point, level)

    def _end(self, side: list[Minimum], direction: int, level: int) -> float:
        """End of the level's interval on one side: the bound or infinity where the path does not leave it."""
        if self._is_inside(side[-1], level):
            return self._open_end(direction)
        # The last point of the first stretch that the interval holds, of which the minimum is the first.
        inside = next(place for place in range(len(side)) if not self._is_inside(side[place + 1], level))
        return self._crossing(side[inside], side[inside + 1], level)

    def _crossing(self, near: Minimum, far: Minimum, level: int) -> float:
        """Where the root of Δ meets its threshold, by false position with the others fitted anew.

        Between neighbours of the path the threshold changes little: there it is interpolated.
        """
        first, last = near.x[self.index], far.x[self.index]
        limits = self._threshold(near, level), self._threshold(far, level)
        inner, outer = self._root(near) - limits[0], self._root(far) - limits[1]
        value = first
        for _ in range(6):
            value = near.x[self.index] + inner / (inner - outer) * (far.x[self.index] - near.x[self.index])
            if min(-inner, outer) < _CLOSE:
                break
            point = self._solve(near, value)
            margin = self._root(point) - np.interp((value - first) / (last - first), [0, 1], limits)
            if margin <= 0:
                near, inner = point, margin
            else:
                far, outer = point, margin
        return float(value)
