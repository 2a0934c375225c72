"""Fit what a description asks for and write the report; `python run.py fit data/mine.toml` runs this."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

from helpers.report import make

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("WORKBOOK_BUILD", ROOT / "build"))


def main(arguments: list[str]) -> int:
    """Make the reports of one description, and say where they are; a refusal is a sentence."""
    parser = argparse.ArgumentParser(prog="python run.py fit", description="Fit a described measurement.")
    parser.add_argument("description", help="a description, such as data/mine.toml, or its name")
    parser.add_argument("--replace", action="store_true", help="replace results of an earlier description")
    for stream in (sys.stdout, sys.stderr):  # a file or an old console may have no letter for µ
        stream.reconfigure(errors="backslashreplace")
    options = parser.parse_args(arguments)
    try:
        pages = make(
            options.description,
            build=BUILD,
            replace_results=options.replace,
            say=lambda words: print(words, flush=True),
        )
    except (ValueError, OSError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    for page in pages:
        print(f"The report: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
