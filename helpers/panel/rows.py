"""The rows of a panel: one for each parameter of the law, and one for n0."""

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

# So many that a pixel of a slider 400 pixels wide changes a rate by less than 5 %, with rounding to a stop.
PER_DECADE = 1000


def rows_of(model: Model, say: Callable[[str], None], changed: Callable) -> dict[str, ParameterControl]:
    """Rows of widgets for the law's parameters and n0 (for several traces a factor on each one's n0).

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
    return rows


def _stops(size: float, lower: float) -> np.ndarray:
    """Return stops to four decades around a parameter's natural size; with a sign three, and coarser."""
    decades, per_decade = (4, PER_DECADE) if lower >= 0 else (3, PER_DECADE // 2)
    return stops_around(math.log10(size), decades, per_decade, lower=lower)
