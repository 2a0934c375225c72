"""From a file of counts to the first fit in notebook 00, in a real browser and without editing code.

With WORKBOOK_SCREENSHOT=PATH a picture of the form is written there as well.
"""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from labdriver import accessibility_faults, browser_page, jupyterlab, open_and_run

from helpers.description import read
from helpers.kinetics import RateLaw
from helpers.paths import ROOT

pytestmark = pytest.mark.browser
RATES = (0.0, 0.01, 0.02, 0.0)  # G, k1, k2, k3 in ns and the density after the pulse
FITTED = """() => {
    const cells = [...document.querySelectorAll('.chooser-outcome td, .chooser-outcome th')];
    const place = cells.findIndex(cell => cell.textContent.trim() === 'k1');
    return place < 0 ? false : cells[place + 1].textContent.trim();
}"""


@pytest.fixture
def counts(tmp_path):
    """A file as a counting card writes it, in a folder that is not the workbook's."""
    t = np.arange(-20, 300, 0.5)
    n = np.zeros_like(t)
    n[t >= 0] = RateLaw().solve(t[t >= 0], [1.0], RATES)[0][:, 0]
    counts = np.random.default_rng(4).poisson(5 + 5000 * n**2)
    lines = [f"{time:g},{count}" for time, count in zip(t, counts, strict=True)]
    path = tmp_path / "film A.csv"
    path.write_text("\n".join(["Time (ns),Counts", *lines]) + "\n", encoding="utf-8")
    return path


def test_from_a_file_of_counts_to_the_first_fit(chromium, tmp_path, counts):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "data", project / "data")
    shutil.copytree(ROOT / "helpers", project / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "00_start.ipynb", project / "notebooks")
    with (
        jupyterlab(project, tmp_path, PYTHONPATH=str(project)) as address,
        browser_page(chromium) as (page, errors),
    ):
        open_and_run(page, address.format("notebooks/00_start.ipynb"))
        with page.expect_file_chooser() as picked:
            page.locator(".chooser-upload").click()
        picked.value.set_files(counts)
        status = page.locator(".chooser-message")
        status.get_by_text("p0_cm3").first.wait_for()
        page.get_by_label("Doping p0").fill("0")
        page.keyboard.press("Tab")
        page.get_by_label("Pulses per second").fill("single")
        page.keyboard.press("Tab")
        status.get_by_text("Understood").wait_for()
        assert accessibility_faults(page, ".measurement-chooser") == []
        page.get_by_role("button", name="Write the description").click()
        page.locator(".chooser-outcome").get_by_text("film A.toml").wait_for()
        page.get_by_role("button", name="Fit", exact=True).click()
        if picture := os.environ.get("WORKBOOK_SCREENSHOT"):
            page.wait_for_function(FITTED)
            page.locator(".measurement-chooser").screenshot(path=picture)
        k1 = float(page.wait_for_function(FITTED).json_value())
        assert accessibility_faults(page, ".measurement-chooser") == []
        assert errors == []
    assert k1 == pytest.approx(RATES[1], rel=0.2)
    described = read(project / "data" / "film A.toml")
    assert (described.kind, described.n0, described.p0_cm3) == ("TRPL counts", "unknown", 0)
    assert (project / "data" / "film A.csv").read_bytes() == counts.read_bytes()
