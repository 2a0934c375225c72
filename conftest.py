"""What every test run shares: a copy of results/, the browser, repeatable random inputs."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import matplotlib
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent
TRAINING = ("notebooks/08", "notebooks/09")  # these notebooks train networks and write no results
COPY = pytest.StashKey[tempfile.TemporaryDirectory]()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER_FILES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)

settings.register_profile("workbook", deadline=None, derandomize=True)
settings.load_profile("workbook")


def pytest_configure(config):
    """Let notebooks and tests write into a copy of results/, so that a run leaves the work tree clean."""
    matplotlib.use("agg")
    config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval_sanitize.cfg")
    config.stash[COPY] = tempfile.TemporaryDirectory(prefix="workbook-results-", ignore_cleanup_errors=True)
    copy = Path(config.stash[COPY].name) / "results"
    if (ROOT / "results").is_dir():
        shutil.copytree(ROOT / "results", copy)
    copy.mkdir(exist_ok=True)
    os.environ["WORKBOOK_RESULTS"] = str(copy)
    # For the processes of a parallel run and for the notebooks' kernels: there is one for each core already.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["TQDM_DISABLE"] = "1"  # a progress bar prints how long the work took: never the same twice


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Where the tests run in several processes, keep in one, and in its order, what belongs together."""
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    """Files of tests in the order of the collection, each in one process."""

    def _split_scope(self, nodeid):
        """Name what a test has to stay together with: its file, or all notebooks that may write results."""
        file = nodeid.partition("::")[0]
        writes = file.startswith("notebooks/") and not file.startswith(TRAINING)
        compares = nodeid.endswith("::test_running_the_notebooks_again_leaves_the_same_results")
        return "notebooks" if writes or compares else file


def pytest_unconfigure(config):
    config.stash[COPY].cleanup()


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """Close what a test or an example has drawn, so that no other finds it and the memory stays free."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a browser of the Chromium family; without one, skip, or fail where one is a must."""
    named = os.environ.get("WORKBOOK_BROWSER")
    found = [named] if named else [shutil.which(name) for name in BROWSERS]
    found += [file for file in BROWSER_FILES if Path(file).exists()]
    for path in filter(None, found):
        return path
    reason = "no Chromium found: install one or name it in the environment variable WORKBOOK_BROWSER"
    if os.environ.get("WORKBOOK_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)
