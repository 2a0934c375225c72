"""The rows of a panel: one for each parameter of the law, one for n0, and one for a fitted time zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.fitting.start import largest_density
from helpers.kinetics import RateLaw
from helpers.panel.controls import ParameterControl, stops_around
from helpers.panel.model import Model

_LETTER, _LEAST = 9, 40  # pixels: of a letter, of a label

_WIDTHS, _STEPS, _STOPS = 3.0, 10.0, 1000  # of a time zero's slider: its reach to each side, and its stops

# So many that a pixel of a slider 400 pixels wide changes a rate by less than 5 %, with rounding to a stop.
PER_DECADE = 1000


def rows_of(model: Model, say: Callable[[str], None], changed: Callable) -> dict[str, ParameterControl]:
    """Rows of widgets for the law's parameters, n0 and a time zero that is fitted.

    For several traces the row n0 is a factor on each one's n0; where each trace has its own time zero, the
    row t0 is a shift of all of them.

    A term that may be dropped is 0 while it is not in use; any other parameter, and n0, always is in use.
    What is not free is held by a fit. The sliders of the rate law act while they are moved, those of slower
    laws when they are released.

    Parameters
    ----------
    model : Model
    say, changed : callable
        See `ParameterControl`.
    """
    law, several = model.law, len(model.measurement) > 1
    labels = {each.name: each.name for each in law.parameters} | {"n0": "n0 ×" if several else "n0"}
    width = max(_LEAST, 6 + _LETTER * max(map(len, labels.values())))
    common: dict[str, Any] = {"label_width": width, "continuous": isinstance(law, RateLaw)}
    rows = {}
    for each, size in zip(law.parameters, model.problem.scales, strict=False):
        rows[each.name] = ParameterControl(
            each.name,
            _stops(float(size), each.lower),
            say,
            changed,
            is_term=each.name in law.droppable and each.lower <= 0,
            lower=each.lower,
            **common,
        )
    size = 1.0 if several else float(model.densities[0]) or largest_density(model.measurement)
    stops = stops_around(math.log10(size), 2, PER_DECADE)
    rows["n0"] = ParameterControl("n0", stops, say, changed, is_term=False, label=labels["n0"], **common)
    if times := [each for each in model.problem.parameters if each.kind == "time_zero"]:
        centre = model.start["time_zero"] if len(times) == 1 else 0.0
        label, stops = "t0" if len(times) == 1 else "t0 +", _times_around(centre, model)
        options = common | {"lower": -np.inf, "linear": True}
        rows["time_zero"] = ParameterControl(
            "time_zero", stops, say, changed, is_term=False, label=label, **options
        )
    return rows


def _times_around(centre: float, model: Model) -> np.ndarray:
    """Return evenly spaced stops around a time zero: some response widths or steps of the data to each side.

    As far as all traces have points, and so that the middle one is where a fit begins.
    """
    measurement, reach = model.measurement, np.inf
    for trace, clock in zip(measurement.traces, model.problem.clocks, strict=True):
        near = np.sort(trace.t[np.abs(trace.t - clock.time_zero).argsort()[:20]])
        width = max(_WIDTHS * (measurement.response_fwhm or 0.0), _STEPS * float(np.median(np.diff(near))))
        reach = min(reach, width, trace.t[-1] - clock.time_zero)
    return centre + reach * np.linspace(-1, 1, 2 * _STOPS + 1)


def _stops(size: float, lower: float) -> np.ndarray:
    """Return stops to four decades around a parameter's natural size; with a sign three, and coarser."""
    decades, per_decade = (4, PER_DECADE) if lower >= 0 else (3, PER_DECADE // 2)
    return stops_around(math.log10(size), decades, per_decade, lower=lower)
