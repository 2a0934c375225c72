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

from helpers import plots
from helpers.fitting import cost_surface
from helpers.fitting import fit as fitted
from helpers.measurement import Measurement
from helpers.paths import DATA
from helpers.plots.style import smooth_times
from helpers.traces import Trace, load_trace
from helpers.traces.slopes import decay_rates, decay_terms

TRACE = load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3")
DECAY = TRACE.from_peak()
FIT = fitted(Measurement(DECAY, noise="even"), record_path=True)
WEIGHED = fitted(DECAY)  # its noise is estimated
GUESSES = {"a": (0, 1e-3, 5e-4, 1.2e-7), "b": (0, 1e-2, 0, 1e-7), "automatic": None}
DRAW = {
    "measurement": lambda ax=None: plots.plot_measurement(Measurement(DECAY), [TRACE], ax=ax),
    "starts": lambda ax=None: plots.plot_starts(Measurement(DECAY), GUESSES, ax=ax),
    "fit": lambda ax=None: plots.plot_fit(FIT, ax=ax),
    "order": lambda ax=None: plots.plot_decay_order(DECAY, ax=ax),
    "map": lambda ax=None: plots.plot_cost_map(FIT, [cost_surface.path_of(FIT)], ax=ax),
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


class TestStarts:
    def test_a_curve_far_off_does_not_squeeze_the_data(self):
        ax = plots.plot_starts(Measurement(DECAY), {"far off": {"G": 1e9, "k1": 0, "k2": 0, "k3": 0}})
        assert ax.get_ylim()[1] < 1.1 * DECAY.signal.max()

    def test_a_curve_has_no_corner_where_points_are_far_apart(self):
        sparse = Trace([0, 1, 100], [100, 50, 1], t_unit="ns")
        t = smooth_times(sparse)
        assert (t[0], t[-1]) == (0, 100)
        assert np.max(np.diff(t)) < 0.5
        assert np.max(t[2:] / t[1:-1]) < 1.1


class TestFit:
    def test_residuals_are_data_minus_model_with_their_sign(self):
        _, lower = plots.plot_fit(FIT)
        shown = lower.lines[0].get_ydata()
        np.testing.assert_allclose(shown, DECAY.signal - FIT.curves()[0])
        assert shown.min() < 0 < shown.max()
        assert lower.get_ylim()[0] == -lower.get_ylim()[1]

    def test_residuals_of_estimated_noise_are_in_its_sigma(self):
        _, lower = plots.plot_fit(WEIGHED)
        np.testing.assert_allclose(lower.lines[0].get_ydata(), WEIGHED.residuals(in_sigma=True)[0])
        assert "σ" in lower.get_ylabel()

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
    return fitted(ODD[name], (0, 1 / ODD[name].elapsed[-1], 0, 0), record_path=True)


@pytest.mark.parametrize("scale", plots.SCALES)
@pytest.mark.parametrize("name", ODD)
def test_odd_traces_are_drawn_without_a_warning(name, scale):
    trace, fit = ODD[name], odd_fit(name)
    figure, axes = plt.subplots(1, 3, figsize=(18, 5))
    plots.plot_measurement(fit.measurement, [trace], scale=scale, ax=axes[0])
    plots.plot_starts(fit.measurement, {"start": fit.guess}, scale=scale, ax=axes[1])
    plots.plot_fit(fit, scale=scale, ax=axes[2])
    figure.canvas.draw()


@pytest.mark.parametrize("name", ["two points", "physical units", "a perfect fit"])
def test_maps_of_odd_costs_are_drawn_without_a_warning(name):
    plots.plot_cost_map(odd_fit(name), [cost_surface.path_of(odd_fit(name))]).figure.canvas.draw()


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
