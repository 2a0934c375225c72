"""Starts for a fit: an automatic guess from the data, and the file in which guesses are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from scipy.integrate import cumulative_simpson
from scipy.optimize import nnls

from helpers import entries, kinetics
from helpers.kinetics import RATES, Rates
from helpers.paths import RESULTS, write_text
from helpers.traces import Trace

FILE = RESULTS / "guesses.json"
_OVER_AT_ONCE = 3.0  # e-folds before the second point

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


def natural_rates(span: float, density: float) -> np.ndarray:
    """Units N/T, 1/T, 1/(N·T), 1/(N²·T) of G, k1, k2, k3 for data of the span T and the density N.

    Raises
    ------
    ValueError
        Where one of them, or T itself, is beyond what doubles hold.

    Examples
    --------
    >>> natural_rates(2.0, 10.0).tolist()
    [5.0, 0.5, 0.05, 0.005]
    """
    span, density = np.float64(span), np.float64(density)
    with np.errstate(all="ignore"):
        units = np.array([density / span, 1 / span, 1 / (span * density), 1 / (span * density**2)])
    if not (np.isfinite(units) & (units >= np.finfo(float).tiny)).all():
        raise ValueError(
            f"times over {span:.3g} and densities up to {density:.3g} make rates that no number holds;"
            " use other units of time and density"
        )
    return units


def slowed(x, free, first: float) -> np.ndarray:
    """Slow the free rates together where the law reaches equilibrium before the second data point.

    There the cost is a plateau without gradient. The law's last and slowest rate is that at equilibrium,
    k1 + 2·k2·n_e + 3·k3·n_e²; the rates are divided so that it acts midway (on a log axis) in the data.

    Parameters
    ----------
    x : ndarray, shape (p,)
        G, k1, k2, k3 in `natural_rates`, then anything else; returned itself where nothing is to be done.
    free : ndarray of bool, shape (p,)
    first : float
        Time of the second point, in units of the span.

    Examples
    --------
    >>> slowed(np.array([0.0, 1e6, 0.0, 0.0]), np.ones(4, bool), 0.01).tolist()
    [0.0, 10.0, 0.0, 0.0]
    """
    if not np.isfinite(x[:4]).all():
        return x
    n_e = kinetics.equilibrium(x[:4])
    with np.errstate(over="ignore", invalid="ignore"):
        slowest = x[1] + (2 * x[2] + 3 * x[3] * n_e) * n_e if np.isfinite(n_e) else 0.0
    if not _OVER_AT_ONCE < slowest * first < np.inf:
        return x
    moving = free & (np.arange(len(x)) < 4)
    return np.where(moving, x / (slowest * np.sqrt(first)), x)


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
