"""The instrument's response: its convolution against closed forms, and what is made of a recording of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfcx
from scipy.stats import exponnorm

from helpers.fitting import fit
from helpers.kinetics import Equation, RateLaw, solve
from helpers.measurement import Measurement, Observable, Quantity, Response
from helpers.measurement.instrument import FWHM_PER_SIGMA, Samples
from helpers.measurement.measured_response import measured
from helpers.measurement.response import clock
from helpers.traces import Trace

DENSITY, LIGHT = Observable(), Observable("photoluminescence")
RATES = (0.0, 0.02, 0.05, 0.01)
T = np.arange(-8.0, 60.0, 0.37)


def seen(response, t=T, rates=RATES, *, observable=LIGHT, time_zero=0.7, law=None, period=None):
    times = clock(t, time_zero=time_zero, response=response, period=period)
    return times.seen(law or RateLaw(), observable, rates, 1.0)


def recorded(width=0.4, tail=1.2, step=0.08):
    """Return a noisy recording of a peak with a tail, in lines between samples, as its own truth."""
    t = np.arange(-2.0, 5.0, step)
    g = exponnorm.pdf(t, tail / width, scale=width) * (1 + 0.1 * np.cos(40 * t))
    g[[0, -1]] = 0.0
    t = t - t[g.argmax()]
    return Response(samples=Samples(t, g / np.trapezoid(g, t), step))


def tailed(t, k, sigma, tail):
    """Gaussian ∗ exponential tail ∗ exp(−k·t), exact: a difference of two modified Gaussians."""

    def modified(rate):
        z = (sigma * rate - t / sigma) / np.sqrt(2)
        safe = np.maximum(z, -20.0)
        early = np.exp(-0.5 * (t / sigma) ** 2) * erfcx(safe)
        return 0.5 * np.where(z > -5, early, 2 * np.exp(0.5 * (sigma * rate) ** 2 - rate * t))

    return (modified(k) - modified(1 / tail)) / (1 - k * tail)


def by_quadrature(response, t, decay, time_zero, points):
    """∫ g(u − τ)·F(τ) dτ by adaptive quadrature between the points where either of them bends."""
    found = []
    for each in t:
        u = each - time_zero
        ends = sorted({0.0, *(max(u - point, 0.0) for point in points)})
        parts = itertools.pairwise(ends)
        found.append(
            sum(
                quad(
                    lambda x, u=u: response.at(u - x)[0] * decay(x),
                    *part,
                    epsabs=1e-15,
                    epsrel=1e-11,
                    limit=200,
                )[0]
                for part in parts
            )
        )
    return np.array(found)


def light(x):
    return float(solve([x], 1.0, RATES)[0]) ** 2


class TestClosedForms:
    @pytest.mark.parametrize("k", [0.0, 0.01, 0.3, 3.0])
    @pytest.mark.parametrize("tail", [0.5, 4.0])
    def test_a_gaussian_with_a_tail_on_an_exponential(self, k, tail):
        response = Response(fwhm=0.6 * FWHM_PER_SIGMA, tail=tail)
        shape = seen(response, rates=(0, k, 0, 0), observable=DENSITY).shape
        exact = tailed(T - 0.7, k, 0.6, tail)
        np.testing.assert_allclose(shape, exact, rtol=1e-6, atol=1e-9)

    def test_its_own_heights_are_those_of_scipy(self):
        t = np.linspace(-4, 30, 300)
        heights, slopes = Response(fwhm=0.6 * FWHM_PER_SIGMA, tail=2.0).at(t)
        np.testing.assert_allclose(heights, exponnorm.pdf(t, 2.0 / 0.6, scale=0.6), rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(slopes, np.gradient(heights, t), atol=3e-2 * slopes.max())

    @pytest.mark.parametrize("k", [0.0, 0.1, 2.0])
    def test_the_ring_down_of_a_cavity_on_an_exponential(self, k):
        u = np.maximum(T - 0.7, 0)
        exact = (np.exp(-k * u) - np.exp(-u / 3.0)) / (1 - 3.0 * k)
        np.testing.assert_allclose(
            seen(Response(tail=3.0), rates=(0, k, 0, 0), observable=DENSITY).shape,
            exact,
            rtol=1e-6,
            atol=1e-12,
        )

    def test_a_mean_over_channels_of_an_exponential(self):
        first, last = (np.maximum(T - 0.7 + shift, 0) for shift in (-0.2, 0.2))
        exact = (np.exp(-0.5 * first) - np.exp(-0.5 * last)) / (0.5 * 0.4)
        found = seen(Response(bin_width=0.4), rates=(0, 0.5, 0, 0), observable=DENSITY)
        np.testing.assert_allclose(found.shape, exact, rtol=1e-9, atol=1e-13)

    def test_a_recording_of_one_triangle_on_a_constant(self):
        response = Response(samples=Samples(np.array([-1.0, 0.0, 2.0]), np.array([0.0, 2 / 3, 0.0]), 1.0))
        u = np.clip(T - 0.7, -1, 2)
        exact = np.where(u < 0, (u + 1) ** 2 / 3, 1 - (2 - u) ** 2 / 6)
        found = seen(response, rates=(0, 0, 0, 0), observable=DENSITY)
        np.testing.assert_allclose(found.shape, exact, atol=1e-13)


class TestQuadrature:
    """Decays by k1, k2 and k3 seen as n², to 1e-6 of the signal where there is any."""

    @pytest.mark.parametrize(
        "response",
        [
            Response(fwhm=1.0),
            Response(fwhm=0.7, tail=2.0),
            Response(fwhm=0.7, tail=5.0, tail_share=0.3),
            Response(tail=2.0),
            recorded(),
        ],
        ids=["Gaussian", "tail", "part of a tail", "exponential", "recorded"],
    )
    def test_of_a_nonlinear_decay(self, response):
        t = np.array([-0.3, 0.2, 0.65, 0.75, 1.1, 2.0, 4.0, 9.0, 31.0])
        points = (
            np.array([-3, -1, -0.3, 0, 0.3, 1, 3, 8, 20, 60])
            if response.samples is None
            else response.samples.t
        )
        exact = by_quadrature(response, t, light, 0.7, points)
        np.testing.assert_allclose(seen(response, t).shape, exact, rtol=1e-6, atol=2e-9)

    def test_an_oscillation_of_an_own_equation_is_resolved(self):
        """Few nodes would do for a decay; an own function may hold anything that the data could show."""

        def oscillating(t, n, args):
            return -args[0] * n + 6 * np.cos(6 * t)

        k, sigma = 0.05, 0.1
        t = np.arange(-1.0, 30.0, 0.05)
        law = Equation(oscillating, ["k"])
        found = seen(
            Response(fwhm=sigma * FWHM_PER_SIGMA), t, [k], observable=DENSITY, time_zero=0.0, law=law
        )
        later = t > 1.0  # n = a·exp(−k·t) + b·cos(6t) + c·sin(6t), each term blurred by its own factor
        b, c = 6 * k / (36 + k * k), 36 / (36 + k * k)
        fast = np.exp(-0.5 * (6 * sigma) ** 2)
        exact = (1 - b) * np.exp(0.5 * (k * sigma) ** 2 - k * t) + fast * (
            b * np.cos(6 * t) + c * np.sin(6 * t)
        )
        np.testing.assert_allclose(found.shape[later], exact[later], atol=2e-6)


ALL = {
    "Gaussian": Response(fwhm=1.0),
    "tail": Response(fwhm=0.7, tail=2.0),
    "part of a tail": Response(fwhm=0.7, tail=5.0, tail_share=0.3),
    "exponential": Response(tail=2.0),
    "recorded": recorded(),
    "channels": Response(bin_width=0.5),
    "channels of a Gaussian": Response(fwhm=1.0, bin_width=0.5),
}


@pytest.mark.parametrize("name", ALL)
class TestDerivatives:
    @pytest.mark.parametrize("period", [None, 75.0])
    def test_by_time_zero_holds_the_jump_at_the_pulse(self, name, period):
        t = T + 0.0137  # no point where a straight line bends
        step = 1e-5
        later, earlier = (
            seen(ALL[name], t, time_zero=0.7 + each, period=period).shape for each in (step, -step)
        )
        numeric = (later - earlier) / (2 * step)
        exact = seen(ALL[name], t, period=period).by_time
        np.testing.assert_allclose(exact, numeric, atol=2e-5 * np.abs(numeric).max())

    def test_trains_are_the_sum_of_all_pulses(self, name):
        """By k1 alone pulses add up."""
        rates, period = (0, 0.1, 0, 0), 13.0
        t = np.linspace(-2, 10.9, 120)
        train = seen(ALL[name], t, rates, observable=DENSITY, period=period).shape
        late = clock(np.arange(0, 200.0), time_zero=0.7, response=ALL[name])
        pulses = [late.at(t + number * period) for number in range(-2, 20)]
        single = sum(each.shape(RateLaw(), DENSITY, rates, 1.0)[0] for each in pulses)
        np.testing.assert_allclose(train, single, atol=1e-6 * single.max())


@pytest.mark.parametrize("name", ALL)
def test_a_pulse_moved_in_a_search_is_seen_as_one_that_was_there_from_the_first(name):
    """A search takes the convolution from nodes that serve all time zeros."""
    there = clock(T, time_zero=0.7, response=ALL[name])
    moved = clock(T, time_zero=0.2, response=ALL[name]).moved(1.1).moved(0.7)
    for exact, found in zip(
        *(each.seen(RateLaw(), LIGHT, RATES, 1.0) for each in (there, moved)), strict=True
    ):
        np.testing.assert_allclose(found, exact, atol=1e-9 * np.abs(exact).max())
    with pytest.raises(ArithmeticError, match="not in the data"):
        there.moved(500.0)


class TestRecording:
    TRUE = Response(fwhm=0.5, tail=1.2, tail_share=0.3)

    def trace(self, peak=20_000, background=8.0, seed=1, **options):
        t = np.arange(0.0, 40.0, 0.05)
        expected = peak * self.TRUE.at(t - 10.0)[0] / self.TRUE.peak + background
        counts = np.random.default_rng(seed).poisson(expected).astype(float)
        return Trace(t, counts, t_unit="ns", name="irf", **options)

    def test_background_is_taken_out_and_noise_makes_it_nowhere_negative(self):
        samples = measured(self.trace()).samples
        assert (samples.height >= 0).all()
        assert (samples.height[0], samples.height[-1]) == (0.0, 0.0)
        assert np.trapezoid(samples.height, samples.t) == pytest.approx(1.0)
        assert samples.t[0] > -2
        assert samples.t[-1] < 15  # what is left of the tail there is lost in the background

    @pytest.mark.parametrize("peak", [2_000, 200_000])
    def test_a_faint_tail_is_neither_cut_off_nor_raised(self, peak):
        """Where each negative sample is set to 0 the background's noise would add to the tail."""
        found = measured(self.trace(peak)).samples
        v = np.linspace(-5, 25, 30_001)
        heights = np.interp(v, found.t, found.height, left=0, right=0)
        exact, _ = self.TRUE.at(v + v[self.TRUE.at(v)[0].argmax()])
        late = v > 1.5
        share = heights[late].sum() / heights.sum()
        assert share == pytest.approx(exact[late].sum() / exact.sum(), rel=0.1)

    def test_its_background_may_be_named(self):
        trace = self.trace()
        lifted = Trace(trace.t, trace.signal + 50 * (trace.t < 4), t_unit="ns")  # a step in the dark part
        named = measured(lifted, (5.0, 8.0)).samples
        np.testing.assert_allclose(
            named.height.max(), measured(trace, (5.0, 8.0)).samples.height.max(), rtol=1e-9
        )
        with pytest.raises(ValueError, match=r"response_background = \[50, 60\].*run from 0 to 39.95 ns"):
            measured(trace, (50, 60))

    def test_a_recording_without_a_peak_is_refused(self):
        t = np.arange(100.0)
        flat = Trace(t, np.random.default_rng(0).poisson(20.0, 100).astype(float), t_unit="ns")
        with pytest.raises(ValueError, match=r"stand out of the noise.*response_background"):
            measured(flat)

    def test_bins_far_coarser_than_needed_are_refused(self):
        t = np.arange(-5.0, 60.0, 0.05)
        decay = Trace(t, np.where(t > 0, np.exp(-np.maximum(t, 0)), 0.0), t_unit="ns")
        coarse = Trace([-2, -1, 0, 1, 2, 3], [0, 0, 9, 4, 0, 0], t_unit="ns", name="irf")
        settings = {"kind": "TA", "n0": 1.0, "sign": 1}
        with pytest.raises(ValueError, match=r"bins of 1 ns, far coarser than needed: only 1 point"):
            Measurement(decay, response=coarse, **settings)

    def test_its_unit_of_time_is_needed_and_may_differ_from_the_traces(self):
        decay = Trace(np.arange(-5.0, 60.0, 0.05), np.arange(1300.0), t_unit="ns")
        settings = {"kind": "TA", "n0": 1.0, "sign": 1, "time_zero": 0.0}
        trace = self.trace()
        with pytest.raises(ValueError, match="unit of time is missing"):
            Measurement(decay, response=Trace(trace.t, trace.signal), **settings)
        in_ps = Trace(1000 * trace.t, trace.signal, t_unit="ps")
        widths = [Measurement(decay, response=each, **settings).response_fwhm for each in (trace, in_ps)]
        assert widths[0] == pytest.approx(widths[1])
        assert widths[0] == pytest.approx(self.TRUE.width, rel=0.1)

    def test_a_file_names_its_unit_or_is_asked_for_it(self, tmp_path):
        trace, path = self.trace(), tmp_path / "irf.csv"
        decay = Trace(np.arange(-5.0, 60.0, 0.05), np.arange(1300.0), t_unit="ns")
        settings = {"kind": "TA", "n0": 1.0, "sign": 1, "time_zero": 0.0}
        rows = "".join(f"{1000 * t:.0f},{y:.0f}\n" for t, y in zip(trace.t, trace.signal, strict=True))
        path.write_text(rows)
        with pytest.raises(ValueError, match=r"irf.csv.*unit of its times is missing.*t_unit = \"ns\""):
            Measurement(decay, response=path, **settings)
        table = {"file": path, "t_unit": "ps"}
        assert Measurement(decay, response=table, **settings).response_fwhm == pytest.approx(0.55, abs=0.1)
        path.write_text("Time (ps),counts\n" + rows)
        assert Measurement(decay, response=path, **settings).response_fwhm == pytest.approx(0.55, abs=0.1)


class TestScatteredLight:
    def test_its_height_is_fitted_beside_the_decay(self):
        t = np.arange(-10.0, 120.0, 0.1)
        response = Response(fwhm=0.8, tail=0.6)
        times = clock(t, time_zero=1.3, response=response)
        shape = times.shape(RateLaw(), LIGHT, (0, 0.02, 0.05, 0), 1.0)[0]
        expected = 20_000 * shape + 6_000 * times.scattered()[0] + 4
        counts = Trace(t, np.random.default_rng(3).poisson(expected).astype(float), t_unit="ns")
        settings = {"kind": "TRPL counts", "n0": 1.0, "density_unit": "cm^-3", "response": response}
        found = fit(Measurement(counts, scatter="free", **settings), fixed=["G", "k3"])
        truth = {"k1": 0.02, "k2": 0.05, "scatter": 6000, "time_zero": 1.3}
        away = (found.values[[*truth]] - [*truth.values()]) / found.stderr[[*truth]]
        assert away.abs().max() < 3.5
        assert abs(found.reduced_chi2 - 1) < 0.15
        without = fit(Measurement(counts, **settings), fixed=["G", "k3"])
        assert without.reduced_chi2 > 2
        assert "Scattered light" in " ".join(Measurement(counts, scatter="free", **settings).describe())

    def test_a_shared_one_keeps_the_given_ratios(self):
        t = np.arange(-5.0, 40.0, 0.2)
        response, rng = Response(fwhm=0.8), np.random.default_rng(4)
        times = clock(t, time_zero=0.0, response=response)
        traces = []
        for n0, height in ((1.0, 500), (4.0, 2000)):
            shape = times.shape(RateLaw(), LIGHT, (0, 0.02, 0.05, 0), n0)[0]
            expected = 5_000 * shape / shape.max() + height * times.scattered()[0] + 4
            traces.append(Trace(t, rng.poisson(expected).astype(float), t_unit="ns"))
        settings = {"kind": "TRPL counts", "n0": [1.0, 4.0], "density_unit": "cm^-3", "response": response}
        measurement = Measurement(traces, scatter=Quantity([1, 4], "shared"), time_zero=0.0, **settings)
        found = fit(measurement, fixed=["G", "k3"])
        assert found.values["scatter_factor"] == pytest.approx(500, abs=4 * found.stderr["scatter_factor"])
