"""How fast the panel follows the hand, measured in a real browser, beside other ways to build it.

    python tests/benchmarks/panel_latency.py [--moves 60] [--repeats 1]

One JupyterLab, one notebook for each view, 1,000 points a trace: the panel, also
of a series of four; a label that only repeats the slider's
number (the bare round trip); `interactive` with a new figure each time; ipympl. ipympl is no part of the
workbook: `pip install ipympl` adds its column, best in an environment of its own made from requirements.txt.

key       key press to changed pixels (to changed text for the label), median and 95th percentile, ms
drag      pictures a second while the mouse sweeps the slider for 2 s
settled   last mouse move to the last new picture, ms
callback  one move in the kernel, without a browser, median ms
memory    growth of the kernel over 1,000 moves, MB

A machine's speed drifts by more than the panel and the label differ. So both are also put on one page and
pressed in turn; the last line gives their medians and the ratio.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from jupyter_client.manager import start_new_kernel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from labdriver import browser_page, execute, jupyterlab, open_and_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
DATA = """
import numpy as np, ipywidgets as widgets
from helpers import kinetics
from helpers.measurement import Measurement
from helpers.panel import MeasurementPanel
from helpers.traces import Trace
t = np.linspace(0, 300, 1000)
noise = 0.5 * np.random.default_rng(1).standard_normal(t.size)
rng, N0 = np.random.default_rng(2), [100.0, 200.0, 400.0, 800.0]
trace = Trace(t, kinetics.solve(t, 800.0, (0, 1e-2, 1e-3, 1e-7)) + noise)
stops = np.array([0.0, *np.logspace(-7, -1, 400)])
counts = [rng.poisson(2000 * (kinetics.solve(t, n, (0, 1e-2, 1e-3, 1e-7)) / n) ** 2 + 5.0) for n in N0]
traces = [Trace(t, each.astype(float)) for each in counts]
settings = {"observable": "photoluminescence", "offset": "free", "noise": "poisson", "n0": N0}
def moved(slider):
    step = slider.max // 400
    return 150 * step + (slider.value - 149 * step) % (120 * step)
def law(stop):
    return kinetics.solve(t, 800.0, (0, 1e-2, stops[stop], 1e-7))
def own_slider():
    slider = widgets.IntSlider(267, 0, 400, readout=False, layout={"width": "158px"})
    return slider.add_class("rate-k2")
"""
FIGURE = """
    {figure}, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(6.4, 4.4), height_ratios=[3, 1])
    upper.semilogy(t, trace.signal, ".", color="0.6")
"""
VIEWS = {
    "panel": "panel = MeasurementPanel(trace, (0, 1e-2, 1e-3, 1e-7), path='none.json')\n"
    "slider = panel.controls['k2'].slider\npanel",
    "series": "counted = Measurement(traces, **settings)\n"
    "panel = MeasurementPanel(counted, (0, 1e-2, 1e-3, 1e-7), path='none.json')\n"
    "slider = panel.controls['k2'].slider\npanel",
    "label": "slider, label = own_slider(), widgets.Label('267').add_class('answer')\n"
    "slider.observe(lambda change: setattr(label, 'value', str(change.new)), 'value')\n"
    "widgets.VBox([slider, label])",
    "interactive": "%matplotlib inline\nimport matplotlib.pyplot as plt\ndef draw(stop):"
    + FIGURE.format(figure="figure")
    + "    upper.semilogy(t, law(stop))\n    lower.plot(t, trace.signal - law(stop), '.')\n    plt.show()\n"
    "slider = own_slider()\nview = widgets.interactive(draw, stop=slider)\nview",
    "ipympl": "%matplotlib widget\nimport matplotlib.pyplot as plt\nif True:"
    + FIGURE.format(figure="figure")
    + "    (curve,) = upper.semilogy(t, law(267))\n"
    "    (residuals,) = lower.plot(t, trace.signal - law(267), '.')\n"
    "slider = own_slider()\ndef move(change):\n    n = law(change.new)\n    curve.set_ydata(n)\n"
    "    residuals.set_ydata(trace.signal - n)\n    figure.canvas.draw_idle()\n"
    "slider.observe(move, 'value')\nwidgets.VBox([slider, figure.canvas])",
}
TOGETHER = ("panel", "label")
# Of each slider's view every new picture (or text) is noted with the time of the frame in which it is shown.
WATCH = """() => {
    window.shown = [];
    window.pressed = 0;
    window.addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
    document.addEventListener('mousemove', () => { window.moved = performance.now(); }, true);
    document.querySelectorAll('.rate-k2').forEach((slider, index) => {
        const root = slider.closest('.jp-OutputArea-output');
        window.shown[index] = [];
        const note = () => requestAnimationFrame(() => window.shown[index].push(performance.now()));
        root.addEventListener('load', event => { if (event.target.tagName === 'IMG') note(); }, true);
        const label = root.querySelector('.answer');
        const texts = {childList: true, characterData: true, subtree: true};
        if (label) new MutationObserver(note).observe(label, texts);
        const draw = CanvasRenderingContext2D.prototype.drawImage;
        CanvasRenderingContext2D.prototype.drawImage = function (...given) {
            draw.apply(this, given);
            if (root.contains(this.canvas)) note();
        };
    });
}"""
RESIDENT = "import psutil; print(psutil.Process().memory_info().rss)"
MOVES = "for index in range({count}):\n    slider.value = moved(slider)"
TIMED = """
import time
spans = []
for index in range(100):
    start = time.perf_counter()
    slider.value = moved(slider)
    spans.append(time.perf_counter() - start)
print(1e3 * sorted(spans)[50])
"""


def write_notebooks(folder):
    """Write one notebook for each view that can be built here; return their names."""
    names = [name for name in VIEWS if name != "ipympl" or importlib.util.find_spec("ipympl")]
    for views in (*((name,) for name in names), TOGETHER):
        sources = (DATA, *(VIEWS[name] for name in views))
        cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)  # or Lab asks which kernel
        nbformat.write(notebook, folder / f"{'_and_'.join(views)}.ipynb")
    if "ipympl" not in names:
        print("ipympl is not installed; its column is left out (pip install ipympl).")
    return names


def key_presses(page, moves, views=1):
    """Press the arrow key of each view in turn; return the milliseconds to each picture, a list a view."""
    handles = page.locator(".rate-k2 .noUi-handle")
    spans = [[] for _ in range(views)]
    for move, view in ((move, view) for move in range(moves + 5) for view in range(views)):
        handles.nth(view).focus()
        page.evaluate("view => { window.shown[view] = []; }", view)
        page.keyboard.press("ArrowRight" if move % 40 < 20 else "ArrowLeft")
        page.wait_for_function("view => window.shown[view].length > 0", arg=view)
        until_quiet(page, 100, view)
        spans[view].append(page.evaluate("view => window.shown[view].at(-1) - window.pressed", view))
    return [each[5:] for each in spans]


def until_quiet(page, milliseconds, view=0):
    """Wait until no new picture has come for a while."""
    page.wait_for_function(
        "([span, view]) => "
        "performance.now() - Math.max(window.shown[view].at(-1) ?? 0, window.moved ?? 0) > span",
        arg=[milliseconds, view],
        polling=20,
    )


def drag(page, seconds=2.0):
    """Sweep the handle to and fro; return pictures a second and the milliseconds to settle."""
    place = page.locator(".rate-k2 .noUi-base").bounding_box()
    x, y, width = place["x"], place["y"] + place["height"] / 2, place["width"]
    handle = page.locator(".rate-k2 .noUi-handle").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, y)
    page.mouse.down()
    page.evaluate("() => { window.shown[0] = []; }")
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        page.mouse.move(x + width * (0.55 + 0.15 * np.sin(3 * passed)), y)
    pictures = page.evaluate("() => window.shown[0].length")
    until_quiet(page, 800)
    page.mouse.up()
    settled = page.evaluate("() => window.shown[0].at(-1) - window.moved")
    return pictures / seconds, max(settled, 0.0)


def callback(name):
    """Time moves in a kernel to which no browser is connected."""
    manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    printed = []
    for code in (DATA, VIEWS[name], TIMED):
        client.execute_interactive(code, output_hook=printed.append)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return float("".join(each["content"].get("text", "") for each in printed))


def open_and_watch(page, address, name):
    """Open a notebook of write_notebooks and begin to note what its views show."""
    open_and_run(page, address.format(f"{name}.ipynb"))
    page.wait_for_selector(".rate-k2 .noUi-handle")
    page.locator(".rate-k2").first.scroll_into_view_if_needed()
    page.evaluate(WATCH)


def ratio_in_turn(page, address, moves):
    """Press the panel and the label in turn on one page; return their medians, ms."""
    open_and_watch(page, address, "_and_".join(TOGETHER))
    return [statistics.median(spans) for spans in key_presses(page, moves, views=len(TOGETHER))]


def measure(page, address, name, moves):
    """Open one view and return its row of figures."""
    open_and_watch(page, address, name)
    (spans,) = key_presses(page, moves)
    pictures, settled = drag(page)
    row = [statistics.median(spans), float(np.percentile(spans, 95)), pictures, settled]
    if name == "interactive":  # its callback draws into an output area, which code cannot wait for
        return [*row, float("nan"), float("nan")]
    execute(page, MOVES.format(count=300))
    before = float(execute(page, RESIDENT))
    execute(page, MOVES.format(count=1000))
    return [*row, callback(name), (float(execute(page, RESIDENT)) - before) / 2**20]


def main():
    """Measure every view and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    browser = os.environ.get("WORKBOOK_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("no Chromium found: install one or name it in WORKBOOK_BROWSER")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        folder = Path(home) / "notebooks"
        folder.mkdir()
        names = write_notebooks(folder)
        with jupyterlab(folder, Path(home)) as address:
            for repeat in range(options.repeats):
                load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
                print(f"\nrun {repeat + 1} of {options.repeats}, {options.moves} moves a view, {load}")
                print(f"{'':12}{'key':>7}{'p95':>7}{'drag':>7}{'settled':>9}{'callback':>10}{'memory':>8}")
                for name in names:
                    with browser_page(browser) as (page, _):
                        row = measure(page, address, name, options.moves)
                    places = zip(row, (7, 7, 7, 9, 10, 8), strict=True)
                    print(
                        f"{name:12}" + "".join(f"{value:{width}.1f}" for value, width in places), flush=True
                    )
                with browser_page(browser, height=1600) as (page, _):
                    panel, label = ratio_in_turn(page, address, options.moves)
                print(f"in turn on one page: panel {panel:.1f}, label {label:.1f}, ratio {panel / label:.2f}")


if __name__ == "__main__":
    main()
