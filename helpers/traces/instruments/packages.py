"""Packages that only some files need."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Iterator
from types import ModuleType


def package(name: str, file: str, kind: str) -> ModuleType:
    """Import a package that reads a kind of file, or say how to get it.

    Raises
    ------
    ValueError
        If it is not installed; names the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError(
            f"{file}: {kind} needs the package {name}, which is not installed; install it with"
            f" python -m pip install {name}, or export the curve as text"
        ) from None


@contextlib.contextmanager
def logged_errors(name: str) -> Iterator[list[str]]:
    """Collect the errors that a package logs, which would go to the terminal and be overlooked."""
    logger = logging.getLogger(name)
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                found.append(record.getMessage())

    handler, spreads = Collector(), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate = spreads
