"""A few tests under other conditions: another user, language, place or time zone, no network, two at once.

`python run.py test --matrix [NAME ...]` runs this with the environment's Python. Each row runs a few tests, a
notebook and a report in a copy of the project, so that a row can be read-only or lie elsewhere, and nothing
of the user's is touched. What a row cannot do on this system is said in the table and is no failure.
"""

from __future__ import annotations

import locale
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "matrix"
LEFT_OUT = (".git", ".venv*", "build", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", ".ipynb_*")
TESTS = ("tests/test_units.py", "tests/test_guesses.py")
NOTEBOOK = "notebooks/01_explore_data.ipynb"
IN_RANDOM_ORDER = ("01", "02", "04", "06")  # the others take minutes
ALONE = ("02", "04")
NOBODY = "65534"
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
PATIENCE = 900  # seconds for one command
LOOPBACK = (  # a network of its own has only this machine in it, and even that is switched off at first
    "import fcntl, os, socket, struct, sys\n"
    "with socket.socket() as any: fcntl.ioctl(any, 0x8914, struct.pack('16sh14x', b'lo', 65))\n"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


class NotHere(Exception):  # noqa: N818  it is no error
    """A condition that this system does not allow to be made; the text says why."""


@dataclass
class Place:
    """Where and how the commands of a row run.

    Attributes
    ----------
    root : Path
        A copy of the project.
    variables : dict of name to value
        Of the environment; None takes a variable away.
    before : list of str
        Words in front of each command, as `unshare --net`.
    cwd : Path, optional
        The folder in which commands run; the project's by default.
    """

    root: Path
    variables: dict[str, str | None] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    cwd: Path | None = None

    def environ(self) -> dict[str, str]:
        """Return the environment of this row's commands."""
        given = os.environ | {"PYTHONPATH": str(self.root), "OPENBLAS_NUM_THREADS": "1"} | self.variables
        return {name: value for name, value in given.items() if value is not None}

    def start(self, log: Path, *words: str | Path) -> subprocess.Popen:
        """Start the environment's Python with these words; what it says goes to the log."""
        command = [*self.before, sys.executable, *map(str, words)]
        with log.open("ab") as file:
            file.write(f"$ {' '.join(command)}\n".encode(errors="replace"))
            file.flush()
            options = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": subprocess.STDOUT}
            return subprocess.Popen(command, cwd=self.cwd or self.root, env=self.environ(), **options)

    def run(self, log: Path, *words: str | Path) -> int:
        """Run the environment's Python with these words and return its exit status."""
        process = self.start(log, *words)
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


# What is run


def pytest_words(root: Path, *what: str) -> list[str | Path]:
    """Return the words of a run of pytest that leaves no caches behind."""
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--rootdir",
        root,
        "-c",
        root / "pyproject.toml",
    ]
    return ["-B", "-m", "pytest", *options, *(root / each for each in what)]


def check_all(place: Place, log: Path) -> None:
    """Run tests, a notebook and a report, all of which have to succeed."""
    check(place, log, *pytest_words(place.root, *TESTS, NOTEBOOK))
    check_report(place, log)


def check_report(place: Place, log: Path) -> None:
    """Write a report, with its page and results in folders of their own."""
    with tempfile.TemporaryDirectory(prefix="workbook-") as made:
        os.chmod(made, 0o777)
        folders = {"WORKBOOK_RESULTS": f"{made}/results", "WORKBOOK_BUILD": f"{made}/build"}
        there = Place(place.root, place.variables | folders, place.before, cwd=place.cwd)
        check(there, log, "-B", place.root / "tools" / "report.py", place.root / "data" / "sample_data.toml")


def check(place: Place, log: Path, *words: str | Path, status: int = 0) -> None:
    """Run a command that has to end with this status."""
    found = place.run(log, *words)
    if found != status:
        raise AssertionError(f"exit status {found}, {status} was expected")


def check_refusal(place: Place, log: Path, *words: str) -> None:
    """Run a report that cannot be written: one sentence with these words, and no traceback."""
    before = log.stat().st_size if log.exists() else 0
    check(place, log, "-B", place.root / "tools" / "report.py", "sample_data", "--replace", status=1)
    said = log.read_bytes()[before:].decode("utf-8", errors="replace")
    if "Traceback" in said or not all(word in said for word in words):
        raise AssertionError(f"the refusal does not say {', '.join(words)}, or shows a traceback")


# The rows: each makes its condition and checks what has to work under it


def copied(folder: Path) -> Path:
    """Copy the project, without its environment and what was made in it."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    return folder


def as_it_is(copy: Path, log: Path) -> None:
    """Check a copy as it is."""
    check_all(Place(copy), log)


def read_only_checkout(copy: Path, log: Path) -> None:
    """Check a project on a disk that may only be read: a report says what it needs, and works with it."""
    place = Place(copy, before=read_only_disk(copy))
    check_refusal(place, log, "WORKBOOK_BUILD")
    check_all(place, log)


def read_only_results(copy: Path, log: Path) -> None:
    """Check a folder of results that may only be read: the way that the refusal names works."""
    for path in [copy / "results", *(copy / "results").iterdir()]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    place = Place(copy, before=without_root_rights())
    check_refusal(place, log, "WORKBOOK_RESULTS")
    check_all(place, log)


def other_user(copy: Path, log: Path) -> None:
    """Check as a user who owns none of the project's files."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("setpriv"):
        raise NotHere("needs root and the program setpriv")
    before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    again = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import numpy'], check=True)"
    if not succeeds([*before, sys.executable, "-c", again]):
        raise NotHere(f"other users may not read {Path(sys.base_prefix)}, where this Python lies")
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    place = Place(copy, before=before)
    check_refusal(place, log, "WORKBOOK_BUILD")
    check_all(place, log)


def no_home(copy: Path, log: Path) -> None:
    """Check without a home folder: once no variable names one, once it cannot be made."""
    check_report(Place(copy, dict.fromkeys(("HOME", "USERPROFILE"))), log)
    check_all(Place(copy, dict.fromkeys(("HOME", "USERPROFILE"), os.devnull + "/home")), log)


def in_locale(name: str) -> Callable[[Path, Path], None]:
    """Return the row of a language."""

    def row(copy: Path, log: Path) -> None:
        check_all(Place(copy, dict.fromkeys(("LANG", "LC_ALL", "LC_NUMERIC"), name)), log)
        if not has_locale(name):
            raise NotHere("passed with its variables; the language itself is not installed")

    return row


def old_console(copy: Path, log: Path) -> None:
    """Check with output to a console or a file that has the letters of western Windows only."""
    check_all(Place(copy, {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}), log)


def time_zones(copy: Path, log: Path) -> None:
    """Check in time zones far from Greenwich, one of them with quarters of an hour."""
    check_all(Place(copy, {"TZ": "Pacific/Chatham"}), log)
    check_report(Place(copy, {"TZ": "XXX+12"}), log)


def odd_path(copy: Path, log: Path) -> None:
    """Check in a path with umlauts, blanks and quotes."""
    odd = copy.parent / "Größe, µ (1) & 'so' #2 %20"
    odd.mkdir()
    check_all(Place(copy.rename(odd / "das Projekt")), log)


def no_network(copy: Path, log: Path) -> None:
    """Check without any network where that can be made, else with proxies that lead nowhere."""
    cut = ["unshare", "--map-root-user", "--net", sys.executable, "-c", LOOPBACK]
    can_cut = sys.platform == "linux" and shutil.which("unshare") and succeeds([*cut, "true"])
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    check_all(Place(copy, dict.fromkeys(names, NOWHERE), cut if can_cut else []), log)


def random_order(copy: Path, log: Path) -> None:
    """Check notebooks in random order; the log says which."""
    names = [path.name for path in (copy / "notebooks").glob("*.ipynb") if path.name[:2] in IN_RANDOM_ORDER]
    random.shuffle(names)
    check(Place(copy), log, *pytest_words(copy, *(f"notebooks/{name}" for name in names)))


def alone(copy: Path, log: Path) -> None:
    """Check notebooks that follow on others, without these."""
    for number in ALONE:
        (path,) = (copy / "notebooks").glob(f"{number}_*.ipynb")
        check(Place(copy), log, *pytest_words(copy, f"notebooks/{path.name}"))


def elsewhere(copy: Path, log: Path) -> None:
    """Check commands that are given in another folder."""
    with tempfile.TemporaryDirectory(prefix="workbook-") as cwd:
        check_all(Place(copy, cwd=Path(cwd)), log)


def two_at_once(copy: Path, log: Path) -> None:
    """Check two runs of everything in one project at the same time."""
    words = pytest_words(copy, *TESTS, NOTEBOOK)
    report = ["-B", copy / "tools" / "report.py", "sample_data", "--replace"]
    started = [Place(copy).start(log, *each) for each in (words, report, words, report)]
    found = [process.wait(PATIENCE) for process in started]
    if any(found):
        raise AssertionError(f"exit statuses {found}")
    if left := [path.name for path in (copy / "results").rglob(".*")]:
        raise AssertionError(f"left behind: {', '.join(left)}")


def all_at_once(copy: Path, log: Path) -> None:
    """Check without home, with LANG=C, far away, offline, below umlauts, from another folder."""
    odd = copy.rename(copy.parent / "Größe µ")
    variables = dict.fromkeys(("HOME", "USERPROFILE"), os.devnull + "/home")
    variables |= {"LANG": "C", "LC_ALL": "C", "TZ": "Pacific/Chatham", "https_proxy": NOWHERE}
    place = Place(odd, variables, cwd=copy.parent)
    check(place, log, *pytest_words(odd, "tests/test_units.py", NOTEBOOK))
    check_report(place, log)


ROWS: dict[str, Callable[[Path, Path], None]] = {
    "as-it-is": as_it_is,
    "read-only-checkout": read_only_checkout,
    "read-only-results": read_only_results,
    "other-user": other_user,
    "no-home": no_home,
    "lang-c": in_locale("C"),
    "german": in_locale("de_DE.UTF-8"),
    "turkish": in_locale("tr_TR.UTF-8"),
    "old-console": old_console,
    "time-zones": time_zones,
    "odd-path": odd_path,
    "no-network": no_network,
    "random-order": random_order,
    "alone": alone,
    "elsewhere": elsewhere,
    "two-at-once": two_at_once,
    "all-at-once": all_at_once,
}


# What the system allows


def succeeds(command: Sequence[str]) -> bool:
    """Whether a command can be run and ends well."""
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def read_only_disk(folder: Path) -> list[str]:
    """Return the beginning of a command that may only read this folder."""
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"'
    before = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", str(folder)]
    if not shutil.which("unshare") or not succeeds([*before, "true"]):
        raise NotHere("this system lets no process mount a folder to be read only")
    return before


def without_root_rights() -> list[str]:
    """Return the beginning of a command for which permissions of files hold, even if it is root's."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    if not shutil.which("setpriv") or not succeeds([*before, "true"]):
        raise NotHere("root may write everywhere, and the program setpriv does not work here")
    return before


def has_locale(name: str) -> bool:
    """Whether this system speaks a language."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return True


# The table


def run_row(name: str, row: Callable[[Path, Path], None], log: Path) -> tuple[bool, str]:
    """Run one row; return whether it passed, and what there is to say of it."""
    folder = Path(tempfile.mkdtemp(prefix=f"workbook-{name}-"))
    folder.chmod(0o755)
    try:
        row(copied(folder / "project"), log)
    except NotHere as reason:
        return True, str(reason)
    except AssertionError as reason:
        return False, f"FAILED: {reason}; see {log.relative_to(ROOT)}"
    finally:
        remove(folder)
    return True, "passed"


def remove(folder: Path) -> None:
    """Remove a folder, what is read-only in it included."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def main(names: Sequence[str], rows: Mapping[str, Callable[[Path, Path], None]] = ROWS) -> int:
    """Run the rows of these names, or all of them, and print a table; 1 where one of them failed."""
    if unknown := [name for name in names if name not in rows]:
        print(f"There is no row {', '.join(unknown)}; there are {', '.join(rows)}.", file=sys.stderr)
        return 2
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    all_passed = True
    for name in names or rows:
        start = time.perf_counter()
        print(f"{name:<20}", end=" ", flush=True)
        passed, words = run_row(name, rows[name], LOGS / f"{name}.txt")
        print(f"{time.perf_counter() - start:5.0f} s  {words}", flush=True)
        all_passed = all_passed and passed
    print("All rows passed." if all_passed else "Not all rows passed.")
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
