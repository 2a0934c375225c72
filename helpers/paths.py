"""Where the project's folders lie, and how a file is put there whole."""

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
