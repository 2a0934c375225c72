"""run.py: what its commands do; tests/test_environment.py has the environment that they make."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import types
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.paths import ROOT


def load(name, path):
    """Return a script as a module, without putting its folder on the import path."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return run.py as a module that works on a made-up project in a temporary folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "run.py", folder)
    return load("run", folder / "run.py")


def test_without_a_command_it_says_what_there_is(run, capsys):
    assert run.main([]) == 0
    text = capsys.readouterr().out
    assert all(f"python run.py {command}" in text for command in ("lab", "test", "all", "clean"))


def test_a_mistyped_command_fails_and_makes_nothing(run, capsys):
    assert run.main(["tets"]) == 2
    assert "'tets'" in capsys.readouterr().err
    made = {path.name for path in run.ROOT.iterdir()} - {"__pycache__"}  # of this test's own import
    assert made == {"run.py"}


def test_an_old_python_is_told_which_one_to_get(run, monkeypatch):
    monkeypatch.setattr(run, "OLDEST_PYTHON", (99, 0))
    with pytest.raises(SystemExit, match=r"needs Python 99\.0 or newer"):
        run.main(["lab"])


@pytest.mark.parametrize(
    ("system", "command"), [("nt", "`py run.py ...`"), ("posix", "`python3 run.py ...`")]
)
def test_the_command_of_the_system_is_named(run, monkeypatch, system, command):
    monkeypatch.setattr(run, "OLDEST_PYTHON", (99, 0))
    monkeypatch.setattr(run.os, "name", system)
    with pytest.raises(SystemExit) as told:
        run.main(["lab"])
    monkeypatch.undo()
    assert command in str(told.value)


def test_a_description_is_found_from_the_folder_in_which_the_command_is_given(run, monkeypatch, tmp_path):
    (tmp_path / "film.toml").write_text("", encoding="utf-8")
    words = []
    monkeypatch.setattr(run, "run_python", lambda *given: words.extend(given))
    monkeypatch.chdir(tmp_path)
    run.report(["film.toml", "--replace"])
    run.report(["sample_data"])
    assert words[1:3] == [str(tmp_path.resolve() / "film.toml"), "--replace"]
    assert words[4] == "sample_data"


def test_the_matrix_has_a_command_of_its_own(run, monkeypatch):
    words = []
    monkeypatch.setattr(run, "run_python", lambda *given: words.extend(given))
    run.test(["--matrix", "no-home"])
    assert words == [run.ROOT / "tools" / "matrix.py", "no-home"]


def test_the_matrix_says_what_failed_what_passed_and_what_is_not_possible_here(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "matrix", types.ModuleType("matrix"))  # its dataclass looks there
    matrix = load("matrix", ROOT / "tools" / "matrix.py")
    project = tmp_path / "project"
    (project / "results").mkdir(parents=True)
    (project / ".venv").mkdir()
    (project / "probe.py").write_text("import os; raise SystemExit(int('WORKBOOK_PROBE' in os.environ))")
    monkeypatch.setattr(matrix, "ROOT", project)
    monkeypatch.setattr(matrix, "LOGS", project / "build" / "matrix")
    copies = []

    def passes(copy, log):
        copies.append(copy)
        assert sorted(path.name for path in copy.iterdir()) == ["probe.py", "results"]
        matrix.check(matrix.Place(copy), log, "probe.py")

    def fails(copy, log):
        matrix.check(matrix.Place(copy, {"WORKBOOK_PROBE": "1"}), log, "probe.py")

    def cannot(copy, log):
        raise matrix.NotHere("needs another system")

    assert matrix.main([], {"passes": passes, "cannot": cannot}) == 0
    assert matrix.main([], {"passes": passes, "fails": fails}) == 1
    said = capsys.readouterr().out
    assert "needs another system" in said
    assert "FAILED: exit status 1, 0 was expected; see build/matrix/fails.txt" in said.replace("\\", "/")
    assert "probe.py" in (project / "build" / "matrix" / "fails.txt").read_text()
    assert not any(copy.exists() for copy in copies)
    assert matrix.main(["pases"], {"passes": passes}) == 2


def test_the_exit_status_is_that_of_the_command(run, monkeypatch):
    monkeypatch.setattr(run, "environment", lambda: contextlib.nullcontext(sys.executable))
    assert run.run_python("-c", "raise SystemExit(3)") == 3


def test_lab_opens_in_notebooks_and_shows_the_whole_project(run, monkeypatch, tmp_path):
    for name in ("data", "results", "notebooks"):
        (run.ROOT / name).mkdir()
    arguments = []
    monkeypatch.setattr(run, "run_python", lambda *words: arguments.extend(words))
    run.lab(["--no-browser", "--allow-root"])
    driver = load("labdriver", ROOT / "tests" / "browser" / "labdriver.py")
    port = driver.free_port()
    arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=x"]
    environ, log = os.environ | driver.private_folders(tmp_path / "home"), tmp_path / "log.txt"
    with log.open("wb") as file:
        command = [sys.executable, *arguments]
        server = subprocess.Popen(command, cwd=run.ROOT, env=environ, stdout=file, stderr=file)
    try:
        address = f"http://127.0.0.1:{port}"
        driver.wait_until_it_answers(f"{address}/api?token=x", server, log)
        with urllib.request.urlopen(f"{address}/api/contents?token=x") as answer:
            shown = {entry["name"] for entry in json.load(answer)["content"]}
        assert shown == {"data", "results", "notebooks", "run.py"}
        with urllib.request.urlopen(f"{address}/?token=x") as answer:
            assert answer.url.partition("?")[0] == f"{address}/lab/tree/notebooks"
    finally:
        driver.stop(server)


def test_variables_that_lead_python_astray_are_left_behind(run, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setenv("PYTHONHOME", "/somewhere/else")
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(run.clean_environ())


def test_clean_spares_data_and_results(run, capsys):
    kept = ("data/mine.csv", "data/.mine.csv.download.part", "results/mine/1.par", "notebooks/01_a.ipynb")
    made = (
        ".venv/a",
        ".venv.new/a",
        ".venv.old/a",
        "build/a",
        "helpers/__pycache__/a",
        "results/.1.par.0123abcd.part",
    )
    for name in (*kept, *made, "notebooks/.ipynb_checkpoints/01_a.ipynb"):
        (run.ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (run.ROOT / name).write_text("x", encoding="utf-8")
    assert run.main(["clean"]) == 0
    left = {path.relative_to(run.ROOT).as_posix() for path in run.ROOT.rglob("*") if path.is_file()}
    assert left == {*kept, "run.py", ".venv.lock"}


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Return tools/notebooks.py as a module whose notebooks and pages lie in a temporary folder."""
    module = load("notebook_tool", ROOT / "tools" / "notebooks.py")
    monkeypatch.setattr(module, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(module, "HTML", tmp_path / "html")
    return module


def write(path, *cells):
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_running_a_notebook_twice_changes_no_byte(tool, tmp_path):
    # A widget's number, the time of day of each cell and split output streams would.
    widget = "from ipywidgets import IntSlider\nIntSlider()"
    text = "[next](02_b.ipynb) and [page](../README.md)"
    path = write(tmp_path / "01_a.ipynb", new_markdown_cell(text), new_code_cell(widget))
    tool.rerun(path)
    first, page = path.read_bytes(), (tmp_path / "html" / "01_a.html").read_bytes()
    tool.rerun(path)
    assert path.read_bytes() == first
    assert (tmp_path / "html" / "01_a.html").read_bytes() == page
    assert first.endswith(b"}\n")
    assert b'href="02_b.html"' in page
    assert b'href="../../README.md"' in page


def test_a_cell_that_fails_is_named_and_the_notebook_is_left_alone(tool, tmp_path):
    path = write(tmp_path / "01_broken.ipynb", new_markdown_cell("# Title"), new_code_cell("1 / 0"))
    before = path.read_bytes()
    with pytest.raises(tool.NotebookError, match=r"division by zero[\s\S]*01_broken, cell 2 of 2"):
        tool.rerun(path)
    assert path.read_bytes() == before


def test_a_saved_widget_is_replaced_by_its_picture(tool):
    shown = {"image/png": "iVBOR", "text/plain": "Panel()", tool.WIDGET_VIEW: {"model_id": "1"}}
    notebook = new_notebook(
        cells=[new_code_cell("panel", outputs=[new_output("display_data", shown)])],
        metadata={"widgets": {"state": {}}, "kernelspec": {"name": "mine", "display_name": "Mine"}},
    )
    tool.tidy(notebook)
    assert set(notebook.cells[0].outputs[0].data) == {"image/png", "text/plain"}
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", ["02", "02_b", "notebooks/02_b.ipynb"])
def test_notebooks_are_chosen_by_number_name_or_path(tool, tmp_path, name):
    write(tmp_path / "01_a.ipynb")
    second = write(tmp_path / "02_b.ipynb")
    assert tool.select([name]) == [second]


def test_a_mistyped_notebook_is_answered_with_the_names_there_are(tool, tmp_path):
    write(tmp_path / "01_a.ipynb")
    with pytest.raises(SystemExit, match=r"'3'; there are: 01_a"):
        tool.select(["3"])
