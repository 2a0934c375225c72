"""Profile likelihood: what the data say of one parameter when all others give way.

At each value of the parameter the others are fitted anew; Δ is the rise of χ² above the minimum (in units of
the noise's variance). The interval holds every value whose Δ chance alone would often exceed; near a bound
the thresholds follow the bound (see `evidence.thresholds`). A parameter whose interval has no end is reported
so, not with a symmetric error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers.evidence.thresholds import textbook_thresholds
from helpers.fitting import Fit, as_fit
from helpers.least_squares import Minimum, covariance, minimise
from helpers.profile_path import Tracer, freedom, offset, variance

_MOST_RESTARTS = 3


@dataclass(frozen=True, eq=False)
class Curve:
    """Profile of one parameter: `rise` (Δχ²) at `values`, both intervals, and a verdict.

    An interval is (low, high); 0 is the bound, `inf` means that the data set no limit on that side.
    `verdict` is "determined", "upper limit", "lower limit" or "not determined", by the 95 % interval.
    `others` holds all parameters along the path, shape (points, p), in units.
    """

    name: str
    value: float
    values: np.ndarray
    rise: np.ndarray
    others: np.ndarray
    interval68: tuple[float, float]
    interval95: tuple[float, float]
    verdict: str

    def __repr__(self) -> str:
        low, high = self.interval95
        return f"Curve({self.name}: {self.verdict}, {self.value:.4g}, 95 % within {low:.4g} to {high:.4g})"


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

    def __iter__(self):
        return iter(self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    def table(self) -> pd.DataFrame:
        """One row for each parameter: value ± half its 68 % interval or its limit, intervals, verdict."""
        rows = {
            name: {
                "result": _in_words(curve),
                "68 % low": curve.interval68[0],
                "68 % high": curve.interval68[1],
                "95 % low": curve.interval95[0],
                "95 % high": curve.interval95[1],
                "verdict": curve.verdict,
            }
            for name, curve in self.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def __repr__(self) -> str:
        return f"Profile({', '.join(f'{name}: {curve.verdict}' for name, curve in self.curves.items())})"


def profile(fit: Fit, names: Iterable[str] | None = None, *, points: int = 20) -> Profile:
    """Profile likelihood Δ(θ) = min χ²(θ, others) − min χ², with 68 and 95 % intervals for each name.

    Parameters
    ----------
    fit : Fit
        Anything with `problem`, `minimum`, `free`, `status` and `variance` will do.
    names : iterable of str, optional
        Parameters to profile; all free ones by default.
    points : int
        Points of each curve, about; the path goes from the minimum to both sides, down to 0 exactly.

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
    where a bound is near. With a robust loss they are approximate. Without sigma the noise is
    estimated, and Δ is scaled with it; with hardly a point to spare nothing is determined.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 3, 40)
    >>> noise = 0.01 * np.sin(40 * t)
    >>> profile(fit(Trace(t, np.exp(-t) + noise), fixed=["G", "k2", "k3"]), ["k1"])["k1"].verdict
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
        fit = _restarted(fit, better)
    message = f"a better minimum was found on the way ({restarts} ×): refitted from there" if restarts else ""
    return Profile(fit, curves, restarts > 0, message, evaluations)


def contour(fit: Fit, pair: tuple[str, str], level: float = 0.95, *, directions: int = 36) -> np.ndarray:
    """Joint confidence region of two parameters, shape (directions, 2): its edge, the others fitted anew.

    Δ = χ²_2's (or 2·F's) threshold, sought along rays that are even in the linear problem; clipped at 0.
    The two must be different, and free in the fit.
    """
    problem, start = fit.problem, fit.minimum
    if len(set(_checked(fit, pair))) != 2:
        raise ValueError(f"pair = {pair!r}: give two different parameters")
    first, second = (problem.names.index(name) for name in pair)
    active = (start.x > 0) & fit.free
    active[[first, second]] = True
    block = covariance(start.triangle, active)[np.ix_([first, second], [first, second])] * fit.variance
    shape = np.linalg.cholesky(block)
    wanted = textbook_thresholds((level,), 2, freedom(fit))[0]
    rows = []
    for angle in np.linspace(0, 2 * np.pi, directions, endpoint=False):
        ray = shape @ [np.cos(angle), np.sin(angle)]
        rows.append(_edge(fit, [first, second], ray, wanted))
    return np.array(rows) * problem.scales[[first, second]]


def _edge(fit, pair, ray, wanted) -> np.ndarray:
    """Point on the ray from the minimum where Δ is as wanted, or where the ray meets a bound."""
    centre = fit.minimum.x[pair]
    with np.errstate(divide="ignore"):
        longest = float(np.min(np.where(ray < 0, centre / np.maximum(-ray, 1e-300), np.inf)))
    radius = min(np.sqrt(wanted), longest)
    others = fit.free.copy()
    others[pair] = False
    point = fit.minimum
    for _ in range(4):
        if radius == 0:
            break
        x = point.x.copy()
        x[pair] = np.maximum(centre + radius * ray, 0.0)
        point = minimise(fit.problem, x, free=others, wanted_offset=offset(fit))
        rise = 2 * (point.cost - fit.minimum.cost) / variance(fit)
        better = min(radius * np.sqrt(wanted / max(rise, 1e-3 * wanted)), longest, 3 * radius)
        if abs(better - radius) < 1e-3 * radius:
            break
        radius = better
    return np.maximum(centre + radius * ray, 0.0)


def _checked(fit, names) -> list[str]:
    varied = [name for name, free in zip(fit.problem.names, fit.free, strict=True) if free]
    chosen = varied if names is None else [names] if isinstance(names, str) else list(names)
    if unknown := [name for name in chosen if name not in varied]:
        raise ValueError(f"cannot profile {', '.join(unknown)}: the fit varied {', '.join(varied)} only")
    return chosen


def _restarted(fit, better: Minimum) -> Fit:
    minimum = minimise(fit.problem, better.x, free=fit.free)
    if not isinstance(fit, Fit):
        return replace(fit, minimum=minimum)
    options = {"guess": fit.guess, "loss": fit.loss, "f_scale": fit.f_scale}
    return as_fit(fit.trace, fit.problem, minimum, fit.free, **options)


def _curve(tracer: Tracer, path, intervals) -> Curve:
    scales, index = tracer.fit.problem.scales, tracer.index
    x = np.array([point.x for point in path])
    ends = [(float(low * scales[index]), float(high * scales[index])) for low, high in intervals]
    return Curve(
        name=tracer.name,
        value=float(tracer.fit.minimum.x[index] * scales[index]),
        values=x[:, index] * scales[index],
        rise=np.array([max(tracer.rise(point), 0.0) for point in path]),
        others=x * scales,
        interval68=ends[0],
        interval95=ends[1],
        verdict=_verdict(*ends[1]),
    )


def _in_words(curve: Curve) -> str:
    if curve.verdict == "upper limit":
        return f"< {curve.interval95[1]:.2g} (95 %)"
    if curve.verdict == "lower limit":
        return f"> {curve.interval95[0]:.2g} (95 %)"
    if curve.verdict == "not determined":
        return "not determined"
    low, high = curve.interval68
    error = (high - low) / 2
    digits = max(0, int(np.floor(np.log10(curve.value / error))) + 2) if error > 0 else 6
    return f"{curve.value:.{digits}g} ± {error:.2g}"


def _verdict(low: float, high: float) -> str:
    if np.isinf(high):
        return "lower limit" if low > 0 else "not determined"
    return "determined" if low > 0 else "upper limit"
