"""The outcome of a fit: values and errors by name, residuals, curves and a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from helpers.fitting.likelihood import residual_variance
from helpers.fitting.minimise import Minimum, covariance
from helpers.fitting.parameters import parameters_of
from helpers.fitting.problem import Problem
from helpers.fitting.search import Options, find_minimum
from helpers.fitting.variance_function import TERMS
from helpers.fitting.weighing import error_freedoms, noise_groups, noise_in_words
from helpers.kinetics import RATES, RateLaw, Rates
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, Quantity
from helpers.measurement.excitation import plausibility_notes
from helpers.measurement.pulses import left_over
from helpers.traces import Trace
from helpers.units import density_in_cm3, is_time, rates_in_cgs

_MOST_WIDENED = 1.1  # by releasing what ended on its bound: where an error is still shown


@dataclass(frozen=True, eq=False)
class Fit:
    """A law fitted to a measurement; all but the fields is worked out from them when it is asked for.

    Attributes
    ----------
    problem : Problem
    minimum : Minimum
        Where the search stopped, in dimensionless parameters.
    free : ndarray of bool, shape (p,)
        Which of `names` the search varied.
    guess : dict of name to value
        Where the search began.
    options : Options
        How it was searched.

    Notes
    -----
    `values`, `stderr`, `status` and `units` are pandas Series, `covariance` and `correlation` DataFrames,
    all indexed by the names of the parameters.
    """

    problem: Problem
    minimum: Minimum
    free: np.ndarray
    guess: dict[str, float]
    options: Options

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        numbers = ", ".join(f"{name}={self.values[name]:.6g}" for name in self.law.names)
        return f"Fit({self.measurement.name!r}: {numbers}, rmse={self.rmse:.4g}, {state})"

    @property
    def measurement(self) -> Measurement:
        """What was fitted."""
        return self.problem.measurement

    @property
    def law(self) -> Law:
        """The law that was fitted."""
        return self.problem.law

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The data."""
        return self.measurement.traces

    @property
    def trace(self) -> Trace:
        """The data of a fit of one trace.

        Raises
        ------
        ValueError
            For a fit of several traces.
        """
        if len(self.traces) > 1:
            raise ValueError(f"this fit has {len(self.traces)} traces: take one of fit.traces")
        return self.traces[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters."""
        return self.problem.names

    @property
    def loss(self) -> str:
        """The loss that was minimised."""
        return self.problem.likelihoods[0].loss

    @property
    def f_scale(self) -> float:
        """Residual from which on a robust loss is lenient."""
        return self.problem.likelihoods[0].f_scale

    @cached_property
    def values(self) -> pd.Series:
        """Fitted numbers, in `units`."""
        return self._series(self.problem.values(self.minimum.x), "value")

    @cached_property
    def status(self) -> pd.Series:
        """How each parameter ended: "free", "fixed", or on its "bound"."""
        return self._series(np.where(self.active, "free", np.where(self.free, "bound", "fixed")), "status")

    @cached_property
    def units(self) -> pd.Series:
        """What the values are counted in."""
        return self._series([each.unit for each in self.problem.parameters], "unit")

    @cached_property
    def stderr(self) -> pd.Series:
        """Standard errors; NaN where there is none to show, infinite where the data leave a parameter open.

        There is none of what was fixed or ended on its bound. Beside such a bound an error takes the rate on
        it as known; it is shown only where releasing that rate would widen it by at most a tenth. Elsewhere
        `see_interval` is True: the interval of `uncertainty.profile` says what the data allow.
        """
        return self.conditional_stderr.mask(self.see_interval).rename("stderr")

    @cached_property
    def conditional_stderr(self) -> pd.Series:
        """Standard errors if what ended on a bound were known to be there, which can be far too small."""
        # Not from `covariance`, whose squares leave the range of doubles before the errors do.
        return self._series(np.sqrt(np.diag(self._unscaled)) * self.problem.scales, "conditional stderr")

    @cached_property
    def see_interval(self) -> pd.Series:
        """Whether an error is not shown, because a rate on its bound would widen it by more than a tenth."""
        triangle, active = self.minimum.triangle, self.active
        hidden = np.zeros(len(self.names), bool)
        if triangle is not None:
            released = self.free & ~active & np.any(triangle[:, :-1] != 0, axis=0)  # none that no point feels
            if released.any():
                narrow, wide = (np.diag(covariance(triangle, each)) for each in (active, active | released))
                hidden = np.isfinite(narrow) & ~(wide <= _MOST_WIDENED**2 * narrow)
        return self._series(hidden, "see the interval")

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance by name: absolute where the noise is known, else scaled with the residuals' variance.

        Parameters on their bound are taken as known there; `stderr` hides what that makes too small.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # squares of errors in extreme units
            scales = self.problem.scales
            return pd.DataFrame(self._unscaled * scales[:, None] * scales, self.names, self.names)

    @property
    def correlation(self) -> pd.DataFrame:
        """Correlation by name; NaN where there is no error."""
        sizes = np.sqrt(np.diag(self._unscaled))
        sizes = np.where((sizes > 0) & np.isfinite(sizes), sizes, np.nan)
        return pd.DataFrame(self._unscaled / np.outer(sizes, sizes), self.names, self.names)

    @property
    def rates(self) -> Rates:
        """G, k1, k2, k3 of the rate law.

        Raises
        ------
        ValueError
            For a fit of another law.
        """
        if not isinstance(self.law, RateLaw):
            raise ValueError(f"{self.law!r} has no G, k1, k2, k3: take fit.values")
        return Rates(*np.maximum(self.values[[*RATES]], 0.0))

    @property
    def n0(self) -> np.ndarray:
        """Initial density of each trace, shape (m,); in a train, the density that one pulse adds."""
        return self._local(-3)

    @property
    def scale(self) -> np.ndarray:
        """Signal per unit of the observable, for each trace."""
        return self._local(-2)

    @property
    def offset(self) -> np.ndarray:
        """Background of each trace, in the signal's unit."""
        return self._local(-1)

    @property
    def time_zero(self) -> np.ndarray:
        """When the pulse of each trace comes, in the traces' unit of time."""
        return self.problem.time_zeros(self.minimum.x)

    def _local(self, place: int) -> np.ndarray:
        return np.array([link.values(self.minimum.x)[place] for link in self.problem.links])

    def _series(self, numbers, name: str) -> pd.Series:
        return pd.Series(numbers, index=pd.Index(self.names, name="parameter"), name=name)

    @property
    def active(self) -> np.ndarray:
        """Which parameters were varied and did not end on a bound."""
        x = self.minimum.x
        return self.free & ((x > 0) | self.problem.signed)

    @property
    def freedom(self) -> int:
        """Degrees of freedom: residuals minus parameters that were fitted, those on their bound included."""
        return self.problem.size - int(self.free.sum())

    @cached_property
    def error_freedom(self) -> pd.Series:
        """Degrees of freedom behind each error, for Student's t: infinite where the noise is known.

        `freedom` for even noise; Satterthwaite's where the weights were estimated from the residuals (see
        `weighing`). A parameter without an error has the fewest of the others.
        """
        if not self._is_computed:
            return self._series(np.full(len(self.names), np.nan), "freedom")
        return self._series(error_freedoms(self.problem, self.minimum.x, self.free), "freedom")

    @cached_property
    def noise(self) -> str:
        """The noise in plain words, as "0.3 % of the signal + 0.21 × 10^16 cm^-3"; parts add in squares."""
        size = float(np.sqrt(self.variance))
        return noise_in_words(self.problem, self.minimum, self.free, size)

    @property
    def cost(self) -> float:
        """Half of χ², of the Poisson deviance, or a robust loss's own cost."""
        return self.minimum.cost

    @cached_property
    def reduced_chi2(self) -> float:
        """χ² (for counts the deviance) per degree of freedom, whatever the loss."""
        if not self._is_computed or self.freedom <= 0:
            return np.inf
        triples = zip(self.problem.likelihoods, self.curves(), self.traces, strict=True)
        return sum(each.squares(curve, trace.signal) for each, curve, trace in triples) / self.freedom

    @cached_property
    def _variances(self) -> tuple[float, float]:
        if self.problem.is_absolute:
            return 1.0, 1.0
        if not self._is_computed:
            return np.inf, 1.0
        triples = zip(self.problem.likelihoods, self.curves(), self.traces, strict=True)
        spreads = [each.spread(curve, trace.signal) for each, curve, trace in triples]
        return residual_variance(spreads, self.problem.size, self.freedom)

    @property
    def variance(self) -> float:
        """1 where the noise is known, else that of a weighted residual: costs are measured in units of it."""
        return self._variances[0]

    @property
    def _is_computed(self) -> bool:
        return self.minimum.triangle is not None

    @cached_property
    def _unscaled(self) -> np.ndarray:
        """Covariance of the dimensionless parameters."""
        count = len(self.names)
        triangle = self.minimum.triangle
        if triangle is None:
            return np.full((count, count), np.nan)
        variance, widening = self._variances
        return covariance(triangle, self.active, variance=variance * widening)

    @cached_property
    def rmse(self) -> float:
        """Root mean square of data − model over all traces; NaN where the model cannot be computed."""
        residuals = np.concatenate(self.residuals())
        size = float(np.abs(residuals).max())
        return size * float(np.sqrt(np.mean((residuals / size) ** 2))) if 0 < size < np.inf else size

    @property
    def converged(self) -> bool:
        """Whether the search ended in a minimum."""
        return self.minimum.converged

    @property
    def message(self) -> str:
        """The end of the search in words."""
        return self.minimum.message

    @property
    def evaluations(self) -> int:
        """Evaluations of the model."""
        return self.minimum.evaluations

    def curves(self, t: np.ndarray | Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """Signal of the model for each trace, at its own times.

        Parameters
        ----------
        t : array_like or list of array_like, optional
            Other times on the traces' own axis: the same for all, or one array for each.
        """
        if t is not None:
            each_its_own = isinstance(t, list | tuple) and len(t) == len(self.traces) and np.ndim(t[0]) == 1
            t = list(t) if each_its_own else [np.asarray(t, float)] * len(self.traces)
        if not self._is_computed:
            times = [trace.t for trace in self.traces] if t is None else t
            return [np.full(len(each), np.nan) for each in times]
        return self.problem.curves(self.minimum.x, t)

    def residuals(self, *, in_sigma: bool = False) -> list[np.ndarray]:
        """Return data − model of each trace.

        Parameters
        ----------
        in_sigma : bool
            In units of the noise (for counts of √μ, where the noise is unknown of its estimate) instead of
            the signal's unit.
        """
        pairs = zip(self.traces, self.curves(), strict=True)
        if not in_sigma:
            return [trace.signal - curve for trace, curve in pairs]
        size = np.sqrt(self.variance) if 0 < self.variance < np.inf else 1.0
        rows = zip(self.problem.likelihoods, pairs, strict=True)
        return [each.scaled(curve, trace.signal) / size for each, (trace, curve) in rows]

    def densities(self) -> list[np.ndarray]:
        """Each trace's data as densities: S⁻¹((signal − offset)/scale).

        Raises
        ------
        ValueError
            For an observable of one's own, which has no inverse.
        """
        densities = []
        for trace, scale, offset in zip(self.traces, self.scale, self.offset, strict=True):
            density = self.measurement.observable.density((trace.signal - offset) / scale)
            if density is None:
                raise ValueError("the signal of an observable of your own cannot be turned into a density")
            densities.append(density)
        return densities

    @property
    def aicc(self) -> float:
        """Akaike's criterion for small samples, 2·cost + 2p + 2p(p + 1)/(m − p − 1); lower is better.

        Without known noise m·ln(2·cost/m) + 2·Σ ln σ stands in the place of 2·cost, and p counts the noise's
        variance (or the terms of its variance function), too.
        Infinite where there are too few points. Source: Burnham & Anderson (2002), sections 2.2 and 2.4.
        """
        count, size = self.parameters, self.problem.size
        if size - count - 1 <= 0:
            return np.inf
        return self._badness + 2 * count + 2 * count * (count + 1) / (size - count - 1)

    @property
    def bic(self) -> float:
        """Schwarz's criterion, 2·cost + p·ln m with cost and p as in `aicc`."""
        return self._badness + self.parameters * np.log(self.problem.size)

    @property
    def parameters(self) -> int:
        """Number of fitted parameters, those on their bound and an unknown noise included."""
        if self.problem.is_absolute:
            return int(self.free.sum())
        weighed = self.problem.likelihoods[0].function is not None
        return int(self.free.sum()) + (TERMS * noise_groups(self.problem) if weighed else 1)

    @property
    def _badness(self) -> float:
        squares = max(2 * self.cost, self.problem.floor**2)
        size = self.problem.size
        if self.problem.is_absolute:
            return float(squares)
        logarithms = sum(
            float(np.log(np.broadcast_to(each.sigma, len(trace))).sum())
            for each, trace in zip(self.problem.likelihoods, self.traces, strict=True)
        )
        return float(size * np.log(squares / size) + 2 * logarithms)

    @property
    def left_over(self) -> np.ndarray:
        """Fraction of each trace's carriers that the next pulse still finds; zeros for single pulses."""
        period = self.measurement.repetition_period
        if period is None:
            return np.zeros(len(self.traces))
        return np.array([left_over(n, self.rates, period) for n in self.n0])

    @property
    def notes(self) -> tuple[str, ...]:
        """Densities and rates that no semiconductor has; none where the units are unknown."""
        size, t_unit = density_in_cm3(self.measurement.density_unit), self.measurement.t_unit
        if size is None or not is_time(t_unit) or not isinstance(self.law, RateLaw):
            return ()
        _, k1, k2, k3 = rates_in_cgs(self.rates, t_unit, self.measurement.density_unit)
        return tuple(plausibility_notes(self.n0 * size, k1, k2, k3))

    def refit(
        self,
        *,
        measurement: Measurement | None = None,
        guess: Mapping[str, float] | None = None,
        fixed: Iterable[str] | None = None,
        loss: str | None = None,
        f_scale: float | None = None,
        noise_of: Fit | None = None,
    ) -> Fit:
        """Fit again from here, with the same law and, where nothing else is said, the same choices.

        Parameters
        ----------
        measurement : Measurement, optional
            Other data, or the same taken otherwise. On the same traces the noise that a converged fit
            estimated stays as it is, so that costs can be compared; `fitting.fit` estimates it anew.
        guess : mapping of name to value, optional
            Values that are changed first.
        fixed : iterable of str, optional
            Names of the parameters to hold.
        loss, f_scale : optional
        noise_of : Fit, optional
            Another fit to the same traces whose estimated noise is taken.
        """
        measurement = self.measurement if measurement is None else measurement
        # Another measurement may fix what this one fits, or have other traces.
        names = {each.name for each in parameters_of(self.law, measurement)}
        values = {name: value for name, value in self.values.items() if name in names}
        held = [name for name in self.fixed if name in names] if fixed is None else fixed
        loss = self.loss if loss is None else loss
        known = self if noise_of is None else noise_of
        is_known = measurement.traces is known.traces and measurement.noise == "estimated"
        is_known = is_known and known.converged and loss == known.loss == "linear"
        found = find_minimum(
            measurement,
            values | dict(guess or {}),
            law=self.law,
            fixed=held,
            loss=loss,
            f_scale=self.f_scale if f_scale is None else f_scale,
            options=self.options,
            likelihoods=known.problem.likelihoods if is_known else None,
        )
        return Fit(*found)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Names of the parameters that were held, those apart that the measurement fixes."""
        return tuple(name for name, free in zip(self.names, self.free, strict=True) if not free)

    def at(self, minimum: Minimum) -> Fit:
        """Return the same fit with another minimum."""
        return replace(self, minimum=minimum)

    def table(self) -> pd.DataFrame:
        """One row for each parameter: value, stderr, error in percent, unit, the same in cgs, status.

        The status of a value whose error is not shown beside a bound (see `stderr`) is "see the interval".
        Where the fluence has an error, "from n0" is what it does to each parameter (see
        `error_from_n0`). Parameters without a unit in cm and s have no cgs values. The noise in words is the
        table's `attrs["noise"]`.
        """
        factors = np.array([each.cgs for each in self.problem.parameters])
        rows = pd.DataFrame({"value": self.values, "stderr": self.stderr})
        with np.errstate(divide="ignore", invalid="ignore"):
            rows["error %"] = 100 * rows["stderr"] / rows["value"].abs()
        has_other_error = bool(self.measurement.fluence_error_percent) and self.measurement.n0.mode == "fixed"
        if has_other_error:
            rows["from n0"] = self.error_from_n0
        rows["unit"] = self.units
        rows["in cgs"], rows["stderr in cgs"] = rows["value"] * factors, rows["stderr"] * factors
        if has_other_error:
            rows["from n0 in cgs"] = rows["from n0"] * factors
        rows["cgs unit"] = [each.cgs_unit for each in self.problem.parameters]
        rows["status"] = self.status.mask(self.see_interval, "see the interval")
        rows.attrs["noise"] = self.noise
        return rows

    @cached_property
    def error_from_n0(self) -> pd.Series:
        """How far each parameter moves where every n0 is larger by the error of the fluence.

        The same error for all traces moves n0 → n0·(1 + ε) and leaves the curves almost as they are: k2 then
        falls with 1/(1 + ε) and k3 with its square. Found by fitting again.

        Raises
        ------
        ValueError
            Where the fluence has no error, or n0 is fitted itself.
        """
        error = self.measurement.fluence_error_percent
        if not error:
            raise ValueError("the measurement has no fluence_error_percent: give it, and fit again")
        n0 = self.measurement.n0
        if n0.mode != "fixed":
            raise ValueError("n0 is fitted here, so the fluence's error does not act on the rates")
        larger = 1 + error / 100
        moved = self.measurement.with_quantities(n0=Quantity(np.asarray(n0.value) * larger))
        values = self.values.copy()
        for each in self.law.parameters:
            if each.order is not None and each.order > 1:
                values[each.name] /= larger ** (each.order - 1)
        densities = [name for name in self.names if name.startswith("n0")]
        values[densities] *= larger
        again = self.refit(measurement=moved, guess=dict(values))
        return (again.values - self.values).abs().rename("from n0")
