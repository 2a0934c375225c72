"""The instrument's clock: when the pulse comes, how the response blurs it, when the next one follows.

signal(t) = scale · (g ∗ S(n))(t) + offset, with S the observable and g the instrument's response. Scale and
offset are the fit's business; here is g ∗ S(n) at the data's times, and its derivatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from scipy.sparse import csr_array

from helpers.kinetics.law import Law
from helpers.measurement.observable import Observable
from helpers.measurement.pulses import steady_state

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_REACH = 6.0  # standard deviations: beyond them a Gaussian holds 2e-9 of its area
_FAR_NODES, _FAR_WEIGHTS = hermegauss(10)
_NEAR_NODES, _NEAR_WEIGHTS = leggauss(32)


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

    def __repr__(self) -> str:
        response = f", response {self.response_fwhm:g}" if self.response_fwhm else ""
        train = f", period {self.period:g}" if self.period else ""
        return f"Clock(pulse at {self.time_zero:g}{response}{train})"

    def at(self, t) -> Clock:
        """Prepare other times of the same measurement; there may be few of them, or all before the pulse."""
        return _prepared(np.asarray(t, float), self.time_zero, self.response_fwhm, self.period)

    def shape(
        self, law: Law, observable: Observable, values, n0: float, *, wanted=None, steps=None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signal in units of its scale, shape (m,), and its derivatives by the values and n0, (m, p + 1).

        `wanted`, shape (p + 1,), says which derivatives are needed; `steps` are those of `Law.steps`.

        Raises
        ------
        ValueError, ArithmeticError
            Where the law cannot be solved for these values.
        """
        values, count = np.asarray(values, float), len(law.parameters)
        wanted = np.ones(count + 1, bool) if wanted is None else np.asarray(wanted, bool)
        if self.period is None:
            start, by_start = law.start(values, n0)
        else:
            options = {"wanted": wanted[:count], "steps": steps}
            start, by_start = steady_state(law, n0, values, self.period, **options)
        moved = (by_start[:, wanted] != 0).any(axis=1)
        n, slopes = law.solve(self.nodes, start, values, wanted=np.append(wanted[:count], moved), steps=steps)
        derivatives = slopes[:, :, count:] @ by_start
        derivatives[:, :, :count] += slopes[:, :, :count]
        signal, by_state = observable.signal(n[:, 0] if law.states == 1 else n)
        derivatives = np.einsum("ms,msq->mq", by_state.reshape(n.shape), derivatives)
        if self.matrix is None:
            return signal, derivatives
        if self.period is not None:
            return self.matrix @ signal, self.matrix @ derivatives
        return self._over_dark(law, observable, values, signal, derivatives)

    def _over_dark(self, law, observable, values, signal, derivatives):
        """Signal of what the pulse changes, on top of that of the state before it."""
        states, by_values = law.before(values)
        dark, by_state = observable.signal(states if law.states == 1 else states[None, :])
        dark_slopes = np.append(by_state.reshape(1, -1) @ by_values, [[0.0]], axis=1)
        shape = dark + self.matrix @ (signal - dark)
        return shape, dark_slopes + self.matrix @ (derivatives - dark_slopes)


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
    t = np.asarray(t, float)
    for name, value in (("response_fwhm", response_fwhm), ("repetition_period", period)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} = {value:g}: give a positive time, or None for none")
    if period is None and (t >= time_zero).sum() < 2:
        raise ValueError(
            f"the times end at {t.max():g} and the pulse comes at time_zero = {time_zero:g}:"
            " no decay is left; give time_zero on the trace's own axis"
        )
    return _prepared(t, float(time_zero), response_fwhm, period)


def _prepared(t: np.ndarray, time_zero: float, response_fwhm: float | None, period: float | None) -> Clock:
    t = t - time_zero
    timed = partial(Clock, time_zero=time_zero, response_fwhm=response_fwhm, period=period)
    if response_fwhm is not None:
        return timed(*_with_response(t, response_fwhm / FWHM_PER_SIGMA, period))
    if period is not None:
        return timed(np.mod(t, period), None)
    if (t >= 0).all():
        return timed(t, None)
    rows = np.flatnonzero(t >= 0)
    entries = (np.ones(len(rows)), (rows, np.arange(len(rows))))
    return timed(t[rows], csr_array(entries, shape=(len(t), len(rows))))


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
