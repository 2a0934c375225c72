"""What is known of the noise: counts, standard errors, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.traces import Trace

NOISES = ("poisson", "sigma", "even", "estimated")


def with_noise(
    traces: Sequence[Trace],
    noise: str | None = None,
    *,
    relative_percent: float | None = None,
    floor: float | None = None,
) -> tuple[tuple[Trace, ...], str]:
    """Return the traces with the standard errors that the noise gives them, and the kind of noise.

    Parameters
    ----------
    traces : sequence of Trace
    noise : {"poisson", "sigma", "even", "estimated"}, optional
        "poisson": raw counts. "sigma": the traces' own standard errors. "even": equally large everywhere,
        its size unknown. "estimated": how it depends on the signal is unknown, too, and taken from the
        residuals (see `fitting.weighing`). By default "sigma" where there are standard errors, else
        "estimated".
    relative_percent, floor : float, optional
        Known noise of traces without standard errors: σ² = (percent of the signal)² + floor².

    Raises
    ------
    ValueError
        For counts that are negative or no whole numbers, standard errors on some traces only, missing ones,
        or a noise that is known twice.

    Examples
    --------
    >>> traces, kind = with_noise([Trace([0, 1], [100, 50])], relative_percent=1, floor=0)
    >>> kind, traces[0].sigma.tolist()
    ('sigma', [1.0, 0.5])
    """
    if noise not in (*NOISES, None):
        raise ValueError(f"noise = {noise!r}: choose one of {', '.join(NOISES)}")
    has_sigma = [trace.sigma is not None for trace in traces]
    if any(has_sigma) != all(has_sigma):
        raise ValueError("some traces have sigma and some have none; give it to all of them, or to none")
    if relative_percent is not None or floor is not None:
        if noise in ("poisson", "even", "estimated") or any(has_sigma):
            raise ValueError(
                f"{'sigma_floor' if relative_percent is None else 'sigma_relative_percent'} ="
                f" {floor if relative_percent is None else relative_percent:g}: the noise is known already,"
                " from a column of standard errors or from noise; leave this out, or read only the columns of"
                " time and signal"
            )
        return tuple(_known(trace, relative_percent or 0.0, floor or 0.0) for trace in traces), "sigma"
    if noise == "poisson":
        for trace in traces:
            _refuse_no_counts(trace)
        return tuple(replace(trace, sigma=None) for trace in traces), "poisson"
    if noise == "sigma" and not all(has_sigma):
        raise ValueError('noise = "sigma", but the traces have none; add the column, or leave noise out')
    if noise in ("even", "estimated"):
        return tuple(replace(trace, sigma=None) for trace in traces), noise
    return tuple(traces), "sigma" if all(has_sigma) else "estimated"


def _known(trace: Trace, percent: float, floor: float) -> Trace:
    if not (0 <= percent < np.inf and 0 <= floor < np.inf):
        raise ValueError(
            f"sigma_relative_percent = {percent:g}, sigma_floor = {floor:g}: neither may be negative"
        )
    sigma = np.hypot(percent / 100 * trace.signal, floor)
    if not (sigma > 0).all():
        raise ValueError("the known noise is 0 where the signal is 0: give sigma_floor as well")
    return replace(trace, sigma=sigma)


def _refuse_no_counts(trace: Trace) -> None:
    label = f"trace {trace.name!r}" if trace.name else "the trace"
    if trace.signal.min() < 0:
        raise ValueError(
            f"{label}: counts below zero at t = {trace.t[trace.signal.argmin()]:g}; Poisson noise is for raw"
            " counts: leave the background in (it is fitted as the offset), or give another noise"
        )
    broken = np.flatnonzero(trace.signal != np.round(trace.signal))
    if broken.size:
        first = broken[0]
        raise ValueError(
            f"{label}: {trace.signal[first]:g} at t = {trace.t[first]:g} is no whole number of counts;"
            ' Poisson noise is for raw counts: give those, or noise = "estimated" for scaled or averaged ones'
        )
