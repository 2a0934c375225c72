"""Maps in HDF5 files: arrays with their units, settings and versions, read by any program that reads HDF5."""

from __future__ import annotations

import io
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from helpers.paths import write_bytes

_FORMAT = "recombination workbook: map of fits"
_VERSION = 1
_SETTINGS = "settings"  # as JSON


def write_map(path: str | Path, arrays: dict[str, np.ndarray], units: dict[str, str], content: dict) -> Path:
    """Write arrays, their units, and settings as one HDF5 file, whole or not at all.

    Parameters
    ----------
    path : path
    arrays : dict of name to array
        Names with a slash lie in groups.
    units : dict of name to unit
    content : dict
        What JSON can hold.
    """
    import h5py  # a tenth of a second, which only who saves a map should pay

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = _FORMAT, _VERSION
        file.create_dataset(_SETTINGS, data=json.dumps(content))  # an attribute holds 64 kB at most
        file.attrs["versions"] = json.dumps(_versions())
        for name, array in arrays.items():
            packed = {"compression": "gzip", "shuffle": True} if np.size(array) > 1000 else {}
            made = file.create_dataset(name, data=array, **packed)
            if name in units:
                made.attrs["unit"] = units[name]
    return write_bytes(path, memory.getbuffer())


def read_map(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return arrays and settings of a file that `write_map` wrote.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is no map, or one of a later version of this workbook.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the name and the folder")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise ValueError(f"{path}: holds no map of fits; give a file that FitMap.save wrote")
            if file.attrs["format_version"] > _VERSION:
                raise ValueError(f"{path}: was written by a later version of this workbook; update it")
            content = json.loads(file[_SETTINGS].asstr()[()])
            arrays: dict[str, np.ndarray] = {}
            file.visititems(
                lambda name, node: _collect(arrays, name, node) if isinstance(node, h5py.Dataset) else None
            )
    except OSError as error:
        raise ValueError(f"{path}: cannot be read as HDF5 ({error}); it may be cut short") from error
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing; the file was changed since it was written") from error
    return arrays, content


def _collect(arrays: dict[str, np.ndarray], name: str, node: Any) -> None:
    if name != _SETTINGS:
        arrays[name] = node[()]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("recombination-workbook", "numpy", "scipy", "h5py"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a copy that was never installed
            found[package] = "unknown"
    return found
