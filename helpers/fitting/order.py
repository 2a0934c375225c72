"""Test of the order of residuals: whether neighbours agree more than chance allows."""

from __future__ import annotations

import numpy as np
from scipy import stats

DOUBT = 0.01  # p value below which residuals are called structured
_FEWEST_BLOCKS = 12


def normal_scores(residuals: np.ndarray) -> np.ndarray:
    """Return the residuals' normal scores Φ⁻¹(rank/(m + 1)), in which a noisy part hides no quiet one.

    Examples
    --------
    >>> normal_scores(np.array([5.0, -1.0, 0.0])).round(2).tolist()
    [0.67, -0.67, 0.0]
    """
    return stats.norm.ppf(stats.rankdata(residuals) / (len(residuals) + 1))


def order(scores: np.ndarray) -> tuple[float, int, float]:
    """P value, length and correlation of the clearest agreement between neighbouring sums of scores.

    z = Σ sᵢsᵢ₊₁ / √Σ(sᵢsᵢ₊₁)² is standard normal under independent noise, where s are sums of 1, 2, 4, …
    neighbours. The smallest p over the lengths of the sums is multiplied with their number.

    Examples
    --------
    >>> p, block, correlation = order(normal_scores(np.sin(np.arange(100) / 10)))
    >>> p < DOUBT, block, correlation > 0.9
    (True, 1, True)
    """
    lengths = [1]
    while 2 * lengths[-1] * _FEWEST_BLOCKS <= len(scores):
        lengths.append(2 * lengths[-1])
    found = [(*_agreement(scores, length), length) for length in lengths]
    p, correlation, block = min(found)
    return min(p * len(found), 1.0), block, correlation


def _agreement(scores: np.ndarray, length: int) -> tuple[float, float]:
    """P value and correlation of neighbouring sums over `length` scores."""
    count = len(scores) // length
    sums = scores[: count * length].reshape(count, length).sum(axis=1)
    products = sums[:-1] * sums[1:]
    size = np.sqrt(products @ products)
    if size == 0:
        return 1.0, 0.0
    return float(stats.norm.sf(products.sum() / size)), float(products.sum() / (sums @ sums))
