"""run.py and its environment under real faults: no network, a full disk, a killed command, a moved folder.

Each test runs run.py itself in a made-up project whose only package is a small wheel made here.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers.paths import ROOT

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has neither signals nor symbolic links for all")
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
PYTHON = "python.exe" if os.name == "nt" else "python"
# What the made-up package holds: the version that a command prints, a server that runs until it is ended,
# and a script with the path of its Python in the first line.
MODULES = {
    "tiny.py": "import sys\nVERSION = '{version}'\ndef main(): print('tiny in', sys.prefix)\n",
    "jupyterlab.py": "import os, sys\nprint('Lab is', os.getpid(), flush=True)\nsys.stdin.read()\n",
}
REPORT = (
    "import tiny; from importlib.metadata import version as v\nprint('tiny', tiny.VERSION, v('made-up'))\n"
)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Return a folder with two versions of the made-up package."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        about = f"tiny-{version}.dist-info"
        files = {name: text.format(version=version) for name, text in MODULES.items()}
        files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
        files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files[f"{about}/entry_points.txt"] = "[console_scripts]\ntiny = tiny:main\n"
        files[f"{about}/RECORD"] = "".join(f"{name},{record(text)}\n" for name, text in files.items())
        with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in files.items():
                wheel.writestr(zipfile.ZipInfo(name), text)
    return folder


def record(text):
    """Return a file's hash and size as a wheel lists them."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(text)}"


class Project:
    """A made-up project in a folder of its own, and the commands given there."""

    def __init__(self, folder: Path, wheels: Path, **variables: str):
        self.folder, self.wheels = folder, wheels
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "CONDA"))}
        packages = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        packages["PYTHONUTF8"] = "1"  # so that what a command prints is read as it was meant
        self.variables = {**kept, **packages, **variables}

    def write(self):
        """Write the project's files."""
        (self.folder / "tools").mkdir(parents=True)
        (self.folder / "tools" / "report.py").write_text(REPORT)
        (self.folder / "pyproject.toml").write_text('[project]\nname = "made-up"\nversion = "3.1"\n')
        shutil.copy(ROOT / "run.py", self.folder)
        self.lock("1.0")
        return self

    def lock(self, version, comment="", digest=None):
        """Write the lock: one version of the package, with its hash or another one."""
        if digest is None:
            wheel = self.wheels / f"tiny-{version}-py3-none-any.whl"
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        text = f"{comment}--only-binary :all:\ntiny=={version} \\\n    --hash=sha256:{digest}\n"
        (self.folder / "requirements.txt").write_text(text)

    def start(self, *words, python=sys.executable, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
        command = [python, "run.py", *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.variables, encoding="utf-8", **options)

    def run(self, *words, **options):
        """Carry out a command and return its exit status and all that it said."""
        with self.start(*words, stdin=subprocess.DEVNULL, **options) as process:
            said = process.communicate()[0]
        return process.returncode, said

    @contextlib.contextmanager
    def lab(self):
        """Let the made-up Lab run; gives the process of run.py, and Lab's own number."""
        with self.start("lab") as process:
            heard = until(process, "Lab is")
            yield process, int(heard.split()[-1])
            process.stdin.close()

    def venv(self, *parts):
        return self.folder.joinpath(".venv", *parts)

    def asked(self, script, *words):
        """Run one of the environment's scripts, from another folder, and return what it says."""
        command = [self.venv(SCRIPTS, script), *words]
        return subprocess.check_output(command, cwd=self.wheels, env=self.variables, encoding="utf-8")

    def leftovers(self):
        return sorted(path.name for path in self.folder.glob(".venv.*") if path.is_dir())


def until(process, words):
    """Read what a command says up to a line with these words, and return that line."""
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"the command ended without saying {words!r}")


@pytest.fixture(scope="module")
def offline():
    """Return the variables of a machine on which no package index answers."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))  # taken, but nobody listens there
        yield asking(mute)


def asking(index):
    """Return the variables with which pip asks this socket for packages."""
    address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
    return {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": address, "PIP_FIND_LINKS": ""}


@pytest.fixture(scope="module")
def killed(tmp_path_factory, wheels):
    """Return a project whose first command was killed while pip was at work, and what that left behind."""
    project = Project(tmp_path_factory.mktemp("first") / "project", wheels).write()
    if os.name == "nt":
        return project, None  # its pip would live on, and hold the folder
    variables = project.variables
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(60)
        project.variables = variables | asking(index)
        with project.start("fit") as process:
            question = index.accept()[0]  # pip waits for an answer, which never comes
            process.kill()
        question.close()
    project.variables = variables
    return project, project.leftovers()


@pytest.fixture(scope="module")
def first_commands(killed):
    """Return a project in which two commands were given at once, and what each of them said."""
    project = killed[0]
    with project.start("fit") as one:
        beginning = until(one, "Making")
        with project.start("fit") as other:
            said = [beginning + one.communicate()[0], other.communicate()[0]]
    return project, [one.returncode, other.returncode], said


@pytest.fixture
def project(first_commands, tmp_path, wheels):
    """Return a project with an environment that works: a copy, in another folder than it was made in."""
    shutil.copytree(first_commands[0].folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project", wheels)


@pytest.fixture
def new_project(tmp_path, wheels):
    return Project(tmp_path / "project", wheels).write()


@POSIX
def test_a_killed_installation_is_begun_again(killed, first_commands):
    assert killed[1] == [".venv.new"]
    assert first_commands[0].leftovers() == []


def test_of_two_first_commands_one_makes_the_environment_and_the_other_waits(first_commands):
    project, statuses, (one, other) = first_commands
    assert statuses == [0, 0]
    assert one.count("tiny 1.0 3.1") == other.count("tiny 1.0 3.1") == 1
    assert "waiting" in other
    assert "Making" not in other
    assert project.leftovers() == []


def test_a_comment_or_another_hash_installs_nothing(first_commands):
    project = first_commands[0]
    before = project.venv("workbook-stamp.txt").read_bytes()
    project.lock("1.0", "# a comment\n\n", digest="0" * 64)
    assert project.run("fit") == (0, "tiny 1.0 3.1\n")
    assert project.venv("workbook-stamp.txt").read_bytes() == before
    project.lock("1.0")


def test_a_moved_project_is_mended_without_an_installation(first_commands, tmp_path, wheels):
    moved = Project(tmp_path / "a folder with blanks, and ü" / "project", wheels)
    shutil.copytree(first_commands[0].folder, moved.folder, symlinks=True)
    assert moved.run("fit") == (0, "tiny 1.0 3.1\n")
    assert moved.asked("tiny") == f"tiny in {moved.venv()}\n"
    # A Python started anywhere else finds the project in its new place.
    where = "import sys; print([path for path in sys.path if path.endswith('project')])"
    assert moved.asked(PYTHON, "-c", where) == f"{[str(moved.folder)]}\n"
    old = os.fsencode(first_commands[0].folder)
    assert [path.name for path in moved.venv(SCRIPTS).iterdir() if old in path.read_bytes()] == []


@POSIX
def test_an_environment_whose_python_has_moved_is_mended(project):
    # What an upgrade from 3.12.1 to 3.12.2 leaves behind where each lies in a folder of its own.
    for link in project.venv("bin").glob("python*"):
        link.unlink()
        link.symlink_to("/no/such/folder/python3")
    assert project.run("fit") == (0, "tiny 1.0 3.1\n")


def test_a_new_lock_renews_the_environment(project):
    project.lock("2.0")
    status, said = project.run("fit")
    assert (status, said.splitlines()[-1]) == (0, "tiny 2.0 3.1")
    assert project.leftovers() == []
    assert project.asked("tiny") == f"tiny in {project.venv()}\n"


def test_without_a_network_an_environment_that_works_is_used(project, offline):
    project.variables |= offline
    project.lock("2.0")
    status, said = project.run("fit")
    assert status == 0
    assert "could not be reached" in said
    assert "Warning: .venv was made for another requirements.txt" in said
    assert said.endswith("tiny 1.0 3.1\n")
    assert project.leftovers() == []


def test_a_file_that_is_not_the_locked_one_is_refused(new_project):
    new_project.lock("1.0", digest="0" * 64)
    status, said = new_project.run("fit")
    assert status == 1
    assert said.splitlines()[-1].startswith("A downloaded file is not the one that requirements.txt names")
    assert not new_project.venv().exists()
    assert new_project.leftovers() == []


def small_disk(folder, size):
    """Return the beginning of a command that sees a small disk of its own in `folder`, or skip the test."""
    alone = ["unshare", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o size="$1" none "$2" && cp -a "$3/." "$2" && cd "$2" && shift 3 && "$@"'
    if not shutil.which("unshare"):
        pytest.skip("this system has no `unshare`, which gives a process a small disk of its own")
    command = [*alone, "mount", "-t", "tmpfs", "none", folder]
    tried = subprocess.run(command, check=False, capture_output=True)
    if tried.returncode:
        pytest.skip("this system lets no process mount a small disk of its own")
    return [*alone, "sh", "-c", mount, "sh", size, folder]


def test_on_a_full_disk_an_environment_that_works_is_used(project, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    project.lock("2.0")
    used = sum(
        -(-path.lstat().st_size // 4096) * 4 for path in project.folder.rglob("*")
    )  # in pages of 4 KiB
    command = [*small_disk(disk, f"{used + 2048}k"), project.folder, sys.executable, "run.py", "fit"]
    done = subprocess.run(command, env=project.variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The disk is full." in done.stderr
    assert done.stdout.endswith("tiny 1.0 3.1\n")


@POSIX
@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_what_makes_environments_is_named(new_project, tmp_path, missing):
    # A Python whose standard library lacks one module, as Debian divides it.
    library = Path(os.__file__).parent
    home = tmp_path / "home"
    fake = home / library.relative_to(sys.base_prefix)
    fake.mkdir(parents=True)
    for path in library.iterdir():
        if path.name not in (missing, "site-packages", "__pycache__"):
            (fake / path.name).symlink_to(path)
    new_project.variables["PYTHONHOME"] = str(home)
    status, said = new_project.run("fit", python=sys._base_executable)
    assert status == 1
    assert f"has no module {missing}," in said
    assert "sudo apt install python3-venv" in said


def test_a_command_killed_between_two_renamings_loses_nothing(project):
    project.run("fit")
    project.venv().rename(project.folder / ".venv.old")
    (project.folder / ".venv.new").mkdir()  # and another one while it installed
    assert project.run("fit") == (0, "tiny 1.0 3.1\n")
    assert project.leftovers() == []


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_it_ends_lab_as_well(project, name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # under nohup, run.py would ignore SIGHUP
    try:
        with project.lab() as (process, lab):
            process.send_signal(number)
            assert process.wait(60) == 128 + number
            with pytest.raises(ProcessLookupError):
                os.kill(lab, 0)
    finally:
        signal.signal(number, before)


def test_clean_does_not_remove_an_environment_in_use(project):
    with project.lab():
        status, said = project.run("clean")
        assert status == 1
        assert "End it, then run `python run.py clean` again." in said
        assert project.venv(SCRIPTS, PYTHON).exists()
    assert project.run("clean")[0] == 0
    assert not project.venv().exists()


@POSIX
@pytest.mark.parametrize(("answer", "left"), [("n\n", True), ("yes\n", False)])
def test_clean_asks_at_a_terminal(project, answer, left):
    with project.lab():
        terminal, end = os.openpty()
        with project.start("clean", stdin=end) as process:
            os.write(terminal, answer.encode())
            said = process.communicate()[0]
        os.close(terminal)
        os.close(end)
    assert "Remove the environment all the same? [y/N]" in said
    assert project.venv().exists() == left


def test_an_environment_in_use_is_not_replaced(project):
    with project.lab():
        project.lock("2.0")
        status, said = project.run("fit")
    assert status == 0
    assert "Another command is using .venv" in said
    assert said.endswith("tiny 1.0 3.1\n")


def test_conda_keeps_its_own_environment(project, tmp_path, wheels):
    # conda's Python is one that finds its packages already: here, the one of another environment.
    project.run("fit")
    named = {"CONDA_DEFAULT_ENV": "recombination-workbook", "CONDA_PREFIX": str(project.venv())}
    conda = Project(tmp_path / "conda", wheels, **named).write()
    assert conda.run("fit", python=project.venv(SCRIPTS, PYTHON)) == (0, "tiny 1.0 3.1\n")
    assert not conda.venv().exists()


def test_another_python_started_in_conda_is_left_alone(project, tmp_path, wheels):
    project.run("fit")
    named = {"CONDA_DEFAULT_ENV": "recombination-workbook", "CONDA_PREFIX": str(tmp_path / "elsewhere")}
    other = Project(tmp_path / "conda", wheels, **named).write()
    (packages,) = project.venv().rglob("site-packages")
    before = {path.name: path.stat().st_mtime_ns for path in packages.iterdir()}
    status, said = other.run("fit", python=project.venv(SCRIPTS, PYTHON))
    assert (status, said.splitlines()[-1]) == (0, "tiny 1.0 3.1")
    assert other.venv().exists()
    assert {path.name: path.stat().st_mtime_ns for path in packages.iterdir()} == before
