"""The outcome of many fits: images of values and errors, what became of each pixel, one pixel as a fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.fitting import Fit
from helpers.maps.options import decoded
from helpers.maps.pattern import understood
from helpers.maps.pixels import Pixels
from helpers.maps.plan import Plan, planned
from helpers.maps.screening import CODES, MESSAGES, STATUS
from helpers.maps.storage import read_map, write_map
from helpers.measurement import Measurement

_PLAIN = ("names", "units", "cgs", "fixed", "points", "partial")
_IMAGES = ("cost", "reduced_chi2", "code", "evaluations", "one_by_one")
_PLAUSIBLE = 5.0  # standard deviations of a reduced χ² about 1
_MOST_ERROR = 0.5  # of a value: with a larger error it is hardly known


@dataclass(frozen=True, eq=False)
class FitMap:
    """Fits of many pixels; every array has the shape of the image.

    Attributes
    ----------
    t : ndarray, shape (m,)
        The common times.
    names : tuple of str
        Parameters: "G", "k1", "k2", "k3", "n0" and, where they are fitted, "scale" and "offset".
    units, cgs : dict of name to str or float
        What the values are counted in, and the factor to cm and s (NaN where there is none).
    values, stderr : mapping of name to ndarray
        NaN where a pixel has no fit. Errors are those of `Fit.stderr`: none of what was fixed or ended on its
        bound, nor where such a bound would make another error far too small.
    cost, reduced_chi2 : ndarray
        As in `Fit`.
    converged : ndarray of bool
    code : ndarray of int
        `status` as a number.
    evaluations : ndarray of int
    one_by_one : ndarray of bool
        Pixels that went to the exact solution: the common steps do not resolve them, or an early fast decay
        needs several starts.
    messages : dict of pixel number to str
        What is particular to a pixel; `message` has a sentence for every one.
    fixed : tuple of str
        Parameters that were held.
    points : int
        Points of a decay that were fitted.
    partial : bool
        Whether the work was interrupted or parts of it were lost.

    Notes
    -----
    `map["k1"]` is the image of k1, and `map[3, 4]` the `Fit` of one pixel, computed when it is asked for.
    """

    t: np.ndarray
    names: tuple[str, ...]
    units: dict[str, str]
    cgs: dict[str, float]
    values: Mapping[str, np.ndarray]
    stderr: Mapping[str, np.ndarray]
    cost: np.ndarray
    reduced_chi2: np.ndarray
    code: np.ndarray
    evaluations: np.ndarray
    one_by_one: np.ndarray
    messages: dict[int, str]
    fixed: tuple[str, ...]
    points: int
    partial: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    pixels: Pixels | None = None
    plan: Plan | None = None
    n0: np.ndarray | None = None

    def __repr__(self) -> str:
        counts = Counter(STATUS[code] for code in self.code.ravel().tolist())
        told = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
        size = " × ".join(map(str, self.shape))
        return f"FitMap({size} pixels: {told}{'; PARTIAL' if self.partial else ''})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return self.code.shape

    @property
    def status(self) -> np.ndarray:
        """What became of each pixel, in a word or two: "fitted", "noise only", "not finite" and so on."""
        return np.array(STATUS, dtype=object)[self.code]

    @property
    def converged(self) -> np.ndarray:
        """Which pixels have a minimum."""
        return self.code == CODES["fitted"]

    @property
    def message(self) -> np.ndarray:
        """A sentence for each pixel."""
        usual = np.array([MESSAGES.get(name, name) for name in STATUS], dtype=object)
        told = usual[self.code].ravel()
        for number, words in self.messages.items():
            told[number] = words
        return told.reshape(self.shape)

    @cached_property
    def trusted(self) -> np.ndarray:
        """Which pixels can be believed.

        They converged; where the noise is known, χ² is within five standard deviations of what it should be
        (their misfit would be a systematic one); and at least one rate is known to better than a half.
        """
        kept = self.converged.copy()
        rates = [name for name in ("k1", "k2", "k3") if name in self.names and name not in self.fixed]
        if rates:
            with np.errstate(all="ignore"):
                kept &= np.any([self.stderr[k] < _MOST_ERROR * self.values[k] for k in rates], axis=0)
        if self.settings.get("noise") in ("sigma", "poisson"):
            spread = np.sqrt(2 / max(self.points, 1))
            with np.errstate(invalid="ignore"):
                kept &= np.abs(self.reduced_chi2 - 1) < _PLAUSIBLE * spread
        return kept

    def in_cgs(self, name: str) -> np.ndarray:
        """Return the image of a parameter in cm and s; NaN where its unit is not known."""
        return self[name] * self.cgs[name]

    def __getitem__(self, key):
        """Image of a parameter by its name, or the fit of one pixel by its place."""
        if isinstance(key, str):
            if key not in self.values:
                raise KeyError(f"{key!r}: the parameters are {', '.join(self.names)}")
            return self.values[key]
        return self._fit(key)

    def _fit(self, key) -> Fit:
        place = key if isinstance(key, tuple) else (key,)
        if len(place) != len(self.shape) or not all(isinstance(each, int | np.integer) for each in place):
            axes = "one whole number" if len(self.shape) == 1 else f"{len(self.shape)} whole numbers"
            raise IndexError(f"map[{key!r}]: give the name of a parameter, or {axes} for one pixel")
        if any(not -size <= each < size for each, size in zip(place, self.shape, strict=True)):
            raise IndexError(f"map[{key!r}]: the image has {' × '.join(map(str, self.shape))} pixels")
        if self.pixels is None or self.plan is None:
            raise ValueError("this map was read from a file without its data: join them with map.on(data)")
        place = tuple(int(each) % size for each, size in zip(place, self.shape, strict=True))
        if self.status[place] in ("not finite", "zero", "no counts", "no sigma", "refused"):
            raise ValueError(f"pixel {place}: {self.message[place]}")
        number = np.array([np.ravel_multi_index(place, self.shape)])
        y, sigma = self.pixels.rows(number)[0], self.pixels.sigmas(number)
        columns = self.plan.columns
        measurement = self.plan.measurement(
            y[columns],
            None if sigma is None else sigma[0][columns],
            None if self.n0 is None else float(self.n0[place]),
            f"pixel {', '.join(map(str, place))}",
        )
        values = {name: float(self.values[name][place]) for name in self.names}
        known = self.converged[place] and self.plan.pattern.noise != "estimated"
        return self.plan.fit(measurement, values if known else None)

    def table(self) -> pd.DataFrame:
        """One row for each pixel: its place, the values with their errors, cost, status and message.

        The unit of each column stands in `table().attrs["units"]`.
        """
        usual = {1: ("trace",), 2: ("row", "column")}
        axes = usual.get(len(self.shape), tuple(f"axis {k}" for k in range(len(self.shape))))
        index = pd.MultiIndex.from_product([range(size) for size in self.shape], names=axes)
        columns: dict[str, np.ndarray] = {}
        for name in self.names:
            columns[name] = self.values[name].ravel()
            columns[f"{name} stderr"] = self.stderr[name].ravel()
        columns |= {"cost": self.cost.ravel(), "reduced chi2": self.reduced_chi2.ravel()}
        columns |= {"converged": self.converged.ravel(), "trusted": self.trusted.ravel()}
        columns |= {"status": self.status.ravel(), "message": self.message.ravel()}
        table = pd.DataFrame(columns, index=index if len(self.shape) > 1 else index.get_level_values(0))
        table.attrs["units"] = dict(self.units)
        return table

    def save(self, path: str | Path) -> Path:
        """Write the map to an HDF5 file, whole or not at all; the decays themselves are not in it."""
        arrays: dict[str, np.ndarray] = {"t": self.t}
        units = {"t": str(self.settings.get("t_unit", ""))}
        for name in self.names:
            for group, images in (("values", self.values), ("stderr", self.stderr)):
                arrays[f"{group}/{name}"] = images[name]
                units[f"{group}/{name}"] = self.units[name]
        for name in _IMAGES:
            arrays[name] = getattr(self, name)
        if self.n0 is not None:
            arrays["n0_given"] = self.n0
        content = {name: getattr(self, name) for name in _PLAIN}
        content |= {"settings": dict(self.settings), "fingerprint": self.fingerprint, "status": STATUS}
        content["messages"] = {str(number): words for number, words in self.messages.items()}
        return write_map(path, arrays, units, content)

    @classmethod
    def load(cls, path: str | Path) -> FitMap:
        """Read a map that was saved; `on` joins it with its data again."""
        arrays, content = read_map(path)
        try:
            names = tuple(content["names"])
            return cls(
                t=arrays["t"],
                names=names,
                units=content["units"],
                cgs=content["cgs"],
                values={name: arrays[f"values/{name}"] for name in names},
                stderr={name: arrays[f"stderr/{name}"] for name in names},
                messages={int(number): words for number, words in content["messages"].items()},
                fixed=tuple(content["fixed"]),
                points=content["points"],
                partial=content["partial"],
                settings=content["settings"],
                fingerprint=content["fingerprint"],
                n0=arrays.get("n0_given"),
                cost=arrays["cost"],
                reduced_chi2=arrays["reduced_chi2"],
                code=arrays["code"],
                evaluations=arrays["evaluations"],
                one_by_one=arrays["one_by_one"],
            )
        except KeyError as error:
            raise ValueError(
                f"{path}: {error} is missing; the file was changed since it was written"
            ) from error

    def on(self, data: Any, *, sigma: Any = None) -> FitMap:
        """Join a map that was read from a file with its data again, so that `map[i, j]` gives fits.

        Parameters
        ----------
        data : array-like, sequence of Trace, or Measurement
            What was fitted.
        sigma : array-like, optional
            Its standard errors, where the map was fitted with them.

        Raises
        ------
        ValueError
            For other data, or a map whose options no file can hold.
        """
        options = decoded(self.settings["options"])
        own = isinstance(data, Measurement)
        found = understood(data, self.t if hasattr(data, "shape") else None, sigma, {} if own else options)
        if found.pixels.shape != self.shape or found.pixels.fingerprint() != self.fingerprint:
            raise ValueError(
                "these are not the data of the map: shape, times or signals differ; give what was fitted"
            )
        plan = planned(found.pattern, found.columns, self.fixed, decoded(self.settings["guess"]) or None)
        if plan.names != self.names or plan.pattern.noise != self.settings["noise"]:
            raise ValueError("the data were fitted with other options; give sigma, or the same Measurement")
        return replace(self, pixels=found.pixels, plan=plan)
