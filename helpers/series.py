"""Global fits: one set of rates for all traces of a fluence series.

One trace cannot tell trap, radiative and Auger recombination apart while its amplitude is free; the same
sample at several excitation levels can, because the three processes go with n, n² and n³.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import nnls

from helpers.guesses import slowed
from helpers.kinetics import RATES, Rates, four_rates
from helpers.least_squares import Minimum, minimise
from helpers.observables import Observable, clock
from helpers.series_fit import SeriesFit
from helpers.series_model import MODES, SeriesModel
from helpers.traces import Trace

_ROUNDS = 8  # of Poisson weights, each from the model that the round before has found
_SETTLED = 1e-4  # relative change of every parameter at which the weights have settled
_ROUGH, _WANTED_OFFSET = 1e-2, 1e-8
_SEEN = 0.01  # of the largest signal: the guess does not look below it
_BINS_PER_DECADE, _FEWEST_BINS = 20, 5


def fit_series(
    traces: Iterable[Trace],
    guess: Rates | Sequence[float] | None = None,
    *,
    observable: str | Observable = "density",
    n0: Sequence[float] | float | None = None,
    n0_mode: str | None = None,
    scale: str | None = None,
    scale_value: Sequence[float] | float = 1.0,
    offset: str = "fixed",
    offset_value: Sequence[float] | float = 0.0,
    fixed: Iterable[str] = ("G",),
    weights: str | None = None,
    time_zero: Sequence[float] | float | None = None,
    response_fwhm: float | None = None,
    repetition_period: float | None = None,
    density_unit: str | None = None,
    max_evaluations: int = 200,
) -> SeriesFit:
    """Global fit of signal_j = scale_j·f(n(t; n0_j, G, k1, k2, k3)) + offset_j to the traces j of a series.

    Parameters
    ----------
    traces : iterable of Trace
        The same sample at several excitation levels, all in one unit of time.
    guess : Rates or four numbers, optional
        Start of G, k1, k2, k3; by default integral matching over all traces (`suggest`). In a train of
        pulses an all-zero guess has no steady state: there every free rate begins at its natural unit.
    observable : str or Observable
        "density", "photoluminescence" (∝ n²; `Observable("photoluminescence", p0)` for a doped sample) or
        "mobility".
    n0 : one number for each trace
        Densities just after the pulse, the start or the value as `n0_mode` says. Optional where the signal
        is the density itself; else take them from the fluence (`excitation.carrier_density`).
    n0_mode, scale, offset : {"fixed", "free", "shared"}
        What is fitted. "free": each trace its own. "shared" n0 and scales keep the ratios of `n0` and
        `scale_value`, with one factor fitted; a shared offset is one for all. By default n0 is free and
        the scale fixed for "density", the other way round for the others; the offset is fixed.
    scale_value, offset_value : number or one for each trace
        Values where fixed (scale_value: ratios where shared).
    fixed : names among G, k1, k2, k3
        Rates held at their guess (at 0 without one). G is, unless this is told otherwise.
    weights : {None, "poisson"}
        None: 1/sigma where the traces have sigma; else 1/(largest signal), so that all traces count alike.
        "poisson" is for raw counts: 1/√(expected counts), with errors absolute.
    time_zero : number or one for each trace, optional
        When the pulse comes, on the traces' axis: by default their first time, or 0 where an instrument
        response or a repetition period asks for the time before the pulse as well.
    response_fwhm : float, optional
        Width of a Gaussian instrument response.
    repetition_period : float, optional
        Time between pulses, for samples that have not recovered when the next pulse comes; n0 is then the
        density that one pulse adds.
    density_unit : str, optional
        Unit of n0 and hence of the rates: by default "cm^-3", or the signal's unit where that is a density.
    max_evaluations : int

    Returns
    -------
    SeriesFit

    Raises
    ------
    ValueError
        For no traces, unequal units of time, missing n0, unknown names or modes, counts below zero, a trace
        without signal, a scale of 0, units beyond what doubles hold.

    Notes
    -----
    Scales and offsets are eliminated (`separable`); the search sees rates and n0 only, in units of
    1/T, 1/(N·T) and 1/(N²·T) with the exact Jacobian. Poisson weights come from the model, not from the
    counts, and are renewed until they settle: the maximum-likelihood estimate, without its small-count bias.

    Examples
    --------
    >>> t = np.linspace(0, 5, 50)
    >>> traces = [Trace(t, n / (1 + 3 * n * t)) for n in (1.0, 2.0)]
    >>> round(fit_series(traces).rates.k2, 6)
    3.0
    """
    traces, fixed = _checked_traces(traces), _checked_names(fixed)
    law = observable if isinstance(observable, Observable) else Observable(observable)
    is_density = law.kind == "density"
    per_trace = partial(_one_each, traces)
    if time_zero is None:
        sees_past = response_fwhm is not None or repetition_period is not None
        time_zero = [0.0 if sees_past else trace.t[0] for trace in traces]
    zeros = per_trace(time_zero, "time_zero")
    options = {"response_fwhm": response_fwhm, "period": repetition_period}
    model = SeriesModel(
        traces=traces,
        clocks=[clock(each.t, time_zero=zero, **options) for each, zero in zip(traces, zeros, strict=True)],
        weights=_weights(traces, weights),
        observable=law,
        n0=np.ones(len(traces)),
        scale=_not_zero(per_trace(scale_value, "scale_value")),
        offset=per_trace(offset_value, "offset_value"),
        n0_mode=_mode("n0", n0_mode or ("free" if is_density else "fixed")),
        scale_mode=_mode("scale", scale or ("fixed" if is_density else "free")),
        offset_mode=_mode("offset", offset),
    )
    model = replace(model, n0=_initial_densities(model) if n0 is None else _positive(per_trace(n0, "n0")))
    guess = suggest(model, fixed) if guess is None else four_rates(guess)
    densities_move = [model.n0_mode != "fixed"] * (len(model.names) - len(RATES))
    free = np.array([name not in fixed for name in RATES] + densities_move)
    start = _resolved(model, model.start(guess), free)
    model, minimum = _search(model, start, free, weights == "poisson", max_evaluations)
    unit = density_unit or (traces[0].signal_unit if is_density else "cm^-3")
    is_absolute = weights == "poisson" or traces[0].sigma is not None
    return SeriesFit(model, model.problem(), minimum, free, guess, is_absolute, unit)


def suggest(model: SeriesModel, fixed: Iterable[str] = ("G",)) -> Rates:
    """Rates by integral matching over a whole series: n_j(t) = n_j(0) + G·t − k1∫n_j − k2∫n_j² − k3∫n_j³.

    Densities come from the signals, binned on a log axis; scales that are to be fitted from the largest
    signal and n0. Linear in the rates and the n_j(0), so that non-negative least squares solves it; rates
    in `fixed` are left at 0.

    Examples
    --------
    >>> t = np.linspace(0, 5, 200)
    >>> fit = fit_series([Trace(t, n / (1 + 3 * n * t)) for n in (1.0, 2.0)])
    >>> round(suggest(fit.model).k2, 1)
    3.0
    """
    free = [name not in fixed for name in RATES]
    units = model.x_scales[:4]
    span, top = 1 / units[1], units[1] / units[2]
    columns = free + [True] * len(model.traces)
    blocks, targets = [], []
    for j, (t, n) in enumerate(_seen_densities(model)):
        t, n, largest = t / span, n / top, n.max() / top or 1.0
        integrals = [-cumulative_trapezoid(n**power, t, initial=0.0) for power in (1, 2, 3)]
        starts = np.zeros((len(t), len(model.traces)))
        starts[:, j] = 1.0
        blocks.append(np.column_stack([t, *integrals, starts])[:, columns] / largest)
        targets.append(n / largest)
    rates = np.zeros(len(RATES))
    rates[free] = nnls(np.vstack(blocks), np.concatenate(targets))[0][: sum(free)]
    return Rates(*(rates * units))


def _seen_densities(model):
    """Yield the times since the pulse and the densities of each trace, as far as its signal stands out."""
    for trace, clock_, scale, offset, n0 in zip(
        model.traces, model.clocks, model.scale, model.offset, model.n0, strict=True
    ):
        elapsed = trace.t - clock_.time_zero
        if model.offset_mode != "fixed" and (elapsed < 0).any():
            offset = trace.signal[elapsed < 0].mean()
        begin = elapsed >= (0.0 if clock_.response_fwhm is None else elapsed[trace.signal.argmax()])
        part = Trace(elapsed[begin], trace.signal[begin] - offset).log_binned(_BINS_PER_DECADE)
        if model.scale_mode != "fixed":
            scale = np.abs(part.signal).max() / model.observable.signal(n0)
            scale = np.copysign(scale, part.signal[0])
        n = model.observable.density(part.signal / scale)
        dark = np.flatnonzero(part.signal / scale < _SEEN * (part.signal / scale).max())
        end = max(dark[0] if len(dark) else len(n), min(_FEWEST_BINS, len(n)))
        yield part.t[:end], n[:end]


def _search(model, start, free, counted: bool, most: int) -> tuple[SeriesModel, Minimum]:
    """Minimise; with Poisson weights first roughly, in rounds, each with the counts that the last expects."""
    spent = 0
    for _ in range(_ROUNDS if counted else 0):
        model = model.counting(start)
        rough = minimise(model.problem(), start, free=free, max_evaluations=most, wanted_offset=_ROUGH)
        spent += rough.evaluations
        settled = (np.abs(rough.x - start) <= _SETTLED * rough.x).all()
        start = rough.x
        if settled:
            break
    found = minimise(model.problem(), start, free=free, max_evaluations=most, wanted_offset=_WANTED_OFFSET)
    return model, replace(found, evaluations=found.evaluations + spent)


def _resolved(model, x, free) -> np.ndarray:
    """Return `x` with rates that the data resolve: not over before the second point, in trains not all 0."""
    if model.clocks[0].period is not None and not x[1:4].any():
        recombination = free & np.isin(np.arange(len(x)), (1, 2, 3))
        return np.where(recombination, 1.0, x)
    span = max(each.nodes.max() for each in model.clocks)
    first = min(each.nodes[each.nodes > 0].min() for each in model.clocks) / span
    return slowed(x, free, first)


def _weights(traces, weights: str | None) -> list[np.ndarray]:
    if weights == "poisson":
        if negative := [trace.name for trace in traces if trace.signal.min() < 0]:
            raise ValueError(
                f"{negative}: counts below zero; for Poisson weights give raw counts and fit the background"
                ' with offset="free", or leave weights out'
            )
    elif weights is not None:
        raise ValueError(f'weights = {weights!r}: give "poisson" for raw counts, or None')
    with_sigma = [trace.sigma is not None for trace in traces]
    if any(with_sigma) != all(with_sigma):
        raise ValueError("some traces have sigma and some have none; give it to all of them, or to none")
    if all(with_sigma):
        return [1 / trace.sigma for trace in traces]
    return [np.full(len(trace), 1 / (np.abs(trace.signal).max() or 1.0)) for trace in traces]


def _initial_densities(model: SeriesModel) -> np.ndarray:
    """Densities that the signals begin with, where the signal is the density times a known scale."""
    if model.observable.kind != "density" or model.scale_mode != "fixed":
        raise ValueError(
            "give n0, the initial density of each trace; excitation.carrier_density has it from the fluence"
        )
    rows = zip(model.traces, model.clocks, model.scale, model.offset, strict=True)
    first = [(trace.signal[trace.t >= each.time_zero][0] - b) / a for trace, each, a, b in rows]
    return _positive(np.array(first))


def _not_zero(scale: np.ndarray) -> np.ndarray:
    if not scale.all():
        raise ValueError(
            f"scale_value = {scale.tolist()}: a scale of 0 leaves no signal; give another, or leave it out"
        )
    return scale


def _positive(n0: np.ndarray) -> np.ndarray:
    if not (n0 > 0).all():
        raise ValueError(f"n0 = {n0.tolist()}: the initial densities must be positive; give them as n0=[…]")
    return n0


def _one_each(traces, values, name: str) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != len(traces)):
        raise ValueError(f"{name} holds {values.size} numbers for {len(traces)} traces; give one for each")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} = {values.tolist()}: every value must be finite")
    return np.broadcast_to(values, len(traces)).copy()


def _mode(name: str, mode: str) -> str:
    if mode not in MODES:
        raise ValueError(f"{name} = {mode!r}: choose one of {', '.join(MODES)}")
    return mode


def _checked_names(fixed) -> frozenset[str]:
    names = frozenset([fixed] if isinstance(fixed, str) else fixed)
    if unknown := names - set(RATES):
        raise ValueError(
            f"fixed = {sorted(unknown)}: the rates are {', '.join(RATES)}; n0, scale and offset have modes"
        )
    return names


def _checked_traces(traces) -> tuple[Trace, ...]:
    traces = tuple(traces)
    if not traces:
        raise ValueError("no traces: give the traces of a fluence series, one at least")
    for number, trace in enumerate(traces, 1):
        if not trace.signal.any():
            label = repr(trace.name) if trace.name else f"number {number}"
            raise ValueError(f"trace {label}: every signal is 0, which tells nothing; leave the trace out")
    if len(units := {trace.t_unit for trace in traces}) > 1:
        raise ValueError(f"the traces have different units of time, {sorted(units)}; load them in one unit")
    return traces
