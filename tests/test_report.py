"""`python run.py fit`: from a description to one page, without a word about the sample."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import records
from helpers.kinetics import TrapLaw, solve
from helpers.measurement.described import load_measurement
from helpers.paths import DATA
from helpers.report import make
from helpers.report.figures import draw_fit, draw_measurement

ROOT = Path(__file__).resolve().parents[1]
TRUTH = (0.0, 0.03, 2e-18, 0.0)
DESCRIPTION = """kind = "TRPL counts"
file = "film.csv"
t_unit = "ns"
time_zero = 0
baseline = [-20, -1]
n0_cm3 = 1e17
p0_cm3 = 0
repetition_Hz = "single"
fluence_error_percent = 10
"""


@pytest.fixture
def described(tmp_path):
    """A described trace of counts in a folder of its own."""
    t = np.arange(-20.0, 150.0, 0.5)
    n = np.where(t >= 0, solve(np.maximum(t, 0), 1e17, TRUTH), 0.0) / 1e17
    counts = np.random.default_rng(2).poisson(3.0 + 5000 * n**2)
    rows = [f"{time:.2f},{count}" for time, count in zip(t, counts, strict=True)]
    (tmp_path / "film.csv").write_text("time (ns),counts\n" + "\n".join(rows), encoding="utf-8")
    path = tmp_path / "film.toml"
    path.write_text(DESCRIPTION, encoding="utf-8")
    return path


def made(path, tmp_path, **options):
    return make(path, build=tmp_path / "build", results=tmp_path / "results", **options)


def test_the_page_holds_all_that_a_first_report_needs(described, tmp_path):
    (page,) = made(described, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "build" / "film" / "report.html"
    headings = re.findall("<h2>([^<]*)</h2>", text)
    assert headings == [
        "The measurement as understood",
        "Does the law describe the data?",
        "The fit",
        "How well is each rate known?",
        "Which terms do the data ask for?",
        "What do the rates hold?",
    ]
    assert len(re.findall("<img ", text)) == 3
    assert all(re.findall('<img alt="[^"]{20,}"', text))
    assert "error from n0" in text
    assert "3 of 3 starts" in text
    assert "1/s" in text
    assert "kind = &quot;TRPL counts&quot;" in text
    for picture in re.findall('base64,([^"]+)', text):
        assert base64.b64decode(picture)[:4] == b"\x89PNG"
    assert 'src="http' not in text
    assert "<script" not in text
    for word in ("sample", "800", "2019"):
        assert word not in re.sub('base64,[^"]+', "", text)
    # For a paper, beside the page and under its name:
    assert page.with_suffix(".csv").read_text(encoding="utf-8").startswith("parameter,value,error")
    assert page.with_suffix(".tex").read_text(encoding="utf-8").startswith(r"\begin{tabular}")
    assert page.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_results_lie_with_their_description(described, tmp_path):
    made(described, tmp_path)
    folder = tmp_path / "results" / "film" / "fit"
    assert (folder / "description.toml").read_text(encoding="utf-8") == DESCRIPTION
    first = (folder / "fit.par").read_bytes()
    made(described, tmp_path)
    assert (folder / "fit.par").read_bytes() == first


def test_a_changed_description_replaces_nothing_unasked(described, tmp_path):
    made(described, tmp_path)
    described.write_text(DESCRIPTION.replace("1e17", "2e17"), encoding="utf-8")
    with pytest.raises(ValueError, match="--replace"):
        made(described, tmp_path)
    made(described, tmp_path, replace_results=True)
    kept = tmp_path / "results" / "film" / "fit" / "description.toml"
    assert "2e17" in kept.read_text(encoding="utf-8")


def test_other_data_under_the_same_description_replace_nothing_unasked(described, tmp_path):
    made(described, tmp_path)
    kept = tmp_path / "results" / "film" / "fit" / "fit.par"
    first = kept.read_bytes()
    data = described.with_name("film.csv")
    lines = data.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join(lines[:-5]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"other data under the same description; .*--replace"):
        made(described, tmp_path)
    assert kept.read_bytes() == first


def test_each_named_fit_has_its_page(described, tmp_path):
    described.write_text(DESCRIPTION + '\n[fit.all]\n\n[fit.traps]\nterms = ["k1"]\n', encoding="utf-8")
    pages = made(described, tmp_path)
    assert [page.name for page in pages] == ["report_all.html", "report_traps.html"]
    words = pages[1].read_text(encoding="utf-8")
    assert "Held in the fit: G, k2, k3" in words
    assert "the residuals are structured" in words  # traps alone do not describe it


def test_a_fit_of_the_law_of_traps_has_its_page_and_record(tmp_path):
    law, t, random = TrapLaw(p0=1e15), np.arange(-20.0, 220.0, 2.0), np.random.default_rng(5)
    truth, rows = law.values({"k2": 1e-19, "k_t": 2e-18, "N_t": 3e16, "k_d": 2e-3}), []
    for n0 in (2e16, 2e17):
        n, trapped = law.solve(np.maximum(t, 0), np.array([n0, 0.0]), truth)[0].T
        light = np.where(t >= 0, n * (n + trapped + 1e15), 0.0)
        counts = random.poisson(3 + 20000 * light / light.max())
        lines = [f"{time:.2f},{count}" for time, count in zip(t, counts, strict=True)]
        (tmp_path / f"{n0:.0e}.csv").write_text("time (ns),counts\n" + "\n".join(lines), encoding="utf-8")
        rows.append(f'{{ file = "{n0:.0e}.csv", n0_cm3 = {n0} }}')
    text = DESCRIPTION.replace('file = "film.csv"', f'several = "one law"\ntrace = [ {", ".join(rows)} ]')
    text = text.replace("n0_cm3 = 1e17\n", "").replace("p0_cm3 = 0", "p0_cm3 = 1e15")
    choice = '[fit]\nlaw = "traps"\nfixed = ["G"]\nguess = { N_t = 1e16 }\n'
    (tmp_path / "film.toml").write_text(text + choice, encoding="utf-8")
    (page,) = made(tmp_path / "film.toml", tmp_path)
    words = page.read_text(encoding="utf-8")
    assert "Held in the fit: k3, k_r" in words
    assert re.search("[34] of 4 starts", words)
    record = records.load(tmp_path / "results" / "film" / "fit" / "fit.par")
    found = record.on(load_measurement(tmp_path / "film.toml"))
    assert repr(found.law) == repr(law)
    for name, value in zip(law.names, truth, strict=True):
        if name not in found.fixed:
            assert abs(found.values[name] - value) < 3 * found.stderr[name]


def test_traces_alone_have_a_page_each(tmp_path):
    for name in ("0.2", "25"):
        shutil.copy(DATA / f"fluence_series_{name}uJ.csv", tmp_path)
    names = {"0.2": "1e16", "25": "1e18"}
    rows = [f'{{ file = "fluence_series_{name}uJ.csv", n0_cm3 = {n0} }}' for name, n0 in names.items()]
    files = ", ".join(rows)
    text = DESCRIPTION.replace('file = "film.csv"', f'several = "each alone"\ntrace = [ {files} ]')
    path = tmp_path / "pair.toml"
    path.write_text(text.replace("n0_cm3 = 1e17\n", "").replace("-20, -1", "-10, -1"), encoding="utf-8")
    assert [page.name for page in made(path, tmp_path)] == ["report_fit_1.html", "report_fit_2.html"]


def test_noise_of_a_density_is_written_with_its_power_of_ten(tmp_path):
    n = 40 * np.exp(-np.arange(0, 50, 0.5) / 9) + 0.1 * np.random.default_rng(1).standard_normal(100)
    rows = [f"{t:g},{value:.5g}" for t, value in zip(np.arange(0, 50, 0.5), n, strict=True)]
    (tmp_path / "film.csv").write_text("\n".join(["t (ns),n (10^16 cm^-3)", *rows]))
    (tmp_path / "film.toml").write_text('kind = "density"\nfile = "film.csv"\n[fit]\nterms = ["k1"]\n')
    (page,) = made(tmp_path / "film.toml", tmp_path)
    words = page.read_text(encoding="utf-8")
    assert re.search(r"have the root mean square 0\.[01]\d* × 10\^16 cm\^-3", words)


def test_the_command_writes_the_page_and_refuses_in_a_sentence(described, tmp_path):
    command = [sys.executable, str(ROOT / "tools" / "report.py")]
    described.write_text(DESCRIPTION.replace("n0_cm3", "n0_cm"), encoding="utf-8")
    refused = subprocess.run([*command, str(described)], capture_output=True, text=True, cwd=tmp_path)
    assert refused.returncode == 1
    assert "n0_cm3" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_pictures_show_every_trace_and_the_residuals():
    measurement = load_measurement("fluence_series")
    from helpers.fitting import fit

    found = fit(measurement)
    figure = draw_fit(found)
    assert len(figure.axes) == 5
    for axes, rest in zip(figure.axes[1:], found.residuals(in_sigma=True), strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), rest)
    assert len(draw_measurement(measurement, list(measurement.traces)).axes) == 4
