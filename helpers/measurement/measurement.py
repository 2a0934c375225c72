"""A measurement: one trace or several, and how they were taken."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers.description import keys
from helpers.measurement.arguments import (
    baseline_of,
    checked,
    film_of,
    numbered,
    numbers,
    repetition_of,
    response_of,
    sign_of,
    traces_of,
    window_of,
)
from helpers.measurement.consistency import refuse_contradictions, windowed
from helpers.measurement.edge import Edge
from helpers.measurement.excitation import carrier_density
from helpers.measurement.instrument import Response
from helpers.measurement.noise import with_noise
from helpers.measurement.observable import Observable, as_observable
from helpers.measurement.pulse_times import EDGE_WIDTHS, PulseTimes, times_of_pulses
from helpers.measurement.quantity import Quantity, amount, as_quantity
from helpers.measurement.response import Clock, clock
from helpers.measurement.sample import Sample, sample_of
from helpers.traces import Trace
from helpers.units import density_in_cm3, seconds


class _Kind(NamedTuple):
    """What a kind of measurement takes for granted."""

    observable: str
    scale: str
    offset: str
    noise: str | None
    time_zero: str


# Defaults of each kind; a baseline frees the offset besides (see `Measurement.__init__`).
KINDS = {
    "density": _Kind("density", "fixed", "fixed", None, "first"),
    "TRPL counts": _Kind("photoluminescence", "free", "free", "poisson", "edge"),
    "TA": _Kind("mobility", "free", "free", None, "edge"),
    "TRMC": _Kind("mobility", "free", "free", None, "edge"),
}


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Measurement:
    """Traces of one sample and how they were taken: signal_j(t) = scale_j·(g ∗ S(n_j))(t − t0_j) + offset_j.

    Parameters
    ----------
    traces : Trace or iterable of Trace
        All in one unit of time. Those of one name are numbered: "film 1" and "film 2".
    kind : {"density", "TRPL counts", "TA", "TRMC"}, optional
        Sets the defaults of what follows; without it they are those of a bare signal (offset fixed at 0,
        time zero at the first point, noise from sigma or even).
    name : str, optional
        What the measurement is called; by default the first trace's name.
    several : {"one law", "each alone"}
        With more than one trace: one fit of all, or one fit of each (see `alone`).
    observable : str, Observable or callable, optional
        Kind of signal, or a function of the density.
    sign : {1, -1, "positive", "negative"}, optional
        Sign of the signal; by default 1 for a density and for luminescence, else taken from the data.
    density_unit : str, optional
        Unit of n0 and hence of the rates; by default the signal's unit for a density, else "cm^-3".
    noise : {"poisson", "sigma", "even", "estimated"}, optional
        See `noise.with_noise`, also for `sigma_relative_percent` and `sigma_floor`.
    n0 : Quantity, mode, numbers, or "unknown", optional
        Density just after the pulse (in a train: what each pulse adds), one for each trace. For a density
        it is fitted and begins at the data; for the others it is fixed and must be known. With "unknown"
        densities are counted in units of n0, so that a fit gives k1, k2·n0 and k3·n0²; for several traces
        in units of the first one's, whose ratios are those of their fluences.
    n0_cm3, fluence_uJ_cm2, film : optional
        Other ways to n0: densities in cm^-3; or fluences in µJ/cm² with the film's wavelength_nm,
        thickness_nm, absorption_per_cm and reflection (see `excitation.carrier_density`).
        What else the film's mapping knows (diffusion_cm2_s, surface_velocity_cm_s, bulk_lifetime_ns,
        refractive_index) is kept in `sample`, for notes on what the rates hold.
    spot_diameter_um, collected_diameter_um, count_rate_Hz : float, optional
        Likewise: the 1/e² diameter of a Gaussian spot, the diameter from which the signal comes, and the
        detected photons per second.
    fluence_error_percent : float, optional
        Error of the fluence, or of n0, that all traces share; it gives rates a second error.
    p0, p0_cm3 : float, optional
        Doping, in the density unit or in cm^-3.
    scale, offset : Quantity, mode or numbers, optional
        Signal per unit of the observable, and background. Numbers alone are fixed.
    window : (float or None, float or None), optional
        First and last time to use.
    baseline : (float, float), optional
        Times before the pulse with only background; it is fitted as the offset, not subtracted.
    time_zero : number, one for each trace, "edge", "fitted", "shared", "first", "peak" or Quantity, optional
        When the pulse comes, on the traces' axis, found in the window. "edge" is half the rise, which is not
        known to a fraction of its width: without a response the points within two widths of it are left out;
        with one all points are used, and time zero is fitted, beginning there. "fitted" asks for that,
        "shared" for one common time zero of all traces. A Quantity of mode "free" or "shared" says where to
        begin; shared ones keep the differences of the given numbers. "peak" leaves out what is before it, but
        for the baseline. A number is known and uses all points.
    response : Response, Trace, path or mapping, optional
        The instrument's response: a recording of it (a Trace with its unit of time, or a file whose header
        names that unit), or {"fwhm": 0.2, "tail": 0.5} in the traces' unit, see `instrument.Response`. Counts
        of the first points of a recording are taken for its background.
    response_background : (float, float), optional
        Times of the recording, on its own axis, with background only.
    response_fwhm : float, optional
        Full width at half maximum of a Gaussian response, in the traces' unit of time.
    scatter : Quantity, mode or numbers, optional
        Scattered light of the pulse in the signal: its height at its largest, with the shape of the response;
        none by default. "free" fits it to each trace.
    bin_width : float, optional
        Width of the channels over which the signal was collected, with the times at their middle: the model
        is averaged over them. Not needed where the channels are short beside the response.
    repetition_Hz, repetition_period : float, optional
        Pulses per second, or the time from pulse to pulse in the traces' unit; neither, or repetition_Hz =
        "single", for single pulses. No trace may be longer than the period.

    Attributes
    ----------
    n0, scale, offset, scatter : Quantity
        With a value for each trace (None where it comes from the data).
    time_zero : ndarray
        One for each trace, resolved; where a fit begins unless `time_zero_mode` is "fixed".
    time_zero_mode : {"fixed", "free", "shared"}
    sample : Sample
        What is known of film, spot and counting beside what a fit needs.
    file : Path or None
        The description that the measurement was read from; None where it was made of arrays.

    Raises
    ------
    ValueError
        For arguments that contradict each other or leave open what changes a rate; the message says what
        to give.

    Examples
    --------
    >>> Measurement([Trace([0, 1, 2], [4, 2, 1], name="halves")])
    Measurement('halves': 1 trace, density, estimated noise)
    """

    traces: tuple[Trace, ...]
    kind: str | None
    name: str
    several: str
    observable: Observable
    density_unit: str
    noise: str
    n0: Quantity
    scale: Quantity
    offset: Quantity
    scatter: Quantity
    time_zero: np.ndarray
    time_zero_mode: str
    edges: tuple[Edge | None, ...]
    baseline: tuple[float, float] | None
    response: Response | None
    repetition_period: float | None
    fluence_error_percent: float | None
    sample: Sample
    file: Path | None = None

    def __init__(
        self,
        traces: Trace | Iterable[Trace],
        *,
        kind: str | None = None,
        name: str = "",
        several: str = "one law",
        observable: str | Observable | None = None,
        sign: int | None = None,
        density_unit: str | None = None,
        noise: str | None = None,
        sigma_relative_percent: float | None = None,
        sigma_floor: float | None = None,
        n0: Quantity | Sequence[float] | float | str | None = None,
        n0_cm3: Sequence[float] | float | None = None,
        fluence_uJ_cm2: Sequence[float] | float | None = None,
        film: Mapping[str, float] | None = None,
        spot_diameter_um: float | None = None,
        collected_diameter_um: float | None = None,
        count_rate_Hz: float | None = None,
        fluence_error_percent: float | None = None,
        p0: float | None = None,
        p0_cm3: float | None = None,
        scale: Quantity | Sequence[float] | float | str | None = None,
        offset: Quantity | Sequence[float] | float | str | None = None,
        window: Sequence[float | None] | None = None,
        baseline: Sequence[float] | None = None,
        time_zero: Quantity | Sequence[float] | float | str | None = None,
        response: Response | Trace | Mapping[str, Any] | str | Path | None = None,
        response_background: Sequence[float] | None = None,
        response_fwhm: float | None = None,
        scatter: Quantity | Sequence[float] | float | str | None = None,
        bin_width: float | None = None,
        repetition_Hz: float | None = None,
        repetition_period: float | None = None,
    ) -> None:
        kind, baseline = checked("kind", kind), baseline_of(baseline)
        usual = _usual(kind, observable)
        given = traces_of(traces)
        seen_by = response_of(response, response_background, response_fwhm, bin_width, given[0].t_unit)
        cut = _checked_traces(windowed(numbered(given), window_of(window), baseline))
        unknown = isinstance(n0, str) and n0.strip().lower() == "unknown"
        period = _period(repetition_Hz, repetition_period, cut[0].t_unit)
        scale_ = as_quantity(scale, usual.scale, 1.0, "scale").for_traces(len(cut), "scale")
        background = "free" if baseline else usual.offset
        offset_ = as_quantity(offset, background, 0.0, "offset").for_traces(len(cut), "offset")
        unit = _density_unit(checked("density_unit", density_unit, keys.text), cut[0], usual, unknown)
        seen = as_observable(usual.observable if observable is None else observable)
        doping = _doping(seen, p0, p0_cm3, unit)
        wish = PulseTimes.asked_for(time_zero, None if kind is None else usual.time_zero, seen_by, period)
        noise_ = checked("noise", noise) or usual.noise
        upright = _sign(seen, sign_of(sign), cut, scale_, offset_, baseline, wish.moment)
        if upright == -1 and noise_ == "poisson":
            raise ValueError("sign = -1: counts are not negative; leave sign out")
        seen = replace(seen, p0=doping, sign=upright)
        kept, zeros, edges, mode = times_of_pulses(cut, wish, seen.sign or 1, baseline, seen_by)
        kept, noise_ = with_noise(kept, noise_, **_known_noise(sigma_relative_percent, sigma_floor))
        error = checked("fluence_error_percent", fluence_error_percent)
        known = _Known(n0, n0_cm3, fluence_uJ_cm2, film, unknown, checked("several", several) == "each alone")
        resolved = {
            "traces": kept,
            "kind": kind,
            "name": (checked("name", name, keys.text) if name != "" else "") or given[0].name,
            "several": checked("several", several),
            "observable": seen,
            "density_unit": unit,
            "noise": noise_,
            "n0": _initial_density(seen, scale_, unit, known, len(kept)),
            "scale": scale_,
            "offset": offset_,
            "scatter": _scatter(scatter, len(kept)),
            "time_zero": zeros,
            "time_zero_mode": mode,
            "edges": edges,
            "baseline": baseline,
            "response": seen_by,
            "repetition_period": period,
            "fluence_error_percent": None if unknown else error,
            "sample": sample_of(
                film if isinstance(film, Mapping) else None,
                p0_cm3=p0_cm3,
                spot_diameter_um=spot_diameter_um,
                collected_diameter_um=collected_diameter_um,
                count_rate_Hz=count_rate_Hz,
            ),
            "file": None,
        }
        for field in fields(self):
            object.__setattr__(self, field.name, resolved[field.name])
        refuse_contradictions(self)
        self.clocks  # noqa: B018  refuses times that leave no decay

    def __len__(self) -> int:
        return len(self.traces)

    def __repr__(self) -> str:
        count = "1 trace" if len(self) == 1 else f"{len(self)} traces"
        return f"Measurement({self.name!r}: {count}, {self.observable.kind}, {self.noise} noise)"

    @property
    def t_unit(self) -> str:
        """Unit of time, common to all traces."""
        return self.traces[0].t_unit

    @property
    def signal_unit(self) -> str:
        """Unit of the first trace's signal."""
        return self.traces[0].signal_unit

    @property
    def size(self) -> int:
        """Number of points of all traces."""
        return sum(len(trace) for trace in self.traces)

    @property
    def response_fwhm(self) -> float | None:
        """Full width at half maximum of the response, whatever its shape."""
        return None if self.response is None else self.response.width

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """Times of each trace as the model needs them."""
        options = {"response": self.response, "period": self.repetition_period}
        pairs = zip(self.traces, self.time_zero, strict=True)
        return tuple(clock(each.t, time_zero=float(zero), **options) for each, zero in pairs)  # type: ignore[arg-type]

    def with_signals(self, signals: Sequence[np.ndarray]) -> Measurement:
        """Return the same measurement with other signals at the same times, as a simulation needs it."""
        other = copy.copy(self)
        pairs = zip(self.traces, signals, strict=True)
        object.__setattr__(other, "traces", tuple(replace(trace, signal=each) for trace, each in pairs))
        return other

    def with_quantities(self, **quantities: Quantity) -> Measurement:
        """Return the same measurement with another n0, scale, offset, scatter or time zero."""
        if unknown := set(quantities) - {"n0", "scale", "offset", "scatter", "time_zero"}:
            raise ValueError(f"{sorted(unknown)}: n0, scale, offset, scatter and time_zero can be replaced")
        other = copy.copy(self)
        for name, quantity in quantities.items():
            each = quantity.for_traces(len(self), name)
            if name == "time_zero":
                object.__setattr__(other, "time_zero_mode", each.mode)
                value = self.time_zero if each.value is None else np.asarray(each.value, float)
                object.__setattr__(other, name, value)
            else:
                object.__setattr__(other, name, each)
        if "time_zero" in quantities:
            refuse_contradictions(other)
        return other

    def with_time_zeros(self, values: Mapping[str, float]) -> Measurement:
        """Return the same measurement with time zeros by the names of a fit's parameters."""
        given, zeros = self.time_zero, self.time_zero.copy()
        if self.time_zero_mode == "fixed":
            return self
        for j in range(len(self)):
            if f"time_zero_{j + 1}" in values:
                zeros[j] = values[f"time_zero_{j + 1}"]
            elif "time_zero" in values:
                zeros[j] = values["time_zero"] + given[j] - given[0]
        if np.array_equal(zeros, given):
            return self
        other = copy.copy(self)
        object.__setattr__(other, "time_zero", zeros)
        return other

    def with_file(self, file: str | Path) -> Measurement:
        """Return the same measurement as read from a description of this path."""
        other = copy.copy(self)
        object.__setattr__(other, "file", Path(file).absolute())  # a notebook may change its folder later
        return other

    def alone(self) -> list[Measurement]:
        """Return one measurement for each trace."""
        return [self._only(j) for j in range(len(self))]

    def _only(self, j: int) -> Measurement:
        other = copy.copy(self)
        object.__setattr__(other, "traces", self.traces[j : j + 1])
        object.__setattr__(other, "name", self.traces[j].name or f"{self.name} {j + 1}")
        object.__setattr__(other, "time_zero", self.time_zero[j : j + 1])
        object.__setattr__(other, "edges", self.edges[j : j + 1])
        if self.time_zero_mode == "shared":
            object.__setattr__(other, "time_zero_mode", "free")
        for name in ("n0", "scale", "offset", "scatter"):
            each = getattr(self, name)
            mode = "free" if each.mode == "shared" else each.mode
            value = None if each.value is None else np.asarray(each.value)[j : j + 1]
            object.__setattr__(other, name, Quantity(value, mode))
        return other

    def before_pulse(self, j: int) -> np.ndarray:
        """Which points of trace j show only the background: those in the baseline, or before the pulse."""
        t = self.traces[j].t
        if self.baseline is not None:
            return (t >= self.baseline[0]) & (t <= self.baseline[1])
        if self.repetition_period is not None:
            return np.zeros(len(t), bool)
        if self.response is None:
            return t < self.time_zero[j]
        reach = 2 * self.response.width if self.response.samples is None else self.response.before
        return t < self.time_zero[j] - reach

    def describe(self) -> list[str]:
        """Sentences that say how the measurement was understood, for the head of a notebook or report."""
        return [*_about_signal(self), *_about_density(self), *_about_times(self)]


class _Known(NamedTuple):
    """What is known of the density just after the pulse, as it was given."""

    n0: Any
    n0_cm3: Any
    fluence: Any
    film: Any
    unknown: bool
    alone: bool


def _usual(kind: str | None, observable) -> _Kind:
    if kind is not None:
        return KINDS[kind]
    is_density = observable is None or as_observable(observable).kind in ("density", "own")
    shown = "density" if observable is None else observable
    return _Kind(shown, "fixed" if is_density else "free", "fixed", None, "first")


def _checked_traces(traces: tuple[Trace, ...]) -> tuple[Trace, ...]:
    for number, trace in enumerate(traces, 1):
        if not trace.signal.any():
            label = repr(trace.name) if trace.name else f"number {number}"
            raise ValueError(f"trace {label}: every signal is 0, which tells nothing; leave the trace out")
    if len(units := {trace.t_unit for trace in traces}) > 1:
        raise ValueError(f"the traces have different units of time, {sorted(units)}; load them in one unit")
    return traces


def _period(hertz, period, t_unit: str) -> float | None:
    hertz = repetition_of(hertz)
    period = checked("repetition_period", period, keys.number(above=0))
    if hertz is None:
        return period
    if period is not None:
        raise ValueError("give repetition_Hz or repetition_period, not both")
    return 1 / (hertz * seconds(t_unit))


def _known_noise(relative_percent, floor) -> dict[str, float | None]:
    check = keys.number(least=0)
    return {
        "relative_percent": checked("sigma_relative_percent", relative_percent, check),
        "floor": checked("sigma_floor", floor, check),
    }


def _density_unit(wish: str | None, trace: Trace, usual: _Kind, unknown: bool) -> str:
    if unknown:
        return "n0"
    if wish is not None:
        return wish
    return trace.signal_unit if as_observable(usual.observable).kind == "density" else "cm^-3"


def _doping(observable: Observable, p0, p0_cm3, unit: str) -> float:
    p0, p0_cm3 = checked("p0", p0, keys.number(least=0)), checked("p0_cm3", p0_cm3)
    if p0 is not None and p0_cm3 is not None:
        raise ValueError("give p0 (in the density unit) or p0_cm3, not both")
    if not p0_cm3:
        return observable.p0 if p0 is None else float(p0)
    if not observable.is_quadratic:
        return 0.0  # doping does not change a signal that goes with the density
    return float(p0_cm3) / _in_cm3(unit, "p0_cm3")


def _in_cm3(unit: str, name: str) -> float:
    factor = density_in_cm3(unit)
    if factor is None:
        raise ValueError(
            f"{name} needs a density unit such as cm^-3 or 10^16 cm^-3, not {unit!r}; give density_unit,"
            " and n0 in it"
        )
    return factor


def _sign(observable: Observable, sign, traces, scale: Quantity, offset: Quantity, baseline, zero) -> int:
    """Return the sign that was given, or that of the data's largest step away from the background.

    Raises
    ------
    ValueError
        Where it depends on whether the first or the last points are the background.
    """
    for given in (sign, observable.sign):
        if given is not None:
            return given
    if scale.mode == "fixed" or observable.is_quadratic:
        return 1
    trace = max(traces, key=lambda each: np.ptp(each.signal))
    levels = _backgrounds(trace, offset, baseline, zero)
    signs = {1 if (trace.signal - level).max() >= (level - trace.signal).max() else -1 for level in levels}
    if len(signs) > 1:
        raise ValueError(
            f"trace {trace.name!r}: its first points make the signal positive and its last ones negative, or"
            ' the other way round; give sign = "positive" or "negative", or a baseline before the pulse'
        )
    return signs.pop()


def _backgrounds(trace: Trace, offset: Quantity, baseline, zero) -> list[float]:
    """Levels that may be the background: what is known, or the first and the last points."""
    if baseline is not None:
        return [float(trace.crop(*baseline).signal.mean())]
    if offset.mode == "fixed":
        return [float(np.mean(np.asarray(offset.value)))]
    few = max(len(trace) // 50, 3)
    if isinstance(zero, int | float):
        dark = trace.signal[trace.t < zero]
        return [float(np.median(dark)) if len(dark) else float(np.median(trace.signal[-few:]))]
    if zero in ("first", "peak"):
        return [float(np.median(trace.signal[-few:]))]
    return [float(np.median(trace.signal[:few])), float(np.median(trace.signal[-few:]))]


def _scatter(given, count: int) -> Quantity:
    scatter = as_quantity(given, "fixed", 0.0, "scatter").for_traces(count, "scatter")
    value = np.asarray(scatter.value)
    if (value < 0).any():
        raise ValueError(f"scatter = {value.min():g}: give the height of scattered light, 0 or larger")
    if scatter.mode == "shared" and not value.any():
        return Quantity(np.ones(count), "shared")
    return scatter


def _initial_density(observable, scale: Quantity, unit: str, known: _Known, count: int) -> Quantity:
    n0, in_cm3, fluence = known.n0, numbers("n0_cm3", known.n0_cm3), numbers("fluence_uJ_cm2", known.fluence)
    if known.unknown and in_cm3 is None:
        return _in_units_of_the_first(fluence, count, known.alone)
    if sum(each is not None for each in (in_cm3, fluence)) + (_has_numbers(n0) or known.unknown) > 1:
        raise ValueError("n0 is given twice: give n0, n0_cm3 or fluence_uJ_cm2, one of them")
    mode = "free" if observable.kind in ("density", "own") and scale.mode == "fixed" else "fixed"
    name = "n0" if in_cm3 is None and fluence is None else "n0_cm3" if fluence is None else "fluence_uJ_cm2"
    if fluence is not None:
        in_cm3 = carrier_density(np.asarray(fluence, float) * 1e-6, **film_of(known.film))
    if in_cm3 is not None:
        value = np.asarray(in_cm3, float) / _in_cm3(unit, name)
        given = "fixed" if n0 is None else as_quantity(n0, mode, None, "n0").mode
        return Quantity(value, given).for_traces(count, name)
    quantity = as_quantity(n0, mode, None, "n0", also=("unknown",))
    if _has_numbers(n0) and not isinstance(n0, Quantity):
        quantity = Quantity(quantity.value, mode)
    if quantity.value is None and not (observable.kind == "density" and scale.mode == "fixed"):
        raise ValueError(
            "give n0, the density that each pulse makes: as n0 or n0_cm3, or as fluence_uJ_cm2 with the film;"
            ' n0 = "unknown" gives k1, k2·n0 and k3·n0²'
        )
    return _positive(quantity.for_traces(count, "n0"))


def _in_units_of_the_first(fluence, count: int, alone: bool) -> Quantity:
    """Densities in units of the first trace's, by their fluences; 1 for a trace that is fitted alone."""
    if count == 1 or alone:
        return Quantity(1.0, "fixed").for_traces(count, "n0")
    if fluence is None:
        raise ValueError(
            'n0 = "unknown": one law for several traces needs the ratios of their densities; give each trace'
            ' fluence_uJ_cm2, or say several = "each alone"'
        )
    given = _positive(Quantity(fluence, "fixed").for_traces(count, "fluence_uJ_cm2"))
    return Quantity(np.asarray(given.value) / np.asarray(given.value)[0], "fixed")


def _has_numbers(n0) -> bool:
    return not (n0 is None or isinstance(n0, str) or (isinstance(n0, Quantity) and n0.value is None))


def _positive(n0: Quantity) -> Quantity:
    if n0.value is not None and not (np.asarray(n0.value) > 0).all():
        values = np.asarray(n0.value).tolist()
        if n0.mode != "fixed" and np.asarray(n0.value).size == 1 and values[0] == 0:
            return n0  # a growth from nothing
        raise ValueError(f"n0 = {values}: the initial densities must be positive; give them as n0=[…]")
    return n0


def _about_signal(measurement: Measurement) -> list[str]:
    observable = measurement.observable
    relation = (
        "is" if observable.kind == "density" and measurement.scale.mode == "fixed" else "is proportional to"
    )
    sign = "minus " if observable.sign == -1 else ""
    unit = f" (in {measurement.signal_unit})" if measurement.signal_unit else ""
    noise = {
        "poisson": "Noise: that of raw counts (Poisson).",
        "sigma": "Noise: the given standard errors.",
        "even": "Noise: taken to be equally large everywhere; its size comes from the residuals.",
        "estimated": "Noise: not known; its size and how it grows with the signal come from the residuals.",
    }[measurement.noise]
    background = {
        "fixed": "The background is taken to be 0.",
        "free": "A constant background is fitted to each trace.",
        "shared": "One constant background is fitted to all traces.",
    }[measurement.offset.mode]
    if measurement.offset.mode == "fixed" and np.any(measurement.offset.value):
        background = f"The background is fixed at {np.unique(np.asarray(measurement.offset.value))}."
    words = [f"The signal{unit} {relation} {sign}{observable.formula}.", background, noise]
    if relation != "is":
        words.insert(1, _about_scale(measurement.scale))
    return words


def _about_scale(scale: Quantity) -> str:
    if scale.mode == "fixed":
        numbers = ", ".join(f"{value:.4g}" for value in np.unique(np.asarray(scale.value)))
        return f"The scale between them is fixed at {numbers}."
    return {
        "free": "The scale between them is fitted to each trace.",
        "shared": "The scales of the traces keep the given ratios; one factor is fitted.",
    }[scale.mode]


def _about_density(measurement: Measurement) -> list[str]:
    words, unit = [], measurement.density_unit
    if unit == "n0":
        words.append("n0 is unknown: the rates are k1, k2·n0 and k3·n0².")
        if len(measurement) > 1 and measurement.several == "one law":
            ratios = ", ".join(f"{value:.4g}" for value in np.asarray(measurement.n0.value))
            words.append(
                f"n0 is that of the first trace; those of the traces go with their fluences: {ratios}."
            )
    elif measurement.n0.value is None:
        words.append("The initial density n0 is fitted, beginning at the data.")
    else:
        densities = ", ".join(f"{value:.4g}" for value in np.asarray(measurement.n0.value))
        words.append(f"n0 = {amount(densities, unit)} ({measurement.n0.mode}).")
    if measurement.fluence_error_percent:
        words.append(f"n0 is known to {measurement.fluence_error_percent:g} %, the same way for all traces.")
    if measurement.observable.p0:
        words.append(f"Doping p0 = {amount(f'{measurement.observable.p0:.4g}', unit)}.")
    return words


def _about_times(measurement: Measurement) -> list[str]:
    words, unit = [], measurement.t_unit
    rows = zip(measurement.traces, measurement.time_zero, measurement.edges, strict=True)
    fitted = measurement.time_zero_mode != "fixed"
    for number, (trace, zero, edge) in enumerate(rows, 1):
        span = f"{trace.t[0]:.4g} to {trace.t[-1]:.4g} {unit}".rstrip()
        name = trace.name or ("trace" if len(measurement) == 1 else f"trace {number}")
        moment = f"{zero:.4g} {unit}".rstrip()
        sentence = f"{name}: {len(trace)} points, {span}, time zero "
        sentence += f"fitted, beginning at {moment}" if fitted else f"at {moment}"
        if edge is not None and edge.width == 0:
            sentence += ", because the trace shows no rise before its decay"
        elif edge is not None:
            gap = f"{EDGE_WIDTHS * edge.width:.3g} {unit}".rstrip()
            sentence += f", half of the rise; the points within {gap} of it are left out"
        words.append(f"{sentence}.")
    if any(edge is not None and edge.width for edge in measurement.edges):
        words.append(
            "Without the instrument's response the moment of the pulse is not known to a fraction of the"
            " rise, so that the decay counts from two widths of it later; response or response_fwhm would"
            " use all points and fit time zero."
        )
    if measurement.time_zero_mode == "shared" and len(measurement) > 1:
        words.append("All traces share one time zero.")
    words += _about_response(measurement)
    if measurement.repetition_period:
        words.append(f"A pulse comes every {measurement.repetition_period:.4g} {unit}.")
    return words


def _about_response(measurement: Measurement) -> list[str]:
    response, scatter = measurement.response, measurement.scatter
    if response is None:
        return []
    words = [f"Response: {response.in_words(measurement.t_unit)}."]
    if response.samples is not None:
        words[0] = words[0][:-1] + f"; {response.samples.words}; time zero is when its largest value comes."
    if scatter.mode != "fixed":
        words.append("Scattered light of the pulse, with the shape of the response, is fitted.")
    elif np.any(scatter.value):
        heights = ", ".join(f"{each:.4g}" for each in np.asarray(scatter.value))
        words.append(f"Scattered light of the pulse: {heights} at its largest.")
    return words


def as_measurement(data: Trace | Iterable[Trace] | Measurement) -> Measurement:
    """Return a measurement as it is, and traces as a measurement of a bare density."""
    if isinstance(data, Measurement):
        return data
    with warnings.catch_warnings():
        return Measurement(data)
