"""The panel's script in a page of its own: what it does when the panel has been away for long."""

from __future__ import annotations

import pytest
from labdriver import ARGUMENTS
from playwright.sync_api import sync_playwright

from helpers.panel.page import page_code

pytestmark = pytest.mark.browser
PANEL = """<body><div class="guess-panel">CODE
<div class="page-ask"><input></div>
<div class="page-pong"><div class="widget-html-content"></div></div>
<div class="bench"><div class="picture-column">picture</div></div>
<div class="row-k1"><span class="row-name">k1</span>
<div class="rate-k1"><div class="noUi-handle" tabindex="0">handle</div></div></div></div></body>"""
ASKED = "document.querySelector('.page-ask input').value"
TAKE_AWAY = "window.panel = document.querySelector('.guess-panel'); window.panel.remove()"


@pytest.fixture
def page(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        page = browser.new_page()
        page.clock.install()
        page.set_content(PANEL.replace("CODE", page_code("mine", [("k1", "k1", "1/ns")])))
        page.wait_for_function("document.querySelector('.guess-panel').isDressed")
        yield page
        browser.close()


@pytest.mark.parametrize("minutes", [5, 20])
def test_keys_work_again_when_a_panel_comes_back(page, minutes):
    page.evaluate(TAKE_AWAY)
    page.clock.run_for(60_000 * minutes)
    page.evaluate("document.body.append(window.panel)")
    page.wait_for_function("window.panel.isDressed")
    page.locator(".noUi-handle").press("ArrowRight")
    assert '"nudges":{"k1":20}' in page.evaluate(ASKED)
    page.evaluate(f"{ASKED} = ''")
    page.locator(".row-name").dblclick()
    assert '"acts":[[1,"reset","k1"]]' in page.evaluate(ASKED)


def test_a_panel_that_stays_away_listens_no_more(page):
    page.evaluate(TAKE_AWAY)
    page.clock.run_for(60_000 * 20)
    assert not page.evaluate("window.panel.isDressed")


def test_keys_on_a_slider_reach_no_one_outside_the_panel(page):
    """Whatever the program around the panel listens to: the whole document, or what holds the panel."""
    page.evaluate(
        """() => {
            window.heard = [];
            document.body.addEventListener('keydown', event => window.heard.push(event.key));
            document.addEventListener('keydown', event => window.heard.push(event.key), {capture: true});
        }"""
    )
    steps = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Shift+ArrowUp", "PageUp", "Delete")
    for key in steps:
        page.locator(".noUi-handle").press(key)
    assert [key for key in page.evaluate("window.heard") if key != "Shift"] == []
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowDown")
    assert "ArrowDown" in page.evaluate("window.heard")


def test_a_kernel_that_is_shut_down_is_said_until_it_answers(page):
    page.evaluate(
        """() => {
            document.body.className = 'jp-NotebookPanel';
            document.body.insertAdjacentHTML('beforeend', '<i data-status="idle"></i>');
            window.sign = document.querySelector('i');
        }"""
    )
    gone = "document.querySelector('.guess-panel').dataset.gone !== undefined"
    page.clock.run_for(5000)
    assert not page.evaluate(gone)
    page.evaluate("window.sign.dataset.status = 'unknown'")
    page.clock.run_for(3000)
    assert page.evaluate(gone)
    page.evaluate("window.sign.dataset.status = 'idle'")
    page.clock.run_for(10_000)
    assert page.evaluate(gone)
    asked = page.evaluate(f"JSON.parse({ASKED}).ping")
    page.evaluate("words => { document.querySelector('.widget-html-content').textContent = words }", asked)
    page.clock.run_for(1000)
    assert not page.evaluate(gone)


def test_a_panel_without_a_kernel_says_so_and_cannot_be_moved(page):
    page.evaluate("document.querySelector('.guess-panel').classList.add('jupyter-widgets-disconnected')")
    style = "getComputedStyle(document.querySelector('.bench'))"
    assert page.evaluate(f"[{style}.pointerEvents, Number({style}.opacity) < 0.6]") == ["none", True]
