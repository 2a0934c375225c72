"""Refits of one decay to other data of the same kind, side by side, as a bootstrap needs them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from helpers.fitting import Problem
from helpers.kinetics import RateLaw
from helpers.maps.batch import refined
from helpers.maps.curves import N0, OFFSET, SCALE, Data, Form
from helpers.maps.grid import grid_of

_PLACES = {"k1": 0, "k2": 1, "k3": 2, "n0": N0, "scale": SCALE, "offset": OFFSET}


class Refits(NamedTuple):
    """Values of the parameters, shape (n, p), and which of the refits stand."""

    values: np.ndarray
    trusted: np.ndarray


def is_known(problem: Problem, x: np.ndarray, free: np.ndarray) -> bool:
    """Whether refits of this problem can go side by side: one decay of the rate law without generation.

    Responses, trains of pulses, robust losses, fitted times, and observables of one's own cannot.
    """
    measurement = problem.measurement
    if not isinstance(problem.law, RateLaw) or len(measurement) > 1:
        return False
    known = {"G", *_PLACES}
    return bool(
        set(problem.names) <= known
        and problem.likelihoods[0].loss == "linear"
        and measurement.response is None
        and measurement.repetition_period is None
        and measurement.time_zero_mode == "fixed"
        and measurement.observable.kind != "own"
        and not free[problem.names.index("G")]
        and problem.values(x)[problem.names.index("G")] == 0
        and free[[name in ("k1", "k2", "k3") for name in problem.names]].any()
        and problem.links[0].values(x)[-3] > 0
    )


def refit_side_by_side(problem: Problem, x: np.ndarray, free: np.ndarray, signals: np.ndarray) -> Refits:
    """Fit a problem again to other signals, all of them from its own minimum on.

    Parameters
    ----------
    problem : Problem
        For which `is_known` is True.
    x : ndarray, shape (p,)
        Its minimum.
    free : ndarray of bool, shape (p,)
    signals : ndarray, shape (n, m)

    Returns
    -------
    Refits
        Those that are not trusted have to be fitted one by one.
    """
    measurement, likelihood = problem.measurement, problem.likelihoods[0]
    sign, squared = measurement.observable.sign or 1, measurement.observable.is_quadratic
    counts = likelihood.noise == "poisson"
    elapsed = measurement.traces[0].t - float(measurement.time_zero[0])
    span = float(elapsed[-1])
    *_, n0, scale, offset = problem.links[0].values(x)
    unit = 1.0 if counts else float(np.abs(signals).max())
    factors = np.array(
        [
            *(n0 ** (1 - order) / span for order in (1, 2, 3)),
            n0,
            unit / n0 ** (2 if squared else 1),
            sign * unit,
        ]
    )
    values = dict(zip(problem.names, problem.values(x), strict=True))
    values |= {"n0": n0, "scale": scale, "offset": offset}
    start = np.array([values[name] for name in _PLACES]) / factors
    places = [name for name, moves in zip(problem.names, free, strict=True) if moves]
    form = Form(tuple(sorted(_PLACES[name] for name in places)), counts, squared)
    sigma = np.broadcast_to(np.asarray(likelihood.sigma, float), elapsed.shape)
    weights = np.ones((len(elapsed), 1)) if counts else (unit / sigma)[:, None]
    rows = np.ascontiguousarray((sign * signals / unit).T)
    data = Data(rows, weights, np.full(len(signals), measurement.observable.p0 / n0))
    found = refined(grid_of(elapsed / span), form, np.repeat(start[:, None], len(signals), axis=1), data)
    table = np.tile(problem.values(x), (len(signals), 1))
    for column, name in enumerate(problem.names):
        if free[column]:
            table[:, column] = found.x[_PLACES[name]] * factors[_PLACES[name]]
    return Refits(table, found.trusted)
