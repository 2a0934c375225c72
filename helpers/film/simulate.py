"""Traces that a laboratory would measure on a film with depth, surfaces, traps, spot and instrument."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.interpolate import PchipInterpolator

from helpers.film.depth import Decay, Film, Traps, solve_film
from helpers.film.detector import blurred, photons_before_pile_up, piled_up
from helpers.traces import Trace
from helpers.units import seconds

_RINGS = 12
_FAINTEST = math.exp(-7.0)  # of the centre's density: rings further out are left out where all is collected
_LIGHT, _DENSITY = "light", "density"
_GRID = 500  # times of the solution, beside those of the trace


@dataclass(frozen=True)
class Instrument:
    """How the light of a film is recorded.

    Parameters
    ----------
    time_zero : float
        When the pulse really comes, on the traces' axis and in their unit of time.
    response_fwhm : float, optional
        Full width at half maximum of a Gaussian response.
    tail_time, tail_share : float
        Exponential tail of the response: its time constant, and its share of the area.
    detections_per_pulse : float
        Of counted photons, from 0 to below 1; only the first one after each pulse is timed.
    peak, background : float
        Largest expected signal above the background, and the background.

    Examples
    --------
    >>> Instrument(response_fwhm=0.5).peak
    1.0
    """

    time_zero: float = 0.0
    response_fwhm: float | None = None
    tail_time: float = 0.0
    tail_share: float = 0.0
    detections_per_pulse: float = 0.0
    peak: float = 1.0
    background: float = 0.0


def simulate_film(
    t,
    n0_cm3: float | Sequence[float],
    *,
    thickness_nm: float,
    absorption_per_cm: float,
    diffusion_cm2_s: float,
    rates: Sequence[float],
    surface_velocity_cm_s: float | tuple[float, float] = 0.0,
    p0_cm3: float = 0.0,
    traps: Traps | None = None,
    spot: float | None = None,
    repetition_Hz: float | None = None,
    shows: str = _LIGHT,
    instrument: Instrument = Instrument(),
    t_unit: str = "ns",
    seed: int | None = None,
) -> list[Trace]:
    """Traces of a film after pulses: Beer–Lambert absorption, diffusion, surfaces, recombination, in depth.

    ∂n/∂t = D·∂²n/∂z² − k1·n − k2·n·(n + p0 + n_t) − k3·n³ − capture by traps, see `depth`.

    Parameters
    ----------
    t : array_like, shape (m,)
        Times of the traces in `t_unit`; those before the pulse show the background.
    n0_cm3 : number or sequence
        Density that each pulse makes, mean over the depth, in cm^-3; of a spot, at its centre.
    thickness_nm, absorption_per_cm, diffusion_cm2_s : float
    rates : (k1, k2, k3)
        Of the bulk, in 1/s, cm³/s and cm⁶/s.
    surface_velocity_cm_s : number or (front, back)
    p0_cm3 : float
        Doping.
    traps : Traps, optional
    spot : float, optional
        Gaussian spot: diameter from which the signal is collected over the spot's 1/e² diameter;
        `math.inf` for all of it. By default the same fluence everywhere.
    repetition_Hz : float, optional
        Pulses per second, each with what the ones before have left; a single pulse by default.
    shows : {"light", "density"}
        Mean of n·(n + p0 + n_t), or mean of n.
    instrument : Instrument
    t_unit : str
    seed : int, optional
        Draws Poisson counts of the expected signal; without it the traces are without noise.

    Returns
    -------
    list of Trace
        One for each density, scaled so that its largest expected signal is the instrument's peak.

    Raises
    ------
    ValueError
        For numbers that make no film, or times and units that are not understood.

    Examples
    --------
    >>> film = {"thickness_nm": 300, "absorption_per_cm": 1e5, "diffusion_cm2_s": 0.5}
    >>> simulate_film(np.arange(0, 40.0), 1e16, rates=(1e7, 0, 0), shows="density", **film)
    [Trace('1e+16 cm^-3': 40 points, t 0 to 39 ns, largest signal 1)]
    """
    if shows not in (_LIGHT, _DENSITY):
        raise ValueError(f"shows = {shows!r}: choose one of {_LIGHT}, {_DENSITY}")
    t, unit = np.asarray(t, float), seconds(t_unit)
    front, back = np.broadcast_to(surface_velocity_cm_s, 2)
    film = Film(
        thickness_nm * 1e-7,
        absorption_per_cm,
        diffusion_cm2_s,
        tuple(map(float, rates)),  # type: ignore[arg-type]
        float(front),
        float(back),
        p0_cm3,
        traps,
    )
    period = None if repetition_Hz is None else 1 / repetition_Hz
    random = None if seed is None else np.random.default_rng(seed)
    traces = []
    for n0 in np.atleast_1d(np.asarray(n0_cm3, float)):
        signal = _expected(t, float(n0), film, spot, period, shows, instrument, unit)
        if random is not None:
            signal = random.poisson(signal).astype(float)
        name = f"{n0:.3g} cm^-3"
        traces.append(
            Trace(t, signal, name=name, t_unit=t_unit, signal_unit="" if random is None else "counts")
        )
    return traces


def _expected(t, n0, film, spot, period, shows, instrument, unit) -> np.ndarray:
    shape = _seen(t - instrument.time_zero, n0, film, spot, period, shows, instrument, unit)
    if instrument.detections_per_pulse:
        # The pile-up is that of signal and background together.
        together = instrument.peak * shape / shape.max() + instrument.background
        photons = photons_before_pile_up(instrument.detections_per_pulse)
        piled = piled_up(together * (photons / together.sum()))
        return piled * ((instrument.peak + instrument.background) / piled.max())
    return instrument.peak * shape / shape.max() + instrument.background


def _seen(t, n0, film, spot, period, shows, instrument, unit) -> np.ndarray:
    """Signal at times since the pulse, blurred by the response; its size has no meaning."""
    last = period if period is not None else (t[-1] * unit)
    if not last > 0:
        raise ValueError("t: the traces end before the pulse; give later times, or another time_zero")
    times = np.union1d(np.linspace(0, last, _GRID), np.append(0, np.geomspace(last * 1e-7, last, _GRID)))
    total = sum(
        weight * _signal(solve_film(times, n0 * part, film, period=period), shows)
        for part, weight in rings(spot)
    )
    curve = PchipInterpolator(times, total)

    def after(elapsed: np.ndarray) -> np.ndarray:
        moment = elapsed * unit
        return curve(np.mod(moment, period) if period is not None else np.minimum(moment, last))

    if instrument.response_fwhm:
        fwhm, tail, share = instrument.response_fwhm, instrument.tail_time, instrument.tail_share
        if period is None:
            return blurred(t, after, fwhm, tail, share)
        shift = math.ceil((6 * fwhm + 25 * tail) * unit / period) * period / unit
        return blurred(t + shift, after, fwhm, tail, share)
    if period is not None:
        return after(np.mod(t, period / unit))
    return np.where(t >= 0, after(np.maximum(t, 0.0)), 0.0)


def _signal(decay: Decay, shows: str) -> np.ndarray:
    return decay.light if shows == _LIGHT else decay.mean


def rings(spot: float | None) -> list[tuple[float, float]]:
    """Densities of a Gaussian spot in units of its centre's, with the share of the collected area of each.

    In a Gaussian spot the area with densities between u and u + du goes with du/u.

    Parameters
    ----------
    spot : float or None
        Collected diameter over the spot's 1/e² diameter; None for an even spot. Where it is so large that
        the rim is fainter than exp(−7) of the centre, the rim is left out.

    Examples
    --------
    >>> rings(None)
    [(1.0, 1.0)]
    >>> [round(sum(w * u for u, w in rings(spot)), 3) for spot in (0.1, 1.0)]
    [0.99, 0.432]
    """
    if spot is None:
        return [(1.0, 1.0)]
    if not spot > 0:
        raise ValueError(f"spot = {spot:g}: give the collected diameter over the spot's, positive")
    lowest = max(-2.0 * spot**2, math.log(_FAINTEST))
    nodes, weights = leggauss(_RINGS)
    return [(math.exp(lowest * (1 + x) / 2), float(w) / 2) for x, w in zip(nodes, weights, strict=True)]
