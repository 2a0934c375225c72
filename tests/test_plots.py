"""Figures show the numbers they are given, with units, on the axes they are given, in colours for all."""

from __future__ import annotations

import functools
import itertools
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from helpers import fitting, guesses, kinetics, plots, records, valley
from helpers.kinetics import Rates
from helpers.paths import DATA
from helpers.slopes import decay_rates, decay_terms
from helpers.traces import Trace, load_trace

TRACE = load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3")
DECAY = TRACE.from_peak()
FIT = fitting.fit(DECAY, record_path=True)
DRAW = {
    "trace": lambda ax=None: plots.plot_trace(TRACE, DECAY, ax=ax),
    "guesses": lambda ax=None: plots.plot_guesses(DECAY, guesses.ORIGINAL, ax=ax),
    "fit": lambda ax=None: plots.plot_fit(FIT, ax=ax),
    "order": lambda ax=None: plots.plot_decay_order(DECAY, ax=ax),
    "map": lambda ax=None: plots.plot_cost_map(FIT, [valley.path_of(FIT)], ax=ax),
}


@pytest.fixture(autouse=True)
def _clean_stage(monkeypatch):
    """Draw without a window; a figure that is shown, or a warning, fails the test."""
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("plt.show was called"))
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        plots.use_style()
        yield
        plt.close("all")


def axes_of(drawn):
    return drawn if isinstance(drawn, tuple) else (drawn,)


def line(ax, label):
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return found.get_data()


@pytest.mark.parametrize("name", DRAW)
class TestEveryFigure:
    def test_is_drawn_on_the_axes_it_is_given(self, name):
        figure, (left, right) = plt.subplots(1, 2)
        drawn = axes_of(DRAW[name](right))
        assert drawn[0] is right
        assert not left.lines
        assert plt.get_fignums() == [figure.number]
        figure.canvas.draw()

    def test_makes_its_own_axes_where_none_are_given(self, name):
        DRAW[name]()[0].figure.canvas.draw() if name == "fit" else DRAW[name]().figure.canvas.draw()
        assert len(plt.get_fignums()) == 1

    def test_names_both_axes_with_their_units(self, name):
        drawn = axes_of(DRAW[name]())
        assert "(" in drawn[-1].get_xlabel()
        assert all("10$^{16}$ cm$^{-3}$" in ax.get_ylabel() for ax in drawn)


class TestTrace:
    def test_shows_every_point(self):
        ax = plots.plot_trace(TRACE, DECAY)
        np.testing.assert_array_equal(line(ax, "all points"), (TRACE.t, TRACE.signal))
        np.testing.assert_array_equal(line(ax, "from 0 ns on"), (DECAY.t, DECAY.signal))

    def test_logarithmic_time_runs_from_the_peak(self):
        late = Trace(DECAY.t + 30, DECAY.signal, t_unit="ns")
        t, n = line(plots.plot_trace(late, late, scale="loglog"), "from 30 ns on")
        assert t[0] == pytest.approx(DECAY.t[1])
        assert (n > 0).all()

    def test_an_unknown_scale_is_refused(self):
        with pytest.raises(ValueError, match="linear, semilog, loglog"):
            plots.plot_trace(TRACE, scale="log")


class TestDecayOrder:
    def test_each_line_is_a_term_of_the_law_and_their_sum_passes_the_points(self):
        ax = plots.plot_decay_order(DECAY)
        terms = decay_terms(*decay_rates(DECAY))
        total = 0
        for order, k in enumerate(terms, 1):
            n, rate = line(ax, f"slope {order}: k{order} = {k:.3g}")
            np.testing.assert_allclose(rate, k * n**order)
            total = total + rate
        np.testing.assert_allclose(line(ax, "sum")[1], total)
        n, rate, error = decay_rates(DECAY)
        away = (rate - np.polyval([*terms[::-1], 0], n)) / error
        assert np.median(np.abs(away)) < 1.5

    def test_a_term_that_the_points_do_not_show_is_not_drawn(self):
        t = np.linspace(0, 3, 300)
        ax = plots.plot_decay_order(Trace(t, np.exp(-2 * t)))
        orders = [each.get_label()[:7] for each in ax.lines if each.get_label().startswith("slope")]
        assert "slope 1" in orders
        assert "slope 3" not in orders


class TestGuesses:
    def test_the_curves_are_the_law_s_from_the_first_point(self):
        ax = plots.plot_guesses(DECAY, guesses.ORIGINAL, labels=["a", "b", "c"])
        for guess, label in zip(guesses.ORIGINAL, "abc", strict=True):
            t, n = line(ax, label)
            np.testing.assert_allclose(n, kinetics.solve(t - DECAY.t[0], DECAY.signal[0], guess))

    def test_a_curve_far_off_does_not_squeeze_the_data(self):
        ax = plots.plot_guesses(DECAY, [Rates(G=1e9)])
        assert ax.get_ylim()[1] < 1.1 * DECAY.signal.max()

    def test_the_legend_tells_the_coefficients(self):
        legend = plots.plot_guesses(DECAY, guesses.ORIGINAL).get_legend()
        assert "2: k1 = 0.01, k3 = 1e-07" in [text.get_text() for text in legend.get_texts()]

    def test_a_curve_has_no_corner_where_points_are_far_apart(self):
        sparse = Trace([0, 1, 100], [100, 50, 1], t_unit="ns")
        t = plots.smooth_times(sparse)
        assert (t[0], t[-1]) == (0, 100)
        assert np.max(np.diff(t)) < 0.5
        assert np.max(t[2:] / t[1:-1]) < 1.1


class TestFit:
    def test_residuals_are_data_minus_model_with_their_sign(self):
        _, lower = plots.plot_fit(FIT)
        shown = lower.lines[0].get_ydata()
        np.testing.assert_allclose(shown, DECAY.signal - FIT.curve())
        assert shown.min() < 0 < shown.max()
        assert lower.get_ylim()[0] == -lower.get_ylim()[1]

    def test_a_record_draws_the_same_curve_as_its_fit(self, tmp_path):
        record = records.load(records.save(FIT, tmp_path / "a.par"))
        curves = [line(plots.plot_fit(each, DECAY)[0], "fit")[1] for each in (FIT, record)]
        np.testing.assert_allclose(*curves, atol=0.01 * FIT.rmse)

    def test_a_record_without_data_says_what_is_missing(self, tmp_path):
        record = records.load(records.save(FIT, tmp_path / "a.par"))
        with pytest.raises(ValueError, match=r"plot_fit\(record, trace\)"):
            plots.plot_fit(record)

    @pytest.mark.parametrize("scale", plots.SCALES)
    def test_both_parts_share_their_time_axis(self, scale):
        upper, lower = plots.plot_fit(FIT, scale=scale)
        assert upper.get_xlim() == lower.get_xlim()
        assert lower.get_xscale() == upper.get_xscale()


ODD = {
    "two points": Trace([0, 1], [2, 1]),
    "negative values": Trace([0, 1, 2, 3, 4, 5], [2, 1, 0.4, -0.1, 0.2, -0.05]),
    "sigma": Trace([0, 1, 2, 3], [8, 4, 2, 1], sigma=[1, 1, 1, 1], t_unit="ns", signal_unit="counts"),
    "tiny": Trace([0, 1e-12, 2e-12], [3e-9, 2e-9, 1e-9]),
    "physical units": Trace([0, 1e-9, 2e-9], [3e18, 2e18, 1e18], t_unit="s", signal_unit="cm^-3"),
    "a perfect fit": Trace(np.arange(6.0), np.exp(-np.arange(6.0))),
}


@functools.cache
def odd_fit(name):
    return fitting.fit(ODD[name], Rates(k1=1 / ODD[name].elapsed[-1]), record_path=True)


@pytest.mark.parametrize("scale", plots.SCALES)
@pytest.mark.parametrize("name", ODD)
def test_odd_traces_are_drawn_without_a_warning(name, scale):
    trace, fit = ODD[name], odd_fit(name)
    figure, axes = plt.subplots(1, 3, figsize=(18, 5))
    plots.plot_trace(trace, trace, scale=scale, ax=axes[0])
    plots.plot_guesses(trace, [fit.guess], scale=scale, ax=axes[1])
    plots.plot_fit(fit, scale=scale, ax=axes[2])
    figure.canvas.draw()


@pytest.mark.parametrize("name", ["two points", "physical units", "a perfect fit"])
def test_maps_of_odd_costs_are_drawn_without_a_warning(name):
    plots.plot_cost_map(odd_fit(name), [valley.path_of(odd_fit(name))]).figure.canvas.draw()


# Full colour blindness of three kinds, for linear RGB: Machado, Oliveira, Fernandes (2009), table 1.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, blindness):
    """CIE L*a*b* of a colour as somebody with that blindness sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(TO_XYZ @ np.clip(BLINDNESS[blindness] @ linear, 0, 1) / TO_XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_curves_data_and_model_differ_for_every_eye(blindness):
    pairs = [*itertools.combinations(plots.CURVES[:4], 2), (plots.DATA["color"], plots.MODEL["color"])]
    distances = [np.linalg.norm(lab(a, blindness) - lab(b, blindness)) for a, b in pairs]
    assert min(distances) > 12  # a difference of 2 can just be seen
