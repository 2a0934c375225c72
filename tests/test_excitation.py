"""From the laser to the density: CODATA's constants, energy balance, and slips of units that must be seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from helpers.measurement.excitation import (
    absorbed_share,
    carrier_density,
    density_profile,
    photon_energy,
    plausibility_notes,
)

ELECTRONVOLT = 1.602176634e-19
MICRO, NANOMETRE = 1e-6, 1e-7  # J/cm² and cm

lengths = st.floats(1e-7, 1e-2)
absorptions = st.floats(1e2, 1e6)
reflections = st.floats(0, 0.9)


def test_the_photon_energy_is_that_of_codata():
    # CODATA 2022: h·c/e = 1.239 841 984 eV µm
    assert photon_energy(1000 * NANOMETRE) / ELECTRONVOLT == pytest.approx(1.239841984, rel=1e-9)


@given(lengths, absorptions, reflections)
def test_the_density_adds_up_to_the_photons_absorbed(thickness, absorption, reflection):
    fluence, wavelength = 3 * MICRO, 532 * NANOMETRE
    n0 = carrier_density(fluence, wavelength, thickness, absorption, reflection)
    energy = n0 * thickness * photon_energy(wavelength)
    assert energy == pytest.approx(fluence * absorbed_share(thickness, absorption, reflection), rel=1e-12)
    assert energy <= fluence * (1 - reflection) * (1 + 1e-12)


@given(lengths, absorptions, reflections)
def test_the_profile_has_the_mean_density(thickness, absorption, reflection):
    arguments = (2 * MICRO, 400 * NANOMETRE)
    mean = carrier_density(*arguments, thickness, absorption, reflection)
    end = min(thickness, 40 / absorption)  # nothing is left beyond 40 absorption lengths
    total = quad(
        lambda z: float(density_profile(z, *arguments, absorption, reflection)),
        0,
        end,
        epsabs=0,
        epsrel=1e-10,
    )[0]
    assert total / thickness == pytest.approx(mean, rel=1e-9)


def test_the_profile_falls_by_e_in_one_absorption_length():
    surface, deeper = density_profile([0.0, 1e-5], 1 * MICRO, 400 * NANOMETRE, 1e5, 0.25)
    assert surface / deeper == pytest.approx(np.e)
    photons = 0.75 * MICRO / photon_energy(400 * NANOMETRE)
    assert surface == pytest.approx(photons * 1e5)


def test_a_transparent_and_an_opaque_film_have_their_limits():
    photons = MICRO / photon_energy(400 * NANOMETRE)
    thin = carrier_density(MICRO, 400 * NANOMETRE, 1 * NANOMETRE, 1e4)
    assert thin == pytest.approx(photons * 1e4, rel=1e-3)
    thick = carrier_density(MICRO, 400 * NANOMETRE, 1.0, 1e4)
    assert thick == pytest.approx(photons, rel=1e-12)


def test_a_series_of_fluences_makes_a_series_of_densities():
    n0 = carrier_density([1e-6, 2e-6], 400e-7, 500e-7, 1e5, 0.2)
    assert n0[1] == pytest.approx(2 * n0[0])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fluence": -1e-6}, "fluence"),
        ({"fluence": [1e-6, 0.0]}, "fluence"),
        ({"wavelength": 0.0}, "wavelength"),
        ({"thickness": np.inf}, "thickness"),
        ({"absorption": np.nan}, "absorption"),
        ({"reflection": 20.0}, "reflection"),
    ],
)
def test_impossible_quantities_are_named(change, named):
    usual = {"fluence": 1e-6, "wavelength": 4e-5, "thickness": 5e-5, "absorption": 1e5, "reflection": 0.1}
    with pytest.raises(ValueError, match=named):
        carrier_density(**usual | change)


# Published constants, none of which may be called implausible: k1 /s, k2 cm^3/s, k3 cm^6/s.
MATERIALS = {
    "MAPbI3": (1.5e7, 0.6e-10, 1.6e-28),  # table 3 of PMC10347435
    "silicon": (1e3, 4.73e-15, 4e-31),  # Trupke et al. 2003 (k2); Dziewior & Schmid 1977 (k3)
    "GaAs": (1e7, 7.2e-10, 7e-30),  # Ioffe Institute's tables, 300 K
}


@pytest.mark.parametrize("rates", MATERIALS.values(), ids=MATERIALS)
@pytest.mark.parametrize("n0", [1e14, 1e17, 1e19])
def test_ordinary_semiconductors_are_plausible(rates, n0):
    assert plausibility_notes([n0], *rates) == []


@pytest.mark.parametrize("rates", MATERIALS.values(), ids=MATERIALS)
def test_densities_per_cubic_metre_taken_for_cm3_are_noted(rates):
    k1, k2, k3 = rates
    notes = plausibility_notes([1e16 * 1e6, 1e17 * 1e6], k1, k2 * 1e-6, k3 * 1e-12)
    assert [note[:2] for note in notes] == ["n0", "n0", "k2", "k3"]
    assert "per m^3 it would be 1e+17 cm^-3" in notes[1]
    assert "m^3/s" in notes[2]


def test_what_no_slip_of_volume_explains_is_noted_all_the_same():
    (note,) = plausibility_notes([1e17], 1e20, 0.0, 0.0)
    assert note.startswith("k1 = 1e+20 /s")
    assert "units of time" in note
