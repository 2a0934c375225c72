"""Time zero: fitted beside a response with its share in the errors, and fixed at the edge without one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import plots, records
from helpers.fitting import fit
from helpers.fitting.decays import density_decays
from helpers.fitting.problem import pose
from helpers.fitting.start import starting_values
from helpers.kinetics import Equation, RateLaw, solve
from helpers.measurement import Measurement, Quantity, Response
from helpers.measurement.described import load_measurement
from helpers.panel import MeasurementPanel
from helpers.traces import Trace
from helpers.uncertainty import advise, bootstrap, contour, misfit, profile


def _benchmark():
    path = Path(__file__).parent / "benchmarks" / "time_zero.py"
    spec = importlib.util.spec_from_file_location("time_zero_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BENCH = _benchmark()
GAUSSIAN, TAIL = BENCH.RESPONSES.values()
COARSE = np.arange(-20, 200, 0.4)


def series(behind=GAUSSIAN, seed=0, *, t=COARSE, **options):
    settings = {"kind": "TRPL counts", "n0_cm3": BENCH.N0, "p0_cm3": 0}
    return Measurement(BENCH.traces(behind, seed, t=t), **settings | options)


class TestFitted:
    @pytest.mark.parametrize("response", [GAUSSIAN, TAIL], ids=["Gaussian", "tail"])
    @pytest.mark.parametrize("seed", [0, 1])
    def test_from_two_bins_away_rates_and_time_zero_are_found(self, response, seed):
        """The script beside this test does it with 20 seeds and finer bins."""
        found = fit(BENCH.measured(response, seed, t=COARSE))
        assert found.converged
        assert max(map(abs, BENCH.away(found).values())) < 3
        assert abs(found.reduced_chi2 - 1) < 0.1

    def test_without_it_two_bins_are_far_beyond_the_errors(self):
        wrong = fit(series(response=GAUSSIAN, time_zero=[BENCH.TIME_ZERO - 0.2] * 4))
        assert abs(BENCH.away(wrong)["k3"]) > 10
        assert wrong.reduced_chi2 > 1.5

    def test_the_errors_of_the_rates_hold_that_of_time_zero(self):
        free = fit(series(response=GAUSSIAN))
        held = free.refit(fixed=[*free.fixed, "time_zero"])
        names = [each for each in free.names if each.startswith("time_zero")]
        assert [free.problem.parameters[free.names.index(each)].trace for each in names] == [0, 1, 2, 3]
        assert free.stderr["k3"] > 1.02 * held.stderr["k3"]
        assert held.stderr[names].isna().all()
        np.testing.assert_allclose(free.time_zero, BENCH.TIME_ZERO, atol=5 * free.stderr[names].max())

    def test_a_shared_one_is_one_parameter_and_keeps_given_differences(self):
        traces = BENCH.traces(GAUSSIAN, 3, t=COARSE)
        late = [
            traces[0],
            *(Trace(each.t + 5.0, each.signal, None, each.name, "ns", "counts") for each in traces[1:]),
        ]
        settings = {"kind": "TRPL counts", "n0_cm3": BENCH.N0, "p0_cm3": 0, "response": GAUSSIAN}
        found = fit(Measurement(late, time_zero=Quantity([0.0, 5.0, 5.0, 5.0], "shared"), **settings))
        assert [each for each in found.names if each.startswith("time")] == ["time_zero"]
        assert max(map(abs, BENCH.away(found).values())) < 3
        np.testing.assert_allclose(np.diff(found.time_zero), [5.0, 0.0, 0.0])
        assert found.units["time_zero"] == "ns"
        words = " ".join(Measurement(traces, time_zero="shared", **settings).describe())
        assert "share one time zero" in words

    def test_the_jacobian_is_that_of_differences(self):
        measurement = series(TAIL, response=TAIL, scatter=Quantity([300.0] * 4, "free"))
        start = starting_values(measurement, RateLaw(), (0, *BENCH.RATES.values()))
        problem = pose(measurement, RateLaw(), start)
        x = problem.point(np.array([start[name] for name in problem.names])) + 1e-3
        exact = problem.jacobian(x)
        for place, name in enumerate(problem.names):
            if problem.parameters[place].kind not in ("time_zero", "scatter", "scale"):
                continue
            step = np.zeros(len(x))
            step[place] = 1e-5
            pairs = zip(problem.curves(x + step), problem.curves(x - step), strict=True)
            for j, (up, down) in enumerate(pairs):
                numeric = (up - down) / 2e-5
                size = np.abs(numeric).max() or 1.0
                np.testing.assert_allclose(exact[j][:, place], numeric, atol=2e-5 * size, err_msg=name)

    def test_an_own_equation_takes_it_too(self):
        t = np.arange(-5, 60, 0.25)
        times = BENCH.clock(t, time_zero=0.4, response=GAUSSIAN)
        shape, _ = times.shape(RateLaw(), BENCH.Observable("mobility"), (0, 0.1, 0, 0), 1.0)
        noise = 0.01 * np.random.default_rng(1).standard_normal(len(t))
        trace = Trace(t, 2 * shape + noise, np.full(len(t), 0.01), t_unit="ns")
        law = Equation(lambda t, n, args: -args[0] * n, ["k"])
        measurement = Measurement(trace, kind="TA", n0=1.0, response_fwhm=1.0)
        found = fit(measurement, {"k": 0.05}, law=law)
        assert found.values["k"] == pytest.approx(0.1, abs=4 * found.stderr["k"])
        assert found.values["time_zero"] == pytest.approx(0.4, abs=4 * found.stderr["time_zero"])

    def test_channels_alone_let_it_be_fitted(self):
        """Counts of channels of 2 ns: the first one with light says when within it the pulse came."""
        t = np.arange(-20.0, 100.0, 2.0)
        times = BENCH.clock(t, time_zero=0.6, response=Response(bin_width=2.0))
        shape, _ = times.shape(RateLaw(), BENCH.Observable("photoluminescence"), (0, 0.02, 0.1, 0), 1.0)
        counts = np.random.default_rng(0).poisson(20_000 * shape + 3).astype(float)
        settings = {"kind": "TRPL counts", "n0": "unknown", "p0_cm3": 0, "bin_width": 2.0}
        found = fit(Measurement(Trace(t, counts, t_unit="ns"), **settings), fixed=["G", "k3"])
        truth = {"k1": 0.02, "k2": 0.1, "time_zero": 0.6}
        assert (abs(found.values[[*truth]] - [*truth.values()]) < 3.5 * found.stderr[[*truth]]).all()


class TestRefused:
    def test_without_a_response_or_channels(self):
        with pytest.raises(
            ValueError, match=r"time_zero is fitted only where the rise has a shape.*bin_width"
        ):
            series(time_zero="fitted")

    def test_beside_a_free_n0_with_no_point_before_the_pulse(self):
        t = np.arange(0.0, 50.0, 0.1)
        trace = Trace(t, solve(t, 2.0, (0, 0.1, 0.1, 0)), np.full(len(t), 0.01), t_unit="ns")
        start = Quantity(0.0, "free")
        with pytest.raises(
            ValueError, match=r"no point before the pulse at 0 ns.*give points before the pulse"
        ):
            Measurement(trace, response_fwhm=0.5, time_zero=start)
        Measurement(trace, response_fwhm=0.5, time_zero=start, n0=2.0, observable="mobility")

    def test_where_the_trace_shows_no_rise(self):
        settings = {
            "kind": "TRPL counts",
            "n0": "unknown",
            "p0_cm3": 0,
            "response": GAUSSIAN,
            "window": (3, None),
        }
        trace = BENCH.traces(GAUSSIAN, 0, t=COARSE)[3]
        with pytest.raises(ValueError, match=r"'p4' shows no rise before its decay.*begin the window"):
            Measurement(trace, time_zero="fitted", **settings)
        late = Measurement(trace, **settings)  # not asked for: it stays where the trace begins
        assert late.time_zero_mode == "fixed"
        assert "shows no rise" in " ".join(late.describe())


class TestWithoutAResponse:
    """Measured on the same traces, cut at their peaks: k3 × 0.57 with a printed error of 2 %."""

    def test_it_stays_at_the_edge_and_the_decay_counts_from_two_widths_later(self):
        measurement = series()
        assert (measurement.time_zero_mode, measurement.response) == ("fixed", None)
        for trace, zero, edge in zip(
            measurement.traces, measurement.time_zero, measurement.edges, strict=True
        ):
            after = trace.t[trace.t > zero]
            assert after[0] >= zero + 2 * edge.width
            assert zero != trace.t[trace.signal.argmax()]
        words = " ".join(measurement.describe())
        assert "half of the rise; the points within" in words
        assert "the decay counts from two widths of it later" in words

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_then_k3_is_right_within_its_errors(self, seed):
        found = fit(series(seed=seed, t=np.arange(-20, 200, 0.1)))
        assert abs(BENCH.away(found)["k3"]) < 3
        peak = fit(series(seed=seed, t=np.arange(-20, 200, 0.1), time_zero="peak"))
        assert peak.values["k3"] < 0.8 * BENCH.RATES["k3"]


@pytest.fixture(scope="module")
def blurred():
    """Fit time zero: of one trace, and of two behind a recorded response with scattered light."""
    rng, t = np.random.default_rng(9), np.arange(0, 40, 0.1)
    irf = Trace(
        t, rng.poisson(3e4 * TAIL.at(t - 10)[0] / TAIL.peak + 3).astype(float), t_unit="ns", name="irf"
    )
    traces = BENCH.traces(TAIL, 5, t=np.arange(-10, 120, 0.5))
    settings = {"kind": "TRPL counts", "p0_cm3": 0}
    one = Measurement(traces[2], n0_cm3=BENCH.N0[2], response=TAIL, **settings)
    two = Measurement(
        traces[2:], n0_cm3=BENCH.N0[2:], response=irf, time_zero="shared", scatter="shared", **settings
    )
    return {"one": fit(one, fixed=["G", "k3"]), "recorded": fit(two, {"k1": 0.015}, fixed=["G", "k1"])}


@pytest.mark.parametrize("name", ["one", "recorded"])
class TestOperations:
    def test_profile_contour_and_bootstrap_know_it(self, blurred, name):
        found = blurred[name]
        assert found.converged
        curve = profile(found, "time_zero", points=6)["time_zero"]
        low, high = curve.interval95
        assert curve.verdict == "determined"
        assert low < found.values["time_zero"] < high
        assert len(contour(found, ("k2", "time_zero"), directions=3)) == 3
        scatter = bootstrap(found, n=4, seed=2, progress=False)
        assert scatter.converged.all()
        assert scatter.stderr["time_zero"] > 0
        assert not misfit(found).found
        assert any(
            word.startswith("time_zero = ") for word in advise(found, profile(found, "time_zero", points=6))
        )

    def test_it_is_saved_and_made_again_and_another_response_is_refused(self, blurred, name, tmp_path):
        found = blurred[name]
        record = records.load(records.save(found, tmp_path / "fit.par"))
        again = record.on(found.measurement)
        assert again.cost == pytest.approx(found.cost, rel=1e-6)
        np.testing.assert_allclose(
            again.time_zero, found.time_zero, atol=0.01 * found.conditional_stderr["time_zero"]
        )
        settings = {"kind": "TRPL counts", "p0_cm3": 0, "n0": found.measurement.n0, "density_unit": "cm^-3"}
        mode = {"time_zero": Quantity(found.measurement.time_zero, found.measurement.time_zero_mode)}
        light = {"scatter": found.measurement.scatter} if name == "recorded" else {}
        other = Measurement(found.traces, response={"fwhm": 0.9, "tail": 1.0}, **settings | mode | light)
        with pytest.raises(ValueError, match=r"response is .* and was"):
            record.on(other)

    def test_figures_and_panel_are_drawn_at_the_fitted_time(self, blurred, name):
        found = blurred[name]
        for scale in ("linear", "loglog"):
            plots.plot_fit(found, scale=scale)
        plots.plot_correlation(found)
        plt.close("all")
        panel = MeasurementPanel(found.measurement)
        panel.set({each: found.values[each] for each in ("k1", "k3")})
        for each in ("k1", "k3"):
            panel.controls[each].free.value = each not in found.fixed
            panel.controls[each].on.value = bool(found.values[each] > 0)
        before = panel.values["time_zero"]
        panel.buttons["fit"].click()
        assert panel.values["time_zero"] == pytest.approx(found.values["time_zero"], abs=1e-3)
        assert panel.rmse == pytest.approx(found.rmse, rel=1e-3)
        panel.buttons["undo"].click()
        assert panel.values["time_zero"] == before


def test_densities_of_a_trace_run_from_the_fitted_time():
    trace = BENCH.traces(TAIL, 5, t=np.arange(-10, 120, 0.5))[2]
    settings = {"kind": "TRPL counts", "n0_cm3": BENCH.N0[2], "p0_cm3": 0, "response": TAIL}
    decay = density_decays(Measurement(trace, **settings))[0]
    late = decay.t > 10
    exact = solve(decay.t[late], BENCH.N0[2], (0, *BENCH.RATES.values()))
    np.testing.assert_allclose(decay.signal[late][:60], exact[:60], rtol=0.15)


def test_a_description_names_response_time_zero_and_scattered_light(tmp_path):
    traces = BENCH.traces(TAIL, 4, t=np.arange(-10, 120, 0.5))
    t = np.arange(0, 40, 0.1)
    rows = zip(1000 * t, 3e4 * TAIL.at(t - 10)[0] / TAIL.peak + 3, strict=True)
    (tmp_path / "irf.csv").write_text("Time (ps),counts\n" + "".join(f"{a:.0f},{b:.0f}\n" for a, b in rows))
    for number in (2, 3):
        lines = zip(traces[number].t, traces[number].signal, strict=True)
        (tmp_path / f"p{number}.csv").write_text("".join(f"{a:.4f},{b:.0f}\n" for a, b in lines))
    text = """kind = "TRPL counts"
t_unit = "ns"
p0_cm3 = 0
repetition_Hz = "single"
response = "irf.csv"
response_background = [0, 5000]
time_zero = "shared"
scatter = "free"
several = "one law"
trace = [ { file = "p2.csv", n0_cm3 = 2.5e17 }, { file = "p3.csv", n0_cm3 = 1.2e18 } ]
"""
    (tmp_path / "mine.toml").write_text(text)
    measurement = load_measurement(tmp_path / "mine.toml")
    assert (measurement.time_zero_mode, measurement.scatter.mode) == ("shared", "free")
    assert measurement.response_fwhm == pytest.approx(TAIL.width, rel=0.1)
    assert len(measurement.traces[0]) == len(traces[2])
    (tmp_path / "irf.csv").write_text(
        "".join(f"{a:.0f},{b:.0f}\n" for a, b in zip(1000 * t, 9 * t, strict=True))
    )
    with pytest.raises(ValueError, match=r"mine.toml.*unit of its times is missing.*t_unit = \"ns\""):
        load_measurement(tmp_path / "mine.toml")
