"""The notebooks take a reader's own data: another measurement in the settings cell, nothing else."""

from __future__ import annotations

import json
import re

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from helpers import guesses, records
from helpers.measurement.described import load_measurement
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
def test_a_measured_luminescence_is_fitted_and_examined(tmp_path, results):
    facts = {"t_unit": "ns", "p0_cm3": 0, "repetition_Hz": "single", "n0": "unknown", "noise": "even"}
    facts["window"] = [-5, 12]
    own = described(tmp_path, "own", MEASURED, kind="TRPL counts", **facts)
    for path in PIPELINE[2:]:
        said = printed(run_with(path, MEASUREMENT=str(own)))
        assert "is proportional to n²" in said
        assert "2019" not in said, "guesses of the sample"
    (found,) = [records.load(path) for path in results.rglob("*.par")]
    assert found.converged
    assert found.measurement["observable"] == "photoluminescence"
    residuals = found.on(load_measurement(own)).residuals()[0]
    assert np.sqrt(np.mean(residuals**2)) < 0.02 * found.values["scale"]  # the signal of n = n0


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


def test_a_density_of_another_shape_and_unit_is_fitted_and_examined(results, tmp_path):
    t = np.arange(-5, 100) / 10
    draw = np.random.default_rng(20190110)
    n = np.where(t < 0, 0, 5e17 * np.exp(-0.4 * t)) + 1e15 * draw.standard_normal(t.size)
    rows = [f"{time:.1f};{value:.6e};1e15" for time, value in zip(t, n, strict=True)]
    file = tmp_path / "own.csv"
    file.write_text("\n".join(["t (us);n (cm^-3);sigma", *rows]), encoding="utf-8")
    facts = {"kind": "density", "t_unit": "us", "density_unit": "cm^-3", "time_zero": "peak"}
    own = described(tmp_path, "own", file, **facts)
    for path in PIPELINE[2:]:
        assert "Noise: the given standard errors." in printed(run_with(path, MEASUREMENT=str(own)))
    record = records.load(results / "own" / "fit_1.par")
    assert record.values["k1"] == pytest.approx(0.4, abs=4 * record.stderr["k1"])
    assert record.units["n0"] == "cm^-3"
