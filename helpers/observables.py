"""What a detector shows of a density: signal laws, the instrument's response, the pulses before.

signal(t) = scale · (g ∗ f(n))(t) + offset, with f the law of the observable and g the instrument's response.
Scale and offset are the fit's business; here is f(n) at the data's times and its derivatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from scipy.sparse import csr_array

from helpers import kinetics, pulses

OBSERVABLES = ("density", "photoluminescence", "mobility")
FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_REACH = 6.0  # standard deviations: beyond them a Gaussian holds 2e-9 of its area
_FAR_NODES, _FAR_WEIGHTS = hermegauss(10)
_NEAR_NODES, _NEAR_WEIGHTS = leggauss(32)


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


@dataclass(frozen=True, eq=False)
class Clock:
    """The data's times as the model needs them: nodes counted from the pulse, and what to make of them.

    The model is computed at `nodes`; `matrix` (None for the identity), shape (m, nodes), turns its values
    into those at the m data points. The response is linear, so that derivatives pass the same matrix.
    """

    nodes: np.ndarray
    matrix: csr_array | None
    time_zero: float
    response_fwhm: float | None
    period: float | None

    def at(self, t) -> Clock:
        """Prepare other times of the same measurement."""
        return clock(t, time_zero=self.time_zero, response_fwhm=self.response_fwhm, period=self.period)

    def shape_with_jacobian(self, observable: Observable, n0: float, rates):
        """Signal in units of its scale, shape (m,), and its derivatives by G, k1, k2, k3, n0, (m, 5)."""
        if self.period is None:
            n, jacobian = kinetics.solve_with_jacobian(self.nodes, n0, rates)
        else:
            n, jacobian = pulses.solve_with_jacobian(self.nodes, n0, rates, self.period)
        signal, jacobian = observable.signal(n), jacobian * observable.slope(n)[:, None]
        if self.matrix is None:
            return signal, jacobian
        return self.matrix @ signal, self.matrix @ jacobian


def clock(
    t, *, time_zero: float = 0.0, response_fwhm: float | None = None, period: float | None = None
) -> Clock:
    """Prepare data times for a model of a pulse at time_zero, or of one in every period.

    Parameters
    ----------
    t : array_like, shape (m,)
        The data's times.
    time_zero : float
        When the pulse comes (the centre of its response). Before it the signal is zero, or with a period
        what the pulse before has left.
    response_fwhm : float, optional
        Full width at half maximum of a Gaussian instrument response; none by default.
    period : float, optional
        Time from pulse to pulse; a single pulse by default.

    Raises
    ------
    ValueError
        For a width or period that is not positive, a response wider than the period allows, or a single
        pulse that comes after the second last of the times.

    Notes
    -----
    Further than six standard deviations from the pulse the convolution is a Gauss–Hermite sum. Closer to it
    the jump at the pulse splits the integral; each part is a Gauss–Legendre sum in the square root of the
    time from the jump, which crowds the nodes where a fast decay needs them.

    Examples
    --------
    >>> clock([1.0, 2.0, 3.0], time_zero=1.0).nodes.tolist()
    [0.0, 1.0, 2.0]
    """
    t = np.asarray(t, float) - time_zero
    settings = {"time_zero": float(time_zero), "response_fwhm": response_fwhm, "period": period}
    for name, value in (("response_fwhm", response_fwhm), ("repetition_period", period)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} = {value:g}: give a positive time, or None for none")
    if period is None and (t >= 0).sum() < 2:
        raise ValueError(
            f"the times end at {t.max() + time_zero:g} and the pulse comes at time_zero = {time_zero:g}:"
            " no decay is left; give time_zero on the trace's own axis"
        )
    if response_fwhm is not None:
        return Clock(*_with_response(t, response_fwhm / FWHM_PER_SIGMA, period), **settings)
    if period is not None:
        return Clock(np.mod(t, period), None, **settings)
    if (t >= 0).all():
        return Clock(t, None, **settings)
    rows = np.flatnonzero(t >= 0)
    entries = (np.ones(len(rows)), (rows, np.arange(len(rows))))
    return Clock(t[rows], csr_array(entries, shape=(len(t), len(rows))), **settings)


def _with_response(t, sigma: float, period: float | None) -> tuple[np.ndarray, csr_array]:
    """Return the times at which the model is needed, and the matrix that convolves it with the response."""
    if period is not None:
        if period < 4 * _REACH * sigma:
            raise ValueError(
                f"a response of FWHM {sigma * FWHM_PER_SIGMA:g} fills the period {period:g}; check both times"
            )
        t = np.mod(t + period / 2, period) - period / 2
    parts = [_far(t, sigma), _near(t, sigma, after=True)]
    if period is not None:
        before = [_far(-t, sigma), _near(t, sigma, after=False)]
        parts += [(row, period - node, weight) for row, node, weight in before]
    row, node, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    matrix = csr_array((weight, (row, np.arange(len(row)))), shape=(len(t), len(row)))
    return node, matrix


def _far(t, sigma):
    """Rows, times from the pulse and weights of the convolution where the pulse is out of reach."""
    rows = np.flatnonzero(t >= _REACH * sigma)
    nodes = t[rows, None] + sigma * _FAR_NODES
    weights = np.broadcast_to(_FAR_WEIGHTS / math.sqrt(2 * math.pi), nodes.shape)
    return np.repeat(rows, nodes.shape[1]), nodes.ravel(), weights.ravel()


def _near(t, sigma, *, after: bool):
    """Likewise within reach of the pulse, for the part of the response after it or before it."""
    rows = np.flatnonzero(np.abs(t) < _REACH * sigma)
    centre = t[rows, None] if after else -t[rows, None]
    root = np.sqrt(centre + _REACH * sigma)
    x = root * (_NEAR_NODES + 1) / 2
    nodes = x**2
    gauss = np.exp(-0.5 * ((nodes - centre) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    weights = gauss * root * x * _NEAR_WEIGHTS
    return np.repeat(rows, nodes.shape[1]), nodes.ravel(), weights.ravel()
