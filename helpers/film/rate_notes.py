"""What fitted rates hold beside the processes they are named after, in sentences with numbers.

Each note takes what the measurement says of film, spot and counting (`Measurement.sample`); what is not said
gives no note, or one that says which number would matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from helpers.film.detector import photons_before_pile_up
from helpers.film.linear import (
    front_over_mean,
    levelling_time,
    moment_over_mean,
    surface_rate,
    surface_velocity,
)
from helpers.film.simulate import rings
from helpers.fitting import Fit
from helpers.kinetics import RateLaw
from helpers.units import density_in_cm3, is_time, seconds

_SHARE = 0.05  # of k1, from which on a part of it is worth a warning
_SEEN = 0.02  # change of signal or rate that a good fit sees
_LEFT_OVER = 0.01  # of the carriers, when the next pulse comes
_PILE_UP = 0.05  # detections per pulse
_NANO = 1e-7  # nm in cm
_ERRORS = 3.0


@dataclass(frozen=True)
class Note:
    """One thing that a rate holds or may hold.

    Attributes
    ----------
    subject : str
        "depth", "surfaces", "doping", "spot", "pulses", "pile-up" or "photon recycling".
    words : str
        What it is, with numbers and units.
    matters : bool
        Whether it changes a rate of this fit; else it was checked and is small, or a number is missing.
    numbers : dict of str to float
        The same numbers by name, in the units that the names end with.
    """

    subject: str
    words: str
    matters: bool
    numbers: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Note({self.subject}{': matters' if self.matters else ''})"

    def __str__(self) -> str:
        return self.words


def notes(fit: Fit, *, checked: bool = False) -> list[Note]:
    """Say what the rates of a fit hold, from what is known of film, spot, pulses and counting.

    Parameters
    ----------
    fit : Fit
        Of any law; parameters k1 and k2 are those of the rate law's terms.
    checked : bool
        Also what was checked and is small, and what would matter if it were known.

    Returns
    -------
    list of Note
        What matters first; `str(note)` is its sentence. None for a fit that has not converged, or without a
        unit of time.

    Notes
    -----
    With d the thickness, D the diffusion coefficient and S the surface recombination velocity, diffusion
    levels a density out in d²/(π²·D), and k1 = k2·p0 + 1/τ + k_s with k_s ≈ 1/(d/(2·S) + d²/(π²·D)). The
    numbers here come from the exact root that this approximates to 5 %, see `linear.surface_rate`.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.measurement import Measurement
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 300, 200)
    >>> film = {"thickness_nm": 300, "surface_velocity_cm_s": 100, "diffusion_cm2_s": 0.5}
    >>> trace = Trace(t, 1e16 * np.exp(-t / 50), t_unit="ns", signal_unit="cm^-3")
    >>> found = notes(fit(Measurement(trace, film=film)))
    >>> found[0], round(found[0].numbers["surface_rate_per_s"] / 1e6, 2)
    (Note(surfaces: matters), 6.66)
    """
    if not fit.converged or not is_time(fit.measurement.t_unit):
        return []
    facts = _Facts.of(fit)
    found: list[Note] = []
    for each in (_depth, _surfaces, _doping, _spot, _pulses, _pile_up, _photon_recycling):
        found += each(fit, facts)
    found = [note for note in found if note.matters or checked]
    return sorted(found, key=lambda note: not note.matters)


@dataclass(frozen=True)
class _Facts:
    """Rates and densities in cm and s, as far as the units tell them."""

    second: float
    k1: float | None
    k1_error: float
    k2: float | None
    k3: float | None
    n0: np.ndarray | None
    p0: float | None
    early: float  # fastest rate −dn/dt/n just after a pulse, in 1/s

    @classmethod
    def of(cls, fit: Fit) -> _Facts:
        measurement = fit.measurement
        second, size = seconds(measurement.t_unit), density_in_cm3(measurement.density_unit)
        known = {}
        for name in ("k1", "k2", "k3"):
            factor = (
                fit.problem.parameters[fit.problem.index(name)].cgs if name in fit.law.names else math.nan
            )
            known[name] = float(fit.values[name] * factor) if math.isfinite(factor) else None
        error = fit.stderr["k1"] / second if "k1" in fit.law.names else math.nan
        doping = measurement.observable.p0
        p0 = doping * size if doping and size else measurement.sample.p0_cm3
        n0 = fit.n0 * size if size else None
        return cls(second, known["k1"], float(error), known["k2"], known["k3"], n0, p0, _early(fit) / second)


def _early(fit: Fit) -> float:
    """Fastest rate −dn/dt/n just after the pulse of any trace, in the fit's unit of time."""
    values, state, rates = fit.values[[*fit.law.names]].to_numpy(float), fit.law.excited[0], [0.0]
    for n0 in fit.n0:
        start, _ = fit.law.start(values, float(n0))
        slope = np.atleast_1d(fit.law.slope(0.0, start if fit.law.states > 1 else start[0], values))[state]
        rates.append(-float(slope) / start[state] if start[state] > 0 else 0.0)
    return max(rates)


def _depth(fit: Fit, facts: _Facts) -> Iterable[Note]:
    sample = fit.measurement.sample
    if sample.thickness_nm is None or sample.absorption_per_cm is None:
        return
    thickness = sample.thickness_nm * _NANO
    depth = sample.absorption_per_cm * thickness
    front, second, third = front_over_mean(depth), moment_over_mean(depth, 2), moment_over_mean(depth, 3)
    numbers = {"front_over_mean": front, "n2_over_mean2": second, "n3_over_mean3": third}
    begin = (
        f"Depth: the pulse is absorbed within 1/α = {1e7 / sample.absorption_per_cm:.3g} nm of the film's"
        f" {sample.thickness_nm:g} nm, so that just after it the density at the front is {front:.3g} times"
        " the mean"
    )
    if sample.diffusion_cm2_s is None:
        if second - 1 < _SEEN:
            return
        slow = thickness**2 / math.pi**2 * facts.early / 0.1 if facts.early > 0 else 0.0
        words = (
            f"{begin}. Diffusion levels it out in d²/(π²·D), where D is not known: it takes more than a"
            " tenth of the"
            f" fastest decay ({1 / facts.early / 1e-9:.3g} ns) where D < {slow:.2g} cm^2/s. Give"
            " diffusion_cm2_s to have this judged."
            if facts.early > 0
            else f"{begin}. Give diffusion_cm2_s to have this judged."
        )
        yield Note("depth", words, False, numbers | {"slow_diffusion_cm2_s": slow})
        return
    time = levelling_time(thickness, sample.diffusion_cm2_s)
    lost = _lost(fit, time / facts.second)
    seen = (second - 1) * _visible(fit, time / facts.second)
    matters = (second - 1) * lost > _SEEN or seen > _SEEN
    numbers |= {"levelling_time_s": time, "lost_meanwhile": lost}
    words = (
        f"{begin}. Diffusion levels it out in d²/(π²·D) = {_time(time)}, during which the fastest trace loses"
        f" {_percent(lost)} of its carriers"
    )
    if matters:
        light = ", like the light," if fit.measurement.observable.is_quadratic else ""
        words += (
            f". Until then second-order recombination{light} is up to {second:.3g} times and third-order up"
            " to"
            f" {third:.3g} times that of the mean density, so that k2 and k3 hold the depth. Begin the fit"
            f" {_time(3 * time)} after the pulse, or excite at a wavelength that the film absorbs evenly"
        )
    else:
        words += ", too short to change a rate"
    yield Note("depth", f"{words}.", matters, numbers)


def _lost(fit: Fit, time: float) -> float:
    """Largest share of the carriers of any trace that is gone after a time in the fit's unit."""
    values, state, shares = fit.values[[*fit.law.names]].to_numpy(float), fit.law.excited[0], [0.0]
    for n0 in fit.n0:
        start, _ = fit.law.start(values, float(n0))
        nothing = np.zeros(len(values) + len(start), bool)
        with np.errstate(all="ignore"):
            n, _ = fit.law.solve(np.array([time]), start, values, wanted=nothing)
        shares.append(1 - float(n[0, state]) / float(start[state]) if start[state] > 0 else 0.0)
    return max(shares)


def _visible(fit: Fit, time: float) -> float:
    """Part of a signal's excess, which decays with time/2, that the first point and the response leave."""
    measurement, parts = fit.measurement, [0.0]
    for trace, zero in zip(measurement.traces, measurement.time_zero, strict=True):
        after = trace.t[trace.t >= zero] - zero
        if not measurement.observable.is_quadratic or not len(after):
            continue
        width = measurement.response_fwhm
        part = math.exp(-2 * float(after[0]) / time) if width is None else min(1.0, time / (2 * width))
        parts.append(part)
    return max(parts)


def _surfaces(fit: Fit, facts: _Facts) -> Iterable[Note]:
    sample = fit.measurement.sample
    if sample.thickness_nm is None or not facts.k1:
        return
    thickness, doped = sample.thickness_nm * _NANO, (facts.k2 or 0.0) * (facts.p0 or 0.0)
    rest = facts.k1 - doped
    bulk = None if sample.bulk_lifetime_ns is None else 1e9 / sample.bulk_lifetime_ns
    if sample.surface_velocity_cm_s is not None:
        yield _known_surfaces(facts, sample, thickness, rest, bulk)
        return
    is_bound = bulk is None
    rate = rest if bulk is None else rest - bulk
    if rate <= 0 and is_bound:
        return  # the note on doping says so
    if rate <= 0:
        words = f"Surfaces: the bulk lifetime of {sample.bulk_lifetime_ns:g} ns explains all of k1 ="
        yield Note("surfaces", f"{words} {facts.k1:.3g} /s; nothing is left for the surfaces.", False)
        return
    velocity = _velocity(thickness, sample.diffusion_cm2_s, rate)
    numbers = {"surface_rate_per_s": rate, "surface_velocity_cm_s": velocity}
    diffusion = "" if sample.diffusion_cm2_s else " at least (D is not known)"
    if is_bound:
        words = (
            f"Surfaces: k1 = 1/τ + k_s, and were all of it surface recombination, k_s = {rate:.3g} /s, its"
            " velocity"
            f" would be S = {velocity:.3g} cm/s{diffusion}. Films of two thicknesses tell bulk and surfaces"
            " apart."
        )
        yield Note("surfaces", words, False, numbers)
        return
    words = (
        f"Surfaces: k1 = {facts.k1:.3g} /s is faster than the bulk's 1/τ = {bulk:.3g} /s; if the rest,"
        f" {rate:.3g} /s, is"
        f" surface recombination, its velocity is S = {velocity:.3g} cm/s{diffusion}."
    )
    yield Note("surfaces", words, rate > _SHARE * facts.k1, numbers)


def _known_surfaces(facts: _Facts, sample, thickness: float, rest: float, bulk: float | None) -> Note:
    velocity, diffusion = sample.surface_velocity_cm_s, sample.diffusion_cm2_s
    rate = surface_rate(thickness, diffusion, velocity) if diffusion else 2 * velocity / thickness
    most = "" if diffusion else " at most (D is not known)"
    share = rate / facts.k1 if facts.k1 else 0.0
    numbers = {"surface_rate_per_s": rate, "share_of_k1": share}
    words = (
        f"Surfaces: S = {velocity:g} cm/s on both sides of {sample.thickness_nm:g} nm empties the film at"
        " k_s ="
        f" {rate:.3g} /s{most}, {_percent(share)} of k1 = {facts.k1:.3g} /s"
    )
    matters = share > _SHARE
    left = rest - rate
    if bulk is not None:
        numbers["unexplained_per_s"] = left - bulk
        words += f"; with the bulk's 1/τ = {bulk:.3g} /s, {left - bulk:.3g} /s are not explained"
        matters = matters or abs(left - bulk) > max(_SHARE * (facts.k1 or 0.0), _ERRORS * facts.k1_error)
    elif left > 0:
        numbers["bulk_lifetime_ns"] = 1e9 / left
        words += f"; what is left is the bulk's lifetime, τ = {1e9 / left:.3g} ns"
    else:
        numbers["largest_velocity_cm_s"] = _velocity(thickness, diffusion, max(rest, 0.0))
        words += f", more than all of it: S is at most {numbers['largest_velocity_cm_s']:.3g} cm/s"
    return Note("surfaces", f"{words}.", bool(matters), numbers)


def _velocity(thickness: float, diffusion: float | None, rate: float) -> float:
    return rate * thickness / 2 if diffusion is None else surface_velocity(thickness, diffusion, rate)


def _doping(fit: Fit, facts: _Facts) -> Iterable[Note]:
    if not facts.k1 or not facts.k2 or facts.p0 == 0:
        return
    if facts.p0 is None:
        equal = facts.k1 / facts.k2
        words = (
            "Doping: k1 holds k2·p0 if the film is doped, which decays of low fluence cannot tell from"
            " traps; a"
            f" doping of p0 = k1/k2 = {equal:.3g} cm^-3 would explain all of k1. Give p0_cm3, 0 for an"
            " undoped film."
        )
        yield Note("doping", words, False, {"p0_of_all_k1_cm3": equal})
        return
    part = facts.k2 * facts.p0
    share = part / facts.k1
    words = f"Doping: k1 = {facts.k1:.3g} /s holds k2·p0 = {part:.3g} /s ({_percent(share)})"
    if share < 1:
        words += f"; traps and surfaces have {facts.k1 - part:.3g} /s."
    else:
        words += f", more than there is: p0 is at most k1/k2 = {facts.k1 / facts.k2:.3g} cm^-3."
    numbers = {"k2_p0_per_s": part, "share_of_k1": share, "rest_per_s": facts.k1 - part}
    yield Note("doping", words, share > _SHARE, numbers)


def _spot(fit: Fit, facts: _Facts) -> Iterable[Note]:
    sample = fit.measurement.sample
    if sample.spot_diameter_um is None:
        return
    collected = sample.collected_diameter_um
    parts = rings(math.inf if collected is None else collected / sample.spot_diameter_um)
    order = 2 if fit.measurement.observable.is_quadratic else 1

    def moment(power: int) -> float:
        return sum(weight * part**power for part, weight in parts)

    mean, square = moment(order + 1) / moment(order), moment(order + 2) / moment(order)
    spread = math.sqrt(max(square / mean**2 - 1, 0.0))
    area = "all of it" if collected is None else f"its middle {collected:g} µm"
    words = (
        f"Spot: the signal comes from {area}, {sample.spot_diameter_um:g} µm wide to 1/e^2; its carriers have"
        f" {mean:.3g} times the density of the centre, with a spread of {_percent(spread)}"
    )
    matters = 1 - mean > _SEEN
    if matters:
        words += (
            f". With n0 of the centre k2 begins at {mean:.3g} and k3 at {square:.3g} times its value, and one"
            " density"
            " describes no whole decay. The centre has twice the fluence energy/(π·w²) of the radius w = half"
            " the 1/e^2 diameter. Collect the middle of the spot only, or widen it"
        )
    else:
        words += ", too little to change a rate"
    numbers = {"mean_over_centre": mean, "spread": spread, "k2_factor": mean, "k3_factor": square}
    yield Note("spot", f"{words}.", matters, numbers)


def _pulses(fit: Fit, facts: _Facts) -> Iterable[Note]:
    period = fit.measurement.repetition_period
    if period is None or not isinstance(fit.law, RateLaw):
        return
    try:
        left = float(fit.left_over.max())
    except ValueError:  # nothing recombines between two pulses
        return
    if not math.isfinite(left):
        return
    words = (
        f"Pulses: {_percent(left)} of the carriers of the slowest trace are still there when the next pulse"
        " comes"
        f" after {_time(period * facts.second)}"
    )
    matters = left > _LEFT_OVER
    words += (
        "; the fit counts them, and its k1 hangs on the repetition rate. A lower one would free it"
        if matters
        else ", too few to matter"
    )
    yield Note("pulses", f"{words}.", matters, {"left_over": left})


def _pile_up(fit: Fit, facts: _Facts) -> Iterable[Note]:
    rate, period = fit.measurement.sample.count_rate_Hz, fit.measurement.repetition_period
    if rate is None:
        return
    if period is None:
        words = (
            "Pile-up: count_rate_Hz says how many photons come in a pulse only with repetition_Hz; give it."
        )
        yield Note("pile-up", words, False)
        return
    detected = rate * period * facts.second
    if detected >= 1:
        words = f"Pile-up: count_rate_Hz = {rate:g} is more than one photon for each pulse; check both rates."
        yield Note("pile-up", words, True, {"detections_per_pulse": detected})
        return
    photons = photons_before_pile_up(detected)
    words = f"Pile-up: {_percent(detected)} of the pulses give a photon"
    matters = detected >= _PILE_UP * (1 - 1e-9)
    words += (
        f", and late photons are lost behind early ones, up to {_percent(detected)} of them: the decay"
        " looks faster"
        f" (of {photons:.3g} photons per pulse the first one is timed). Count at 1 % or less, or correct the"
        " counts"
        if matters
        else ", too few to lose late ones"
    )
    numbers = {"detections_per_pulse": detected, "photons_per_pulse": photons}
    yield Note("pile-up", f"{words}.", matters, numbers)


def _photon_recycling(fit: Fit, facts: _Facts) -> Iterable[Note]:
    index = fit.measurement.sample.refractive_index
    if index is None or not facts.k2:
        return
    escape = 1 - math.sqrt(1 - 1 / index**2)
    internal = facts.k2 / escape
    words = (
        f"Photon recycling: of light in a flat film of the refractive index {index:g}, {_percent(escape)}"
        " lies"
        " within the escape cones of its two sides. If every other photon is absorbed again and k2 is all"
        " radiative,"
        f" k2 = {facts.k2:.3g} cm^3/s is the external one and the internal one is {internal:.3g} cm^3/s; if"
        " none is"
        " absorbed again, both are k2."
    )
    yield Note("photon recycling", words, False, {"escape": escape, "internal_k2_cm3_s": internal})


def _time(seconds_: float) -> str:
    for unit, size in (("µs", 1e-6), ("ns", 1e-9), ("ps", 1e-12)):
        if seconds_ >= size:
            return f"{seconds_ / size:.3g} {unit}"
    return f"{seconds_:.3g} s"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.3g} %"
