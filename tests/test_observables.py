"""Signal laws, instrument response and pulse trains against closed forms and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr

from helpers import kinetics, pulses
from helpers.observables import FWHM_PER_SIGMA, OBSERVABLES, Observable, clock

DENSITY = Observable("density")
MHZ4 = (0.0, 1e6, 1e-10, 0.0)  # G, k1, k2, k3 in s and cm^-3, at 4 MHz


class TestLaws:
    @given(st.floats(1e-3, 1e3), st.floats(0, 1e6))
    def test_density_inverts_the_signal(self, n, p0):
        law = Observable("photoluminescence", p0)
        assert law.density(law.signal(np.array([n])))[0] == pytest.approx(n, rel=1e-9)

    @pytest.mark.parametrize("kind", OBSERVABLES)
    def test_slope_is_the_derivative(self, kind):
        law, n, h = Observable(kind), np.array([0.5, 2.0]), 1e-6
        numeric = (law.signal(n + h) - law.signal(n - h)) / (2 * h)
        np.testing.assert_allclose(law.slope(n), numeric, rtol=1e-8)

    def test_doping_makes_photoluminescence_linear_at_low_and_quadratic_at_high_density(self):
        law = Observable("photoluminescence", p0=1e16)
        low, high = law.signal(np.array([1e12, 2e12])), law.signal(np.array([1e20, 2e20]))
        assert low[1] / low[0] == pytest.approx(2, rel=1e-3)
        assert high[1] / high[0] == pytest.approx(4, rel=1e-3)

    def test_noise_below_zero_is_no_density(self):
        assert Observable("photoluminescence").density(np.array([-1.0, 0.0, 4.0])).tolist() == [0, 0, 2]

    @pytest.mark.parametrize(
        ("kind", "p0", "named"),
        [("luminescence", 0, "observable"), ("photoluminescence", -1, "p0"), ("mobility", 1e15, "doping")],
    )
    def test_unknown_laws_are_refused(self, kind, p0, named):
        with pytest.raises(ValueError, match=named):
            Observable(kind, p0)


def blurred_exponential(t, k, sigma):
    """Gaussian ∗ (exp(−k·t) from t = 0 on), exact: exp(k²σ²/2 − k·t)·Φ(t/σ − k·σ)."""
    return np.exp(k * k * sigma * sigma / 2 - k * t + log_ndtr(t / sigma - k * sigma))


class TestResponse:
    @pytest.mark.parametrize("k", [0.0, 0.01, 0.3, 1.0, 5.0, 30.0])
    @pytest.mark.parametrize("sigma", [0.2, 1.0])
    def test_blurred_exponential_is_the_closed_form(self, k, sigma):
        t = np.linspace(-10, 40, 777)
        times = clock(t, time_zero=0.7, response_fwhm=sigma * FWHM_PER_SIGMA)
        signal, _ = times.shape_with_jacobian(DENSITY, 1.0, (0, k / sigma, 0, 0))
        exact = blurred_exponential(t - 0.7, k / sigma, sigma)
        np.testing.assert_allclose(signal, exact, atol=3e-9)

    def test_a_narrow_response_changes_nothing_away_from_the_pulse(self):
        t, rates = np.linspace(1, 9, 50), (0, 0.2, 0.3, 0.1)
        times = clock(t, response_fwhm=1e-3)
        signal, jacobian = times.shape_with_jacobian(DENSITY, 2.0, rates)
        n, sharp = kinetics.solve_with_jacobian(t, 2.0, rates)
        np.testing.assert_allclose(signal, n, rtol=1e-6)
        np.testing.assert_allclose(jacobian, sharp, atol=1e-6)

    def test_trains_are_blurred_across_the_pulse(self):
        # Every pulse's blurred exponential, added up: linear, since k1 alone is.
        t, period, k, sigma = np.linspace(-6, 30, 361), 11.0, 0.3, 0.4
        times = clock(t, response_fwhm=sigma * FWHM_PER_SIGMA, period=period)
        signal, _ = times.shape_with_jacobian(DENSITY, 1.0, (0, k, 0, 0))
        arrived = np.arange(-40, 5) * period
        exact = sum(blurred_exponential(t - arrival, k, sigma) for arrival in arrived)
        np.testing.assert_allclose(signal, exact, atol=1e-8)

    def test_before_a_single_pulse_there_is_nothing(self):
        times = clock([-1.0, -1e-9, 0.0, 1.0])
        signal, jacobian = times.shape_with_jacobian(DENSITY, 3.0, (0, 1.0, 0, 0))
        np.testing.assert_allclose(signal, [0, 0, 3, 3 / np.e])
        assert (jacobian[:2] == 0).all()

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"response_fwhm": 0.0}, "response_fwhm"),
            ({"period": -1.0}, "repetition_period"),
            ({"response_fwhm": 1.0, "period": 2.0}, "fills the period"),
        ],
    )
    def test_impossible_times_are_named(self, options, named):
        with pytest.raises(ValueError, match=named):
            clock([0.0, 1.0], **options)


rate = st.floats(0.3, 10)


class TestTrains:
    def test_reference_of_four_megahertz(self):
        assert pulses.after_pulse(1e16, MHZ4, 1 / 4e6) / 1e16 == pytest.approx(2.126, abs=5e-4)

    @given(st.floats(1e-6, 50))
    def test_first_order_decays_add_up_to_a_geometric_series(self, k1):
        assert pulses.after_pulse(2.0, (0, k1, 0, 0), 1.0) == pytest.approx(-2 / np.expm1(-k1), rel=1e-9)
        assert pulses.left_over(2.0, (0, k1, 0, 0), 1.0) == pytest.approx(np.exp(-k1), rel=1e-9, abs=1e-12)

    @settings(max_examples=20)
    @given(st.floats(0, 1), rate, st.floats(0, 10), st.floats(0, 10))
    def test_many_pulses_one_by_one_end_in_the_steady_state(self, G, k1, k2, k3):
        rates, n = (G, k1, k2, k3), 1.0
        for _ in range(80):
            n = 1.0 + kinetics.solve([1.0], n, rates)[0]
        assert pulses.after_pulse(1.0, rates, 1.0) == pytest.approx(n, rel=1e-8)

    @given(rate, rate, rate, st.floats(0.1, 10))
    def test_derivatives_include_the_way_to_the_steady_state(self, k1, k2, k3, n_pulse):
        t, point = np.array([0.0, 0.3, 0.9]), np.array([0.2, k1, k2, k3, n_pulse])
        _, jacobian = pulses.solve_with_jacobian(t, point[4], point[:4], 1.0)
        for column in range(5):
            step = np.zeros(5)
            step[column] = 1e-5 * point[column]
            up, _ = pulses.solve_with_jacobian(t, (point + step)[4], (point + step)[:4], 1.0)
            down, _ = pulses.solve_with_jacobian(t, (point - step)[4], (point - step)[:4], 1.0)
            numeric = (up - down) / (2 * step[column])
            np.testing.assert_allclose(
                jacobian[:, column], numeric, rtol=1e-5, atol=1e-6 * np.abs(numeric).max()
            )

    def test_times_run_on_from_pulse_to_pulse(self):
        times = clock([0.25, 1.25, -0.75, 7.25], period=1.0)
        signal, _ = times.shape_with_jacobian(DENSITY, 1.0, (0, 1.0, 1.0, 0))
        np.testing.assert_allclose(signal, signal[0], rtol=1e-12)

    def test_carriers_that_never_recombine_have_no_steady_state(self):
        with pytest.raises(ValueError, match="without limit"):
            pulses.after_pulse(1.0, (0, 0, 0, 0), 1.0)
