"""What a detector shows of a density: signal laws, the instrument's response, the pulses before.

signal(t) = scale · (g ∗ f(n))(t) + offset, with f the law of the observable and g the instrument's response.
Scale and offset are the fit's business; here is f(n) at the data's times and its derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers import measurement
from helpers.kinetics import RateLaw
from helpers.measurement import response
from helpers.measurement.response import FWHM_PER_SIGMA

__all__ = ["FWHM_PER_SIGMA", "OBSERVABLES", "Clock", "Observable", "clock"]

OBSERVABLES = ("density", "photoluminescence", "mobility")


@dataclass(frozen=True)
class Observable:
    """A law between carrier density and signal, in units of its scale.

    ==================  ==============  ===========================================================
    kind                law f(n)        measured by
    ==================  ==============  ===========================================================
    density             n               a calibrated transient absorption
    mobility            n               terahertz or microwave conductivity, ∝ Σμ·n
    photoluminescence   n·(n + p0)      radiative recombination; n² where doping is negligible
    ==================  ==============  ===========================================================

    Parameters
    ----------
    kind : str
    p0 : float
        Density of the majority carriers in the dark (for "photoluminescence" only), in the unit of n.

    Raises
    ------
    ValueError
        For an unknown kind or a doping that is negative or has no meaning for the kind.

    Notes
    -----
    Doping changes the rate law as well: k2·n·(n + p0) = k2·p0·n + k2·n², so that a fitted k1 then holds
    k2·p0 beside the traps' rate.

    Examples
    --------
    >>> Observable("photoluminescence", p0=1.0).signal(np.array([1.0, 3.0])).tolist()
    [2.0, 12.0]
    """

    kind: str = "density"
    p0: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in OBSERVABLES:
            raise ValueError(f"observable = {self.kind!r}: choose one of {', '.join(OBSERVABLES)}")
        if not (np.isfinite(self.p0) and self.p0 >= 0):
            raise ValueError(f"p0 = {self.p0:g}: the doping must be finite and not negative")
        if self.p0 > 0 and not self.is_quadratic:
            raise ValueError(f"p0 = {self.p0:g}: doping changes photoluminescence only, not {self.kind}")

    @property
    def is_quadratic(self) -> bool:
        """Whether it takes two carriers to make the signal."""
        return self.kind == "photoluminescence"

    def signal(self, n) -> np.ndarray:
        """Signal f(n) in units of the scale."""
        return n * (n + self.p0) if self.is_quadratic else np.asarray(n, float)

    def slope(self, n) -> np.ndarray:
        """Return the derivative df/dn."""
        return 2 * n + self.p0 if self.is_quadratic else np.ones_like(n)

    def density(self, signal) -> np.ndarray:
        """Density whose signal is f(n) = signal; noise below zero gives 0 for photoluminescence.

        Examples
        --------
        >>> Observable("photoluminescence", p0=1.0).density(np.array([2.0, 12.0])).tolist()
        [1.0, 3.0]
        """
        signal = np.asarray(signal, float)
        if not self.is_quadratic:
            return signal
        signal = np.maximum(signal, 0.0)
        # (√(p0² + 4·signal) − p0)/2, without its cancellation at small signals
        root = np.sqrt(self.p0**2 + 4 * signal) + self.p0
        return np.divide(2 * signal, root, out=np.zeros_like(signal), where=root > 0)


class Clock(response.Clock):
    """Times of a trace for the rate law and this module's observables."""

    def at(self, t) -> Clock:
        """Prepare other times of the same measurement."""
        return Clock(**vars(super().at(t)))

    def shape_with_jacobian(self, observable: Observable, n0: float, rates):
        """Signal in units of its scale, shape (m,), and its derivatives by G, k1, k2, k3, n0, (m, 5)."""
        seen = measurement.Observable(observable.kind, observable.p0)
        return self.shape(RateLaw(), seen, [*rates], n0)


def clock(t, **options) -> Clock:
    """Prepare data times for a model of a pulse; see `measurement.response.clock`.

    Examples
    --------
    >>> clock([1.0, 2.0, 3.0], time_zero=1.0).nodes.tolist()
    [0.0, 1.0, 2.0]
    """
    return Clock(**vars(response.clock(t, **options)))
