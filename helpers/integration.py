"""Solutions of any rate equation dn/dt = f(t, n, args), stiff or not."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

RTOL = 1e-9
_MOST_CALLS = 200_000


def solve(f: Callable, t, n0, args, *, rtol: float = RTOL) -> np.ndarray:
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
        Relative tolerance; the absolute one is rtol times the largest initial state.

    Returns
    -------
    ndarray, shape (m,) for one state given as a number, else (m, s)

    Raises
    ------
    ValueError
        For bad times or states, or an f that returns the wrong number of rates.
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
    single = np.ndim(n0) == 0
    rates = checked_rates(f, state, args, single)
    times, place = np.unique(t, return_inverse=True)
    values = np.empty((len(times), len(state)))
    values[times == 0] = state
    later = times[times > 0]
    if len(later):
        values[times > 0] = _integrate(rates, later, state, rtol)
    return values[place, 0] if single else values[place]


def checked_rates(f, state, args, single) -> Callable:
    """Wrap f with arrays in and out, counting its calls: an equation that needs too many is given up."""
    calls = 0

    def rates(t, n):
        nonlocal calls
        calls += 1
        if calls > _MOST_CALLS:
            raise ArithmeticError(f"the equation needs more than {_MOST_CALLS} evaluations")
        # A plain number for one state: overflow and division by zero raise instead of warning.
        result = np.atleast_1d(np.asarray(f(t, float(n[0]) if single else n, args)))
        if np.iscomplexobj(result):
            raise ArithmeticError(f"the equation returned a complex rate at t = {t:g}")
        if result.shape != state.shape:
            raise ValueError(
                f"the equation returned {result.size} rates for {state.size} states; return one rate for each"
            )
        return result.astype(float)

    return rates


def _integrate(rates, times, state, rtol) -> np.ndarray:
    atol = rtol * (np.abs(state).max() or 1.0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # LSODA warns where it fails; the failure is told below
        answer = solve_ivp(rates, (0.0, times[-1]), state, method="LSODA", t_eval=times, rtol=rtol, atol=atol)
    if answer.status != 0 or answer.y.shape[1] != len(times) or not np.isfinite(answer.y).all():
        raise ArithmeticError(f"the equation could not be solved to t = {times[-1]:g}: {answer.message}")
    return answer.y.T
