"""The model of a measurement where the sliders stand, with scale and background at their best values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from helpers.fitting.problem import Problem, pose
from helpers.fitting.start import starting_values
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement


@dataclass(frozen=True, eq=False)
class Settled:
    """A model beside the data; lists have one entry for each trace.

    Attributes
    ----------
    values : dict of name to value
        All parameters, scales and offsets included.
    curves : list of ndarray
        The model at the times asked for.
    residuals : list of ndarray
        Data − model.
    scaled : list of ndarray
        The same as the fit weighs them: in σ; without known noise as they are, or for several traces in
        units of each trace's largest signal.
    """

    values: dict[str, float]
    curves: list[np.ndarray]
    residuals: list[np.ndarray]
    scaled: list[np.ndarray]

    def __repr__(self) -> str:
        return f"Settled(rmse={self.rmse:.6g})"

    @property
    def rmse(self) -> float:
        """Root mean square of the residuals of all traces."""
        return _root_mean_square(np.concatenate(self.residuals))

    @property
    def rms_scaled(self) -> float:
        """Root mean square of `scaled`."""
        return _root_mean_square(np.concatenate(self.scaled))


def _root_mean_square(numbers: np.ndarray) -> float:
    size = float(np.abs(numbers).max()) or 1.0  # squares of large numbers overflow
    return size * float(np.sqrt(np.mean((numbers / size) ** 2)))


class Model:
    """A law for a measurement, computed at any values of the law's parameters and any n0.

    Parameters
    ----------
    measurement : Measurement
    law : Law
    guess : Rates, numbers, mapping of name to value, or None
        See `helpers.fitting.fit`.

    Attributes
    ----------
    start : dict of name to value
        Where all parameters begin.
    densities : ndarray
        n0 of each trace, to which the panel's factor refers.

    Raises
    ------
    ValueError, ArithmeticError
        For a guess that is missing or has no curve.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> t = np.array([0.0, 1.0, 2.0])
    >>> model = Model(Measurement(Trace(t, [4, 2, 1])), RateLaw(), (0, np.log(2), 0, 0))
    >>> round(model.at({"G": 0, "k1": np.log(2), "k2": 0, "k3": 0}, [4.0], [t]).rmse, 12)
    0.0
    """

    def __init__(self, measurement: Measurement, law: Law, guess=None) -> None:
        self.measurement, self.law = measurement, law
        self.start = _start(measurement, law, guess)
        self.problem = pose(measurement, law, self.start, varied=())
        if "n0_factor" in self.start:
            self.densities = np.array(measurement.n0.value)
        else:
            self.densities = np.array([self.start[name] for name in self._names_of_n0])
        self._seen: tuple[Sequence[np.ndarray], Problem] | None = None
        # A slip in an own equation is the user's to see, and a guess without a curve as well.
        with np.errstate(all="ignore"):
            curves = self.problem.curves(self._point(self.start))
        if not all(np.isfinite(curve).all() for curve in curves):
            raise ValueError("the model is not finite at the guess: begin with other numbers")

    def __repr__(self) -> str:
        return f"Model({self.law!r}, {self.measurement!r})"

    @property
    def _names_of_n0(self) -> list[str]:
        return [each.name for each in self.problem.parameters if each.kind == "n0"]

    def _point(self, values: Mapping[str, float]) -> np.ndarray:
        return self.problem.point(np.array([values[name] for name in self.problem.names]))

    def by_name(self, n0: Sequence[float] | np.ndarray) -> dict[str, float]:
        """Values of the parameters that stand for these densities, one for each trace."""
        if "n0_factor" in self.start:
            return {"n0_factor": float(n0[0] / np.asarray(self.measurement.n0.value)[0])}
        return dict(zip(self._names_of_n0, map(float, n0), strict=True))

    def at(
        self,
        values: Mapping[str, float],
        n0: Sequence[float] | np.ndarray,
        times: Sequence[np.ndarray],
    ) -> Settled:
        """Model for values of the law's parameters and the densities n0, scale and offset at their best.

        Parameters
        ----------
        values : mapping of name to value
        n0 : sequence of m densities
        times : sequence of m arrays
            Where the curves are wanted, on the traces' own axes.

        Raises
        ------
        ValueError, ArithmeticError
            Where the law cannot be solved.
        """
        problem = self.problem
        with np.errstate(all="ignore"):
            # Always from the same scales and offsets: the same rows show the same numbers.
            x = self._point(self.start | dict(values) | self.by_name(n0))
            x = problem.settle(x, problem.linear)
            expected, curves = problem.curves(x), self._on(times).curves(x)
        if not all(np.isfinite(each).all() for each in (*expected, *curves)):
            raise ArithmeticError("these numbers are too large together")
        signals = [trace.signal for trace in self.measurement.traces]
        rows = list(zip(problem.likelihoods, expected, signals, strict=True))
        return Settled(
            values=dict(zip(problem.names, map(float, problem.values(x)), strict=True)),
            curves=curves,
            residuals=[signal - each for _, each, signal in rows],
            scaled=[likelihood.scaled(each, signal) for likelihood, each, signal in rows],
        )

    def _on(self, times: Sequence[np.ndarray]) -> Problem:
        """Return the problem at other times, which is worth keeping while they stay the same."""
        if self._seen is None or self._seen[0] is not times:
            clocks = tuple(clock.at(each) for clock, each in zip(self.problem.clocks, times, strict=True))
            self._seen = times, replace(self.problem, clocks=clocks, _last={})
        return self._seen[1]


def _start(measurement: Measurement, law: Law, guess) -> dict[str, float]:
    try:
        return starting_values(measurement, law, guess, law.held)
    except ValueError:
        if guess is not None or not isinstance(law, RateLaw):
            raise
    span = max(float(clock.nodes.max()) for clock in measurement.clocks)
    return starting_values(measurement, law, (0, 1 / span, 0, 0))  # too few points for an automatic guess
