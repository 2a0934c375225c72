"""What an hour of moving sliders leaves in memory: of the kernel, and of the page that shows the panel.

    python tests/benchmarks/panel_hour.py [--moves 10000] [--no-page]

Moves of all sliders of a series of four traces, 1,000 points each, with changes of axes, kept marks and undo
between them. Memory is counted after a tenth of the moves, when caches are full, and at the end. The page is
a real JupyterLab in a browser; there the kernel has the widgets' messages to send as well.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from labdriver import browser_page, execute, jupyterlab, open_and_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
PANEL = """
import numpy as np
from helpers import kinetics
from helpers.measurement import Measurement
from helpers.panel import MeasurementPanel
from helpers.traces import Trace
t, n0, rng = np.linspace(0, 300, 1000), [100.0, 200.0, 400.0, 800.0], np.random.default_rng(2)
shapes = [kinetics.solve(t, n, (0, 1e-2, 1e-3, 1e-7)) / n for n in n0]
traces = [Trace(t, rng.poisson(2000 * shape + 5.0).astype(float)) for shape in shapes]
measured = Measurement(traces, observable="photoluminescence", offset="free", noise="poisson", n0=n0)
panel = MeasurementPanel(measured, (0, 8e-3, 1.2e-3, 1e-7), path="no guesses.json")
def move(count, begin=0):
    rows = list(panel.controls.values())
    for number in range(begin, begin + count):
        slider = rows[number % len(rows)].slider
        slider.value = (7919 * number) % slider.max  # anywhere: every limit of the axes comes up
        if number % 97 == 0:
            panel.buttons["undo"].click()
        if number % 501 == 0:
            panel.scale.value = panel.scale.options[number % 3]
"""
RESIDENT = """
import gc, psutil
gc.collect()
print(psutil.Process().memory_info().rss)
"""
MB = 1e6


def in_kernel(moves: int) -> None:
    """Print what the moves leave in memory without a browser."""
    names: dict = {}
    exec(PANEL, names)
    names["move"](moves // 10)
    before = _sizes()
    names["move"](moves - moves // 10, moves // 10)
    resident, objects = (after - first for after, first in zip(_sizes(), before, strict=True))
    print(f"without a browser, {moves} moves: process {resident / MB:+.1f} MB, Python's blocks {objects:+d}")
    sys.stdout.flush()


def _sizes() -> tuple[int, int]:
    gc.collect()
    return psutil.Process().memory_info().rss, sys.getallocatedblocks()


def on_page(executable: str, moves: int) -> None:
    """Print how kernel and page grow while the page shows every move."""
    with tempfile.TemporaryDirectory() as scratch:
        home, folder = Path(scratch), Path(scratch) / "notebooks"
        folder.mkdir()
        cell = nbformat.v4.new_code_cell(PANEL.strip() + "\npanel")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=KERNEL), folder / "hour.ipynb")
        project = str(Path(__file__).resolve().parents[2])
        with jupyterlab(folder, home, PYTHONPATH=project) as address, browser_page(executable) as (page, _):
            open_and_run(page, address.format("hour.ipynb"))
            page.wait_for_selector("img.picture[src^=data]")
            screen = page.context.new_cdp_session(page)

            def sizes() -> tuple[float, float]:
                page.wait_for_timeout(2000)  # the last pictures are still on their way
                screen.send("HeapProfiler.collectGarbage")
                used = screen.send("Runtime.getHeapUsage")["usedSize"]
                return float(execute(page, RESIDENT)) / MB, used / MB

            done = moves // 10
            execute(page, f"move({done})")
            before = sizes()
            while done < moves:  # in parts, so that the page keeps up
                part = min(200, moves - done)
                execute(page, f"move({part}, {done})")
                done += part
            kernel, heap = (after - first for after, first in zip(sizes(), before, strict=True))
    print(f"memory of the kernel's process after {moves} moves: {kernel:+.1f} MB")
    print(f"JavaScript of the page after {moves} moves: {heap:+.1f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description="Memory over an hour of moving sliders")
    parser.add_argument("--moves", type=int, default=10_000)
    parser.add_argument("--no-page", action="store_true", help="without a browser")
    options = parser.parse_args()
    in_kernel(options.moves)
    executable = os.environ.get("WORKBOOK_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not options.no_page and executable:
        on_page(executable, options.moves)
    return 0


if __name__ == "__main__":
    sys.exit(main())
