"""The outcome of a global fit: rates, densities, scales and offsets of a series, with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from helpers import pulses
from helpers.excitation import plausibility_notes
from helpers.kinetics import RATES, Rates
from helpers.least_squares import Minimum, Problem
from helpers.series_model import SeriesModel
from helpers.traces import Trace
from helpers.units import density_in_cm3, is_time, rate_units, rates_in_cgs


@dataclass(frozen=True, eq=False)
class SeriesFit:
    """A fitted series; everything but the fields is worked out from them when it is asked for.

    Attributes
    ----------
    traces : sequence of Trace
    rates : Rates
        Common to all traces, in `t_unit` and `density_unit`.
    n0, scale, offset : ndarray, shape (m,)
        One for each trace.
    names, values, stderr, status : tuple, ndarray, ndarray, tuple
        All parameters: those searched (`problem.names`), then those solved for. Standard errors are NaN
        for what was "fixed" or ended on its "bound" zero, and infinite where the data leave a direction
        open (a free scale beside a free n0, say).
    covariance : ndarray
        Of `names`; absolute with sigma or Poisson weights, else scaled with the residuals' variance.
    cost, reduced_chi2, rmse : float
        ½·Σr² with r = (model − data)·weight; Σr² per degree of freedom; root mean square of data − model.
    converged, message : bool, str
    left_over : ndarray, shape (m,)
        Fraction of the carriers that the next pulse still finds; zeros for single pulses.
    notes : tuple of str
        Densities and rates that no semiconductor has, with the likely slip of units.
    """

    model: SeriesModel
    problem: Problem
    minimum: Minimum
    free: np.ndarray
    guess: Rates
    absolute: bool
    density_unit: str

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        return f"SeriesFit({len(self.traces)} traces: {self.rates!r}, {state})"

    @property
    def traces(self) -> Sequence[Trace]:
        """The data."""
        return self.model.traces

    @property
    def t_unit(self) -> str:
        """Unit of time, common to all traces."""
        return self.traces[0].t_unit

    @property
    def rates(self) -> Rates:
        """Common rates."""
        return self.model.physical(self.minimum.x)[0]

    @property
    def n0(self) -> np.ndarray:
        """Initial density of each trace; with a repetition period, the density that one pulse adds."""
        return self.model.physical(self.minimum.x)[1]

    @cached_property
    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        return self.model.linear(self.minimum.x)

    @property
    def scale(self) -> np.ndarray:
        """Signal per unit of the observable, for each trace."""
        return self._linear[0]

    @property
    def offset(self) -> np.ndarray:
        """Background of each trace, in the signal's unit."""
        return self._linear[1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters: the searched ones, then the linear ones."""
        return self.problem.names + self.model.linear_names

    @cached_property
    def values(self) -> np.ndarray:
        """Values of `names`."""
        searched = self.minimum.x * self.problem.scales
        return np.concatenate([searched, self.model.linear_values(self.minimum.x)])

    @property
    def _active(self) -> np.ndarray:
        return self.free & (self.minimum.x > 0)

    @property
    def status(self) -> tuple[str, ...]:
        """How each of `names` ended: "free", "fixed" or "bound"."""
        searched = np.where(self._active, "free", np.where(self.free, "bound", "fixed"))
        return (*searched.tolist(), *("free" for _ in self.model.linear_names))

    @property
    def cost(self) -> float:
        """½·Σr² at the minimum."""
        return self.minimum.cost

    @property
    def reduced_chi2(self) -> float:
        """Σr² per degree of freedom."""
        freedom = self.model.size - self.status.count("free")
        return 2 * self.cost / freedom if freedom > 0 else np.inf

    @property
    def variance(self) -> float:
        """Variance of a weighted residual: 1 where sigma is known, else estimated from the residuals."""
        return 1.0 if self.absolute else self.reduced_chi2

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance matrix of `names`."""
        return self.model.covariance(self.minimum.x, self._active) * self.variance

    @property
    def stderr(self) -> np.ndarray:
        """Standard errors of `names`."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix of `names`; NaN where there is no error."""
        sizes = self.stderr
        # infinite over infinite where a direction is open, anything over an error too small for its square
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.covariance / np.outer(sizes, sizes)

    @property
    def rmse(self) -> float:
        """Root mean square of data − model over all traces."""
        return float(np.sqrt(np.mean(np.concatenate(self.residuals()) ** 2)))

    @property
    def converged(self) -> bool:
        """Whether the search ended in a minimum."""
        return self.minimum.converged

    @property
    def message(self) -> str:
        """The end of the search in words."""
        return self.minimum.message

    @property
    def left_over(self) -> np.ndarray:
        """Fraction of each trace's carriers that the next pulse still finds."""
        period = self.model.clocks[0].period
        if period is None:
            return np.zeros(len(self.traces))
        return np.array([pulses.left_over(n, self.rates, period) for n in self.n0])

    @property
    def notes(self) -> tuple[str, ...]:
        """Implausible densities and rates; none where the units are unknown."""
        if not self._has_units:
            return ()
        _, k1, k2, k3 = rates_in_cgs(self.rates, self.t_unit, self.density_unit)
        return tuple(plausibility_notes(self.n0 * density_in_cm3(self.density_unit), k1, k2, k3))

    @property
    def _has_units(self) -> bool:
        return is_time(self.t_unit) and density_in_cm3(self.density_unit) is not None

    def curves(self, t=None) -> list[np.ndarray]:
        """Signal of the model for each trace, at its own times or at the times t of the traces' axis."""
        clocks = None if t is None else [each.at(t) for each in self.model.clocks]
        return self.model.curves(self.minimum.x, clocks)

    def residuals(self) -> list[np.ndarray]:
        """Return data − model of each trace, in the signal's unit."""
        return [trace.signal - curve for trace, curve in zip(self.traces, self.curves(), strict=True)]

    def densities(self) -> list[np.ndarray]:
        """Each trace's data as densities: f⁻¹((signal − offset)/scale)."""
        rows = zip(self.traces, self.scale, self.offset, strict=True)
        law = self.model.observable
        return [law.density((trace.signal - offset) / scale) for trace, scale, offset in rows]

    def table(self) -> pd.DataFrame:
        """One row for each parameter: value, stderr, error in percent, unit, the same in cgs, status.

        Scales and offsets have no cgs values; nor has anything where a unit is unknown.
        """
        unit, cgs, factor = self._units()
        rows = pd.DataFrame({"value": self.values, "stderr": self.stderr})
        rows["error %"] = 100 * rows["stderr"] / rows["value"].abs()
        rows["unit"] = [unit[_kind(name)] for name in self.names]
        factors = np.array([factor.get(_kind(name), np.nan) for name in self.names])
        rows["in cgs"], rows["stderr in cgs"] = rows["value"] * factors, rows["stderr"] * factors
        rows["cgs unit"] = [cgs.get(_kind(name), "–") for name in self.names]
        rows["status"] = self.status
        return rows.set_index(pd.Index(self.names, name="parameter"))

    def _units(self) -> tuple[dict, dict, dict]:
        """Units, cgs units and the factors between them, by the kind of parameter."""
        unit = dict(zip(RATES, rate_units(self.t_unit, self.density_unit), strict=True))
        signal = self.traces[0].signal_unit or "signal"
        of_law = f"({self.density_unit})^2" if self.model.observable.is_quadratic else self.density_unit
        unit |= {"n0": self.density_unit, "scale": f"{signal}/{of_law}", "offset": signal}
        cgs = dict(zip((*RATES, "n0"), ("cm^-3/s", "1/s", "cm^3/s", "cm^6/s", "cm^-3"), strict=True))
        if not self._has_units:
            return unit, {}, {}
        factor = dict(zip(RATES, rates_in_cgs((1, 1, 1, 1), self.t_unit, self.density_unit), strict=True))
        return unit, cgs, factor | {"n0": density_in_cm3(self.density_unit)}


def _kind(name: str) -> str:
    return name.split("_")[0]
