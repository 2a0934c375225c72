"""Files that a library cannot read: whatever it raises becomes one plain sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class RefusedError(ValueError):
    """What is refused in plain words already, inside of a block that watches for damage."""


@contextlib.contextmanager
def damage(file: str, remedy: str = "copy it again, or export the curve as text") -> Iterator[None]:
    """Turn whatever goes wrong in a block into the sentence that the file is damaged.

    Raises
    ------
    ValueError
        With the library's own words in brackets; a `RefusedError` stays as it is.

    Examples
    --------
    >>> try:
    ...     with damage("a.sdt"):
    ...         {}["tac_r"]
    ... except ValueError as error:
    ...     print(str(error)[:71])
    a.sdt: damaged, cut short or of an unknown kind (KeyError: 'tac_r'); co
    """
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        raise ValueError(damaged(file, reason, remedy)) from error


def damaged(file: str, reason: str, remedy: str = "copy it again, or export the curve as text") -> str:
    """Return the sentence that a file is damaged, with a reason.

    Examples
    --------
    >>> damaged("a.sdt", "no header")
    'a.sdt: damaged, cut short or of an unknown kind (no header); copy it again, or export the curve as text'
    """
    return f"{file}: damaged, cut short or of an unknown kind ({reason[:100]}); {remedy}"
