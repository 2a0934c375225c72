"""Options of a measurement as a file can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from helpers.measurement import Observable, Quantity

_LOST = "not kept in files"


def encoded(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Examples
    --------
    >>> decoded(encoded({"scale": Quantity(2.0, "free"), "window": (0, 1)}))
    {'scale': Quantity([2], free), 'window': [0, 1]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Quantity):
        return {"quantity": value.mode, "value": encoded(value.value)}
    if isinstance(value, Observable) and value.function is None:
        return {"observable": value.kind, "p0": value.p0, "sign": value.sign}
    if isinstance(value, Mapping):
        return {str(name): encoded(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [encoded(each) for each in value]
    return {"lost": f"{type(value).__name__}, {_LOST}"}


def decoded(value: Any) -> Any:
    """Return what `encoded` was given, or refuse what no file can hold.

    Raises
    ------
    ValueError
        For a function of one's own.
    """
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "lost" in value:
        raise ValueError(f"an option of this map is lost ({value['lost']}): fit the data again")
    if "quantity" in value:
        return Quantity(decoded(value["value"]), value["quantity"])
    if "observable" in value:
        return Observable(value["observable"], value["p0"], value["sign"])
    return {name: decoded(each) for name, each in value.items()}
