"""Pixels that no law is fitted to: what is wrong with each, said instead of raised."""

from __future__ import annotations

import numpy as np

STATUS = (
    "fitted",
    "masked",
    "not finite",
    "zero",
    "negative",
    "noise only",
    "no counts",
    "no sigma",
    "not converged",
    "refused",
    "lost",
    "not done",
)
MESSAGES = {
    "fitted": "converged",
    "masked": "left out by the mask",
    "not finite": "a signal is NaN or infinite; leave such points or the pixel out",
    "zero": "every signal is 0, which tells nothing",
    "negative": "the signal goes below its background; turn an inverted signal, or check the baseline",
    "noise only": "no decay stands out of the noise; add up more pixels or scans",
    "no counts": "counts below zero or no whole numbers; Poisson noise is for raw counts",
    "no sigma": "a standard error is not a positive number; mask such pixels, or give another sigma",
    "not done": "the work was interrupted before this pixel",
}
CODES = {name: code for code, name in enumerate(STATUS)}
_LEAST_GAIN = 16.0  # of χ², for a decay that is more than noise: four standard errors of its height
_LIFETIMES = 8


def unusable(y: np.ndarray, sigma: np.ndarray | None, counts: bool) -> np.ndarray:
    """Return the code of every row that holds no data to fit, 0 for the others.

    Parameters
    ----------
    y : ndarray, shape (pixels, m)
    sigma : ndarray, shape (pixels, m) or (1, m), optional
    counts : bool

    Examples
    --------
    >>> codes = unusable(np.array([[1.0, 2.0], [np.nan, 1.0], [0.0, 0.0], [1.5, 1.0]]), None, True)
    >>> [STATUS[code] for code in codes]
    ['fitted', 'not finite', 'zero', 'no counts']
    """
    codes = np.zeros(len(y), np.uint8)
    if counts:
        with np.errstate(invalid="ignore"):
            codes[((y < 0) | (y != np.round(y))).any(axis=1)] = CODES["no counts"]
    codes[~y.any(axis=1)] = CODES["zero"]
    if sigma is not None:
        with np.errstate(invalid="ignore"):
            bad = ~((sigma > 0) & np.isfinite(sigma)).all(axis=1)
        codes[np.broadcast_to(bad, len(y))] = CODES["no sigma"]
    codes[~np.isfinite(y).all(axis=1)] = CODES["not finite"]
    return codes


@np.errstate(all="ignore")
def without_decay(
    t: np.ndarray, y: np.ndarray, weights: np.ndarray, *, background: bool, absolute: bool
) -> np.ndarray:
    """Return the code of every row in which no decay stands out of the noise, or that falls below zero.

    Decays exp(−t/τ) of eight lifetimes from a third of the first interval to three times the span are held
    against each row, on a constant background where there is one. At best they have to lower χ² by 16.

    Parameters
    ----------
    t : ndarray, shape (m,)
        Times since the pulse; nothing is seen before it.
    y : ndarray, shape (pixels, m)
    weights : ndarray, shape (pixels, m), (1, m) or (pixels, 1)
        One over the noise's standard deviation, up to a common factor unless `absolute`.
    background : bool
        Whether a constant background is fitted.
    absolute : bool
        Whether the size of the noise is known.

    Examples
    --------
    >>> t = np.linspace(0, 1, 50)
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal(50)
    >>> rows = np.array([np.exp(-t) + noise, noise, noise - np.exp(-t)])
    >>> codes = without_decay(t, rows, np.ones((1, 50)), background=False, absolute=False)
    >>> [STATUS[code] for code in codes]
    ['fitted', 'noise only', 'negative']
    """
    later = t[t > 0]
    lifetimes = np.geomspace(later[0] / 3, 3 * later[-1], _LIFETIMES)
    shapes = np.where(t >= 0, np.exp(-np.maximum(t, 0) / lifetimes[:, None]), 0.0).T
    squares = np.broadcast_to(weights**2, y.shape)
    product, length = (squares * y) @ shapes, squares @ shapes**2
    total = (squares * y**2).sum(axis=1)
    if background:
        whole = squares.sum(axis=1, keepdims=True)
        level, share = (squares * y).sum(axis=1, keepdims=True) / whole, (squares @ shapes) / whole
        product -= whole * level * share
        length -= whole * share**2
        total -= (whole * level**2)[:, 0]
    gains = np.where(length > 1e-12 * length.max(axis=1, keepdims=True), product**2 / length, 0.0)
    best = gains.argmax(axis=1)
    rows = np.arange(len(y))
    gain, height = gains[rows, best], product[rows, best]
    spread = 1.0 if absolute else np.maximum(total - gain, 0.0) / max(len(t) - 3, 1)
    codes = np.zeros(len(y), np.uint8)
    codes[height < 0] = CODES["negative"]
    # A level that never moves is rounding beside its own size.
    flat = gain <= 1e-20 * (squares * y**2).sum(axis=1)
    codes[(gain <= _LEAST_GAIN * spread) | flat] = CODES["noise only"]
    return codes
