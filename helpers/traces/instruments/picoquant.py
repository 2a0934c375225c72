"""PicoQuant's binary files: histograms (.phu) and time-tagged photons (.ptu), through the package ptufile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from helpers.paths import read_start
from helpers.traces.instruments.channels import Curve, as_table, times, width_in_ns
from helpers.traces.instruments.packages import logged_errors, package
from helpers.traces.instruments.refusal import RefusedError, damage, damaged
from helpers.traces.instruments.selection import Selection
from helpers.traces.table import Table

HISTOGRAMS, PHOTONS = b"PQHISTO\0", b"PQTTTR\0\0"
_LARGEST_HISTOGRAMS = 256 << 20  # bytes
_MOST_BINS = 1 << 20
_AT_ONCE = 1 << 22  # records that are decoded at once
_BEYOND = 1e-3  # share of photons from which on channels after the laser's period count, too


def read_histograms(path: Path, selection: Selection) -> Table:
    """Read the curves of a .phu file: t = channel × the width that the file gives, counts.

    Raises
    ------
    ValueError
        If the file is damaged or cut short, if ptufile is missing, or if the chosen curve is not there.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "a histogram of PicoQuant", "curve")
    data = read_start(path, _LARGEST_HISTOGRAMS, "a .phu file")
    if len(data) > _LARGEST_HISTOGRAMS:
        raise ValueError(f"{file}: larger than {_LARGEST_HISTOGRAMS >> 20} MiB; export the curve as text")
    tags = _tags(path, "PhuFile").tags
    offsets, bins = (
        _list(file, tags, "HistResDscr_DataOffset"),
        _list(file, tags, "HistResDscr_HistogramBins"),
    )
    widths = _list(file, tags, "HistResDscr_MDescResolution", len(offsets)) or [
        tags.get("MeasDesc_Resolution")
    ]
    numbers = _list(file, tags, "HistResDscr_CurveIndex", len(offsets)) or list(range(len(offsets)))
    if len(bins) != len(offsets) or not offsets:
        raise ValueError(damaged(file, "its header does not say where the curves stand"))
    labels = numbers if len(set(map(str, numbers))) == len(offsets) else list(range(len(offsets)))
    curves = []
    for k, (start, count) in enumerate(zip(offsets, bins, strict=True)):
        if not (isinstance(start, int) and isinstance(count, int) and 0 < count <= _MOST_BINS and start > 0):
            raise ValueError(damaged(file, "its header does not say where the curves stand"))
        if start + 4 * count > len(data):
            raise ValueError(f"{file}: curve {labels[k]} is cut short, the file is truncated; copy it again")
        counts = np.frombuffer(data, "<u4", count, start).astype(float)
        width = width_in_ns(file, _real(widths[k if len(widths) > 1 else 0]))
        channels = np.arange(count)
        curves.append(Curve(f"curve {labels[k]}", times(channels, width), counts, channels + 1))
    return as_table(file, curves, selection, "ns")


def read_photons(path: Path, selection: Selection) -> Table:
    """Count the photons of a .ptu file (T3 mode) by their time after the laser pulse, for each detector.

    The curves reach over the laser's period, or over the channels that the counter has where these are fewer.

    Raises
    ------
    ValueError
        If the file is damaged, cut short, without photons, in T2 mode, or if ptufile is missing.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "a file of time-tagged photons", "curve")
    with _tags(path, "PtuFile") as photons, damage(file):
        if not photons.is_t3:
            raise RefusedError(
                f"{file}: photons in T2 mode, which have no time after a laser pulse; measure in T3 mode, or"
                " export a histogram"
            )
        histogram = _histogram(file, path, photons)
        width = width_in_ns(file, _real(photons.tags.get("MeasDesc_Resolution")))
        period = _real(photons.tags.get("MeasDesc_GlobalResolution")) * 1e9 / width
    seen = np.flatnonzero(histogram.any(axis=1))
    if not seen.size:
        raise ValueError(f"{file}: no photon in it; check that this is the file of the measurement")
    total = histogram.sum(axis=0)
    used = int(np.flatnonzero(total)[-1]) + 1
    count = min(math.floor(period), len(total)) if 1 <= period < 1e9 else used
    if total[count:].sum() > _BEYOND * total.sum():
        count = used
    channels = np.arange(count)
    t = times(channels, width)
    curves = [Curve(f"channel {k + 1}", t, histogram[k, :count].astype(float), channels + 1) for k in seen]
    return as_table(file, curves, selection, "ns")


def _histogram(file: str, path: Path, photons: Any) -> np.ndarray:
    """Return the photons of each detector and channel, read and decoded piece by piece."""
    said = photons.tags.get("TTResult_NumberOfRecords", 0)
    if photons.tags.get("TTResultFormat_BitsPerRecord", 32) not in (0, 32):
        raise RefusedError(damaged(file, "its records have not 32 bits"))
    held = (path.stat().st_size - photons.record_offset) // 4
    if isinstance(said, int) and said > held:
        raise RefusedError(
            f"{file}: its header announces {said} records, and {held} follow: the file is truncated; copy"
            " it again"
        )
    left = said if isinstance(said, int) and said > 0 else held
    histogram = np.zeros((64, 1 << 15), dtype=np.int64)
    with path.open("rb") as stream:
        stream.seek(photons.record_offset)
        while left > 0:
            records = np.fromfile(stream, "<u4", min(left, _AT_ONCE))
            if not records.size:
                break
            left -= records.size
            decoded = photons.decode_records(records)
            is_photon = (decoded["channel"] >= 0) & (decoded["channel"] < 64) & (decoded["dtime"] >= 0)
            place = decoded["channel"][is_photon].astype(np.int64) << 15 | decoded["dtime"][is_photon]
            histogram += np.bincount(place, minlength=histogram.size).reshape(histogram.shape)
    return histogram


def _tags(path: Path, reader: str) -> Any:
    """Open a file with ptufile; what the package logs as an error is one."""
    read_start(path, 16, "a file of PicoQuant")  # refuses folders and devices
    ptufile = package("ptufile", path.name, "a binary file of PicoQuant")
    with damage(path.name), logged_errors("ptufile") as errors:
        found = getattr(ptufile, reader)(path)
        if reader == "PhuFile":
            found.close()
    if errors:
        found.close()
        raise ValueError(damaged(path.name, errors[0]))
    return found


def _list(file: str, tags: Mapping[str, Any], name: str, count: int | None = None) -> list[Any]:
    found = tags.get(name, [])
    found = found if isinstance(found, list) else [found]
    if count is not None and found and len(found) != count:
        raise ValueError(damaged(file, f"{name} does not belong to its {count} curves"))
    return found


def _real(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
