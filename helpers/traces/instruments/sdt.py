"""Becker & Hickl's binary files (.sdt): decay curves, through the package sdtfile."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from helpers.paths import read_start
from helpers.traces.instruments.channels import Curve, as_table, times, width_in_ns
from helpers.traces.instruments.packages import logged_errors, package
from helpers.traces.instruments.refusal import RefusedError, damage, damaged
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table

_LARGEST_FILE = 256 << 20  # bytes
_LARGEST_BLOCK = 64 << 20
_MOST_BLOCKS = 4096
_MOST_CURVES = 256
_OF_ONE_BLOCK = 42  # bytes of the header of a file


def is_sdt(start: bytes) -> bool:
    """Say whether the first bytes are the header of an .sdt file: its check sum, or its mark of validity."""
    return len(start) >= _OF_ONE_BLOCK and start[40:42] == b"\xaa\x55" and start[32:34] == b"\x55\x55"


def read(path: Path, selection: Selection) -> Table:
    """Read the decay curves of an .sdt file: t = channel × TAC range / (gain × channels), counts.

    Raises
    ------
    ValueError
        If the file is damaged, cut short or holds images, if sdtfile is missing, or if the chosen curve is
        not there.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "a file of Becker & Hickl", "curve")
    data = read_start(path, _LARGEST_FILE, "an .sdt file")
    if len(data) > _LARGEST_FILE:
        raise ValueError(f"{file}: larger than {_LARGEST_FILE >> 20} MiB; export the curve as text")
    sdtfile = package("sdtfile", file, "a binary file of Becker & Hickl")
    _refuse_truncated(file, data, sdtfile)
    with damage(file), logged_errors("sdtfile") as errors, sdtfile.SdtFile(path) as contents:
        curves = _curves(file, contents, sdtfile)
    if errors:
        raise ValueError(damaged(file, errors[0]))
    return as_table(file, curves, selection, "ns")


def _curves(file: str, contents: Any, sdtfile: Any) -> list[Curve]:
    curves = []
    for k, (counts, head) in enumerate(zip(contents.data, contents.block_headers, strict=True)):
        kind = sdtfile.BlockType(int(head.block_type)).contents
        if kind not in ("DECAY_BLOCK", "PAGE_BLOCK"):
            continue
        if counts.ndim > 2 or (counts.ndim == 2 and len(counts) > _MOST_CURVES):
            raise RefusedError(
                f"{file}: block {k + 1} is an image of {' × '.join(map(str, counts.shape))} values and no"
                " curve; export the decay of a region as a curve"
            )
        info = contents.measure_info[int(head.meas_desc_block_no)]
        steps = int(info.adc_re) or 65536
        if not int(info.tac_g) or not steps > 0:
            raise RefusedError(damaged(file, "the gain of the TAC is zero"))
        # The range is kept with seven digits.
        width = width_in_ns(file, float(info.tac_r) / (int(info.tac_g) * steps), digits=7)
        for j, row in enumerate(np.atleast_2d(counts)):
            label = f"block {k + 1}" + (f" curve {j + 1}" if counts.ndim == 2 and len(counts) > 1 else "")
            channels = np.arange(len(row))
            curves.append(Curve(label, times(channels, width), row.astype(float), channels + 1))
    if not curves:
        raise RefusedError(f"{file}: no decay curve in it; export the decay as a curve")
    return curves


def _refuse_truncated(file: str, data: bytes, sdtfile: Any) -> None:
    """Refuse, before the package reads it, a file whose blocks do not lie in it or would be too large."""
    module = sdtfile.sdtfile
    with damage(file):
        head = np.frombuffer(data, np.dtype(module.FILE_HEADER).newbyteorder("<"), 1)[0]
        count = int(head["no_of_data_blocks"])
        kind = module.BLOCK_HEADER if int(head["revision"]) & 15 >= 15 else module.BLOCK_HEADER_OLD
        layout = np.dtype(kind).newbyteorder("<")
        if not 0 < count <= _MOST_BLOCKS:
            raise RefusedError(damaged(file, f"its header announces {count} blocks of data"))
        start = int(head["data_block_offs"])
        for k in range(1, count + 1):
            block = np.frombuffer(data, layout, 1, start)[0]
            begin, end, length = (
                int(block[name]) for name in ("data_offs", "next_block_offs", "block_length")
            )
            packed = bool(int(block["block_type"]) & 0x1000)
            if length > _LARGEST_BLOCK:
                raise RefusedError(damaged(file, f"block {k} would have {length} bytes"))
            if begin < 0 or begin + (0 if packed else length) > len(data):
                raise RefusedError(f"{file}: block {k} is cut short, the file is truncated; copy it again")
            if packed:
                _refuse_large_archive(file, data[begin:end])
            start = end


def _refuse_large_archive(file: str, data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if not archive.filelist or archive.filelist[0].file_size > _LARGEST_BLOCK:
            raise RefusedError(damaged(file, "a packed block is empty or too large"))
