"""The fits of some pixels of a map: screened, side by side, and what is left one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from helpers.kinetics import RATES
from helpers.maps.batch import bounded_places, covariances, minima, next_to_zero
from helpers.maps.curves import N0, OFFSET, SCALE, Data, Form
from helpers.maps.plan import Plan
from helpers.maps.screening import CODES, unusable, without_decay

_WIDENED = 1.1  # by releasing what ended on its bound: where an error is still shown
_BETTER = 1e-9  # of the cost
_NO_DENSITY = "n0 of this pixel is no positive number; give one, or mask the pixel"


@dataclass(frozen=True, eq=False)
class Task:
    """Pixels to fit: a plan, signals of shape (pixels, points), and what else differs between them.

    With `begun`, what was found side by side, they are fitted one by one.
    """

    plan: Plan
    y: np.ndarray
    sigma: np.ndarray | None = None
    n0: np.ndarray | None = None
    begun: Rows | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Results of some pixels, one row each."""

    values: np.ndarray
    stderr: np.ndarray
    cost: np.ndarray
    reduced_chi2: np.ndarray
    evaluations: np.ndarray
    code: np.ndarray
    one_by_one: np.ndarray
    messages: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, pixels: int, parameters: int, status: str) -> Rows:
        """Return rows without results, all of one status."""
        return cls(
            np.full((pixels, parameters), np.nan),
            np.full((pixels, parameters), np.nan),
            np.full(pixels, np.nan),
            np.full(pixels, np.nan),
            np.zeros(pixels, np.int32),
            np.full(pixels, CODES[status], np.uint8),
            np.zeros(pixels, bool),
        )

    def take(self, which: np.ndarray) -> Rows:
        """Return some of the rows, without their messages."""
        return Rows(*(getattr(self, name)[which] for name in ARRAYS))


ARRAYS = ("values", "stderr", "cost", "reduced_chi2", "evaluations", "code", "one_by_one")


def fit_chunk(task: Task) -> Rows:
    """Fit the pixels of a task; what is wrong with one of them is reported in its row.

    Side by side those that need the exact solution stay "not done", marked `one_by_one`.
    """
    plan = task.plan
    y = np.asarray(task.y, float)
    if task.begun is not None:
        for index in range(len(y)):
            _alone(task, task.begun, index)
        return task.begun
    rows = Rows.empty(len(y), len(plan.names), "not converged")
    rows.code[:] = unusable(y, task.sigma, plan.pattern.noise == "poisson")
    if task.n0 is not None:
        bad = (rows.code == CODES["fitted"]) & ~((task.n0 > 0) & np.isfinite(task.n0))
        rows.code[bad] = CODES["refused"]
        rows.messages.update(dict.fromkeys(map(int, np.flatnonzero(bad)), _NO_DENSITY))
    left = rows.code == CODES["fitted"]
    if plan.form is not None:
        which = np.flatnonzero(left)
        sign = plan.pattern.observable.sign or 1
        scaled = _Scaled(task, plan.form, which, sign)
        rows.code[which] = scaled.codes
        which, scaled = which[scaled.codes == 0], scaled.take(scaled.codes == 0)
        left = np.zeros(len(y), bool)
        left[which] = True
        if len(which):
            left[which] = ~_side_by_side(plan, plan.form, rows, scaled, which)
    rows.code[left], rows.one_by_one[left] = CODES["not done"], True
    return rows


class _Scaled:
    """Pixels in natural units: times in spans, densities and signals in those of each pixel."""

    def __init__(self, task: Task, form: Form, which: np.ndarray, sign: int) -> None:
        plan = task.plan
        pattern, given = plan.pattern, plan.guess
        self.t = plan.elapsed / plan.span
        self.y = sign * np.asarray(task.y, float)[which]
        count = len(which)
        largest = np.abs(self.y).max(axis=1, initial=0.0)
        self.unit = np.ones(count) if form.counts else np.where(largest > 0, largest, 1.0)
        scale = given.get("scale", float(np.asarray(pattern.scale.value)[0]))
        offset = given.get("offset", float(np.asarray(pattern.offset.value)[0]))
        if N0 in form.free:
            self.density = self.unit / scale if not form.counts else np.maximum(largest, 1.0) / scale
        elif task.n0 is not None:
            self.density = np.asarray(task.n0, float)[which]
        else:
            value = given.get(
                "n0", 1.0 if pattern.n0.value is None else float(np.asarray(pattern.n0.value)[0])
            )
            self.density = np.full(count, value or 1.0)
        self.power = 2 if form.squared else 1
        self.factors = np.ones((6, count))
        self.factors[:3] = [self.density ** (1 - j) / plan.span for j in (1, 2, 3)]
        self.factors[N0] = self.density
        self.factors[SCALE] = self.unit / self.density**self.power
        self.factors[OFFSET] = sign * self.unit
        self.known = np.zeros((6, count))
        for j, name in enumerate(RATES[1:]):
            self.known[j] = given.get(name, 0.0) / self.factors[j]
        self.known[N0] = 1.0
        self.known[SCALE] = scale / self.factors[SCALE]
        self.known[OFFSET] = offset / self.factors[OFFSET]
        weights = np.ones((1, 1))
        if task.sigma is not None:
            weights = 1 / (task.sigma if len(task.sigma) == 1 else task.sigma[which])
        self.codes = self._screened(form, sign * offset, weights, task.sigma is not None)
        natural = np.ones((len(self.t), 1)) if task.sigma is None else (weights * self.unit[:, None]).T
        signals = np.ascontiguousarray((self.y / self.unit[:, None]).T)
        self.data = Data(signals, natural, pattern.observable.p0 / self.density)

    def _screened(self, form: Form, offset: float, weights, absolute: bool) -> np.ndarray:
        free = OFFSET in form.free
        y = self.y if free else self.y - offset
        if form.counts:
            weights = 1 / np.sqrt(np.maximum(self.y.mean(axis=1, keepdims=True), 1e-12))
        return without_decay(self.t, y, weights, background=free, absolute=absolute or form.counts)

    def take(self, which: np.ndarray) -> _Scaled:
        """Keep some of the pixels."""
        self.unit, self.density = self.unit[which], self.density[which]
        self.factors, self.known = self.factors[:, which], self.known[:, which]
        self.data = self.data.take(which)
        return self


def _side_by_side(plan: Plan, form: Form, rows: Rows, scaled: _Scaled, which: np.ndarray) -> np.ndarray:
    """Fit the pixels together, fill their rows, and return for which of them that stands."""
    given = all(name in plan.guess for name in RATES[1:])
    found = minima(plan.grid, scaled.t, form, scaled.known, scaled.data, given=given)
    x = next_to_zero(form, found.x)
    unit = np.ones(len(which)) if plan.pattern.noise != "even" else scaled.unit
    cost = found.sums.cost * unit**2
    freedom = len(scaled.t) - len(form.free)
    reduced = 2 * cost / freedom if freedom > 0 else np.full(len(cost), np.inf)
    variance = np.ones(len(which))
    if plan.pattern.noise == "even":
        variance = 2 * found.sums.cost / freedom if freedom > 0 else np.full(len(which), np.inf)
    errors = _errors(form, x, found.sums, variance) * np.abs(scaled.factors[list(form.free)])
    values = x * scaled.factors
    places = {"k1": 0, "k2": 1, "k3": 2, "n0": N0, "scale": SCALE, "offset": OFFSET}
    for column, name in enumerate(plan.names):
        rows.values[which, column] = 0.0 if name == "G" else values[places[name]]
        if name != "G" and places[name] in form.free:
            rows.stderr[which, column] = errors[form.free.index(places[name])]
    rows.cost[which], rows.reduced_chi2[which] = cost, reduced
    rows.evaluations[which] = found.evaluations
    rows.code[which] = CODES["fitted"]
    return found.trusted


def _errors(form: Form, x, sums, variance) -> np.ndarray:
    """Return errors as a fit shows them: none on a bound, nor where it makes others far too small."""
    diagonal = np.einsum("aan->an", covariances(form, x, sums))
    hidden = np.zeros_like(diagonal, bool)
    bounded = [form.free[place] for place in bounded_places(form)]
    some = (x[bounded] <= 0).any(axis=0)
    if some.any():
        part = sums.take(some)
        wide = np.einsum("aan->an", covariances(form, x[:, some], part, released=True))
        narrow = diagonal[:, some]
        hidden[:, some] = np.isfinite(narrow) & ~(wide <= _WIDENED**2 * narrow)
    with np.errstate(invalid="ignore"):
        return np.where(hidden, np.nan, np.sqrt(diagonal * variance))


def _alone(task: Task, rows: Rows, index: int) -> None:
    """Fit one pixel exactly; of two minima the lower one counts."""
    plan, batch = task.plan, rows.values[index].copy()
    sigma = None
    if task.sigma is not None:
        sigma = task.sigma[0 if len(task.sigma) == 1 else index]
    n0 = None if task.n0 is None else float(task.n0[index])
    before = float(rows.cost[index])
    rows.values[index], rows.stderr[index], rows.cost[index] = np.nan, np.nan, np.nan
    try:
        measurement = plan.measurement(np.asarray(task.y[index], float), sigma, n0, "")
        found = plan.fit(measurement)
        if np.isfinite(before) and before < found.cost * (1 - _BETTER):
            other = plan.fit(measurement, dict(zip(plan.names, map(float, batch), strict=True)))
            found = min(found, other, key=lambda each: each.cost)
    except (ValueError, ArithmeticError) as error:
        rows.code[index], rows.messages[index] = CODES["refused"], str(error)
        return
    rows.values[index], rows.stderr[index] = found.values, found.stderr
    rows.cost[index], rows.reduced_chi2[index] = found.cost, found.reduced_chi2
    rows.evaluations[index] += found.evaluations
    rows.code[index] = CODES["fitted" if found.converged else "not converged"]
    if not found.converged:
        rows.messages[index] = found.message
