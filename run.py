#!/usr/bin/env python3
"""The workbook's commands. This file needs nothing but Python 3.11 or newer.

    python run.py lab               open the notebooks in JupyterLab
    python run.py test [ARGS ...]   run every test and every notebook; ARGS go to pytest (-k traces)
    python run.py test --matrix     run a few of them read-only, offline, in other languages and places
    python run.py fit FILE          fit the measurement that FILE describes (data/mine.toml), write a report
    python run.py all [NAME ...]    re-execute the notebooks in place and export them to build/html
    python run.py clean             remove .venv, build/ and caches; data and results stay

The first command makes the environment .venv: a download of several hundred MB, two to ten minutes.
"""

import contextlib
import errno
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
NEW = ROOT / ".venv.new"  # a successor is built here; .venv stays as it is until the successor is whole
OLD = ROOT / ".venv.old"  # what the successor has replaced, until it is removed
STAMP = "workbook-stamp.txt"  # in an environment that is whole: its Python, its packages, its place
LOCK_FILE = ROOT / ".venv.lock"
MAKING = (0, 1)  # first byte and number of bytes of the lock file: held while an environment is made
USING = (1, 99)  # each command that uses the environment holds one of these bytes
OLDEST_PYTHON = (3, 11)
CACHES = (".pytest_cache", ".ruff_cache", ".hypothesis", "build")
SCATTERED = ("__pycache__", ".ipynb_checkpoints", "*.egg-info")
KILLED_SAVES = ".*." + 8 * "[0-9a-f]" + ".part"  # see helpers/paths.py
LEAST_FREE = 10_000_000  # bytes: with less than this on the disk, it is the disk that stopped an installation
REASONS = (  # what pip says, and what that means for the user
    (
        r"DO NOT MATCH THE HASHES",
        "A downloaded file is not the one that requirements.txt names, so it was not installed. Run the same "
        "command again, from another network if it happens twice.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError",
        "The package index showed a certificate that this Python does not trust. In a network that inspects "
        "its traffic, name that network's certificate file in the environment variable PIP_CERT.",
    ),
    (
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
        "The proxy of this network did not let pip through. Correct the environment variable HTTPS_PROXY.",
    ),
    (
        r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|timed out|connection broken by|"
        r"Max retries exceeded|Network is unreachable|Connection (reset|aborted|refused)",
        "The package index could not be reached. Connect this machine to the internet (behind a proxy, set "
        "the environment variable HTTPS_PROXY), then run the same command again.",
    ),
    (
        r"No matching distribution found",
        f"The package index has no ready-made file of that package for Python {platform.python_version()} on "
        f"{platform.system()} ({platform.machine()}). There are files for Python 3.11 to 3.14 on Linux, "
        "64-bit Windows and Macs with an Apple processor: run the same command with one of these.",
    ),
)


class InstallError(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(arguments):
    """Carry out one command and return its exit status."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise SystemExit(
            f"The workbook needs Python {wanted} or newer; this is {platform.python_version()} "
            f"({sys.executable}). Install a newer one from https://www.python.org and run it as "
            f"`{'py' if os.name == 'nt' else 'python3'} run.py ...`."
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


# The commands


def lab(options):
    """Open JupyterLab in notebooks/, with the whole project in its file browser."""
    print("Opening JupyterLab on notebooks/ (Ctrl+C here ends it).", flush=True)
    where = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks"]
    return run_python("-m", "jupyterlab", *where, *options)


def test(options):
    """Run the whole test suite, notebooks included, in one pytest run of up to four processes.

    A notebook or a file of tests stays in one process, and the long ones come first. With --matrix it is
    tools/matrix.py: a few of the tests under other conditions.
    """
    if "--matrix" in options:
        return run_python(ROOT / "tools" / "matrix.py", *(each for each in options if each != "--matrix"))
    several = ("--numprocesses=logical", "--maxprocesses=4", "--dist=loadscope", "--no-loadscope-reorder")
    return run_python("-m", "pytest", *several, *options)


def report(options):
    """Fit a described measurement and write its report to build/."""
    here = [str(Path(each).resolve()) if Path(each).is_file() else each for each in options]
    return run_python(ROOT / "tools" / "report.py", *here)  # which runs in the project's folder


def run_all(names):
    """Execute notebooks in place and export them to HTML."""
    return run_python(ROOT / "tools" / "notebooks.py", *names)


def clean(options):
    """Remove what the other commands made, but neither data nor results."""
    if options:
        raise SystemExit("`python run.py clean` takes no further words.")
    with lock_file() as lock:
        if not (take(lock, MAKING) and take(lock, USING)):
            ask_whether_to_break_a_command()
        for folder in (NEW, OLD, VENV, *(ROOT / name for name in CACHES)):
            remove(folder)
        for pattern in (*SCATTERED, KILLED_SAVES):
            for path in list(ROOT.rglob(pattern)):
                remove(path)
    return 0  # the lock file stays: another command may be waiting for it


def ask_whether_to_break_a_command():
    """Return if the user wants to remove the environment under a running command; else end this one."""
    running = "Another command of run.py is still running (JupyterLab, perhaps), and needs the environment."
    if not (sys.stdin and sys.stdin.isatty()):
        raise SystemExit(f"{running} End it, then run `python run.py clean` again.")
    if input(f"{running} Remove the environment all the same? [y/N] ").strip().lower() not in ("y", "yes"):
        raise SystemExit("Nothing was removed.")


def remove(path):
    """Remove a file, or a folder with all that is in it, and say so."""
    if not path.exists():
        return
    print(f"Removing {path.relative_to(ROOT)}", flush=True)
    try:
        if path == VENV:
            path = path.rename(OLD)  # all of it or nothing: Windows refuses while a program uses it
        discard(path)
    except OSError as error:
        raise SystemExit(f"{error}\nClose the programs that use this folder, then run this again.") from None


def discard(path):
    """Remove a file or a folder without a word."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# Other programs


def run_python(*arguments):
    """Run the environment's Python in the project's folder and return its exit status."""
    with environment() as python, program([python, *arguments]) as process:
        return wait(process)


@contextlib.contextmanager
def program(command, **options):
    """Start a program in the project's folder; it ends, at the latest, with this one."""
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, env=clean_environ(), **options)
    try:
        yield process
    except SystemExit:  # from `end`: a signal that only this program has received
        process.terminate()
        raise
    finally:
        wait(process)


def wait(process):
    """Wait until a program has ended and return its exit status."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # Ctrl+C has reached the other program as well: it tidies up and ends by itself


def end(number, _frame):
    """End this program, and the one that it has started, when it is told to end by a signal."""
    signal.signal(number, signal.SIG_IGN)  # once is enough
    raise SystemExit(128 + number)


def clean_environ():
    """Return this process's environment without the variables that lead another Python astray."""
    astray = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__", "MPLBACKEND")
    astray += ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")
    return {name: value for name, value in os.environ.items() if name not in astray}


# The environment: which one a command uses


@contextlib.contextmanager
def environment():
    """Give the environment's Python, made or renewed where needed; nobody removes it until the block ends."""
    if is_condas():
        add_helpers(Path(sysconfig.get_path("purelib")))  # its packages come from environment.yml
        yield Path(sys.executable)
        return
    with lock_file() as lock:
        if not take(lock, MAKING):
            print("Another command is making the environment: waiting until it is ready.", flush=True)
            while not take(lock, MAKING):
                time.sleep(0.2)
        try:
            make_ready(lock)
        except InstallError as failure:
            raise SystemExit(f"\n{failure}") from None
        first, number = USING
        any(take(lock, (place, 1)) for place in range(first, first + number))  # the first that is free
        give(lock, MAKING)
        yield python_of(VENV)


def is_condas():
    """Whether this Python is that of the workbook's own conda environment, not just one started in it."""
    prefix = os.environ.get("CONDA_PREFIX")
    is_named = os.environ.get("CONDA_DEFAULT_ENV") == "recombination-workbook"
    return bool(is_named and prefix) and os.path.realpath(prefix) == os.path.realpath(sys.prefix)


def make_ready(lock):
    """Make, renew or mend .venv where that is needed; one that works is used as it is if that fails."""
    if OLD.exists():  # a command was killed while it put the successor into place
        if VENV.exists():
            shutil.rmtree(OLD, ignore_errors=True)
        else:
            OLD.rename(VENV)
    if NEW.exists() and not stamp_of(NEW):
        shutil.rmtree(NEW, ignore_errors=True)  # a command was killed while it installed
    wanted = wanted_stamp()
    found = stamp_of(VENV)
    if found[:2] != wanted[:2]:
        usable = bool(found) and starts(VENV)
        try:
            if usable and not take(lock, USING):
                raise InstallError("Another command is using .venv: end that one, then run this one again.")
            give(lock, USING)
            renew(wanted, "Renewing" if usable else "Making")
        except InstallError as failure:
            if not usable:
                raise
            print(
                f"\n{failure}\n\nWarning: .venv was made for another requirements.txt or another Python, and "
                "could not be renewed (see above). It is used as it is.\n",
                file=sys.stderr,
                flush=True,
            )
    elif found != wanted or not starts(VENV):
        with contextlib.suppress(OSError, InstallError):
            mend(VENV, wanted)  # in a folder that may only be read this fails, and Python starts all the same
        if not starts(VENV):
            renew(wanted, "Making")
    add_helpers(site_packages(VENV))


def wanted_stamp():
    """Return what decides whether an environment fits (Python and packages), and where it lies.

    Comments, hashes and the patch number of Python do not decide; an environment that lies elsewhere, because
    the project's folder was moved, is mended.
    """
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^\w.*?(?=\s*(?:\\|#|$))", lock, flags=re.MULTILINE)
    major, minor = sys.version_info[:2]
    return (
        f"Python {major}.{minor} ({sys.implementation.name}, {sys.platform}, {platform.machine()})",
        f"{len(pins)} packages, {hashlib.sha256(chr(10).join(pins).encode()).hexdigest()}",
        str(VENV),
    )


def stamp_of(folder):
    """Return an environment's stamp, or an empty one where it is not whole."""
    try:
        lines = (folder / STAMP).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(lines)


def starts(folder):
    """Whether an environment's Python can be started and has the version that its stamp names."""
    program = "import sys; print('Python %d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python_of(folder), "-I", "-c", program],
            env=clean_environ(),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    version = re.escape(done.stdout.strip())
    return done.returncode == 0 and re.match(rf"{version}\b", stamp_of(folder)[0]) is not None


def python_of(folder):
    """Return the path of an environment's Python."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(folder):
    """Return the folder of an environment's packages."""
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    return next(folder.glob("lib/python3*/site-packages"), folder)


# The environment: how it is made


def renew(stamp, doing):
    """Make an environment beside .venv, and let it take that name when it is whole."""
    try:
        if stamp_of(NEW)[:2] != stamp[:2]:
            print(f"{doing} the environment .venv: ", end="")
            print("a download of several hundred MB, two to ten minutes.", flush=True)
            if NEW.exists():
                discard(NEW)  # whole, but made for another list of packages
            make_venv(NEW)
            pip(NEW, stamp[1].partition(",")[0], "--requirement", "requirements.txt")
            write_stamp(NEW, (*stamp[:2], str(NEW)))
        put_into_place()
        mend(VENV, stamp)
    except OSError as error:
        why = reason(str(error), "Close the programs that use .venv, then run the same command again.")
        raise InstallError(f"{error}\n{why}") from None
    finally:
        if not stamp_of(NEW):
            shutil.rmtree(NEW, ignore_errors=True)
    shutil.rmtree(OLD, ignore_errors=True)
    print("The environment is ready.\n", flush=True)


def put_into_place():
    """Let the successor take the place of .venv."""
    if VENV.exists():
        VENV.rename(OLD)
    try:
        NEW.rename(VENV)
    except OSError:  # Windows: a program looks into the new folder, a virus scanner perhaps
        if OLD.exists():
            OLD.rename(VENV)
        raise


def make_venv(folder, *options):
    """Make an environment with the Python that runs this file (below a venv: the one it was made from)."""
    needs = [("venv", "makes environments"), ("ensurepip", "puts pip into an environment")]
    for module, means in needs[: 1 if "--without-pip" in options else 2]:
        if importlib.util.find_spec(module) is None:
            raise InstallError(
                f"This Python ({sys.executable}) has no module {module}, which {means}. On Debian or Ubuntu "
                "`sudo apt install python3-venv` brings it; elsewhere install Python from "
                "https://www.python.org and run this file with it."
            )
    python = getattr(sys, "_base_executable", None) or sys.executable
    command = [python, "-m", "venv", "--prompt", "workbook", *options, folder]
    said = []
    if listen(command, said.append):
        text = "\n".join(said)
        why = reason(text, "The environment .venv could not be made: the words above say why.")
        raise InstallError(f"{text}\n\n{why}")


def pip(folder, what, *options):
    """Install packages with a line of progress; on failure show the end of what pip said."""
    command = [python_of(folder), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--retries", "3"]  # whatever the settings say: only where it tries again, pip says why
    said = []

    def hear(line):
        said.append(line)
        collected = sum(earlier.startswith("Collecting ") for earlier in said)
        if line.startswith("Collecting ") and collected % 10 == 0:
            print(f"  fetched {collected} packages ...", flush=True)
        if line.startswith("Installing collected"):
            print(f"  installing {what} ...", flush=True)

    if listen([*command, *options], hear):
        end_of_it = "\n".join(said[-12:])
        unknown = f"pip could not install {what}: its last words are above."
        raise InstallError(f"{end_of_it}\n\n{reason(chr(10).join(said), unknown)}")


def listen(command, hear):
    """Run a program, hand over each line that it prints, and return its exit status."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    with program(command, **pipes, encoding="utf-8", errors="replace") as process:
        for line in process.stdout:
            hear(line.rstrip())
        return wait(process)


def reason(said, otherwise):
    """Return why an installation failed and what helps, as far as that can be known."""
    full = re.search(r"Errno 28\b|No space left|WinError 112\b|Errno 122\b|[Qq]uota exceeded", said)
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError:  # there is no folder into which a short file can be written
        temporary, full = "the folder for temporary files", True
    if full or min(shutil.disk_usage(folder).free for folder in (ROOT, temporary)) < LEAST_FREE:
        return (
            f"The disk is full. The environment needs 1.4 GB in {ROOT}, twice that while it is renewed, and "
            f"its downloads pass through {temporary}. Make room, then run the same command again."
        )
    return next((means for words, means in REASONS if re.search(words, said)), otherwise)


def write_stamp(folder, stamp):
    """Say in an environment what it holds: it is whole now."""
    replace(folder / STAMP, "\n".join([*stamp, ""]).encode("utf-8"))


def replace(file, data):
    """Give a file other content, whole or not at all, where it has not that content already."""
    if file.exists() and file.read_bytes() == data:
        return
    neighbour = file.with_name(f"{file.name}.part")
    neighbour.write_bytes(data)
    if file.exists():
        shutil.copymode(file, neighbour)
    os.replace(neighbour, file)


def mend(folder, stamp):
    """Put an environment right whose folder has moved, or whose Python has: its packages stay."""
    was = stamp_of(folder)[2]
    for link in python_of(folder).parent.glob("python*"):
        if link.is_symlink():
            link.unlink()
    make_venv(folder, "--without-pip")  # links to Python, pyvenv.cfg and the scripts that activate
    for script in list(python_of(folder).parent.iterdir()):
        if script.is_file() and not script.is_symlink():
            replace(script, with_another_python(script.read_bytes(), was, str(folder)))
    write_stamp(folder, stamp)


def with_another_python(script, was, now):
    """Return a script of an environment (the bytes of its file) that starts the Python of another folder.

    A script begins with the path of its Python: behind "#!", or, where that cannot be, in two lines that
    /bin/sh understands. A program of Windows has the first form in front of the archive at its end.
    """
    before, after = re.escape(os.fsencode(was)), os.fsencode(now).replace(b"\\", b"\\\\")
    if os.name == "nt":
        return re.sub(rb'#!"?' + before + rb'(\\[^"\r\n]*\.exe)"?', rb'#!"' + after + rb'\1"', script)
    lines = rb"\A#!(?:/bin/sh\n'''exec' )?\"?" + before + rb"(/bin/\w[\w.]*)\"?(?: \"\$0\" \"\$@\"\n' ''')?\n"
    return re.sub(lines, rb"#!/bin/sh\n'''exec' " + b'"' + after + rb'\1" "$0" "$@"' + b"\n' '''\n", script)


def add_helpers(folder):
    """Let an environment's Python import the helpers, and know the workbook's version, from any folder.

    What `pip install --editable .` would do, but with a relative path: it stays true when the project moves.
    """
    import tomllib  # not in the older Python that `main` refuses

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        path = os.path.relpath(ROOT, folder)
    except ValueError:  # Windows: on another drive
        path = str(ROOT)
    about = folder / (project["name"].replace("-", "_") + ".dist-info")
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    with contextlib.suppress(OSError):  # a folder that may only be read
        about.mkdir(exist_ok=True)
        replace(about / "METADATA", metadata.encode("utf-8"))
        replace(folder / "workbook.pth", f"{path}\n".encode())


# Who uses the environment: the system frees a lock when its holder ends, in whatever way it ends


def lock_file():
    """Open the lock file; it is None where it cannot be written, since nothing can be made there either."""
    try:
        return LOCK_FILE.open("ab")
    except OSError:
        return contextlib.nullcontext()


def take(file, part):
    """Take a part of the lock file, unless another command holds it; return whether that went well."""
    first, number = part
    try:
        if file and fcntl:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, number, first)
        elif file:
            file.seek(first)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, number)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # else: a disk without locks
    return True


def give(file, part):
    """Give a part of the lock file back."""
    first, number = part
    with contextlib.suppress(OSError):
        if file and fcntl:
            fcntl.lockf(file, fcntl.LOCK_UN, number, first)
        elif file:
            file.seek(first)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, number)


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, end)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
