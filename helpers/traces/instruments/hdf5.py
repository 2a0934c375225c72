"""HDF5 files (.h5, .hdf5, .nxs, MATLAB's .mat of version 7.3): datasets by their path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from helpers.paths import read_start
from helpers.traces.instruments.refusal import RefusedError, damage
from helpers.traces.instruments.selection import Selection, listed, nearest
from helpers.traces.table import Table

_LARGEST_DATASET = 64 << 20  # bytes, unpacked
_MOST_LISTED = 200
_UNITS = ("units", "unit", "Units", "Unit")


def read(path: Path, selection: Selection) -> Table:
    """Read datasets of an HDF5 file as columns: the times, the signal and, if named, its standard errors.

    A signal of two dimensions becomes a column for each trace; a dataset of several columns may be named
    alone. Units are those of the attribute `units` of each dataset.

    Raises
    ------
    ValueError
        If no dataset or a wrong one is named: lists those that are there.
    OSError
        If the file cannot be read.
    """
    file = path.name
    selection.refuse_others(file, "an HDF5 file", "time", "signal", "sigma")
    read_start(path, 16, "an HDF5 file")  # refuses folders and devices
    with damage(file, "copy it again"), h5py.File(path, "r", locking=False) as contents:
        return _table(file, contents, selection)
    raise AssertionError("the block returns or raises")


def _table(file: str, contents: Any, selection: Selection) -> Table:
    if selection.time is None and selection.signal is None:
        raise RefusedError(
            f"{file}: an HDF5 file holds many datasets; name those of the decay with time=... and signal=...,"
            f" which are some of {_all(contents)}"
        )
    named = {name: getattr(selection, name) for name in ("time", "signal", "sigma")}
    columns = {name: _columns(file, contents, name, way) for name, way in named.items() if way is not None}
    if "time" in columns and "signal" in columns:
        return _join(file, selection, columns)
    alone = next(iter(columns))
    values, names, unit = columns[alone]
    if values.shape[1] < 2:
        other = "signal" if alone == "time" else "time"
        raise RefusedError(
            f"{file}: {alone} = {named[alone]!r} is one column; name the other one with {other}=..., which"
            f" is one of {_all(contents)}"
        )
    units = (unit, *[""] * (values.shape[1] - 1)) if not names else ()
    return _as_table(f"{file}, dataset {named[alone]!r}", values, names, units)


_Columns = tuple[np.ndarray, tuple[str, ...], str]


def _join(file: str, selection: Selection, columns: dict[str, _Columns]) -> Table:
    t, _, t_unit = columns["time"]
    if t.shape[1] != 1:
        raise RefusedError(
            f"{file}: time = {selection.time!r} has {t.shape[1]} columns; name a dataset of one dimension"
        )
    parts, names, units = [t], [_last(selection.time)], [t_unit]
    for name in ("signal", "sigma"):
        if name not in columns:
            continue
        values, own, unit = columns[name]
        way = getattr(selection, name)
        if len(values) != len(t) and values.shape[1] == len(t) and not own:
            values = values.T  # traces in rows, as MATLAB and many maps have them
        if len(values) != len(t):
            raise RefusedError(
                f"{file}: {len(t)} times in {selection.time!r}, but {name} = {way!r} has the shape"
                f" {values.shape[0]} × {values.shape[1]}; name datasets that belong together"
            )
        if values.shape[1] == len(t) and len(t) > 1:
            raise RefusedError(
                f"{file}: {name} = {way!r} has as many rows as columns, so nothing says along which of"
                " them time runs; write the trace as a dataset of one dimension"
            )
        if name == "sigma" and values.shape[1] != columns["signal"][0].shape[1] and values.shape[1] != 1:
            raise RefusedError(
                f"{file}: sigma = {way!r} and signal differ in shape; name datasets that belong together"
            )
        word = "sigma" if name == "sigma" else _last(way)
        several = values.shape[1] > 1
        parts.append(values)
        names += own or [f"{word} {k}" if several else word for k in range(values.shape[1])]
        units += [unit] * values.shape[1]
    return _as_table(
        f"{file}, dataset {selection.signal!r}", np.column_stack(parts), tuple(names), tuple(units)
    )


def _as_table(file: str, values: np.ndarray, names: tuple[str, ...], units: tuple[str, ...]) -> Table:
    texts = {(int(i), int(j)): str(values[i, j]) for i, j in zip(*np.nonzero(np.isinf(values)), strict=True)}
    values = np.where(np.isfinite(values), values, np.nan)
    return Table(file, values, np.arange(1, len(values) + 1), names, units, texts=texts)


def _columns(file: str, contents: Any, name: str, way: str) -> _Columns:
    """Return a dataset as columns, with their names where it has some, and its unit."""
    dataset = _find(file, contents, name, way)
    shape, kind = dataset.shape, dataset.dtype
    if shape is None or dataset.size == 0:
        raise RefusedError(f"{file}: {name} = {way!r} is empty; name one of {_all(contents)}")
    if dataset.size * kind.itemsize > _LARGEST_DATASET:
        raise RefusedError(
            f"{file}: {name} = {way!r} is larger than {_LARGEST_DATASET >> 20} MiB; write the trace to a"
            " dataset of its own"
        )
    if dataset.is_virtual or dataset.external:
        raise RefusedError(f"{file}: {name} = {way!r} lies in another file; give that file")
    unit = _unit(dataset)
    if kind.names:
        if dataset.ndim != 1 or any(kind[each].kind not in "iuf" or kind[each].shape for each in kind.names):
            raise RefusedError(
                f"{file}: {name} = {way!r} has fields that are no columns of numbers; name another"
            )
        rows = dataset[()]
        return np.column_stack([rows[each].astype(float) for each in kind.names]), tuple(kind.names), unit
    if kind.kind not in "iuf":
        raise RefusedError(
            f"{file}: {name} = {way!r} holds {kind} and no real numbers; name one of {_all(contents)}"
        )
    values = np.squeeze(dataset[()].astype(float))  # MATLAB's columns have two dimensions
    if values.ndim > 2 or values.ndim == 0:
        raise RefusedError(
            f"{file}: {name} = {way!r} has the shape {' × '.join(map(str, shape)) or 'of one number'}; a"
            " trace has one dimension, and several traces have two"
        )
    return values.reshape(len(values), -1), (), unit


def _find(file: str, contents: Any, name: str, way: str) -> Any:
    place: Any = contents
    for part in way.strip("/").split("/"):
        link = place.get(part, getlink=True) if isinstance(place, h5py.Group) and part in place else None
        if isinstance(link, h5py.ExternalLink):
            raise RefusedError(
                f"{file}: {name} = {way!r} lies in another file, {link.filename}; give that file"
            )
        if link is None:
            every = _datasets(contents)
            meant = nearest(way, every) or nearest("/" + way.strip("/"), every)
            hint = f"; the nearest one is {meant!r}" if meant else ""
            raise RefusedError(
                f"{file}: there is no dataset {name} = {way!r}{hint}; give one of {_all(contents)}"
            )
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise RefusedError(
            f"{file}: {name} = {way!r} is a group and no dataset; give one of {_all(contents)}"
        )
    return place


def _datasets(contents: Any) -> dict[str, str]:
    """Return the paths of datasets, and their shapes; links to other files are not followed."""
    found: dict[str, str] = {}

    def note(way: str, each: Any) -> bool | None:
        if isinstance(each, h5py.Dataset) and each.shape is not None:
            found["/" + way] = " × ".join(map(str, each.shape)) or "one number"
        return True if len(found) >= _MOST_LISTED else None

    contents.visititems(note)
    return found


def _all(contents: Any) -> str:
    found = _datasets(contents)
    return (
        listed(f"{way} ({shape})" for way, shape in found.items())
        if found
        else "none, the file has no dataset"
    )


def _unit(dataset: Any) -> str:
    for name in _UNITS:
        if name in dataset.attrs:
            value = dataset.attrs[name]
            value = value.decode(errors="replace") if isinstance(value, bytes) else value
            if isinstance(value, np.ndarray) and value.size == 1:
                value = value.reshape(-1)[0]
                value = value.decode(errors="replace") if isinstance(value, bytes) else value
            if isinstance(value, str):
                return value.strip()
    return ""


def _last(way: str | None) -> str:
    return (way or "").rstrip("/").rpartition("/")[2]
