"""The solutions of the notebooks' exercises run, and give what the text beside them says."""

from __future__ import annotations

import contextlib
import io
import re

import matplotlib.pyplot as plt
import nbformat
import pytest

from helpers.paths import ROOT

PAGES = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
SOLUTION = re.compile(r"<details>(.*?)</details>", flags=re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
PRINTED = re.compile(r"prints? (?:an? \w+ of )?([-+0-9.e]+\d)")
SETTINGS = "MEASUREMENT = "


def solutions(page):
    """Return the text of each solution of a notebook."""
    cells = nbformat.read(page, as_version=4).cells
    return [text for cell in cells if cell.cell_type == "markdown" for text in SOLUTION.findall(cell.source)]


CASES = [(stem, number) for stem, page in PAGES.items() for number in range(len(solutions(page)))]


def beginning(page):
    """Return the code cells that a solution may use: the imports, the settings, the measurement."""
    code = [cell.source for cell in nbformat.read(page, as_version=4).cells if cell.cell_type == "code"]
    last = next((k for k, text in enumerate(code) if text.startswith(SETTINGS)), 0)
    return code[: last + 2]


@pytest.mark.parametrize(("stem", "number"), CASES, ids=[f"{stem}-{number + 1}" for stem, number in CASES])
def test_a_solution_runs_and_prints_what_its_text_says(stem, number, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    text = solutions(PAGES[stem])[number]
    names, printed = {}, io.StringIO()
    for cell in beginning(PAGES[stem]):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell, stem, "exec"), names)
    blocks = CODE.findall(text)
    assert blocks, "a solution has code"
    with contextlib.redirect_stdout(printed):
        for block in blocks:
            exec(compile(block, f"{stem}, solution {number + 1}", "exec"), names)
    plt.close("all")
    assert any("assert" in block for block in blocks)
    said = PRINTED.findall(CODE.sub("", text))
    assert [value for value in said if value not in printed.getvalue()] == []
