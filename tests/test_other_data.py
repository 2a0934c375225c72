"""The notebooks take a reader's own data: another measurement in the settings cell, nothing else."""

from __future__ import annotations

import json
import re

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from helpers import records
from helpers.kinetics import solve
from helpers.paths import DATA, ROOT

NOTEBOOKS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("0[1-5]_*.ipynb"))}
TRUTH = (0.0, 0.05, 0.02, 0.05)  # G, k1, k2, k3 in ns and n0: what the counts below are made with
# What only the sample and the workbook's own series may say.
OF_THE_SAMPLE = re.compile(r"2019|sample_data|01 to 04|errors from|fluence_series")
# Fewer repetitions show as well that a cell runs.
FEWER = {"04": [("n=1000", "n=150")]}
NEXT = "%reset -f\nimport matplotlib.pyplot as plt\nplt.close('all')"


def settings_cell(notebook):
    cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.startswith("MEASUREMENT = ")
    ]
    assert len(cells) == 1, "exactly one settings cell, which begins with MEASUREMENT"
    return cells[0]


def run(numbers, description):
    """Run copies of notebooks on another measurement, and return what each prints and shows.

    They share one kernel, emptied between them, because starting one takes longer than most notebooks.
    """
    copies = [nbformat.read(NOTEBOOKS[number], as_version=4) for number in numbers]
    whole = nbformat.v4.new_notebook()
    for number, copy in zip(numbers, copies, strict=True):
        settings_cell(copy).source = f"MEASUREMENT = {str(description)!r}"
        for long, short in FEWER.get(number, ()):
            (cell,) = [cell for cell in copy.cells if long in cell.source]
            cell.source = cell.source.replace(long, short)
        whole.cells += [*copy.cells, nbformat.v4.new_code_cell(NEXT)]
    for cell in whole.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    options = {"kernel_name": "python3", "timeout": 600, "extra_arguments": ["--log-level=ERROR"]}
    NotebookClient(whole, resources={"metadata": {"path": str(ROOT / "notebooks")}}, **options).execute()
    return {number: shown(copy.cells) for number, copy in zip(numbers, copies, strict=True)}


def shown(cells):
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    assert [out for out in outputs if out.get("name") == "stderr"] == []
    return "\n".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs)


def describe(folder, name, *, trace=None, film=None, **entries):
    """Write the description of a measurement into a folder of its own and return its path."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in entries.items()]
    rows = [", ".join(f"{key} = {json.dumps(value)}" for key, value in each.items()) for each in trace or []]
    lines += [f"trace = [{', '.join(f'{{ {row} }}' for row in rows)}]"] if rows else []
    lines += ["[film]", *(f"{key} = {value}" for key, value in film.items())] if film else []
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_counts(path, truth=TRUTH, *, n0=1.0, seed=1):
    """Write counted luminescence: a background, a rise of 0.1 ns, the decay."""
    t = np.concatenate([np.arange(-8, -0.5, 0.25), np.arange(-0.5, 8, 0.1), np.arange(8, 60, 1.0)])
    n = np.where(t >= 0, solve(np.maximum(t, 0), n0, truth), n0 * np.exp(-0.5 * (t / 0.1) ** 2)) / n0
    drawn = np.random.default_rng(seed).poisson(4.0 + 4000 * n**2)
    rows = [f"{time:.2f},{count}" for time, count in zip(t, drawn, strict=True)]
    path.write_text("time (ns),counts\n" + "\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for data and descriptions far from the project's own; results go beside it."""
    monkeypatch.setenv("WORKBOOK_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    (tmp_path / "films").mkdir()
    before = sorted(DATA.iterdir())
    yield tmp_path / "films"
    assert sorted(DATA.iterdir()) == before, "a notebook wrote beside the project's data"


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_the_measurement_is_the_only_setting(number):
    source = settings_cell(nbformat.read(NOTEBOOKS[number], as_version=4)).source
    assert re.findall(r"^([A-Z_]+) = ", source, flags=re.MULTILINE) == ["MEASUREMENT"]


def test_counts_of_unknown_density_go_through_all_four_notebooks(folder, tmp_path):
    write_counts(folder / "film.csv")
    facts = {"t_unit": "ns", "p0_cm3": 0, "repetition_Hz": "single", "n0": "unknown", "baseline": [-8, -1]}
    own = describe(folder, "own", kind="TRPL counts", file="film.csv", **facts)
    said = run(("01", "02", "03", "04"), own)
    for words in said.values():
        assert "is proportional to n²" in words
        assert "half of the rise" in words
        assert not OF_THE_SAMPLE.search(words), OF_THE_SAMPLE.search(words)
    (saved,) = [records.load(path) for path in (tmp_path / "results").rglob("*.par")]
    assert saved.converged
    assert saved.measurement["observable"] == "photoluminescence"
    for name, true in zip(("k1", "k2"), TRUTH[1:3], strict=True):
        assert abs(saved.values[name] - true) < 4 * saved.stderr[name]


def test_a_series_of_fluences_is_described_once(folder, tmp_path):
    film = {"wavelength_nm": 532, "thickness_nm": 200, "absorption_per_cm": 4e4, "reflection": 0.1}
    truth, densities = (0.0, 0.05, 1e-18, 1e-35), {1: 1.33e16, 10: 1.33e17}  # ns and cm^-3
    traces = [{"file": f"film_{fluence}uJ.csv", "fluence_uJ_cm2": fluence} for fluence in densities]
    for (fluence, n0), each in zip(densities.items(), traces, strict=True):
        write_counts(folder / each["file"], truth, n0=n0, seed=fluence)
    facts = {"t_unit": "ns", "p0_cm3": 0, "repetition_Hz": "single", "several": "one law"}
    series = describe(folder, "steps", kind="TRPL counts", trace=traces, film=film, **facts)
    said = run(("01", "02", "05"), series)
    for words in said.values():
        assert words.count("time zero at") == 2
        assert not OF_THE_SAMPLE.search(words), OF_THE_SAMPLE.search(words)
    assert "film_10uJ" in said["05"]
    rates = (tmp_path / "results" / "steps.csv").read_text(encoding="utf-8").splitlines()
    assert float(rates[1].split(",")[1]) == pytest.approx(5e7, rel=0.05)


def test_a_density_of_another_shape_and_unit_is_fitted_and_examined(folder, tmp_path):
    t = np.arange(-5, 60) / 10
    draw = np.random.default_rng(20190110)
    n = np.where(t < 0, 0, 5e17 * np.exp(-0.4 * t)) + 1e15 * draw.standard_normal(t.size)
    rows = [f"{time:.1f};{value:.6e};1e15" for time, value in zip(t, n, strict=True)]
    (folder / "own.csv").write_text("\n".join(["t (us);n (cm^-3);sigma", *rows]), encoding="utf-8")
    facts = {"kind": "density", "t_unit": "us", "density_unit": "cm^-3", "time_zero": "peak"}
    said = run(("03", "04"), describe(folder, "own", file="own.csv", **facts))
    for words in said.values():
        assert "Noise: the given standard errors." in words
        assert not OF_THE_SAMPLE.search(words), OF_THE_SAMPLE.search(words)
    record = records.load(tmp_path / "results" / "own" / "fit_1.par")
    assert record.values["k1"] == pytest.approx(0.4, rel=0.03)
    assert record.stderr[["k1", "k2", "k3"]].isna().all()  # k2 and k3 are on their bound, which k1 feels
    assert record.units["n0"] == "cm^-3"
