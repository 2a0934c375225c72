"""Notes on what rates hold and candidates for a misfit, against simulated films whose truth is known."""

import functools
import math

import numpy as np
import pytest

from helpers.film import Instrument, Traps, notes, simulate_film, surface_rate
from helpers.film.linear import surface_rate_estimate
from helpers.fitting import fit
from helpers.kinetics import Equation
from helpers.measurement import Measurement
from helpers.measurement.pulses import left_over
from helpers.traces import Trace
from helpers.uncertainty import candidates, misfit, pattern

T = np.arange(-40, 400) / 2  # ns
N0 = np.array([2e16, 2e17, 2.5e18])
RATES = (1.5e7, 0.6e-10, 1.6e-28)
LEVEL = {"thickness_nm": 300, "absorption_per_cm": 1e3, "diffusion_cm2_s": 1.0}  # absorbs evenly
STRONG = {"thickness_nm": 300, "absorption_per_cm": 1.5e5}
THICK = {"thickness_nm": 1000, "absorption_per_cm": 1.5e5}
BLURRED = {"response_fwhm": 0.5}
# Each film as it is, what its description says of it, and what the notes or candidates have to name.
FILMS = {
    "control": ({}, {}, ()),
    "surfaces of 100 cm/s": ({"surface_velocity_cm_s": 100.0}, {}, ("surfaces",)),
    "surfaces of 1000 cm/s": ({"surface_velocity_cm_s": 1000.0}, {}, ("surfaces",)),
    "D 0.5": (STRONG | {"diffusion_cm2_s": 0.5}, {}, ("depth",)),
    "D 0.05": (STRONG | {"diffusion_cm2_s": 0.05}, {}, ("depth",)),
    "D 0.005": (STRONG | {"diffusion_cm2_s": 0.005}, {}, ("depth",)),
    "1 µm, D 0.5": (THICK | {"diffusion_cm2_s": 0.5}, {}, ("depth",)),
    "1 µm, D 0.05": (THICK | {"diffusion_cm2_s": 0.05}, {}, ("depth",)),
    "1 µm, D 0.005": (THICK | {"diffusion_cm2_s": 0.005}, {}, ("depth",)),
    "spot": ({"spot": math.inf}, {"spot_diameter_um": 200}, ("spot",)),
    "middle of a spot": ({"spot": 0.5}, {"spot_diameter_um": 200, "collected_diameter_um": 100}, ("spot",)),
    "doping": ({"p0_cm3": 1e17}, {"p0_cm3": 1e17}, ("doping",)),
    "pile-up": (
        {"instrument": {"detections_per_pulse": 0.05}},
        {"count_rate_Hz": 1e5, "repetition_Hz": 2e6},
        ("pile-up",),
    ),
}
# Likewise where the description does not know of it, and the pattern of the residuals has to tell.
SURPRISES = {
    "depth": STRONG | {"diffusion_cm2_s": 0.05},
    "depth behind a response": STRONG | {"diffusion_cm2_s": 0.05, "instrument": BLURRED},
    "spot": {"spot": math.inf},
    "doping": {"p0_cm3": 1e16},
    "traps that fill": {"traps": Traps(1e16, 5e-9)},
    "traps that release": {"traps": Traps(1e17, 1e-9, 5e6)},
    "pile-up": {"instrument": {"detections_per_pulse": 0.2}},
    "response with a tail": {"instrument": BLURRED | {"tail_time": 2.0, "tail_share": 0.2}},
    "time zero too early": {"instrument": {"time_zero": 0.25}},
    "time zero behind a response": {"instrument": {"time_zero": 0.3, "response_fwhm": 1.0}},
    "earlier pulses": {"repetition_Hz": 3.2e6, "rates": (4e6, *RATES[1:])},
}
CAUSES = {
    "depth": "depth",
    "depth behind a response": "depth",
    "spot": "spot",
    "doping": "doping",
    "traps that fill": "traps",
    "traps that release": "traps",
    "pile-up": "pile-up",
    "response with a tail": "response",
    "time zero too early": "time zero",
    "time zero behind a response": "time zero",
    "earlier pulses": "earlier pulses",
}


def measured(truth, facts, *, seed=1, says=True, **settings):
    """Fit a simulated film; with `says` the description knows the film's thickness, depth and surfaces."""
    instrument = Instrument(**{"peak": 20000, "background": 4} | truth.get("instrument", {}))
    film = LEVEL | {key: value for key, value in truth.items() if key != "instrument"}
    traces = simulate_film(T, N0, instrument=instrument, seed=seed, **{"rates": RATES} | film)
    known = {name: film[name] for name in LEVEL}
    known["surface_velocity_cm_s"] = film.get("surface_velocity_cm_s", 0.0)
    told = {"film": known} if says else {}
    times = {"time_zero": 0.0, "baseline": (-10, -1), "response_fwhm": instrument.response_fwhm}
    settings = {"kind": "TRPL counts", "n0_cm3": N0, "p0_cm3": 0.0} | times | told | facts | settings
    return fit(Measurement(traces, **settings))


@functools.cache
def made(name):
    return measured(*FILMS[name][:2])


@functools.cache
def surprising(name):
    # A spot is fitted once: its description knows it, and its pattern has to name it all the same.
    return made(name) if name == "spot" else measured(SURPRISES[name], {}, says=False)


# The others are seen by tests/benchmarks/film_notes.py, with more points and seeds.
@pytest.mark.parametrize(
    "name",
    [
        *("control", "surfaces of 100 cm/s", "surfaces of 1000 cm/s", "D 0.5", "D 0.05", "1 µm, D 0.005"),
        *("spot", "doping", "pile-up"),
    ],
)
def test_each_film_gets_its_note_and_the_control_none(name):
    found = {note.subject for note in notes(made(name)) if note.matters}
    assert found == set(FILMS[name][2])


def test_the_control_has_no_candidate_and_all_its_rates():
    control = made("control")
    assert candidates(control) == []
    assert list(control.rates)[1:] == pytest.approx(
        [RATES[0] * 1e-9, RATES[1] * 1e-9, RATES[2] * 1e-9], rel=0.03
    )
    # What was checked is still told, with its numbers.
    subjects = [note.subject for note in notes(control, checked=True)]
    assert subjects == ["depth", "surfaces"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in SURPRISES
        if name not in ("depth", "traps that release", "time zero behind a response")
    ],
)
def test_a_misfit_names_what_made_it(name):
    found = surprising(name)
    named = [each.cause for each in candidates(found)]
    assert CAUSES[name] in named
    assert len(named) <= 5
    assert pattern(found).in_words()


def test_facts_rule_candidates_out():
    unknown = surprising("time zero too early")
    known = measured(SURPRISES["time zero too early"], {})  # a film that is level at once
    assert "depth" in [each.cause for each in candidates(unknown)]
    assert [each.cause for each in candidates(known)] == ["time zero", "response"]


def test_a_misfit_that_is_correlated_noise_says_so():
    random = np.random.default_rng(3)
    noise = random.standard_normal(600)
    for i in range(1, 600):
        noise[i] += 0.6 * noise[i - 1]
    t = np.linspace(0, 5, 600)
    found = fit(Trace(t, np.exp(-t) + 0.003 * noise))
    assert misfit(found).correlation > 0
    assert [each.cause for each in candidates(found)] == ["correlated noise"]


@pytest.mark.parametrize("velocity", [100, 1000])
def test_surfaces_explain_k1_to_two_percent(velocity):
    note = notes(made(f"surfaces of {velocity} cm/s"))[0]
    rate = note.numbers["surface_rate_per_s"]
    found = made(f"surfaces of {velocity} cm/s")
    assert found.values["k1"] * 1e9 == pytest.approx(RATES[0] + rate, rel=0.02)
    assert surface_rate_estimate(300e-7, 1.0, velocity) == pytest.approx(rate, rel=0.02)
    # Solved for the missing one: the lifetime of the bulk, or the velocity of the surfaces.
    assert note.numbers["bulk_lifetime_ns"] == pytest.approx(1e9 / RATES[0], rel=0.1)
    film = {"thickness_nm": 300, "diffusion_cm2_s": 1.0, "bulk_lifetime_ns": 1e9 / RATES[0]}
    again = measured({"surface_velocity_cm_s": float(velocity)}, {"film": film})
    (note,) = notes(again)
    assert note.numbers["surface_velocity_cm_s"] == pytest.approx(velocity, rel=0.05)


def test_surfaces_too_fast_for_k1_are_contradicted():
    film = {"thickness_nm": 300, "diffusion_cm2_s": 1.0, "surface_velocity_cm_s": 1e4}
    (note,) = notes(measured({}, {"film": film}))
    assert "more than all of it" in note.words
    assert surface_rate(300e-7, 1.0, note.numbers["largest_velocity_cm_s"]) == pytest.approx(
        RATES[0], rel=0.03
    )


def test_doping_is_taken_out_of_k1():
    (note,) = notes(made("doping"))
    assert note.numbers["k2_p0_per_s"] == pytest.approx(RATES[1] * 1e17, rel=0.05)
    assert note.numbers["rest_per_s"] == pytest.approx(RATES[0], rel=0.03)


def test_a_density_whose_doping_is_not_said_has_it_as_an_open_question():
    traces = simulate_film(T[T >= 0], N0[1:3], rates=RATES, shows="density", **LEVEL)
    known = zip(traces, N0[1:3], strict=True)
    found = fit(Measurement([Trace(x.t, x.signal * n, t_unit="ns", signal_unit="cm^-3") for x, n in known]))
    assert notes(found) == []
    (note,) = [each for each in notes(found, checked=True) if each.subject == "doping"]
    assert note.numbers["p0_of_all_k1_cm3"] == pytest.approx(RATES[0] / RATES[1], rel=0.02)


def test_the_depth_says_when_the_profile_is_gone():
    (note,) = notes(made("D 0.05"))
    numbers = note.numbers
    assert numbers["levelling_time_s"] == pytest.approx(9e-10 / (math.pi**2 * 0.05))
    assert numbers["front_over_mean"] == pytest.approx(4.5 / (1 - math.exp(-4.5)))
    late = made("D 0.05").measurement
    # As the note advises: later than three times that, k2 is that of the bulk again.
    cut = [trace.crop(3e9 * numbers["levelling_time_s"], None) for trace in late.traces[:2]]
    n0 = N0[:2] * 0.92  # what is left by then, about
    settings = {"kind": "TRPL counts", "n0_cm3": n0, "time_zero": "first", "p0_cm3": 0.0}
    assert fit(Measurement(cut, **settings)).values["k2"] == pytest.approx(RATES[1] * 1e-9, rel=0.15)


def test_the_train_and_the_recycling_are_told():
    truth = {"repetition_Hz": 3.2e6, "rates": (4e6, *RATES[1:])}
    found = measured(truth, {"repetition_Hz": 3.2e6, "film": {"refractive_index": 2.5}})
    by_subject = {note.subject: note for note in notes(found, checked=True)}
    assert by_subject["pulses"].matters
    assert by_subject["pulses"].numbers["left_over"] == pytest.approx(
        left_over(N0[0], (0, *truth["rates"]), 1 / 3.2e6), rel=0.03
    )
    recycling = by_subject["photon recycling"]
    assert not recycling.matters
    assert recycling.numbers["escape"] == pytest.approx(1 - math.sqrt(1 - 0.16))
    k2 = found.values["k2"] * 1e9
    assert recycling.numbers["internal_k2_cm3_s"] == pytest.approx(k2 / recycling.numbers["escape"])


def test_other_laws_have_the_notes_that_need_no_rate_law():
    law = Equation(lambda t, n, args: -args[0] * n, ["k"], orders={"k": 1})
    trace = Trace(
        np.arange(0, 100.0), np.exp(-np.arange(0, 100.0) / 20), t_unit="ns", signal_unit="10^16 cm^-3"
    )
    film = STRONG | {"diffusion_cm2_s": 0.005}
    found = fit(Measurement(trace, film=film), {"k": 0.04}, law=law)
    assert [note.subject for note in notes(found)] == ["depth"]
    assert notes(fit(Trace([0, 1, 2, 3, 4, 5], [32, 16, 8, 4, 2, 1]))) == []  # no unit of time
