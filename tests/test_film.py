"""A film in depth: eigenvalues of diffusion with surfaces, the rate law in a level film, detector."""

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from helpers import kinetics
from helpers.film import (
    Film,
    Instrument,
    Traps,
    levelling_time,
    rings,
    simulate_film,
    solve_film,
    surface_rate,
    surface_velocity,
)
from helpers.film.detector import blurred, piled_up, response
from helpers.film.linear import front_over_mean, moment_over_mean, surface_rate_estimate

NANO = 1e-7  # cm
LEVEL = {"thickness_nm": 300, "absorption_per_cm": 1.0, "diffusion_cm2_s": 0.5}  # absorbs evenly


@pytest.mark.parametrize("velocity", [1.0, 100.0, 1000.0, 1e6])
@pytest.mark.parametrize("diffusion", [0.005, 0.5])
@pytest.mark.parametrize("thickness", [300 * NANO, 1000 * NANO])
def test_the_surface_rate_solves_its_equation(thickness, diffusion, velocity):
    rate = surface_rate(thickness, diffusion, velocity)
    beta = math.sqrt(rate / diffusion)
    assert diffusion * beta * math.tan(beta * thickness / 2) == pytest.approx(velocity, rel=1e-6)
    assert surface_velocity(thickness, diffusion, rate) == pytest.approx(velocity, rel=1e-6)
    # The sum of two times is never more than 5 % off, and within 2 % where one of the two is small.
    share = velocity * thickness / (2 * diffusion)
    worst = 0.02 if share < 0.3 or share > 20 else 0.05
    assert surface_rate_estimate(thickness, diffusion, velocity) == pytest.approx(rate, rel=worst)


def test_one_surface_alone_empties_a_film_as_two_do_one_of_twice_the_thickness():
    one = surface_rate(300 * NANO, 0.05, 1000.0, 0.0)
    assert one == pytest.approx(surface_rate(600 * NANO, 0.05, 1000.0), rel=1e-9)
    assert surface_rate(300 * NANO, 0.05, 0.0) == 0.0
    assert surface_velocity(300 * NANO, 0.05, 1e12) == math.inf


@pytest.mark.parametrize(
    ("thickness", "diffusion", "velocity"), [(300, 0.5, 100), (300, 0.005, 1000), (1000, 0.5, 1000)]
)
def test_the_simulated_film_ends_at_the_rate_of_its_surfaces(thickness, diffusion, velocity):
    rate = surface_rate(thickness * NANO, diffusion, velocity)
    t = np.linspace(0, 3 / rate, 40)
    mean = solve_film(t, 1e16, Film(thickness * NANO, 1e5, diffusion, (0, 0, 0), velocity, velocity)).mean
    found = math.log(mean[-10] / mean[-1]) / (t[-1] - t[-10])
    assert found == pytest.approx(rate, rel=2e-4)
    assert surface_rate_estimate(thickness * NANO, diffusion, velocity) == pytest.approx(found, rel=0.05)


def test_different_surfaces_too():
    rate = surface_rate(300 * NANO, 0.01, 3000.0, 50.0)
    t = np.linspace(0, 3 / rate, 40)
    mean = solve_film(t, 1e16, Film(300 * NANO, 1e5, 0.01, (0, 0, 0), 3000.0, 50.0)).mean
    assert math.log(mean[-10] / mean[-1]) / (t[-1] - t[-10]) == pytest.approx(rate, rel=3e-4)


def test_a_profile_levels_out_in_its_time_and_loses_nothing():
    film = Film(1000 * NANO, 3e4, 0.02, (0, 0, 0))
    time = levelling_time(film.thickness, film.diffusion)
    decay = solve_film(np.array([0, 2, 3]) * time, 1e16, film)
    assert decay.mean == pytest.approx(1e16, rel=1e-6)
    spread = decay.n[:, 0] - decay.n[:, -1]
    assert spread[1] / spread[2] == pytest.approx(math.e, rel=1e-3)
    depth = film.absorption * film.thickness
    middle_of_first_cell = front_over_mean(depth) * math.exp(-depth / len(decay.z) / 2)
    assert decay.n[0, 0] == pytest.approx(1e16 * middle_of_first_cell, rel=1e-4)
    assert (decay.n[0] ** 2).mean() / 1e32 == pytest.approx(moment_over_mean(depth, 2), rel=1e-3)


def test_a_film_that_absorbs_evenly_follows_the_rate_law():
    rates, n0 = (1e7, 1e-10, 1e-28), 1e18
    t = np.linspace(0, 100, 50)
    found = simulate_film(t, n0, rates=rates, **LEVEL)[0].signal
    n = kinetics.solve(t * 1e-9, n0, (0, *rates))
    assert found == pytest.approx((n / n0) ** 2, rel=1e-4, abs=1e-7)
    doped = simulate_film(t, n0, rates=rates, p0_cm3=3e17, **LEVEL)[0].signal
    n = kinetics.solve(t * 1e-9, n0, (0, rates[0] + rates[1] * 3e17, *rates[1:]))
    assert doped == pytest.approx(n * (n + 3e17) / (n0 * (n0 + 3e17)), rel=1e-4, abs=1e-7)


def test_traps_fill_as_their_equations_say():
    traps = Traps(5e16, 1e-9, release=1e6, recombination=2e-11)
    film = Film(300 * NANO, 1.0, 0.5, (0, 1e-10, 0), p0=1e15, traps=traps)
    t = np.linspace(0, 200e-9, 30)

    def slope(_, y):
        n, trapped = y
        holes = n + trapped + 1e15
        caught = 1e-9 * n * (5e16 - trapped) - 1e6 * trapped
        return [-1e-10 * n * holes - caught, caught - 2e-11 * trapped * holes]

    truth = solve_ivp(slope, (0, t[-1]), [1e17, 0], "Radau", t, rtol=1e-10, atol=1e4).y
    decay = solve_film(t, 1e17, film)
    assert decay.mean == pytest.approx(truth[0], rel=1e-4, abs=1e10)
    assert decay.trapped.mean(axis=1) == pytest.approx(truth[1], rel=1e-4, abs=1e10)
    assert decay.light == pytest.approx(truth[0] * (truth[0] + truth[1] + 1e15), rel=1e-4, abs=1e26)


def test_a_train_leaves_a_geometric_series():
    film = Film(300 * NANO, 1.0, 0.5, (1e6, 0, 0))
    left = math.exp(-1e6 * 250e-9)
    first = solve_film([0.0], 1e16, film, period=250e-9).mean[0]
    assert first == pytest.approx(1e16 / (1 - left), rel=1e-5)


@pytest.mark.parametrize("spot", [0.3, 1.0, math.inf])
def test_the_rings_have_the_moments_of_a_gaussian_spot(spot):
    rim = max(math.exp(-2 * spot**2), math.exp(-7))
    for power in (1, 2, 3):
        area = math.log(1 / rim)
        truth = quad(lambda u, power=power: u**power / u, rim, 1)[0] / area
        assert sum(w * u**power for u, w in rings(spot)) == pytest.approx(truth, rel=1e-6)


def test_pile_up_counts_at_most_one_photon_a_pulse_and_takes_the_late_ones():
    per_bin = np.full(100, 0.02)
    seen = piled_up(per_bin)
    assert seen.sum() == pytest.approx(1 - math.exp(-2))
    assert seen[-1] / seen[0] == pytest.approx(math.exp(-0.02 * 99))


def test_a_response_with_a_tail_has_its_area_and_mean():
    t = np.linspace(-8, 200, 200001)
    for share in (0.0, 0.3, 1.0):
        curve = response(t, 1.0, 4.0, share)
        assert np.trapezoid(curve, t) == pytest.approx(1, abs=1e-8)
        assert np.trapezoid(curve * t, t) == pytest.approx(4.0 * share, abs=1e-5)


def test_a_blurred_exponential_is_the_closed_form():
    t = np.linspace(-2, 20, 300)
    seen = blurred(t, lambda s: np.exp(-s / 3), 0.8)
    # An exponential decay through a Gaussian is the tail of `response`, of area 3 instead of 1.
    assert seen == pytest.approx(3 * response(t, 0.8, 3.0, 1.0), abs=1e-4)


def test_the_instrument_moves_the_pulse_and_adds_a_background():
    t = np.arange(-5, 50, 0.5)
    late = Instrument(time_zero=2.0, peak=1000, background=10)
    signal = simulate_film(t, 1e16, rates=(1e7, 0, 0), shows="density", instrument=late, **LEVEL)[0].signal
    assert (signal[t < 2] == 10).all()
    assert signal[t == 2] == pytest.approx(1010)
    assert signal[t == 12] == pytest.approx(10 + 1000 * math.exp(-0.1), rel=1e-4)


def test_what_makes_no_film_is_refused():
    with pytest.raises(ValueError, match="thickness"):
        simulate_film([0, 1], 1e16, rates=(1, 0, 0), **LEVEL | {"thickness_nm": 0})
    with pytest.raises(ValueError, match="shows"):
        simulate_film([0, 1], 1e16, rates=(1, 0, 0), shows="colour", **LEVEL)
    with pytest.raises(ValueError, match="before the pulse"):
        simulate_film([-2, -1], 1e16, rates=(1, 0, 0), **LEVEL)
    with pytest.raises(ValueError, match="k2"):
        Film(1e-5, 1e5, 1.0, (0, -1, 0))
