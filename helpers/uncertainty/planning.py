"""Which fluences to measure: the errors that each set of them would give, before it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from helpers.fitting import Fit
from helpers.fitting.problem import Problem, pose
from helpers.kinetics import RateLaw, four_rates
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, Quantity
from helpers.measurement.excitation import carrier_density
from helpers.traces import Trace
from helpers.units import density_in_cm3

_SIZES = (2, 3, 4, 5)
_FEWEST = 1e-9  # expected counts that still weigh
_MOST_SETS = 200_000
_OPEN = 1e-12  # least eigenvalue of the information over its largest: what no set of traces determines


@dataclass(frozen=True, eq=False)
class Plan:
    """Expected relative errors of rates for sets of traces, best first.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each set: "fluences µJ/cm^2" (where given), "densities" (a tuple), "traces", a column
        "NAME %" for each rate, and "worst %", by which the rows are sorted. Infinite where a set leaves a
        rate open.
    densities : ndarray
        What could be measured.
    names : tuple of str
        Rates that the errors are of.
    unit : str
        Unit of the densities.
    """

    table: pd.DataFrame
    densities: np.ndarray
    names: tuple[str, ...]
    unit: str

    def __repr__(self) -> str:
        count, best = len(self.table), ", ".join(f"{each:.3g}" for each in self.best())
        return f"Plan({count} sets of {len(self.densities)} densities, best {best})"

    def best(self, traces: int | None = None) -> tuple[float, ...]:
        """Return the best set, or the best one of that many traces.

        Raises
        ------
        ValueError
            If the plan has no set of that size.
        """
        rows = self.table if traces is None else self.table[self.table["traces"] == traces]
        if rows.empty:
            sizes = ", ".join(map(str, sorted(set(self.table["traces"]))))
            raise ValueError(f"traces = {traces}: the plan has sets of {sizes}")
        return tuple(rows["densities"].iloc[0])


def plan(
    what: Fit | Any,
    densities: Sequence[float] | None = None,
    *,
    fluences_uJ_cm2: Sequence[float] | None = None,
    counts: float | Sequence[float] = 10_000,
    t: Sequence[float] | None = None,
    background: float = 0.0,
    sizes: Iterable[int] = _SIZES,
    **taken: Any,
) -> Plan:
    """Return the relative errors to expect of each set of densities, by the Fisher information Σⱼ JⱼᵀWⱼJⱼ.

    Parameters
    ----------
    what : Fit, Rates, or four numbers
        What is believed of the sample. Of a fit also how its first trace was taken: times, response, pulse
        train, background, what is free.
    densities : sequence of float
        Densities n0 that pulses could make, in the unit of the rates; they go with the fluences.
    fluences_uJ_cm2 : sequence of float, optional
        Instead of densities, for a fit whose measurement knows its film: energy of a pulse per area.
    counts : float, or one for each density
        Largest expected count above the background; where a fit's scale is fixed, or its data are no counts,
        the signal has its own size.
    t : array_like, optional
        Times of a trace since the pulse, where `what` are rates; those of the fit's first trace otherwise.
    background : float
        Expected background counts in each point, where `what` are rates.
    sizes : iterable of int
        How many traces a set has; two to five by default.
    **taken
        Arguments of `Measurement` where `what` are rates, for instance response_fwhm.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        For densities that are not positive, or repeated, or so many that there are too many sets; for rates
        without times.

    Notes
    -----
    Counts have the weights 1/μ of the expected counts μ; other signals the noise of the fit's first trace,
    relative to its largest signal. Scale, background and whatever else belongs to one trace are free, and
    eliminated (Schur complement); those that a fit shares count as free in each trace. A bound at 0 is not
    seen: where the error is about as large as the rate, fits scatter less. Rates of 0 have no relative error
    and are left out of the table; they are free in the fits all the same.

    References
    ----------
    Fedorov & Leonov, "Optimal Design for Nonlinear Response Models" (2014), chapter 1.

    Examples
    --------
    >>> found = plan((0, 0.015, 6e-20, 1.6e-37), [1e16, 1e17, 1e18], t=np.arange(0, 300, 0.5), sizes=[2])
    >>> found.best()
    (1e+17, 1e+18)
    """
    given = _checked(_densities(what, densities, fluences_uJ_cm2))
    template, law, values, free = _believed(what, t, background, taken)
    rates = [name for name in law.names if name in free and values[name] != 0]
    if not rates:
        raise ValueError("every rate is 0 or held, so there is no error to expect; give rates above 0")
    chosen = [name for name in law.names if name in free]
    peaks = np.broadcast_to(np.asarray(counts, float), given.shape)
    if not (np.isfinite(peaks).all() and (peaks > 0).all()):
        raise ValueError(f"counts = {counts}: give the largest expected count of a trace, above 0")
    rows = zip(given, peaks, strict=True)
    noise = _relative_noise(what) if isinstance(what, Fit) else None
    known = np.array([_information(template, law, values, free, *row, noise) for row in rows])
    sizes_of = np.array([abs(values[name]) or _natural(known, k) for k, name in enumerate(chosen)])
    known = known * np.outer(sizes_of, sizes_of)
    places = [chosen.index(name) for name in rates]
    table = _table(given, known, places, rates, [int(each) for each in sizes])
    if fluences_uJ_cm2 is not None:
        by_density = dict(zip(given, np.sort(np.asarray(fluences_uJ_cm2, float)), strict=True))
        rows_of = [tuple(float(by_density[n]) for n in those) for those in table["densities"]]
        table.insert(0, "fluences µJ/cm^2", rows_of)
    return Plan(table, given, tuple(rates), template.density_unit)


def _densities(what, densities, fluences) -> Sequence[float]:
    """Return the densities that were given, or those that a fit's film makes of fluences."""
    if (densities is None) == (fluences is None):
        raise ValueError("give densities or fluences_uJ_cm2, one of them")
    if densities is not None:
        return densities
    if not isinstance(what, Fit):
        raise ValueError("fluences_uJ_cm2 needs a fit whose measurement knows its film; give densities")
    sample, size = what.measurement.sample, density_in_cm3(what.measurement.density_unit)
    film = [sample.wavelength_nm, sample.thickness_nm, sample.absorption_per_cm, sample.reflection]
    if None in film or size is None:
        raise ValueError(
            "fluences_uJ_cm2: the measurement lacks wavelength_nm, thickness_nm, absorption_per_cm or"
            " reflection of its film, or densities in cm^-3; give densities"
        )
    wavelength, thickness, absorption, reflection = map(float, film)  # type: ignore[arg-type]
    known = (wavelength * 1e-7, thickness * 1e-7, absorption, reflection)
    return carrier_density(np.asarray(fluences, float) * 1e-6, *known) / size


def _checked(densities: Sequence[float]) -> np.ndarray:
    values = np.unique(np.asarray(densities, float))
    if values.size != np.size(densities) or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"densities = {list(densities)!r:.80}: give different positive densities")
    return values


def _believed(what, t, background, taken) -> tuple[Measurement, Law, dict[str, float], set[str]]:
    """Return a measurement of one trace, the law, values of all its parameters, and which are free."""
    if isinstance(what, Fit):
        if not what.converged:
            raise ValueError("the fit has not converged: its rates are no plan's beginning")
        measurement = what.measurement.alone()[0]
        values = dict(what.values[[*what.law.names]])
        values["offset"] = float(what.offset[0])
        if "time_zero" in measurement.__dict__:
            values["time_zero"] = float(np.asarray(measurement.time_zero)[0])
        free = {name for name, moved in zip(what.names, what.free, strict=True) if moved}
        kinds = {each.kind for each in what.problem.parameters if each.name in free}
        return measurement, what.law, values, free | kinds
    rates = four_rates(what)
    if t is None:
        raise ValueError("give t, the times of a trace since the pulse, beside the rates")
    trace = Trace(t, np.ones(np.size(t)), t_unit="", signal_unit="counts")
    settings = {"kind": "TRPL counts", "n0": 1.0, "time_zero": 0.0, "p0": 0.0} | taken
    measurement = Measurement(trace, **settings)
    values = dict(zip(RateLaw().names, rates, strict=True)) | {"offset": background}
    return measurement, RateLaw(), values, {"k1", "k2", "k3", "scale", "offset", "time_zero", "scatter"}


def _relative_noise(fit: Fit) -> float | None:
    """Noise of a fit's first trace in units of its largest signal; None for counts."""
    if fit.measurement.noise == "poisson":
        return None
    sigma = float(np.median(fit.problem.likelihoods[0].sigma)) * float(np.sqrt(fit.variance))
    return sigma / (float(np.abs(fit.curves()[0] - fit.offset[0]).max()) or 1.0)


def _information(template: Measurement, law: Law, values, free: set[str], density, peak, noise):
    """Information of one trace about the law's free parameters, its own ones eliminated."""
    measurement = template.with_quantities(n0=Quantity([density], template.n0.mode))
    start = _start(measurement, law, values, density, 1.0)
    problem = pose(measurement, law, start)
    shape = problem.signal(problem.point(np.array([start[name] for name in problem.names])))[0]
    scale = peak / float(np.abs(shape).max()) if "scale" in problem.names else 1.0
    start = _start(measurement, law, values, density, scale)
    expected, jacobian = _expected(problem, start)
    if noise is None:
        weights = 1 / np.sqrt(np.maximum(expected, _FEWEST))
    else:
        weights = np.full(len(expected), 1 / (noise * np.abs(expected - start["offset"]).max()))
    moving = [_moves(each, free) for each in problem.parameters]
    table = (jacobian * weights[:, None])[:, moving]
    kinds = [each.name in law.names for each, moved in zip(problem.parameters, moving, strict=True) if moved]
    return _schur(table, np.array(kinds))


def _start(measurement: Measurement, law: Law, values, density: float, scale: float) -> dict[str, float]:
    start = {name: values[name] for name in law.names} | {"n0": density, "scale": scale}
    start |= {"offset": values.get("offset", 0.0), "scatter": 0.0, "time_zero": values.get("time_zero", 0.0)}
    return start


def _expected(problem: Problem, start) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected signal, and its derivatives by the parameters in their own units."""
    x = problem.point(np.array([start[name] for name in problem.names]))
    jacobian = problem.jacobian(x)
    if jacobian is None:
        raise ValueError("the law cannot be solved for these rates and densities; give others")
    return problem.curves(x)[0], jacobian[0] / problem.scales


def _moves(parameter, free: set[str]) -> bool:
    return parameter.name in free or parameter.kind in free


def _schur(table: np.ndarray, is_common: np.ndarray) -> np.ndarray:
    """JᵀJ of the common columns after those of the trace itself are fitted away."""
    common, own = table[:, is_common], table[:, ~is_common]
    own = own[:, np.linalg.norm(own, axis=0) > 0]
    if own.shape[1]:
        basis, _ = np.linalg.qr(own / np.linalg.norm(own, axis=0))
        common = common - basis @ (basis.T @ common)
    return common.T @ common


def _natural(known: np.ndarray, place: int) -> float:
    """Error that all traces together would give alone: a size for a rate of 0."""
    total = float(known[:, place, place].sum())
    return 1 / np.sqrt(total) if total > 0 else 1.0


def _table(densities, known, places: list[int], rates: list[str], sizes: list[int]) -> pd.DataFrame:
    sets = [those for size in sizes for those in _sets(len(densities), size)]
    if not sets:
        raise ValueError(f"sizes = {sizes}: there are {len(densities)} densities to choose from")
    rows = []
    for those in sets:
        errors = 100 * _errors(known[list(those)].sum(axis=0))[places]
        row: dict[str, Any] = {"densities": tuple(float(each) for each in densities[list(those)])}
        row["traces"] = len(those)
        row |= {f"{name} %": float(error) for name, error in zip(rates, errors, strict=True)}
        row["worst %"] = float(errors.max())
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.sort_values("worst %", kind="stable", ignore_index=True)


def _sets(count: int, size: int) -> list[tuple[int, ...]]:
    if size < 1 or size > count:
        return []
    found = list(combinations(range(count), size))
    if len(found) > _MOST_SETS:
        raise ValueError(f"{count} densities make {len(found)} sets of {size}; give fewer densities")
    return found


def _errors(information: np.ndarray) -> np.ndarray:
    """Relative standard errors; infinite where the information leaves a direction open."""
    length = np.sqrt(np.diag(information))
    if not (length > 0).all():
        return np.full(len(information), np.inf)
    scaled = information / np.outer(length, length)
    values, vectors = np.linalg.eigh(scaled)
    if values[0] <= _OPEN * values[-1]:
        return np.full(len(information), np.inf)
    return np.sqrt(np.sum(vectors**2 / values, axis=1)) / length
