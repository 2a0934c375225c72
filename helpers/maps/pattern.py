"""What is common to all pixels, read off a few of them: the measurement of a typical pixel."""

from __future__ import annotations

import inspect
import numbers
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from helpers.maps.pixels import Pixels, pixels_of
from helpers.maps.screening import CODES, unusable
from helpers.measurement import Measurement
from helpers.traces import Trace


@dataclass(frozen=True, eq=False)
class Understood:
    """Decays as they were understood.

    Attributes
    ----------
    pixels : Pixels
    pattern : Measurement
        That of a typical pixel.
    columns : ndarray of int
        Points of the time axis that it uses.
    n0 : ndarray or None
        Density of each pixel where they differ, in the image's shape.
    """

    pixels: Pixels
    pattern: Measurement
    columns: np.ndarray
    n0: np.ndarray | None


def understood(data: Any, t: Any, sigma: Any, options: Mapping[str, Any]) -> Understood:
    """Understand decays and the options of their measurement.

    Parameters
    ----------
    data : array-like, sequence of Trace, or Measurement
    t, sigma
        As in `fit_many`.
    options : mapping
        `t_unit`, `signal_unit` and keywords of `Measurement`.

    Raises
    ------
    ValueError
        Where data and options do not go together, whatever the pixel.
    """
    options = dict(options)
    t_unit, signal_unit = str(options.pop("t_unit", "")), str(options.pop("signal_unit", ""))
    if isinstance(data, Measurement):
        return _of_measurement(data, t, sigma, options)
    pixels = pixels_of(data, t, sigma, t_unit, signal_unit)
    if not pixels.count:
        raise ValueError(f"data: an array of shape {(*pixels.shape, len(pixels.t))} holds no pixel")
    n0 = _image_of(options.get("n0"), pixels)
    if n0 is not None:
        options["n0"] = float(np.nanmean(np.where(n0 > 0, n0, np.nan)))
    if sigma is not None and options.get("noise") not in (None, "sigma"):
        raise ValueError(
            f"sigma is given and noise = {options['noise']!r}: standard errors are a noise of their own; give"
            " one of the two"
        )
    if options.get("sigma_relative_percent") is not None or options.get("sigma_floor") is not None:
        pixels = replace(
            pixels,
            relative=_number(options, "sigma_relative_percent") / 100,
            floor=_number(options, "sigma_floor"),
        )
    counted = options.get("noise", "poisson" if options.get("kind") == "TRPL counts" else None) == "poisson"
    if pixels.sigma is None and pixels.relative is None and not counted and not options.get("noise"):
        options["noise"] = "even"  # to estimate how it depends on the signal, each pixel needs several fits
    trace = _typical(pixels, counted)
    _refuse_unknown(options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a mean that no pixel has
        pattern = Measurement(trace, **options)
    columns = np.searchsorted(pixels.t, pattern.traces[0].t)
    return Understood(pixels, pattern, columns, n0)


def _of_measurement(measurement: Measurement, t, sigma, options) -> Understood:
    given = [name for name, value in {"t": t, "sigma": sigma, **options}.items() if value is not None]
    if given:
        raise ValueError(f"{', '.join(given)}: the measurement says this already; leave it out here")
    pixels = pixels_of(list(measurement.traces), None, None, "", "")
    if np.ptp(measurement.time_zero) > 0:
        raise ValueError(
            "the traces have different time zeros, and the pixels of a map share one; give time_zero as a"
            " number, or fit each of measurement.alone()"
        )
    for name in ("scale", "offset"):
        value = getattr(measurement, name).value
        if value is not None and np.ptp(value) > 0:
            raise ValueError(
                f"{name}: the pixels of a map have one common value; fit each of measurement.alone()"
            )
    pattern = measurement.alone()[0]
    value = measurement.n0.value
    n0 = np.array(value, float) if value is not None and np.ptp(value) > 0 else None
    return Understood(pixels, pattern, np.arange(len(pixels.t)), n0)


def _image_of(n0: Any, pixels: Pixels) -> np.ndarray | None:
    """Return densities that are given for each pixel, or None."""
    if n0 is None or isinstance(n0, str) or np.ndim(n0) == 0:
        return None
    values = np.asarray(n0, float)
    if values.shape != pixels.shape:
        raise ValueError(
            f"n0 has the shape {values.shape} and the image {pixels.shape}: give one number, or one for each"
            " pixel"
        )
    if not (values > 0).any():
        raise ValueError("n0: no density of a pixel is positive; give those just after the pulse")
    return values


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = set(inspect.signature(Measurement).parameters) - {"traces"}
    if unknown := sorted(set(options) - known):
        raise TypeError(
            f"fit_many: there is no {', '.join(unknown)}; besides its own arguments it knows t_unit,"
            f" signal_unit, {', '.join(sorted(known))}"
        )


def _number(options: Mapping[str, Any], name: str) -> float:
    value = options.get(name)
    return float(value) if isinstance(value, numbers.Real) else 0.0  # what is no number is refused later


def _typical(pixels: Pixels, counted: bool) -> Trace:
    """Return the mean of a few usable pixels (of counts their sum); a made-up decay where there are none."""
    which = pixels.sample()
    rows, sigma = pixels.rows(which), None if pixels.relative is not None else pixels.sigmas(which)
    codes = unusable(rows, sigma, counted)
    if counted and len(codes) and (codes == CODES["no counts"]).all():
        codes[:] = 0  # a slip in the settings: the measurement says what is wrong
    usable = rows[codes == 0]
    if len(usable):
        # The sum of counts is one of counts.
        whole = (usable == np.round(usable)).all()
        signal = usable.sum(axis=0) if whole else usable.mean(axis=0)
        if not signal.any():
            signal = usable[0]
    else:
        signal = np.ceil(100 * np.exp(-3 * (pixels.t - pixels.t[0]) / np.ptp(pixels.t)))
    errors = None
    if sigma is not None:
        good = sigma[0] if len(sigma) == 1 else sigma[np.argmax(codes == 0)]
        errors = np.where((good > 0) & np.isfinite(good), good, 1.0)
        if len(sigma) == 1 and not np.array_equal(errors, good):
            raise ValueError(
                "sigma: every standard error must be a positive number; leave sigma out where unknown"
            )
    return Trace(pixels.t, signal, errors, t_unit=pixels.t_unit, signal_unit=pixels.signal_unit)
