"""Starts for a fit: an automatic guess from the data, and the file in which guesses are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from scipy.integrate import cumulative_simpson
from scipy.optimize import nnls

from helpers import entries, kinetics
from helpers.kinetics import RATES, RateLaw, Rates, natural_rates
from helpers.paths import RESULTS, write_text
from helpers.traces import Trace

FILE = RESULTS / "guesses.json"

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

    Raises
    ------
    ValueError
        For a trace of two points, or one whose rates no double holds.

    Examples
    --------
    >>> t = np.linspace(0, 3, 300)
    >>> round(suggest(Trace(t, np.exp(-2 * t))).k1, 2)
    2.0
    """
    if len(trace) < 3:
        label = f"trace {trace.name!r}" if trace.name else "trace"
        raise ValueError(
            f"{label}: {len(trace)} points are too few to guess rates from; give at least 3, or a guess"
        )
    known = dict(fixed or {})
    if unknown := set(known) - set(RATES):
        raise ValueError(f"fixed = {sorted(unknown)}: the rates are {', '.join(RATES)}")
    # In units of the span and the largest signal no power of n can overflow or vanish.
    span, top = trace.elapsed[-1], trace.size
    scales = np.append(natural_rates(span, top), top)
    t, n = trace.elapsed / span, trace.signal / top
    integrals = [-cumulative_simpson(n**power, x=t, initial=0.0) for power in (1, 2, 3)]
    columns = np.column_stack([t, *integrals, np.ones_like(t)])
    names = (*RATES, "n0")
    values = np.array([known.get(name, 0.0) for name in names]) / scales
    free = [name not in known for name in names]
    weights = np.ones_like(t) if trace.sigma is None else trace.sigma.min() / trace.sigma
    remaining = n - columns @ values
    values[free] = nnls(columns[:, free] * weights[:, None], remaining * weights)[0]
    with np.errstate(over="ignore"):  # an infinite rate is refused
        return Rates(*(values * scales)[:4])


def slowed(x, free, first: float) -> np.ndarray:
    """Slow the free rates where the law reaches equilibrium before the second point: `RateLaw.slowed`.

    Examples
    --------
    >>> slowed(np.array([0.0, 1e6, 0.0, 0.0]), np.ones(4, bool), 0.01).tolist()
    [0.0, 10.0, 0.0, 0.0]
    """
    return np.append(RateLaw().slowed(x[:4], free[:4], first), x[4:])


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
        return [Rates(*(entries.not_negative(guess, name) for name in RATES)) for guess in kept]
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
    kept = [dict(zip(RATES, kinetics.four_rates(guess), strict=True)) for guess in guesses]
    lines = ",\n".join(f"    {json.dumps(guess)}" for guess in kept)
    return write_text(path, f'{{\n  "guesses": [\n{lines}\n  ]\n}}\n')
