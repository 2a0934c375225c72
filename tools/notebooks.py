"""Execute notebooks in place, leave them fit for version control, and export them to HTML.

`python run.py all [NAME ...]` runs this with the environment's Python.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

from helpers.paths import write_text

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
HTML = ROOT / "build" / "html"
CELL_TIMEOUT = 1200  # seconds
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class NotebookError(Exception):
    """A cell raised, took too long, or lost its kernel."""


def select(names: list[str]) -> list[Path]:
    """Return the notebooks that the names mean (01, 01_explore_data, a path), or all of them, in order."""
    known = sorted(NOTEBOOKS.glob("*.ipynb"))
    if not known:
        raise SystemExit(f"There are no notebooks in {NOTEBOOKS}.")
    chosen = set()
    for name in names:
        stem = Path(name).stem
        matches = [path for path in known if path.stem == stem or path.stem.startswith(f"{stem}_")]
        if not matches:
            raise SystemExit(
                f"No notebook is called {name!r}; there are: {', '.join(p.stem for p in known)}."
            )
        chosen.update(matches)
    return sorted(chosen) if names else known


def execute(notebook: nbformat.NotebookNode, name: str) -> None:
    """Run every cell of a notebook, top to bottom, in a new kernel."""
    running = [0]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        timeout=CELL_TIMEOUT,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        on_cell_start=lambda cell, cell_index: running.append(cell_index),
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        where = f"{name}, cell {running[-1] + 1} of {len(notebook.cells)} (text cells counted)"
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise NotebookError(f"{reason}\n{where}: failed; the notebook's file is unchanged.") from error


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Take out what differs from run to run or from machine to machine, and widget state."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            # Without its kernel a widget shows nothing; the picture or text stored beside it does.
            if len(output.get("data", {})) > 1:
                output.data.pop(WIDGET_VIEW, None)


def write_if_changed(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, and only where its content differs."""
    if not (path.exists() and path.read_bytes() == text.encode("utf-8")):
        write_text(path, text)


def export(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook as an HTML page whose links lead to the other pages and the project's files."""
    page = copy.deepcopy(notebook)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\w+)\.ipynb(#[^)]*)?\)", r"](\1.html\2)", cell.source)
            cell.source = cell.source.replace("](../", "](../../")
    html, _ = HTMLExporter().from_notebook_node(page, {"metadata": {"name": path.stem}})
    write_if_changed(path, html)


def rerun(path: Path) -> None:
    """Execute one notebook in place and export it."""
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.stem)
    tidy(notebook)
    write_if_changed(path, nbformat.writes(notebook).rstrip("\n") + "\n")
    export(notebook, HTML / f"{path.stem}.html")


def main(names: list[str]) -> int:
    """Re-run the notebooks named, or all of them, and stop at the first that fails."""
    os.environ["TQDM_DISABLE"] = "1"  # a progress bar prints how long the work took: never the same twice
    for path in select(names):
        print(f"{path.stem} ...", end=" ", flush=True)
        start = time.perf_counter()
        try:
            rerun(path)
        except NotebookError as failure:
            print(f"FAILED\n{failure}", file=sys.stderr)
            return 1
        print(f"{time.perf_counter() - start:.0f} s", flush=True)
    print(f"The pages are in {HTML.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
