"""The files of fits: where they lie, how they are written whole, and what is said where one is none."""

from __future__ import annotations

import re
from pathlib import Path

from helpers import entries
from helpers.fitting import Fit
from helpers.measurement import Measurement
from helpers.paths import LARGEST_SMALL_FILE, RESULTS, read_small, safe_name, write_text
from helpers.records.first_version import as_second_version
from helpers.records.reading import record_from
from helpers.records.record import FitRecord
from helpers.records.writing import record_of

_VERSION = re.compile(r"recombination-workbook fit, version ([0-9]{1,9})")
_KNOWN = 2
_SAMPLE = {"sample_data": "20190110_cubic"}  # a name that its records had from the first on


def paths_for(measurement: Measurement, count: int, folder: str | Path = RESULTS) -> list[Path]:
    """Return the paths of `count` fits of a measurement: FOLDER/NAME/fit_1.par and so on.

    Those of the sample are FOLDER/20190110_cubic_1.par and so on.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> [path.as_posix() for path in paths_for(Measurement(Trace([0, 1], [2, 1], name="mine")), 2, "results")]
    ['results/mine/fit_1.par', 'results/mine/fit_2.par']
    """
    if (name := measurement.name) in _SAMPLE:
        stem = Path(folder) / _SAMPLE[name]
    else:
        stem = Path(folder) / (safe_name(name) or "unnamed") / "fit"
    return [stem.with_name(f"{stem.name}_{number}.par") for number in range(1, count + 1)]


def save(fit: Fit, path: str | Path) -> Path:
    """Keep a fit of any law as readable JSON, whole or not at all; what was there is replaced.

    A symbolic link stays, and the file that it leads to is replaced.

    Errors are rounded to 3 significant digits, values to 1/1000 of their error or to 6 digits, whichever is
    coarser, so that the same fit is the same bytes.

    Raises
    ------
    OSError
        Where the file cannot be written; what was there is left as it was.
    ValueError
        For so many traces that the file would be larger than 1 MiB.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> found = fit(Trace(np.arange(9.0), 2 / (1 + np.arange(9.0))))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(round(float(load(save(found, Path(folder) / "mine.par")).values["k2"]), 4))
    0.5
    """
    text = entries.written(record_of(fit).content())
    if len(text.encode("utf-8")) > LARGEST_SMALL_FILE:
        raise ValueError(
            f"the record of this fit would be larger than {LARGEST_SMALL_FILE >> 20} MiB, which `load` does"
            f" not read; fit fewer than {len(fit.traces)} traces at once"
        )
    return write_text(path, text)


def load(path: str | Path) -> FitRecord:
    """Read a fit that `save` kept; `FitRecord.on` makes the fit of it again.

    Raises
    ------
    OSError
        Where the file is missing, is no regular file (a folder, a device, a pipe), or cannot be read.
    ValueError
        Where it is damaged, larger than 1 MiB, newer than this workbook or something else; the message names
        it and says what to do.
    """
    path = Path(path)
    try:
        content = read_small(path, "a record of a fit")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing; run 03_optimize, which writes the .par files of its measurement"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}; give the path of a .par file") from None
    try:
        found = entries.parse(content)
        number = _version(found)
        if number <= _KNOWN:
            return record_from(as_second_version(found) if number < _KNOWN else found)
    except ValueError as error:
        raise ValueError(
            f"{path.name} is no whole record of a fit: {error}; fit again and save the fit under this name"
        ) from error
    raise ValueError(
        f"{path.name} was written by a newer workbook (version {number} of these files, this one reads up to"
        f" {_KNOWN}); update the workbook"
    )


def _version(content: dict) -> int:
    """Return the version of the file's format; 1 for anything else, which is then refused by name."""
    found = _VERSION.fullmatch(str(content.get("format")))
    return int(found[1]) if found else 1
