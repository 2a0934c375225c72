"""The problem between a measurement and a law: named parameters, their likelihood, its cost and Jacobian."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from helpers.fitting.likelihood import Likelihood
from helpers.fitting.minimise import computed, linear_step, triangle_of, upper_triangle
from helpers.fitting.parameters import Parameter, parameters_of, quantity_of
from helpers.fitting.variance_function import VarianceFunction
from helpers.kinetics.law import Law
from helpers.measurement import Measurement
from helpers.measurement.response import Clock

_SETTLING_STEPS = 40
_SETTLED = 1e-11  # relative offset at which linear parameters have settled
_HALVINGS = 40
_ROUNDING = 1e-12  # of the cost: a gain that small does not show in it


@dataclass(frozen=True, eq=False)
class Link:
    """How the parameters of one trace hang on those of the whole.

    The trace knows the law's values, its n0, scale and offset, in this order; or, in a second link, its time
    zero and the height of its scattered light. `index` names the parameter
    of the whole behind each of them (-1 where it is no parameter), `factor` what one of its units x is, and
    `base` what is added to that.
    """

    index: np.ndarray
    factor: np.ndarray
    base: np.ndarray

    def values(self, x: np.ndarray) -> np.ndarray:
        """Return the trace's own numbers at the point x of the whole."""
        return self.base + self.factor * np.where(self.index >= 0, x[self.index], 0.0)


class _Parts(NamedTuple):
    """What the expected signal of a trace is made of, in units of its scale, and derivatives of that."""

    shape: np.ndarray
    slopes: np.ndarray
    by_time: np.ndarray
    light: np.ndarray
    light_slope: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """Cost and Jacobian of a law for a measurement in dimensionless x ≥ 0: value = origin + scale·x.

    Attributes
    ----------
    measurement, law
    parameters : tuple of Parameter
    likelihoods : tuple of Likelihood
        One for each trace.
    clocks : tuple of Clock
    scales, origins : ndarray, shape (p,)
    links, timings : tuple of Link
        One for each trace: of the law's values, n0, scale and offset; of time zero and scattered light.
    steps : ndarray or None
        Smallest difference steps of the law (see `Law.steps`).
    varied : ndarray of bool, shape (p,)
        Parameters whose derivatives are computed; those of an equation cost time.
    floor : float
        Length that rounding alone gives the residuals.

    It holds plain data and can be pickled, if the law and the observable can.
    """

    measurement: Measurement
    law: Law
    parameters: tuple[Parameter, ...]
    likelihoods: tuple[Likelihood, ...]
    clocks: tuple[Clock, ...]
    scales: np.ndarray
    origins: np.ndarray
    links: tuple[Link, ...]
    timings: tuple[Link, ...]
    steps: np.ndarray | None
    varied: np.ndarray
    floor: float
    _last: dict = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Problem({', '.join(self.names)}; {self.size} residuals)"

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_last": {}}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(each.name for each in self.parameters)

    @property
    def size(self) -> int:
        """Number of residuals."""
        return self.measurement.size

    @property
    def signed(self) -> np.ndarray:
        """Which parameters have no bound."""
        return np.array([each.lower == -np.inf for each in self.parameters])

    @property
    def linear(self) -> np.ndarray:
        """Which parameters the signal is linear in."""
        return np.array([each.linear for each in self.parameters])

    @property
    def is_absolute(self) -> bool:
        """Whether the size of the noise is known."""
        return self.likelihoods[0].is_absolute

    def values(self, x: np.ndarray) -> np.ndarray:
        """Values of the parameters at x, in their units."""
        with np.errstate(over="ignore"):
            values = self.origins + self.scales * x
        return np.clip(values, -np.finfo(float).max, np.finfo(float).max)

    def point(self, values: np.ndarray) -> np.ndarray:
        """Return the dimensionless point x of values."""
        with np.errstate(over="ignore"):  # such a point cannot be computed, and the search says so
            return (np.asarray(values, float) - self.origins) / self.scales

    def index(self, name: str) -> int:
        """Return the place of a parameter.

        Raises
        ------
        ValueError
            For a name that no parameter has.
        """
        if name not in self.names:
            raise ValueError(f"{name!r}: the parameters are {', '.join(self.names)}")
        return self.names.index(name)

    def for_signals(self, signals: Sequence[np.ndarray]) -> Problem:
        """Return the same problem with other data, as a simulation needs it."""
        return replace(self, measurement=self.measurement.with_signals(signals), _last={})

    def curves(self, x: np.ndarray, t: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """Signal of the model for each trace, at its own times or at those in `t` (one array a trace).

        Raises
        ------
        ValueError, ArithmeticError
            Where the law cannot be solved at x.
        """
        nothing = np.zeros(len(self.law.parameters) + 1, bool)
        curves = []
        for j in range(len(self.clocks)):
            clock = self.clock(j, x) if t is None else self._clock_at(j, x, t[j])
            values, n0, scale, offset = self._local(j, x)
            shape, _ = clock.shape(
                self.law, self.measurement.observable, values, n0, wanted=nothing, steps=self.steps
            )
            curves.append(scale * shape + self._scatter(j, x) * clock.scattered()[0] + offset)
        return curves

    def clock(self, j: int, x: np.ndarray) -> Clock:
        """Return the times of trace j at x, where a fitted time zero may differ from the measurement's.

        Raises
        ------
        ArithmeticError
            Where time zero has left the data.
        """
        zero, kept = self._time_zero(j, x), self._last.get(("clock", j), self.clocks[j])
        if kept.time_zero != zero:
            kept = self._last["clock", j] = self.clocks[j].moved(zero)
        return kept

    def _clock_at(self, j: int, x: np.ndarray, t: np.ndarray) -> Clock:
        moved = self.clock(j, x)
        return moved.at(t)

    def time_zeros(self, x: np.ndarray) -> np.ndarray:
        """When the pulse of each trace comes."""
        return np.array([self._time_zero(j, x) for j in range(len(self.clocks))])

    def _time_zero(self, j: int, x: np.ndarray) -> float:
        return float(self.timings[j].values(x)[0])

    def _scatter(self, j: int, x: np.ndarray) -> float:
        return float(self.timings[j].values(x)[1])

    def signal(self, x: np.ndarray) -> list[np.ndarray]:
        """Signal of the model for each trace without its background.

        Raises
        ------
        ValueError, ArithmeticError
            Where the law cannot be solved at x.
        """
        return [curve - offset for curve, offset in zip(self.curves(x), self.offsets(x), strict=True)]

    def offsets(self, x: np.ndarray) -> list[float]:
        """Return the background of each trace."""
        return [float(link.values(x)[-1]) for link in self.links]

    def weighed(self, functions: Sequence[VarianceFunction], x: np.ndarray) -> Problem:
        """Return the same problem with the noise that each trace's variance function says at x."""
        rows = zip(self.likelihoods, functions, self.signal(x), strict=True)
        likelihoods = tuple(
            Likelihood("estimated", function.sizes(signal), each.loss, each.f_scale, function)
            for each, function, signal in rows
        )
        return self.with_likelihoods(likelihoods)

    def with_likelihoods(self, likelihoods: tuple[Likelihood, ...]) -> Problem:
        """Return the same problem with another noise or loss of each trace."""
        floor = self.law.accuracy * _length(self.measurement, likelihoods)
        return replace(self, likelihoods=likelihoods, floor=floor, _last={})

    def _local(self, j: int, x: np.ndarray):
        numbers = self.links[j].values(x)
        return numbers[:-3], *numbers[-3:]

    def _shapes(self, x: np.ndarray) -> list[_Parts] | None:
        """Each trace's signal in units of its scale, with its derivatives; None where there is none.

        With it come its derivative by time zero, and the scattered light of unit height with that of its own.
        """
        key = x[~self.linear].tobytes()
        if self._last.get("key") != key:
            self._last["key"] = key
            try:
                with np.errstate(all="ignore"):
                    self._last["shapes"] = [self._shape(j, x) for j in range(len(self.clocks))]
            except (
                ValueError,
                ArithmeticError,
            ):  # a step beyond what doubles hold, a train that never settles
                self._last["shapes"] = None
        return self._last["shapes"]

    def _shape(self, j: int, x: np.ndarray):
        values, n0, _, _ = self._local(j, x)
        index = self.links[j].index[:-2]
        wanted = (index >= 0) & self.varied[index]
        clock = self.clock(j, x)
        seen = clock.seen(self.law, self.measurement.observable, values, n0, wanted=wanted, steps=self.steps)
        if not np.isfinite(seen.shape).all():
            raise ArithmeticError("the model is not finite")
        return _Parts(*seen, *clock.scattered())

    @np.errstate(all="ignore")
    def evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray | None]:
        """Cost at x, and the triangle of [J r] over all parameters; (inf, None) where there is no model."""
        shapes = self._shapes(x)
        if shapes is None:
            return math.inf, None
        cost, tables = 0.0, []
        for j, parts in enumerate(shapes):
            part, weights, residuals = self._rows(j, x, parts)
            if not math.isfinite(part):
                return math.inf, None
            cost += part
            columns, index = self._columns(j, x, parts)
            local = triangle_of(columns * weights[:, None], residuals)
            tables.append(_placed(local, index, len(x)))
        triangle = tables[0] if len(tables) == 1 else upper_triangle(np.vstack(tables))
        return computed(x, cost, _square(triangle, len(x) + 1))

    def _columns(self, j: int, x: np.ndarray, parts: _Parts) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of trace j by its own parameters, and their places in the whole."""
        scale = self._local(j, x)[2]
        columns = [*(scale * parts.slopes).T, parts.shape, np.ones_like(parts.shape)]
        link, timing = self.links[j], self.timings[j]
        used = link.index >= 0
        table = [
            column * size for column, size, is_used in zip(columns, link.factor, used, strict=True) if is_used
        ]
        index = [*link.index[used]]
        if timing.index[0] >= 0:
            table.append((scale * parts.by_time - self._scatter(j, x) * parts.light_slope) * timing.factor[0])
            index.append(timing.index[0])
        if timing.index[1] >= 0:
            table.append(parts.light * timing.factor[1])
            index.append(timing.index[1])
        return np.column_stack(table), np.array(index)

    @np.errstate(all="ignore")
    def jacobian(self, x: np.ndarray) -> list[np.ndarray] | None:
        """Return the derivatives of each trace by all parameters, without weights; None without a model."""
        shapes = self._shapes(x)
        if shapes is None:
            return None
        tables = []
        for j, parts in enumerate(shapes):
            columns, index = self._columns(j, x, parts)
            table = np.zeros((len(parts.shape), len(x)))
            table[:, index] = columns
            tables.append(table)
        return tables

    @np.errstate(all="ignore")
    def settle(self, x: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return x with its free linear parameters at their best values for the others.

        One step solves a sum of squares. Counts take Newton's steps, robust losses those of Gauss and Newton,
        until they settle.
        """
        moving = self.linear & free
        if not moving.any() or (shapes := self._shapes(x)) is None:
            return x
        is_quadratic = all(each.is_quadratic for each in self.likelihoods)
        cost, triangle = self._linear_rows(x, shapes)
        if triangle is None:
            x, cost, triangle = self._feasible(x, moving, shapes)
        for _ in range(1 if is_quadratic else _SETTLING_STEPS):
            if triangle is None:
                return x
            step, gain = linear_step(triangle, x, moving, signed=self.signed)
            if is_quadratic:
                return x + step
            if gain <= 0.5 * _SETTLED**2 * float(triangle[:, -1] @ triangle[:, -1]):
                return x
            if gain <= _ROUNDING * cost:
                return self._polished(x, step, gain, moving, shapes)
            x, cost, triangle, moved = self._downhill(x, step, cost, shapes)
            if not moved:
                return x
        return x

    def _polished(self, x, step, gain, moving, shapes):
        """Take the steps whose gain is lost in the cost's rounding, as long as they still get shorter."""
        for _ in range(_SETTLING_STEPS):
            _, triangle = self._linear_rows(x + step, shapes)
            if triangle is None:
                return x
            following, less = linear_step(triangle, x + step, moving, signed=self.signed)
            if not less < 0.25 * gain:
                return x
            x, step, gain = x + step, following, less
        return x

    def _downhill(self, x, step, cost, shapes):
        for _ in range(_HALVINGS):
            lower, following = self._linear_rows(x + step, shapes)
            if following is not None and lower < cost:
                return x + step, lower, following, True
            step = step / 2
        return x, cost, None, False

    def _feasible(self, x, moving, shapes):
        """Raise the offsets, then the scales, until all counts are expected to be positive."""
        x = x.copy()
        for _ in range(_HALVINGS):
            x[moving] = np.maximum(2 * x[moving], 1e-3)
            cost, triangle = self._linear_rows(x, shapes)
            if triangle is not None:
                break
        return x, cost, triangle

    def _rows(self, j: int, x, parts: _Parts):
        """Cost, weights and residuals of trace j, whose signal has this shape in units of its scale."""
        return self.likelihoods[j].rows(*self._expected_and_seen(j, x, parts))

    def _expected_and_seen(self, j: int, x, parts: _Parts):
        _, _, scale, offset = self._local(j, x)
        expected = scale * parts.shape + self._scatter(j, x) * parts.light + offset
        return expected, self.measurement.traces[j].signal

    def _linear_rows(self, x, shapes):
        """Cost and triangle over the linear parameters alone, with zero columns for the others.

        Its rows have the cost's own curvature, so that for counts steps are Newton's.
        """
        cost, tables = 0.0, []
        for j, parts in enumerate(shapes):
            part, weights, residuals = self.likelihoods[j].curved_rows(*self._expected_and_seen(j, x, parts))
            if not math.isfinite(part):
                return math.inf, None
            cost += part
            columns = np.column_stack([parts.shape, np.ones_like(parts.shape), parts.light])
            index = np.append(self.links[j].index[-2:], self.timings[j].index[1])
            factor = np.append(self.links[j].factor[-2:], self.timings[j].factor[1])
            used = index >= 0
            local = triangle_of(columns[:, used] * (weights[:, None] * factor[used]), residuals)
            tables.append(_placed(local, index[used], len(x)))
        return computed(x, cost, np.vstack(tables))


def _placed(local: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Triangle of one trace in the columns of the whole."""
    placed = np.zeros((len(local), count + 1))
    placed[:, index] = local[:, :-1]
    placed[:, -1] = local[:, -1]
    return placed


def _square(triangle: np.ndarray, count: int) -> np.ndarray:
    """Return a triangle with rows of zeros below it, so that it has as many rows as columns."""
    if len(triangle) == count:
        return triangle
    if len(triangle) > count:
        return upper_triangle(triangle)
    return np.vstack([triangle, np.zeros((count - len(triangle), count))])


def pose(
    measurement: Measurement,
    law: Law,
    start: Mapping[str, float],
    *,
    varied: Sequence[str] | None = None,
    loss: str = "linear",
    f_scale: float = 1.0,
) -> Problem:
    """Problem of a law for a measurement.

    Parameters
    ----------
    measurement : Measurement
    law : Law
    start : mapping of name to value
        A value for every parameter of `parameters_of(law, measurement)`; their sizes set the search's units.
    varied : names, optional
        Parameters whose derivatives are needed; all by default.
    loss, f_scale
        See `Likelihood`.

    Examples
    --------
    >>> from helpers.kinetics import RateLaw
    >>> from helpers.traces import Trace
    >>> start = {"G": 0, "k1": 1, "k2": 0, "k3": 0, "n0": 2}
    >>> pose(Measurement(Trace([0, 1, 2], [2, 1, 0.5])), RateLaw(), start)
    Problem(G, k1, k2, k3, n0; 3 residuals)
    """
    parameters = parameters_of(law, measurement)
    clocks = measurement.with_time_zeros(start).clocks
    row = np.array([start[each.name] for each in parameters], float)
    scales = _scales(measurement, law, parameters, clocks, row)
    origins = np.array([_origin(each, value) for each, value in zip(parameters, row, strict=True)])
    likelihoods = tuple(_likelihood(measurement, j, loss, f_scale) for j in range(len(measurement)))
    names = [each.name for each in parameters]
    chosen = np.array([varied is None or name in varied for name in names])
    problem = Problem(
        measurement=measurement,
        law=law,
        parameters=parameters,
        likelihoods=likelihoods,
        clocks=clocks,
        scales=scales,
        origins=origins,
        links=tuple(_link(measurement, law, names, j, scales, origins) for j in range(len(measurement))),
        timings=tuple(_timing(measurement, names, j, scales, origins) for j in range(len(measurement))),
        steps=None,
        varied=chosen,
        floor=law.accuracy * _length(measurement, likelihoods),
    )
    values, n0, _, _ = problem._local(int(np.argmax(_sizes_of_n0(problem, row))), problem.point(row))
    states, _ = law.start(values, n0)
    return replace(problem, steps=law.steps(clocks[0].nodes, states, values))


def _sizes_of_n0(problem: Problem, row: np.ndarray) -> list[float]:
    return [problem._local(j, problem.point(row))[1] for j in range(len(problem.links))]


def _origin(parameter: Parameter, value: float) -> float:
    if parameter.kind == "time_zero":  # counted from where it begins, in widths of the response
        return value
    return 0.0 if parameter.lower in (0.0, -np.inf) else min(parameter.lower, value)


def _likelihood(measurement: Measurement, j: int, loss: str, f_scale: float) -> Likelihood:
    trace = measurement.traces[j]
    if measurement.noise == "poisson":
        return Likelihood("poisson", loss=loss, f_scale=f_scale)
    if measurement.noise == "sigma":
        return Likelihood("sigma", np.asarray(trace.sigma), loss, f_scale)
    # Without errors the traces of a series count alike: each residual in units of its largest signal.
    size = 1.0 if len(measurement) == 1 else float(np.abs(trace.signal).max()) or 1.0
    return Likelihood("even", size, loss, f_scale)


@np.errstate(over="ignore")
def _length(measurement: Measurement, likelihoods) -> float:
    squares = 0.0
    for trace, likelihood in zip(measurement.traces, likelihoods, strict=True):
        size = np.sqrt(np.maximum(trace.signal, 1.0)) if likelihood.noise == "poisson" else likelihood.sigma
        squares += float(np.sum((trace.signal / size) ** 2))
    return math.sqrt(squares)


@np.errstate(over="ignore")
def _scales(measurement, law, parameters, clocks, row) -> np.ndarray:
    """Natural size of each parameter: those of the law from span and density, the others from the data."""
    count = len(law.parameters)
    span = max(float(clock.nodes.max()) for clock in clocks)
    density = natural_density(measurement, row[[each.kind == "n0" for each in parameters]])
    scales = np.ones(len(parameters))
    scales[:count] = law.sizes(span, density, row[:count])
    for place, (each, value) in enumerate(zip(parameters, row, strict=True)):
        if each.name == "scatter_factor":
            scales[place] = abs(value) or 1.0
        elif each.kind in ("offset", "scatter"):
            scales[place] = _signal_size(measurement, each.trace)
        elif each.kind == "time_zero":
            scales[place] = measurement.response_fwhm or 1.0
        elif each.kind in ("n0", "scale"):
            scales[place] = abs(value) or (density if each.kind == "n0" else 1.0)
    if not np.isfinite(scales).all():
        raise ValueError("the signal is too large for its density; use other units of signal or density")
    return scales


def _signal_size(measurement: Measurement, j: int | None) -> float:
    traces = measurement.traces if j is None else measurement.traces[j : j + 1]
    return max(float(np.abs(trace.signal).max()) for trace in traces) or 1.0


def natural_density(measurement: Measurement, n0: np.ndarray) -> float:
    """Largest density of a measurement: that of the data where they are calibrated, else the largest n0.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> natural_density(Measurement(Trace([0, 1], [3, 1])), np.array([2.0]))
    3.0
    """
    if measurement.observable.kind == "density" and measurement.scale.mode == "fixed":
        scales = np.abs(np.asarray(measurement.scale.value))
        sizes = [trace.size / scale for trace, scale in zip(measurement.traces, scales, strict=True)]
        return float(max(sizes))
    values = n0 if measurement.n0.value is None else np.asarray(measurement.n0.value)
    return float(np.max(values)) or 1.0


def _timing(measurement: Measurement, names: list[str], j: int, scales, origins) -> Link:
    """Link of time zero, which a shared one moves for all traces alike, and of the scattered light."""
    index, factor, base = np.full(2, -1), np.zeros(2), np.zeros(2)
    for place, kind in enumerate(("time_zero", "scatter")):
        values = np.asarray(quantity_of(measurement, kind).value, float)
        own = next((n for n in (kind, f"{kind}_{j + 1}", f"{kind}_factor") if n in names), None)
        base[place] = values[j]
        if own is None:
            continue
        index[place] = names.index(own)
        ratio = values[j] if own.endswith("_factor") else 1.0
        later = values[j] - values[0] if own == "time_zero" else 0.0
        factor[place], base[place] = ratio * scales[index[place]], later + ratio * origins[index[place]]
    return Link(index, factor, base)


def _link(measurement: Measurement, law: Law, names: list[str], j: int, scales, origins) -> Link:
    count = len(law.parameters)
    index = np.full(count + 3, -1)
    factor, base = np.zeros(count + 3), np.zeros(count + 3)
    index[:count], factor[:count], base[:count] = range(count), scales[:count], origins[:count]
    for place, kind in enumerate(("n0", "scale", "offset"), count):
        quantity = getattr(measurement, kind)
        own = next((n for n in (kind, f"{kind}_{j + 1}", f"{kind}_factor") if n in names), None)
        if own is None:
            base[place] = np.asarray(quantity.value)[j]
            continue
        index[place] = names.index(own)
        ratio = np.asarray(quantity.value)[j] if own.endswith("_factor") else 1.0
        factor[place], base[place] = ratio * scales[index[place]], ratio * origins[index[place]]
    return Link(index, factor, base)
