"""The slider panel without a browser: what a reader's moves do to the numbers, the picture and the file."""

from __future__ import annotations

import base64
import io
import itertools
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread

from helpers import fitting, guesses, kinetics
from helpers.kinetics import Rates
from helpers.panel import GuessPanel
from helpers.panel_view import _STYLE, HEIGHT, SCALES, WIDTH, DecayView
from helpers.sliders import parse, slider_stops
from helpers.traces import Trace

TRUE, N0 = Rates(0, 1e-2, 1e-3, 1e-7), 800.0
NAMES = ("G", "k1", "k2", "k3", "n0")


def decay(size=1.0, span=300.0, points=200, **options):
    """Noisy decay of the law; `size` multiplies the densities."""
    t = np.linspace(0, span, points)
    noise = 0.5 * np.random.default_rng(7).standard_normal(points)
    return Trace(t, size * (kinetics.solve(t, N0, TRUE) + noise), **options)


@pytest.fixture
def panel(tmp_path):
    return GuessPanel(decay(signal_unit="10^16 cm^-3", t_unit="ns"), path=tmp_path / "guesses.json")


def by_class(widget, name):
    """Find a widget by the class that the browser sees."""
    if name in widget._dom_classes:
        return widget
    return next(filter(None, (by_class(child, name) for child in getattr(widget, "children", ()))), None)


def pixels(png):
    return imread(io.BytesIO(png))


class TestMoves:
    def test_every_widget_can_be_found_by_its_class(self, panel):
        rows = [f"{kind}-{name}" for kind in ("on", "rate", "box") for name in NAMES]
        buttons = [f"btn-{name}" for name in ("suggest", "fit", "keep", "reset")]
        wanted = [*rows, *buttons, "rmse", "shares", "scale", "kept", "status", "picture"]
        assert [name for name in wanted if by_class(panel, name) is None] == []

    @pytest.mark.parametrize("name", NAMES)
    def test_a_slider_moves_curve_numbers_and_picture(self, panel, name):
        panel.set(TRUE, N0)
        before = (panel.rmse, panel.readout.value, panel.picture.value)
        control = panel.controls[name]
        control.slider.value = control.slider.max - 50
        assert control.value == control.stops[control.slider.max - 50]
        assert control.box.value == repr(control.value).removesuffix(".0")
        np.testing.assert_array_equal(panel.model, kinetics.solve(panel.trace.elapsed, panel.n0, panel.rates))
        assert panel.rmse == pytest.approx(np.sqrt(np.mean((panel.trace.signal - panel.model) ** 2)))
        after = (panel.rmse, panel.readout.value, panel.picture.value)
        assert [old for old, new in zip(before, after, strict=True) if old == new] == []
        assert f"RMSE {panel.rmse:.6g}" in panel.readout.value

    def test_the_first_stop_is_exactly_zero_and_the_others_span_the_datas_scales(self):
        stops = slider_stops(decay())
        for name, scale in zip(
            NAMES, (800 / 300, 1 / 300, 1 / 300 / 800, 1 / 300 / 800**2, 800), strict=True
        ):
            assert stops[name][0] == 0
            assert (np.diff(stops[name]) > 0).all()
            side = 100 if name == "n0" else 1e4
            assert stops[name][[1, -1]] == pytest.approx([scale / side, scale * side], rel=0.02)

    def test_a_slider_that_repeats_its_stop_does_not_round_the_value(self, panel):
        control = panel.controls["k2"]
        panel.set((0, 0.01, 0.00123456789, 0))
        stop = control.slider.value
        control._slider_moved(SimpleNamespace(new=stop))
        assert control.value == 0.00123456789
        assert control.box.value == "0.00123456789"

    def test_a_typed_number_is_kept_to_its_last_digit(self, panel):
        for value in (5e-324, 1.1e-7, 0.1 + 0.2, 1e300):
            panel.controls["G"].box.value = f" {value!r} "
            assert value == panel.rates.G
            assert float(panel.controls["G"].box.value) == value

    def test_typed_nonsense_is_put_back_with_a_message(self, panel):
        before, curve = panel.controls["k3"].box.value, panel.model
        for text in ("abc", "", "-1", "-1e-9", "inf", "nan", "1e400", "1e-400", "1,5", "1_0"):
            panel.say("")
            panel.controls["k3"].box.value = text
            assert panel.controls["k3"].box.value == before
            assert panel.model is curve
            assert panel.message.value.startswith("k3: ")

    def test_a_message_is_text_and_no_markup(self, panel):
        panel.controls["k3"].box.value = "<img src=x>"
        assert "<img" not in panel.message.value

    def test_digits_of_other_scripts_are_numbers_too(self):
        assert (parse("٣"), parse("-0"), parse("0e5")) == (3.0, 0.0, 0.0)

    def test_a_term_that_is_off_is_zero_and_comes_back_as_it_was(self, panel):
        for name, control in panel.controls.items():
            shown, value = panel.readout.value, control.value
            control.on.value = False
            assert (panel.n0 if name == "n0" else getattr(panel.rates, name)) == 0
            assert control.value == value
            control.on.value = True
            assert panel.readout.value == shown

    def test_moving_a_term_that_is_off_changes_nothing_but_says_so(self, panel):
        panel.controls["k3"].on.value = False
        shown = panel.readout.value
        panel.controls["k3"].slider.value = 300
        assert panel.readout.value == shown
        assert "k3 is off" in panel.message.value

    def test_the_shares_are_the_parts_of_the_decay(self, panel):
        panel.set((0, 0.01, 0, 0))
        assert "trap 100.0%" in panel.split.value
        panel.set((0, 0.01, 0.001, 0))
        t = np.linspace(0, 300, 200_001)
        n = kinetics.solve(t, panel.n0, panel.rates)
        trap, radiative = np.trapezoid(0.01 * n, t), np.trapezoid(0.001 * n**2, t)
        assert panel.shares == pytest.approx([trap / (trap + radiative), radiative / (trap + radiative), 0])


class TestButtons:
    def test_suggest_sets_the_automatic_guess_and_ticks_what_it_needs(self, panel):
        panel.controls["k2"].on.value = False
        panel.controls["k1"].box.value = "5"
        panel.buttons["suggest"].click()
        assert panel.rates == guesses.suggest(panel.trace)
        assert panel.controls["k2"].on.value

    def test_fit_varies_the_ticked_terms_only_and_says_which(self, panel):
        panel.set(TRUE, N0)
        for name in ("G", "k3"):
            panel.controls[name].on.value = False
        panel.buttons["fit"].click()
        expected = fitting.fit(panel.trace, (0, 1e-2, 1e-3, 0), n0=N0, fixed=("G", "k3"))
        assert (panel.rates, panel.n0) == (expected.rates, expected.n0)
        assert panel.controls["k3"].value == TRUE.k3
        assert "free: k1, k2, n0; held at zero: G, k3" in panel.message.value

    def test_a_fit_shows_that_it_runs(self, panel, monkeypatch):
        seen, fit = [], fitting.fit

        def watched(*arguments, **options):
            seen.append((panel.message.value, panel.buttons["fit"].disabled))
            return fit(*arguments, **options)

        monkeypatch.setattr(fitting, "fit", watched)
        panel.buttons["fit"].click()
        assert seen == [("Fitting G, k1, k2, k3, n0 …", True)]
        assert not panel.buttons["fit"].disabled

    @pytest.mark.parametrize("how", ["raises", "does not converge"])
    def test_a_fit_that_fails_says_so_and_moves_nothing(self, panel, monkeypatch, how):
        def failing(*arguments, **options):
            if how == "raises":
                raise RuntimeError("out of luck")
            return SimpleNamespace(converged=False, message="out of luck", values=(9, 9, 9, 9, 9))

        monkeypatch.setattr(fitting, "fit", failing)
        before = (panel.rates, panel.n0)
        panel.buttons["fit"].click()
        assert "out of luck" in panel.message.value
        assert (panel.rates, panel.n0) == before
        assert not panel.buttons["fit"].disabled

    def test_nothing_ticked_is_nothing_to_fit(self, panel):
        for control in panel.controls.values():
            control.on.value = False
        panel.buttons["fit"].click()
        assert "tick at least one" in panel.message.value

    def test_keep_adds_to_the_file_the_menu_and_the_picture(self, panel):
        guesses.save(guesses.ORIGINAL, panel.path)
        panel.set((0, 0.02, 0.002, 0))
        picture = panel.picture.value
        panel.buttons["keep"].click()
        panel.buttons["keep"].click()  # the same guess is kept once
        assert guesses.load(panel.path) == [*guesses.ORIGINAL, Rates(0, 0.02, 0.002, 0)]
        assert len(panel.menu.options) == 5
        assert not np.array_equal(pixels(picture), pixels(panel.picture.value))

    def test_the_menu_always_shows_its_title(self, panel):
        shown = [panel.menu.label]
        panel.buttons["keep"].click()
        shown.append(panel.menu.label)
        panel.menu.value = 0
        panel.scale.value = SCALES[0]
        shown.append(panel.menu.label)
        assert [text.rpartition(" ")[2] for text in shown] == ["0", "1", "1"]

    def test_the_menu_sets_a_kept_guess_again_and_again(self, panel):
        panel.buttons["keep"].click()
        kept = panel.rates
        for _ in range(2):
            panel.controls["k1"].slider.value = 10
            panel.menu.value = 0
            assert panel.rates == kept

    def test_a_damaged_file_is_named_and_left_alone(self, panel):
        panel.path.write_text("not json", encoding="utf-8")
        panel.buttons["keep"].click()
        assert "guesses.json" in panel.message.value
        assert panel.path.read_text(encoding="utf-8") == "not json"
        assert "guesses.json" in GuessPanel(panel.trace, path=panel.path).message.value

    def test_reset_goes_back_to_the_beginning(self, panel):
        before = (panel.rates, panel.n0, panel.readout.value)
        for name, control in panel.controls.items():
            control.slider.value = 7
            control.on.value = name == "k1"
        panel.buttons["reset"].click()
        assert (panel.rates, panel.n0, panel.readout.value) == before


def clean(panel):
    """Say whether the panel shows finite numbers only."""
    texts = (
        panel.readout.value + panel.split.value + "".join(each.box.value for each in panel.controls.values())
    )
    finite = np.isfinite([panel.rmse, *panel.model, *panel.shares]).all()
    return finite and not re.search(r"\b(nan|inf)\b|no curve", texts, re.IGNORECASE)


def put_at_ends(panel, ends):
    with panel._one_redraw():
        for control, end in zip(panel.controls.values(), ends, strict=True):
            control.slider.value = end % (control.slider.max + 1)


def test_no_end_of_the_sliders_raises_warns_or_shows_nan(panel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ends in itertools.product((0, -1), repeat=5):
            put_at_ends(panel, ends)
            assert clean(panel), ends


def test_no_pattern_of_ticks_at_the_ends_raises_warns_or_shows_nan(panel, monkeypatch):
    monkeypatch.setattr(panel.view, "draw", lambda curve, residuals: b"")  # drawn in the test above
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ends in itertools.product((1, -1), repeat=5):
            put_at_ends(panel, ends)
            assert clean(panel), ends
        for pattern in itertools.product((True, False), repeat=5):  # off is 0 at either end
            with panel._one_redraw():
                for control, on in zip(panel.controls.values(), pattern, strict=True):
                    control.on.value = on
            assert clean(panel), pattern


T = np.linspace(0, 50, 120)
FALL = np.exp(-T / 9)
NOISE = 0.05 * np.random.default_rng(3).standard_normal(T.size)
TRACES = {
    "tiny": Trace(T, 1e-9 * FALL),
    "huge": Trace(T * 1e-9, 1e22 * FALL, signal_unit="m^-3", t_unit="s"),
    "with sigma": Trace(T, FALL + NOISE, np.full(T.size, 0.05)),
    "growth": Trace(T, 3 * (1 - FALL)),
    "growth with noise": Trace(T, 3 * (1 - FALL) + NOISE),
    "partly negative": Trace(T, FALL - 0.2),
    "all negative": Trace(T, -FALL),
    "nothing": Trace(T, 0 * T),
    "five points": Trace(T[:5], FALL[:5]),
    "two points": Trace(T[:2], FALL[:2]),
    "late start": Trace(T + 1000, FALL),
    "many points": Trace(np.linspace(0, 50, 100_000), np.exp(-np.linspace(0, 50, 100_000) / 9)),
}


def test_clicks_and_moves_may_come_in_different_threads(panel):
    """As they do in JupyterLab: clicks in the kernel's main thread, moves in another."""

    def move():
        for stop in range(100, 130):
            panel.controls["k1"].slider.value = stop
            panel.scale.value = SCALES[stop % 3]

    def click():
        for name in ("reset", "suggest", "fit", "reset") * 5:
            panel.buttons[name].click()

    with ThreadPoolExecutor(2) as threads:
        for ended in [threads.submit(move), threads.submit(click)]:
            ended.result()
    panel.controls["k1"].slider.value = 99
    assert panel.controls["k1"].value == panel.controls["k1"].stops[99]
    assert clean(panel)


@pytest.mark.parametrize("name", TRACES)
def test_any_trace_can_be_tuned(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel = GuessPanel(TRACES[name], path=tmp_path / "guesses.json")
        guesses.save(guesses.ORIGINAL, panel.path)
        for scale in SCALES:
            panel.scale.value = scale
            panel.controls["k1"].slider.value += 1
            assert pixels(panel.picture.value).shape[:2] == (HEIGHT, WIDTH)
        for control in panel.controls.values():
            control.slider.value = control.slider.max // 2
            assert clean(panel)
        for button in panel.buttons.values():
            button.click()
            assert "did not work" not in panel.message.value or len(panel.trace) < 3
        assert clean(panel)


class TestPicture:
    def test_a_reader_without_a_kernel_sees_the_panel(self, panel):
        bundle = panel._repr_mimebundle_()
        assert bundle["text/plain"] == repr(panel) == "GuessPanel(G, k1, k2, k3, n0)"
        assert bundle["image/png"].startswith("iVBOR")
        still = pixels(panel.still())
        assert still.shape[1] > WIDTH
        panel.controls["k2"].slider.value = 100
        assert not np.array_equal(still, pixels(panel.still()))

    def test_a_partial_redraw_shows_what_a_full_one_shows(self, panel):
        for stop in (100, 150, 200):
            panel.controls["k2"].slider.value = stop
        partial = pixels(panel.picture.value)
        panel.view.kept = panel.view.kept  # lays the axes out anew
        panel._redraw()
        np.testing.assert_array_equal(partial, pixels(panel.picture.value))

    @pytest.mark.parametrize("scale", SCALES)
    def test_a_partial_redraw_in_few_colours_is_what_matplotlib_draws(self, panel, scale):
        panel.buttons["keep"].click()
        panel.scale.value = scale
        for stop in (100, 200, 290, 205):
            panel.controls["k2"].slider.value = stop
        seen, view = pixels(panel.picture.value)[..., :3] * 255, panel.view
        for artist in (view._model, view._residuals):
            artist.set_animated(False)
        with plt.rc_context(_STYLE):
            view.canvas.draw()
        error = np.abs(seen - np.asarray(view.canvas.buffer_rgba())[..., :3])
        assert error.max() < 60  # a curve elsewhere would make it 150
        assert error.mean() < 0.5

    def test_the_browser_gets_the_png_in_its_address(self, panel):
        sent = panel.picture.get_state()
        kind, _, data = bytes(sent["value"]).partition(b",")
        assert (sent["format"], kind) == ("url", b"data:image/png;base64")
        assert base64.b64decode(data) == panel.picture.value
        assert len(sent["value"]) > 65_483  # a shorter message may wait 40 ms on its way

    def test_however_the_residuals_grow_few_pictures_are_remembered(self, panel):
        for stop in range(0, panel.controls["G"].slider.max, 10):
            panel.controls["G"].slider.value = stop
        assert len(panel.view._backdrops) <= 12

    def test_no_figure_is_left_in_pyplots_list(self, panel):
        panel.controls["k2"].slider.value = 100
        assert plt.get_fignums() == []

    def test_of_many_points_a_fair_share_is_drawn_and_the_picture_says_so(self):
        view = DecayView(TRACES["many points"], scale="log-log")
        assert view._drawn.size < 2000
        assert view._drawn[:5].tolist() == [0, 1, 2, 3, 4]  # early points stand alone on a log axis
        assert f"{view._drawn.size} of 100000 points drawn" in view._not_drawn()

    def test_what_a_log_axis_cannot_show_is_counted(self):
        trace = TRACES["partly negative"]
        note = DecayView(trace, scale="semi-log")._not_drawn()
        assert int(note.split()[0]) >= (trace.signal <= 0).sum()
        assert "below the axis" in note


def test_a_guess_file_that_cannot_be_read_is_told_in_the_panel(tmp_path):
    panel = GuessPanel(Trace([0, 1, 2], [4, 2, 1]), path=tmp_path)
    assert panel.message.value


def test_a_power_of_ten_leaves_the_tick_labels_of_the_residuals():
    """matplotlib would write it above the axis, into the decay."""
    view = DecayView(Trace([0, 1, 2], [4e4, 2e4, 1e4]))
    labels = {}
    for size in (5.0, 4e4):
        view.draw(np.full_like(view.t_curve, 1e4), np.array([size, 0.0, -size]))
        ticks = [label.get_text() for label in view.below.get_yticklabels()]
        labels[size] = ticks, view._power.get_text(), view.below.yaxis.get_offset_text().get_text()
    assert labels[4e4][1:] == ("×10$^{4}$", "")
    assert labels[5.0][1:] == ("", "")
    assert all(len(tick) <= 5 for ticks, *_ in labels.values() for tick in ticks)
