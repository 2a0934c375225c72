"""Where the project's folders lie, how a file is put there whole, and how one is opened with care."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
# Tests and trial runs point this elsewhere, so that the committed results stay as they are.
RESULTS = Path(os.environ.get("WORKBOOK_RESULTS", ROOT / "results"))


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file atomically: whoever looks, at any moment, finds the old file or the new one, whole.

    The text goes to a neighbour first, is forced to the disk and then takes the file's name in one step.
    Makes the folder if it is missing. Line ends are line feeds everywhere, so that equal text is equal bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, neighbour = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(neighbour, 0o644)  # mkstemp makes private files; results are there to be read
        os.replace(neighbour, path)
    except BaseException:
        Path(neighbour).unlink(missing_ok=True)
        raise
    return path


def read_start(path: Path, most: int, kind: str) -> bytes:
    """Return the first `most` + 1 bytes of a regular file: one more than `most` says that it is too large.

    Parameters
    ----------
    path : Path
    most : int
    kind : str
        What is wanted in its place where it is no regular file, as "a text file".

    Raises
    ------
    OSError
        If the file is missing, is no regular file, or cannot be read.

    Examples
    --------
    >>> read_start(DATA / "sample_data.toml", 3, "a text file")
    b'# Th'
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; check the name and the folder")
    if not path.is_file():
        raise OSError(f"{path}: is a folder or a device, not a file; give the path of {kind}")
    with path.open("rb") as stream:
        return stream.read(most + 1)
