"""When the pulses come: given, found in the traces, or left to the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from helpers.measurement.arguments import checked
from helpers.measurement.edge import Edge, rising_edge
from helpers.measurement.instrument import Response
from helpers.measurement.quantity import Quantity
from helpers.traces import Trace

EDGE_WIDTHS = 2.0  # the window begins so many widths of an unresolved edge after it
_FITTED = {"fitted": "free", "free": "free", "shared": "shared"}


@dataclass(frozen=True)
class PulseTimes:
    """What was asked for: a moment, the mode of time zero, and whether it may stay as it is if need be."""

    moment: Any
    mode: str = "fixed"
    is_asked: bool = True  # without an edge a time zero that was asked to be fitted is refused, not fixed

    @classmethod
    def asked_for(
        cls, given: Any, usual: str | None, response: Response | None, period: float | None
    ) -> PulseTimes:
        """Return what `Measurement` was given as time_zero; `usual` is what its kind takes for granted."""
        if isinstance(given, Quantity):
            return cls("edge" if given.value is None else given.value, given.mode)
        if given is None and usual is None:
            return cls(0.0 if response is not None or period is not None else "first")
        moment = checked("time_zero", given) if given is not None else usual
        if isinstance(moment, str) and moment in _FITTED:
            return cls("edge", _FITTED[moment])
        is_edge = moment == "edge" or (isinstance(moment, list | tuple) and all(x == "edge" for x in moment))
        if is_edge and response is not None:
            return cls("edge", "free", is_asked=False)
        return cls(moment)


def times_of_pulses(
    traces: Sequence[Trace],
    wish: PulseTimes,
    sign: int,
    baseline: tuple[float, float] | None,
    response: Response | None,
) -> tuple[tuple[Trace, ...], np.ndarray, tuple[Edge | None, ...], str]:
    """Return the traces as far as they are used, their time zeros and edges, and the mode of time zero.

    An edge is given only where the points around it are left out.

    Raises
    ------
    ValueError
        Where an edge cannot be found, or time zero not be fitted; the message says what to give.
    """
    if wish.mode == "fixed":
        return *_fixed(traces, wish.moment, sign, baseline), "fixed"
    none = (None,) * len(traces)
    if not isinstance(wish.moment, str):
        given = np.array(Quantity(wish.moment).for_traces(len(traces), "time_zero").value, float)
        return tuple(traces), given, none, wish.mode
    rises = [rising_edge(each, _level(each, sign, baseline), sign) for each in traces]
    found = [edge for edge in rises if edge is not None]
    if len(found) < len(rises):
        if not wish.is_asked:
            return *_fixed(traces, "edge", sign, baseline), "fixed"
        trace = traces[rises.index(None)]
        label = f"trace {trace.name!r}" if trace.name else "the trace"
        raise ValueError(
            f"time_zero: {label} shows no rise before its decay, so that there is no edge to fit a time zero"
            " to; begin the window before the pulse, or give time_zero as a number"
        )
    zeros = np.array([edge.time for edge in found]) - (0.0 if response is None else response.median)
    if wish.mode == "shared":
        zeros = np.full(len(zeros), np.median(zeros))
    return tuple(traces), zeros, none, wish.mode


def _fixed(traces, moment, sign: int, baseline):
    if isinstance(moment, str):
        rows = [_moment(each, moment, sign, baseline) for each in traces]
        kept, zeros, edges = zip(*rows, strict=True)
        return tuple(kept), np.array(zeros), tuple(edges)
    if isinstance(moment, list | tuple) and any(isinstance(each, str) for each in moment):
        return _each_fixed(traces, moment, sign, baseline)
    given = Quantity(moment).for_traces(len(traces), "time_zero").value
    return tuple(traces), np.array(given, float), (None,) * len(traces)


def _each_fixed(traces, moments, sign: int, baseline):
    """Likewise, where each trace has a time zero of its own kind."""
    if len(moments) != len(traces):
        raise ValueError(
            f"time_zero holds {len(moments)} entries for {len(traces)} traces; give one for each"
        )
    pairs = zip(traces, moments, strict=True)
    rows = [_fixed([each], moment, sign, baseline) for each, moment in pairs]
    kept, zeros, edges = zip(*rows, strict=True)
    return tuple(each[0] for each in kept), np.concatenate(zeros), tuple(each[0] for each in edges)


def _moment(trace: Trace, moment: str, sign: int, baseline):
    if moment == "first":
        return trace, trace.t[0], None
    if moment == "peak":
        upright = trace if sign > 0 else replace(trace, signal=-trace.signal)
        peak = upright.from_peak().t[0]
        used = trace.t >= peak
        if baseline is not None:
            used |= (trace.t >= baseline[0]) & (trace.t <= baseline[1])
        return _points(trace, used), peak, None
    edge = rising_edge(trace, _level(trace, sign, baseline), sign)
    if edge is None:
        return trace, trace.t[0], Edge(float(trace.t[0]), 0.0)
    reach = EDGE_WIDTHS * edge.width
    used = (trace.t < edge.time - reach) | (trace.t >= edge.time + reach)
    if (trace.t[used] >= edge.time).sum() < 2:
        raise ValueError(
            f"trace {trace.name!r}: hardly a point lies later than {EDGE_WIDTHS:g} widths ({reach:.3g})"
            f" after the edge at {edge.time:.4g}; give time_zero as a number"
        )
    return _points(trace, used), edge.time, edge


def _points(trace: Trace, used: np.ndarray) -> Trace:
    sigma = None if trace.sigma is None else trace.sigma[used]
    return replace(trace, t=trace.t[used], signal=trace.signal[used], sigma=sigma)


def _level(trace: Trace, sign: int, baseline) -> float:
    """Level before the pulse: of the baseline, or of the flat part before the peak."""
    if baseline is not None:
        return float(trace.crop(*baseline).signal.mean())
    peak = int((sign * trace.signal).argmax())
    return float(np.median(trace.signal[: max(peak // 2, 1)])) if peak else 0.0
