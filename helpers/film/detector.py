"""What a detector makes of a decay: response with a tail, pile-up of counted photons."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import fftconvolve
from scipy.special import erfcx, ndtr

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_STEPS = 24  # of the grid within one standard deviation or tail time, whichever is shorter
_REACH, _TAIL_REACH = 6.0, 25.0  # standard deviations and tail times in which the response has died out
_MOST_POINTS = 4_000_000


def piled_up(per_bin) -> np.ndarray:
    """First detections in each bin, λᵢ → (1 − exp(−λᵢ))·exp(−Σ λ of the bins before), per pulse.

    An electronics that times only the first photon after a pulse loses the later ones.

    Parameters
    ----------
    per_bin : array_like, shape (m,)
        Expected detections λ of each bin and pulse.

    References
    ----------
    Coates, "The correction for photon 'pile-up' in the measurement of radiative lifetimes", J. Phys. E 1,
    878 (1968).

    Examples
    --------
    >>> piled_up([0.1, 0.1]).round(4).tolist()
    [0.0952, 0.0861]
    """
    per_bin = np.asarray(per_bin, float)
    before = np.cumsum(per_bin) - per_bin
    return -np.expm1(-per_bin) * np.exp(-before)


def photons_before_pile_up(detected: float) -> float:
    """Photons per pulse behind `detected` first detections per pulse: −ln(1 − p).

    Examples
    --------
    >>> photons_before_pile_up(0.05)
    0.0513
    """
    if not 0 <= detected < 1:
        raise ValueError(f"detections per pulse = {detected:g}: give a share from 0 to below 1")
    return -math.log1p(-detected)


def response(t, fwhm: float, tail_time: float = 0.0, tail_share: float = 0.0) -> np.ndarray:
    """Instrument response of area 1: a Gaussian, a share of which is followed by an exponential tail.

    Parameters
    ----------
    t : array_like
        Times from the Gaussian's centre.
    fwhm : float
        Full width at half maximum of the Gaussian.
    tail_time : float
        Time constant of the tail.
    tail_share : float
        Share of the area in the tail, from 0 to 1.

    Examples
    --------
    >>> t = np.linspace(-10, 60, 7001)
    >>> round(float(np.trapezoid(response(t, 1.0, 5.0, 0.2), t)), 6)
    1.0
    """
    t, sigma = np.asarray(t, float), fwhm / _FWHM_PER_SIGMA
    z = t / sigma
    gauss = np.exp(-0.5 * z**2) / (sigma * math.sqrt(2 * math.pi))
    if not tail_share:
        return gauss
    # exp(σ²/2τ² − t/τ)·Φ(t/σ − σ/τ)/τ, by erfcx where exp would overflow beside a vanishing Φ.
    ratio = sigma / tail_time
    argument = (ratio - z) / math.sqrt(2)
    early = 0.5 * np.exp(-0.5 * z**2) * erfcx(np.maximum(argument, 0.0))
    with np.errstate(over="ignore"):
        late = np.exp(np.where(argument < 0, 0.5 * ratio**2 - z * ratio, 0.0)) * ndtr(z - ratio)
    return (1 - tail_share) * gauss + tail_share * np.where(argument > 0, early, late) / tail_time


def blurred(t, signal, fwhm: float, tail_time: float = 0.0, tail_share: float = 0.0) -> np.ndarray:
    """Signal after a pulse at 0 as seen through `response`, at the times t; 0 is what was before it.

    Parameters
    ----------
    t : array_like, shape (m,)
    signal : callable (times ≥ 0) -> ndarray
    fwhm, tail_time, tail_share
        See `response`.

    Notes
    -----
    Convolved on an even grid of 1/24 of the shortest time of the response, cubic between its points.

    Examples
    --------
    >>> decay = lambda t: np.exp(-t / 4)
    >>> round(float(blurred([10.0], decay, 0.5)[0] / decay(10.0)), 4)  # exp(σ²/32) of a Gaussian
    1.0014
    """
    t = np.asarray(t, float)
    tail_share = tail_share if tail_time else 0.0
    sigma = fwhm / _FWHM_PER_SIGMA
    step = min(sigma, tail_time if tail_share else sigma) / _STEPS
    reach = _REACH * sigma + (_TAIL_REACH * tail_time if tail_share else 0.0)
    count = math.ceil((max(t[-1], 0.0) + _REACH * sigma) / step) + 2
    if count + reach / step > _MOST_POINTS:
        raise ValueError(
            f"a response of {fwhm:g} is too short for times to {t[-1]:g}; give a longer one, or fewer times"
        )
    grid = np.arange(count) * step
    values = np.array(signal(grid), float)
    values[0] *= 0.5  # the trapezoid at the jump
    before = math.ceil(_REACH * sigma / step)
    own = (np.arange(before + math.ceil(reach / step) + 1) - before) * step
    seen = fftconvolve(values, response(own, fwhm, tail_time, tail_share)) * step
    times = (np.arange(len(seen)) - before) * step
    return np.interp(t, times, seen, left=0.0)
