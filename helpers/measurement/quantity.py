"""One number of a measurement for each of its traces, and whether a fit varies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MODES = ("fixed", "free", "shared")


@dataclass(frozen=True, eq=False)
class Quantity:
    """Initial density, scale, offset or time zero of a measurement: its values and their mode.

    Parameters
    ----------
    value : number or one for each trace, optional
        The value where fixed, the start where free, the ratios where shared; None takes it from the data.
    mode : {"fixed", "free", "shared"}
        "free": each trace its own. "shared": one factor for all traces on the given values (one common
        value for an offset).

    Raises
    ------
    ValueError
        For an unknown mode, or values that are not finite.

    Examples
    --------
    >>> Quantity([1.0, 5.0], "shared")
    Quantity([1, 5], shared)
    """

    value: float | Sequence[float] | np.ndarray | None = None
    mode: str = "fixed"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode = {self.mode!r}: choose one of {', '.join(MODES)}")
        if self.value is not None:
            object.__setattr__(self, "value", _finite("value", self.value))

    def __repr__(self) -> str:
        if self.value is None:
            return f"Quantity(from the data, {self.mode})"
        numbers = ", ".join(f"{each:g}" for each in np.atleast_1d(self.value))
        return f"Quantity([{numbers}], {self.mode})"

    def __len__(self) -> int:
        return np.asarray(self.value).size

    def for_traces(self, count: int, name: str) -> Quantity:
        """Return the quantity with one value for each of `count` traces, or refuse it by its name."""
        if self.value is None:
            return self
        value = np.asarray(self.value)
        if value.ndim == 1 and len(value) != count:
            raise ValueError(f"{name} holds {value.size} numbers for {count} traces; give one for each")
        return Quantity(np.broadcast_to(value, count), self.mode)


def as_quantity(given, mode: str, value=None, name: str = "value", *, also: tuple[str, ...] = ()) -> Quantity:
    """Return what was given as a quantity: a quantity, a mode, numbers (fixed), or nothing (the defaults).

    `name` is what messages call it, and `also` names the words that its caller understands besides the modes.
    """
    if isinstance(given, Quantity):
        return Quantity(value if given.value is None else given.value, given.mode)
    if isinstance(given, str):
        if given.strip().lower() not in MODES:
            words = ", ".join(f'"{each}"' for each in (*MODES, *also))
            raise ValueError(f"{name} = {given!r}: give numbers without quotes, or one of {words}")
        return Quantity(value, given.strip().lower())
    return Quantity(value, mode) if given is None else Quantity(_finite(name, given), "fixed")


def _finite(name: str, given) -> np.ndarray:
    try:
        value = np.array(given, float)
    except (TypeError, ValueError):
        value = np.array(np.nan)
    is_text = isinstance(given, list | tuple) and any(isinstance(each, str) for each in given)
    if isinstance(given, bool) or is_text or value.ndim > 1 or not value.size or not np.isfinite(value).all():
        raise ValueError(f"{name} = {given!r}: give a finite number, or one for each trace")
    return value


def amount(numbers: str, unit: str) -> str:
    """Return numbers with their unit, which may begin with a power of ten.

    Examples
    --------
    >>> amount("20", "10^16 cm^-3"), amount("2, 4", "10^16 cm^-3"), amount("3", "ns"), amount("3", "")
    ('20 × 10^16 cm^-3', '(2, 4) × 10^16 cm^-3', '3 ns', '3')
    """
    if not unit[:1].isdigit():
        return f"{numbers} {unit}".rstrip()
    return f"({numbers}) × {unit}" if "," in numbers else f"{numbers} × {unit}"
