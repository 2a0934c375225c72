"""The project as a whole: what a reader of the repository relies on. Each test says what would be lost."""

from __future__ import annotations

import ast
import importlib.metadata
import itertools
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.paths import RESULTS, ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted((ROOT / "helpers").rglob("*.py"))
TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")]
PAGES = [path for path in (*TEXTS, *NOTEBOOKS) if path.exists()]

LATE = {"keras", "jax", "tensorflow", "torch", "mlxtend"}  # seconds to import, so inside functions only
LONGEST_CELL = 15
MOST_IGNORED = {"08": 8, "09": 8}  # only training results differ in their digits between processors
MACHINE_PATH = re.compile(r"(?<![\w.~])(/home/|/root/|/tmp/|/Users/|/var/folders/|[A-Z]:\\)")
CHANGES_EACH_RUN = re.compile(r"\b0x[0-9a-f]{6,}\b|\d(it/s|s/it)\]|\?it/s\]")


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def printed(cell: nbformat.NotebookNode) -> str:
    """Return all text that a code cell shows: streams, results and errors, but no pictures."""
    texts = []
    for output in cell.outputs:
        texts.append(output.get("text", ""))
        texts += [str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(texts)


def ignored(cell: nbformat.NotebookNode) -> bool:
    return "nbval-ignore-output" in tags(cell) or "NBVAL_IGNORE_OUTPUT" in cell.source


@pytest.fixture(params=NOTEBOOKS, ids=names(NOTEBOOKS))
def notebook(request):
    node = nbformat.read(request.param, as_version=4)
    nbformat.validate(node)
    node.metadata["path"] = request.param
    return node


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


class TestNotebooks:
    """A reader without a kernel sees whole notebooks; a reader with one gets the same again."""

    def test_were_run_once_from_top_to_bottom(self, code):
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))

    def test_show_their_results_without_a_kernel(self, code):
        shown = [output for cell in code for output in cell.outputs]
        pictures = [output for output in shown if "image/png" in output.get("data", {})]
        assert pictures, "no picture is stored"
        assert any(printed(cell).strip() for cell in code), "no printed result is stored"

    def test_report_no_error_and_no_warning(self, code):
        outputs = [output for cell in code for output in cell.outputs]
        assert [output for output in outputs if output.output_type == "error"] == []
        assert [output.text for output in outputs if output.get("name") == "stderr"] == []

    def test_carry_no_widget_state(self, notebook, code):
        # Code-hosting sites show "Invalid Notebook" for it, and its random numbers change at each run.
        assert "widgets" not in notebook.metadata
        kinds = {kind for cell in code for output in cell.outputs for kind in output.get("data", {})}
        assert "application/vnd.jupyter.widget-view+json" not in kinds

    def test_show_nothing_that_differs_on_another_machine(self, notebook, code):
        texts = [cell.source for cell in notebook.cells] + [printed(cell) for cell in code]
        assert [text for text in texts if MACHINE_PATH.search(text)] == []
        assert [printed(cell) for cell in code if CHANGES_EACH_RUN.search(printed(cell))] == []
        assert all("execution" not in cell.metadata for cell in code), "time stamps; use `run.py all`"

    def test_open_with_the_kernel_that_every_installation_has(self, notebook):
        assert notebook.metadata.kernelspec.name == "python3"
        assert "version" not in notebook.metadata.get("language_info", {})

    def test_begin_with_a_title(self, notebook):
        first = notebook.cells[0]
        assert first.cell_type == "markdown"
        assert first.source.startswith("# ")

    def test_have_cells_that_fit_on_a_screen(self, code):
        long = [cell.source for cell in code if len(cell.source.splitlines()) > LONGEST_CELL]
        assert long == []

    def test_have_few_cells_whose_output_is_not_compared(self, notebook, code):
        allowed = MOST_IGNORED.get(notebook.metadata["path"].name[:2], 0)
        assert sum(map(ignored, code)) <= allowed
        assert all("nbval-skip" not in tags(cell) and "NBVAL_SKIP" not in cell.source for cell in code)

    def test_assert_what_is_not_compared(self, code):
        for position, cell in enumerate(code):
            following = [later for later in code[position + 1 :] if not ignored(later)]
            checked = any("assert" in later.source for later in following)
            assert not ignored(cell) or checked, cell.source


def test_every_notebook_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in names(NOTEBOOKS) if name not in readme] == []


@pytest.mark.parametrize(("earlier", "later"), list(itertools.pairwise(NOTEBOOKS)))
def test_every_notebook_leads_to_the_next(earlier, later):
    assert f"]({later.name})" in prose(earlier)


def test_running_the_notebooks_again_leaves_the_same_results():
    # A test run works on a copy of results/; what it wrote there must be what is committed.
    assert RESULTS != ROOT / "results"
    committed, rerun = contents(ROOT / "results"), contents(RESULTS)
    assert sorted(rerun) == sorted(committed)
    assert [name for name in rerun if rerun[name] != committed[name]] == []


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file below a folder, but for pictures and what the system hides there."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.suffix != ".png"}


def prose(page: Path) -> str:
    """Return a page's Markdown: a text file as it is, a notebook's text cells one after another."""
    if page.suffix != ".ipynb":
        return page.read_text(encoding="utf-8")
    cells = nbformat.read(page, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_no_link_leads_nowhere(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", prose(page), flags=re.DOTALL)
    targets = re.findall(r"\]\(<?([^)>\s]+)>?[^)]*\)|<img[^>]*src=\"([^\"]+)\"", text)
    inside = [target for pair in targets for target in pair if target and not elsewhere(target)]
    assert [target for target in inside if not (page.parent / target.split("#")[0]).exists()] == []


class TestContributing:
    """Whoever wants to change something is sent to what is there."""

    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = tuple(re.findall(r"```(.*?)```", text, flags=re.DOTALL))
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)

    def test_names_only_what_exists(self):
        quoted = set(re.findall(r"`([^`]+)`", self.prose))
        assert [name for name in sorted(quoted) if not (is_path(name) or is_name(name))] == []

    def test_gives_commands_for_files_that_exist(self):
        words = [word for block in self.commands for word in block.split() if "/" in word]
        assert words
        assert [word for word in words if not is_path(word)] == []

    def test_has_every_package_on_its_map(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        packages = [name.replace(".", "/") for name in project["tool"]["setuptools"]["packages"]]
        assert [package for package in packages if f"`{package}/`" not in self.text] == []


def is_path(name: str) -> bool:
    """Whether a file is there: a path from the project's folder, or what a command runs."""
    return (ROOT / re.sub(r"^python (\S+).*", r"\1", name)).exists()


def is_name(name: str) -> bool:
    """Whether a dotted name leads from `helpers` to a module, class, function or method."""
    if not re.fullmatch(r"helpers(\.\w+)+", name):
        return name in {"ax=None", "assert"}
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def elsewhere(target: str) -> bool:
    return re.match(r"[a-z]+:|#", target) is not None


class TestHelpers:
    """Importing a module is quick, it prints nothing, and its name means one thing only."""

    @pytest.fixture(params=MODULES, ids=[path.relative_to(ROOT).as_posix() for path in MODULES])
    def module(self, request):
        return request.param

    def test_import_the_heavy_packages_only_where_used(self, module):
        tree = ast.parse(module.read_text(encoding="utf-8"))
        at_import = {name.split(".")[0] for node in outside_functions(tree) for name in imported(node)}
        assert at_import.isdisjoint(LATE)

    def test_leave_the_telling_to_the_notebooks(self, module):
        calls = [
            node
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert [call.lineno for call in calls if call.func.id == "print"] == []


def test_no_module_bears_the_name_of_what_its_package_exports():
    # `from helpers.fitting import fit` must not bring a module one day and a function the next.
    for door in (ROOT / "helpers").rglob("__init__.py"):
        package = pkgutil.resolve_name(".".join(door.parent.relative_to(ROOT).parts))
        modules = {path.stem for path in door.parent.glob("*.py")}
        assert modules.isdisjoint(getattr(package, "__all__", ())), door


def imported(node: ast.AST) -> list[str]:
    """Return the full names that an import statement brings in; relative ones as parts of helpers."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = ".".join(filter(None, ["helpers" if node.level else None, node.module]))
        return [f"{package}.{alias.name}" for alias in node.names]
    return []


def outside_functions(node: ast.AST) -> list[ast.AST]:
    """Return the nodes that Python carries out when it imports a module."""
    found = []
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found += [child, *outside_functions(child)]
    return found


class TestPackages:
    """Everyone gets the same packages, whichever door they come in by."""

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # Comments apart, an option and then one pin a paragraph: the lines of its hashes go on with a backslash.
    text = re.sub(r"#.*|\\\n", "", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    option, *lock = (line.strip() for line in text.splitlines() if line.strip())
    pins = tuple(Requirement(line.partition(" --hash")[0]) for line in lock)

    def test_the_lock_has_one_version_of_each_direct_dependency_within_its_range(self):
        locked = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in self.pins}
        lists = [self.project["dependencies"], *self.project["optional-dependencies"].values()]
        direct = [Requirement(line) for line in itertools.chain(*lists)]
        assert [
            item.name
            for item in direct
            if not item.specifier.contains(locked.get(canonicalize_name(item.name), "0"))
        ] == []

    def test_the_package_alone_brings_neither_networks_nor_tests_nor_a_notebook_server(self):
        light = {Requirement(line).name for line in self.project["dependencies"]}
        assert light.isdisjoint(
            {"keras", "jax", "mlxtend", "pytest", "playwright", "jupyterlab", "distributed"}
        )

    def test_a_notebook_service_takes_versions_of_the_lock(self):
        lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
        pins = [Requirement(line) for line in lines if line and not line.startswith(("#", "-", "."))]
        locked = {(pin.name, str(pin.specifier)) for pin in self.pins}
        assert {(pin.name, str(pin.specifier)) for pin in pins} <= locked
        assert "jupyterlab" in {pin.name for pin in pins}
        assert "keras" not in {pin.name for pin in pins}

    def test_the_lock_pins_each_package_with_its_hashes_and_names_no_index(self):
        pin = r"[a-z0-9.-]+==[0-9][\w.]*( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+"
        assert [line for line in self.lock if not re.fullmatch(pin, line)] == []
        assert [pin.name for pin in self.pins if pin.url] == []
        assert self.option == "--only-binary :all:"

    def test_conda_takes_its_packages_from_the_same_lock(self):
        text = (ROOT / "environment.yml").read_text(encoding="utf-8")
        items = [line.strip() for line in text.partition("dependencies:\n")[2].splitlines()]
        least = self.project["requires-python"].partition(",")[0]
        assert items[0].startswith(f"- python{least}")
        assert items[1:] == ["- pip", "- pip:", "- -r requirements.txt"]

    def test_what_runs_here_is_what_is_locked(self):
        wanted = {pin.name: pin for pin in self.pins if pin.marker is None or pin.marker.evaluate()}
        installed = {name: importlib.metadata.version(name) for name in wanted}
        assert [name for name, pin in wanted.items() if not pin.specifier.contains(installed[name])] == []

    def test_the_citation_names_this_version(self):
        citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
        assert f"\nversion: {self.project['version']}\n" in citation


@pytest.mark.parametrize("options", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_the_code_reads_the_same_everywhere(options):
    command = [sys.executable, "-m", "ruff", *options, "--no-cache", "--quiet", str(ROOT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_agree():
    # A None where an array is meant, or a number where a name is, is found here and not by a user.
    command = [sys.executable, "-m", "mypy", "--no-error-summary"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_packages_import_downwards_only():
    # Whoever reads one package understands it from those below it, indirect imports included.
    program = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True, no_logo=True))"
    command = [sys.executable, "-X", "utf8", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
