"""Trains of pulses: carriers that the next pulse finds still there.

Each pulse adds n0 to the excited states. In the steady state the states just after a pulse, s, solve the
fixed point s = n0·e + n(T; s), where n(T; s) is what one period T leaves of them. For the rate law the right
side rises with s and is concave (no recombination term slows down as n grows), so that Newton's method
cannot miss the solution; for other laws it is the same method without that promise.
"""

from __future__ import annotations

import numpy as np

from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law

_MOST_STEPS = 60
_ROUNDING = 4e-16


def steady_state(law: Law, n0: float, values, period: float, *, wanted=None, steps=None):
    """States just after a pulse in the steady state, and their derivatives.

    With Φ = ∂n(T)/∂s the fixed point moves by ∂s/∂θ = (1 − Φ)⁻¹·∂n(T)/∂θ and ∂s/∂n0 = (1 − Φ)⁻¹·e.

    Parameters
    ----------
    law : Law
    n0 : float
        Density that one pulse adds.
    values : sequence of p numbers
    period : float
        Time T from pulse to pulse, in the law's unit of time.
    wanted, steps
        As in `Law.solve`.

    Returns
    -------
    states : ndarray, shape (s,)
    derivatives : ndarray, shape (s, p + 1)
        By the values and n0.

    Raises
    ------
    ValueError
        If the period is not positive, or if no steady state is found (nothing recombines, say).

    Examples
    --------
    >>> states, _ = steady_state(RateLaw(), 1.0, (0, 1.0, 0, 0), np.log(2))
    >>> states.round(6).tolist()  # half of it is left after ln 2: 1 + 1/2 + 1/4 + …
    [2.0]
    """
    if not (np.isfinite(period) and period > 0):
        raise ValueError(f"repetition period = {period:g}: give a positive time from pulse to pulse")
    values, count = np.asarray(values, float), len(law.parameters)
    added = np.zeros(law.states)
    added[list(law.excited)] = 1.0
    states = law.before(values)[0] if law.states > 1 else np.zeros(1)
    states = states + n0 * added
    if wanted is not None:
        wanted = np.append(wanted, np.ones(law.states, bool))
    end = np.array([period])
    for step in range(_MOST_STEPS):
        n, derivatives = law.solve(end, states, values, wanted=wanted, steps=steps)
        room = np.eye(law.states) - derivatives[0, :, count:]
        missing = n[0] + n0 * added - states
        closer = states + _solved(room, missing)
        # From its second point on Newton comes down on the root of the rate law's concave function.
        if step > 0 and np.all(np.abs(closer - states) <= _ROUNDING * np.abs(states)):
            break
        if step > 0 and law.states == 1 and closer[0] >= states[0] * (1 - _ROUNDING) and law.accuracy < 1e-12:
            break
        if step > 0 and np.abs(missing).max() <= law.accuracy * np.abs(states).max():
            break
        states = closer
    else:
        raise ValueError("the states just after a pulse do not settle from pulse to pulse")
    by_values = _solved(room, derivatives[0, :, :count])
    return states, np.column_stack([by_values, _solved(room, added)])


def _solved(room: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            answer = right / room[0, 0] if room.size == 1 else np.linalg.solve(room, right)
    except np.linalg.LinAlgError:
        answer = np.full_like(right, np.nan)
    if not np.isfinite(answer).all() or (room.size == 1 and room[0, 0] <= 0):
        raise ValueError("nothing recombines between two pulses: the density grows without limit")
    return answer


def after_pulse(n0: float, rates, period: float) -> float:
    """Density just after a pulse in the steady state of the rate law, n_s = n0 + n(T; n_s).

    Parameters
    ----------
    n0 : float
        Density that one pulse adds.
    rates : Rates or sequence of four numbers
    period : float
        Time T from pulse to pulse, in the rates' unit of time.

    Raises
    ------
    ValueError
        As `steady_state`.

    Examples
    --------
    >>> after_pulse(1e16, (0, 1e6, 1e-10, 0), 1 / 4e6) / 1e16  # 4 MHz on carriers that live 1 µs
    2.126
    """
    return float(steady_state(RateLaw(), n0, [*rates], period)[0][0])


def left_over(n0: float, rates, period: float) -> float:
    """Fraction n(T)/n_s of the carriers that is still there when the next pulse comes.

    Examples
    --------
    >>> left_over(1e16, (0, 1e6, 1e-10, 0), 1 / 4e6)
    0.53
    """
    n_s = after_pulse(n0, rates, period)
    return (n_s - n0) / n_s if n_s > 0 else 0.0
