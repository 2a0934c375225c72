"""Counts in channels of equal width: their times, and the choice among several curves of a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from helpers.traces.instruments.refusal import RefusedError
from helpers.traces.instruments.selection import Selection, listed, nearest
from helpers.traces.table import Table
from helpers.traces.texts import warn

_LEAST_AT_END = 25  # counts that a steady signal had before a counter stopped; e^-25 by chance


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve of a file, with the file's own number or name of it.

    Parameters
    ----------
    label : str
        What the file calls it, unique in the file: "0", "channel 1", "Voltage".
    t, signal : ndarray, shape (m,)
    rows : ndarray of int, shape (m,)
        The row of the file, from 1, in which each point stands.
    texts : mapping of int to str
        What stands in the place of a signal that is no number.
    unit : str
        Unit of the signal.
    """

    label: str
    t: np.ndarray
    signal: np.ndarray
    rows: np.ndarray
    texts: Mapping[int, str] = field(default_factory=dict)
    unit: str = "counts"


def times(channels: np.ndarray, width: float) -> np.ndarray:
    """Return channels × width, t_i = i·w, without the last digits that a product of floats adds.

    Examples
    --------
    >>> times(np.array([0, 3, 7]), 0.1).tolist()
    [0.0, 0.3, 0.7]
    """
    products = np.asarray(channels, float) * width
    return np.array([float(f"{product:.15g}") for product in products.tolist()])


def width_in_ns(file: str, seconds: float, digits: int = 12) -> float:
    """Return the width of a channel in ns, from one in seconds with so many digits.

    Raises
    ------
    ValueError
        If it is no width that a counter can have.

    Examples
    --------
    >>> width_in_ns("a.phu", 4e-12)
    0.004
    """
    if not (math.isfinite(seconds) and 1e-16 < seconds < 1e3):
        raise RefusedError(
            f"{file}: a channel would be {seconds:.3g} s wide, which cannot be; the file is damaged, copy it"
            " again, or export the curve as text"
        )
    return float(f"{seconds * 1e9:.{digits}g}")


def as_table(
    file: str, curves: Sequence[Curve], selection: Selection, t_unit: str, above: tuple[str, ...] = ()
) -> Table:
    """Return the chosen curve as a table of two columns, or all curves beside the times that they share.

    Raises
    ------
    ValueError
        If the chosen curve is not there, or if several have times of their own and none is chosen.
    """
    chosen = list(curves) if selection.curve is None else [_choose(file, curves, selection.curve)]
    first = chosen[0]
    if any(not np.array_equal(first.t, curve.t) for curve in chosen[1:]):
        raise ValueError(
            f"{file}: {len(curves)} curves with times of their own; choose one with curve=..., which is one"
            f" of {listed(curve.label for curve in curves)}"
        )
    if len(chosen) < len(curves):
        file = f"{file}, curve {first.label!r}"
    for curve in chosen:
        if curve.unit == "counts":
            _warn_of_an_empty_end(file, curve, t_unit)
    texts = {(i, j): text for j, curve in enumerate(chosen, 1) for i, text in curve.texts.items()}
    return Table(
        file,
        np.column_stack([first.t, *(curve.signal for curve in chosen)]),
        first.rows,
        names=("t", *(curve.label for curve in chosen)),
        units=(t_unit, *(curve.unit for curve in chosen)),
        above=above,
        texts=texts,
        curves=how_to_choose([curve.label for curve in chosen]),
    )


def how_to_choose(labels: Sequence[str]) -> str:
    """Return how messages say that one of several curves has to be chosen; "" for a single one.

    Examples
    --------
    >>> how_to_choose(["curve 0", "curve 1"])
    "2 curves; choose one with curve=..., which is one of 'curve 0', 'curve 1'; load_traces reads all of them"
    """
    if len(labels) < 2:
        return ""
    return (
        f"{len(labels)} curves; choose one with curve=..., which is one of {listed(labels)}; load_traces"
        " reads all of them"
    )


def _choose(file: str, curves: Sequence[Curve], wanted: int | str) -> Curve:
    labels = [curve.label for curve in curves]
    for label in (str(wanted), f"curve {wanted}", f"channel {wanted}", f"block {wanted}"):
        if label in labels:
            return curves[labels.index(label)]
    meant = nearest(str(wanted), labels)
    hint = f"; the nearest one is {meant!r}" if meant else ""
    raise ValueError(f"{file}: there is no curve {wanted!r}{hint}; give one of {listed(labels)}")


def _warn_of_an_empty_end(file: str, curve: Curve, t_unit: str) -> None:
    """Warn where a steady signal ends in channels without any count, which the counter did not reach."""
    filled = np.flatnonzero(np.nan_to_num(curve.signal, nan=1.0))
    if not filled.size:
        return
    last = int(filled[-1])
    empty = len(curve.signal) - 1 - last
    for span in (8, 64, 512):
        early, late = np.array_split(curve.signal[max(0, last + 1 - span) : last + 1], 2)
        if empty >= span and late.sum() > _LEAST_AT_END and late.sum() > 0.5 * early.sum():
            warn(
                f"{file}: the last {empty} of {len(curve.signal)} channels hold no count at all, although the"
                f" signal before them did not fade: the counter did not reach them; leave them out with a"
                f" window that ends at {curve.t[last]:g} {t_unit}".rstrip()
            )
            return
