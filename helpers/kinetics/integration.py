"""Solutions of any rate equation dn/dt = f(t, n, args), stiff or not."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

RTOL = 1e-9
_MOST_CALLS = 40_000
# Below this part of its largest value a state counts as zero.
_ZERO = 1e-14
_LEAST_STEPS = 200


def solve(f: Callable, t, n0, args, *, rtol: float = RTOL, max_step: float | None = None) -> np.ndarray:
    """Solution of dn/dt = f(t, n, args) from n(0) = n0 at the times t, by LSODA (Adams/BDF, stiff-safe).

    Parameters
    ----------
    f : callable (t, n, args) -> rate or sequence of rates
        One state: n is a number. Several: n is an array, and as many rates come back.
    t : array_like, shape (m,)
        Times since n was n0, not negative, any order.
    n0 : number or sequence of s numbers
        Initial state.
    args : sequence
        Handed to f as they are.
    rtol : float
        Relative tolerance of a step, for each state by itself: the states may differ in size by any factor,
        and a value keeps its digits until it is 1e-14 of the state's initial (or, from zero, largest) value.
        Where the rounding of f drowns such small values, rtol times the largest state is the tolerance.
    max_step : number, optional
        Longest step, in the unit of t; by default 1/200 of the last time. A drive f(t, ...) that is idle and
        then short can be stepped over: give its width.

    Returns
    -------
    ndarray, shape (m,) for one state given as a number, else (m, s)

    Raises
    ------
    ValueError
        For bad times, states or max_step, or an f that does not return one number for each state.
    ArithmeticError
        Where the equation cannot be solved for these arguments (the solution runs away or is NaN).

    Examples
    --------
    >>> solve(lambda t, n, args: -args[0] * n, [0.0, 1.0], 1.0, [2.0]).round(6).tolist()
    [1.0, 0.135335]
    """
    t = np.asarray(t, float)
    if t.ndim != 1 or not np.all(np.isfinite(t) & (t >= 0)):
        raise ValueError("t must be a list of finite, non-negative times since n was n0")
    state = np.atleast_1d(np.asarray(n0, float))
    if not np.isfinite(state).all():
        raise ValueError(f"n0 = {n0}: the initial state must be finite")
    if max_step is not None and not max_step > 0:
        raise ValueError(f"max_step = {max_step}: the longest step must be positive, in the unit of t")
    single = np.ndim(n0) == 0
    rates = CheckedRates(f, state, args, single)
    times, place = np.unique(t, return_inverse=True)
    values = np.empty((len(times), len(state)))
    values[times == 0] = state
    later = times[times > 0]
    if len(later):
        values[times > 0] = _integrate(rates, later, state, rtol, max_step or later[-1] / _LEAST_STEPS)
    return values[place, 0] if single else values[place]


class CheckedRates:
    """The function f with arrays in and out; what it returns must be one real number for each state.

    What goes wrong in it is told with its name and the values at which it did.
    """

    def __init__(self, f: Callable, state: np.ndarray, args, single: bool) -> None:
        self._f, self._shape, self._args, self._single = f, state.shape, args, single
        self.name = f"the equation {getattr(f, '__name__', type(f).__name__)!r}"

    def __call__(self, t: float, n: np.ndarray) -> np.ndarray:
        """Return dn/dt, shape (s,)."""
        # A plain number for one state: overflow and division by zero raise instead of warning.
        try:
            returned = self._f(t, float(n[0]) if self._single else n, self._args)
        except (ArithmeticError, ValueError) as error:
            kind = ArithmeticError if isinstance(error, ArithmeticError) else ValueError
            words = f"{self.name} raised {type(error).__name__} ({error}) {self.where(t, n)}"
            raise kind(f"{words}; change the function or the guess") from error
        if returned is None:
            raise ValueError(f"{self.name} returned None; end the function with `return` and the rate dn/dt")
        result = np.atleast_1d(np.asarray(returned))
        if np.iscomplexobj(result):
            raise ArithmeticError(
                f"{self.name} returned a complex rate {self.where(t, n)}; change the function or the guess"
            )
        if result.shape != self._shape or result.dtype.kind not in "buif":
            raise ValueError(
                f"{self.name} returned {returned!r:.60} for {n.size} states; return one rate for each"
            )
        return result.astype(float)

    def where(self, t: float, n: np.ndarray) -> str:
        """Return "at t = …, n = …, args = …" for a message."""
        state = _shown(n[0] if self._single else n)
        return f"at t = {t:.4g}, n = {state}, args = {_shown(self._args)}"


def _shown(values) -> str:
    try:
        numbers = np.asarray(values, float)
    except (TypeError, ValueError):
        return f"{values!r:.60}"
    text = ", ".join(f"{each:.4g}" for each in numbers.ravel())
    return f"[{text}]" if numbers.ndim else text


def _one_or_all(values: np.ndarray) -> float | np.ndarray:
    return values if len(values) > 1 else float(values[0])


class _Watched:
    """Rates of which the last finite states and the first rates that are not finite are remembered."""

    def __init__(self, rates: CheckedRates) -> None:
        self.rates = rates
        self.last = self.strange = ""

    def __call__(self, t: float, n: np.ndarray) -> np.ndarray:
        result = self.rates(t, n)
        if np.isfinite(n).all():
            self.last = self.rates.where(t, n)
            if not self.strange and not np.isfinite(result).all():
                self.strange = f"{self.rates.name} returned {_shown(_one_or_all(result))} {self.last}"
        return result


def _integrate(rates, times, state, rtol, max_step) -> np.ndarray:
    """States at the times, the absolute tolerance of each being that of its own size.

    A state that starts at zero has no size yet: a first one comes from its rate, and where the solution
    turns out far smaller it is solved again with its own.
    """
    sizes = _first_sizes(rates, state, times[-1])
    values = _integrate_sized(rates, times, state, rtol, max_step, sizes)
    largest = np.abs(values).max(axis=0)
    small = (state == 0) & (largest > 0) & (largest < 1e-6 * sizes)
    if not small.any():
        return values
    return _integrate_sized(rates, times, state, rtol, max_step, np.where(small, largest, sizes))


def _first_sizes(rates, state, span) -> np.ndarray:
    first = rates(0.0, state)
    if not np.isfinite(first).all():
        raise ArithmeticError(
            f"{rates.name} returned {_shown(_one_or_all(first))}, which is not finite,"
            f" {rates.where(0.0, state)}; change the function or the guess"
        )
    sizes = np.where(state != 0, np.abs(state), np.abs(first) * span)
    if not np.isfinite(sizes).all():
        raise ArithmeticError(f"{rates.name} runs away {rates.where(0.0, state)}; change the guess")
    return np.where(sizes > 0, sizes, sizes.max() or 1.0)


def _integrate_sized(rates, times, state, rtol, max_step, sizes) -> np.ndarray:
    values, _ = _lsoda(rates, times, state, rtol, rtol * _ZERO * sizes, max_step)
    if values is not None:
        return values
    # A state can come down to nothing but the rounding of f, and no step is short enough for that.
    watched = _Watched(rates)
    values, message = _lsoda(watched, times, state, rtol, rtol * sizes.max(), max_step)
    if values is None and watched.strange:
        raise ArithmeticError(f"{watched.strange}; change the function or the guess")
    if values is None:
        raise ArithmeticError(
            f"{rates.name} could not be solved to t = {times[-1]:g}, the solver stopped {watched.last}:"
            f" {message}; change the guess"
        )
    return values


class _TooManyCallsError(Exception):
    """The equation needs more evaluations than it may have."""


def _limited(rates, most) -> Callable:
    calls = 0

    def limited(t, n):
        nonlocal calls
        calls += 1
        if calls > most:
            raise _TooManyCallsError
        return rates(t, n)

    return limited


def _lsoda(rates, times, state, rtol, atol, max_step):
    """(m, s) states and None, or None and why there are none."""
    most_calls = _MOST_CALLS + int(4 * times[-1] / max_step)
    options = {"method": "LSODA", "rtol": rtol, "atol": atol, "max_step": max_step}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # LSODA warns where it fails; the failure is told by the caller
            answer = solve_ivp(_limited(rates, most_calls), (0.0, times[-1]), state, t_eval=times, **options)
    except _TooManyCallsError:
        return None, f"it needs more than {most_calls} evaluations (with a longer max_step fewer)"
    complete = answer.status == 0 and answer.y.shape[1] == len(times) and np.isfinite(answer.y).all()
    return (answer.y.T, None) if complete else (None, answer.message)
