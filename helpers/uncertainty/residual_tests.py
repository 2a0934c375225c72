"""Whether a law describes the data: tests of the residuals' order and of their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.fitting import Fit

_LEAST_COUNTS = 1e-6  # expected in a bin; fewer tell nothing of the size of the noise
_DOUBT = 0.01  # p value below which residuals are called structured, or the noise wrong
_FEWEST_BLOCKS = 12
_ROUNDING = 10.0  # in units of what the law's accuracy leaves
_FURTHEST = 1e-15  # tail beyond which a normal score is not followed


@dataclass(frozen=True)
class TraceTest:
    """Tests of one trace's residuals.

    `found` is True where neighbouring residuals agree more than chance allows. `p` is that chance, `block`
    the number of neighbouring points over which the agreement is clearest, `correlation` that of neighbouring
    blocks. `p_size` is the chance of a χ² (for counts Pearson's) so far from its expectation, and `size` the
    residuals' size in units of the given noise (1 and NaN where the noise is unknown). `is_rounding`: the
    residuals are nothing but rounding.
    """

    name: str
    found: bool
    p: float
    block: int
    correlation: float
    p_size: float
    size: float
    is_rounding: bool


@dataclass(frozen=True)
class Misfit:
    """Whether the law describes the data: one verdict over all traces, and each trace's tests.

    `found` is True where some trace's residuals are structured, `p` the chance of the clearest structure
    in so many traces, `p_size` likewise that of the residuals' size.
    """

    found: bool
    p: float
    p_size: float
    traces: tuple[TraceTest, ...]

    def __repr__(self) -> str:
        verdict = "structured" if self.found else "like noise"
        return f"Misfit(residuals {verdict}, p = {self.p:.2g}, {len(self.traces)} traces)"


def misfit(fit: Fit) -> Misfit:
    """Test of the residuals' order in each trace: z = Σ sᵢsᵢ₊₁ / √Σ(sᵢsᵢ₊₁)².

    s are sums of 1, 2, 4, … neighbours of the residuals' normal scores. Under independent noise z is standard
    normal. The smallest p over the lengths of the sums, times their number, is a trace's p; the smallest p
    over the traces, times theirs, is the verdict's. Below 0.01 the residuals are structured: the law does
    not describe these data.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Misfit

    Raises
    ------
    ValueError
        For a fit whose model cannot be computed.

    Notes
    -----
    Scores come from the residuals' ranks, so that the noise of the peak does not hide the faint tail. Few
    counts are no normal noise, and their residuals follow the model's own curve; there the scores are
    randomised quantiles of the expected Poisson distribution (Dunn & Smyth 1996, "Randomized quantile
    residuals", J. Comput. Graph. Stat. 5, 236), with a fixed seed. The size of counts is Pearson's χ²
    against a scaled χ² distribution with its true variance Σ(2 + 1/μ).

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 4, 200)
    >>> misfit(fit(Trace(t, np.exp(-t) + 0.1 * np.sin(3 * t)))).found
    True
    """
    if fit.minimum.triangle is None:
        raise ValueError(f"this fit has no residuals to test ({fit.message})")
    tests = tuple(_tested(fit, j) for j in range(len(fit.traces)))
    p = min(min(each.p for each in tests) * len(tests), 1.0)
    p_size = min(min(each.p_size for each in tests) * len(tests), 1.0)
    return Misfit(bool(p < _DOUBT), float(p), float(p_size), tests)


def _tested(fit: Fit, j: int) -> TraceTest:
    trace, likelihood = fit.traces[j], fit.problem.likelihoods[j]
    curve = fit.curves()[j]
    residuals = likelihood.scaled(curve, trace.signal)
    name = trace.name or (f"trace {j + 1}" if len(fit.traces) > 1 else "the trace")
    if likelihood.noise == "poisson":
        scores, is_rounding = _scores_of_counts(curve, trace.signal, seed=j), False
    else:
        scores = stats.norm.ppf(stats.rankdata(residuals) / (len(residuals) + 1))
        length = np.linalg.norm(trace.signal / likelihood.sigma)
        is_rounding = bool(np.linalg.norm(residuals) <= _ROUNDING * fit.law.accuracy * length)
    p, block, correlation = (1.0, 1, 0.0) if is_rounding else _order(scores)
    p_size, size = _size(fit, residuals, curve, likelihood.noise)
    found = p * len(fit.traces) < _DOUBT
    return TraceTest(name, bool(found), p, block, correlation, p_size, size, is_rounding)


def _scores_of_counts(expected: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Return normal scores of counts: a random point between P(fewer) and P(not more), as quantile."""
    share = np.random.default_rng(seed).random(len(counts))
    expected = np.maximum(expected, 1e-300)
    chances = stats.poisson.cdf(counts - 1, expected) + share * stats.poisson.pmf(counts, expected)
    return stats.norm.ppf(np.clip(chances, _FURTHEST, 1 - _FURTHEST))


def _order(scores: np.ndarray) -> tuple[float, int, float]:
    """P value, block and correlation of the clearest agreement between neighbours."""
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


def _size(fit: Fit, residuals: np.ndarray, curve: np.ndarray, noise: str) -> tuple[float, float]:
    """Chance of residuals so large or small, and their size in units of the noise that was given."""
    count = len(residuals)
    spare = count - fit.active.sum() / len(fit.traces)
    if not fit.problem.is_absolute or spare < 1:
        return 1.0, np.nan
    squares = float(residuals @ residuals)
    spread = 2.0 * count
    if noise == "poisson":
        spread += float(np.sum(1 / curve[curve > _LEAST_COUNTS]))
    # χ² scaled to the mean and the variance that the sum of squares has
    spread *= spare / count
    freedom, scale = 2 * spare**2 / spread, spread / (2 * spare)
    tails = stats.chi2.cdf(squares / scale, freedom), stats.chi2.sf(squares / scale, freedom)
    return min(2 * float(min(tails)), 1.0), float(np.sqrt(squares / spare))
