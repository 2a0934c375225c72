"""Where the project's folders lie, how a file is put there whole, and how one is opened with care."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
# Tests and trial runs point this elsewhere, so that the committed results stay as they are.
RESULTS = Path(os.environ.get("WORKBOOK_RESULTS", ROOT / "results"))
_LONGEST_NAME = 60  # letters, each of which may take four of the 255 bytes of a file's name
LARGEST_SMALL_FILE = 1 << 20  # bytes; saved fits and guesses have a few thousand
_LEFT_BEHIND = re.compile(r"\..+\.[0-9a-f]{8}\.part")
_OLD = 3600.0  # seconds: where files cannot be locked, a save that began earlier is over
_PATIENCE, _PAUSE = 10.0, 0.02  # seconds, for another program that changes the same folder's files
_REMEDIES = {
    errno.ENOSPC: "make room on the disk, then save again",
    errno.EDQUOT: "make room within your quota, then save again",
    errno.ENAMETOOLONG: "give a shorter name",
}
_NOT_ALLOWED = (
    "allow this user to write there (results and reports go elsewhere by the environment variables"
    " WORKBOOK_RESULTS and WORKBOOK_BUILD)"
)
_REMEDIES |= dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _NOT_ALLOWED)


def safe_name(name: str) -> str:
    """Return a name as a file or folder can have it on every system; empty where nothing is left of it.

    Letters, digits, blanks and -_. stay. A long name is cut and ends with a part of its hash.

    Examples
    --------
    >>> safe_name("film 3/4, 20 µJ"), safe_name("..")
    ('film 3_4_ 20 µJ', '')
    """
    safe = "".join(each if each.isalnum() or each in "-_. " else "_" for each in name).strip(" .")
    if len(safe) <= _LONGEST_NAME:
        return safe
    told_apart = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: _LONGEST_NAME - 9].strip(' .')}-{told_apart}"


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file as `write_bytes` does, in UTF-8 and with line feeds: equal text is equal bytes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder) / "results" / "mine.txt", "k1 = 0.1").read_text()
    'k1 = 0.1'
    """
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes | memoryview) -> Path:
    """Write a file atomically: whoever looks, at any moment, finds the old file or the new one, whole.

    The content goes to a neighbour first, is forced to the disk and then takes the file's name in one step. A
    symbolic link stays, and the file that it leads to is replaced. A new file has the permissions that the
    user's umask leaves, a replaced one keeps its own. Neighbours that killed saves left in the folder are
    removed. Makes the folder if it is missing.

    Raises
    ------
    OSError
        Where the file cannot be written; names it and the remedy, and what was there is left as it was.
    """
    path = Path(path)
    try:
        file = _followed(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = _mode_of(file)
        _sweep(file.parent)
        _put(file, data, mode)
    except OSError as error:
        if error.errno is None or not error.strerror:
            raise
        remedy = _REMEDIES.get(error.errno)
        words = f"{error.strerror}; {remedy}; not written" if remedy else error.strerror
        raise OSError(error.errno, words, str(path)) from error
    return path


def _followed(path: Path) -> Path:
    """Return the file that a symbolic link leads to in the end, and any other path as it is."""
    if not path.is_symlink():
        return path
    file = Path(os.path.realpath(path))
    if file.is_symlink():
        raise OSError(errno.ELOOP, "These symbolic links lead to each other; delete them", str(path))
    return file


def _mode_of(file: Path) -> int | None:
    """Return the permissions of the file that will be replaced; None where there is none."""
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "This is a folder or a device, not a file; give another name", str(file))
    if not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, "Permission denied", str(file))
    return stat.S_IMODE(mode)


def _put(file: Path, data: bytes | memoryview, mode: int | None) -> None:
    """Write a file beside `file`, and give it that name when it is whole."""
    descriptor, neighbour = _neighbour(file)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            if mode is not None:
                with contextlib.suppress(OSError):  # a disk without permissions
                    os.chmod(neighbour, mode)
            if sys.platform != "win32":  # while it is open and locked, no other save removes it
                os.replace(neighbour, file)
        if sys.platform == "win32":  # renames no file that is open
            os.replace(neighbour, file)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise


def _neighbour(file: Path) -> tuple[int, Path]:
    """Open a new file beside `file`, and lock it so that another save sees that it is not left behind."""
    while True:
        neighbour = file.with_name(f".{file.name[:40]}.{secrets.token_hex(4)}.part")
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        descriptor = os.open(neighbour, flags, 0o666)  # less the umask
        _lock(descriptor, wait=True)
        if neighbour.exists():
            return descriptor, neighbour
        os.close(descriptor)  # another save took it for one left behind, before it was locked


def _sweep(folder: Path) -> None:
    """Remove what killed saves have left in a folder; the system has freed their locks."""
    for name in os.listdir(folder):
        if _LEFT_BEHIND.fullmatch(name):
            with contextlib.suppress(OSError):  # another user's, or one that is in use
                _remove_if_left(folder / name)


def _remove_if_left(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        return
    if sys.platform == "win32":
        if time.time() - found.st_mtime > _OLD:
            path.unlink()
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if _lock(descriptor, wait=False):
            path.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file or folder for this program; return whether that went well."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another program has it, or the disk knows no locks
        return False
    return True


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let nobody else who asks for it change the files of a folder until the block ends.

    Between reading a file and writing it again another panel could write: what it wrote would be lost. Where
    the system or the disk knows no such locks nothing is held.

    Raises
    ------
    TimeoutError
        Where another program holds the folder for 10 seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + _PATIENCE
        while not _held(descriptor):
            if time.monotonic() > end:
                raise TimeoutError(f"{folder}: another program is changing files there; try again")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _held(descriptor: int) -> bool:
    """Take the lock of a folder; False only where another program has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks
        return True
    return True


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
        if path.is_symlink():
            raise FileNotFoundError(f"{path}: this link leads to no file; give the path of {kind}")
        raise FileNotFoundError(f"{path}: no such file; check the name and the folder")
    refusal = OSError(f"{path}: is a folder or a device, not a file; give the path of {kind}")
    if not path.is_file():
        raise refusal
    with open(path, "rb", opener=_open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):  # it was replaced since
            raise refusal
        return stream.read(most + 1)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; without waiting for somebody who writes, should it be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_small(path: Path, kind: str) -> bytes:
    """Return the content of a regular file of at most 1 MiB.

    Parameters
    ----------
    path : Path
    kind : str
        What is wanted, as "a file of guesses".

    Raises
    ------
    OSError
        See `read_start`.
    ValueError
        If the file is larger.

    Examples
    --------
    >>> len(read_small(DATA / "sample_data.toml", "a description")) < 1000
    True
    """
    content = read_start(path, LARGEST_SMALL_FILE, kind)
    if len(content) > LARGEST_SMALL_FILE:
        raise ValueError(f"it is larger than {LARGEST_SMALL_FILE >> 20} MiB, as {kind} never is")
    return content
