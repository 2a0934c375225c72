"""What a measurement takes for granted, what it asks for, and what it finds in its traces."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from helpers.fit_records import record_of
from helpers.fits import fit
from helpers.kinetics import solve
from helpers.measurement import Measurement, Observable, Quantity
from helpers.measurement.described import load_measurement
from helpers.measurement.edge import rising_edge
from helpers.paths import DATA
from helpers.traces import Trace

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
        found = fit(measurement)
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
            Measurement([Trace([0, 1], [2, 1], [0.1, 0.1]), Trace([0, 1], [2, 1])])


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
            Measurement([counts(), counts()], time_zero=["edge"], **settings)

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
            Measurement([Trace([0, 1], [2, 1])] * 2, n0=[1, 2, 3], scale="free")

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

    def test_a_saved_fit_and_the_printed_measurement_do_not_depend_on_it(self, elsewhere):
        measurement = load_measurement(elsewhere)
        moved = measurement.with_file("other.toml")
        assert repr(moved) == repr(measurement) == "Measurement('a': 1 trace, density, even noise)"
        record, other = (record_of(fit(each, fixed=["G", "k2", "k3"])) for each in (measurement, moved))
        assert record.content() == other.content()
        assert record.on(moved).converged


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
