"""Figures of a measurement before any fit: its traces, the order of its decay, the curves of guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from helpers.fitting.problem import pose
from helpers.fitting.start import starting_values
from helpers.kinetics import RateLaw
from helpers.kinetics.law import Law
from helpers.measurement import Measurement
from helpers.plots.style import (
    COLOURS,
    DATA,
    MODEL,
    SCALES,
    axes_for,
    labels_of,
    limit_axes,
    look,
    points,
    shades,
    smooth_times,
    time_label,
)
from helpers.traces import Trace, decay_rates, decay_terms
from helpers.units import axis_label, rate_units


def plot_measurement(
    measurement: Measurement,
    whole: Sequence[Trace] = (),
    *,
    scale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draw the points of a measurement that are used, over all points of its files.

    Parameters
    ----------
    measurement : Measurement
    whole : sequence of Trace, optional
        The traces as they were read, one for each of the measurement.
    scale : {"linear", "semilog", "loglog"}
        With "loglog" the time runs from the pulse, and `whole` is not drawn. A negative signal is turned
        for a logarithmic axis.

    Examples
    --------
    >>> ax = plot_measurement(Measurement(Trace([0, 1, 2], [4, 2, 1], name="mine")))
    >>> [line.get_label() for line in ax.lines]
    ['mine']
    """
    ax = axes_for(ax)
    rows = _rows(measurement, scale)
    if scale != "loglog":
        for number, trace in enumerate(_turned(measurement, whole, scale)):
            label = "_" if number else "all points"
            ax.plot(*points(trace, 0.0, scale), **DATA, label=label)
    names = labels_of(measurement.traces)
    if len(rows) == 1:
        names, colours = ["used" if whole else measurement.traces[0].name or "data"], [COLOURS["blue"]]
    else:
        colours = shades(len(rows))
    for (trace, start), name, colour in zip(rows, names, colours, strict=True):
        ax.plot(*points(trace, start, scale), **DATA | {"color": colour, "zorder": 2}, label=name)
    _finish(ax, measurement, rows, scale)
    return ax


def plot_decay_order(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """Draw −dn/dt against n on log axes, with the terms k1·n, k2·n², k3·n³ (slopes 1, 2, 3) and their sum.

    Drawn as far down as the derivative stands out of the noise (see `slopes.decay_rates`). The terms come
    from these points alone (see `slopes.decay_terms`); a term that they do not show is left out.
    """
    ax = axes_for(ax)
    n, rate, error = decay_rates(trace)
    ax.errorbar(
        n, rate, yerr=error, fmt="o", markersize=4, color=COLOURS["black"], label=trace.name or "data"
    )
    reach = np.geomspace(n.min(), n.max(), 100)
    terms = decay_terms(n, rate, error)
    for order, k in enumerate(terms, 1):
        if k > 0:
            label = f"slope {order}: k{order} = {k:.3g}"
            ax.plot(reach, k * reach**order, **look(order - 1), linewidth=1.2, zorder=1, label=label)
    total = sum(k * reach**order for order, k in enumerate(terms, 1))
    ax.plot(reach, total, **look(3), linewidth=1.2, zorder=1, label="sum")
    ax.set(xscale="log", yscale="log", ylim=(rate.min() / 3, 3 * rate.max()))
    ax.set_xlabel(axis_label("n", trace.signal_unit))
    ax.set_ylabel(axis_label("−dn/dt", rate_units(trace.t_unit, trace.signal_unit)[0]))
    ax.legend()
    return ax


def plot_starts(
    measurement: Measurement,
    guesses: Mapping[str, Mapping[str, float] | None],
    *,
    law: Law | None = None,
    scale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draw a measurement with the curves of guesses, scale and background at their best for each.

    Parameters
    ----------
    measurement : Measurement
    guesses : mapping of name to guess
        As a fit takes them; None is the automatic guess, which is drawn in black.
    law : Law, optional
        The rate law by default.
    scale : {"linear", "semilog", "loglog"}
        As for `plot_measurement`.

    Raises
    ------
    ValueError
        For a guess that the law does not take, or an equation without one.

    Examples
    --------
    >>> halves = Measurement(Trace([0, 1, 2], [4, 2, 1]))
    >>> ax = plot_starts(halves, {"half a life": {"G": 0, "k1": 0.35, "k2": 0, "k3": 0}})
    >>> [line.get_label() for line in ax.lines]
    ['data', 'half a life']
    """
    ax, law = axes_for(ax), RateLaw() if law is None else law
    rows = _rows(measurement, scale)
    for number, (trace, start) in enumerate(rows):
        label = (trace.name or "data") if len(rows) == 1 else "_" if number else "data"
        ax.plot(*points(trace, start, scale), **DATA, label=label)
    zeros = measurement.time_zero
    times = [smooth_times(trace, zero) for trace, zero in zip(measurement.traces, zeros, strict=True)]
    turn = _turn(measurement, scale)
    for k, (name, guess) in enumerate(guesses.items()):
        style = MODEL | look(k)
        if guess is None:
            style |= {"color": COLOURS["black"], "linestyle": "-"}
        curves = _curves(measurement, law, guess, times)
        for number, (t, curve, (_, start)) in enumerate(zip(times, curves, rows, strict=True)):
            ax.plot(t - start, turn * curve, **style, label="_" if number else name)
    _finish(ax, measurement, rows, scale)
    return ax


def plot_variations(
    measurement: Measurement,
    guess: Mapping[str, float],
    *,
    law: Law | None = None,
    factors: Sequence[float] = (1 / 3, 3.0),
    scale: str = "semilog",
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw what each parameter of a law does to a curve: one picture a parameter, the others held.

    Parameters
    ----------
    measurement : Measurement
    guess : mapping of name to value
        The curve in the middle. A parameter that is 0 in it has no multiples and no picture.
    law : Law, optional
        The rate law by default.
    factors : sequence of float
        By which the parameter is multiplied, one curve each.
    scale : {"linear", "semilog", "loglog"}
        As for `plot_measurement`.
    axes : sequence of Axes, optional
        One for each parameter that is not 0; new ones side by side by default.

    Returns
    -------
    sequence of Axes
        With the name of its parameter as title.

    Raises
    ------
    ValueError
        If every parameter of the guess is 0, or the number of axes differs from that of the parameters.

    Examples
    --------
    >>> halves = Measurement(Trace([0, 1, 2], [4, 2, 1]))
    >>> (ax,) = plot_variations(halves, {"G": 0, "k1": 0.35, "k2": 0, "k3": 0})
    >>> [line.get_label() for line in ax.lines]
    ['data', 'k1', 'k1 × 0.333', 'k1 × 3']
    """
    law = RateLaw() if law is None else law
    moved = [name for name in law.names if guess.get(name)]
    if not moved:
        raise ValueError("every parameter of the guess is 0, and has no multiples; give one that is not")
    if axes is None:
        _, grid = plt.subplots(1, len(moved), figsize=(3.6 * len(moved), 3.6), sharey=True, squeeze=False)
        axes = list(grid[0])
    if len(axes) != len(moved):
        raise ValueError(f"{len(axes)} axes for {', '.join(moved)}; give one for each")
    for ax, name in zip(axes, moved, strict=True):
        curves = {name: dict(guess)}
        curves |= {f"{name} × {factor:.3g}": {**guess, name: guess[name] * factor} for factor in factors}
        plot_starts(measurement, curves, law=law, scale=scale, ax=ax)
        ax.set_title(name)
        ax.label_outer()
    return axes


def _curves(measurement: Measurement, law: Law, guess, times) -> list[np.ndarray]:
    """Return the curve of a guess for each trace."""
    start = starting_values(measurement, law, guess, law.held)
    problem = pose(measurement, law, start, varied=())
    x = problem.point(np.array([start[name] for name in problem.names]))
    return problem.curves(problem.settle(x, problem.linear), times)


def _turn(measurement: Measurement, scale: str) -> float:
    """Return -1 where a negative signal has to be turned for a logarithmic axis."""
    if scale not in SCALES:
        raise ValueError(f"scale = {scale!r}: choose one of {', '.join(SCALES)}")
    return -1.0 if SCALES[scale][1] == "log" and measurement.observable.sign == -1 else 1.0


def _turned(measurement: Measurement, traces: Sequence[Trace], scale: str) -> list[Trace]:
    turn = _turn(measurement, scale)
    return [replace(trace, signal=turn * trace.signal) for trace in traces]


def _rows(measurement: Measurement, scale: str) -> list[tuple[Trace, float]]:
    """Return each trace as it is drawn, with the time from which its axis runs."""
    starts = measurement.time_zero if scale == "loglog" else np.zeros(len(measurement))
    traces = _turned(measurement, measurement.traces, scale)
    return [(trace, float(start)) for trace, start in zip(traces, starts, strict=True)]


def _finish(ax: Axes, measurement: Measurement, rows: list[tuple[Trace, float]], scale: str) -> None:
    is_density = measurement.observable.kind == "density" and measurement.scale.mode == "fixed"
    name = ("−" if _turn(measurement, scale) < 0 else "") + ("n" if is_density else "signal")
    ax.set(xscale=SCALES[scale][0], yscale=SCALES[scale][1])
    ax.set_xlabel(time_label(measurement.traces[0], scale, "the pulse"))
    ax.set_ylabel(axis_label(name, measurement.signal_unit))
    limit_axes(ax, rows, scale)
    ax.legend()
