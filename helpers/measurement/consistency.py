"""What cannot hold together in a measurement, each with what to give instead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from helpers.measurement.measured_response import refuse_coarse
from helpers.traces import Trace
from helpers.units import is_time, seconds

if TYPE_CHECKING:
    from helpers.measurement.measurement import Measurement

_ROUNDING = 1e-9


def refuse_contradictions(measurement: Measurement) -> None:
    """Refuse times, scales and counts that contradict each other.

    Raises
    ------
    ValueError
        Names the argument and says what to give.
    """
    for rule in (_same_data, _scale, _response, _scatter, _time_zero, _baseline, _period, _dark_counts):
        rule(measurement)


def windowed(
    traces: tuple[Trace, ...],
    window: tuple[float | None, float | None] | None,
    baseline: Sequence[float] | None,
) -> tuple[Trace, ...]:
    """Return the traces inside a window, which must hold the baseline.

    Raises
    ------
    ValueError
        Where window or baseline hold fewer than two points of a trace.
    """
    whole = traces
    if window is not None:
        first = "the start" if window[0] is None else f"{window[0]:g}"
        last = "the end" if window[1] is None else f"{window[1]:g}"
        for trace in traces:
            _refuse_few(trace, "window", window, f"from {first} to {last}")
        traces = tuple(trace.crop(*window) for trace in traces)
    for each, cut in zip(whole, traces, strict=True):
        if baseline is None:
            break
        _refuse_few(each, "baseline", baseline, f"from {baseline[0]:g} to {baseline[1]:g}")
        if _inside(cut, baseline) < 2:
            raise ValueError(
                f"window = {_pair(window)} leaves out the baseline {_pair(baseline)}; begin the window at"
                f" {baseline[0]:g} or before, or leave baseline out"
            )
    return traces


def _inside(trace: Trace, span) -> int:
    first = -math.inf if span[0] is None else span[0]
    last = math.inf if span[1] is None else span[1]
    return int(((trace.t >= first) & (trace.t <= last)).sum())


def _refuse_few(trace: Trace, name: str, span, words: str) -> None:
    if (count := _inside(trace, span)) < 2:
        points = "1 point" if count == 1 else f"{count} points"
        raise ValueError(
            f"{name} = {_pair(span)}: {_label(trace)} has {points} {words}, 2 are needed; its times run from"
            f" {trace.t[0]:.4g} to {trace.t[-1]:.4g} {trace.t_unit}".rstrip()
        )


def _pair(span) -> str:
    return "[" + ", ".join("None" if each is None else f"{each:g}" for each in span) + "]"


def _label(trace: Trace) -> str:
    return f"trace {trace.name!r}" if trace.name else "the trace"


def _same_data(measurement: Measurement) -> None:
    """Refuse data that are given twice: they would count as two measurements, and errors become too small.

    Without noise, equal signals after different pulses are possible: normalised decays of traps alone.
    """
    n0 = None if measurement.n0.value is None else np.asarray(measurement.n0.value)
    for j, trace in enumerate(measurement.traces):
        for i, other in enumerate(measurement.traces[:j]):
            differ = n0 is not None and n0[i] != n0[j] and measurement.noise != "poisson"
            if not differ and np.array_equal(trace.t, other.t) and np.array_equal(trace.signal, other.signal):
                names = f" ({other.name}, {trace.name})" if trace.name and other.name else ""
                raise ValueError(
                    f"traces {i + 1} and {j + 1}{names} hold the same data, which would count twice; leave"
                    " one of them out"
                )


def _scale(measurement: Measurement) -> None:
    if measurement.scale.value is None or (np.asarray(measurement.scale.value) > 0).all():
        return
    values = np.unique(np.asarray(measurement.scale.value))
    shown = ", ".join(f"{value:g}" for value in values)
    if not values.all():
        raise ValueError(f"scale = {shown}: a scale of 0 leaves no signal; give another, or leave it out")
    below = measurement.observable.kind in ("mobility", "own")
    remedy = ", and sign = -1 for a signal below its background" if below else ", or leave scale out"
    raise ValueError(f"scale = {shown}: give a number above 0{remedy}")


def _response(measurement: Measurement) -> None:
    width, response = measurement.response_fwhm, measurement.response
    if width is None or response is None:
        return
    name = "response_fwhm" if response.samples is None and response.tail is None else "response"
    name = name if response.is_shaped else "bin_width"
    for trace in measurement.traces:
        span = trace.t[-1] - trace.t[0]
        if width > span:
            raise ValueError(
                f"{name} = {width:g}: the response is longer than {_label(trace)}"
                f" ({span:.4g} {trace.t_unit}".rstrip()
                + "); give its width in the trace's unit of time"
            )
        refuse_coarse(response, float(np.diff(trace.t).min()), trace.t_unit)


def _scatter(measurement: Measurement) -> None:
    scatter, response = measurement.scatter, measurement.response
    if scatter.mode == "fixed" and not np.any(scatter.value):
        return
    if response is None or not response.is_shaped:
        raise ValueError(
            "scatter: scattered light of the pulse has the shape of the instrument's response; give response"
            " or response_fwhm, too, or leave scatter out"
        )


def _time_zero(measurement: Measurement) -> None:
    if measurement.time_zero_mode == "fixed":
        return
    if measurement.response is None:
        raise ValueError(
            "time_zero is fitted only where the rise has a shape; without one the cost jumps from point to"
            " point: give response, response_fwhm or bin_width (of the channels that counts were collected"
            ' in), or time_zero as a number or "edge"'
        )
    if measurement.n0.mode == "fixed" or measurement.repetition_period is not None:
        return
    for trace, zero in zip(measurement.traces, measurement.time_zero, strict=True):
        if not (trace.t < zero).any():
            raise ValueError(
                f"time_zero: {_label(trace)} has no point before the pulse at {zero:.4g}"
                f" {trace.t_unit}".rstrip()
                + ", and an earlier pulse of a larger n0 gives the same decay; give points before the pulse,"
                " time_zero as a number, or n0"
            )


def _baseline(measurement: Measurement) -> None:
    if measurement.baseline is None:
        return
    first, last = measurement.baseline
    for trace, zero in zip(measurement.traces, measurement.time_zero, strict=True):
        pulse, period = float(zero), measurement.repetition_period
        if period is not None:
            pulse += math.ceil((first - pulse) / period) * period
        if last > pulse:
            raise ValueError(
                f"baseline = {_pair((first, last))}: the pulse of {_label(trace)} comes at"
                f" {pulse:.4g} {trace.t_unit}".rstrip()
                + ", before the baseline ends; give times before the pulse, or leave baseline out, or"
                " correct time_zero"
            )


def _period(measurement: Measurement) -> None:
    period = measurement.repetition_period
    for trace in measurement.traces:
        span = trace.t[-1] - trace.t[0]
        if period is not None and span > period * (1 + _ROUNDING):
            unit = f" {trace.t_unit}".rstrip()
            name, value = "repetition_period", period
            if is_time(trace.t_unit):
                name, value = "repetition_Hz", 1 / (period * seconds(trace.t_unit))
            end = np.floor((trace.t[0] + period) * 1e3) / 1e3
            raise ValueError(
                f"{name} = {value:g}: {_label(trace)} spans {span:.4g}{unit}, and the next pulse comes after"
                f" {period:.4g}{unit}; check the rate of the pulses and t_unit, or cut to one period with"
                f" window = [{trace.t[0]:g}, {end:g}]"
            )


def _dark_counts(measurement: Measurement) -> None:
    """Refuse counts where the model expects exactly 0: before the pulse, without a background."""
    if measurement.noise != "poisson" or measurement.offset.mode != "fixed":
        return
    if measurement.repetition_period is not None:
        return
    offsets = np.asarray(measurement.offset.value)
    reach = measurement.response.before if measurement.response else 0.0
    for trace, zero, offset in zip(measurement.traces, measurement.time_zero, offsets, strict=True):
        dark = trace.signal[trace.t < zero - reach]
        if offset < 0:
            raise ValueError(
                f'offset = {offset:g}: a background of counts is not below 0; give offset = "free"'
            )
        if offset == 0 and dark.any():
            raise ValueError(
                f"offset = 0: {_label(trace)} has {dark.sum():g} counts before the pulse at {zero:.4g}"
                f" {trace.t_unit}".rstrip()
                + ', where no background leaves none; give offset = "free", or begin the window at the pulse'
            )
