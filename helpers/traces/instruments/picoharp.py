"""Histograms that PicoQuant's programs export as text (PicoHarp, TimeHarp, HydraHarp: .dat, .txt).

Headings such as "#ns/channel" stand in lines of their own, and what they announce in the line below:
one value for each curve, and at last, below "#counts", the counts of all curves side by side.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from helpers.traces.dialects import Dialect
from helpers.traces.instruments.channels import Curve, as_table, times
from helpers.traces.instruments.fields import number, numbered, refuse_ragged, split
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table
from helpers.traces.texts import read_lines, shown, warn

MARK = re.compile(r"^#\s*(channels per curve|[num]?s/(channel|bin))\s*$", re.IGNORECASE | re.MULTILINE)
_WIDTH = re.compile(r"#\s*(fs|ps|ns|us|µs|ms|s)/(?:channel|bin)\s*", re.IGNORECASE)
_COUNTS = re.compile(r"#\s*counts\s*", re.IGNORECASE)


def read(path: Path, selection: Selection, decimal: str | None = None) -> Table:
    """Read the histograms of a text file of a PicoQuant counter: t = channel × width, counts.

    Raises
    ------
    ValueError
        If a heading or a width is missing, if rows differ in length, or if the chosen curve is not there.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "a histogram of PicoQuant", "curve")
    lines = numbered(read_lines(path))
    start = next((i for i, (_, line) in enumerate(lines) if _COUNTS.fullmatch(line.strip())), None)
    if start is None:
        raise ValueError(
            f"{file}: the line '#counts' is missing, below which the counts stand; export it again"
        )
    t_unit, widths = _widths(file, lines[:start])
    body = lines[start + 1 :]
    if not body:
        raise ValueError(f"{file}: no counts follow the line '#counts'; export the file again")
    mark = Dialect("\t" if any("\t" in line.strip() for _, line in body) else "", ".")
    count = refuse_ragged(file, body, mark)
    if count != len(widths):
        raise ValueError(
            f"{file}: {count} columns of counts, but {len(widths)} widths of channels above them; export"
            " it again"
        )
    values, rows, texts = split(body, mark, count)
    _warn_of_missing_rows(file, lines[:start], len(body))
    labels = _labels(lines[:start], count)
    channels = np.arange(len(body))
    curves = [
        Curve(
            labels[j],
            times(channels, widths[j]),
            values[:, j],
            rows,
            {i: text for (i, column), text in texts.items() if column == j},
        )
        for j in range(count)
    ]
    return as_table(file, curves, selection, t_unit)


def _widths(file: str, head: list[tuple[int, str]]) -> tuple[str, list[float]]:
    for i, (row, line) in enumerate(head[:-1]):
        found = _WIDTH.fullmatch(line.strip())
        if not found:
            continue
        row, line = head[i + 1]
        widths = [number(word, "," if "," in word else ".") for word in line.split()]
        good = [width for width in widths if width is not None and width > 0]
        if not good or len(good) < len(widths):
            raise ValueError(
                f"{file}, row {row}: {shown(line.strip())} is no width of a channel; export it again"
            )
        return found[1].lower(), good
    raise ValueError(
        f"{file}: no line such as '#ns/channel' says how wide a channel is; export the file again with its"
        " header"
    )


def _after(head: list[tuple[int, str]], heading: str) -> list[str]:
    for i, (_, line) in enumerate(head[:-1]):
        if line.strip().lower().startswith(heading):
            return head[i + 1][1].split()
    return []


def _labels(head: list[tuple[int, str]], count: int) -> list[str]:
    labels = _after(head, "#display curve no")
    distinct = len(labels) == count == len(set(labels))
    return [f"curve {label}" for label in (labels if distinct else range(count))]


def _warn_of_missing_rows(file: str, head: list[tuple[int, str]], count: int) -> None:
    said = _after(head, "#channels per curve")
    if said and said[0].isdecimal() and int(said[0]) > count:
        warn(
            f"{file}: its header announces {said[0]} channels, and {count} follow: the file seems to be"
            " cut off; copy or export it again"
        )
