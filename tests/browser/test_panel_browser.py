"""The panel as a reader uses it: in JupyterLab, in a real browser, with keyboard and mouse.

With WORKBOOK_SCREENSHOT=docs/panel.png a picture of the panel is written there as well.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from labdriver import browser_page, execute, jupyterlab, open_and_run
from playwright.sync_api import expect

from helpers import guesses
from helpers.measurement.described import load_measurement
from helpers.paths import DATA, ROOT

pytestmark = pytest.mark.browser
SETTING = 'MEASUREMENT = \\"sample_data\\"'  # as a line of the notebook's JSON
NOTEBOOK = ROOT / "notebooks" / "02_tune_guesses.ipynb"
WIDTHS = (1280, 1000)

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
    const parts = [...root.querySelectorAll('button, input, select, .noUi-base, img, .widget-html-content')];
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


class Panel:
    """The panel on the page, by what a reader sees of it."""

    def __init__(self, page):
        self.page = page

    def text(self, name):
        return self.page.locator(f".{name} .widget-html-content").inner_text().strip()

    def box(self, name):
        return self.page.locator(f".box-{name} input")

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
    variables = {"WORKBOOK_RESULTS": str(home / "results")}
    with jupyterlab(folder, home, **variables) as address, browser_page(chromium) as (page, errors):
        open_and_run(page, address.format(NOTEBOOK.name))
        page.wait_for_selector("img.picture[src^=data]")
        yield page, errors, folder / "sample_data.toml"


@pytest.fixture
def panel(lab):
    """The panel as it was when the notebook was opened."""
    page, errors, _ = lab
    panel = Panel(page)
    execute(page, "panel.buttons['reset'].click()")
    panel.wait_box("k2", panel.kernel("panel.controls['k2'].box.value"))
    panel.wait_for_agreement()
    yield panel
    assert errors == []


def test_no_cell_failed(lab):
    page, errors, _ = lab
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
    handle = panel.page.locator(".rate-k2 .noUi-handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    panel.page.mouse.move(x, y)
    panel.page.mouse.down()
    for step in range(1, 21):
        panel.page.mouse.move(x - 2 * step, y)
    panel.page.mouse.up()
    panel.wait_changed("rmse", before)
    panel.wait_for_agreement()


def test_a_typed_number_is_taken_to_its_last_digit(panel):
    panel.type("k3", " 1.2345678901234567e-7")
    panel.wait_box("k3", repr(1.2345678901234567e-7))
    assert panel.kernel("panel.rates.k3") == repr(1.2345678901234567e-7)


@pytest.mark.parametrize("nonsense", ["abc", "-1", "inf", "1e400", "<b>1</b>"])
def test_typed_nonsense_is_put_back(panel, nonsense):
    before, curve = panel.box("k1").input_value(), panel.text("rmse")
    panel.type("k1", nonsense)
    panel.wait_box("k1", before)
    assert nonsense in panel.wait_text("status", "text.includes('is kept')")
    assert panel.text("rmse") == curve


def test_a_term_comes_back_as_it_was(panel):
    before, value = panel.text("rmse"), panel.box("k3").input_value()
    panel.tick("k3")
    panel.wait_changed("rmse", before)
    assert panel.kernel("panel.rates.k3") == "0.0"
    panel.tick("k3")
    panel.wait_text("rmse", f"text === {before!r}")
    assert panel.box("k3").input_value() == value


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
def test_nothing_is_cut_off_or_overlaps(panel, width):
    panel.page.set_viewport_size({"width": width, "height": 800})
    for button in ("linear", "log-log", "semi-log"):
        before = panel.picture()
        panel.page.locator(".scale button", has_text=button).click()
        panel.page.wait_for_function(
            "before => document.querySelector('img.picture').src !== before", arg=before
        )
    root = panel.page.locator(".guess-panel")
    root.scroll_into_view_if_needed()
    assert panel.page.evaluate(FAULTS) == []
    slider, picture = (panel.page.locator(place).bounding_box() for place in (".rate-G", "img.picture"))
    assert picture["x"] > slider["x"] + slider["width"]  # both in sight at once
    if width == WIDTHS[0] and os.environ.get("WORKBOOK_SCREENSHOT"):
        path = Path(os.environ["WORKBOOK_SCREENSHOT"])
        root.screenshot(path=path)
