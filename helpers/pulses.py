"""Adapter of the first fits to trains of pulses in `measurement.pulses`."""

from __future__ import annotations

import numpy as np

from helpers.kinetics import RateLaw
from helpers.measurement import Observable
from helpers.measurement.pulses import after_pulse, left_over
from helpers.measurement.response import clock

__all__ = ["after_pulse", "left_over", "solve_with_jacobian"]


def solve_with_jacobian(t, n_pulse: float, rates, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Density n(t) after a pulse in the steady state and its derivatives by G, k1, k2, k3 and n_pulse.

    Parameters and errors are those of `after_pulse`; t, shape (m,), counts from the pulse.

    Examples
    --------
    >>> n, jacobian = solve_with_jacobian([0.0], 1.0, (0, 1.0, 0, 0), np.log(2))
    >>> float(n[0]), float(jacobian[0, 4])  # half of it is left after ln 2: 1 + 1/2 + 1/4 + …
    (2.0, 2.0)
    """
    return clock(t, period=period).shape(RateLaw(), Observable("density"), [*rates], n_pulse)
