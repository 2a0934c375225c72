"""Names of kept guesses, and guesses taken out of their file, which `helpers.guesses` writes and reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers import entries
from helpers.paths import write_text

LONGEST = 60  # letters of a name


def rename(path: Path, old: str, new: str) -> None:
    """Give a guess another name, at the same place in its file.

    Raises
    ------
    ValueError
        For a name that is empty, too long or taken.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_text(Path(folder) / "a.json", '{"guesses": {"by hand, number 1": 1}}')
    ...     rename(path, "by hand, number 1", "slow")
    ...     names_in(path)
    ['slow']
    """
    check(new, [name for name in names_in(path) if name != old])
    _change(path, lambda held: {new if name == old else name: each for name, each in held.items()})


def forget(path: Path, name: str) -> None:
    """Take a guess out of its file."""
    _change(path, lambda held: {each: held[each] for each in held if each != name})


def check(name: str, taken: list[str]) -> None:
    """Refuse a name that a guess cannot have.

    Raises
    ------
    ValueError
        For a name that is empty, too long or taken, or the automatic guess's.
    """
    if name == "automatic":
        raise ValueError("“automatic” is the name of the automatic guess: choose another name")
    if not name or len(name) > LONGEST:
        raise ValueError(f"a name has 1 to {LONGEST} letters: choose another name")
    if name in taken:
        raise ValueError(f"“{name}” is the name of another guess: choose another name")


def names_in(path: Path) -> list[str]:
    """Names of all guesses in a file, of whatever law; none where no file is."""
    return list(entries.parse(path.read_bytes())["guesses"]) if path.exists() else []


def _change(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    content = entries.parse(path.read_bytes())
    content["guesses"] = change(content["guesses"])
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
