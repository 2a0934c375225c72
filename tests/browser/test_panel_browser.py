"""The panel as a reader uses it: in JupyterLab, in a real browser, with keyboard and mouse.

With WORKBOOK_SCREENSHOT=docs/panel.png a picture of the panel is written there as well.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from labdriver import KERNEL_IS_IDLE, accessibility_faults, browser_page, execute, jupyterlab, open_and_run
from playwright.sync_api import expect

from helpers import guesses
from helpers.measurement.described import load_measurement
from helpers.paths import DATA, ROOT

pytestmark = pytest.mark.browser
SETTING = 'MEASUREMENT = \\"sample_data\\"'  # as a line of the notebook's JSON
NOTEBOOK = ROOT / "notebooks" / "02_tune_guesses.ipynb"
WIDTHS = {1280: 800, 1000: 800, 1920: 1080}  # and heights of the window

AGREEMENT = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const code = "print(panel.controls['k2'].stop, format(panel.rmse, '.6g'))";
    const future = kernel.requestExecute({code: code, store_history: false});
    let text = '';
    future.onIOPub = message => { text += message.content.text ?? ''; };
    await future.done;
    const handle = document.querySelector('.rate-k2 .noUi-handle').getAttribute('aria-valuenow');
    const rmse = document.querySelector('.rmse .widget-html-content').innerText.trim().split(' ')[1];
    return text.trim() === `${Math.round(parseFloat(handle))} ${rmse}`;
}"""

FAULTS = """() => {
    const root = document.querySelector('.guess-panel'), outer = root.getBoundingClientRect(), faults = [];
    const parts = [...root.querySelectorAll('button, input, select, .noUi-base, img, .widget-html-content')]
        .filter(part => part.checkVisibility({visibilityProperty: true}) && !part.closest('.aloud'));
    const places = parts.map(part => part.getBoundingClientRect());
    places.forEach((place, index) => {
        const name = parts[index].className || parts[index].tagName;
        const edge = Math.min(innerWidth, outer.right + 1);
        if (place.right > edge) faults.push('beyond the right edge: ' + name);
        if (parts[index].scrollWidth > parts[index].clientWidth + 1)
            faults.push('cut off: ' + name);
        places.slice(index + 1).forEach((other, later) => {
            const apart = place.right <= other.left + 1 || other.right <= place.left + 1
                || place.bottom <= other.top + 1 || other.bottom <= place.top + 1;
            if (!apart) faults.push('overlap: ' + name + ' and ' + parts[index + 1 + later].className);
        });
    });
    return faults;
}"""


SERIES = """
import numpy as np
from helpers.kinetics import solve
from helpers.measurement import Measurement
from helpers.panel import MeasurementPanel
from helpers.traces import Trace
t, rng = np.linspace(-1, 8, 400), np.random.default_rng(4)
n0, rates = [0.5, 1.0, 4.0], (0, 0.3, 0.5, 0.2)
decays = [np.where(t >= 0, solve(np.maximum(t, 0), n, rates) / n, 0) for n in n0]
traces = [Trace(t, rng.poisson(2000 * d**2 + 5).astype(float), name=f"{n:g} uJ") for n, d in zip(n0, decays)]
settings = dict(observable="photoluminescence", offset="free", noise="poisson", time_zero=0.0)
panel = MeasurementPanel(Measurement(traces, n0=n0, **settings), (0, 0.2, 0.6, 0.1), path="series.json")
panel
"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}

# The selected cell of the notebook, and how many there are.
CELLS = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    return [notebook.activeCellIndex, notebook.widgets.length];
}"""

IS_SIZED = """ratio => {
    const picture = document.querySelector('img.picture'), column = picture.parentElement;
    return window.devicePixelRatio === ratio && picture.complete
        && picture.clientWidth === Math.floor(column.clientWidth)
        && Math.abs(picture.naturalWidth - picture.clientWidth * ratio) <= 1
        && Math.abs(picture.naturalHeight - picture.clientHeight * ratio) <= 1;
}"""

# Whether the picture's corner is dark.
CORNER = """isDark => {
    const picture = document.querySelector('img.picture'), canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext('2d');
    pen.drawImage(picture, 0, 0);
    return (pen.getImageData(0, 0, 1, 1).data[1] < 60) === isDark;
}"""

# Texts whose contrast with the ground behind them is below 4.5; WCAG 2.2, relative luminance.
CONTRASTS = r"""() => {
    const root = document.querySelector('.guess-panel'), faults = [];
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    const light = colour => {
        const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = numbers(colour).map(linear);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (let each = element; each; each = each.parentElement) {
            const colour = getComputedStyle(each).backgroundColor, parts = numbers(colour);
            if (parts.length < 4 || parts[3] > 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const words = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
        const text = words.currentNode.textContent, element = words.currentNode.parentElement;
        if (!text.trim() || !element.checkVisibility({visibilityProperty: true})) continue;
        if (element.closest('style, :disabled, option, .aloud')) continue;
        const [high, low] = [element, null].map((each, place) =>
            light(place ? ground(element) : getComputedStyle(each).color)).sort((a, b) => b - a);
        if ((high + 0.05) / (low + 0.05) < 4.5) faults.push(text);
    }
    return faults;
}"""

# Controls that a screen reader cannot name.
NAMELESS = """() => {
    const root = document.querySelector('.guess-panel');
    const parts = [...root.querySelectorAll('button, input, select, textarea, img, [role=slider]')];
    const name = part => part.getAttribute('aria-label') || part.alt || part.innerText?.trim()
        || [...(part.labels ?? [])].map(label => label.innerText.trim()).join('');
    return parts.filter(part => part.checkVisibility({visibilityProperty: true}) && !name(part))
        .map(part => part.outerHTML.slice(0, 200));
}"""


class Panel:
    """The panel on the page, by what a reader sees of it."""

    def __init__(self, page):
        self.page = page

    def text(self, name):
        return self.page.locator(f".{name} .widget-html-content").inner_text().strip()

    def box(self, name):
        return self.page.locator(f".box-{name} input")

    def full(self, name):
        """Return what the box holds; Playwright's own `input_value` sees what it shows."""
        return self.page.evaluate("name => document.querySelector(`.box-${name} input`).value", name)

    def shown(self, name):
        """Return what stands in the box, as it is drawn."""
        return self.page.evaluate(
            "name => Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')"
            ".get.call(document.querySelector(`.box-${name} input`))",
            name,
        )

    def wait_above(self, name, value):
        """Wait until the box holds more than a value."""
        self.page.wait_for_function(
            "([name, value]) => Number(document.querySelector(`.box-${name} input`).value) > value",
            arg=[name, float(value)],
        )

    def wait_for_size(self, ratio=1):
        """Wait until the picture is drawn for the pixels in which it is shown."""
        self.page.wait_for_function(IS_SIZED, arg=ratio, polling=50)

    def is_on(self, name):
        return self.page.locator(f".on-{name} input").is_checked()

    def type(self, name, text):
        self.box(name).fill(text)
        self.box(name).press("Enter")

    def press(self, name):
        self.page.locator(f"button.btn-{name}").click()

    def tick(self, name):
        self.page.locator(f".on-{name} input").click()

    def picture(self):
        return self.page.evaluate("() => document.querySelector('img.picture').src")

    def wait_text(self, name, condition):
        """Wait until the text of a widget meets a condition on `text`, written in JavaScript."""
        self.page.wait_for_function(
            "([name, condition]) => { const text = document.querySelector(`.${name} .widget-html-content`)"
            ".innerText.trim(); return new Function('text', 'return ' + condition)(text); }",
            arg=[name, condition],
        )
        return self.text(name)

    def wait_changed(self, name, before):
        return self.wait_text(name, f"text !== {before!r}")

    def wait_box(self, name, value):
        self.page.wait_for_function(
            "([name, value]) => document.querySelector(`.box-${name} input`).value === value",
            arg=[name, value],
        )

    def kernel(self, expression):
        return execute(self.page, f"print({expression})").strip()

    def wait_for_agreement(self):
        """Wait until handle, text and kernel say the same: all messages have gone through."""
        self.page.wait_for_function(AGREEMENT, polling=50)


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """JupyterLab with copies of the notebook and the sample, and a page on which all cells have run.

    The guesses that a reader keeps lie beside the sample's description: here beside its copy.
    """
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    for name in ("sample_data.toml", "sample_data.csv", "sample_data.guesses.json"):
        shutil.copy(DATA / name, folder)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count(SETTING) == 1
    text = text.replace(SETTING, SETTING.replace("sample_data", "./sample_data.toml"))
    (folder / NOTEBOOK.name).write_text(text, encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(SERIES.strip())]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / "series.ipynb")
    variables = {"WORKBOOK_RESULTS": str(home / "results")}
    with jupyterlab(folder, home, **variables) as address, browser_page(chromium) as (page, errors):
        open_and_run(page, address.format(NOTEBOOK.name))
        page.wait_for_selector("img.picture[src^=data]")
        yield page, errors, folder / "sample_data.toml", address


@pytest.fixture
def panel(lab):
    """The panel as it was when the notebook was opened."""
    page, errors, *_ = lab
    page.set_viewport_size({"width": 1280, "height": 800})
    panel = Panel(page)
    execute(page, "panel.buttons['reset'].click()")
    panel.wait_box("k2", panel.kernel("panel.controls['k2'].box.value"))
    panel.wait_for_agreement()
    yield panel
    assert errors == []


def test_no_cell_failed(lab):
    page, errors, *_ = lab
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    assert errors == []


def test_an_arrow_key_moves_the_curve(panel):
    before, picture = panel.text("rmse"), panel.picture()
    panel.page.locator(".rate-k2 .noUi-handle").focus()
    panel.page.keyboard.press("ArrowRight")
    panel.wait_changed("rmse", before)
    panel.page.wait_for_function(
        "before => document.querySelector('img.picture').src !== before", arg=picture
    )
    panel.wait_box("k2", panel.kernel("panel.controls['k2'].box.value"))
    panel.wait_for_agreement()


def test_the_mouse_drags_the_curve(panel):
    before = panel.text("rmse")
    panel.page.locator(".rate-k2").scroll_into_view_if_needed()
    handle = panel.page.locator(".rate-k2 .noUi-handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    panel.page.mouse.move(x, y)
    panel.page.mouse.down()
    for step in range(1, 21):
        panel.page.mouse.move(x - 2 * step, y)
    panel.page.mouse.up()
    panel.wait_changed("rmse", before)
    panel.wait_for_agreement()


def test_a_drag_over_the_whole_slider_ends_where_the_mouse_is(panel):
    panel.page.locator(".rate-k2").scroll_into_view_if_needed()
    mouse, base = panel.page.mouse, panel.page.locator(".rate-k2 .noUi-base").bounding_box()
    handle = panel.page.locator(".rate-k2 .noUi-handle").bounding_box()
    y = handle["y"] + handle["height"] / 2
    mouse.move(handle["x"] + handle["width"] / 2, y)
    mouse.down()
    for share in (*np.linspace(0.8, 0, 60), *np.linspace(0, 1, 120), 0.5):
        mouse.move(base["x"] + share * base["width"], y)
    mouse.up()
    panel.wait_for_agreement()
    stop = int(panel.kernel("panel.controls['k2'].stop"))
    stops = int(panel.kernel("panel.controls['k2'].slider.max"))
    assert abs(stop / stops - 0.5) * base["width"] < 2  # pixels; the handle is taken beside its middle
    assert panel.kernel("panel.rates.k2 == panel.controls['k2'].stops[panel.controls['k2'].stop]") == "True"


def test_a_typed_number_is_taken_to_its_last_digit(panel):
    panel.type("k3", " 1.2345678901234567e-7")
    panel.wait_box("k3", repr(1.2345678901234567e-7))
    assert panel.kernel("panel.rates.k3") == repr(1.2345678901234567e-7)


@pytest.mark.parametrize("nonsense", ["abc", "-1", "inf", "1e400", "<b>1</b>"])
def test_typed_nonsense_is_put_back(panel, nonsense):
    before, curve = panel.full("k1"), panel.text("rmse")
    panel.type("k1", nonsense)
    panel.wait_box("k1", before)
    assert nonsense in panel.wait_text("status", "text.includes('is kept')")
    assert panel.text("rmse") == curve


def test_a_term_comes_back_as_it_was(panel):
    before, value = panel.text("rmse"), panel.full("k3")
    panel.tick("k3")
    panel.wait_changed("rmse", before)
    assert panel.kernel("panel.rates.k3") == "0.0"
    panel.tick("k3")
    panel.wait_text("rmse", f"text === {before!r}")
    assert panel.full("k3") == value


def test_suggest_switches_on_what_it_needs(panel):
    before = panel.text("rmse")
    panel.tick("k2")
    panel.wait_changed("rmse", before)
    panel.press("suggest")
    panel.wait_text("rmse", f"text === {before!r}")
    assert panel.is_on("k2")


def test_a_fit_says_what_was_free_and_comes_back_unchanged(panel):
    panel.type("k2", "0.005")
    panel.wait_text("rmse", "parseFloat(text.split(' ')[1]) > 5")
    panel.press("fit")
    panel.wait_text("status", "text.includes('free: k1, k2, k3, n0') && text.includes('held at zero: G')")
    panel.wait_text("rmse", "parseFloat(text.split(' ')[1]) < 0.6")
    assert panel.kernel("(panel.rates, *panel.n0) == (panel.fit.rates, *panel.fit.n0)") == "True"
    for name in ("k1", "k2", "k3", "n0"):
        panel.wait_box(name, panel.kernel(f"float(panel.fit.values[{name!r}])"))


def test_what_the_kernel_sets_is_not_changed_by_the_browser(panel):
    # A slider of decimal numbers would send its own rounded positions back.
    given = (3.21987e-05, 0.012345678901234567, 0.00123456789, 1.23456789e-07, 765.4321098765432)
    values = dict(zip(("G", "k1", "k2", "k3", "n0"), given, strict=True))
    execute(panel.page, f"panel.set({values!r})")
    panel.wait_box("k2", "0.00123456789")
    panel.wait_box("n0", "765.4321098765432")
    panel.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    # The page has answered by now whatever it answers; a tick and an untick go the same way behind it.
    text = panel.text("rmse")
    panel.tick("G")
    panel.wait_changed("rmse", text)
    panel.tick("G")
    panel.wait_text("rmse", f"text === {text!r}")
    assert panel.kernel(f"(*panel.rates, *panel.n0) == {given!r}") == "True"


def test_a_kept_guess_is_in_the_file_and_in_the_menu(panel, lab):
    before = (DATA / "sample_data.guesses.json").read_bytes()
    for number, k2 in enumerate(("0.00234", "0.0045"), 4):
        panel.type("k2", k2)
        panel.wait_box("k2", k2)
        panel.press("keep")
        panel.wait_text("status", f"text.startsWith('Kept as number {number}')")
    kept = guesses.load(load_measurement(lab[2]))
    assert list(kept)[3:] == ["by hand, number 1", "by hand, number 2"]
    assert [each["k2"] for each in kept.values()][3:] == [0.00234, 0.0045]
    menu = panel.page.locator(".kept select")
    expect(menu.locator("option")).to_have_count(len(kept) + 1)
    menu.select_option(index=4)
    panel.wait_box("k2", "0.00234")
    expect(menu.locator("option:checked")).to_have_text(re.compile("Kept"))  # ready for the next choice
    assert (DATA / "sample_data.guesses.json").read_bytes() == before


def test_reset_goes_back_to_the_beginning(panel):
    before = panel.text("rmse")
    panel.type("k2", "0.02")
    panel.wait_changed("rmse", before)
    panel.press("reset")
    panel.wait_text("rmse", f"text === {before!r}")


@pytest.mark.parametrize("width", WIDTHS)
def test_sliders_and_picture_are_in_sight_together(panel, width):
    page = panel.page
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    panel.wait_for_size()
    for button in ("linear", "log-log", "semi-log"):
        before = panel.picture()
        page.locator(".scale button", has_text=button).click()
        page.wait_for_function("before => document.querySelector('img.picture').src !== before", arg=before)
    assert page.evaluate(FAULTS) == []
    places = (page.locator(place).bounding_box() for place in (".row-G", ".row-n0", "img.picture"))
    first, last, picture = places
    beside = picture["x"] >= first["x"] + first["width"] and picture["width"] > 600
    above = picture["y"] + picture["height"] <= first["y"]
    assert beside or above
    top = min(first["y"], picture["y"])
    bottom = max(each["y"] + each["height"] for each in (last, picture))
    assert bottom - top < WIDTHS[width] - 120  # what JupyterLab leaves of the window
    if width == 1280 and os.environ.get("WORKBOOK_SCREENSHOT"):
        page.locator(".guess-panel").screenshot(path=Path(os.environ["WORKBOOK_SCREENSHOT"]))


@pytest.mark.parametrize("ratio", [1.5, 2])
def test_the_picture_is_drawn_for_the_pixels_of_the_screen(panel, ratio):
    screen = panel.page.context.new_cdp_session(panel.page)
    size = {"width": 1280, "height": 800, "mobile": False}
    try:
        screen.send("Emulation.setDeviceMetricsOverride", size | {"deviceScaleFactor": ratio})
        panel.wait_for_size(ratio)
    finally:
        screen.send("Emulation.setDeviceMetricsOverride", size | {"deviceScaleFactor": 1})
        panel.wait_for_size(1)
        screen.detach()


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_the_picture_follows_the_theme_and_all_texts_can_be_read(panel, theme):
    command = "name => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: name}) }"
    panel.page.evaluate(command, f"JupyterLab {theme}")
    panel.page.wait_for_function(CORNER, arg=theme == "Dark", polling=100)
    panel.type("k1", "nonsense")
    panel.wait_text("status", "text.includes('is kept')")
    panel.page.wait_for_function(f"() => ({CONTRASTS})().length === 0", polling=100)
    assert accessibility_faults(panel.page, ".guess-panel") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_one_pixel_changes_a_rate_by_at_most_5_percent(panel, width):
    panel.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    panel.wait_for_size()
    for name in ("k1", "k2", "k3"):
        pixels = panel.page.locator(f".rate-{name} .noUi-base").bounding_box()["width"]
        stops = int(panel.kernel(f"panel.controls[{name!r}].slider.max"))
        most = int(np.ceil(stops / pixels))
        ratio = f"(lambda s: (s[{1 + most}:] / s[1:-{most}]).max())(panel.controls[{name!r}].stops)"
        assert 1 < float(panel.kernel(ratio)) <= 1.05


def test_arrow_keys_go_5_percent_and_with_shift_a_quarter_percent(panel):
    panel.page.locator(".rate-k2 .noUi-handle").focus()
    cell = panel.kernel("panel.rates.k2")
    panel.page.keyboard.press("Shift+ArrowRight")  # onto a stop
    panel.wait_above("k2", cell)
    steps = {"ArrowRight": (1.03, 1.05), "Shift+ArrowUp": (1.001, 1.003), "PageUp": (1.5, 1.7)}
    for keys, (low, high) in steps.items():
        before = float(panel.kernel("panel.rates.k2"))
        panel.page.keyboard.press(keys)
        panel.wait_above("k2", before)
        assert low < float(panel.kernel("panel.rates.k2")) / before < high


def test_keys_stay_in_the_panel(panel):
    """JupyterLab's own keys go to another cell (arrows, j, k), make new ones (a, b), cut and paste (x, v)."""
    cells = panel.page.evaluate(CELLS)
    for place in (".rate-k2 .noUi-handle", ".on-k2 input", "button.btn-fit", ".scale button"):
        panel.page.locator(place).first.focus()
        for key in ("ArrowDown", "ArrowUp", "ArrowUp", "Shift+ArrowUp", "k", "j", "a", "b", "x", "v", "Home"):
            panel.page.keyboard.press(key)
        assert panel.page.evaluate("place => document.activeElement.matches(place)", place)
    assert panel.page.evaluate(CELLS) == cells


def test_every_key_counts_however_fast_they_come(panel):
    panel.page.locator(".rate-k1 .noUi-handle").focus()
    before = int(panel.kernel("panel.controls['k1'].stop"))
    for _ in range(30):
        panel.page.keyboard.press("ArrowLeft")
    panel.page.wait_for_function(
        "stop => Math.round(document.querySelector('.rate-k1 .noUi-handle').ariaValueNow) === stop",
        arg=before - 600,
    )
    assert int(panel.kernel("panel.controls['k1'].stop")) == before - 600


def test_a_box_shows_six_digits_and_all_while_it_is_edited(panel):
    execute(panel.page, "panel.set({'k2': 0.0012345678901234567})")
    panel.wait_box("k2", "0.0012345678901234567")
    assert panel.shown("k2") == "0.00123457"
    panel.box("k2").focus()
    assert panel.shown("k2") == "0.0012345678901234567"
    panel.box("k2").blur()
    assert panel.shown("k2") == "0.00123457"
    assert panel.kernel("panel.rates.k2") == "0.0012345678901234567"


def test_a_decimal_comma_is_read_and_the_next_action_clears_what_was_said(panel):
    panel.type("k2", "0,0125")
    panel.wait_text("status", "text.includes('decimal point')")
    assert panel.kernel("panel.rates.k2") == "0.0125"
    panel.page.locator(".rate-k1 .noUi-handle").focus()
    panel.page.keyboard.press("ArrowRight")
    panel.wait_text("status", "text === ''")


def test_a_fit_shows_errors_which_a_move_greys_and_undo_brings_back(panel):
    panel.press("fit")
    panel.wait_text("status", "text.startsWith('Fitted; free')")
    expect(panel.page.locator(".verdict-k1")).to_have_text(re.compile("^± "))
    expect(panel.page.locator(".verdict-G")).to_have_text("not in use")
    stale = panel.page.locator(".stale .verdict-k1")
    expect(stale).to_have_count(0)
    panel.page.locator(".rate-k1 .noUi-handle").focus()
    panel.page.keyboard.press("ArrowRight")
    expect(stale).to_have_count(1)
    panel.page.keyboard.press("Control+z")
    expect(stale).to_have_count(0)
    assert panel.kernel("panel.rates == panel.fit.rates") == "True"


def test_undo_redo_and_double_click(panel):
    start = panel.full("k2")
    panel.type("k2", "0.02")
    panel.wait_box("k2", "0.02")
    panel.wait_for_agreement()
    before = panel.text("rmse")
    panel.tick("k3")
    panel.wait_changed("rmse", before)
    panel.press("undo")
    panel.wait_text("rmse", f"text === {before!r}")
    expect(panel.page.locator(".on-k3 input")).to_be_checked()
    panel.press("undo")
    panel.wait_box("k2", start)
    expect(panel.page.locator(".on-k3 input")).to_be_checked()
    panel.press("redo")
    panel.wait_box("k2", "0.02")
    panel.page.locator(".name-k2").dblclick()
    panel.wait_box("k2", start)


@pytest.mark.parametrize(("kind", "begin"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_the_picture_is_saved(panel, kind, begin):
    with panel.page.expect_download() as download:
        panel.press(kind)
    assert download.value.suggested_filename == f"sample_data.{kind}"
    assert Path(download.value.path()).read_bytes().startswith(begin)


def test_the_table_is_copied(panel):
    panel.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.press("copy")
    # `wait_for_function` takes a promise for true, so the page itself waits until the table has arrived.
    rows = panel.page.evaluate(
        """async () => {
            for (let turn = 0; turn < 300; turn++) {
                const text = await navigator.clipboard.readText();
                if (text.startsWith("parameter")) return text;
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            return "no table came within 15 s";
        }"""
    ).splitlines()
    assert [row.split("\t")[0] for row in rows] == ["parameter", "G", "k1", "k2", "k3", "n0", "RMSE"]
    assert rows[2].split("\t")[1] == panel.kernel("panel.rates.k1")


def test_a_kept_guess_has_a_name_and_can_be_deleted(panel, lab):
    panel.page.locator(".kept-name input").fill("slow one")
    panel.type("k2", "0.00777")
    panel.wait_box("k2", "0.00777")
    panel.press("keep")
    panel.wait_text("status", "text.startsWith('Kept as number')")
    names = list(guesses.load(load_measurement(lab[2])))
    assert names[-1] == "slow one"
    panel.page.locator(".kept select").select_option(index=len(names))
    panel.wait_text("status", "text.includes('slow one')")
    panel.press("forget")
    panel.wait_text("status", "text.startsWith('Deleted')")
    assert list(guesses.load(load_measurement(lab[2]))) == names[:-1]


def test_every_control_has_a_name_a_role_and_a_value_in_words(panel):
    assert panel.page.evaluate(NAMELESS) == []
    handle = panel.page.locator(".rate-k2 .noUi-handle")
    expect(handle).to_have_role("slider")
    expect(handle).to_have_accessible_name("k2")
    expect(handle).to_have_attribute("aria-valuetext", re.compile(r"^0\.\d+ 1/\(ns"))
    words = panel.page.locator("img.picture").get_attribute("alt")
    assert "RMSE 0.51" in words
    assert "k2 = 0.00" in words
    panel.page.locator(".box-k2 input").focus()
    panel.page.keyboard.press("Tab")
    assert panel.page.evaluate("() => document.activeElement.closest('.rate-k2') !== null")
    assert panel.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    panel.page.keyboard.press("ArrowRight")
    panel.page.wait_for_function("words => document.querySelector('img.picture').alt !== words", arg=words)
    panel.page.wait_for_function(
        "() => document.querySelector('.aloud').innerText.trim().startsWith("
        "document.querySelector('.rmse .widget-html-content').innerText.trim())"
    )


def test_one_trace_of_a_series_is_looked_at_alone_by_a_click(lab):
    page, errors, _, address = lab
    open_and_run(page, address.format("series.ipynb"))
    page.wait_for_selector("img.picture[src^=data]")
    panel = Panel(page)
    panel.wait_for_size()
    assert page.locator(".alone button").all_inner_texts() == ["all", "0.5 uJ", "1 uJ", "4 uJ"]
    for word in ("scale", "background"):
        assert word in panel.text("linear")
    assert page.evaluate(FAULTS) == []
    assert accessibility_faults(page, ".guess-panel") == []
    before = panel.picture()
    page.locator(".alone button").nth(2).click()
    page.wait_for_function("before => document.querySelector('img.picture').src !== before", arg=before)
    assert panel.kernel("panel.view.alone, len(panel.view.strips)") == "1 1"
    expect(page.locator(".alone button").nth(2)).to_have_attribute("aria-pressed", "true")
    page.locator(".alone button").nth(0).click()
    page.wait_for_function("before => document.querySelector('img.picture').src === before", arg=before)
    assert panel.kernel("panel.view.alone, len(panel.view.strips)") == "None 3"
    assert errors == []


def test_a_kernel_that_was_restarted_or_shut_down_is_said_within_5_seconds(lab):
    page = lab[0]
    gone = page.locator(".gone")
    expect(gone).to_be_hidden()
    context = "window.jupyterapp.shell.currentWidget.sessionContext"
    page.evaluate(f"() => {{ {context}.session.kernel.restart() }}")
    expect(gone).to_be_visible(timeout=5000)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.locator(".guess-panel:not(.jupyter-widgets-disconnected) img.picture[src^=data]").wait_for()
    expect(gone).to_be_hidden()
    page.evaluate(f"() => {{ {context}.shutdown() }}")
    expect(gone).to_be_visible(timeout=5000)
    page.evaluate(f"() => {{ {context}.startKernel() }}")
    page.wait_for_function(KERNEL_IS_IDLE)
    expect(gone).to_be_visible()  # the new kernel knows nothing of the panel
