"""Any rate equation dn/dt = f(t, n, args) that the user writes, as a law that can be fitted."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from helpers.kinetics import integration
from helpers.kinetics.law import Coefficient, Law

# Relative change of a parameter for its derivative: well above the solver's error, well below curvature.
_DIFFERENCE = 1e-4
_LEAST_STEP = 1e-3 * _DIFFERENCE
_FELT_FROM, _FELT_TO = 1e-6, 1e-3  # change of the solution by a step from zero


class Equation(Law):
    """Law dn/dt = f(t, n, args) of any function f, solved by LSODA to a relative 1e-9.

    Parameters
    ----------
    f : callable (t, n, args) -> rate or sequence of rates
        One state: n is a number. Several: n is an array, and as many rates come back. args has one number
        for each name.
    names : sequence of str
        Names of the arguments.
    states : int
        Number of states.
    excited : int or sequence of int
        States to which a pulse adds n0, for instance (0, 2) for electrons and holes.
    dark : sequence of s numbers, or callable (args) -> s numbers, optional
        States before the pulse; zeros by default.
    lower : number or one for each name
        Lower bounds of the arguments; -inf for an argument of any sign.
    orders : mapping of name to int, optional
        Number of carriers that meet in a term (1 for k·n, 2 for k·n²): gives the argument its unit.
    units : mapping of name to str, optional
        Units of other arguments.
    droppable : sequence of str
        Arguments that may be set to 0 in a comparison of terms.
    held : sequence of str
        Arguments that a fit holds at their guess unless it is asked otherwise.
    max_step : number, optional
        Longest step of the solver, for a short drive f(t, ...).

    Raises
    ------
    ValueError
        For an f that is no function, names that are repeated or unknown, bounds, states or steps that are no
        numbers, or states that do not exist.

    Notes
    -----
    Derivatives are central differences of solutions, or forward ones where a step back would cross a bound.

    Examples
    --------
    >>> law = Equation(lambda t, n, args: -args[0] * n**2, ["k2"], orders={"k2": 2})
    >>> n, _ = law.solve(np.array([0.0, 1.0]), np.array([1.0]), np.array([1.0]))
    >>> n[:, 0].round(6).tolist()
    [1.0, 0.5]
    """

    accuracy = 10 * integration.RTOL

    def __init__(
        self,
        f: Callable,
        names: Sequence[str],
        *,
        states: int = 1,
        excited: int | Sequence[int] = 0,
        dark: Sequence[float] | Callable | None = None,
        lower: float | Sequence[float] = 0.0,
        orders: Mapping[str, int] | None = None,
        units: Mapping[str, str] | None = None,
        droppable: Sequence[str] = (),
        held: Sequence[str] = (),
        max_step: float | None = None,
    ) -> None:
        if not callable(f):
            raise ValueError(f"f = {f!r:.60}: give the function f(t, n, args) that returns dn/dt")
        names = _listed("names", names)
        droppable, held = _listed("droppable", droppable), _listed("held", held)
        orders, units = _by_name("orders", orders), _by_name("units", units)
        if strange := [order for order in orders.values() if not isinstance(order, numbers.Real)]:
            raise ValueError(f"orders: {strange[0]!r:.60} is no number of carriers")
        _refuse_names(names, {"orders": orders, "units": units, "droppable": droppable, "held": held})
        self.f, self.max_step = f, _longest(max_step)
        self.states = _count(states)
        self.excited = _excited(excited, self.states)
        self.dark = dark if callable(dark) else self._fixed_dark(dark)
        bounds = _bounds(lower, names)
        self.parameters = tuple(
            Coefficient(name, orders.get(name), float(bound), units.get(name, ""))
            for name, bound in zip(names, bounds, strict=True)
        )
        self.droppable, self.held = droppable, held
        self.key = getattr(f, "__name__", type(f).__name__)

    def __repr__(self) -> str:
        return f"Equation({self.key}: {', '.join(self.names)})"

    @property
    def source_hash(self) -> str:
        """SHA-256 of what makes the curve, for records: the functions' source, and the states.

        The source is the text of f (and of `dark`, where that is a function), or its code where there is no
        text. Of the states it is their number, which of them a pulse excites, and those in the dark.
        """
        dark = _source(self.dark) if callable(self.dark) else repr(self.dark.tolist())
        parts = (_source(self.f), f"states={self.states}", f"excited={self.excited}", f"dark={dark}")
        return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()

    def solve(self, t, start, values, *, wanted=None, steps=None):  # noqa: D102 (see Law)
        start, values = np.asarray(start, float), np.asarray(values, float)
        n = self._states_at(t, start, values)
        count = len(values) + len(start)
        wanted = np.ones(count, bool) if wanted is None else np.asarray(wanted, bool)
        derivatives = np.zeros((*n.shape, count))
        if wanted.any() and steps is None:
            steps = self.steps(t, start, values)
        lower = np.append([each.lower for each in self.parameters], np.full(len(start), -np.inf))
        row = np.append(values, start)
        for index in np.flatnonzero(wanted):
            step = max(_DIFFERENCE * abs(row[index]), steps[index])
            derivatives[..., index] = self._difference(t, row, index, step, lower[index], n)
        return n, derivatives

    def _fixed_dark(self, dark: Sequence[float] | None) -> np.ndarray:
        states = np.zeros(self.states) if dark is None else np.atleast_1d(_as_floats("dark", dark))
        if states.shape != (self.states,) or not np.isfinite(states).all():
            raise ValueError(f"dark = {dark!r}: give one finite number for each of {self.states} states")
        return states

    def _states_at(self, t, start, values) -> np.ndarray:
        single = self.states == 1
        n0 = float(start[0]) if single else start
        n = integration.solve(self.f, t, n0, values, max_step=self.max_step)
        return n[:, None] if single else n

    def _at(self, t, row) -> np.ndarray:
        count = len(self.parameters)
        return self._states_at(t, row[count:], row[:count])

    def _difference(self, t, row, index, step, lower, n) -> np.ndarray:
        above, below = row.copy(), row.copy()
        above[index] += step
        below[index] -= step
        if below[index] < lower:
            return (self._at(t, above) - n) / step
        return (self._at(t, above) - self._at(t, below)) / (2 * step)

    def slope(self, t, n, values):  # noqa: D102 (see Law)
        n = np.asarray(n, float)
        rates = integration.CheckedRates(self.f, np.atleast_1d(n), values, self.states == 1)
        return rates(t, np.atleast_1d(n))

    def before(self, values):  # noqa: D102 (see Law)
        dark = self.dark
        if not callable(dark):
            return dark, np.zeros((self.states, len(values)))
        slopes = np.zeros((self.states, len(values)))
        for index, value in enumerate(values):
            step = _DIFFERENCE * abs(value) or _LEAST_STEP
            moved = np.array(values, float)
            moved[index] += step
            slopes[:, index] = (self._dark_states(dark, moved) - self._dark_states(dark, values)) / step
        return self._dark_states(dark, values), slopes

    def _dark_states(self, dark: Callable, values) -> np.ndarray:
        states = np.atleast_1d(np.asarray(dark(values), float))
        if states.shape != (self.states,):
            raise ValueError(
                f"dark returned {states.tolist()}; return one number for each of {self.states} states"
            )
        return states

    def sizes(self, span, density, guess):  # noqa: D102 (see Law)
        guess = np.asarray(guess, float)
        natural = [
            1.0 if each.order is None else density ** (1 - each.order) / span for each in self.parameters
        ]
        return np.where(guess != 0, np.abs(guess), natural)

    def steps(self, t, start, values):
        """Smallest step of each parameter: where it starts at zero, one that the solution feels.

        The step is sought decade by decade until the solution changes by between 1e-6 and 1e-3 of itself.
        """
        row = np.append(values, start)
        steps = _LEAST_STEP * np.abs(row)
        base = self._or_none(t, row)
        for index in np.flatnonzero(row == 0):
            steps[index] = _DIFFERENCE if base is None else self._felt_step(t, row, index, base)
        return steps

    def _felt_step(self, t, row, index, base) -> float:
        step = 1.0
        for _ in range(80):
            moved = row.copy()
            moved[index] += step
            beside = self._or_none(t, moved)
            size = np.linalg.norm(base) or 1.0
            change = np.inf if beside is None else np.linalg.norm(beside - base) / size
            if _FELT_FROM < change < _FELT_TO:
                break
            step *= 0.1 if change >= _FELT_TO else 10.0
        return step

    def _or_none(self, t, row) -> np.ndarray | None:
        with contextlib.suppress(ArithmeticError), np.errstate(all="ignore"):
            return self._at(t, row)
        return None


def _kind(name: str) -> str:
    return "time_zero" if name.startswith("time_zero") else name.split("_")[0]


def _source(f: Callable) -> str:
    try:
        return inspect.getsource(f).strip()
    except (OSError, TypeError):
        code = getattr(f, "__code__", None)
        return repr((code.co_code, code.co_consts, code.co_names)) if code else repr(type(f))


def _as_floats(name: str, values) -> np.ndarray:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {values!r:.60}: give numbers") from None


def _listed(name: str, those) -> tuple:
    """Return one name, or several, as a tuple."""
    if isinstance(those, str):
        return (those,)
    if not isinstance(those, Iterable):
        raise ValueError(f"{name} = {those!r:.60}: give names of arguments")
    return tuple(those)


def _by_name(name: str, those) -> dict:
    if those is not None and not isinstance(those, Mapping):
        raise ValueError(f"{name} = {those!r:.60}: give one for each argument by its name, as a dict")
    return dict(those or {})


def _is_whole(number) -> bool:
    return isinstance(number, numbers.Integral) and not isinstance(number, bool)


def _count(states) -> int:
    if not _is_whole(states) or states < 1:
        raise ValueError(f"states = {states!r:.60}: give the number of states, 1 or more")
    return int(states)


def _excited(excited, states: int) -> tuple[int, ...]:
    those = (excited,) if isinstance(excited, numbers.Number) else excited
    those = tuple(those) if isinstance(those, Iterable) else ()
    if not those or not all(_is_whole(each) and 0 <= each < states for each in those):
        raise ValueError(f"excited = {excited!r:.60}: name states from 0 to {states - 1}")
    return tuple(int(each) for each in those)


def _longest(max_step) -> float | None:
    if max_step is None:
        return None
    if not isinstance(max_step, numbers.Real) or not 0 < float(max_step) < np.inf:
        raise ValueError(
            f"max_step = {max_step!r:.60}: the longest step must be positive, in the unit of time"
        )
    return float(max_step)


def _bounds(lower, names: tuple[str, ...]) -> np.ndarray:
    bounds = _as_floats("lower", lower)
    if (bounds.ndim and bounds.shape != (len(names),)) or np.isnan(bounds).any() or (bounds == np.inf).any():
        raise ValueError(f"lower = {lower!r}: give one bound, or one for each of {', '.join(names)}")
    return np.broadcast_to(bounds, len(names))


def _refuse_names(names: tuple[str, ...], mentioned: Mapping) -> None:
    if not names or len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names = {list(names)}: give one name for each argument, no two alike")
    if reserved := {"n0", "scale", "offset", "scatter", "time_zero"} & {_kind(name) for name in names}:
        raise ValueError(
            f"names: {', '.join(sorted(reserved))} stand for the measurement; choose other names"
        )
    for where, those in mentioned.items():
        if unknown := set(those) - set(names):
            raise ValueError(f"{where} = {sorted(unknown)}: the arguments are {', '.join(names)}")
