"""A saved fit of any law to any measurement, and the fit made of it again."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from helpers.fitting import Fit, Minimum
from helpers.fitting.problem import Problem, pose
from helpers.fitting.search import Options
from helpers.fitting.variance_function import VarianceFunction
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, as_measurement
from helpers.records.matching import refuse_other_data, refuse_other_measurement, same_law
from helpers.records.stamps import DataStamp, LawStamp, fingerprint
from helpers.traces import Trace

FORMAT = "recombination-workbook fit, version 2"
_SAME_COST = 1e-2  # rounded values stay within a thousandth of their errors
_ROUNDED_CURVE = 1e-5  # relative, for data without noise, whose values are known to more digits than are kept
INFINITE = {math.inf: "infinity", -math.inf: "-infinity"}  # JSON has no word for it


@dataclass(frozen=True, eq=False)
class FitRecord:
    """A saved fit of any law to any measurement.

    Attributes
    ----------
    law : LawStamp
    measurement : dict
        Name, kind, observable, p0, sign, noise, density unit, times; mode and values of n0, scale, offset.
    traces : tuple of DataStamp
        Which data were fitted.
    guess, values, stderr : Series of float
        By the parameter's name. A standard error is NaN where there is none, infinite where it is left open.
    status, units : Series of str
        "free", "fixed" or "bound", and the unit, by name.
    cost, rmse : float
    loss, message : str
        The loss that was minimised, and how the search ended.
    f_scale : float
    converged : bool
    versions : dict
        What wrote the file.
    noise : tuple of VarianceFunction or None
        Each trace's variance function where the weights were estimated from the residuals.
    """

    law: LawStamp
    measurement: dict
    traces: tuple[DataStamp, ...]
    guess: pd.Series
    values: pd.Series
    stderr: pd.Series
    status: pd.Series
    units: pd.Series
    cost: float
    rmse: float
    loss: str
    f_scale: float
    converged: bool
    message: str
    versions: dict[str, str]
    noise: tuple[VarianceFunction, ...] | None = None

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={self.values[name]:.6g}" for name in self.law.parameters)
        return f"FitRecord({self.measurement['name']!r}: {numbers}, cost={self.cost:.6g})"

    def belongs_to(self, data: Measurement | Trace) -> bool:
        """Whether these are the very points that were fitted (the same files, cut in the same way)."""
        traces = as_measurement(data).traces
        return [each.sha256 for each in self.traces] == [fingerprint(trace) for trace in traces]

    def on(self, measurement: Measurement | Trace, law: Law | None = None) -> Fit:
        """Make the fit again of its data, at the saved values and without a search.

        Parameters
        ----------
        measurement : Measurement, Trace or sequence of Trace
            The data that were fitted.
        law : Law, optional
            Needed where an own equation was fitted.

        Raises
        ------
        ValueError
            Where data, law or measurement are not those of the fit; names the trace or entry that differs.
        """
        measurement = as_measurement(measurement)
        refuse_other_data(self.traces, measurement)
        law = same_law(self.law, law, measurement.observable.p0)
        refuse_other_measurement(self.measurement, measurement)
        status, guess = np.array(self.status), dict(self.guess)
        free = status != "fixed"
        names = [name for name, moved in zip(self.values.index, free, strict=True) if moved]
        varied = None if isinstance(law, RateLaw) else names
        problem = pose(measurement, law, guess, varied=varied, loss=self.loss, f_scale=self.f_scale)
        if problem.names != tuple(self.values.index):
            raise ValueError(
                f"the saved fit has the parameters {', '.join(self.values.index)}, this law and measurement"
                f" have {', '.join(problem.names)}; give those of the fit"
            )
        x = _inside(problem, problem.point(np.array(self.values)), status)
        if self.noise is not None:
            problem = problem.weighed(self.noise, x)
        cost, triangle = problem.evaluate(x)
        self._refuse_other_cost(cost, problem)
        return Fit(
            problem, Minimum(x, cost, triangle, self.converged, self.message, 1), free, guess, Options()
        )

    def _refuse_other_cost(self, cost: float, problem: Problem) -> None:
        rounding = (_ROUNDED_CURVE * problem.floor / problem.law.accuracy) ** 2
        if math.isfinite(self.cost) and not abs(cost - self.cost) <= _SAME_COST * self.cost + rounding:
            raise ValueError(
                f"at the saved values the cost is {cost:.6g} and was {self.cost:.6g}: the law or the"
                " observable has changed since, so fit again"
            )

    def content(self) -> dict:
        """Entries of the JSON file; NaN is null there, and infinity a text."""
        columns = {"value": self.values, "stderr": self.stderr, "status": self.status, "unit": self.units}
        noise = {} if self.noise is None else {"estimated_noise": [_all_shown(each) for each in self.noise]}
        return {
            "format": FORMAT,
            "law": asdict(self.law) | {"parameters": [*self.law.parameters]},
            "measurement": self.measurement | {"traces": [asdict(each) for each in self.traces]},
            "guess": {name: _shown(value) for name, value in self.guess.items()},
            "optimized": {
                name: {entry: _shown(column[name]) for entry, column in columns.items()}
                for name in self.values.index
            },
            "cost": _shown(self.cost),
            "rmse": _shown(self.rmse),
            "loss": self.loss,
            "f_scale": _shown(self.f_scale),
            **noise,
            "converged": self.converged,
            "message": self.message,
            "versions": self.versions,
        }


def _inside(problem: Problem, x: np.ndarray, status: np.ndarray) -> np.ndarray:
    """Put what ended on its bound exactly there, and what did not beyond it: values are rounded."""
    x = np.where(status == "bound", 0.0, x)
    beyond = np.where(status == "free", np.finfo(float).tiny, 0.0)
    return np.where(problem.signed, x, np.maximum(x, beyond))


def _shown(value):
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else INFINITE.get(value, float(value))


def _all_shown(noise: VarianceFunction) -> dict:
    return {name: _shown(value) for name, value in asdict(noise).items()}


def by_name(names, numbers, name: str) -> pd.Series:
    """Return numbers as a Series indexed by the names of the parameters."""
    return pd.Series(numbers, index=pd.Index(names, name="parameter"), name=name)
