"""How far chance alone lifts the cost when parameters are held, where some parameters have a bound.

Holding q of the parameters at their true values lifts χ² by Δ. Far from bounds Δ follows χ²_q (F where the
noise is estimated). Near a bound it does not: for one rate whose true value is 0 half of all Δ are 0, and
the 95 % threshold is 2.71 instead of 3.84; two correlated rates near 0 are neither. Here the distribution is
simulated in the linearised problem with its bounds, at the tested point: the construction of Feldman and
Cousins (1998), "Unified approach to the classical statistical analysis of small signals", Phys. Rev. D 57,
3873, with the other parameters at their best values for that point, or at zero where they may well be zero
(an estimate near a bound is a poor stand-in for the truth: Andrews (2000), "Inconsistency of the bootstrap
when a parameter is on the boundary of the parameter space", Econometrica 68, 399). Signed parameters have
no bound and feel none.
"""

from __future__ import annotations

import functools
from itertools import combinations

import numpy as np
from scipy import stats

_REACH = 5.0  # standard errors: a bound further away is not felt
_AT_BOUND = 1.5  # standard errors: an untested parameter this close to zero is taken to be zero
_LEAST = 0.01  # of the textbook's threshold
_MOST_BOUNDS = 6  # 2^6 patterns of bounds are still done in no time
_LOG2_DRAWS = 11


def thresholds(levels, triangle, x, free, held, *, signed=False, variance=1.0, freedom=np.inf) -> np.ndarray:
    """Δ that chance exceeds with probability 1 − level, for each level.

    Parameters
    ----------
    levels : sequence of float
    triangle : ndarray, shape (p + 1, p + 1)
        As from `Problem.evaluate`, at the tested point.
    x : ndarray, shape (p,)
        The tested point, in parameters whose bound is 0.
    free, held : sequence of bool, shape (p,)
        Parameters that the full model fits, and those among them that the test holds at `x`.
    signed : sequence of bool, shape (p,)
        Parameters without a bound.
    variance : float
        Of one residual.
    freedom : float
        Degrees of freedom behind `variance`; infinite where it is known.

    Examples
    --------
    >>> triangle = np.array([[10.0, 0.0], [0.0, 1.0]])  # one parameter, standard error 0.1
    >>> thresholds([0.95], triangle, np.array([9.0]), [True], [True]).round(2).tolist()
    [3.84]
    >>> thresholds([0.95], triangle, np.array([0.0]), [True], [True]).round(2).tolist()
    [2.71]
    >>> thresholds([0.95], triangle, np.array([0.0]), [True], [True], signed=[True]).round(2).tolist()
    [3.84]
    """
    count = int(np.sum(held))
    textbook = textbook_thresholds(tuple(levels), count, freedom)
    rises = _chance_rises(triangle, x, free, held, signed, variance, freedom)
    if rises is None:
        return textbook
    # Where nearly all Δ are 0 a threshold of 0 would make an interval of no width.
    return np.maximum(np.quantile(rises, levels), _LEAST * textbook)


@functools.cache
def textbook_thresholds(levels: tuple[float, ...], count: int, freedom: float) -> np.ndarray:
    """Thresholds far from any bound: χ²_count, or count·F where the noise is estimated.

    Examples
    --------
    >>> textbook_thresholds((0.95,), 1, np.inf).round(2).tolist()
    [3.84]
    """
    if np.isinf(freedom):
        return stats.chi2.ppf(levels, count)
    return count * stats.f.ppf(levels, count, freedom)


def chance(rise, triangle, x, free, held, *, signed=False, variance=1.0, freedom=np.inf) -> float:
    """Return the probability that chance alone lifts χ² by `rise` or more: the p value of the held point.

    Parameters are those of `thresholds`.

    Examples
    --------
    >>> triangle = np.array([[10.0, 0.0], [0.0, 1.0]])
    >>> round(chance(3.84, triangle, np.array([9.0]), [True], [True]), 3)
    0.05
    """
    count = int(np.sum(held))
    known = np.isinf(freedom)
    textbook = float(stats.chi2.sf(rise, count) if known else stats.f.sf(rise / count, count, freedom))
    rises = _chance_rises(triangle, x, free, held, signed, variance, freedom)
    if rises is None:
        return textbook
    # Beyond the last draw the textbook's tail, an upper bound in most cases, takes over.
    return max(float(np.mean(rises >= rise)), min(textbook, 1 / len(rises)))


def _chance_rises(triangle, x, free, held, signed, variance, freedom) -> np.ndarray | None:
    """Draws of Δ under the tested point, or None where no bound is near enough to be felt."""
    free, held = np.asarray(free, bool), np.asarray(held, bool)
    slopes = triangle[:, :-1] / np.sqrt(variance)
    size = np.linalg.norm(slopes, axis=0)
    if not (size[free] > 0).all():
        return None  # a parameter without any effect has no distribution
    # A bound infinitely far away is none; from here on in units in which every column has length 1.
    x = np.where(np.broadcast_to(signed, free.shape) & free, np.inf, x * size)
    slopes = slopes / np.where(size > 0, size, 1.0)
    near = _near_bounds(slopes, x, free)
    if not near.any():
        return None
    x = np.where(near & ~held & (x < _AT_BOUND * _errors(slopes, free & ~held)), 0.0, x)
    # Parameters that feel no bound and are not tested fit away their part of the noise and drop out.
    kept = near | (held & free)
    order = np.concatenate([np.flatnonzero(free & ~kept), np.flatnonzero(kept)])
    count = int(kept.sum())
    upper = np.asarray(np.linalg.qr(slopes[:, order], mode="r"))[-count:, -count:]
    room = np.where(near, x, np.inf)[kept]
    noise, noise_variance = _draws(count, freedom)
    rises = _bounded_cost(upper, noise, room, ~held[kept])
    rises -= _bounded_cost(upper, noise, room, np.ones(count, bool))
    return np.maximum(rises, 0.0) / noise_variance


def _near_bounds(slopes, x, free) -> np.ndarray:
    """Which free parameters lie within reach of zero; none where the data leave a direction open."""
    errors = _errors(slopes, free)
    if not np.isfinite(errors[free]).all():
        return np.zeros(len(x), bool)
    distance = np.where(free, x / errors, np.inf)
    reach = min(_REACH, np.sort(distance)[min(_MOST_BOUNDS, len(x)) - 1])
    return distance <= reach


def _errors(slopes, which) -> np.ndarray:
    """Return standard errors of the parameters in `which`, fitted together; infinite where left open."""
    errors = np.full(slopes.shape[1], np.inf)
    if which.any():
        upper = np.linalg.qr(slopes[:, which], mode="r")
        diagonal = np.abs(np.diag(upper))
        if len(diagonal) == which.sum() and diagonal.min() > 1e-12 * diagonal.max():
            errors[which] = np.linalg.norm(np.linalg.inv(upper), axis=1)
    return errors


def _bounded_cost(upper, noise, room, moving) -> np.ndarray:
    """Return min ‖upper·δ − noise‖² over the moving δ ≥ −room, for each draw (column) of the noise.

    Every pattern of bounds is solved for all draws at once; the smallest cost that keeps the bounds wins.
    """
    best = np.full(noise.shape[1], np.inf)
    bounded = np.flatnonzero(moving & np.isfinite(room))
    for stuck in _subsets(bounded):
        loose = np.setdiff1d(np.flatnonzero(moving), stuck)
        target = noise + (upper[:, stuck] @ room[stuck])[:, None]
        cost = np.einsum("ij,ij->j", target, target)
        if loose.size:
            q, triangle = np.linalg.qr(upper[:, loose])
            along = q.T @ target
            cost -= np.einsum("ij,ij->j", along, along)
            shift = np.linalg.inv(triangle) @ along
            cost[(shift < -room[loose, None]).any(axis=0)] = np.inf
        np.minimum(best, cost, out=best)
    return best


def _subsets(indices):
    return (list(some) for count in range(len(indices) + 1) for some in combinations(indices, count))


@functools.lru_cache(maxsize=32)
def _draws(count: int, freedom: float) -> tuple[np.ndarray, np.ndarray | float]:
    """Return standard normal noise, shape (count, draws), and each draw's estimate of its variance 1."""
    spread = stats.qmc.Sobol(count + 1, seed=0).random_base2(_LOG2_DRAWS).T
    noise = stats.norm.ppf(spread[:count])
    return noise, 1.0 if np.isinf(freedom) else stats.chi2.ppf(spread[count], freedom) / freedom
