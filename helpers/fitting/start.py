"""Where a search begins: rates by integral matching, scales and offsets from the size of the signals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from scipy.integrate import cumulative_simpson, cumulative_trapezoid
from scipy.optimize import nnls

from helpers.fitting.parameters import parameters_of
from helpers.fitting.problem import natural_density
from helpers.kinetics import RATES, RateLaw, Rates, natural_rates
from helpers.kinetics.law import Law
from helpers.measurement import Measurement, as_measurement
from helpers.traces import Trace

_SEEN = 0.01  # of the largest signal: the guess does not look below it
_BINS_PER_DECADE, _FEWEST_BINS = 20, 5
_FEWEST_POINTS = 3
_LEAST_OFFSET = 1e-2  # counts: an expected background of 0 would forbid a single dark count


def suggest(data: Trace | Measurement, *, fixed: Mapping[str, float] | None = None) -> Rates:
    """Rates by integral matching: n(t) = n(0) + G·t − k1∫n − k2∫n² − k3∫n³, linear in all of them.

    Non-negative least squares on the integrals of the data, which are turned into densities first; no start
    is needed, and there is no iteration.

    Parameters
    ----------
    data : Trace or Measurement
        At least three points of decay; a trace is taken as a density.
    fixed : mapping of name to value, optional
        Coefficients that are known ("G", "k1", "k2", "k3"); the others are matched around them.

    Returns
    -------
    Rates
        In the measurement's units; a good start for a fit, not yet a fit.

    Raises
    ------
    ValueError
        For too few points, an observable without an inverse, or rates that no double holds.

    Examples
    --------
    >>> t = np.linspace(0, 3, 300)
    >>> round(suggest(Trace(t, np.exp(-2 * t))).k1, 2)
    2.0
    """
    measurement = as_measurement(data)
    known = dict(fixed or {})
    if unknown := set(known) - set(RATES):
        raise ValueError(f"fixed = {sorted(unknown)}: the rates are {', '.join(RATES)}")
    densities = list(_densities(measurement))
    if all(len(t) < _FEWEST_POINTS for t, _, _ in densities):
        name = f"trace {measurement.name!r}" if measurement.name else "trace"
        raise ValueError(f"{name}: too few points to guess rates from; give at least 3, or a guess")
    span = max(float(t[-1]) for t, _, _ in densities)
    top = max(float(np.abs(n).max()) for _, n, _ in densities) or 1.0
    units = natural_rates(span, top)
    values = np.array([known.get(name, 0.0) for name in RATES]) / units
    free = np.array([name not in known for name in RATES])
    blocks, targets = [], []
    for j, (t, n, weights) in enumerate(densities):
        columns = _integrals(t / span, n / top)
        starts = np.zeros((len(t), len(densities)))
        starts[:, j] = 1.0
        blocks.append(np.column_stack([columns[:, free], starts]) * weights[:, None])
        targets.append((n / top - columns @ values) * weights)
    values[free] = nnls(np.vstack(blocks), np.concatenate(targets))[0][: free.sum()]
    with np.errstate(over="ignore"):  # an infinite rate is refused
        return Rates(*(values * units))


def _integrals(t: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Columns t, −∫n, −∫n², −∫n³."""
    running = cumulative_simpson if len(t) > _BINS_PER_DECADE * _FEWEST_BINS else cumulative_trapezoid
    return np.column_stack([t, *(-running(n**power, x=t, initial=0.0) for power in (1, 2, 3))])


def _densities(measurement: Measurement) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield times since the pulse, densities and weights of each trace, as far as its signal stands out.

    A calibrated density needs no such cut: every point of it counts.
    """
    calibrated = measurement.observable.kind == "density" and measurement.scale.mode == "fixed"
    linear = initial_linear(measurement)
    for j, trace in enumerate(measurement.traces):
        elapsed = trace.t - measurement.time_zero[j]
        if measurement.repetition_period is not None:
            elapsed = np.mod(elapsed, measurement.repetition_period)
        scale, offset = linear[j]
        order = np.argsort(elapsed, kind="stable")
        upright = (measurement.observable.sign or 1) * (trace.signal - offset)[order]
        begin = 0.0
        if measurement.response_fwhm is not None:
            begin = max(float(elapsed[order][upright.argmax()]), 0.0)
        used = order[elapsed[order] >= begin]
        used = used[np.diff(elapsed[used], prepend=-np.inf) > 0]
        if len(used) < 2:
            yield elapsed[used], np.zeros(len(used)), np.ones(len(used))
            continue
        sigma = None if trace.sigma is None else trace.sigma[used]
        part = Trace(elapsed[used], trace.signal[used] - offset, sigma)
        if calibrated and len(measurement) == 1:
            n = _density(measurement, part.signal / scale)
            weights = np.ones(len(n)) if sigma is None else sigma.min() / sigma
            yield part.t - part.t[0], n, weights
        else:
            yield _binned(measurement, part, scale)


def _density(measurement: Measurement, signal: np.ndarray) -> np.ndarray:
    density = measurement.observable.density(signal)
    if density is None:
        raise ValueError("there is no automatic guess for an observable of your own: give a guess")
    return density


def _binned(measurement: Measurement, part: Trace, scale: float):
    part = Trace(part.t, part.signal).log_binned(_BINS_PER_DECADE)
    n = _density(measurement, part.signal / scale)
    height = (measurement.observable.sign or 1) * part.signal / scale
    dark = np.flatnonzero(height < _SEEN * height.max())
    end = max(dark[0] if len(dark) else len(n), min(_FEWEST_BINS, len(n)))
    n = n[:end]
    return part.t[:end], n, np.full(len(n), 1 / (float(np.abs(n).max()) or 1.0))


def initial_linear(measurement: Measurement) -> np.ndarray:
    """Scale and offset of each trace to begin with, shape (m, 2): given, or read off the signal.

    Examples
    --------
    >>> initial_linear(Measurement(Trace([0, 1, 2], [4, 2, 1]))).tolist()
    [[1.0, 0.0]]
    """
    rows = []
    for j, trace in enumerate(measurement.traces):
        scale = float(np.asarray(measurement.scale.value)[j])
        offset = float(np.asarray(measurement.offset.value)[j])
        dark = measurement.before_pulse(j)
        if measurement.offset.mode != "fixed":
            if dark.any():
                offset = float(trace.signal[dark].mean())
            if measurement.noise == "poisson":
                offset = max(offset, _LEAST_OFFSET)
        if measurement.scale.mode != "fixed":
            sign = measurement.observable.sign or 1
            height = float((sign * (trace.signal - offset)).max())
            if height <= 0:  # the background lies above all of the decay: what is left is its span
                height = float(np.ptp(trace.signal)) or 1.0
            n0 = float(np.asarray(measurement.n0.value)[j]) if measurement.n0.value is not None else 1.0
            scale = height / _seen_height(measurement, n0)
        rows.append((scale, offset))
    return np.array(rows)


def _seen_height(measurement: Measurement, n0: float) -> float:
    """Absolute signal at the density n0; 1 where only the law can tell (several states)."""
    try:
        height = abs(float(measurement.observable.signal(np.array([n0]))[0][0]))
    except (ValueError, IndexError, TypeError):
        return 1.0
    return height if 0 < height < np.inf else 1.0


def initial_densities(measurement: Measurement) -> np.ndarray:
    """Density of each trace just after the pulse: given, or the first of a calibrated density."""
    if measurement.n0.value is not None:
        return np.asarray(measurement.n0.value, float)
    found = []
    for j, (trace, (scale, offset)) in enumerate(
        zip(measurement.traces, initial_linear(measurement), strict=True)
    ):
        first = (trace.signal[trace.t >= measurement.time_zero[j]][0] - offset) / scale
        density = measurement.observable.density(np.array([first]))
        found.append(max(float(density[0]), 0.0) if density is not None else 1.0)
    return np.array(found)


def starting_values(
    measurement: Measurement, law: Law, guess, held: Collection[str] = ()
) -> dict[str, float]:
    """Value of every parameter at the start of a search.

    Parameters
    ----------
    measurement, law
    guess : mapping of name to value, sequence of numbers, or None
        Of the law's parameters (a mapping may hold any parameter); None asks for the automatic guess.
    held : names
        Parameters that stay at their guess, at 0 without one.

    Raises
    ------
    ValueError
        For unknown names, numbers below a bound, or a law without an automatic guess.

    Examples
    --------
    >>> starting_values(Measurement(Trace([0, 1, 2], [4, 2, 1])), RateLaw(), [0, 0.5, 0, 0])
    {'G': 0.0, 'k1': 0.5, 'k2': 0.0, 'k3': 0.0, 'n0': 4.0}
    """
    parameters = parameters_of(law, measurement)
    given = _given(guess, law)
    if unknown := set(given) - {each.name for each in parameters}:
        listed = ", ".join(each.name for each in parameters)
        raise ValueError(f"guess: there is no {', '.join(sorted(unknown))}; the parameters are {listed}")
    measurement = measurement.with_time_zeros(given)
    start = _of_law(measurement, law, given, held)
    linear, densities = initial_linear(measurement), initial_densities(measurement)
    for each in parameters[len(law.parameters) :]:
        j = each.trace or 0
        if each.name.endswith("_factor"):
            value = 1.0
            if each.kind == "scale":
                value = float(np.median(linear[:, 0] / np.asarray(measurement.scale.value)))
        else:
            value = {
                "n0": densities[j],
                "scale": linear[j, 0],
                "offset": linear[j, 1],
                "time_zero": measurement.time_zero[j],
                "scatter": np.asarray(measurement.scatter.value)[j],
            }[each.kind]
        start[each.name] = float(given.get(each.name, value))
    for each in parameters:
        if not (np.isfinite(start[each.name]) and start[each.name] >= each.lower):
            raise ValueError(
                f"{each.name} = {start[each.name]:g}: a guess must be finite and >= {each.lower:g}"
            )
    return start


def _given(guess, law: Law) -> dict[str, float]:
    if guess is None:
        return {}
    if isinstance(guess, Rates) or not hasattr(guess, "keys"):
        if not isinstance(guess, Rates) and not _are_numbers(guess):
            raise ValueError(f"guess = {guess!r:.60}: give numbers for {', '.join(law.names)}")
        return dict(zip(law.names, law.values(guess).tolist(), strict=True))
    given = {}
    for name in guess.keys():  # noqa: SIM118  a Series iterates values
        if np.ndim(guess[name]) or not _are_numbers(guess[name]) or not np.isfinite(float(guess[name])):
            raise ValueError(f"guess: {name} = {guess[name]!r:.60} is no finite number; give one")
        given[str(name)] = float(guess[name])
    return given


def _are_numbers(values) -> bool:
    try:
        return np.asarray(values).dtype.kind in "buif"
    except ValueError:  # lists of different lengths
        return False


def _of_law(measurement, law: Law, given, held) -> dict[str, float]:
    if measurement.observable.is_quadratic:
        law.refuse_doping(measurement.observable.p0)
    missing = [name for name in law.names if name not in given]
    if not missing:
        return {name: given[name] for name in law.names}
    if not isinstance(law, RateLaw):
        density = float(np.exp(np.mean(np.log(np.maximum(initial_densities(measurement), 1e-300)))))
        named = [given.get(each.name, 0.0) for each in law.parameters if each.is_density]
        density = next((each for each in named if each > 0), density)  # the other guesses go with it
        if (found := law.from_rates(suggest(measurement), density)) is not None:
            rest = dict.fromkeys([name for name in law.names if name in held], 0.0)
            return found | rest | {name: given[name] for name in law.names if name in given}
        raise ValueError(
            f"give a guess for {', '.join(missing)}: an equation of your own has no automatic one"
        )
    known = {name: given.get(name, 0.0) for name in law.names if name in given or name in held}
    suggested = dict(zip(RATES, suggest(measurement, fixed=known), strict=True))
    return {name: float(known.get(name, suggested[name])) for name in law.names}


def largest_density(measurement: Measurement) -> float:
    """Density that sets the scale of a measurement, for sliders and natural units."""
    return natural_density(measurement, initial_densities(measurement))
