"""What a measurement takes for granted, what it asks for, and what it finds in its traces."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from helpers import records
from helpers.fitting import fit
from helpers.kinetics import RateLaw, solve
from helpers.measurement import Measurement, Observable, Quantity
from helpers.measurement.described import load_measurement
from helpers.measurement.edge import rising_edge
from helpers.measurement.response import clock
from helpers.paths import DATA
from helpers.traces import Trace

SPOT = {"spot_diameter_um": 200, "collected_diameter_um": 50, "count_rate_Hz": 2e4}
FILM = {"wavelength_nm": 400, "thickness_nm": 300, "absorption_per_cm": 1.5e5, "reflection": 0.2}
T = np.arange(-20.0, 100.0, 0.25)
TRUTH = (0.0, 0.03, 2e-18, 0.0)  # ns and cm^-3
N0 = 1e17


def counts(*, peak=4000, background=6.0, width=0.2, seed=1):
    """Return a trace of counted luminescence: background, a rise of some width, the decay."""
    n = np.where(T >= 0, solve(np.maximum(T, 0), N0, TRUTH), N0 * np.exp(-0.5 * (T / width) ** 2))
    expected = background + peak * (n / N0) ** 2
    signal = np.random.default_rng(seed).poisson(expected).astype(float)
    return Trace(T, signal, name="counts", t_unit="ns", signal_unit="counts")


class TestKinds:
    def test_counts_take_their_background_noise_and_edge_from_the_data(self):
        measurement = Measurement(counts(), kind="TRPL counts", n0_cm3=N0, p0_cm3=0, baseline=(-15, -3))
        assert (measurement.noise, measurement.offset.mode, measurement.scale.mode) == (
            "poisson",
            "free",
            "free",
        )
        assert measurement.observable.kind == "photoluminescence"
        assert abs(measurement.time_zero[0]) < 0.5
        found = fit(measurement, fixed=["G", "k3"])
        assert found.converged
        assert abs(found.offset[0] - 6.0) < 4 * found.stderr["offset"]
        assert abs(found.values["k1"] - TRUTH[1]) < 4 * found.stderr["k1"]
        assert abs(found.values["k2"] - TRUTH[2]) < 4 * found.stderr["k2"]

    def test_without_a_response_the_edge_is_left_out_of_the_window(self):
        measurement = Measurement(counts(), kind="TRPL counts", n0_cm3=N0)
        zero, edge = measurement.time_zero[0], measurement.edges[0]
        after = measurement.traces[0].t[measurement.traces[0].t > zero]
        assert after[0] >= zero + 2 * edge.width
        assert (measurement.traces[0].t < zero).sum() > 50  # the background stays in the fit
        assert "left out" in " ".join(measurement.describe())

    @pytest.mark.parametrize("seed", range(2))
    def test_beside_a_response_all_points_count_and_time_zero_is_fitted_from_the_edge(self, seed):
        """Half of the rise is not the moment of the pulse; held there the rates would be wrong."""
        t = np.arange(-10, 60, 0.1)
        prepared = clock(t, time_zero=3.0, response_fwhm=1.0)
        shape, _ = prepared.shape(RateLaw(), Observable("photoluminescence"), (0, 0.02, 0.05, 0), 1.0)
        signal = np.random.default_rng(seed).poisson(10_000 * shape + 3).astype(float)
        trace = Trace(t, signal, t_unit="ns", signal_unit="counts")
        settings = {"kind": "TRPL counts", "n0": "unknown", "p0_cm3": 0, "response_fwhm": 1.0}
        measurement = Measurement(trace, **settings)
        assert (measurement.edges, measurement.time_zero_mode) == ((None,), "free")
        assert abs(measurement.time_zero[0] - 3.0) < 0.1
        assert len(measurement.traces[0]) == len(t)
        assert "fitted, beginning at" in " ".join(measurement.describe())
        found = fit(measurement, fixed=["G", "k3"])
        names = ["k1", "k2", "time_zero"]
        away = (found.values[names] - [0.02, 0.05, 3.0]) / found.stderr[names]
        assert np.abs(away).max() < 3
        known = Measurement(trace, time_zero=3.0, **settings)
        assert (len(known.traces[0]), known.time_zero_mode) == (len(t), "fixed")

    def test_a_density_is_calibrated_and_begins_at_its_first_point(self):
        measurement = Measurement(Trace([0, 1, 2], [4, 2, 1], signal_unit="cm^-3"), kind="density")
        assert (measurement.scale.mode, measurement.offset.mode, measurement.n0.mode) == (
            "fixed",
            "fixed",
            "free",
        )
        assert (measurement.density_unit, measurement.time_zero.tolist()) == ("cm^-3", [0.0])

    @pytest.mark.parametrize("kind", ["TA", "TRMC"])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_the_sign_of_a_bleach_comes_from_the_data(self, kind, sign):
        t = np.linspace(-5, 60, 200)
        n = np.where(t >= 0, solve(np.maximum(t, 0), 1.0, (0, 0.1, 0, 0)), 0.0)
        noise = 0.01 * np.random.default_rng(0).standard_normal(len(t))
        trace = Trace(t, sign * 3 * n + 0.5 + noise, t_unit="ns")
        measurement = Measurement(trace, kind=kind, n0=1.0, time_zero=0.0)
        assert measurement.observable.sign == sign
        found = fit(measurement, fixed=["G", "k2", "k3"])
        assert found.scale[0] == pytest.approx(3.0, rel=0.01)
        assert found.offset[0] == pytest.approx(0.5, abs=0.01)
        assert found.values["k1"] == pytest.approx(0.1, rel=0.02)

    def test_luminescence_is_never_taken_for_negative(self):
        t = np.arange(-10.0, 200.0)
        slow = np.where(t >= 0, np.exp(-t / 1000), 0.0)
        trace = Trace(t, np.random.default_rng(1).poisson(1000 * slow + 5).astype(float), t_unit="ns")
        measurement = Measurement(trace, kind="TRPL counts", n0_cm3=N0, time_zero=0.0)
        assert measurement.observable.sign == 1
        found = fit(measurement, fixed=["G", "k2", "k3"])
        assert abs(found.values["k1"] - 0.0005) < 4 * found.stderr["k1"]  # light goes with n²

    def test_a_sign_that_the_data_leave_open_is_asked_for(self):
        t = np.arange(-10.0, 200.0)
        slow = np.where(t >= 0, np.exp(-t / 1000), 0.0)
        with pytest.raises(ValueError, match="give sign"):
            Measurement(Trace(t, slow, t_unit="ns"), kind="TA", n0=1.0)
        assert Measurement(Trace(t, slow), kind="TA", n0=1.0, baseline=(-9, -1)).observable.sign == 1
        assert Measurement(Trace(t, -slow), kind="TA", n0=1.0, sign=-1).observable.sign == -1

    def test_numbers_for_scale_and_offset_are_fixed(self):
        settings = {"kind": "TA", "n0": 1.0, "sign": 1, "time_zero": 0.0}
        measurement = Measurement(Trace(T, np.exp(-T), t_unit="ns"), scale=2.0, offset=0.5, **settings)
        assert (measurement.scale.mode, measurement.offset.mode) == ("fixed", "fixed")
        assert "fixed at 2." in " ".join(measurement.describe())

    def test_an_unknown_kind_is_refused_with_the_known_ones(self):
        with pytest.raises(ValueError, match="TRPL counts"):
            Measurement(counts(), kind="PL")


class TestDensities:
    def test_the_fluence_gives_n0(self):
        settings = {"kind": "TRPL counts", "film": FILM, "fluence_uJ_cm2": [0.2]}
        assert Measurement(counts(), **settings).n0.value[0] == pytest.approx(1.062014418e16, rel=1e-9)

    def test_a_fluence_without_its_film_says_what_is_missing(self):
        with pytest.raises(ValueError, match="thickness_nm, absorption_per_cm"):
            Measurement(counts(), kind="TRPL counts", fluence_uJ_cm2=1, film={"wavelength_nm": 400})

    def test_n0_is_asked_for_where_nothing_tells_it(self):
        with pytest.raises(ValueError, match="give n0"):
            Measurement(counts(), kind="TRPL counts")

    def test_n0_given_twice_is_refused(self):
        with pytest.raises(ValueError, match="twice"):
            Measurement(counts(), kind="TRPL counts", n0=1e17, n0_cm3=1e17)

    def test_densities_in_other_units(self):
        measurement = Measurement(
            counts(), kind="TRPL counts", n0_cm3=2e17, p0_cm3=1e15, density_unit="10^16 cm^-3"
        )
        assert measurement.n0.value[0] == pytest.approx(20.0)
        assert measurement.observable.p0 == pytest.approx(0.1)

    def test_a_doped_film_has_another_k1(self):
        """Fitted as undoped, light ∝ n(n + p0) with p0 well above n decays half as fast as n² would."""
        t = np.linspace(0, 100, 300)
        n = solve(t, 1.0, (0, 0.05, 0, 0))
        trace = Trace(t, 100 * n * (n + 50.0))
        ignored = fit(Measurement(trace, observable="photoluminescence", n0=1.0), fixed=["G", "k2", "k3"])
        told = fit(
            Measurement(trace, observable="photoluminescence", n0=1.0, p0=50.0), fixed=["G", "k2", "k3"]
        )
        assert told.values["k1"] == pytest.approx(0.05, rel=1e-6)
        assert ignored.values["k1"] == pytest.approx(0.025, rel=0.03)


class TestNoise:
    @pytest.mark.parametrize(
        ("signal", "words"), [([4.0, 2.5, 1.0], "no whole number"), ([4.0, 2.0, -1.0], "below zero")]
    )
    def test_what_is_no_raw_count_is_refused_as_counts(self, signal, words):
        with pytest.raises(ValueError, match=words):
            Measurement(Trace([0, 1, 2], signal), noise="poisson")

    def test_a_known_noise_gives_sigma(self):
        measurement = Measurement(Trace([0, 1], [100, 50]), sigma_relative_percent=1, sigma_floor=0.5)
        np.testing.assert_allclose(measurement.traces[0].sigma, np.hypot([1, 0.5], 0.5))
        assert measurement.noise == "sigma"

    def test_sigma_on_some_traces_only_is_refused(self):
        with pytest.raises(ValueError, match="some traces have sigma"):
            Measurement([Trace([0, 1], [2, 1], [0.1, 0.1]), Trace([0, 1], [3, 1])])


class TestTimes:
    def test_the_window_comes_before_the_peak(self):
        trace = Trace([0, 1, 2, 3, 4, 5], [9, 1, 4, 3, 2, 1])
        measurement = Measurement(trace, window=(1, None), time_zero="peak")
        assert measurement.time_zero.tolist() == [2.0]
        assert measurement.traces[0].t.tolist() == [2, 3, 4, 5]

    def test_the_edge_is_half_of_the_rise(self):
        t = np.linspace(-5, 20, 2001)
        rise = 1 / (1 + np.exp(-(t - 1) / 0.2))
        edge = rising_edge(Trace(t, 3 + 100 * rise * np.exp(-np.maximum(t - 1, 0) / 500)), 3.0)
        assert edge.time == pytest.approx(1.0, abs=0.02)
        assert edge.width == pytest.approx(2 * np.log(9) * 0.2, rel=0.1)

    @pytest.mark.parametrize("seed", range(12))
    def test_the_edge_of_a_faint_trace_is_found_or_asked_for(self, seed):
        trace = counts(peak=60, background=2.0, seed=seed)
        try:
            measurement = Measurement(trace, kind="TRPL counts", n0_cm3=N0, baseline=(-19, -2))
        except ValueError as refusal:
            assert "time_zero" in str(refusal)  # noqa: PT017  either answer is right
        else:
            assert abs(measurement.time_zero[0]) < 2.0

    def test_a_window_without_a_rise_says_so(self):
        measurement = Measurement(counts(), kind="TRPL counts", n0_cm3=N0, window=(2, 90))
        assert "shows no rise" in " ".join(measurement.describe())

    def test_each_trace_may_have_its_own_kind_of_time_zero(self):
        settings = {"kind": "TRPL counts", "n0_cm3": [N0, N0], "p0_cm3": 0}
        measurement = Measurement([counts(), counts(seed=2)], time_zero=["edge", 0.0], **settings)
        assert measurement.time_zero[1] == 0.0
        assert measurement.edges[1] is None
        assert len(measurement.traces[0]) < len(measurement.traces[1])
        with pytest.raises(ValueError, match="1 entries for 2 traces"):
            Measurement([counts(), counts(seed=2)], time_zero=["edge"], **settings)

    def test_a_trace_without_a_rise_has_no_edge(self):
        assert rising_edge(Trace([0, 1, 2], [4, 2, 1])) is None

    def test_hertz_become_a_period_in_the_traces_unit(self):
        measurement = Measurement(counts(), kind="TRPL counts", n0_cm3=N0, time_zero=0.0, repetition_Hz=4e6)
        assert measurement.repetition_period == pytest.approx(250.0)

    def test_a_pulse_after_the_last_points_is_refused(self):
        with pytest.raises(ValueError, match="no decay is left"):
            Measurement(Trace([0, 1, 2], [4, 2, 1]), time_zero=7.0)


class TestQuantities:
    def test_each_trace_needs_its_number(self):
        with pytest.raises(ValueError, match="3 numbers for 2 traces"):
            Measurement([Trace([0, 1], [2, 1]), Trace([0, 1], [3, 1])], n0=[1, 2, 3], scale="free")

    def test_a_scale_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="scale"):
            Measurement(Trace([0, 1], [2, 1]), scale=0.0)

    @pytest.mark.parametrize("value", [np.nan, np.inf, [[1.0]]])
    def test_values_are_finite_numbers(self, value):
        with pytest.raises(ValueError, match="finite"):
            Quantity(value)

    def test_traces_alone_keep_their_own_numbers(self):
        measurement = load_measurement("fluence_series")
        first, *_, last = measurement.alone()
        assert last.n0.value[0] == measurement.n0.value[3]
        assert first.time_zero[0] == measurement.time_zero[0]
        assert fit(first).converged


WRONG_ARGUMENTS = [
    # argument, value, what the message says, a value as it advises
    ("p0", "a", "a number, without quotes", 1e15),
    ("p0", -1, "not below 0", 1),
    ("p0_cm3", [0, 1], "give a number (density of carriers", 0),
    ("n0", ["a"], "a finite number, or one for each trace", [1e17]),
    ("n0", [None], "a finite number, or one for each trace", 1e17),
    ("n0", "a", 'or one of "fixed", "free", "shared", "unknown"', "unknown"),
    ("n0_cm3", "1e17", "write 1e17 without quotes", 1e17),
    ("n0_cm3", [1e17, None], "a number is missing; give one for each trace", [1e17]),
    ("n0_cm3", [1e17, 2e17], "n0_cm3 holds 2 numbers for 1 trace", [1e17]),
    ("baseline", (-10,), "give two times", (-10, -1)),
    ("baseline", -10, "give two times", (-10, -1)),
    ("baseline", (-10, "x"), "a number, without quotes", (-10, -1)),
    ("baseline", (-1, -10), "the earlier time first", (-10, -1)),
    ("baseline", (500, 600), "has 0 points from 500 to 600", (-10, -1)),
    ("window", 5, "give two times", (-20, 5)),
    ("window", (1,), "give two times", (-20, 1)),
    ("window", (1, 2, 3), "give two times", (-20, None)),
    ("window", (5, 1), "the earlier time first", (-5, 1)),
    ("window", (500, None), "has 0 points from 500 to the end", (None, 50)),
    ("response_fwhm", "a", "full width at half maximum", 0.2),
    ("response_fwhm", [0.2], "give a number", 0.2),
    ("response_fwhm", 200, "longer than trace 'counts' (119.8 ns)", 0.2),
    ("response", 5, "give a Trace of the instrument's response", {"fwhm": 0.2}),
    ("response", {"fwmh": 0.2}, "fwmh is unknown; write fwhm", {"fwhm": 0.2}),
    ("response", {"fwhm": 0}, "give a number above 0", {"fwhm": 0.2}),
    (
        "response",
        {"fwhm": 0.2, "tail": 1, "tail_share": 30},
        "give a share above 0",
        {"fwhm": 0.2, "tail": 1},
    ),
    ("response", {"t_unit": "ns"}, "give file, too", {"tail": 0.2}),
    ("response", {"tail_share": 0.3}, "give fwhm, tail or both", {"fwhm": 0.2, "tail": 1, "tail_share": 0.3}),
    ("response_background", (0, 1), "belongs to a measured response", None),
    ("bin_width", -1, "give a number above 0", 0.25),
    ("scatter", "free", "give response or response_fwhm", "fixed"),
    ("scatter", -1, "0 or larger", 0),
    ("time_zero", "fitted", "give response, response_fwhm or bin_width", "edge"),
    ("time_zero", "shared", "give response, response_fwhm or bin_width", 0),
    ("repetition_Hz", "a", 'give a number or "single"', "single"),
    ("repetition_Hz", -1, 'or write "single"', 1e6),
    ("repetition_period", "a", "a number, without quotes", 200),
    ("repetition_period", 0, "a number above 0", 200),
    ("scale", ["a"], "a finite number, or one for each trace", [1e-31]),
    ("scale", True, "a finite number, or one for each trace", 1e-31),
    ("offset", "none", 'or one of "fixed", "free", "shared"', "free"),
    ("time_zero", "start", '"first" or "peak" or "edge" or "fitted" or "shared"', "first"),
    ("time_zero", {"a": 1}, '"first" or "peak" or "edge"', "peak"),
    ("time_zero", ["fitted"], '"first" or "peak" or "edge"', ["edge"]),
    ("fluence_error_percent", [20], "error of the fluences in %", 20),
    ("sign", "up", "give 1 or -1", 1),
    ("sign", -1, "counts are not negative; leave sign out", None),
    ("noise", "gauss", '"poisson" or "sigma" or "even" or "estimated"', "even"),
    ("density_unit", 16, "give a text", "10^16 cm^-3"),
    ("name", 5, "give a text", "film"),
    ("several", "all", '"one law" or "each alone"', "each alone"),
    ("kind", ["TA"], "give a text", "TA"),
    ("film", 300, "give a dict with wavelength_nm", FILM),
    ("film", FILM | {"reflection": 20}, "film: reflection = 20: give a share", FILM),
    ("film", {**FILM, "thickness_nm": "a"}, "film: thickness_nm = 'a'", FILM),
    ("fluence_uJ_cm2", "a", "energy of one pulse", 1),
    ("fluence_uJ_cm2", [0], "a number above 0", [1]),
]


class TestArguments:
    """What is given wrongly is named, and the advice works."""

    @pytest.mark.parametrize(
        ("name", "wrong", "words", "right"),
        WRONG_ARGUMENTS,
        ids=[f"{case[0]}={case[1]}" for case in WRONG_ARGUMENTS],
    )
    def test_a_wrong_one_is_named_and_the_advice_works(self, name, wrong, words, right):
        settings = {"kind": "TRPL counts"}
        if name in ("film", "fluence_uJ_cm2"):
            settings |= {"film": FILM, "fluence_uJ_cm2": 1}
        elif not name.startswith("n0"):
            settings["n0_cm3"] = 1e17
        with pytest.raises(ValueError) as refused:
            Measurement(counts(), **settings | {name: wrong})
        message = str(refused.value)
        assert words in message
        assert message.startswith(name)
        assert not any(word in message for word in ("object", "array(", "convert", "NoneType"))
        Measurement(counts(), **settings | {name: right})

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (5, "traces = 5: give a Trace or several"),
            ("mine.csv", r"load_trace\(path\); a description is read by load_measurement"),
            ((T, T), r"ndarray is no Trace; make one with Trace\(t, signal\)"),
            ([], "one at least"),
        ],
    )
    def test_traces_are_asked_for_in_plain_words(self, wrong, words):
        with pytest.raises(ValueError, match=words):
            Measurement(wrong)

    def test_numbers_of_numpy_are_numbers(self):
        settings = {"n0_cm3": np.array([1e17]), "p0_cm3": np.int64(0), "baseline": np.array([-10, -1])}
        measurement = Measurement(counts(), kind="trpl", response_fwhm=np.float32(0.25), **settings)
        assert (measurement.kind, measurement.baseline) == ("TRPL counts", (-10.0, -1.0))
        assert measurement.response_fwhm == 0.25

    def test_words_are_those_of_a_description(self):
        trace = Trace(T, -np.exp(-np.maximum(T, 0)) * (T >= 0), t_unit="ns")
        settings = {"kind": "TA", "time_zero": 0, "repetition_Hz": "single", "n0": "Unknown"}
        measurement = Measurement(trace, sign="negative", **settings)
        assert (measurement.observable.sign, measurement.density_unit) == (-1, "n0")
        assert measurement.repetition_period is None


class TestUnknownDensity:
    t = np.linspace(0, 100, 400)

    def series(self, **settings):
        rng = np.random.default_rng(5)
        traces = [
            Trace(self.t, rng.poisson(2000 * n**2 + 2.0), name=name, t_unit="ns", signal_unit="counts")
            for name, n in (
                ("low", solve(self.t, 1, (0, 0.02, 0.04, 0))),
                ("high", solve(self.t, 5, (0, 0.02, 0.04, 0))),
            )
        ]
        return Measurement(traces, kind="TRPL counts", time_zero=0, n0="unknown", p0_cm3=0, **settings)

    def test_fluences_give_the_ratios_of_a_series(self):
        measurement = self.series(fluence_uJ_cm2=[0.3, 1.5], fluence_error_percent=20)
        found = fit(measurement, fixed=["G", "k3"])
        assert found.n0.tolist() == pytest.approx([1, 5])
        away = (found.values[["k1", "k2"]] - [0.02, 0.04]) / found.stderr[["k1", "k2"]]
        assert np.abs(away).max() < 3
        assert "go with their fluences: 1, 5" in " ".join(measurement.describe())

    def test_the_error_of_the_fluence_does_not_act_on_rates_in_units_of_n0(self):
        measurement = self.series(fluence_uJ_cm2=[0.3, 1.5], fluence_error_percent=20)
        assert measurement.fluence_error_percent is None
        assert "20 %" not in " ".join(measurement.describe())
        assert "from n0" not in fit(measurement).table()

    def test_one_law_needs_the_ratios(self):
        with pytest.raises(
            ValueError, match=r'give each trace fluence_uJ_cm2, or say several = "each alone"'
        ):
            self.series()
        assert [each.n0.value.tolist() for each in self.series(several="each alone").alone()] == [[1], [1]]


COUNTS = {"kind": "TRPL counts", "n0_cm3": N0}


class TestContradictions:
    @pytest.mark.parametrize("time_zero", [0, "edge"])
    @pytest.mark.parametrize("baseline", [(20, 90), (-10, 5)])
    def test_a_baseline_ends_before_the_pulse(self, time_zero, baseline):
        with pytest.raises(
            ValueError, match=r"^baseline = .* the pulse of trace 'counts' comes at .* ns, before"
        ):
            Measurement(counts(), baseline=baseline, time_zero=time_zero, **COUNTS)
        Measurement(counts(), baseline=(-10, -2), time_zero=time_zero, **COUNTS)

    def test_in_a_train_a_baseline_may_follow_the_pulse_but_not_hold_one(self):
        settings = {"time_zero": 0, "repetition_period": 125.0, **COUNTS}
        Measurement(counts(), baseline=(80, 99), **settings)
        with pytest.raises(ValueError, match="comes at 0 ns, before the baseline ends"):
            Measurement(counts(), baseline=(-10, 5), **settings)

    def test_a_window_holds_the_baseline(self):
        with pytest.raises(ValueError, match=r"leaves out the baseline \[-10, -1\]; begin the window at -10"):
            Measurement(counts(), window=(0, None), baseline=(-10, -1), **COUNTS)
        Measurement(counts(), window=(-10, None), baseline=(-10, -1), **COUNTS)

    def test_the_baseline_stays_where_the_decay_begins_at_the_peak(self):
        measurement = Measurement(counts(), baseline=(-10, -1), time_zero="peak", **COUNTS)
        assert measurement.before_pulse(0).sum() == 37
        found = fit(measurement)
        assert found.offset[0] == pytest.approx(6.0, abs=4 * found.stderr["offset"])

    def test_a_trace_is_not_longer_than_the_period(self):
        with pytest.raises(
            ValueError, match=r"spans 119\.8 ns, and the next pulse comes after 50 ns"
        ) as refused:
            Measurement(counts(), repetition_Hz=2e7, time_zero=0, **COUNTS)
        assert "window = [-20, 30]" in str(refused.value)
        Measurement(counts(), repetition_Hz=2e7, time_zero=0, window=(-20, 30), **COUNTS)

    def test_a_scale_is_positive(self):
        with pytest.raises(ValueError, match=r"scale = -1: give a number above 0, or leave scale out"):
            Measurement(counts(), scale=-1, **COUNTS)
        bleach = Trace(T, np.where(T < 0, 0, -np.exp(-np.maximum(T, 0) / 9)), t_unit="ns")
        with pytest.raises(ValueError, match="and sign = -1"):
            Measurement(bleach, kind="TA", n0=1.0, scale=-1, sign=1, time_zero=0)
        measurement = Measurement(bleach, kind="TA", n0=1.0, scale=1, sign=-1, offset=0, time_zero=0)
        assert fit(measurement, fixed=["G", "k2", "k3"]).values["k1"] == pytest.approx(1 / 9)

    @pytest.mark.parametrize("offset", [0, "fixed"])
    @pytest.mark.parametrize("response_fwhm", [None, 0.5])
    def test_counts_before_the_pulse_need_a_background(self, offset, response_fwhm):
        settings = {"time_zero": 0, "response_fwhm": response_fwhm, **COUNTS}
        with pytest.raises(ValueError, match=r"^offset = 0: .* counts before the pulse") as refused:
            Measurement(counts(), offset=offset, **settings)
        assert 'give offset = "free", or begin the window at the pulse' in str(refused.value)
        assert fit(Measurement(counts(), offset="free", **settings)).converged
        assert fit(Measurement(counts(), offset=offset, window=(0, None), **settings)).converged
        dark = Trace(T, np.where(T < 0, 0, counts(background=0).signal), t_unit="ns")
        Measurement(dark, offset=offset, **settings)  # no counts, no contradiction

    def test_a_background_of_counts_is_not_negative(self):
        with pytest.raises(ValueError, match=r'offset = -5: .* give offset = "free"'):
            Measurement(counts(), offset=-5, **COUNTS)


class TestNames:
    """Two traces of one name are numbered: files of one name in two folders are an ordinary thing."""

    def test_traces_of_one_name_are_numbered(self):
        traces = [counts(), counts(seed=2), Trace(T, counts(seed=3).signal, name="counts 1", t_unit="ns")]
        measurement = Measurement(traces, kind="TRPL counts", n0_cm3=[N0] * 3)
        assert [trace.name for trace in measurement.traces] == ["counts 2", "counts 3", "counts 1"]
        assert [each.name for each in measurement.alone()] == ["counts 2", "counts 3", "counts 1"]
        assert measurement.name == "counts"

    def test_traces_without_a_name_are_told_apart_where_they_are_described(self):
        traces = [Trace([0, 1, 2], [4, 2, 1]), Trace([0, 1, 2], [8, 4, 2])]
        words = " ".join(Measurement(traces).describe())
        assert "trace 1: 3 points" in words
        assert "trace 2: 3 points" in words

    def test_the_same_data_twice_are_refused(self):
        other = Trace(T, counts().signal, name="copy", t_unit="ns")
        with pytest.raises(
            ValueError, match=r"traces 1 and 2 \(counts, copy\) hold the same data, .* leave one"
        ):
            Measurement([counts(), other], kind="TRPL counts", n0_cm3=[N0, 2 * N0])
        decay = [Trace([0, 1, 2], [4, 2, 1])] * 2
        with pytest.raises(ValueError, match="traces 1 and 2 hold the same data"):
            Measurement(decay)
        Measurement(decay, observable="mobility", n0=[1, 2])  # without noise, traps alone look so


def test_densities_are_written_with_their_power_of_ten():
    words = " ".join(
        Measurement(
            [counts(), counts(seed=2)],
            kind="TRPL counts",
            n0_cm3=[2e17, 4e17],
            p0_cm3=1e15,
            density_unit="10^16 cm^-3",
        ).describe()
    )
    assert "n0 = (20, 40) × 10^16 cm^-3 (fixed)." in words
    assert "p0 = 0.1 × 10^16 cm^-3." in words
    assert "n0 = 1e+17 cm^-3 (fixed)." in Measurement(counts(), kind="TRPL counts", n0_cm3=N0).describe()


class TestTheFileOfADescription:
    """A description may lie anywhere; its traces lie beside it, and so does what a user keeps of it."""

    @pytest.fixture
    def elsewhere(self, tmp_path, monkeypatch):
        (tmp_path / "films").mkdir()
        (tmp_path / "films" / "a.csv").write_text("t (ns),n\n0,4\n1,2\n2,1\n3,0.5\n4,0.3\n")
        (tmp_path / "films" / "a.toml").write_text('kind = "density"\nfile = "a.csv"\n')
        monkeypatch.chdir(tmp_path)
        return tmp_path / "films" / "a.toml"

    @pytest.mark.parametrize("given", ["films/a.toml", "films/a", Path("films/a.toml"), "absolute"])
    def test_its_traces_are_found_beside_it_and_it_is_remembered(self, elsewhere, monkeypatch, given):
        measurement = load_measurement(elsewhere if given == "absolute" else given)
        assert measurement.traces[0].signal.tolist() == [4, 2, 1, 0.5, 0.3]
        monkeypatch.chdir(elsewhere.parent)  # a path from the current folder would now lead elsewhere
        assert measurement.file == elsewhere

    def test_arrays_have_none(self):
        assert Measurement(Trace([0, 1], [2, 1])).file is None

    def test_what_is_made_of_the_measurement_keeps_it(self, elsewhere):
        measurement = load_measurement(elsewhere)
        assert pickle.loads(pickle.dumps(measurement)).file == elsewhere
        assert measurement.with_signals([[5, 3, 1, 0.6, 0.3]]).file == elsewhere
        assert [each.file for each in measurement.alone()] == [elsewhere]
        assert measurement.with_quantities(offset=Quantity(0.0, "free")).file == elsewhere

    def test_a_saved_fit_and_the_printed_measurement_do_not_depend_on_it(self, elsewhere, tmp_path):
        measurement = load_measurement(elsewhere)
        moved = measurement.with_file("other.toml")
        assert repr(moved) == repr(measurement) == "Measurement('a': 1 trace, density, estimated noise)"
        paths = tmp_path / "here.par", tmp_path / "there.par"
        for each, path in zip((measurement, moved), paths, strict=True):
            records.save(fit(each, fixed=["G", "k2", "k3"]), path)
        assert paths[0].read_text() == paths[1].read_text()
        assert records.load(paths[0]).on(moved).converged


def test_a_description_and_arrays_say_the_same():
    described = load_measurement("fluence_series")
    traces = [Trace(each.t, each.signal, name=each.name, t_unit="ns") for each in described.traces]
    options = {
        "kind": "TRPL counts",
        "film": FILM,
        "fluence_uJ_cm2": [0.2, 1, 5, 25],
        "time_zero": 0,
        "p0_cm3": 0,
    }
    by_hand = Measurement(traces, **options)
    np.testing.assert_allclose(fit(by_hand).values, fit(described).values, rtol=1e-9)


def test_the_sample_is_described_as_the_notebooks_load_it():
    assert (DATA / "sample_data.toml").exists()
    measurement = load_measurement("sample_data")
    assert (len(measurement.traces[0]), measurement.traces[0].signal[0]) == (751, 800.04)


def test_own_observables_need_their_function():
    with pytest.raises(ValueError, match="function"):
        Observable("own")


def test_the_facts_of_the_sample_are_kept_and_checked():
    trace = Trace(np.arange(3.0), [4, 2, 1], t_unit="ns", signal_unit="cm^-3")
    film = {"thickness_nm": 300, "diffusion_cm2_s": 0.05, "refractive_index": 2.5}
    sample = Measurement(trace, film=film, p0_cm3=1e15, **SPOT).sample
    assert (sample.thickness_nm, sample.diffusion_cm2_s, sample.refractive_index) == (300, 0.05, 2.5)
    # A doping that does not change the signal still changes what k1 holds.
    assert (sample.p0_cm3, sample.spot_diameter_um, sample.count_rate_Hz) == (1e15, 200, 2e4)
    assert Measurement(trace).sample.thickness_nm is None
    with pytest.raises(ValueError, match=r"film: diffusion_cm2_s = -1: give a number above 0"):
        Measurement(trace, film=film | {"diffusion_cm2_s": -1})
    with pytest.raises(ValueError, match=r"collected_diameter_um = 0: give a number above 0"):
        Measurement(trace, collected_diameter_um=0)
