"""run.py: a newcomer's first command either works or says what to do."""

from __future__ import annotations

import importlib.util
import os
import sys

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
    module = load("run", ROOT / "run.py")
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text("some-package==1.0\n", encoding="utf-8")
    monkeypatch.delenv("CONDA_DEFAULT_ENV", raising=False)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "workbook-stamp.txt")
    return module


@pytest.fixture
def installs(run, monkeypatch):
    """Replace the installation by one that notes whether it began afresh, and ends well."""
    calls = []

    def install(afresh):
        calls.append(afresh)
        run.VENV.mkdir(exist_ok=True)

    monkeypatch.setattr(run, "install", install)
    return calls


def test_without_a_command_it_says_what_there_is(run, capsys):
    assert run.main([]) == 0
    text = capsys.readouterr().out
    assert all(f"python run.py {command}" in text for command in ("lab", "test", "all", "clean"))


def test_a_mistyped_command_fails_and_installs_nothing(run, installs, capsys):
    assert run.main(["tets"]) == 2
    assert "'tets'" in capsys.readouterr().err
    assert installs == []


def test_an_old_python_is_told_which_one_to_get(run, monkeypatch):
    monkeypatch.setattr(run, "OLDEST_PYTHON", (99, 0))
    with pytest.raises(SystemExit, match=r"needs Python 99\.0 or newer"):
        run.main(["lab"])


def test_the_environment_is_made_once(run, installs):
    for _ in range(3):
        assert run.environment_python() == run.venv_python()
    assert installs == [True]


def test_a_new_lock_brings_the_environment_up_to_date(run, installs):
    run.environment_python()
    (run.ROOT / "requirements.txt").write_text("some-package==2.0\n", encoding="utf-8")
    run.environment_python()
    assert installs == [True, False]


def test_a_moved_project_or_another_python_makes_it_afresh(run, installs, monkeypatch):
    run.environment_python()
    monkeypatch.setattr(run.platform, "python_version", lambda: "3.99.0")
    run.environment_python()
    assert installs == [True, True]


def test_an_interrupted_installation_is_repeated(run, monkeypatch):
    def interrupted(*_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "make_venv", lambda _afresh: run.VENV.mkdir(exist_ok=True))
    monkeypatch.setattr(run, "pip", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run.environment_python()
    assert not run.STAMP.exists()


def test_a_failed_download_says_what_to_check(run, monkeypatch, capsys):
    # No package can be found without an index: what a machine without a network meets.
    monkeypatch.setattr(run, "venv_python", lambda: sys.executable)
    monkeypatch.setattr(run, "clean_environ", lambda: {**os.environ, "PIP_CONFIG_FILE": os.devnull})
    with pytest.raises(SystemExit, match="connected to the internet") as failure:
        run.pip("1 package", "--isolated", "--no-index", "--dry-run", "no-such-package==1.0")
    assert "no-such-package" in str(failure.value)


def test_the_exit_status_is_that_of_the_command(run, monkeypatch):
    monkeypatch.setattr(run, "environment_python", lambda: sys.executable)
    assert run.run_python("-c", "raise SystemExit(3)") == 3


def test_variables_that_lead_python_astray_are_left_behind(run, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setenv("PYTHONHOME", "/somewhere/else")
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(run.clean_environ())


def test_clean_spares_data_and_results(run, capsys):
    for folder in (
        "data",
        "results",
        "notebooks/.ipynb_checkpoints",
        "helpers/__pycache__",
        "build",
        ".venv",
    ):
        (run.ROOT / folder).mkdir(parents=True)
        (run.ROOT / folder / "file.txt").write_text("x", encoding="utf-8")
    assert run.main(["clean"]) == 0
    left = {path.relative_to(run.ROOT).as_posix() for path in run.ROOT.rglob("*") if path.is_file()}
    assert left == {"data/file.txt", "results/file.txt", "requirements.txt", "pyproject.toml"}


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
