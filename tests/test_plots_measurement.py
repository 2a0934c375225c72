"""Figures of a measurement before any fit draw its own points, and guesses with their best scale."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from five_fits import EQUATION, counts, density

from helpers import plots
from helpers.fitting import fit, suggest
from helpers.fitting.decays import density_decays
from helpers.kinetics import RateLaw, solve
from helpers.measurement import Measurement
from helpers.traces import Trace

RATES = {"G": 0.0, "k1": 1e-2, "k2": 1e-3, "k3": 1e-7}
T = np.linspace(-5, 50, 111)


@pytest.fixture(autouse=True)
def _clean_stage():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bleach():
    """Return a negative signal, −3·n + 0.5, of a decay that begins at t = 0."""
    n = np.where(T < 0, 0, 2 * np.exp(-0.1 * np.maximum(T, 0)))
    trace = Trace(T, 0.5 - 3 * n, t_unit="ps", signal_unit="mOD")
    options = {"density_unit": "10^18 cm^-3", "n0": 2.0, "time_zero": 0.0, "baseline": (-5, -0.5)}
    return Measurement(trace, kind="TA", sign=-1, **options)


class TestPlotMeasurement:
    def test_used_points_stand_out_of_all_points(self):
        used = Measurement(density(), window=(10, 400))
        ax = plots.plot_measurement(used, [density()])
        assert labels(ax) == ["all points", "used"]
        np.testing.assert_array_equal(ax.lines[1].get_xdata(), used.traces[0].t)
        assert ax.lines[0].get_xdata()[0] < 10

    @pytest.mark.parametrize("scale", plots.SCALES)
    def test_several_traces_are_told_apart_on_every_scale(self, scale):
        series = counts(slice(None))
        ax = plots.plot_measurement(series, scale=scale)
        assert labels(ax) == [trace.name for trace in series.traces]
        assert len({tuple(line.get_color()) for line in ax.lines}) == 4
        ax.figure.canvas.draw()

    def test_a_bleach_is_turned_for_a_logarithmic_axis(self):
        linear, semilog = (plots.plot_measurement(bleach(), scale=each) for each in ("linear", "semilog"))
        assert linear.lines[0].get_ydata().min() == pytest.approx(-5.5)
        assert semilog.lines[0].get_ydata().max() == pytest.approx(5.5)
        assert semilog.get_ylabel().startswith("−signal")

    def test_only_a_calibrated_density_is_called_n(self):
        assert plots.plot_measurement(Measurement(density())).get_ylabel().startswith("n ")
        assert plots.plot_measurement(counts()).get_ylabel() == "signal (counts)"


class TestPlotStarts:
    def test_a_density_begins_at_its_first_point_and_follows_the_law(self):
        decay = density()
        ax = plots.plot_starts(Measurement(decay), {"by hand": RATES})
        t, drawn = ax.lines[1].get_data()
        expected = solve(t - decay.t[0], decay.signal[0], list(RATES.values()))
        np.testing.assert_allclose(drawn, expected, rtol=1e-9)
        assert labels(ax)[1] == "by hand"

    def test_the_automatic_guess_is_black_and_that_of_the_fits(self):
        measurement = Measurement(density())
        first, second = plots.plot_starts(measurement, {"automatic": None, "by hand": RATES}).lines[1:]
        assert (first.get_color(), first.get_linestyle()) == (plots.COLOURS["black"], "-")
        assert second.get_color() != first.get_color()
        t, drawn = first.get_data()
        guess = suggest(measurement, fixed={"G": 0.0})
        np.testing.assert_allclose(drawn, solve(t - density().t[0], density().signal[0], guess), rtol=1e-9)

    def test_scale_and_background_are_the_best_for_the_guess(self):
        truth = {"G": 0.0, "k1": 0.1, "k2": 0.0, "k3": 0.0}
        t, drawn = plots.plot_starts(bleach(), {"truth": truth}).lines[1].get_data()
        later = t >= 0
        np.testing.assert_allclose(drawn[later], 0.5 - 6 * np.exp(-0.1 * t[later]), atol=1e-9)

    def test_each_trace_of_a_series_has_its_curve_and_a_guess_one_name(self):
        series = counts(slice(None))
        ax = plots.plot_starts(series, {"automatic": None}, scale="semilog")
        assert labels(ax) == ["data", "automatic"]
        curves = [line.get_ydata() for line in ax.lines[4:]]
        assert len(curves) == 4
        heights = [curve.max() for curve in curves]
        seen = [trace.signal.max() for trace in series.traces]
        np.testing.assert_allclose(heights, seen, rtol=0.3)

    def test_an_own_equation_needs_a_guess(self):
        ax = plots.plot_starts(Measurement(density()), {"own": {"k1": 1e-2, "k2": 1e-3}}, law=EQUATION)
        assert labels(ax)[1] == "own"
        with pytest.raises(ValueError, match="no automatic one"):
            plots.plot_starts(Measurement(density()), {"automatic": None}, law=EQUATION)

    def test_an_unknown_scale_is_refused_with_the_known_ones(self):
        for draw in (plots.plot_measurement, lambda each, **kw: plots.plot_starts(each, {}, **kw)):
            with pytest.raises(ValueError, match="linear, semilog, loglog"):
                draw(Measurement(density()), scale="log")


class TestPlotVariations:
    def test_each_picture_moves_one_rate_and_holds_the_others(self):
        decay = density()
        axes = plots.plot_variations(Measurement(decay), RATES, factors=(0.5, 4))
        assert [ax.get_title() for ax in axes] == ["k1", "k2", "k3"]  # G is 0 and has no multiples
        for ax, name in zip(axes, ("k1", "k2", "k3"), strict=True):
            for line, factor in zip(ax.lines[1:], (1, 0.5, 4), strict=True):
                t, drawn = line.get_data()
                moved = {**RATES, name: factor * RATES[name]}
                expected = solve(t - decay.t[0], decay.signal[0], list(moved.values()))
                np.testing.assert_allclose(drawn, expected, rtol=1e-9)
                assert line.get_label() == (name if factor == 1 else f"{name} × {factor:g}")

    def test_a_guess_of_zeros_is_refused(self):
        with pytest.raises(ValueError, match="every parameter of the guess is 0"):
            plots.plot_variations(Measurement(density()), dict.fromkeys(RATES, 0.0))


class TestDrawProcesses:
    def test_as_many_carriers_meet_as_the_order_says(self):
        axes = plots.draw_processes()
        kinds = [sorted(line.get_gid() for line in ax.lines if line.get_gid()) for ax in axes]
        assert kinds == [["electron"], ["electron", "hole"], ["electron", "electron", "hole"]]
        assert [ax.get_title()[-1] for ax in axes] == ["n", "²", "³"]

    def test_only_auger_recombination_moves_a_second_electron(self):
        arrows = [[patch.get_path().vertices for patch in ax.patches[2:]] for ax in plots.draw_processes()]
        assert [len(each) for each in arrows] == [1, 1, 2]


class TestDensityDecays:
    def test_a_calibrated_density_is_what_was_measured(self):
        decay = density()
        found = density_decays(Measurement(replace_time(decay, 7.0)))[0]
        np.testing.assert_allclose(found.t, decay.t - decay.t[0], atol=1e-12)
        np.testing.assert_array_equal(found.signal, decay.signal)
        assert (found.t_unit, found.signal_unit) == ("ns", "10^16 cm^-3")

    def test_other_signals_take_scale_and_background_from_a_fit(self):
        found = density_decays(bleach())[0]
        np.testing.assert_allclose(found.signal, 2 * np.exp(-0.1 * found.t), rtol=1e-5)
        assert (found.t[0], found.signal_unit) == (0.0, "10^18 cm^-3")

    def test_luminescence_goes_with_the_square(self):
        series = counts(slice(2, 4))
        found = fit(series, law=RateLaw())
        for decay, n0 in zip(density_decays(series), found.n0, strict=True):
            assert decay.signal[:3].mean() == pytest.approx(n0, rel=0.2)

    def test_an_own_observable_says_why_not(self):
        own = Measurement(density(), observable=lambda n: n**1.5, n0=800.0)
        with pytest.raises(ValueError, match="cannot be turned into a density"):
            density_decays(own)


def replace_time(trace, shift):
    units = {"t_unit": trace.t_unit, "signal_unit": trace.signal_unit}
    return Trace(trace.t + shift, trace.signal, **units)
