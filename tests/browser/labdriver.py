"""A private JupyterLab and a Chromium that drives it: for the browser test and the latency benchmark.

Every wait is for a condition, none for a time. The reader's own settings are neither read nor changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

PATIENCE = 60_000  # milliseconds until a condition counts as not met
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # no cell leaves the page
}
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
NEVER_OUTSIDE = ("127.0.0.1", "data:", "blob:")

KERNEL_IS_IDLE = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    return panel?.sessionContext?.session?.kernel?.status === 'idle' && panel.content.widgets.length > 0;
}"""
ALL_CELLS_HAVE_RUN = r"""() => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
    return prompts.length > 0 && prompts.every(prompt => /\[\d+\]/.test(prompt.textContent));
}"""
EXECUTE = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code: code, store_history: false});
    let text = '';
    future.onIOPub = message => {
        if (message.header.msg_type === 'stream') text += message.content.text;
        if (message.header.msg_type === 'error') text += message.content.evalue;
    };
    await future.done;
    return text;
}"""


@contextlib.contextmanager
def jupyterlab(folder: Path, home: Path, **variables: str) -> Iterator[str]:
    """Run a JupyterLab on `folder`, with all its files below `home`; yields its address."""
    environment = os.environ | variables | private_folders(home)
    port, token = free_port(), secrets.token_hex(16)
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}"]
    options += [f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"]
    options += ["--ServerApp.use_redirect_file=False", "--LabApp.expose_app_in_browser=True", "--no-browser"]
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", *options]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/api?token={token}", server, home / "server.log")
        yield f"http://127.0.0.1:{port}/doc/tree/{{}}?token={token}&reset"
    finally:
        stop(server)


def private_folders(home: Path) -> dict[str, str]:
    """Make settings that keep Lab from asking questions; return the variables that point to them."""
    for name, values in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    names = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    names |= {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
    names |= {"JUPYTER_DATA_DIR": "data"}
    return {variable: str(home / name) for variable, name in names.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # between two questions; the answer ends the waiting
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


def stop(server: subprocess.Popen) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(server.pid, signal.SIGKILL)
        server.kill()
        server.wait()


@contextlib.contextmanager
def browser_page(executable: str, width: int = 1280, height: int = 800) -> Iterator[tuple[Page, list[str]]]:
    """Open one page that reaches nothing but this machine; yields it and the list of its errors."""
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.route("**/*", only_this_machine)
        yield page, errors
        browser.close()


def only_this_machine(route) -> None:
    address = route.request.url.partition("//")[2] if "://" in route.request.url else route.request.url
    if address.startswith(NEVER_OUTSIDE):
        route.continue_()
    else:
        route.abort()


def open_and_run(page: Page, address: str) -> None:
    """Open a notebook and run all its cells."""
    page.goto(address)
    page.wait_for_function(KERNEL_IS_IDLE)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.wait_for_function(ALL_CELLS_HAVE_RUN)


def accessibility_faults(page: Page, place: str) -> list[str]:
    """Return what axe-core finds against levels A and AA of WCAG 2.0 and 2.1 in one element of the page."""
    rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(page, context=place, options={"runOnly": rules}).response
    assert {"button-name", "color-contrast", "label"} <= {each["id"] for each in found["passes"]}
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


def execute(page: Page, code: str) -> str:
    """Run code in the notebook's kernel and return what it printed (or its error)."""
    return page.evaluate(EXECUTE, code)
