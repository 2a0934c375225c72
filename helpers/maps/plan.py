"""What all pixels of a map have in common, in plain data that travels to another process."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from helpers.fitting import Fit, fit
from helpers.fitting.parameters import Parameter, chosen, parameters_of
from helpers.kinetics import RateLaw, Rates
from helpers.maps.curves import N0, OFFSET, SCALE, Form
from helpers.maps.grid import Grid, grid_of
from helpers.measurement import Measurement, Quantity

_RATES = ("k1", "k2", "k3")
_PLACES = {"k1": 0, "k2": 1, "k3": 2, "n0": N0, "scale": SCALE, "offset": OFFSET}


@dataclass(frozen=True, eq=False)
class Plan:
    """How every pixel is fitted.

    Attributes
    ----------
    pattern : Measurement
        That of a typical pixel; another pixel's has other signals.
    columns : ndarray of int
        Which of the data's points it uses.
    fixed : tuple of str
    guess : mapping of name to value
    form : Form or None
        None where the batch knows no such fit, so that every pixel goes to the exact solution.
    """

    pattern: Measurement
    columns: np.ndarray
    fixed: tuple[str, ...]
    guess: dict[str, float]
    form: Form | None

    def __repr__(self) -> str:
        return f"Plan({self.pattern!r}, {'one by one' if self.form is None else 'side by side'})"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of one pixel's fit."""
        return parameters_of(RateLaw(), self.pattern)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(each.name for each in self.parameters)

    @property
    def elapsed(self) -> np.ndarray:
        """Times since the pulse."""
        return self.pattern.traces[0].t - float(self.pattern.time_zero[0])

    @property
    def span(self) -> float:
        """Longest of them, the unit of time of a search."""
        return float(self.elapsed[-1])

    @property
    def grid(self) -> Grid:
        """Steps of the integration, in units of the span."""
        return grid_of(self.elapsed / self.span)

    def measurement(
        self, y: np.ndarray, sigma: np.ndarray | None, n0: float | None, name: str
    ) -> Measurement:
        """Return one pixel's measurement; `y` and `sigma` hold the points in `columns`."""
        trace = replace(self.pattern.traces[0], signal=y, sigma=sigma, name=name)
        pixel = copy.copy(self.pattern)
        object.__setattr__(pixel, "traces", (trace,))
        object.__setattr__(pixel, "name", name)
        if n0 is not None:
            pixel = pixel.with_quantities(n0=Quantity(n0, self.pattern.n0.mode))
        return pixel

    def fit(self, measurement: Measurement, values: Mapping[str, float] | None = None) -> Fit:
        """Fit one pixel exactly, from the guess of the map or from these values."""
        start = dict(self.guess if values is None else values)
        return fit(measurement, start or None, fixed=self.fixed)


def planned(pattern: Measurement, columns: np.ndarray, fixed, guess) -> Plan:
    """Return the plan for a typical pixel.

    Parameters
    ----------
    pattern : Measurement
    columns : ndarray of int
    fixed, guess
        As in `helpers.fitting.fit`.

    Raises
    ------
    ValueError
        For names that no parameter has, or a request that no data can answer.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> pattern = Measurement(Trace([0, 1, 2], [4, 2, 1], name="a"), noise="even")
    >>> planned(pattern, np.arange(3), ("G",), None)
    Plan(Measurement('a': 1 trace, density, even noise), side by side)
    """
    parameters = parameters_of(RateLaw(), pattern)
    held = chosen(RateLaw().held if fixed is None else fixed, parameters, "fixed")
    given = _given(guess, {each.name for each in parameters})
    plan = Plan(pattern, columns, tuple(each.name for each in parameters if each.name in held), given, None)
    return replace(plan, form=_form(plan))


def _given(guess: Any, names: set[str]) -> dict[str, float]:
    if guess is None:
        return {}
    if isinstance(guess, Rates) or not hasattr(guess, "keys"):
        return dict(zip(("G", *_RATES), map(float, RateLaw().values(guess)), strict=True))
    given = {str(name): float(guess[name]) for name in guess.keys()}  # noqa: SIM118  a Series iterates values
    if unknown := sorted(set(given) - names):
        raise ValueError(
            f"guess: there is no {', '.join(unknown)}; the parameters are {', '.join(sorted(names))}"
        )
    return given


def _form(plan: Plan) -> Form | None:
    """Return what is fitted side by side, or None where only the exact solution serves."""
    pattern, given = plan.pattern, plan.guess
    modes = {name: getattr(pattern, name).mode for name in ("n0", "scale", "offset")}
    by_hand = (
        pattern.observable.kind == "own"
        or pattern.noise == "estimated"
        or pattern.response is not None
        or pattern.time_zero_mode != "fixed"
        or not set(plan.names) <= {"G", *_PLACES}
        or pattern.repetition_period is not None
        or "G" not in plan.fixed
        or given.get("G", 0.0) > 0
        or (pattern.observable.is_quadratic and modes["n0"] != "fixed")
        or any(name in plan.fixed and name not in given for name in ("n0", "scale", "offset"))
        or (modes["n0"] != "fixed" and modes["scale"] != "fixed")
        or not (plan.elapsed > 0).sum() > 1
    )
    if by_hand:
        return None
    free = [name for name in plan.names if name not in plan.fixed and name != "G"]
    free = [name for name in free if name in _RATES or modes[name] != "fixed"]
    if not any(name in _RATES for name in free):
        return None
    places = tuple(sorted(_PLACES[name] for name in free))
    return Form(places, pattern.noise == "poisson", pattern.observable.is_quadratic)
