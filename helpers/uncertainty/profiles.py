"""Profile likelihood: what the data say of one parameter when all others give way.

At each value of the parameter the others are fitted anew; Δ is the rise of χ² (for counts of the deviance)
above the minimum, in units of the noise's variance. The interval holds every value whose Δ chance alone
would often exceed; beside bounds chance may lift χ² further than the textbook says, and the thresholds rise
with it (see `thresholds`). A parameter whose interval has no end is reported so, not with a symmetric error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from helpers import fitting
from helpers.fitting import Fit, Minimum, Parameter
from helpers.fitting.minimise import covariance, minimise
from helpers.uncertainty.profile_path import (
    Tracer,
    fewest_spare_points,
    freedom,
    offset,
    spare_points,
    variance,
)
from helpers.uncertainty.residual_tests import misfit
from helpers.uncertainty.thresholds import textbook_thresholds

_MOST_RESTARTS = 3
_MOST_STEPS = 20  # along a ray
_CLOSE_TO_EDGE = 2e-3  # of the root of Δ


@dataclass(frozen=True, eq=False)
class Curve:
    """Profile of one parameter.

    Attributes
    ----------
    name : str
    parameter : Parameter
        With its unit, its bound and its factor to cgs units.
    value : float
        The fitted value.
    values, rise : ndarray, shape (m,)
        Values along the path, and Δχ² at each of them.
    others : pandas.DataFrame
        All parameters along the path, by name, in their units.
    interval68, interval95 : (float, float)
        An end is the bound, or infinite where the data set no limit on that side.
    verdict : str
        By the 95 % interval: "determined", "upper limit" (from the bound on), "lower limit" or
        "not determined". A parameter without a bound is "determined" or "not determined".
    """

    name: str
    parameter: Parameter
    value: float
    values: np.ndarray
    rise: np.ndarray
    others: pd.DataFrame
    interval68: tuple[float, float]
    interval95: tuple[float, float]
    verdict: str

    def __repr__(self) -> str:
        low, high = self.interval95
        return f"Curve({self.name}: {self.verdict}, {self.value:.4g}, 95 % within {low:.4g} to {high:.4g})"

    @property
    def error(self) -> float:
        """Half of the 68 % interval."""
        return (self.interval68[1] - self.interval68[0]) / 2


@dataclass(frozen=True, eq=False)
class Profile(Mapping):
    """Curves by parameter name, and the fit that they belong to (a better one, if the path found it)."""

    fit: Fit
    curves: dict[str, Curve]
    restarted: bool
    message: str
    evaluations: int

    def __getitem__(self, name: str) -> Curve:
        return self.curves[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    def table(self) -> pd.DataFrame:
        """One row for each parameter: value ± half its 68 % interval or its limit, intervals, verdict.

        Where the residuals are structured, "doubt" says what that does to the intervals.
        """
        rows = {
            name: {
                "result": _in_words(curve),
                "68 % low": curve.interval68[0],
                "68 % high": curve.interval68[1],
                "95 % low": curve.interval95[0],
                "95 % high": curve.interval95[1],
                "unit": curve.parameter.unit,
                "verdict": curve.verdict,
            }
            for name, curve in self.items()
        }
        table = pd.DataFrame.from_dict(rows, orient="index")
        if self.fit.minimum.triangle is not None and (test := misfit(self.fit)).found:
            table["doubt"] = [test.doubt(name) for name in self]
        return table

    def __repr__(self) -> str:
        return f"Profile({', '.join(f'{name}: {curve.verdict}' for name, curve in self.curves.items())})"


def profile(fit: Fit, names: str | Iterable[str] | None = None, *, points: int = 20) -> Profile:
    """Profile likelihood Δ(θ) = min χ²(θ, others) − min χ², with 68 and 95 % intervals for each name.

    Parameters
    ----------
    fit : Fit
    names : str or iterable of str, optional
        Parameters to profile, those of the law as well as n0, scales and offsets; all free ones by default.
    points : int
        Points of each curve, about; the path goes from the minimum to both sides, down to the bound exactly.

    Returns
    -------
    Profile
        If the path comes upon a better minimum, the fit is repeated from there, `restarted` is True,
        `message` says so, and `Profile.fit` is the better fit.

    Raises
    ------
    ValueError
        For a name that the fit did not vary.

    Notes
    -----
    Intervals are those of a likelihood-ratio test. Where a bound is near its thresholds are simulated in the
    linearised problem; they are never below the textbook's (3.84 for 95 %, or Student's t² where the noise is
    estimated), so that no interval is shorter than that of MINOS. With a robust loss they are approximate.
    Of counts Δ is the rise of the deviance: ±√Δ at the truth is standard normal for some fifty counts
    already, where (value − truth)/error is not, so that the interval is to be taken and not the error.
    Where the noise is unknown Δ is scaled with its estimate; with hardly a point to spare nothing is
    determined. Source: Venzon &
    Moolgavkar (1988), "A method for computing profile-likelihood-based confidence intervals".

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 3, 40)
    >>> noise = 0.01 * np.sin(40 * t)
    >>> profile(fit(Trace(t, np.exp(-t) + noise), fixed=["G", "k2", "k3"]), "k1")["k1"].verdict
    'determined'
    """
    evaluations = 0
    for restarts in range(_MOST_RESTARTS + 1):
        chosen = _checked(fit, names)
        curves, better = {}, None
        for name in chosen:
            tracer = Tracer(fit, name, points)
            path, intervals, better = tracer.walk()
            curves[name] = _curve(tracer, path, intervals)
            evaluations += tracer.evaluations
            if better is not None and restarts < _MOST_RESTARTS:
                break
        else:
            break
        fit = _refitted(fit, better.x)
    message = f"a better minimum was found on the way ({restarts} ×): refitted from there" if restarts else ""
    return Profile(fit, curves, restarts > 0, message, evaluations)


def _refitted(fit: Fit, x: np.ndarray) -> Fit:
    """Fit again from a better point; a search that had stopped early estimated no noise, and does it now."""
    found = fit.at(minimise(fit.problem, x, free=fit.free))
    if fit.converged or not found.converged or fit.measurement.noise != "estimated" or fit.loss != "linear":
        return found
    return fitting.fit(fit.measurement, dict(found.values), law=fit.law, fixed=fit.fixed)


def contour(fit: Fit, pair: tuple[str, str], level: float = 0.95, *, directions: int = 36) -> np.ndarray:
    """Joint confidence region of two parameters, shape (directions, 2): its edge, the others fitted anew.

    Δ = χ²_2's (or 2·F's) threshold, sought along rays; the points are spread evenly along the edge. Where the
    region reaches a bound its two corners there are points of the edge, and the straight line between them
    is the edge's part on the bound. The last point is joined to the first.

    Parameters
    ----------
    fit : Fit
    pair : (str, str)
        Two parameters that the fit varied.
    level : float
        Confidence of the region.
    directions : int
        Number of points.

    Raises
    ------
    ValueError
        For two equal names, one that the fit did not vary, or two that the data leave open.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 3, 40)
    >>> decay = fit(Trace(t, np.exp(-t), np.full(40, 0.01)), fixed=["G", "k2", "k3"])
    >>> contour(decay, ("k1", "n0"), directions=8).shape
    (8, 2)
    """
    problem, start = fit.problem, fit.minimum
    if len(pair) != 2 or len(set(_checked(fit, pair))) != 2:
        raise ValueError(f"pair = {pair!r}: give two different parameters")
    places = [problem.index(name) for name in pair]
    active = fit.active.copy()
    active[places] = True
    block = np.full((2, 2), np.nan)
    if start.triangle is not None:
        block = covariance(start.triangle, active)[np.ix_(places, places)] * variance(fit)
    if not np.isfinite(block).all() or spare_points(fit) < fewest_spare_points(fit):
        raise ValueError(
            f"{pair[0]} and {pair[1]}: these data leave them open, so that there is no region to draw;"
            " fix a parameter that trades off against them, or give more data"
        )
    region = _Region(fit, places, block, float(textbook_thresholds((level,), 2, freedom(fit, pair))[0]))
    return problem.origins[places] + region.edge(directions) * problem.scales[places]


class _Region:
    """Where Δ of two parameters stays below a wanted value; in dimensionless parameters, whose bound is 0.

    In the linear problem Δ = 2·gradient·δ + δᵀ·block⁻¹·δ: a piece of an ellipse, whose middle lies beyond the
    bound where the minimum is on it.
    """

    def __init__(self, fit: Fit, places: list[int], block: np.ndarray, wanted: float) -> None:
        self.fit, self.places, self.wanted = fit, places, wanted
        self.curvature = np.linalg.inv(block)
        gradient = self._gradient(fit.minimum)
        self.middle = fit.minimum.x[places] - block @ gradient
        self.axes = np.sqrt(wanted + gradient @ block @ gradient) * np.linalg.cholesky(block)
        self.lower = np.where(fit.problem.signed[places], -np.inf, 0.0)

    def edge(self, count: int) -> np.ndarray:
        """Points along the edge, counterclockwise: half of them even in the linear problem, then by need."""
        arcs = self._arcs()
        spare = max(count - sum(2 - np.array_equal(points[0], points[-1]) for _, points in arcs), 0)
        lengths = np.array([angles[-1] - angles[0] for angles, _ in arcs])
        seeds = np.diff(np.round(np.cumsum(lengths) / lengths.sum() * (spare // 2)), prepend=0).astype(int)
        for (angles, points), number in zip(arcs, seeds, strict=True):
            angles[1:-1] = np.linspace(angles[0], angles[-1], number + 2)[1:-1].tolist()
            points[1:-1] = [self._towards(each) for each in angles[1:-1]]
        extent = np.ptp(np.vstack([np.vstack(points) for _, points in arcs]), axis=0)
        for _ in range(spare - spare // 2):  # the widest gap between neighbours is halved
            gaps = [
                (float(np.linalg.norm((last - first) / extent)), arc, place)
                for arc, (_, points) in enumerate(arcs)
                for place, (first, last) in enumerate(pairwise(points), 1)
            ]
            _, arc, place = max(gaps)
            angles, points = arcs[arc]
            angles.insert(place, (angles[place - 1] + angles[place]) / 2)
            points.insert(place, self._towards(angles[place]))
        ends = [-1 if np.array_equal(points[0], points[-1]) else None for _, points in arcs]
        return np.array([each for (_, points), end in zip(arcs, ends, strict=True) for each in points[:end]])

    def _arcs(self) -> list[tuple[list[float], list[np.ndarray]]]:
        """Parts of the edge inside the bounds: the angles of their two ends, and these points."""
        left, below = self._corners(0), self._corners(1)
        # Counterclockwise the edge meets the left bound at its upper corner and leaves it at its lower one.
        if left and below:
            pieces = [(below[1], left[1]), (left[0], below[0])]
        elif left or below:
            pieces = [(left[0], left[1])] if left else [(below[1], below[0])]
        else:
            return [([0.0, 2 * np.pi], [self._towards(0.0)] * 2)]
        arcs = []
        for first, last in pieces:
            if np.array_equal(first, last):  # where the two bounds meet
                arcs.append(([0.0, 0.0], [first, last]))
                continue
            begin = self._angle(first)
            arcs.append(([begin, begin + (self._angle(last) - begin) % (2 * np.pi)], [first, last]))
        return arcs

    def _angle(self, corner: np.ndarray) -> float:
        """Angle of the point on the linear problem's edge that lies in a corner's direction."""
        centre = self.fit.minimum.x[self.places]
        begin, ray = np.linalg.solve(self.axes, np.column_stack([centre - self.middle, corner - centre])).T
        ray = ray / np.linalg.norm(ray)
        along = begin @ ray
        point = begin + (np.sqrt(max(along**2 + 1 - begin @ begin, 0.0)) - along) * ray
        return float(np.arctan2(point[1], point[0]))

    def _corners(self, side: int) -> list[np.ndarray]:
        """Where the edge meets the bound of a parameter, the smaller value of the other first; or nowhere."""
        if np.isinf(self.lower[side]):
            return []
        foot = self.fit.minimum
        if foot.x[self.places[side]] > 0:
            others = self.fit.free.copy()
            others[self.places[side]] = False
            x = foot.x.copy()
            x[self.places[side]] = 0.0
            foot = minimise(self.fit.problem, x, free=others, wanted_offset=offset(self.fit))
            if not self._rise(foot) < self.wanted:
                return []
        size = np.sqrt(self.wanted / self.curvature[1 - side, 1 - side])
        return [self._ray(foot, sign * size * np.eye(2)[1 - side]) for sign in (-1, 1)]

    def _towards(self, angle: float) -> np.ndarray:
        """Point of the edge in the direction of a point on the linear problem's edge."""
        aim = self.middle + self.axes @ [np.cos(angle), np.sin(angle)]
        return self._ray(self.fit.minimum, aim - self.fit.minimum.x[self.places])

    def _ray(self, origin: Minimum, ray: np.ndarray) -> np.ndarray:
        """Point on the ray from `origin` where Δ is as wanted, or where the ray meets a bound."""
        begin = origin.x[self.places]
        falls = ray < 0
        longest = float(np.min((begin - self.lower)[falls] / -ray[falls], initial=np.inf))
        inner, outer = (0.0, np.sqrt(max(self._rise(origin), 0.0)) - np.sqrt(self.wanted)), (np.inf, np.nan)
        others = self.fit.free.copy()
        others[self.places] = False
        point, length = origin, min(1.0, longest)
        for _ in range(_MOST_STEPS):
            x = point.x.copy()
            x[self.places] = np.maximum(begin + length * ray, self.lower)
            found = minimise(self.fit.problem, x, free=others, wanted_offset=offset(self.fit))
            if not np.isfinite(found.cost):  # no model there: the edge is nearer
                longest, length = length, (inner[0] + length) / 2
                continue
            point = found
            margin = np.sqrt(max(self._rise(point), 0.0)) - np.sqrt(self.wanted)
            if margin <= 0:
                inner = length, margin
            else:
                outer = length, margin
            if abs(margin) < _CLOSE_TO_EDGE * np.sqrt(self.wanted) or inner[0] == longest:
                break
            length = self._between(inner, outer, longest)
        end = begin + length * ray
        return np.where(end - self.lower > 1e-12 * np.abs(ray), end, self.lower)

    def _between(self, inner, outer, longest: float) -> float:
        """Length of a ray to try next: the root of Δ is almost a straight line, but not always."""
        if np.isinf(outer[0]):
            root = np.sqrt(self.wanted)
            return min(inner[0] * min(root / max(root + inner[1], 1e-3 * root), 3.0), longest)
        share = inner[1] / (inner[1] - outer[1])
        return inner[0] + min(max(share, 0.05), 0.95) * (outer[0] - inner[0])

    def _rise(self, point: Minimum) -> float:
        return 2 * (point.cost - self.fit.minimum.cost) / variance(self.fit)

    def _gradient(self, point: Minimum) -> np.ndarray:
        """Half of Δ's slope by the two parameters."""
        triangle = np.asarray(point.triangle)
        return triangle[:, self.places].T @ triangle[:, -1] / variance(self.fit)


def _checked(fit: Fit, names: str | Iterable[str] | None) -> list[str]:
    varied = [name for name, free in zip(fit.names, fit.free, strict=True) if free]
    chosen = varied if names is None else [names] if isinstance(names, str) else list(names)
    if unknown := [name for name in chosen if name not in varied]:
        raise ValueError(f"cannot profile {', '.join(unknown)}: the fit varied {', '.join(varied)} only")
    return chosen


def _curve(tracer: Tracer, path, intervals) -> Curve:
    problem, index = tracer.problem, tracer.index
    origin, scale = problem.origins[index], problem.scales[index]
    rows = np.array([problem.values(point.x) for point in path])
    ends = [(float(origin + low * scale), float(origin + high * scale)) for low, high in intervals]
    return Curve(
        name=tracer.name,
        parameter=problem.parameters[index],
        value=float(tracer.fit.values.iloc[index]),
        values=rows[:, index],
        rise=np.array([max(tracer.rise(point), 0.0) for point in path]),
        others=pd.DataFrame(rows, columns=problem.names),
        interval68=ends[0],
        interval95=ends[1],
        verdict=_verdict(*intervals[1], is_bounded=tracer.is_bounded),
    )


def _in_words(curve: Curve) -> str:
    if curve.verdict == "upper limit":
        return f"< {curve.interval95[1]:.2g} (95 %)"
    if curve.verdict == "lower limit":
        return f"> {curve.interval95[0]:.2g} (95 %)"
    if curve.verdict == "not determined":
        return "not determined"
    error, size = curve.error, abs(curve.value)
    digits = 6
    if error > 0:
        digits = max(1, int(np.floor(np.log10(max(size / error, 1e-3)))) + 2)
    return f"{curve.value:.{digits}g} ± {error:.2g}"


def _verdict(low: float, high: float, *, is_bounded: bool) -> str:
    """Verdict by an interval in x, where the bound is 0."""
    if not is_bounded:
        return "determined" if np.isfinite(low) and np.isfinite(high) else "not determined"
    if np.isinf(high):
        return "lower limit" if low > 0 else "not determined"
    return "determined" if low > 0 else "upper limit"
