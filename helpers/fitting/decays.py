"""Signals turned into densities, as far as the measurement or a fit of it allows."""

from __future__ import annotations

import numpy as np

from helpers.fitting import fit
from helpers.measurement import Measurement
from helpers.traces import Trace


def density_decays(measurement: Measurement) -> list[Trace]:
    """Each trace as densities n = S⁻¹((signal − offset)/scale) against the time since its pulse.

    A calibrated density without background needs no fit. For other signals scale and background come from
    a fit of the rate law, so that what the densities show is not independent of that law.

    Parameters
    ----------
    measurement : Measurement

    Returns
    -------
    list of Trace
        In the measurement's density unit, without standard errors. They begin at the pulse or, with an
        instrument response, at the largest signal after it.

    Raises
    ------
    ValueError
        For an observable of one's own, which has no inverse, or what `helpers.fitting.fit` refuses.

    Examples
    --------
    >>> decay = density_decays(Measurement(Trace([3, 4, 5], [4, 2, 1])))[0]
    >>> decay.t.tolist(), decay.signal.tolist()
    ([0.0, 1.0, 2.0], [4.0, 2.0, 1.0])
    """
    if measurement.observable.kind == "own":
        raise ValueError(
            "the signal of an observable of your own cannot be turned into a density; the order of the decay"
            " needs a density, a signal proportional to it, or photoluminescence"
        )
    densities, zeros = _densities(measurement)
    pairs = zip(measurement.traces, densities, zeros, strict=True)
    return [_after_pulse(measurement, trace, n, zero) for trace, n, zero in pairs]


def _densities(measurement: Measurement) -> tuple[list[np.ndarray], np.ndarray]:
    """Return densities and time zeros of the traces."""
    quantities = (measurement.scale, measurement.offset)
    known = measurement.time_zero_mode == "fixed" and all(each.mode == "fixed" for each in quantities)
    if measurement.observable.kind != "density" or not known:
        found = fit(measurement)
        return found.densities(), found.time_zero
    rows = zip(measurement.traces, *(np.asarray(each.value) for each in quantities), strict=True)
    return [(trace.signal - offset) / scale for trace, scale, offset in rows], measurement.time_zero


def _after_pulse(measurement: Measurement, trace: Trace, n: np.ndarray, zero: float) -> Trace:
    begin = zero
    if measurement.response_fwhm is not None:  # until then the response spreads the rise
        later = trace.t >= zero
        begin = trace.t[later][n[later].argmax()]
    used = trace.t >= begin
    return Trace(
        trace.t[used] - zero,
        n[used],
        name=trace.name,
        t_unit=trace.t_unit,
        signal_unit=measurement.density_unit,
    )
