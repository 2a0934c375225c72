"""The named parameters of a fit: those of the law, and the n0, scale, offset … of each trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.kinetics.law import Law
from helpers.measurement import Measurement, Quantity
from helpers.units import density_in_cm3, is_time, seconds

_QUANTITIES = ("n0", "scale", "offset", "time_zero", "scatter")
_COMMON = ("offset", "time_zero")  # a shared one is one number, not a factor on given ratios


@dataclass(frozen=True)
class Parameter:
    """One number of a fit.

    Attributes
    ----------
    name : str
        "k1", "n0", "offset_2", "scale_factor" …
    kind : str
        The name without its trace: "k1", "n0", "scale", "offset", "time_zero", "scatter".
    trace : int or None
        Number of its trace from 0; None where it is common to all.
    unit : str
    cgs_unit, cgs : str, float
        Unit in cm and s, and the factor to it; NaN where there is none.
    lower : float
        Lower bound, or -inf.
    linear : bool
        Whether the signal is linear in it.

    Examples
    --------
    >>> Parameter("offset_2", "offset", trace=1, unit="counts", lower=-np.inf, linear=True)
    Parameter(offset_2)
    """

    name: str
    kind: str
    trace: int | None = None
    unit: str = ""
    cgs_unit: str = "–"
    cgs: float = np.nan
    lower: float = 0.0
    linear: bool = False

    def __repr__(self) -> str:
        return f"Parameter({self.name})"


def parameters_of(law: Law, measurement: Measurement) -> tuple[Parameter, ...]:
    """Parameters of a law fitted to a measurement: the law's, every n0, and what else of a trace is to find.

    Examples
    --------
    >>> from helpers.kinetics import RateLaw
    >>> from helpers.traces import Trace
    >>> parameters_of(RateLaw(), Measurement(Trace([0, 1], [2, 1])))
    (Parameter(G), Parameter(k1), Parameter(k2), Parameter(k3), Parameter(n0))
    """
    found = [_of_law(each, measurement) for each in law.parameters]
    for kind in _QUANTITIES:
        quantity = quantity_of(measurement, kind)
        if kind == "n0" or quantity.mode != "fixed":
            found += _of_quantity(kind, quantity, measurement)
    return tuple(found)


def quantity_of(measurement: Measurement, kind: str) -> Quantity:
    """Return a quantity of a measurement by its kind.

    Examples
    --------
    >>> from helpers.traces import Trace
    >>> quantity_of(Measurement(Trace([3, 4], [2, 1])), "time_zero")
    Quantity([3], fixed)
    """
    if kind == "time_zero":
        return Quantity(measurement.time_zero, measurement.time_zero_mode)
    return getattr(measurement, kind)


def _of_law(coefficient, measurement: Measurement) -> Parameter:
    name, order = coefficient.name, coefficient.order
    if coefficient.is_density:
        return Parameter(name, name, lower=coefficient.lower, **_units("n0", measurement))
    if order is None:
        return Parameter(name, name, unit=coefficient.unit, lower=coefficient.lower)
    t, density = measurement.t_unit or "time", measurement.density_unit or "signal"
    unit = {0: f"{density}/{t}", 1: f"1/{t}", 2: f"1/({t} {density})"}.get(
        order, f"1/({t} ({density})^{order - 1})"
    )
    factor = np.nan
    size = density_in_cm3(measurement.density_unit)
    if is_time(measurement.t_unit) and (size is not None or order == 1):
        factor = (size or 1.0) ** (1 - order) / seconds(measurement.t_unit)
    cgs = {0: "cm^-3/s", 1: "1/s"}.get(order, f"cm^{3 * (order - 1)}/s")
    return Parameter(name, name, None, unit, cgs if np.isfinite(factor) else "–", factor, coefficient.lower)


def _of_quantity(kind: str, quantity: Quantity, measurement: Measurement) -> list[Parameter]:
    count = len(measurement)
    signed = kind == "time_zero" or (kind == "offset" and measurement.noise != "poisson")
    common: dict[str, Any] = {
        "kind": kind,
        "lower": -np.inf if signed else 0.0,
        "linear": kind not in ("n0", "time_zero"),
    }
    if quantity.mode == "shared" and count > 1 and kind not in _COMMON:
        return [Parameter(f"{kind}_factor", **common)]
    common |= _units(kind, measurement)
    if quantity.mode == "shared" and count > 1:
        return [Parameter(name=kind, **common)]
    if count == 1:
        return [Parameter(name=kind, trace=0, **common)]
    return [Parameter(name=f"{kind}_{j + 1}", trace=j, **common) for j in range(count)]


def _units(kind: str, measurement: Measurement) -> dict:
    density, signal = measurement.density_unit, measurement.signal_unit or "signal"
    if kind == "n0":
        size = density_in_cm3(density)
        return {"unit": density} if size is None else {"unit": density, "cgs_unit": "cm^-3", "cgs": size}
    if kind == "time_zero":
        known = is_time(measurement.t_unit)
        cgs = {"cgs_unit": "s", "cgs": seconds(measurement.t_unit)} if known else {}
        return {"unit": measurement.t_unit, **cgs}
    if kind in ("offset", "scatter"):
        return {"unit": measurement.signal_unit}
    return {"unit": f"{signal}/{measurement.observable.unit(density)}"}


def chosen(names: str | Iterable[str], parameters: Sequence[Parameter], what: str) -> frozenset[str]:
    """Return the names of parameters that are meant: by name, or all of a kind ("offset").

    Raises
    ------
    ValueError
        For a name that no parameter has, or what is no name; says which there are.
    """
    listed = ", ".join(each.name for each in parameters)
    if isinstance(names, Mapping):
        raise ValueError(f"{what} = {names!r:.60}: give names alone, and their values as `guess`")
    if not isinstance(names, Iterable):
        raise ValueError(f"{what} = {names!r:.60}: give names; the parameters are {listed}")
    names = [names] if isinstance(names, str) else list(names)
    known = {each.name for each in parameters}
    kinds = {each.kind for each in parameters}
    if unknown := [name for name in names if name not in [*known, *kinds]]:
        raise ValueError(f"{what} = {unknown}: the parameters are {listed}")
    return frozenset(each.name for each in parameters if each.name in names or each.kind in names)
