"""Signal laws, instrument response and pulse trains against closed forms and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import log_ndtr

from helpers import kinetics
from helpers.kinetics import Equation, RateLaw
from helpers.measurement import Observable, pulses
from helpers.measurement.observable import KINDS
from helpers.measurement.response import FWHM_PER_SIGMA, clock

DENSITY, LIGHT = Observable("density"), Observable("photoluminescence")
MHZ4 = (0.0, 1e6, 1e-10, 0.0)  # G, k1, k2, k3 in s and cm^-3, at 4 MHz
WITH_INVERSE = [kind for kind in KINDS if kind != "own"]


def shape(times, observable, n0, rates):
    """Signal and derivatives by G, k1, k2, k3, n0 of the rate law."""
    return times.shape(RateLaw(), observable, rates, n0)


class TestObservable:
    @given(st.floats(1e-3, 1e3), st.floats(0, 1e6), st.sampled_from([1, -1]))
    def test_density_inverts_the_signal(self, n, p0, sign):
        seen = Observable("photoluminescence", p0, sign)
        signal, _ = seen.signal(np.array([n]))
        assert signal[0] == pytest.approx(sign * n * (n + p0), rel=1e-12)
        assert seen.density(signal)[0] == pytest.approx(n, rel=1e-9)

    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize(
        ("kind", "p0"), [*((kind, 0.0) for kind in WITH_INVERSE), ("photoluminescence", 3.0)]
    )
    def test_slope_is_the_derivative(self, kind, p0, sign):
        seen, n, h = Observable(kind, p0, sign), np.array([0.5, 2.0]), 1e-6
        numeric = (seen.signal(n + h)[0] - seen.signal(n - h)[0]) / (2 * h)
        np.testing.assert_allclose(seen.signal(n)[1], numeric, rtol=1e-8)
        np.testing.assert_allclose(seen.density(seen.signal(n)[0]), n, rtol=1e-12)

    def test_the_slope_of_an_own_function_is_found_at_an_empty_state_too(self):
        seen = Observable("own", function=lambda n: n**1.5, sign=-1)
        signal, slope = seen.signal(np.array([4.0, 1.0, 0.0]))
        np.testing.assert_allclose(signal, [-8, -1, 0])
        np.testing.assert_allclose(slope, [-3, -1.5, 0], atol=2e-3)
        assert seen.density(signal) is None

    def test_of_several_states_an_own_function_sees_all_and_the_others_the_first(self):
        n = np.array([[2.0, 5.0], [1.0, 0.0]])
        signal, slope = Observable("own", function=lambda n: n[:, 0] * n[:, 1]).signal(n)
        np.testing.assert_allclose(signal, [10, 0])
        np.testing.assert_allclose(slope, [[5, 2], [0, 1]], rtol=1e-8, atol=1e-9)
        signal, slope = LIGHT.signal(n)
        np.testing.assert_array_equal(signal, [4, 1])
        np.testing.assert_array_equal(slope, [[4, 0], [2, 0]])

    def test_doping_makes_photoluminescence_linear_at_low_and_quadratic_at_high_density(self):
        seen = Observable("photoluminescence", p0=1e16)
        low, high = seen.signal([1e12, 2e12])[0], seen.signal([1e20, 2e20])[0]
        assert low[1] / low[0] == pytest.approx(2, rel=1e-3)
        assert high[1] / high[0] == pytest.approx(4, rel=1e-3)

    def test_noise_below_zero_is_no_density(self):
        assert LIGHT.density([-1.0, 0.0, 4.0]).tolist() == [0, 0, 2]

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"kind": "luminescence"}, "observable"),
            ({"kind": "photoluminescence", "p0": -1}, "p0"),
            ({"kind": "mobility", "p0": 1e15}, "doping"),
            ({"kind": "mobility", "sign": 2}, "sign"),
            ({"kind": "own"}, "function"),
            ({"kind": "density", "function": np.sqrt}, "function"),
        ],
    )
    def test_unknown_observables_are_refused(self, options, named):
        with pytest.raises(ValueError, match=named):
            Observable(**options)

    @pytest.mark.parametrize("returned", [None, 1.0, np.array([1j, 2])])
    def test_an_own_function_returns_one_real_number_for_each_time(self, returned):
        with pytest.raises(ValueError, match="return one real number for each time"):
            Observable("own", function=lambda n: returned).signal([1.0, 2.0])


def blurred_exponential(t, k, sigma):
    """Gaussian ∗ (exp(−k·t) from t = 0 on), exact: exp(k²σ²/2 − k·t)·Φ(t/σ − k·σ)."""
    return np.exp(k * k * sigma * sigma / 2 - k * t + log_ndtr(t / sigma - k * sigma))


class TestResponse:
    @pytest.mark.parametrize("k", [0.0, 0.01, 0.3, 1.0, 5.0, 30.0])
    @pytest.mark.parametrize("sigma", [0.2, 1.0])
    def test_blurred_exponential_is_the_closed_form(self, k, sigma):
        t = np.linspace(-10, 40, 777)
        times = clock(t, time_zero=0.7, response_fwhm=sigma * FWHM_PER_SIGMA)
        signal, _ = shape(times, DENSITY, 1.0, (0, k / sigma, 0, 0))
        np.testing.assert_allclose(signal, blurred_exponential(t - 0.7, k / sigma, sigma), atol=3e-9)

    def test_a_narrow_response_changes_nothing_away_from_the_pulse(self):
        t, rates = np.linspace(1, 9, 50), (0, 0.2, 0.3, 0.1)
        signal, jacobian = shape(clock(t, response_fwhm=1e-3), DENSITY, 2.0, rates)
        n, sharp = kinetics.solve_with_jacobian(t, 2.0, rates)
        np.testing.assert_allclose(signal, n, rtol=1e-6)
        np.testing.assert_allclose(jacobian, sharp, atol=1e-6)

    def test_trains_are_blurred_across_the_pulse(self):
        # Every pulse's blurred exponential, added up: linear, since k1 alone is.
        t, period, k, sigma = np.linspace(-6, 30, 361), 11.0, 0.3, 0.4
        times = clock(t, response_fwhm=sigma * FWHM_PER_SIGMA, period=period)
        signal, _ = shape(times, DENSITY, 1.0, (0, k, 0, 0))
        arrived = np.arange(-40, 5) * period
        exact = sum(blurred_exponential(t - arrival, k, sigma) for arrival in arrived)
        np.testing.assert_allclose(signal, exact, atol=1e-8)

    def test_a_train_of_light_through_a_response_is_the_integral(self):
        """Against adaptive quadrature of n², whose density 400 pulses have built up one by one."""
        rates, period, width = (0, 1.0, 1.0, 0), 0.25, 5e-3
        after = 1.0
        for _ in range(400):
            after = 1.0 + kinetics.solve([period], after, rates)[0]

        def seen(x, centre):
            n = kinetics.solve([x % period], after, rates)[0]
            return n**2 * np.exp(-0.5 * ((x - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))

        centres = np.array([-0.008, 0.0, 0.002, 0.06])  # before, at and after the pulse
        wanted = []
        for centre in centres:
            edges = [centre - 9 * width, *([0.0] if abs(centre) < 9 * width else []), centre + 9 * width]
            parts = itertools.pairwise(edges)
            wanted.append(sum(quad(seen, *part, args=(centre,), epsabs=0, epsrel=1e-10)[0] for part in parts))
        times = clock(centres, response_fwhm=width * FWHM_PER_SIGMA, period=period)
        np.testing.assert_allclose(shape(times, LIGHT, 1.0, rates)[0], wanted, rtol=1e-7)

    def test_before_a_single_pulse_there_is_nothing(self):
        times = clock([-1.0, -1e-9, 0.0, 1.0])
        signal, jacobian = shape(times, DENSITY, 3.0, (0, 1.0, 0, 0))
        np.testing.assert_allclose(signal, [0, 0, 3, 3 / np.e])
        assert (jacobian[:2, 1:] == 0).all()  # a generation G would show before the pulse, too

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"response_fwhm": 0.0}, "response_fwhm"),
            ({"period": -1.0}, "repetition_period"),
            ({"response_fwhm": 1.0, "period": 2.0}, "fills the period"),
            ({"time_zero": 9.0}, "no decay is left; give time_zero"),
            ({"time_zero": 9.0, "response_fwhm": 0.1}, "no decay is left; give time_zero"),
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

    def test_traps_of_an_own_equation_fill_from_pulse_to_pulse(self):
        """Two states, of which the pulse fills the first: linear, so that the matrix exponential is exact."""
        trap, release = 1.0, 0.2

        def trapping(t, n, args):
            free, trapped = n
            return [-args[0] * free, args[0] * free - args[1] * trapped]

        law = Equation(trapping, ["trap", "release"], states=2)
        states, derivatives = pulses.steady_state(law, 3.0, [trap, release], 2.0)
        free = 3.0 / -np.expm1(-trap * 2.0)
        # One period adds the trapped share of the free ones to what is left of the trapped ones.
        caught = trap * free * (np.exp(-release * 2.0) - np.exp(-trap * 2.0)) / (trap - release)
        np.testing.assert_allclose(states, [free, caught / -np.expm1(-release * 2.0)], rtol=1e-6)
        np.testing.assert_allclose(derivatives[:, -1], states / 3.0, rtol=1e-5)

    @settings(max_examples=25)
    @given(rate, rate, rate, st.floats(0.1, 10))
    def test_derivatives_include_the_way_to_the_steady_state(self, k1, k2, k3, n_pulse):
        times, point = clock([0.0, 0.3, 0.9], period=1.0), np.array([0.2, k1, k2, k3, n_pulse])
        _, jacobian = shape(times, LIGHT, point[4], point[:4])
        for column in range(5):
            step = np.zeros(5)
            step[column] = 1e-5 * point[column]
            up, _ = shape(times, LIGHT, (point + step)[4], (point + step)[:4])
            down, _ = shape(times, LIGHT, (point - step)[4], (point - step)[:4])
            numeric = (up - down) / (2 * step[column])
            atol = 1e-6 * np.abs(numeric).max()
            np.testing.assert_allclose(jacobian[:, column], numeric, rtol=1e-5, atol=atol)

    def test_times_run_on_from_pulse_to_pulse(self):
        signal, _ = shape(clock([0.25, 1.25, -0.75, 7.25], period=1.0), DENSITY, 1.0, (0, 1.0, 1.0, 0))
        np.testing.assert_allclose(signal, signal[0], rtol=1e-12)

    @pytest.mark.parametrize(
        ("rates", "period", "named"), [((0, 0, 0, 0), 1.0, "without limit"), (MHZ4, 0.0, "positive time")]
    )
    def test_what_has_no_steady_state_is_refused(self, rates, period, named):
        with pytest.raises(ValueError, match=named):
            pulses.after_pulse(1.0, rates, period)


@pytest.mark.parametrize("response_fwhm", [None, 0.5])
def test_a_curve_is_drawn_at_any_times_of_a_measurement(response_fwhm):
    """One time, or times that are all before the pulse, are no decay to fit but a curve to draw."""
    rates = (0, 0.5, 0, 0)
    prepared = clock([-1.0, 0.0, 1.0, 2.0], response_fwhm=response_fwhm)
    late, early = (
        prepared.at(t).shape(RateLaw(), Observable(), rates, 2.0)[0] for t in ([8.0], [-9.0, -8.0])
    )
    blurred = 0.0 if response_fwhm is None else response_fwhm / FWHM_PER_SIGMA
    assert late == pytest.approx([2 * np.exp(-0.5 * 8 + (0.5 * blurred) ** 2 / 2)], rel=1e-9)
    assert early.tolist() == [0.0, 0.0]
