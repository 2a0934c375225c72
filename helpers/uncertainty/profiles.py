"""Profile likelihood: what the data say of one parameter when all others give way.

At each value of the parameter the others are fitted anew; Δ is the rise of χ² (for counts of the deviance)
above the minimum, in units of the noise's variance. The interval holds every value whose Δ chance alone
would often exceed; near a bound the thresholds follow the bound (see `thresholds`). A parameter whose
interval has no end is reported so, not with a symmetric error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.fitting import Fit, Parameter
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
    Intervals are those of a likelihood-ratio test whose thresholds are simulated in the linearised problem
    where a bound is near. With a robust loss they are approximate. Where the noise is unknown it is
    estimated, and Δ is scaled with it; with hardly a point to spare nothing is determined. Source: Venzon &
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
        fit = fit.at(minimise(fit.problem, better.x, free=fit.free))
    message = f"a better minimum was found on the way ({restarts} ×): refitted from there" if restarts else ""
    return Profile(fit, curves, restarts > 0, message, evaluations)


def contour(fit: Fit, pair: tuple[str, str], level: float = 0.95, *, directions: int = 36) -> np.ndarray:
    """Joint confidence region of two parameters, shape (directions, 2): its edge, the others fitted anew.

    Δ = χ²_2's (or 2·F's) threshold, sought along rays that are even in the linear problem; a ray that meets
    a bound ends there.

    Parameters
    ----------
    fit : Fit
    pair : (str, str)
        Two parameters that the fit varied.
    level : float
        Confidence of the region.
    directions : int
        Number of rays.

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
    shape = np.linalg.cholesky(block)
    wanted = float(textbook_thresholds((level,), 2, freedom(fit, pair))[0])
    edge = []
    for angle in np.linspace(0, 2 * np.pi, directions, endpoint=False):
        edge.append(_edge(fit, places, shape @ [np.cos(angle), np.sin(angle)], wanted))
    return problem.origins[places] + np.array(edge) * problem.scales[places]


def _edge(fit: Fit, places: list[int], ray: np.ndarray, wanted: float) -> np.ndarray:
    """Point on the ray from the minimum where Δ is as wanted, or where the ray meets a bound."""
    centre = fit.minimum.x[places]
    lower = np.where(fit.problem.signed[places], -np.inf, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        longest = float(np.min(np.where(ray < 0, (centre - lower) / np.maximum(-ray, 1e-300), np.inf)))
    radius = min(np.sqrt(wanted), longest)
    others = fit.free.copy()
    others[places] = False
    point = fit.minimum
    for _ in range(5):
        if radius == 0:
            break
        x = point.x.copy()
        x[places] = np.maximum(centre + radius * ray, lower)
        found = minimise(fit.problem, x, free=others, wanted_offset=offset(fit))
        if not np.isfinite(found.cost):  # no model there: the edge is nearer
            longest, radius = radius, radius / 2
            continue
        point = found
        rise = 2 * (point.cost - fit.minimum.cost) / variance(fit)
        better = min(radius * np.sqrt(wanted / max(rise, 1e-3 * wanted)), longest, 3 * radius)
        if abs(better - radius) < 1e-3 * radius:
            break
        radius = better
    return np.maximum(centre + radius * ray, lower)


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
