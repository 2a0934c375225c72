"""Starts for a fit: an automatic guess from the data, and the file in which guesses are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from scipy.integrate import cumulative_simpson
from scipy.optimize import nnls

from helpers import entries
from helpers.kinetics import Rates
from helpers.paths import RESULTS, write_text
from helpers.traces import Trace

FILE = RESULTS / "guesses.json"
_NAMES = ("G", "k1", "k2", "k3")

# The three tries that the workbook's origin began with, for a trace in ns and 10^16 cm^-3.
ORIGINAL = (
    Rates(0, 1e-3, 0.5e-3, 1.2e-7),
    Rates(0, 1e-2, 0, 1e-7),
    Rates(0, 0, 1.5e-3, 1e-7),
)


def suggest(trace: Trace, *, fixed: Mapping[str, float] | None = None) -> Rates:
    """Rates by integral matching: n(t) = n(0) + G·t − k1∫n − k2∫n² − k3∫n³, linear in all of them.

    Non-negative least squares on Simpson's integrals of the data; no start needed, no iteration.

    Parameters
    ----------
    trace : Trace
        Data from the moment the law holds, at least three points.
    fixed : mapping of name to value, optional
        Coefficients that are known ("G", "k1", "k2", "k3"); the others are matched around them.

    Returns
    -------
    Rates
        In the trace's units; a good start for `fitting.fit`, not yet a fit.

    Examples
    --------
    >>> t = np.linspace(0, 3, 300)
    >>> round(suggest(Trace(t, np.exp(-2 * t))).k1, 2)
    2.0
    """
    if len(trace) < 3:
        raise ValueError(
            f"{trace.name}: {len(trace)} points are too few to guess rates from; give at least 3"
        )
    known = dict(fixed or {})
    # In units of the span and the largest signal no power of n can overflow or vanish.
    span, top = trace.elapsed[-1], trace.size
    t, n = trace.elapsed / span, trace.signal / top
    integrals = [-cumulative_simpson(n**power, x=t, initial=0.0) for power in (1, 2, 3)]
    columns = np.column_stack([t, *integrals, np.ones_like(t)])
    names = ("G", "k1", "k2", "k3", "n0")
    scales = np.array([top / span, 1 / span, 1 / (span * top), 1 / (span * top**2), top])
    values = np.array([known.get(name, 0.0) for name in names]) / scales
    free = [name not in known for name in names]
    weights = np.ones_like(t) if trace.sigma is None else trace.sigma.min() / trace.sigma
    remaining = n - columns @ values
    values[free] = nnls(columns[:, free] * weights[:, None], remaining * weights)[0]
    return Rates(*(values * scales)[:4])


def load(path: str | Path = FILE) -> list[Rates]:
    """Guesses kept in a JSON file by `save`, in their order.

    Raises
    ------
    FileNotFoundError, ValueError
        Where the file is missing or is no list of guesses; the message says what to do.
    """
    path = Path(path)
    try:
        kept = entries.array(entries.parse(path.read_bytes()), "guesses")
        return [Rates(*(entries.not_negative(guess, name) for name in _NAMES)) for guess in kept]
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing; run 02_tune_guesses to keep guesses, or call guesses.save"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{path.name} does not hold guesses ({error}); expected"
            ' {"guesses": [{"G": 0, "k1": 0.01, "k2": 0.001, "k3": 1e-07}, …]}: mend or delete the file'
        ) from error


def save(guesses: Iterable[Rates], path: str | Path = FILE) -> Path:
    """Keep guesses in a JSON file, whole or not at all; what was there is replaced."""
    kept = [dict(zip(_NAMES, Rates(*guess), strict=True)) for guess in guesses]
    lines = ",\n".join(f"    {json.dumps(guess)}" for guess in kept)
    return write_text(path, f'{{\n  "guesses": [\n{lines}\n  ]\n}}\n')
