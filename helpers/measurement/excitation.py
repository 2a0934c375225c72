"""From a laser pulse to the density that it makes, and what densities and rates are plausible.

Fluences in J/cm², lengths in cm and densities in cm^-3 throughout, so that no power of ten hides anywhere:
write 3e-6 for 3 µJ/cm² and 500e-7 for 500 nm.
"""

from __future__ import annotations

import math

import numpy as np

PLANCK = 6.62607015e-34  # J s, exact since 2019 (SI Brochure, 9th edition)
LIGHT = 2.99792458e10  # cm/s, exact
# Wide enough for silicon, III–V semiconductors, perovskites and organics; a slip of 10^6 falls outside.
_PLAUSIBLE = {
    "n0": (1e12, 1e21, "cm^-3"),
    "k1": (1e2, 1e13, "/s"),
    "k2": (1e-15, 1e-7, "cm^3/s"),
    "k3": (1e-34, 1e-24, "cm^6/s"),
}


def photon_energy(wavelength: float) -> float:
    """Energy h·c/λ of one photon, in J, for a vacuum wavelength in cm.

    Examples
    --------
    >>> photon_energy(400e-7)  # 400 nm: 3.1 eV
    4.966e-19
    """
    return PLANCK * LIGHT / _positive("wavelength", wavelength)


def absorbed_share(thickness: float, absorption: float, reflection: float = 0.0) -> float:
    """Share (1 − R)·(1 − exp(−α·d)) of the photons that a film absorbs in one pass (Beer–Lambert law).

    Parameters
    ----------
    thickness : float
        d in cm.
    absorption : float
        Absorption coefficient α at the wavelength of the pulse, in 1/cm.
    reflection : float
        R of the front face, from 0 to 1. What the back face reflects is left out.

    Examples
    --------
    >>> absorbed_share(500e-7, 2e4, 0.2)
    0.506
    """
    if not 0 <= reflection < 1:
        raise ValueError(f"reflection = {reflection:g}: give the reflected share, from 0 to below 1")
    depth = _positive("absorption", absorption) * _positive("thickness", thickness)
    return -(1 - reflection) * math.expm1(-depth)


def carrier_density(fluence, wavelength: float, thickness: float, absorption: float, reflection: float = 0.0):
    """Mean density of the carriers that a pulse makes: n0 = F·(1 − R)·(1 − exp(−α·d))/(hν·d), in cm^-3.

    One electron–hole pair per absorbed photon, spread evenly over the film: right once diffusion has
    levelled `density_profile` out, or where α·d is small.

    Parameters
    ----------
    fluence : float or array_like
        Energy per area of one pulse at the sample, F in J/cm².
    wavelength, thickness, absorption, reflection : float
        λ in cm, d in cm, α in 1/cm, R; see `absorbed_share`.

    Returns
    -------
    float or ndarray
        In cm^-3, one for each fluence.

    Raises
    ------
    ValueError
        For a quantity that is not positive, or a reflection outside 0 to 1.

    References
    ----------
    Fox, "Optical Properties of Solids", 2nd edition (2010), section 1.2, for R, α and Beer's law.

    Examples
    --------
    >>> carrier_density(1e-6, 400e-7, 500e-7, 1e5)  # 1 µJ/cm² at 400 nm into 500 nm
    4.0e16
    """
    photons = _positive("fluence", fluence) / photon_energy(wavelength)
    return photons * absorbed_share(thickness, absorption, reflection) / thickness


def density_profile(z, fluence: float, wavelength: float, absorption: float, reflection: float = 0.0):
    """Density at the depth z just after the pulse: n(z) = F·(1 − R)·α·exp(−α·z)/(hν), in cm^-3.

    Its mean over the film is `carrier_density`. Units are as there; z is in cm.

    Examples
    --------
    >>> (density_profile([0.0, 1e-5], 1e-6, 400e-7, 1e5) / 1e17).round(3).tolist()  # surface, 100 nm
    [2.014, 0.741]
    """
    surface = carrier_density(fluence, wavelength, 1.0, absorption, reflection)
    per_length = absorption / absorbed_share(1.0, absorption)
    return surface * per_length * np.exp(-absorption * np.asarray(z, float))


def plausibility_notes(n0, k1: float, k2: float, k3: float) -> list[str]:
    """Say which densities (cm^-3) and rates (1/s, cm^3/s, cm^6/s) no semiconductor has, and a likely slip.

    Zeros are never noted. A note is a reason to check the units, not an error.

    Examples
    --------
    >>> plausibility_notes([1e23], 1e7, 1e-10, 1e-28)
    ['n0 = 1e+23 cm^-3 is outside 1e+12 to 1e+21 cm^-3; as a number per m^3 it would be 1e+17 cm^-3']
    """
    values = [("n0", float(n)) for n in np.atleast_1d(n0)] + [("k1", k1), ("k2", k2), ("k3", k3)]
    return [_note(name, value) for name, value in values if value != 0 and not _plausible(name, value)]


def _plausible(name: str, value: float) -> bool:
    low, high, _ = _PLAUSIBLE[name]
    return low <= value <= high


def _note(name: str, value: float) -> str:
    low, high, unit = _PLAUSIBLE[name]
    text = f"{name} = {value:.3g} {unit} is outside {low:g} to {high:g} {unit}"
    metric = value * {"n0": 1e-6, "k1": 1.0, "k2": 1e6, "k3": 1e12}[name]
    if name == "k1" or not _plausible(name, metric):
        return f"{text}; check the units of time and density"
    written = {"n0": "as a number per m^3", "k2": "as a number of m^3/s", "k3": "as a number of m^6/s"}[name]
    return f"{text}; {written} it would be {metric:.3g} {unit}"


def _positive(name: str, value):
    value = np.asarray(value, float) if np.ndim(value) else float(value)
    if not np.all(np.isfinite(value) & (np.asarray(value) > 0)):
        raise ValueError(f"{name} = {value}: give a positive number (fluence in J/cm², lengths in cm)")
    return value
