#!/usr/bin/env python3
"""The workbook's front door; it needs nothing but Python 3.11 or newer.

    python run.py lab               open the notebooks in JupyterLab
    python run.py test [ARGS ...]   run every test and every notebook; ARGS go to pytest (-k traces)
    python run.py fit FILE          fit the measurement that FILE describes (data/mine.toml), write a report
    python run.py all [NAME ...]    re-execute the notebooks in place and export them to build/html
    python run.py clean             remove .venv, build/ and caches; data and results stay

The first command makes the environment .venv: a download of several hundred MB, two to ten minutes.
"""

import collections
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "workbook-stamp.txt"
OLDEST_PYTHON = (3, 11)
CACHES = (".pytest_cache", ".ruff_cache", ".hypothesis", "build")
SCATTERED = ("__pycache__", ".ipynb_checkpoints", "*.egg-info")


def main(arguments):
    """Carry out one command and return its exit status."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise SystemExit(
            f"The workbook needs Python {wanted} or newer; this is {platform.python_version()} "
            f"({sys.executable}). Install a newer one from https://www.python.org and run it as "
            "`python3 run.py ...`."
        )
    commands = {"lab": lab, "test": test, "fit": report, "all": run_all, "clean": clean}
    command, *options = arguments or ["help"]
    if command in commands:
        return commands[command](options)
    print(__doc__.strip())
    asked_for_help = command in ("help", "-h", "--help")
    if not asked_for_help:
        print(f"\nThere is no command {command!r}: the five above are all.", file=sys.stderr)
    return 0 if asked_for_help else 2


def lab(options):
    """Open JupyterLab on the notebooks."""
    print("Opening JupyterLab on notebooks/ (Ctrl+C here ends it).", flush=True)
    return run_python("-m", "jupyterlab", f"--notebook-dir={ROOT / 'notebooks'}", *options)


def test(options):
    """Run the whole test suite, notebooks included, in one pytest run."""
    return run_python("-m", "pytest", *options)


def report(options):
    """Fit a described measurement and write its report to build/."""
    return run_python(ROOT / "tools" / "report.py", *options)


def run_all(names):
    """Execute notebooks in place and export them to HTML."""
    return run_python(ROOT / "tools" / "notebooks.py", *names)


def clean(options):
    """Remove what the other commands made, but neither data nor results."""
    if options:
        raise SystemExit("`python run.py clean` takes no further words.")
    remove(VENV)
    for name in CACHES:
        remove(ROOT / name)
    for pattern in SCATTERED:
        for folder in list(ROOT.rglob(pattern)):
            remove(folder)
    return 0


def remove(folder):
    """Remove a folder with all that is in it, and say so."""
    if not folder.exists():
        return
    print(f"Removing {folder.relative_to(ROOT)}", flush=True)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SystemExit(f"{error}\nClose the programs that use this folder, then run this again.") from None


def run_python(*arguments):
    """Run the environment's Python in the project's folder and return its exit status."""
    command = [environment_python(), *arguments]
    with subprocess.Popen(list(map(str, command)), cwd=ROOT, env=clean_environ()) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                pass  # Ctrl+C has reached the other program as well: it tidies up and ends by itself


def environment_python():
    """Return the environment's Python; make or renew the environment first where that is needed."""
    if os.environ.get("CONDA_DEFAULT_ENV") == "recombination-workbook":
        return sys.executable  # made from environment.yml: the same pins, kept up by conda
    place, pins = wanted_stamp()
    found = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.exists() else []
    if found != [place, pins]:
        # An environment of the same Python in the same place is brought up to date;
        # any other one, and one whose installation was interrupted, is made afresh.
        install(afresh=found[:1] != [place])
        STAMP.write_text(f"{place}\n{pins}\n", encoding="utf-8")
        print("The environment is ready.\n", flush=True)
    return venv_python()


def wanted_stamp():
    """Return two lines that change when the environment has to be remade or brought up to date."""
    place = f"Python {platform.python_version()} from {sys.base_prefix} for {ROOT}"
    files = (ROOT / name for name in ("requirements.txt", "pyproject.toml"))
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return place, hashlib.sha256(text.encode("utf-8")).hexdigest()


def install(afresh):
    """Make the environment, or bring it up to date, from the lock file."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if afresh:
        print(
            "Making the environment .venv: a download of several hundred MB, two to ten minutes.", flush=True
        )
    else:
        print("The list of packages has changed: bringing .venv up to date.", flush=True)
    STAMP.unlink(missing_ok=True)
    make_venv(afresh)
    pip(f"{len(pins)} packages", "--requirement", "requirements.txt")
    pip("the workbook's helpers", "--no-deps", "--editable", ".")


def make_venv(afresh):
    """Make .venv with the Python that runs this file (with the one below it, where that is a venv)."""
    python = getattr(sys, "_base_executable", None) or sys.executable
    command = [python, "-m", "venv", *(["--clear"] if afresh else []), str(VENV)]
    if subprocess.run(command, cwd=ROOT, env=clean_environ()).returncode:
        raise SystemExit(
            "\nThe environment .venv could not be made. If it is in use, end JupyterLab, leave it with "
            "`deactivate` and try again; on Debian or Ubuntu `sudo apt install python3-venv` may be missing."
        )


def pip(what, *options):
    """Install packages with a line of progress; on failure show the end of what pip said."""
    command = [venv_python(), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *options]
    said, collected = collections.deque(maxlen=12), 0
    with subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env=clean_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout:
            said.append(line.rstrip())
            collected += line.startswith("Collecting ")
            if line.startswith("Collecting ") and collected % 10 == 0:
                print(f"  fetched {collected} packages ...", flush=True)
            if line.startswith("Installing collected"):
                print(f"  installing {what} ...", flush=True)
    if process.returncode:
        raise SystemExit(
            "\n".join(said) + f"\n\npip could not install {what} (its last words are above). Is this machine "
            "connected to the internet, and is there room on the disk? Behind a proxy set HTTPS_PROXY. "
            "Then run the same command again."
        )


def venv_python():
    """Return the path of the Python in .venv."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def clean_environ():
    """Return this process's environment without the variables that lead another Python astray."""
    astray = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__", "MPLBACKEND", "PIP_USER")
    return {name: value for name, value in os.environ.items() if name not in astray}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
