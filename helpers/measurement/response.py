"""The instrument's clock: when the pulse comes, how the response blurs it, when the next one follows.

signal(t) = scale · (g ∗ S(n))(t − t0) + scatter · g(t − t0)/max g + offset, with S the observable and g the
instrument's response. Scale, scatter and offset are the fit's business; here is g ∗ S(n) at the data's times,
and its derivatives, that by time zero t0 included.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array

from helpers.kinetics.law import Law
from helpers.measurement.convolution import Panels, panels_for
from helpers.measurement.instrument import FWHM_PER_SIGMA, Response
from helpers.measurement.observable import Observable
from helpers.measurement.pulses import steady_state

__all__ = ["FWHM_PER_SIGMA", "Clock", "Seen", "clock"]


class Seen(NamedTuple):
    """Signal in units of its scale, shape (m,), and its derivatives: by values and n0, and by time zero."""

    shape: np.ndarray
    by_values: np.ndarray
    by_time: np.ndarray


class _Matrices(NamedTuple):
    """Matrices from F at the nodes to the data points: of its convolution, and of the slope of that."""

    panels: Panels
    values: csr_array
    slopes: csr_array
    spread: csr_array | None = None  # from the nodes of u, where the convolution is known, to the data points


class _Blurred(NamedTuple):
    """The same from F to nodes of u, for any time zero."""

    panels: Panels
    spread: Panels
    values: csr_array
    slopes: csr_array


@dataclass(frozen=True, eq=False)
class Clock:
    """The data's times, and what the model makes of them: `nodes` are times since the pulse.

    Without a response the nodes are the data's times themselves. With one they lie on panels that become
    shorter towards the pulse, from which the convolution is a sum (see `convolution`).
    """

    t: np.ndarray
    time_zero: float
    response: Response | None
    period: float | None
    _kept: dict = field(default_factory=dict, repr=False)
    _family: dict | None = field(default=None, repr=False)  # what clocks moved from each other share

    def __repr__(self) -> str:
        response = f", response {self.response.in_words()}" if self.response else ""
        train = f", period {self.period:g}" if self.period else ""
        return f"Clock(pulse at {self.time_zero:g}{response}{train})"

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_kept": {}, "_family": None}

    @property
    def response_fwhm(self) -> float | None:
        """Full width at half maximum of the response."""
        return None if self.response is None else self.response.width

    @property
    def nodes(self) -> np.ndarray:
        """Times since the pulse at which the model is computed."""
        if self.response is None:
            u = self.t - self.time_zero
            return u[u >= 0] if self.period is None else np.mod(u, self.period)
        return self._matrices(smooth=True).panels.nodes

    def at(self, t) -> Clock:
        """Prepare other times of the same measurement; there may be few of them, or all before the pulse."""
        return replace(self, t=np.asarray(t, float), _kept={}, _family=None)

    def moved(self, time_zero: float) -> Clock:
        """Prepare the same times for a pulse at another time.

        Raises
        ------
        ArithmeticError
            Where it comes after the data, or so long before them that they do not show it.
        """
        if time_zero == self.time_zero:
            return self
        span = float(self.t[-1] - self.t[0])
        if not self.t[0] - 0.5 * span < time_zero < self.t[-1]:
            raise ArithmeticError(f"a pulse at {time_zero:g} is not in the data")
        family = self._kept.setdefault("family", {}) if self._family is None else self._family
        return replace(self, time_zero=float(time_zero), _kept={}, _family=family)

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
        seen = self.seen(law, observable, values, n0, wanted=wanted, steps=steps)
        return seen.shape, seen.by_values

    def seen(self, law: Law, observable: Observable, values, n0: float, *, wanted=None, steps=None) -> Seen:
        """Return what `shape` does, and the derivative by time zero.

        With F(τ) = S(n(τ)) from the pulse on, ∂(g ∗ F)/∂t0 = −[F(0⁺)·g(t − t0) + (g ∗ F')(t − t0)]: a pulse
        that comes later takes the jump with it. It is computed as −(g' ∗ F), which is the same. Without a
        response the jump has no slope, and the derivative is NaN.
        """
        values = np.asarray(values, float)
        wanted = np.ones(len(values) + 1, bool) if wanted is None else np.asarray(wanted, bool)
        if self.response is None:
            shape, slopes = self._model(self.nodes, law, observable, values, n0, wanted, steps)
            u = self.t - self.time_zero
            if self.period is None and not (u >= 0).all():
                later, short = u >= 0, (shape, slopes)
                shape, slopes = np.zeros(len(u)), np.zeros((len(u), slopes.shape[1]))
                shape[later], slopes[later] = short
                shape, slopes = self._over_dark(law, observable, values, shape, slopes, later)
            return Seen(shape, slopes, np.full(len(u), np.nan))
        fine = not law.is_smooth or observable.function is not None
        matrices = self._matrices(smooth=not fine)
        signal, slopes = self._model(matrices.panels.nodes, law, observable, values, n0, wanted, steps)
        dark, dark_slopes = 0.0, np.zeros((1, slopes.shape[1]))
        if self.period is None:
            dark, dark_slopes = _before(law, observable, values)
        table = np.column_stack([signal - dark, slopes - dark_slopes])
        blurred, by_time = self._convolved(matrices, table)
        return Seen(dark + blurred[:, 0], dark_slopes + blurred[:, 1:], -by_time)

    def _model(self, nodes, law: Law, observable: Observable, values, n0, wanted, steps):
        """Signal at the nodes and its derivatives by the values and n0."""
        count = len(law.parameters)
        if self.period is None:
            start, by_start = law.start(values, n0)
        else:
            options = {"wanted": wanted[:count], "steps": steps}
            start, by_start = steady_state(law, n0, values, self.period, **options)
        moved = (by_start[:, wanted] != 0).any(axis=1)
        n, slopes = law.solve(nodes, start, values, wanted=np.append(wanted[:count], moved), steps=steps)
        derivatives = slopes[:, :, count:] @ by_start
        derivatives[:, :, :count] += slopes[:, :, :count]
        signal, by_state = observable.signal(n[:, 0] if law.states == 1 else n, law.trapped)
        return signal, np.einsum("ms,msq->mq", by_state.reshape(n.shape), derivatives)

    def _over_dark(self, law, observable, values, signal, derivatives, later):
        """Before the pulse the signal is that of the state in the dark."""
        dark, dark_slopes = _before(law, observable, values)
        return np.where(later, signal, dark), np.where(later[:, None], derivatives, dark_slopes)

    def _convolved(self, matrices: _Matrices, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convolution of the columns of F with the response, and the slope in time of the first one."""
        response = self.response
        assert response is not None
        if response.tail is None:
            return _onto(matrices, matrices.values @ table, matrices.slopes @ table[:, 0])
        tailed = matrices.panels.filtered(table, response.tail, self.period)
        share = response.tail_share
        # With the tail E of F, E' = (F − E)/tail: no slope of the rest of the response is needed.
        slope = share / response.tail * (matrices.values @ (table[:, 0] - tailed[:, 0]))
        if share < 1:
            slope += (1 - share) * (matrices.slopes @ table[:, 0])
        return _onto(matrices, matrices.values @ ((1 - share) * table + share * tailed), slope)

    def _matrices(self, *, smooth: bool) -> _Matrices:
        if smooth not in self._kept:
            u = self.t - self.time_zero
            blurred = self._blurred(float(u.max())) if smooth else None
            if blurred is None:
                shown = None if smooth else np.mod(u, self.period) if self.period else u[u > 0]
                self._kept[smooth] = _Matrices(*self._summed(u, float(u.max()), shown))
            else:
                seen = u >= blurred.spread.edges[0]
                spread = diags_array(seen.astype(float)) @ blurred.spread.interpolation(u)
                self._kept[smooth] = _Matrices(blurred.panels, blurred.values, blurred.slopes, spread)
        return self._kept[smooth]

    def _summed(self, u: np.ndarray, latest: float, shown=None) -> tuple[Panels, csr_array, csr_array]:
        """Panels of F, and the matrices from there to the convolution at u and to its slope."""
        response = self.response
        assert response is not None
        row, time, weight, slope = response.sums(u, self.period)
        end = latest + response.before if self.period is None else self.period
        end = max(end, float(time.max(initial=0.0)), response.shortest)
        panels = panels_for(end, response.shortest, shown)
        there, place = panels.interpolation(time), (row, np.arange(len(row)))
        size = (len(u), len(row))
        values, slopes = (csr_array((each, place), shape=size) @ there for each in (weight, slope))
        return panels, values, slopes

    def _blurred(self, latest: float) -> _Blurred | None:
        """Return the convolution at nodes of u, the same for all time zeros; None where time zero stays."""
        response, family = self.response, self._family
        if family is None or self.period is not None or response is None:
            return None
        if "blurred" not in family or family["blurred"].spread.edges[-1] < latest:
            spread = response.spread_panels(latest + 2 * response.width)
            if spread is None:
                return None
            end = float(spread.edges[-1])
            panels, values, slopes = self._summed(spread.nodes, end)
            family["blurred"] = _Blurred(panels, spread, values, slopes)
        return family["blurred"]

    def scattered(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the light of the pulse itself at the data's times, 1 at its largest, and its slope."""
        response, u = self.response, self.t - self.time_zero
        if response is None or not response.is_shaped:
            return np.zeros(len(u)), np.zeros(len(u))
        if "scattered" not in self._kept:
            heights = [response.at(u + shift) for shift in _shifts(response, self.period, u)]
            light, slope = (sum(each) / response.peak for each in zip(*heights, strict=True))
            self._kept["scattered"] = np.asarray(light), np.asarray(slope)
        return self._kept["scattered"]


def _onto(matrices: _Matrices, values: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the convolution and its slope at the data points."""
    if matrices.spread is None:
        return values, slope
    return matrices.spread @ values, matrices.spread @ slope


def _shifts(response: Response, period: float | None, u: np.ndarray) -> list[float]:
    """Return how much earlier than time zero the pulses come whose light may reach the data."""
    if period is None:
        return [0.0]
    first = int(np.floor((-response.before - float(u.max())) / period))
    last = int(np.ceil((response.after - float(u.min())) / period))
    return [number * period for number in range(first, last + 1)]


def _before(law: Law, observable: Observable, values) -> tuple[float, np.ndarray]:
    """Signal of the state in the dark, before a single pulse, and its derivatives by the values and n0."""
    states, by_values = law.before(values)
    dark, by_state = observable.signal(states if law.states == 1 else states[None, :], law.trapped)
    return float(np.ravel(dark)[0]), np.append(by_state.reshape(1, -1) @ by_values, [[0.0]], axis=1)


def clock(
    t,
    *,
    time_zero: float = 0.0,
    response_fwhm: float | None = None,
    period: float | None = None,
    response: Response | None = None,
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
    response : Response, optional
        Another response in place of the Gaussian.

    Raises
    ------
    ValueError
        For a width or period that is not positive, a response wider than the period allows, or a single
        pulse that comes after the second last of the times.

    Examples
    --------
    >>> clock([1.0, 2.0, 3.0], time_zero=1.0).nodes.tolist()
    [0.0, 1.0, 2.0]
    """
    t = np.asarray(t, float)
    if response_fwhm is not None:
        response = Response(fwhm=response_fwhm)
    if period is not None and not (np.isfinite(period) and period > 0):
        raise ValueError(f"repetition_period = {period:g}: give a positive time, or None for none")
    if period is not None and response is not None:
        response.refuse_period(period)
    if period is None and (t >= time_zero).sum() < 2:
        raise ValueError(
            f"the times end at {t.max():g} and the pulse comes at time_zero = {time_zero:g}:"
            " no decay is left; give time_zero on the trace's own axis"
        )
    return Clock(t, float(time_zero), response, period)
