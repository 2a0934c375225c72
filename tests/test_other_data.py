"""The notebooks take a reader's own data: another measurement in the settings cell, nothing else."""

from __future__ import annotations

import json
import re

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from helpers import guesses, records
from helpers.paths import ROOT

SETTINGS = ("CSV", "T_UNIT", "SIGNAL_UNIT", "SAVE_NAME")
PIPELINE = sorted((ROOT / "notebooks").glob("0[1-4]_*.ipynb"))
MEASURED = ROOT.parent / "shared" / "data" / "decays" / "F700_N1_raw.csv"


def settings_cell(notebook):
    starts = ("MEASUREMENT = ", "CSV = ")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(starts)]
    assert len(cells) == 1, "exactly one settings cell, which begins with MEASUREMENT"
    return cells[0]


def described(folder, name, file, **entries):
    """Write the description of a measurement and return its path; the file may lie elsewhere."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"file": str(file), **entries}.items()]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def printed(notebook):
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert [out for out in outputs if out.get("name") == "stderr"] == []
    return "".join(out.get("text", "") for out in outputs)


def run_with(path, **values):
    """Run a copy of a notebook with other settings and return it; the file stays as it is."""
    notebook = nbformat.read(path, as_version=4)
    cell = settings_cell(notebook)
    for name, value in values.items():
        cell.source = re.sub(rf"^{name} = .*$", f"{name} = {value!r}", cell.source, flags=re.MULTILINE)
    options = {"kernel_name": "python3", "timeout": 600, "extra_arguments": ["--log-level=ERROR"]}
    NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, **options).execute()
    return notebook


@pytest.mark.parametrize("path", PIPELINE, ids=[path.stem for path in PIPELINE])
def test_all_settings_have_the_same_names_everywhere(path):
    source = settings_cell(nbformat.read(path, as_version=4)).source
    if source.startswith("MEASUREMENT"):
        assert re.findall(r"^([A-Z_]+) = ", source, flags=re.MULTILINE) == ["MEASUREMENT"]
        return
    named = re.findall(r"^([A-Z_]+) = ", source, flags=re.MULTILINE)
    assert named[:3] == list(SETTINGS[:3])
    assert "SAVE_NAME" in named or path.stem < "03"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty results folder for the kernels, holding only the first guesses."""
    monkeypatch.setenv("WORKBOOK_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    guesses.save(guesses.ORIGINAL, tmp_path / "results" / "guesses.json")
    return tmp_path / "results"


@pytest.mark.skipif(
    not MEASURED.exists(), reason="needs ../shared/data/decays/F700_N1_raw.csv beside the checkout"
)
def test_a_measured_photoluminescence_decay_goes_through(results):
    for path in PIPELINE[2:]:
        done = run_with(path, CSV=str(MEASURED), T_UNIT="ns", SIGNAL_UNIT="counts", SAVE_NAME="F700_N1")
        assert not [
            out for cell in done.cells for out in cell.get("outputs", []) if out.get("name") == "stderr"
        ]
    found = [records.load(path) for path in sorted(results.glob("F700_N1_*.par"))]
    assert len(found) >= 3
    assert [record.rates.k1 for record in found] == pytest.approx([0.8] * len(found), abs=0.05)
    assert all(record.converged for record in found)
    assert found[0].units.k2 == "1/(ns counts)"


@pytest.mark.skipif(
    not MEASURED.exists(), reason="needs ../shared/data/decays/F700_N1_raw.csv beside the checkout"
)
@pytest.mark.parametrize("path", PIPELINE[:2], ids=[path.stem for path in PIPELINE[:2]])
def test_a_measured_luminescence_is_described_once(path, tmp_path, results):
    # A background was taken off these counts, which left them with fractions: no Poisson noise.
    facts = {"t_unit": "ns", "p0_cm3": 0, "repetition_Hz": "single", "n0": "unknown", "noise": "even"}
    own = described(tmp_path, "own", MEASURED, kind="TRPL counts", **facts)
    said = printed(run_with(path, MEASUREMENT=str(own)))
    assert "is proportional to n²" in said
    assert "2019" not in said, "guesses of the sample"


@pytest.mark.parametrize("path", PIPELINE[:2], ids=[path.stem for path in PIPELINE[:2]])
def test_a_series_of_counts_is_described_once(path, tmp_path, results):
    said = printed(run_with(path, MEASUREMENT=str(ROOT / "data" / "fluence_series.toml")))
    assert said.count("time zero at") == 4


def test_guesses_that_are_far_off_still_lead_to_the_fit(results, tmp_path):
    # Another shape, separator and unit than the sample's: the guesses kept for it are off by 20 decades here.
    t = np.arange(-5, 100) / 10
    draw = np.random.default_rng(20190110)
    n = np.where(t < 0, 0, 5e17 * np.exp(-0.4 * t)) + 1e15 * draw.standard_normal(t.size)
    rows = [f"{time:.1f};{value:.6e};1e15" for time, value in zip(t, n, strict=True)]
    file = tmp_path / "own.csv"
    file.write_text("\n".join(["t (us);n (cm^-3);sigma", *rows]), encoding="utf-8")
    optimize = ROOT / "notebooks" / "03_optimize.ipynb"
    run_with(optimize, CSV=str(file), T_UNIT="us", SIGNAL_UNIT="cm^-3", SAVE_NAME="own")
    best = min((records.load(path) for path in results.glob("own_*.par")), key=lambda record: record.cost)
    assert best.rates.k1 == pytest.approx(0.4, abs=4 * best.stderr.k1)
    assert best.data.signal_unit == "cm^-3"
