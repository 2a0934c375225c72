"""The slider panel without a browser: what a reader's moves do to the numbers, the picture and the file.

Five measurements go through every slider and button; what does not depend on the measurement is tried on one.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from nbconvert import HTMLExporter

from helpers import fitting, guesses
from helpers.kinetics import Equation, RateLaw, Rates, solve
from helpers.measurement import Measurement, Observable, Quantity, Response, as_measurement
from helpers.measurement.described import load_measurement
from helpers.measurement.response import clock
from helpers.panel import MeasurementPanel
from helpers.panel.controls import parse, stops_around
from helpers.panel.drawing import _STYLE, HEIGHT, SCALES, WIDTH
from helpers.panel.history import History
from helpers.panel.page import COARSE, page_code
from helpers.panel.picture import MeasurementView
from helpers.plots.style import CURVES
from helpers.traces import Trace
from helpers.uncertainty import profile

RATES = (0.0, 0.3, 0.5, 0.2)
T = np.linspace(-1, 8, 90)
LATER = np.linspace(0, 8, 80)
DENSITIES = [0.5, 1.0, 4.0]


def leaking(t, n, args):
    """Two terms, and a drift of any sign that cannot be left out."""
    k1, k2, drift = args
    return drift - k1 * n - k2 * n**2


def leak_law():
    return Equation(
        leaking,
        ["k1", "k2", "drift"],
        lower=[0, 0, -np.inf],
        orders={"k1": 1, "k2": 2},
        droppable=["k1", "k2"],
    )


def counted(densities):
    rng, traces = np.random.default_rng(4), []
    for n0 in densities:
        n = np.where(T >= 0, solve(np.maximum(T, 0), n0, RATES), 0)
        traces.append(Trace(T, rng.poisson(2000 * (n / n0) ** 2 + 5).astype(float), name=f"{n0:g} uJ"))
    settings = {"observable": "photoluminescence", "offset": "free", "noise": "poisson", "time_zero": 0.0}
    return Measurement(traces, n0=densities, **settings)


def drifting(densities):
    noise, law = np.random.default_rng(5), leak_law()
    signals = [law.solve(LATER, np.array([n0]), np.array([0.4, 0.5, 0.05]))[0][:, 0] for n0 in densities]
    return [
        Trace(LATER, each + 0.005 * noise.standard_normal(LATER.size), np.full(LATER.size, 0.005))
        for each in signals
    ]


def density():
    noise = np.random.default_rng(7).standard_normal(LATER.size)
    signal = solve(LATER, 2.0, RATES) + 0.01 * noise
    return Trace(LATER, signal, t_unit="ns", signal_unit="10^16 cm^-3")


SHORT = np.linspace(0, 50, 120)
FALL = np.exp(-SHORT / 9)
NOISE = 0.05 * np.random.default_rng(3).standard_normal(SHORT.size)
MANY = np.linspace(0, 50, 20_000)
TRACES = {
    "tiny": Trace(SHORT, 1e-9 * FALL),
    "huge": Trace(SHORT * 1e-9, 1e22 * FALL, signal_unit="m^-3", t_unit="s"),
    "growth with noise": Trace(SHORT, 3 * (1 - FALL) + NOISE),
    "partly negative": Trace(SHORT, FALL - 0.2),
    "all negative": Trace(SHORT, -FALL),
    "two points": Trace(SHORT[:2], FALL[:2]),
    "late start": Trace(SHORT + 1000, FALL),
    "many points": Trace(MANY, np.exp(-MANY / 9)),
}
CASES = {
    "density": lambda: (density(), (0, 0.2, 0.6, 0.1), None),
    "counts": lambda: (counted([2.0]), (0, 0.2, 0.6, 0.1), None),
    "series": lambda: (counted(DENSITIES), (0, 0.2, 0.6, 0.1), None),
    "own": lambda: (drifting([2.0])[0], (0.3, 0.6, 0.02), leak_law()),
    "own series": lambda: (drifting([1.0, 3.0]), (0.3, 0.6, 0.02), leak_law()),
}
ROWS = {
    name: ("k1", "k2", "drift", "n0") if "own" in name else ("G", "k1", "k2", "k3", "n0") for name in CASES
}


def make(case, folder, **options):
    data, guess, law = CASES[case]()
    options = {"path": folder / "guesses.json"} | options
    return MeasurementPanel(data, guess, law=law, **options)


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def panel(case, tmp_path):
    return make(case, tmp_path)


@pytest.fixture
def one(tmp_path):
    """The panel of one decay."""
    return make("density", tmp_path)


def by_class(widget, name):
    if name in widget._dom_classes:
        return widget
    return next(filter(None, (by_class(child, name) for child in getattr(widget, "children", ()))), None)


def pixels(png):
    return imread(io.BytesIO(png))


def curves_of(panel):
    """The model at the data, by the problem's own parameters."""
    problem = panel._model.problem
    return problem.curves(problem.point(np.array([panel.values[name] for name in problem.names])))


class TestMoves:
    def test_every_widget_can_be_found_by_its_class(self, case, panel):
        rows = [f"{kind}-{name}" for kind in ("on", "rate", "box") for name in ROWS[case]]
        buttons = [f"btn-{name}" for name in ("suggest", "fit", "keep", "reset")]
        wanted = [*rows, *buttons, "rmse", "linear", "shares", "scale", "kept", "status", "picture"]
        assert [name for name in wanted if by_class(panel, name) is None] == []
        assert repr(panel) == f"MeasurementPanel({', '.join(ROWS[case])})"

    def test_every_slider_moves_curve_numbers_and_picture(self, case, panel):
        for name in ROWS[case]:
            control = panel.controls[name]
            control.on.value = True
            before = (panel.rmse, panel.readout.value, panel.picture.value)
            control.slider.value = control.slider.max - 30
            assert control.value == control.stops[control.slider.max - 30]
            assert control.box.value == repr(control.value).removesuffix(".0")
            after = (panel.rmse, panel.readout.value, panel.picture.value)
            assert [old for old, new in zip(before, after, strict=True) if old == new] == [], name
            assert f"RMSE {panel.rmse:.6g}" in panel.readout.value
            assert panel.message.value == ""
            panel.buttons["reset"].click()

    def test_the_residuals_are_data_minus_the_model_of_the_shown_values(self, case, panel):
        panel.controls["k2"].slider.value += 20
        traces = panel.measurement.traces
        for found, curve, trace in zip(panel.residuals, curves_of(panel), traces, strict=True):
            np.testing.assert_allclose(found, trace.signal - curve, rtol=1e-9, atol=1e-9 * trace.size)
        everything = np.concatenate(panel.residuals)
        assert panel.rmse == pytest.approx(np.sqrt(np.mean(everything**2)))
        for name in panel.law.names:
            assert panel.values[name] == panel.controls[name].effective

    def test_a_density_is_the_exact_solution(self, tmp_path):
        panel = make("density", tmp_path)
        panel.controls["k3"].slider.value += 30
        panel.controls["n0"].slider.value += 5
        model = solve(LATER, panel.n0[0], panel.rates)
        np.testing.assert_array_equal(panel.residuals[0], panel.measurement.traces[0].signal - model)

    @pytest.mark.parametrize("case", ["counts", "series"])
    @pytest.mark.parametrize("stop", [100, 200, 230, 290])
    def test_scale_and_background_are_the_most_likely_at_every_move(self, case, stop, tmp_path):
        """Where Σ f·(1 − y/μ) vanishes for the scale's f = S(n) and for the background's f = 1."""
        panel = make(case, tmp_path)
        panel.controls["k1"].slider.value = stop
        for j, (trace, curve) in enumerate(zip(panel.measurement.traces, curves_of(panel), strict=True)):
            end = f"_{j + 1}" if case == "series" else ""
            offset, pull = panel.values[f"offset{end}"], 1 - trace.signal / curve
            assert abs((curve - offset) @ pull) < 1e-6 * np.abs((curve - offset) * pull).sum()
            if offset > 0:
                assert abs(pull.sum()) < 1e-6 * np.abs(pull).sum()
            else:  # less would be better, but counts cannot be negative
                assert pull.sum() > 0
            assert f"{panel.values[f'scale{end}']:.4g}" in panel._linear.value

    @pytest.mark.parametrize("case", ["counts", "series", "own"])
    def test_residuals_with_known_noise_are_drawn_in_sigma(self, case, tmp_path):
        panel = make(case, tmp_path)
        pairs = zip(panel.measurement.traces, curves_of(panel), strict=True)
        sizes = [np.sqrt(curve) if trace.sigma is None else trace.sigma for trace, curve in pairs]
        wanted = [each / size for each, size in zip(panel.residuals, sizes, strict=True)]
        drawn = [line.get_ydata() for line in panel.view._residuals]
        np.testing.assert_allclose(np.concatenate(drawn), np.concatenate(wanted), rtol=1e-6)
        assert [strip.get_ylabel() for strip in panel.view.strips].count("residual (σ)") == 1
        assert f"{np.sqrt(np.mean(np.concatenate(wanted) ** 2)):.4g} sigma" in panel.readout.value

    def test_an_exact_number_is_kept_to_its_last_digit(self, case, panel):
        for name in ROWS[case]:
            value = panel.controls[name].value * 1.01 + 0.1 / 3
            panel.controls[name].box.value = f" {value!r} "
            assert panel.controls[name].value == value
            assert float(panel.controls[name].box.value) == value

    def test_the_first_stop_is_exactly_zero_and_the_others_span_the_datas_scales(self, one):
        n0, span = one.n0[0], 8.0
        scales = (n0 / span, 1 / span, 1 / span / n0, 1 / span / n0**2, n0)
        for (name, control), scale in zip(one.controls.items(), scales, strict=True):
            assert control.stops[0] == 0
            assert (np.diff(control.stops) > 0).all()
            side = 100 if name == "n0" else 1e4
            np.testing.assert_allclose(control.stops[[1, -1]], [scale / side, scale * side], rtol=0.05)

    def test_a_slider_that_repeats_its_stop_does_not_round_the_value(self, one):
        control = one.controls["k2"]
        one.set({"k2": 0.123456789012345})
        control._slider_moved(SimpleNamespace(new=control.slider.value))
        assert control.value == 0.123456789012345
        assert control.box.value == "0.123456789012345"

    def test_a_number_of_any_size_is_kept_to_its_last_digit(self, one):
        one.controls["G"].on.value = True
        for value in (5e-324, 1.1e-7, 0.1 + 0.2, 1e300):
            one.controls["G"].box.value = f" {value!r} "
            assert value == one.rates.G
            assert float(one.controls["G"].box.value) == value

    def test_typed_nonsense_is_put_back_with_a_message(self, one):
        before, shown = one.controls["k3"].box.value, one._shown
        for text in ("abc", "", "-1", "-1e-9", "inf", "nan", "1e400", "1e-400", "1,5,0", "1,234.5", "1_0"):
            one.say("")
            one.controls["k3"].box.value = text
            assert one.controls["k3"].box.value == before
            assert one._shown is shown
            assert one.message.value.startswith("k3: ")

    def test_a_message_is_text_and_no_markup(self, one):
        one.controls["k3"].box.value = "<img src=x>"
        assert one.message.value.startswith("k3: ")
        assert "<" not in one.message.value

    def test_digits_of_other_scripts_are_numbers_too(self):
        assert (parse("٣"), parse("-0"), parse("0e5")) == (3.0, 0.0, 0.0)

    def test_moving_a_term_that_is_off_changes_nothing_but_says_so(self, one):
        one.controls["k3"].on.value = False
        shown = one.readout.value
        one.controls["k3"].slider.value = 300
        assert one.readout.value == shown
        assert "k3 is off" in one.message.value

    def test_the_shares_are_the_parts_of_the_decay(self, one):
        one.set({"k1": 0.3, "k2": 0, "k3": 0})
        assert "trap 100.0%" in one.split.value
        one.set({"k2": 0.5})
        t = np.linspace(0, 8, 100_001)
        n = solve(t, one.n0[0], one.rates)
        trap, radiative = np.trapezoid(0.3 * n, t), np.trapezoid(0.5 * n**2, t)
        whole = trap + radiative
        assert f"trap {trap / whole:.1%}, radiative {radiative / whole:.1%}, Auger 0.0%" in one.split.value

    def test_a_term_off_is_zero_and_any_other_row_is_held(self, case, panel):
        for name in ROWS[case]:
            control = panel.controls[name]
            control.on.value = True
            shown, value = panel.readout.value, control.value
            control.on.value = False
            droppable = name in panel.law.droppable
            assert control.effective == (0 if droppable else value)
            assert (panel.readout.value == shown) is (not droppable or value == 0)
            control.on.value = True
            assert (panel.readout.value, control.value) == (shown, value)

    def test_a_row_that_is_held_can_be_moved(self, case, panel):
        name = "drift" if "own" in case else "n0"
        panel.controls[name].free.value = False
        shown = panel.readout.value
        panel.controls[name].slider.value += 40
        assert panel.readout.value != shown
        assert panel.message.value == ""

    def test_slow_laws_wait_until_the_slider_is_released(self, case, panel):
        moving = {control.slider.continuous_update for control in panel.controls.values()}
        assert moving == {"own" not in case}

    def test_the_shares_of_one_decay_by_the_rate_law_are_shown(self, case, panel):
        assert ("decay by trap" in panel.split.value) is (case in ("density", "counts"))

    def test_n0_of_a_series_is_a_factor_on_every_density(self, tmp_path):
        panel = make("series", tmp_path)
        panel.controls["n0"].box.value = "2"
        np.testing.assert_array_equal(panel.n0, 2 * np.array(DENSITIES))
        assert [panel.values[f"n0_{j}"] for j in (1, 2, 3)] == [1.0, 2.0, 8.0]


class TestStart:
    def test_generation_and_a_known_density_are_not_ticked(self, tmp_path):
        ticked = {name: make(name, tmp_path) for name in CASES}
        ticked = {k: [n for n, row in p.controls.items() if row.is_varied] for k, p in ticked.items()}
        assert ticked["density"] == ["k1", "k2", "k3", "n0"]
        assert ticked["counts"] == ticked["series"] == ["k1", "k2", "k3"]
        assert ticked["own"] == ticked["own series"] == ["k1", "k2", "drift", "n0"]

    def test_the_rate_law_begins_at_the_automatic_guess(self, tmp_path):
        measurement = counted(DENSITIES)
        panel = MeasurementPanel(measurement, path=tmp_path / "guesses.json")
        assert panel.rates == fitting.suggest(measurement, fixed={"G": 0.0})

    def test_two_points_have_no_automatic_guess_but_a_panel(self, tmp_path):
        panel = MeasurementPanel(Trace([0, 1], [2, 1]), path=tmp_path / "guesses.json")
        assert panel.rates == Rates(k1=1.0)
        panel.buttons["suggest"].click()
        assert "too few points" in panel.message.value

    def test_a_given_generation_is_ticked(self, tmp_path):
        panel = MeasurementPanel(density(), (0.1, 0.3, 0.5, 0), path=tmp_path / "guesses.json")
        assert panel.rates.G == 0.1

    def test_an_equation_needs_a_guess(self):
        with pytest.raises(ValueError, match="give a guess for k1, k2, drift"):
            MeasurementPanel(density(), law=leak_law())

    def test_a_slip_in_an_equation_is_seen_at_once(self):
        with pytest.raises(ValueError, match="return"):
            MeasurementPanel(density(), [1.0], law=Equation(lambda t, n, args: None, ["k"]))


class TestButtons:
    def test_fit_gives_what_fit_gives_and_says_what_was_free(self, case, panel):
        data, guess, law = CASES[case]()
        wanted = fitting.fit(data, guess, law=law)
        panel.buttons["fit"].click()
        assert panel.fit.converged
        for name in panel.law.names:
            assert panel.controls[name].value == pytest.approx(wanted.values[name], rel=1e-7), name
            assert panel.controls[name].value == panel.fit.values[name]
        np.testing.assert_allclose(panel.n0, panel.fit.n0, rtol=1e-15)
        for name in wanted.names:
            assert panel.values[name] == pytest.approx(wanted.values[name], rel=1e-6, abs=1e-12), name
        assert panel.rmse == pytest.approx(panel.fit.rmse, rel=1e-9)
        assert f"RMSE {panel.fit.rmse:.6g}" in panel.readout.value

        says_what_was_free_and_what_was_held(case, panel)

    def test_fit_holds_what_is_not_ticked(self, case, panel):
        held = "drift" if "own" in case else "n0"
        start = panel.controls[held].value
        panel.controls["k2"].on.value = False
        panel.controls[held].free.value = False
        panel.buttons["fit"].click()
        assert panel.controls[held].value == start
        assert panel.fit.values["k2"] == 0
        assert panel.controls["k2"].value != 0  # it comes back with its tick
        assert f"held: {held}" in panel.message.value
        assert "k2" in panel.message.value.partition("held at zero: ")[2]

    def test_a_fitted_n0_of_each_trace_is_what_the_factor_refers_to(self, tmp_path):
        panel = make("own series", tmp_path)
        panel.buttons["fit"].click()
        assert panel.controls["n0"].value == 1
        np.testing.assert_array_equal(panel.n0, panel.fit.n0)
        panel.buttons["reset"].click()
        np.testing.assert_array_equal(panel.n0, [trace.signal[0] for trace in panel.measurement.traces])

    def test_ticking_a_known_density_fits_a_factor_on_it(self, tmp_path):
        """With a known scale the common factor can be found: the given densities are 20 % too low."""
        traces = [Trace(LATER, solve(LATER, n0, RATES)) for n0 in (1.0, 2.0)]
        known = Measurement(traces, n0=Quantity([1 / 1.2, 2 / 1.2], "fixed"))
        panel = MeasurementPanel(known, (0, 0.2, 0.6, 0.1), path=tmp_path / "guesses.json")
        panel.controls["n0"].free.value = True
        panel.buttons["fit"].click()
        assert panel.controls["n0"].value == pytest.approx(1.2, rel=1e-6)
        assert panel.rates.k2 == pytest.approx(0.5, rel=1e-5)

    def test_a_request_without_an_answer_is_refused_in_the_panel(self, tmp_path):
        panel = make("series", tmp_path)
        panel.controls["n0"].free.value = True
        before = panel.readout.value
        panel.buttons["fit"].click()
        assert "n0 and scale are both free" in panel.message.value
        assert panel.readout.value == before
        assert not panel.buttons["fit"].disabled

    def test_nothing_ticked_is_nothing_to_fit(self, one):
        for control in one.controls.values():
            control.free.value = False
        one.buttons["fit"].click()
        assert "tick at least one" in one.message.value

    def test_a_fit_shows_that_it_runs(self, one, monkeypatch):
        seen, fit = [], fitting.fit

        def watched(*arguments, **options):
            seen.append((one.message.value, one.buttons["fit"].disabled))
            return fit(*arguments, **options)

        monkeypatch.setattr(fitting, "fit", watched)
        one.buttons["fit"].click()
        assert seen == [("Fitting k1, k2, k3, n0 …", True)]
        assert not one.buttons["fit"].disabled

    @pytest.mark.parametrize("how", ["raises", "does not converge"])
    def test_a_fit_that_fails_says_so_and_moves_nothing(self, one, monkeypatch, how):
        def failing(*arguments, **options):
            if how == "raises":
                raise RuntimeError("out of luck")
            return SimpleNamespace(converged=False, message="out of luck", values=dict.fromkeys("abc", 9))

        monkeypatch.setattr(fitting, "fit", failing)
        before = one.values
        one.buttons["fit"].click()
        assert "out of luck" in one.message.value
        assert "stay where they were" in one.message.value
        assert one.values == before
        assert not one.buttons["fit"].disabled

    def test_suggest_sets_the_automatic_guess_or_says_that_there_is_none(self, case, panel):
        before = panel.readout.value
        panel.controls["k1"].on.value = False
        panel.buttons["suggest"].click()
        if "own" in case:
            assert "no automatic guess" in panel.message.value
        else:
            assert panel.rates == fitting.suggest(panel.measurement, fixed={"G": 0.0})
            assert panel.readout.value != before

    def test_keep_adds_to_the_file_the_menu_and_the_picture(self, case, panel):
        panel.controls["k1"].box.value = "0.123456789012345"
        picture = panel.picture.value
        for _ in range(2):  # the same guess is kept once
            panel.buttons["keep"].click()
        held = guesses.load(panel.measurement, panel.law, path=panel.path)
        assert [guess["k1"] for guess in held.values()] == [0.123456789012345]
        assert panel.menu.label.endswith(": 1")
        panel.controls["k1"].slider.value += 25
        assert not np.array_equal(pixels(picture), pixels(panel.picture.value))
        panel.menu.value = 0
        assert panel.values["k1"] == 0.123456789012345
        assert panel.message.value == "Kept guess 1, “by hand, number 1”."

    @pytest.mark.parametrize("case", ["density", "series", "own series"])
    def test_kept_guesses_come_back_with_the_panel(self, case, panel, tmp_path):
        panel.buttons["fit"].click()
        panel.buttons["keep"].click()
        again = make(case, tmp_path)
        again.menu.value = 0
        assert again.values == panel.values
        assert len(again.view.kept) == 1

    def test_a_factor_on_the_densities_comes_back_as_it_was_typed(self, tmp_path):
        panel = make("series", tmp_path)
        for factor in ("1.07", "0.3333333333333333", "2"):
            panel.controls["n0"].box.value = factor
            before = panel.n0
            panel.buttons["keep"].click()
            panel.buttons["reset"].click()
            panel.menu.value = len(panel.kept) - 1
            np.testing.assert_array_equal(panel.n0, before)
            assert panel.controls["n0"].box.value == factor

    def test_the_menu_always_shows_its_title(self, one):
        shown = [one.menu.label]
        one.buttons["keep"].click()
        shown.append(one.menu.label)
        one.menu.value = 0
        one.scale.value = SCALES[0]
        shown.append(one.menu.label)
        assert [text.rpartition(" ")[2] for text in shown] == ["0", "1", "1"]

    def test_the_menu_sets_a_kept_guess_again_and_again(self, one):
        one.buttons["keep"].click()
        kept = one.rates
        for _ in range(2):
            one.controls["k1"].slider.value = 10
            one.menu.value = 0
            assert one.rates == kept

    def test_reset_goes_back_to_the_beginning(self, case, panel):
        ticks = [control.on.value for control in panel.controls.values()]
        before = (panel.values, panel.readout.value)
        for control in panel.controls.values():
            control.slider.value = 7
            control.on.value = not control.on.value
        panel.buttons["reset"].click()
        assert (panel.values, panel.readout.value) == before
        assert [control.on.value for control in panel.controls.values()] == ticks


def says_what_was_free_and_what_was_held(case, panel):
    words = {
        "density": "free: k1, k2, k3, n0; held at zero: G. ",
        "counts": "free: k1, k2, k3, scale, background; held at zero: G; held: n0. ",
        "series": "free: k1, k2, k3, scale, background; held at zero: G; held: n0. ",
        "own": "free: k1, k2, drift, n0. ",
        "own series": "free: k1, k2, drift, n0; n0 ",
    }
    assert words[case] in panel.message.value
    quality = "RMSE" if case == "density" else f"reduced χ² {panel.fit.reduced_chi2:.4g}"
    assert quality in panel.message.value


class TestFailures:
    def test_a_curve_that_cannot_be_computed_is_said_and_the_picture_stays(self, tmp_path):
        def fragile(t, n, args):
            if args[0] > 1:
                raise RuntimeError("k is too large for my table")
            return -args[0] * n

        law = Equation(fragile, ["k"], orders={"k": 1})
        panel = MeasurementPanel(density(), [0.5], law=law, path=tmp_path / "guesses.json")
        picture = panel.picture.value
        panel.controls["k"].box.value = "3"
        assert "k is too large for my table" in panel.message.value
        assert "no curve" in panel.readout.value
        assert panel.picture.value == picture
        panel.buttons["fit"].click()
        assert "The fit failed: k is too large for my table" in panel.message.value
        panel.controls["k"].box.value = "0.7"
        assert "RMSE" in panel.readout.value

    @pytest.mark.parametrize("case", ["counts", "series", "own"])
    def test_no_end_of_the_sliders_raises_or_shows_nan(self, case, panel):
        for at in (0, -1):
            for name, control in panel.controls.items():
                control.on.value = True
                control.slider.value = at % (control.slider.max + 1)
                assert np.isfinite(panel.rmse), name
                assert "nan" not in panel.readout.value
        for button in panel.buttons.values():
            button.click()
            assert "did not work" not in panel.message.value

    def test_a_number_beyond_the_bound_is_put_back_with_a_message(self, tmp_path):
        panel = make("own", tmp_path)
        panel.controls["drift"].box.value = "-0.25"
        assert panel.values["drift"] == -0.25
        panel.controls["k1"].box.value = "-0.25"
        assert panel.message.value.startswith("k1: “-0.25” is negative")
        assert panel.values["k1"] == 0.3

    def test_set_names_the_rows(self, panel):
        with pytest.raises(ValueError, match="there is no k9; the rows are"):
            panel.set({"k9": 1.0})


class TestSigns:
    def test_a_slider_of_any_sign_runs_from_negative_over_zero_to_positive(self, tmp_path):
        control = make("own", tmp_path).controls["drift"]
        middle = control.slider.max // 2
        assert control.stops[middle] == 0
        np.testing.assert_array_equal(control.stops, -control.stops[::-1])
        control.slider.value = middle - 10
        assert control.value == control.stops[middle - 10] < 0
        control.slider.value = middle
        assert control.value == 0

    def test_the_stop_has_the_sign_of_the_value(self, tmp_path):
        control = make("own", tmp_path).controls["drift"]
        for value in (-1e9, -0.02, -1e-9, 1e-9, 0.02):
            control.box.value = repr(value)
            assert np.sign(control.stops[control.stop]) == np.sign(value)
            assert control.slider.value == control.stop
            assert control.value == value

    @pytest.mark.parametrize(("lower", "first"), [(-3.0, -3.0), (0.5, 0.5), (0.0, 0.0)])
    def test_stops_begin_at_the_bound(self, lower, first):
        stops = stops_around(0.0, 2, 10, lower=lower)
        assert stops[0] == first
        assert (np.diff(stops) > 0).all()

    def test_a_number_below_another_bound_is_refused(self):
        assert parse("-2", -3.0) == -2
        with pytest.raises(ValueError, match="below -3"):
            parse("-4", -3.0)


class TestPicture:
    def test_a_reader_without_a_kernel_sees_the_panel(self, case, panel):
        bundle = panel._repr_mimebundle_()
        assert bundle["text/plain"] == repr(panel)
        assert bundle["image/png"].startswith("iVBOR")
        still = pixels(panel.still())
        assert still.shape[:2] == (HEIGHT, WIDTH + 400)
        panel.controls["k2"].slider.value += 30
        assert not np.array_equal(still, pixels(panel.still()))

    @pytest.mark.parametrize("case", ["counts", "series"])
    @pytest.mark.parametrize("scale", SCALES)
    def test_a_partial_redraw_shows_what_a_full_one_shows(self, case, panel, scale):
        panel.scale.value = scale
        for _ in range(3):
            panel.controls["k2"].slider.value += 15
        partial = pixels(panel.picture.value)
        assert partial.shape[:2] == (HEIGHT, WIDTH)
        panel.view.draw_kept({}, of=0)  # lays the axes out anew
        panel._redraw()
        np.testing.assert_array_equal(partial, pixels(panel.picture.value))

    def test_each_trace_has_its_colour_and_stands_in_the_legend(self, tmp_path):
        panel = make("series", tmp_path)
        picture = pixels(panel.picture.value)[..., :3].reshape(-1, 3)
        for colour in CURVES[:3]:
            assert (np.abs(picture - to_rgb(colour)).max(axis=1) < 0.06).sum() > 100, colour
        names = [text.get_text() for text in panel.view.decay.get_legend().get_texts()]
        assert names == ["0.5 uJ", "1 uJ", "4 uJ"]

    def test_one_trace_needs_no_legend(self, tmp_path):
        assert make("counts", tmp_path).view.decay.get_legend() is None

    def test_a_bleach_is_drawn_upright_on_a_log_axis(self):
        bleach = Trace(LATER, -np.exp(-LATER))
        view = MeasurementView(Measurement(bleach, observable="mobility", n0=1.0, sign=-1), "semi-log")
        view.draw([-np.exp(-t) for t in view.t_curves], [0 * LATER])
        assert (view._models[0].get_ydata() > 0).all()
        assert view.decay.get_ylabel().startswith("−signal")

    def test_what_is_not_drawn_is_said(self):
        t = np.linspace(-1, 8, 20_000)
        traces = [Trace(t, np.where(t >= 0, np.exp(-t), 1e-9)) for _ in range(2)]
        settings = {"observable": "mobility", "n0": [1.0, 2.0], "time_zero": 0.0}
        view = MeasurementView(Measurement(traces, **settings), "log-log")
        drawn = sum(each.size for each in view._drawn)
        assert drawn < 4000
        assert f"{drawn} of 40000 points drawn" in view._not_drawn()
        assert "t ≤ 0 has no place on a log axis" in view._not_drawn()

    def test_a_curve_begins_at_the_pulse(self):
        for scale in SCALES:
            view = MeasurementView(counted([2.0]), scale)
            t = view.t_curves[0]
            assert (np.diff(t) > 0).all()
            assert (0.0 in t) is (scale != "log-log")

    @pytest.mark.parametrize("scale", SCALES)
    def test_a_partial_redraw_in_few_colours_is_what_matplotlib_draws(self, one, scale):
        one.buttons["keep"].click()
        one.scale.value = scale
        for stop in (100, 200, 290, 205):
            one.controls["k2"].slider.value = stop
        seen, view = pixels(one.picture.value)[..., :3] * 255, one.view
        for artist in (*view._models, *view._residuals):
            artist.set_animated(False)
        with plt.rc_context(_STYLE):
            view.canvas.draw()
        error = np.abs(seen - np.asarray(view.canvas.buffer_rgba())[..., :3])
        assert error.max() < 60  # a curve elsewhere would make it 150
        assert error.mean() < 0.5

    def test_the_browser_gets_the_png_in_its_address(self, one):
        sent = one.picture.get_state()
        kind, _, data = bytes(sent["value"]).partition(b",")
        assert (sent["format"], kind) == ("url", b"data:image/png;base64")
        assert base64.b64decode(data) == one.picture.value
        assert len(sent["value"]) > 65_483  # a shorter message may wait 40 ms on its way

    def test_however_the_residuals_grow_few_pictures_are_remembered(self, one):
        one.controls["G"].on.value = True
        for stop in range(0, one.controls["G"].slider.max, 10):
            one.controls["G"].slider.value = stop
        assert 1 < len(one.view._backdrops) <= 12

    def test_no_figure_is_left_in_pyplots_list(self, one):
        one.controls["k2"].slider.value = 100
        assert plt.get_fignums() == []

    def test_of_many_points_a_fair_share_is_drawn_and_the_picture_says_so(self):
        view = MeasurementView(as_measurement(TRACES["many points"]), "log-log")
        (drawn,) = view._drawn
        assert drawn.size < 4000
        assert drawn[:5].tolist() == [1, 2, 3, 4, 5]  # early points stand alone on a log axis
        assert f"{drawn.size} of 20000 points drawn" in view._not_drawn()

    def test_what_a_log_axis_cannot_show_is_counted(self):
        trace = TRACES["partly negative"]
        note = MeasurementView(as_measurement(trace), "semi-log")._not_drawn()
        assert int(note.split()[0]) >= (trace.signal <= 0).sum()
        assert "below the axis" in note

    def test_a_power_of_ten_leaves_the_tick_labels_of_the_residuals(self):
        """Where matplotlib would write it, above the axis, it would stand in the decay."""
        view, labels = MeasurementView(Measurement(Trace([0, 1, 2], [4e4, 2e4, 1e4]))), {}
        for size in (5.0, 4e4):
            view.draw([np.full_like(view.t_curves[0], 1e4)], [np.array([size, 0.0, -size])])
            ticks = [label.get_text() for label in view.below.get_yticklabels()]
            labels[size] = ticks, view._power.get_text(), view.below.yaxis.get_offset_text().get_text()
        assert labels[4e4][1:] == ("×10$^{4}$", "")
        assert labels[5.0][1:] == ("", "")
        assert all(len(tick) <= 5 for ticks, *_ in labels.values() for tick in ticks)


def clean(panel):
    """Say whether the panel shows finite numbers only."""
    boxes = "".join(each.box.value for each in panel.controls.values())
    texts = panel.readout.value + panel.split.value + boxes
    finite = np.isfinite([panel.rmse, *panel.residuals[0], *panel.values.values()]).all()
    return finite and not re.search(r"\b(nan|inf)\b|no curve", texts, re.IGNORECASE)


class TestExtremes:
    """Whatever is set, the panel shows numbers; a warning would be a line of text below the cell."""

    def test_no_ends_of_the_sliders_and_no_ticks_raise_warn_or_show_nan(self, one, monkeypatch):
        monkeypatch.setattr(one.view, "draw", lambda curves, residuals: b"")  # drawn in the test below
        on = (True,) * 5
        rows = [(ends, on) for first in (0, 1) for ends in itertools.product((first, -1), repeat=5)]
        rows += [((-1,) * 5, ticks) for ticks in itertools.product((True, False), repeat=5)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for ends, ticks in rows:
                put_at_ends(one, ends, ticks)
                assert clean(one), (ends, ticks)

    def test_the_extreme_curves_can_be_drawn(self, one):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for ends in [(0,) * 5, (-1,) * 5, (0, -1, 0, -1, 0), (-1, 0, -1, 0, -1), (-1, 0, 0, 0, 0)]:
                put_at_ends(one, ends, (True,) * 5)
                assert clean(one), ends
                assert pixels(one.picture.value).shape[:2] == (HEIGHT, WIDTH)

    def test_clicks_and_moves_may_come_in_different_threads(self, one):
        """As they do in JupyterLab: clicks in the kernel's main thread, moves in another."""

        def move():
            for stop in range(100, 120):
                one.controls["k1"].slider.value = stop
                one.scale.value = SCALES[stop % 3]

        def click():
            for name in ("reset", "suggest", "fit", "reset") * 3:
                one.buttons[name].click()

        with ThreadPoolExecutor(2) as threads:
            for ended in [threads.submit(move), threads.submit(click)]:
                ended.result()
        one.controls["k1"].slider.value = 99
        assert one.controls["k1"].value == one.controls["k1"].stops[99]
        assert clean(one)

    @pytest.mark.parametrize("name", TRACES)
    def test_any_trace_can_be_tuned(self, name, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            panel = MeasurementPanel(TRACES[name], path=tmp_path / "guesses.json")
            for scale in SCALES:
                panel.scale.value = scale
                panel.controls["k1"].slider.value += 1
                assert pixels(panel.picture.value).shape[:2] == (HEIGHT, WIDTH)
            for control in panel.controls.values():
                control.slider.value = control.slider.max // 2
                assert clean(panel)
            for button in panel.buttons.values():
                button.click()
                assert "did not work" not in panel.message.value or panel.measurement.size < 3
            assert clean(panel)


def put_at_ends(panel, ends, ticks):
    with panel._one_redraw():
        for control, end, on in zip(panel.controls.values(), ends, ticks, strict=True):
            control.on.value = on
            control.slider.value = end % (control.slider.max + 1)


class TestKeptBesideTheData:
    """What is kept in the panel is what the notebooks read for this measurement, and for no other."""

    @pytest.fixture
    def described(self, tmp_path):
        """A measurement with a description in a folder of its own."""
        np.savetxt(tmp_path / "film.csv", np.column_stack([LATER, density().signal]), delimiter=",")
        text = 'kind = "density"\nfile = "film.csv"\nt_unit = "ns"\ndensity_unit = "10^16 cm^-3"\n'
        (tmp_path / "film.toml").write_text(text, encoding="utf-8")
        return load_measurement(tmp_path / "film.toml")

    def test_the_notebooks_start_from_what_is_kept(self, described, tmp_path):
        panel = MeasurementPanel(described)
        panel.controls["k2"].box.value = "0.4321"
        panel.buttons["keep"].click()
        assert panel.message.value == "Kept as number 1 in film.guesses.json."
        assert (tmp_path / "film.guesses.json").exists()
        starts = guesses.starts(described)
        assert list(starts) == ["automatic", "by hand, number 1"]
        assert starts["by hand, number 1"] == {name: panel.values[name] for name in ("G", "k1", "k2", "k3")}
        assert fitting.fit_from_guesses(described, starts.values())[1].converged

    def test_the_samples_guesses_are_in_its_panel_and_in_no_other(self, described):
        sample = load_measurement("sample_data")
        panel = MeasurementPanel(sample)
        assert len(panel.kept) == len(guesses.load(sample)) == 3
        panel.menu.value = 0
        assert panel.rates == Rates(**guesses.load(sample)["2019, number 1"])
        assert panel.n0 == [sample.traces[0].signal[0]]
        assert len(panel.view.kept) == 3
        assert MeasurementPanel(described).kept == []
        stranger = Measurement(density(), name="sample_data")
        assert MeasurementPanel(stranger).kept == []

    def test_without_a_description_the_panel_says_where_it_keeps(self, tmp_path, monkeypatch):
        monkeypatch.setattr(guesses, "DATA", tmp_path / "data")
        panel = MeasurementPanel(Measurement(density(), name="my film / 3"))
        panel.buttons["keep"].click()
        assert "in my film _ 3.guesses.json in the folder data" in panel.message.value
        assert "no description" in panel.message.value
        assert [path.name for path in (tmp_path / "data").iterdir()] == ["my film _ 3.guesses.json"]
        assert len(MeasurementPanel(panel.measurement).kept) == 1

    @pytest.mark.parametrize("name", ["", "sample_data"])
    def test_a_measurement_without_a_name_of_its_own_is_told_the_remedy(self, name):
        panel = MeasurementPanel(Measurement(density(), name=name))
        panel.buttons["keep"].click()
        assert "another name" in panel.message.value or "name=..." in panel.message.value
        assert panel.kept == []

    def test_guesses_of_another_law_are_not_shown_and_stay(self, tmp_path):
        rate_law = MeasurementPanel(drifting([2.0])[0], RATES, path=tmp_path / "guesses.json")
        rate_law.buttons["keep"].click()
        own = make("own", tmp_path)
        assert own.kept == []
        assert "Guesses of other laws are kept for this measurement, too: 1" in own.message.value
        own.buttons["keep"].click()
        assert own.message.value.startswith("Kept as number 1 ")
        for panel in (own, rate_law):
            assert len(guesses.load(panel.measurement, panel.law, path=panel.path)) == 1

    def test_guesses_in_other_units_are_refused_and_left_alone(self, one):
        one.buttons["keep"].click()
        text = one.path.read_text(encoding="utf-8")
        trace = Trace(LATER, density().signal, t_unit="us", signal_unit="10^16 cm^-3")
        other = MeasurementPanel(trace, path=one.path)
        assert "that of the measurement" in other.message.value
        assert other.kept == []
        other.buttons["keep"].click()
        assert "that of the measurement" in other.message.value
        assert one.path.read_text(encoding="utf-8") == text

    def test_a_damaged_file_is_named_and_left_alone(self, one):
        one.path.write_text("not json", encoding="utf-8")
        one.buttons["keep"].click()
        assert "guesses.json" in one.message.value
        assert one.path.read_text(encoding="utf-8") == "not json"
        assert "guesses.json" in MeasurementPanel(one.measurement, path=one.path).message.value

    def test_a_file_that_cannot_be_read_is_told_in_the_panel(self, tmp_path):
        assert MeasurementPanel(density(), path=tmp_path).message.value

    def test_a_guess_of_fewer_traces_gives_its_rates_to_more(self, tmp_path):
        make("own", tmp_path).buttons["keep"].click()
        series = make("own series", tmp_path)
        series.menu.value = 0
        assert series.values["k1"] == 0.3
        np.testing.assert_array_equal(series.n0, series._model.densities)


class TestMarks:
    """Use and free are two questions; what the last fit said stands in the row."""

    def test_a_term_can_be_held_at_its_value(self, one):
        one.controls["k3"].box.value = "0.17"
        one.controls["k3"].free.value = False
        one.buttons["fit"].click()
        assert one.fit.values["k3"] == one.rates.k3 == 0.17
        assert one.controls["k3"].verdict.value == "held"
        assert "held: k3" in one.message.value

    def test_n0_is_always_in_use(self, case, panel):
        assert panel.controls["n0"].on.disabled
        assert panel.controls["n0"].effective == panel.controls["n0"].value

    @pytest.mark.parametrize("case", ["density", "series"])
    def test_rows_say_what_the_profile_says(self, case, panel):
        panel.buttons["fit"].click()
        table = profile(panel.fit, ["k1", "k2", "k3"], points=8).table()["result"]
        for name, result in table.items():
            assert panel.controls[name].verdict.value == "±" + result.partition("±")[2]
        assert panel.controls["G"].verdict.value == "not in use"

    def test_a_term_that_the_data_do_not_show_has_a_limit(self, tmp_path):
        noise = 0.02 * np.random.default_rng(1).standard_normal(LATER.size)
        panel = MeasurementPanel(Trace(LATER, np.exp(-0.5 * LATER) + noise), path=tmp_path / "guesses.json")
        panel.buttons["fit"].click()
        limits = [panel.controls[name].verdict.value for name in ("k2", "k3")]
        assert any(re.fullmatch(r"< .* \(95 %\)", text) for text in limits)

    def test_an_equation_has_the_errors_of_the_curvature_and_says_so(self, tmp_path):
        panel = make("own", tmp_path)
        panel.buttons["fit"].click()
        assert panel.controls["k1"].verdict.value == f"± {panel.fit.stderr['k1']:.2g}"
        assert "curvature" in panel.message.value

    def test_an_equation_has_the_intervals_of_the_profile_when_asked(self, tmp_path):
        def decay(t, n, args):
            return -args[0] * n - args[1] * n**2

        law = Equation(decay, ["k1", "k2"], orders={"k1": 1, "k2": 2}, droppable=["k1", "k2"])
        noise = 0.02 * np.random.default_rng(1).standard_normal(LATER.size)
        trace = Trace(LATER, np.exp(-0.5 * LATER) + noise)
        panel = MeasurementPanel(trace, {"k1": 0.4, "k2": 0.1}, law=law, path=tmp_path / "guesses.json")
        rows = {name: panel.controls[name].verdict for name in ("k1", "k2", "n0")}
        panel.buttons["intervals"].click()
        assert "press “Fit from here” first" in panel.message.value
        panel.buttons["fit"].click()
        assert {name: row.value for name, row in rows.items()} == {
            "k1": "see the interval",
            "k2": "at its bound",
            "n0": "see the interval",
        }
        panel.buttons["intervals"].click()
        words = profile(panel.fit, ["k1", "k2", "n0"], points=8).table()["result"]
        for name, row in rows.items():
            assert row.value == ("±" + words[name].partition("±")[2] if "±" in words[name] else words[name])
        assert rows["k2"].value.startswith("<")
        panel.controls["k1"].slider.value += 100
        panel.buttons["intervals"].click()
        assert "press “Fit from here” first" in panel.message.value

    def test_the_button_for_intervals_is_shown_only_where_it_is_needed(self, case, panel):
        assert (panel.buttons["intervals"].layout.display == "none") is ("own" not in case)

    def test_a_move_greys_them_and_undo_brings_them_back(self, one):
        one.buttons["fit"].click()
        words = one.controls["k1"].verdict.value
        assert "stale" not in one._rows._dom_classes
        one.controls["k1"].slider.value += 100
        assert "stale" in one._rows._dom_classes
        assert one.controls["k1"].verdict.value == words
        one.buttons["undo"].click()
        assert "stale" not in one._rows._dom_classes


class TestUndo:
    def test_moves_marks_fits_and_choices_are_undone_one_by_one(self, one):
        states = [one._state()]
        one.controls["k2"].box.value = "0.9"
        states.append(one._state())
        one.controls["k3"].on.value = False
        states.append(one._state())
        one.controls["n0"].free.value = False
        states.append(one._state())
        one.buttons["fit"].click()
        states.append(one._state())
        one.buttons["suggest"].click()
        states.append(one._state())
        for state in states[-2::-1]:
            one.buttons["undo"].click()
            assert one._state() == state
        assert one.buttons["undo"].disabled
        for state in states[1:]:
            one.buttons["redo"].click()
            assert one._state() == state
        assert one.buttons["redo"].disabled

    def test_a_drag_is_one_move(self, one):
        before = one._state()
        for stop in range(3000, 3500, 50):
            one.controls["k1"].slider.value = stop
        one.buttons["undo"].click()
        assert one._state() == before

    def test_a_new_state_ends_what_could_be_done_again(self):
        history = History(pause=0)
        for state in "abc":
            history.note(state)
        assert history.back() == "b"
        history.note("d")
        assert (history.can_go_forth, history.back()) == (False, "b")

    def test_a_row_goes_back_alone(self, one):
        value = one.controls["k1"].value
        one.controls["k1"].box.value = "0.9"
        one.controls["k2"].box.value = "0.8"
        one._page_ask.value = json.dumps({"view": "a", "nudges": {}, "acts": [[1, "reset", "k1"]]})
        assert (one.controls["k1"].value, one.controls["k2"].value) == (value, 0.8)


class TestPage:
    """What the page says to the kernel, and what the kernel hands over."""

    def test_the_picture_has_the_size_the_density_and_the_theme_that_the_page_says(self, case, panel):
        panel._page_size.value = "700 400 1.5 dark"
        picture = pixels(panel.picture.value)
        assert picture.shape[:2] == (600, 1050)
        assert picture[0, 0, :3].max() < 0.1
        assert (panel.picture.width, panel.picture.height) == ("700", "400")
        panel.controls["k2"].slider.value += 500
        assert pixels(panel.picture.value).shape[:2] == (600, 1050)
        panel._page_size.value = "nonsense"
        assert pixels(panel.picture.value).shape[:2] == (600, 1050)
        panel._page_size.value = "700 400 1 light"
        assert pixels(panel.picture.value)[0, 0, :3].min() == 1

    def test_steps_are_counted_so_that_none_is_lost_or_made_twice(self, one):
        stop = one.controls["k2"].stop
        for counted in (COARSE, COARSE, 3 * COARSE, 3 * COARSE - 1):
            one._page_ask.value = json.dumps({"view": "a", "nudges": {"k2": counted}, "acts": []})
        assert one.controls["k2"].stop == stop + 3 * COARSE - 1
        one._page_ask.value = json.dumps({"view": "b", "nudges": {"k2": -1e9}, "acts": []})
        assert one.controls["k2"].value == 0
        for text in ("", "{", "[]", '{"view": 1}', '{"view": 1, "nudges": 2, "acts": 3}'):
            one._page_ask.value = text
        assert one.controls["k2"].value == 0

    def test_one_arrow_key_is_5_percent_and_one_stop_a_quarter(self, one):
        stops = one.controls["k2"].stops[1:]
        assert 1.04 < (stops[COARSE:] / stops[:-COARSE]).max() < 1.05
        assert (stops[1:] / stops[:-1]).max() < 1.0025

    @pytest.mark.parametrize(("kind", "begin"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
    def test_a_file_of_the_picture_holds_the_curve_and_leaves_the_panel_as_it_was(self, one, kind, begin):
        before = pixels(one.picture.value)
        one.buttons[kind].click()
        data = base64.b64decode(one.delivery.value.partition("base64,")[2].partition('"')[0])
        assert data.startswith(begin)
        np.testing.assert_array_equal(before, pixels(one.picture.value))
        if kind == "png":
            assert (np.abs(imread(io.BytesIO(data))[..., :3] - to_rgb("#D55E00")).max(axis=-1) < 0.02).any()

    def test_the_table_has_every_parameter_with_its_exact_value_and_unit(self, case, panel):
        panel.buttons["copy"].click()
        rows = {row[0]: row for row in panel._table()}
        for name in panel.law.names:
            assert float(rows[name][1]) == panel.values[name]
        assert set(panel.values) - set(rows) <= {"n0", "n0_1", "n0_2", "n0_3"}
        assert float(rows["RMSE"][1]) == panel.rmse
        assert "RMSE\t" in panel.delivery.value

    def test_names_cannot_leave_the_script(self):
        code = page_code("</style>\"'><b>", [("k", '</style>"', "'")])
        assert code.count("</style>") == 1
        assert code.endswith("</style>")
        assert '"' not in code.partition('onload="')[2].partition('">')[0]


def rising(count, **options):
    """Counts of traces that begin 0.2 after the pulse of a Gaussian response is expected."""
    t, response, rng = np.linspace(-4, 30, 350), Response(fwhm=0.8), np.random.default_rng(8)
    traces = []
    for n0 in DENSITIES[:count]:
        at = clock(t, time_zero=0.2, response=response)
        shape, _ = at.shape(RateLaw(), Observable("photoluminescence"), (0, 0.1, 0.2, 0), n0)
        traces.append(Trace(t, rng.poisson(2000 * shape / shape.max() + 5).astype(float), t_unit="ns"))
    settings = {"observable": "photoluminescence", "offset": "free", "noise": "poisson"}
    settings |= {"response": response, "n0": DENSITIES[:count], "time_zero": Quantity([0.0] * count, "free")}
    return Measurement(traces, **settings | options)


class TestTimeZero:
    @pytest.fixture
    def timed(self, tmp_path):
        return MeasurementPanel(rising(1), (0, 0.1, 0.2, 0), path=tmp_path / "guesses.json")

    def test_only_a_fitted_one_has_a_row(self, one, timed):
        assert "time_zero" not in one.controls
        assert list(timed.controls)[-2:] == ["n0", "time_zero"]
        row = timed.controls["time_zero"]
        assert (row.label, timed._units()["time_zero"]) == ("t0", "ns")
        assert timed.menu.options[0][0].startswith("Kept guesses (G, k1, k2, k3, n0)")  # they hold no time

    def test_the_slider_runs_evenly_around_where_a_fit_begins(self, timed):
        row = timed.controls["time_zero"]
        assert row.stops[row.stop] == row.value == 0.0
        np.testing.assert_allclose(np.diff(row.stops), row.stops[1] - row.stops[0])
        np.testing.assert_allclose(row.stops[[0, -1]], [-2.4, 2.4])  # three widths of the response
        for stop in (0, row.slider.max):
            row.slider.value = stop
            assert timed.values["time_zero"] == row.stops[stop]
            assert "no curve" not in timed.readout.value
        row.box.value = "-0.3"
        assert timed.values["time_zero"] == -0.3
        assert row.stop == np.abs(row.stops + 0.3).argmin()

    def test_the_curve_moves_with_it(self, timed):
        row, at_the_start = timed.controls["time_zero"], timed._shown
        row.box.value = "0.2"
        assert timed._shown.rms_scaled < 1.1 < at_the_start.rms_scaled
        peaks = [each.curves[0].argmax() for each in (at_the_start, timed._shown)]
        assert np.diff(timed.view.t_curves[0][peaks]) == pytest.approx(0.2, abs=0.05)

    def test_a_fit_finds_it_with_its_error_and_can_hold_it(self, timed):
        row = timed.controls["time_zero"]
        timed.buttons["fit"].click()
        error = float(row.verdict.value.removeprefix("±"))
        assert abs(row.value - 0.2) < 4 * error < 0.1
        rows = {each[0]: each for each in timed._table()}
        assert rows["t0"][1:4] == [repr(row.value), row.verdict.value, "ns"]
        assert "time_zero" not in rows
        timed.buttons["undo"].click()
        assert row.value == timed.values["time_zero"] == 0.0
        row.box.value = "0.1"
        row.free.value = False
        timed.buttons["fit"].click()
        assert timed.fit.values["time_zero"] == row.value == 0.1
        assert row.verdict.value == "held"
        assert "held: n0, time zero" in timed.message.value

    def test_where_each_trace_has_its_own_the_row_shifts_them_all(self, tmp_path):
        measurement = rising(3, time_zero=Quantity([0.0, 0.1, 0.3], "free"))
        panel = MeasurementPanel(measurement, (0, 0.1, 0.2, 0), path=tmp_path / "guesses.json")
        row, names = panel.controls["time_zero"], [f"time_zero_{j}" for j in (1, 2, 3)]
        assert row.label == "t0 +"
        row.box.value = "0.05"
        np.testing.assert_allclose([panel.values[name] for name in names], [0.05, 0.15, 0.35])
        panel.buttons["fit"].click()
        found = [panel.values[name] for name in names]
        np.testing.assert_array_equal(found, panel.fit.time_zero)
        np.testing.assert_allclose(found, 0.2, atol=0.05)
        assert (row.value, row.verdict.value) == (0.0, "see the message")
        assert f"time zero {found[0]:.4g} ± " in panel.message.value
        panel.buttons["undo"].click()
        np.testing.assert_allclose([panel.values[name] for name in names], [0.05, 0.15, 0.35])
        panel.buttons["redo"].click()
        panel._attempt(lambda: panel._reset_row("time_zero"))
        np.testing.assert_allclose([panel.values[name] for name in names], [0.0, 0.1, 0.3])

    def test_a_shared_one_is_one_number(self, tmp_path):
        measurement = rising(2, time_zero=Quantity([0.0, 0.0], "shared"))
        panel = MeasurementPanel(measurement, (0, 0.1, 0.2, 0), path=tmp_path / "guesses.json")
        panel.buttons["fit"].click()
        row = panel.controls["time_zero"]
        assert row.label == "t0"
        assert row.value == panel.fit.values["time_zero"] == pytest.approx(0.2, abs=0.03)
        assert row.verdict.value.startswith("±")


class TestExported:
    def test_an_exported_page_shows_the_still_picture(self, one):
        """Without a kernel, where the state of the widgets was not saved, as JupyterLab does by default."""
        bundle = one._repr_mimebundle_()
        outputs = [nbformat.v4.new_output("display_data", bundle)]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("panel", outputs=outputs)])
        html, _ = HTMLExporter().from_notebook_node(notebook)
        assert f'src="data:image/png;base64,{bundle["image/png"]}"' in html


class TestKernelAsked:
    def test_the_panel_answers_the_page_that_asks_whether_it_is_there(self, one):
        one._page_ask.value = json.dumps({"view": "a", "nudges": {}, "acts": [], "ping": "a <17>"})
        assert one._page_pong.value == "a &lt;17&gt;"


class TestSeries:
    def test_each_trace_has_its_strip_of_residuals(self, tmp_path):
        panel = make("series", tmp_path)
        assert len(panel.view.strips) == 3
        assert [line.axes for line in panel.view._residuals] == panel.view.strips

    def test_one_trace_is_looked_at_alone(self, tmp_path):
        panel = make("series", tmp_path)
        everything = panel.picture.value
        panel.alone.value = 1
        assert len(panel.view.strips) == len(panel.view._models) == 1
        shown = panel.view._residuals[0].get_ydata()
        np.testing.assert_allclose(shown, panel._shown.scaled[1])
        seen = pixels(panel.picture.value)[..., :3]
        assert not (np.abs(seen - to_rgb(CURVES[0])).max(axis=-1) < 0.06).any()
        panel.controls["k2"].slider.value += 500
        panel.buttons["undo"].click()
        panel.alone.value = -1
        np.testing.assert_array_equal(pixels(everything), pixels(panel.picture.value))

    def test_residuals_of_very_many_traces_share_a_strip_and_the_picture_says_so(self):
        view = MeasurementView(counted(np.linspace(0.5, 4, 8)))
        view.draw([0 * t + 5 for t in view.t_curves], [0 * T for _ in range(8)])
        assert len(view.strips) == 1
        assert "share one strip" in view._not_drawn()


class TestNamesOfKept:
    def test_a_guess_is_kept_under_a_name_and_taken_out_again(self, one):
        one.name.value = "slow"
        one.buttons["keep"].click()
        one.controls["k1"].box.value = "0.9"
        one.buttons["keep"].click()
        assert [each.name for each in one.kept] == ["slow", "by hand, number 1"]
        assert "1: slow: " in one.menu.options[1][0]
        n0 = one.kept[1].n0
        one.menu.value = 0
        one.buttons["forget"].click()
        assert "slow" in one.message.value
        assert [each.name for each in one.kept] == ["by hand, number 1"]
        assert one.kept[0].n0 == n0
        assert one.buttons["forget"].disabled

    def test_a_row_that_has_moved_is_no_kept_guess_that_could_be_deleted(self, one):
        one.buttons["keep"].click()
        one.menu.value = 0
        assert not one.buttons["forget"].disabled
        one.controls["k1"].box.value = "0.9"
        assert one.buttons["forget"].disabled
        one.buttons["forget"].click()
        assert len(one.kept) == 1

    def test_the_name_of_the_automatic_guess_is_refused(self, one):
        one.name.value = "automatic"
        one.buttons["keep"].click()
        assert "choose another name" in one.message.value
        assert one.kept == []

    def test_a_name_that_is_taken_is_refused_and_nothing_is_kept(self, one):
        one.name.value = "slow"
        one.buttons["keep"].click()
        one.controls["k1"].box.value = "0.9"
        one.name.value = "slow"
        one.buttons["keep"].click()
        assert "choose another name" in one.message.value
        assert len(one.kept) == 1

    def test_kept_curves_bear_their_numbers(self, one):
        one.buttons["keep"].click()
        assert [text.get_text() for text in one.view.decay.texts] == ["1"]


class TestTwoPanelsOnOneFile:
    @pytest.fixture
    def other(self, one):
        return MeasurementPanel(one.measurement, RATES, path=one.path)

    def test_what_one_keeps_the_other_shows_at_its_next_action_and_loses_none(self, one, other):
        one.buttons["keep"].click()
        other.controls["k1"].slider.value += 10
        assert other.kept == one.kept
        assert len(other.menu.options) == 2
        assert len(other.view.kept) == 1
        other.buttons["keep"].click()
        one.buttons["reset"].click()
        assert one.kept == other.kept
        assert [each.name for each in one.kept] == ["by hand, number 1", "by hand, number 2"]

    def test_a_guess_that_was_replaced_elsewhere_is_not_deleted(self, one, other):
        one.buttons["keep"].click()
        other.buttons["undo"].click()
        other.menu.value = 0
        one.menu.value = 0
        one.buttons["forget"].click()
        one.controls["k1"].box.value = "0.9"
        one.buttons["keep"].click()
        assert one.kept[0].name == other.kept[0].name
        other.buttons["forget"].click()
        assert "Nothing was deleted" in other.message.value
        assert other.kept == one.kept == guesses.read(one.measurement, path=one.path)[0]

    def test_a_guess_that_was_deleted_elsewhere_can_still_be_taken(self, one, other):
        one.controls["k1"].box.value = "0.9"
        one.buttons["keep"].click()
        other.buttons["undo"].click()
        one.menu.value = 0
        one.buttons["forget"].click()
        other.menu.value = 0
        assert other.rates.k1 == 0.9
        assert "deleted elsewhere" in other.message.value
        assert other.kept == []

    def test_what_was_read_stays_when_the_file_is_gone(self, one):
        one.buttons["keep"].click()
        one.path.unlink()
        one.buttons["reset"].click()
        one.menu.value = 0
        assert len(one.kept) == 1

    def test_of_very_many_the_newest_are_drawn_and_the_picture_says_so(self, one):
        values = {name: float(value) for name, value in one.values.items() if name in one.law.names}
        many = {f"number {j}": values | {"k1": 1e-3 * j} for j in range(1, 3001)}
        guesses.save(many, one.measurement, path=one.path)
        one.buttons["undo"].click()
        assert len(one.menu.options) == 3001
        texts = [text.get_text() for text in one.view.decay.texts]
        assert texts == [str(number) for number in range(2971, 3001)]
        assert "30 of 3000 kept guesses drawn" in one.view.decay.get_title(loc="right")
        one.menu.value = 2
        assert one.rates.k1 == 3e-3


class TestMessages:
    def test_a_decimal_comma_is_read_and_said(self, one):
        one.controls["k1"].box.value = "0,25"
        assert one.rates.k1 == 0.25
        assert "decimal point: 0.25" in one.message.value

    @pytest.mark.parametrize(
        "action",
        [
            lambda panel: setattr(panel.controls["k2"].slider, "value", 100),
            lambda panel: setattr(panel.controls["k2"].on, "value", False),
            lambda panel: setattr(panel.controls["k2"].free, "value", False),
            lambda panel: setattr(panel.scale, "value", "linear"),
            lambda panel: panel.buttons["undo"].click(),
        ],
    )
    def test_what_was_said_goes_with_the_next_action(self, one, action):
        one.controls["k1"].box.value = "abc"
        assert one.message.value
        action(one)
        assert one.message.value == ""
