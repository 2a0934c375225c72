"""The panel's script in a page of its own: what it does when the panel has been away for long."""

from __future__ import annotations

import pytest
from labdriver import ARGUMENTS
from playwright.sync_api import sync_playwright

from helpers.panel.page import page_code

pytestmark = pytest.mark.browser
PANEL = """<body><div class="guess-panel">CODE
<div class="page-ask"><input></div><div class="bench"><div class="picture-column">picture</div></div>
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


def test_a_panel_without_a_kernel_says_so_and_cannot_be_moved(page):
    page.evaluate("document.querySelector('.guess-panel').classList.add('jupyter-widgets-disconnected')")
    style = "getComputedStyle(document.querySelector('.bench'))"
    assert page.evaluate(f"[{style}.pointerEvents, Number({style}.opacity) < 0.6]") == ["none", True]
