"""A recorded response as the convolution takes it: without its background, not negative, of area 1."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.measurement.edge import rising_edge
from helpers.measurement.instrument import Response, Samples
from helpers.traces import Trace
from helpers.units import is_time, seconds

_SEEN = 4.0  # standard errors above the background from which on a mean counts as signal
_MOST_IN_A_MEAN = 64  # samples
_FEWEST_DARK = 5
_DARK_WIDTHS = 3.0  # of the rise, before which the response has not begun
_FEWEST_ABOVE_HALF = 3
_COARSER = 1.5  # than the traces' own points


def measured(trace: Trace, background: Sequence[float] | None = None) -> Response:
    """Response of a recording of the instrument alone, for instance of scattered light of the laser.

    Parameters
    ----------
    trace : Trace
        With its own times and unit of time; its signal may hold a background and noise.
    background : (float, float), optional
        Times of the recording, on its own axis, with background only. By default all that lies three widths
        of its rise before the rise.

    Returns
    -------
    Response
        With times in the recording's unit, counted from its largest value; see `Samples.words` for what was
        made of it.

    Raises
    ------
    ValueError
        Where nothing stands out of the noise, or the background holds no points.

    Notes
    -----
    The mean of the background is subtracted. Beside the peak samples are kept as long as they stand four
    standard errors above it; where they do not, means over up to 64 neighbours take their place, and beyond
    the last mean that does the response is 0. So noise makes it nowhere negative, and a faint tail is not cut
    off or raised, as it would be if each negative sample were set to 0. Between samples the response is a
    straight line.

    Examples
    --------
    >>> t = np.arange(-5.0, 6.0)
    >>> measured(Trace(t, np.exp(-0.5 * t**2) + 3.0), background=(-5, -4)).samples.words
    'background of 3 subtracted'
    """
    label = f"response {trace.name!r}" if trace.name else "response"
    height, noise, words = _without_background(trace, background, label)
    peak = int(height.argmax())
    late = _means(trace.t[peak:], height[peak:], noise)
    early = _means(-trace.t[peak::-1], height[peak::-1], noise)
    t = np.concatenate([-early[0][:0:-1], late[0]])
    kept = np.concatenate([early[1][:0:-1], late[1]])
    area = float(np.trapezoid(kept, t))
    top = int(kept.argmax())
    steps = np.diff(trace.t)
    samples = Samples(
        t - t[top],
        kept / area,
        step=float(np.median(steps[max(peak - 2, 0) : peak + 2])),
        name=trace.name,
        words=words,
        sha256=_hash(t - t[top], kept / area),
    )
    return Response(samples=samples)


def in_unit(response: Response, own: str, wanted: str) -> Response:
    """Return a response with times in the unit of the traces.

    Raises
    ------
    ValueError
        Where one of the units is not known.
    """
    if own == wanted or response.samples is None:
        return response
    if not is_time(own) or not is_time(wanted):
        raise ValueError(
            f"response: its times are in {own or 'no unit'} and those of the traces in {wanted or 'no unit'};"
            ' give both with their unit: Trace(..., t_unit="ns")'
        )
    factor = seconds(own) / seconds(wanted)
    samples = response.samples
    t, height = samples.t * factor, samples.height / factor
    changed = replace(samples, t=t, height=height, step=samples.step * factor, sha256=_hash(t, height))
    return replace(response, samples=changed)


def refuse_coarse(response: Response | None, step: float, unit: str) -> None:
    """Refuse a recording whose samples are too few to show its shape.

    Parameters
    ----------
    response : Response or None
    step : float
        Distance of the traces' points.
    unit : str
        Of times, for the message.
    """
    if response is None or response.samples is None:
        return
    samples = response.samples
    above = int((samples.height > 0.5 * samples.height.max()).sum())
    if above < _FEWEST_ABOVE_HALF and samples.step > _COARSER * step:
        name = f"{samples.name!r} " if samples.name else ""
        own, other = (f"{each:.3g} {unit}".rstrip() for each in (samples.step, step))
        points = "1 point" if above == 1 else f"{above} points"
        raise ValueError(
            f"response {name}has bins of {own}, far coarser than needed: only {points} of it lie above half"
            f" of its height, and the traces have a point every {other}; record it with bins as narrow as"
            " those of the traces, or check its unit of time"
        )


def _without_background(trace: Trace, background, label: str) -> tuple[np.ndarray, float, str]:
    """Return heights above the background, their noise, and words about it."""
    dark = _dark(trace, background, label)
    if dark.sum() < (1 if background is not None else _FEWEST_DARK):
        words = "its first points are no background, so that none is subtracted"
        return np.maximum(trace.signal, 0.0), 0.0, words
    level = float(trace.signal[dark].mean())
    noise = float(trace.signal[dark].std(ddof=1)) if dark.sum() > 1 else 0.0
    height = trace.signal - level
    peak = float(height.max())
    if not peak > _SEEN * noise or peak <= 1e-12 * abs(level):
        raise ValueError(
            f"{label}: nothing in it stands out of the noise before it; check its columns, or give"
            " response_background, times of it with background only"
        )
    return height, noise, f"background of {level:.3g} subtracted" if level else "no background in it"


def _dark(trace: Trace, background, label: str) -> np.ndarray:
    if background is not None:
        dark = (trace.t >= background[0]) & (trace.t <= background[1])
        if not dark.any():
            raise ValueError(
                f"response_background = [{background[0]:g}, {background[1]:g}]: {label} has no points there;"
                f" its times run from {trace.t[0]:.4g} to {trace.t[-1]:.4g} {trace.t_unit}".rstrip()
                + ", give times on its own axis"
            )
        return dark
    peak = int(trace.signal.argmax())
    try:
        edge = rising_edge(trace, float(np.median(trace.signal[: max(peak // 2, 1)])) if peak else 0.0)
    except ValueError:
        raise ValueError(
            f"{label}: its rise does not stand out of the noise; check its columns, or give"
            " response_background, times of it with background only"
        ) from None
    if edge is None:
        return np.zeros(len(trace), bool)
    return trace.t < edge.time - _DARK_WIDTHS * edge.width


def _means(t: np.ndarray, height: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return times and heights from the peak outwards: samples or means as long as they are seen, then 0."""
    times, heights, first = [float(t[0])], [float(height[0])], 1
    running_t, running = np.cumsum(np.append(0.0, t)), np.cumsum(np.append(0.0, height))
    counts = np.arange(1, _MOST_IN_A_MEAN + 1)
    while first < len(t):
        last = first + counts[: len(t) - first]
        means = (running[last] - running[first]) / (last - first)
        seen = np.flatnonzero((means > 0) & (means * np.sqrt(last - first) > _SEEN * noise))
        if not seen.size:
            break
        end = int(last[seen[0]])
        times.append(float((running_t[end] - running_t[first]) / (end - first)))
        heights.append(float(means[seen[0]]))
        first = end
    step = float(t[1] - t[0]) if len(t) > 1 else 1.0
    return np.append(times, times[-1] + step), np.append(heights, 0.0)


def _hash(t: np.ndarray, height: np.ndarray) -> str:
    rows = "".join(f"{a:.8e},{b:.8e}\n" for a, b in zip(t + 0.0, height / height.max() + 0.0, strict=True))
    return hashlib.sha256(rows.encode("ascii")).hexdigest()
