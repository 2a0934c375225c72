"""Trains of pulses: carriers that the next pulse finds still there.

Each pulse adds n_pulse. In the steady state the density just after a pulse, n_s, solves the fixed point
n_s = n_pulse + n(T; n_s), where n(T; n_s) is what one period T leaves of it. The right side rises with n_s
and is concave (no recombination term slows down as n grows), so Newton's method cannot miss the solution.
"""

from __future__ import annotations

import numpy as np

from helpers import kinetics

_MOST_STEPS = 60


def after_pulse(n_pulse: float, rates, period: float) -> float:
    """Density just after a pulse in the steady state, n_s = n_pulse + n(T; n_s).

    Parameters
    ----------
    n_pulse : float
        Density that one pulse adds.
    rates : Rates or sequence of four numbers
    period : float
        Time T from pulse to pulse, in the rates' unit of time.

    Raises
    ------
    ValueError
        If the period is not positive, or if nothing recombines: then the density has no steady state.

    Examples
    --------
    >>> after_pulse(1e16, (0, 1e6, 1e-10, 0), 1 / 4e6) / 1e16  # 4 MHz on carriers that live 1 µs
    2.126
    """
    return _steady_state(n_pulse, rates, period)[0]


def left_over(n_pulse: float, rates, period: float) -> float:
    """Fraction n(T)/n_s of the carriers that is still there when the next pulse comes.

    Examples
    --------
    >>> left_over(1e16, (0, 1e6, 1e-10, 0), 1 / 4e6)
    0.53
    """
    n_s = after_pulse(n_pulse, rates, period)
    return (n_s - n_pulse) / n_s if n_s > 0 else 0.0


def solve_with_jacobian(t, n_pulse: float, rates, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Density n(t) after a pulse in the steady state and its derivatives by G, k1, k2, k3 and n_pulse.

    With n' = ∂n(T)/∂n0 the fixed point moves by ∂n_s/∂θ = (∂n(T)/∂θ)/(1 − n') and ∂n_s/∂n_pulse = 1/(1 − n').

    Parameters and errors are those of `after_pulse`; t, shape (m,), counts from the pulse.

    Returns
    -------
    n : ndarray, shape (m,)
    jacobian : ndarray, shape (m, 5)

    Examples
    --------
    >>> n, jacobian = solve_with_jacobian([0.0], 1.0, (0, 1.0, 0, 0), np.log(2))
    >>> float(n[0]), float(jacobian[0, 4])  # half of it is left after ln 2: 1 + 1/2 + 1/4 + …
    (2.0, 2.0)
    """
    n_s, gradient = _steady_state(n_pulse, rates, period)
    n, jacobian = kinetics.solve_with_jacobian(t, n_s, rates)
    by_start = jacobian[:, 4:].copy()
    jacobian[:, 4] = 0.0
    return n, jacobian + by_start * gradient


def _steady_state(n_pulse, rates, period) -> tuple[float, np.ndarray]:
    if not (np.isfinite(period) and period > 0):
        raise ValueError(f"repetition period = {period:g}: give a positive time from pulse to pulse")
    n_s = float(n_pulse)
    for step in range(_MOST_STEPS):
        left, gradient = kinetics.solve_with_jacobian([period], n_s, rates)
        room = 1.0 - gradient[0, 4]
        if room <= 0:
            raise ValueError("nothing recombines between two pulses: the density grows without limit")
        closer = n_s + (left[0] + n_pulse - n_s) / room
        # From its second point on Newton comes down on the root of a concave function from above.
        if step > 0 and closer >= n_s * (1 - 4e-16):
            break
        n_s = float(closer)
    gradient = gradient[0].copy()
    gradient[4] = 1.0
    return n_s, gradient / room
