"""How far chance alone lifts the cost when parameters are held, where some parameters have a bound.

Holding q of the parameters at their true values lifts χ² by Δ. Far from bounds Δ follows χ²_q (F where the
noise is estimated). Near a bound it does not: for one rate whose true value is 0 half of all Δ are 0, and
the 95 % threshold is 2.71 instead of 3.84; beside other rates near 0 it may be far below or above. Here the
distribution is simulated in the linearised problem with its bounds, at the tested point: the construction of
Feldman and Cousins (1998), "Unified approach to the classical statistical analysis of small signals", Phys.
Rev. D 57, 3873, with the other parameters at their best values for that point, or at zero where they may well
be zero (an estimate near a bound is a poor stand-in for the truth: Andrews (2000), "Inconsistency of the
bootstrap when a parameter is on the boundary of the parameter space", Econometrica 68, 399).

A simulated threshold below the textbook's holds only if the other parameters are what they were taken to be,
and near bounds nobody knows that. So an interval takes the larger of the two, and of the simulated ones that
of whichever law is the least favourable: the full one, or one without some of the rates that may be zero. An
interval is then never shorter than the textbook's, and freeing a parameter does not shorten it. Signed
parameters have no bound and feel none.
"""

from __future__ import annotations

import functools
from itertools import combinations

import numpy as np
from scipy import stats

_REACH = 5.0  # standard errors: a bound further away is not felt
_ZERO, _FULL = 0.5, 2.5  # standard errors: up to the first an untested parameter may well be zero, from the
# second on it is taken as it is, and in between in proportion, so that thresholds change without a jump
_MOST_BOUNDS = 6  # 2^6 patterns of bounds are still done in no time
_LOG2_DRAWS = 11


def thresholds(levels, triangle, x, free, held, *, signed=False, variance=1.0, freedom=np.inf) -> np.ndarray:
    """Δ that chance exceeds with probability 1 − level, for each level; never below the textbook's Δ.

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
    Far from bounds, and beside two neighbours that are zero and act alike (95 % of simulated fits: 4.4):

    >>> alone, beside = np.diag([1.0, 0.0]), np.diag([1.0, 1.0, 1.0, 0.0])
    >>> beside[0, 1:3] = 0.9
    >>> thresholds([0.95], alone, np.array([5.0]), [True], [True]).round(2).tolist()
    [3.84]
    >>> tested = np.array([5.0, 0.0, 0.0]), [True] * 3, [True, False, False]
    >>> thresholds([0.95], beside, *tested).round(1).tolist()
    [4.4]
    """
    textbook = textbook_thresholds(tuple(levels), int(np.sum(held)), freedom)
    laws = _chance_rises(triangle, x, free, held, signed, variance, freedom)
    if laws is None:
        return textbook
    return np.maximum(_least_favourable(np.quantile(laws[0], levels, axis=1).T, laws[1]), textbook)


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
    count, is_open = int(np.sum(held)), bool(np.any(np.broadcast_to(signed, np.shape(held)) & held))
    textbook, single = _tail(rise, count, freedom), _tail(rise, 1, freedom)
    laws = _chance_rises(triangle, x, free, held, signed, variance, freedom)
    if laws is None:
        return textbook
    share = float(_least_favourable(np.mean(laws[0] >= rise, axis=1), laws[1]))
    # Never below the test of one parameter, on one side where it has a bound; and beyond the last draw the
    # textbook's tail, an upper bound in most cases, takes over.
    return max(share, single if is_open else single / 2, min(textbook, 1 / len(laws[0][0])))


def _tail(rise: float, count: int, freedom: float) -> float:
    """Probability of the textbook that `count` parameters gain `rise` or more."""
    return float(
        stats.chi2.sf(rise, count) if np.isinf(freedom) else stats.f.sf(rise / count, count, freedom)
    )


def _least_favourable(values, weights) -> np.ndarray:
    """Largest value over the laws, the first of which is the full one; others add in part by their weight."""
    gains = (np.maximum(values - values[0], 0.0).T * weights).T
    return values[0] + gains.max(axis=0)


def _chance_rises(triangle, x, free, held, signed, variance, freedom):
    """Draws of Δ under the tested point for each law, and the laws' weights; None where no bound is felt.

    The laws are the full one, and those without some of the untested parameters that are as good as zero.
    """
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
    untested = near & ~held
    distance = np.where(untested, x, 0.0) / np.where(untested, _errors(slopes, free & ~held), 1.0)
    x = x * np.where(untested, np.clip((distance - _ZERO) / (_FULL - _ZERO), 0.0, 1.0), 1.0)
    is_zero = np.where(untested, np.clip(2 - 2 * distance / _ZERO, 0.0, 1.0), 0.0)
    # Parameters that feel no bound and are not tested fit away their part of the noise and drop out.
    kept = near | (held & free)
    order = np.concatenate([np.flatnonzero(free & ~kept), np.flatnonzero(kept)])
    count = int(kept.sum())
    upper = np.asarray(np.linalg.qr(slopes[:, order], mode="r"))[-count:, -count:]
    room = np.where(near, x, np.inf)[kept]
    noise, noise_variance = _draws(count, freedom)
    costs = (
        _bounded_costs(upper, noise, room, ~held[kept]),
        _bounded_costs(upper, noise, room, np.ones(count, bool)),
    )
    laws, weights = [], []
    for without in _subsets(np.flatnonzero(is_zero[kept])):
        # A law without these parameters is the full one with them stuck at their bound.
        null, full = (
            np.min([cost for stuck, cost in each if stuck.issuperset(without)], axis=0) for each in costs
        )
        laws.append(np.maximum(null - full, 0.0) / noise_variance)
        weights.append(float(np.min(is_zero[kept][without], initial=1.0)))
    return np.array(laws), np.array(weights)


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


def _bounded_costs(upper, noise, room, moving) -> list[tuple[frozenset, np.ndarray]]:
    """Return min ‖upper·δ − noise‖² over the moving δ, for each draw (column) of the noise.

    Every pattern of bounds is solved for all draws at once: which δ are stuck at −room, and the cost, which
    is infinite where another δ would lie below its bound. The smallest cost over all patterns is the one
    sought.
    """
    costs = []
    bounded = np.flatnonzero(moving & np.isfinite(room))
    for stuck in _subsets(bounded):
        loose = [each for each in np.flatnonzero(moving) if each not in stuck]
        target = noise + (upper[:, stuck] @ room[stuck])[:, None]
        cost = np.einsum("ij,ij->j", target, target)
        if loose:
            q, triangle = np.linalg.qr(upper[:, loose])
            along = q.T @ target
            cost -= np.einsum("ij,ij->j", along, along)
            shift = np.linalg.inv(triangle) @ along
            cost[(shift < -room[loose, None]).any(axis=0)] = np.inf
        costs.append((frozenset(stuck), cost))
    return costs


def _subsets(indices):
    return (list(some) for count in range(len(indices) + 1) for some in combinations(indices, count))


@functools.lru_cache(maxsize=32)
def _draws(count: int, freedom: float) -> tuple[np.ndarray, np.ndarray | float]:
    """Return standard normal noise, shape (count, draws), and each draw's estimate of its variance 1."""
    spread = stats.qmc.Sobol(count + 1, seed=0).random_base2(_LOG2_DRAWS).T
    noise = stats.norm.ppf(spread[:count])
    return noise, 1.0 if np.isinf(freedom) else stats.chi2.ppf(spread[count], freedom) / freedom
