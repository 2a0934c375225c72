"""Where a description lies: found by name, or a message that says what lies there instead."""

from __future__ import annotations

from pathlib import Path

from helpers.description.toml_errors import nearest
from helpers.paths import DATA

TEMPLATES = {
    "TRPL counts": "trpl_counts.toml",
    "TA": "ta.toml",
    "TRMC": "trmc.toml",
    "density": "density.toml",
}


def find(name: str | Path, folder: str | Path = DATA) -> Path:
    """Return the path of a description from its name or path, with or without .toml.

    Parameters
    ----------
    name : str or Path
        "sample_data" for data/sample_data.toml, or a path from the current folder, from the data folder or
        from the one above it.
    folder : str or Path
        The data folder.

    Raises
    ------
    FileNotFoundError
        If there is none; names what lies there instead, and what to do.

    Examples
    --------
    >>> find("sample_data").name
    'sample_data.toml'
    """
    folder, given = Path(folder), str(name).strip()
    if not given:
        raise FileNotFoundError('the name of the measurement is empty; give one, for instance "sample_data"')
    stem = given.removesuffix(".toml")
    beside = [folder, Path(), folder.parent]
    if Path(given).name != given:  # a path begins at the current folder
        beside = [Path(), folder, folder.parent]
    for base in beside:
        for candidate in (base / given, base / f"{stem}.toml"):
            if candidate.name.endswith(".toml") and is_file(candidate):
                return candidate
    raise FileNotFoundError(_why_not_found(stem, beside))


def _why_not_found(stem: str, bases: list[Path]) -> str:
    wanted = f"{Path(stem).name}.toml"
    for base in bases:
        if is_file(base / f"{stem}.toml.txt"):
            return (
                f"{wanted}: there is only {wanted}.txt; rename it to {wanted} (the system may hide the ending"
                " .txt: let it show the endings of files first)"
            )
    name = stem
    for ending in (".csv", ".txt", ".dat", ".gz"):
        name = name.removesuffix(ending)
    for base in bases:
        for table in (base / stem, base / f"{stem}.csv"):
            if is_file(table):
                return _describe_first(table, base / f"{name}.toml")
    near = nearest(Path(stem).name, [path.stem for path in listed(bases[0]) if path.suffix == ".toml"])
    remedy = (
        f"write {near!r}" if near else "copy a template from data/templates/ beside the data and fill it in"
    )
    if len(Path(stem).parts) > 1:
        return f"{stem}.toml: there is no such file, from {bases[0].resolve()}; {remedy}"
    return f"{wanted}: no such description in {bases[0]}; {remedy}"


def _describe_first(table: Path, description: Path) -> str:
    if is_file(description):
        return f"{table.name} holds data; give its description, {description.name}"
    templates = ", ".join(f"{name} for {kind}" for kind, name in TEMPLATES.items())
    return (
        f"{table.name} holds data without a description; copy a template from data/templates/ ({templates})"
        f" to {description} and write file = {table.name!r} in it"
    )


def is_file(path: Path) -> bool:
    """Say whether a file of this name exists, whatever the name."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the system
        return False


def is_folder(path: Path) -> bool:
    """Say whether a folder of this name exists, whatever the name."""
    try:
        return path.is_dir()
    except OSError:
        return False


def listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, in order of names; nothing where it cannot be opened."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
