"""Whether a law describes the data: the tests of residuals against simulated right and wrong laws.

Shares are counted in seeded sets; tests/benchmarks/false_alarms.py counts them in many more.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy import stats
from scipy.special import xlogy

from helpers import kinetics
from helpers.fitting import fit
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import misfit
from helpers.uncertainty.residual_tests import _correlation, _deviance_moments, _pooled
from tests.benchmarks.false_alarms import (
    ALONE,
    COVERED,
    LEVELS,
    RATES,
    T,
    autoregressive,
    filled_traps,
    right,
    rise,
    trapped,
    with_noise,
)


@pytest.mark.parametrize("expected", [1e-7, 0.003, 0.1, 1.0, 7.0, 99.0, 101.0, 3000.0])
def test_moments_of_the_deviance_are_those_of_the_poisson_distribution(expected):
    """Summed over the distribution; only near 10⁻⁸ and beyond 100 does the code use anything else."""
    y = np.arange(stats.poisson.isf(1e-15, expected) + 20)
    chances = stats.poisson.pmf(y, expected)
    deviance = 2 * (expected - y + xlogy(y, np.maximum(y, 1) / expected))
    mean = chances @ deviance
    variance = chances @ (deviance - mean) ** 2
    move = chances @ (deviance * (y - expected)) / np.sqrt(expected)
    found = _deviance_moments(np.array([expected]))[:3, 0]
    np.testing.assert_allclose(found, [mean, variance, move], rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("expected", [0.05, 0.7, 3.0, 40.0, 200.0])
def test_the_mean_deviance_of_fitted_counts_is_lower_by_the_share_that_is_told(expected):
    """25 bins with one fitted mean: E Σ(d(y, μ̂) − m(μ̂)) = −(1 + μ·m″/2) to second order."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(expected, size=(20_000, 25)).astype(float)
    fitted = np.maximum(counts.mean(axis=1, keepdims=True), 1e-8)
    deviance = 2 * (fitted - counts + xlogy(counts, np.maximum(counts, 1) / fitted)).sum(axis=1)
    excess = deviance - 25 * _deviance_moments(fitted[:, 0])[0]
    share = _deviance_moments(np.array([expected]))[3, 0]
    assert excess.mean() == pytest.approx(-share, abs=4 * excess.std() / np.sqrt(20_000) + 0.02)


def test_a_pool_expects_ten_counts_and_none_is_lost():
    expected = np.array([40.0, 3.0, 6.0, 2.0, 11.0, 4.0, 4.0, 4.0, 0.5])
    counts = np.array([33.0, 3.0, 6.0, 5.0, 11.0, 4.0, 4.0, 4.0, 1.0])
    pools = [(40, 33), (11, 14), (11, 11), (12.5, 13)]
    wanted = [(seen - mean) / np.sqrt(mean) for mean, seen in pools]
    np.testing.assert_allclose(_pooled(expected, counts), wanted)


def test_chances_of_the_size_are_even_for_twelve_points_and_three_parameters():
    """Each fitted parameter takes a square from the residuals' sum."""
    t, chances = np.linspace(0, 5, 12), []
    for seed in range(150):
        noise = 0.01 * np.random.default_rng(seed).standard_normal(12)
        trace = Trace(t, kinetics.solve(t, 1.0, (0, 0.5, 0.5, 0)) + noise, np.full(12, 0.01))
        chances.append(misfit(fit(trace, (0, 0.5, 0.5, 0), fixed=["G", "k3"])).p_size)
    assert stats.kstest(chances, "uniform").pvalue > 0.01


class TestCounts:
    def test_the_size_of_faint_counts_with_one_fitted_background_is_one(self):
        """0.3 counts a bin; a whole degree of freedom for the background would give 1.03."""
        rng, t, squares = np.random.default_rng(2), np.arange(25.0), []
        options = {"observable": "photoluminescence", "time_zero": 0.0, "n0": 1.0, "noise": "poisson"}
        for _ in range(250):
            trace = Trace(t, rng.poisson(0.3, 25).astype(float), t_unit="ns")
            measurement = Measurement(trace, scale=1e-9, offset="free", **options)
            found = fit(measurement, (0, 1.0, 0, 0), fixed=["G", "k1", "k2", "k3"])
            squares.append(misfit(found).traces[0].size ** 2)
        assert np.mean(squares) == pytest.approx(1, abs=0.015)

    @pytest.mark.parametrize(
        ("levels", "peak", "background"),
        [(ALONE, 5, 0.02), (ALONE, 30, 0.02), (ALONE, 20_000, 5.0), (LEVELS, 200, 0.04), (LEVELS, 30, 0.5)],
    )
    def test_the_right_law_is_neither_structured_nor_noisy(self, levels, peak, background):
        rng = np.random.default_rng([len(levels), peak])
        count = 40 if len(levels) == 1 else 15
        tests = [misfit(right(levels, peak, background, rng)) for _ in range(count)]
        assert sum(each.found for each in tests) <= 1
        assert sum(each.p_size < 1e-3 for each in tests) <= 1
        assert sum(each.p_size < 0.5 for each in tests) >= 2  # as chances are, not always 1

    def test_intervals_cover_and_pulls_are_standard_normal(self):
        rng = np.random.default_rng(9)
        fits = [right(LEVELS, 500, 0.5, rng) for _ in range(30)]
        pulls = np.array([(each.values["k1"] - RATES[1]) / each.stderr["k1"] for each in fits])
        assert abs(pulls.mean()) < 3 / np.sqrt(30)
        assert abs(pulls.std() - 1) < 3 / np.sqrt(60)
        assert np.mean([rise(each, RATES[1]) < COVERED for each in fits]) > 0.95 - 3 * np.sqrt(
            0.95 * 0.05 / 30
        )

    def test_so_do_those_of_five_counts_by_the_signed_root_of_the_deviance(self):
        """Some 50 counts of signal over a background of 5, where (value − truth)/error has a width of 1.5."""
        rng, roots = np.random.default_rng(14), []
        for _ in range(40):
            found = right(ALONE, 5, 5.0, rng)
            roots.append(np.sign(found.values["k1"] - RATES[1]) * np.sqrt(rise(found, RATES[1])))
        assert abs(np.mean(roots)) < 3 / np.sqrt(40)
        assert abs(np.std(roots) - 1) < 3 / np.sqrt(80)
        assert np.mean(np.square(roots) < COVERED) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)

    def test_traps_that_fill_up_are_found_in_a_series(self):
        rng = np.random.default_rng(10)
        tests = [misfit(filled_traps(LEVELS, 500, 0.5, rng)) for _ in range(10)]
        assert all(each.found for each in tests)
        assert all(each.correlation == 0 for each in tests)  # counts of a detector are independent

    def test_the_answer_is_always_the_same(self):
        found = right(ALONE, 30, 0.02, np.random.default_rng(11))
        first, again = misfit(found), misfit(found)
        assert (first.p, first.p_size) == (again.p, again.p_size)

    @pytest.mark.parametrize(("factor", "size"), [(2, np.sqrt(2)), (9, 3)])
    def test_numbers_that_are_no_raw_counts_are_found_by_their_size(self, factor, size):
        rng, rates = np.random.default_rng(12), (0, RATES[1], 0, 0)
        clean = 300 * kinetics.solve(T, 1.0, rates) ** 2 + 2
        trace = Trace(T, factor * rng.poisson(clean).astype(float), t_unit="ns")
        options = {"observable": "photoluminescence", "time_zero": 0.0, "n0": 1.0, "noise": "poisson"}
        found = fit(Measurement(trace, offset="free", **options), rates, fixed=["G", "k2", "k3"])
        test = misfit(found)
        assert test.p_size < 1e-6
        assert test.traces[0].size == pytest.approx(size, rel=0.15)

    def test_order_is_not_tested_where_there_are_hardly_any_counts(self):
        options = {"observable": "photoluminescence", "time_zero": 0.0, "n0": 1.0, "noise": "poisson"}
        counts = np.zeros(300)
        counts[[0, 1, 2, 5, 9, 14, 30]] = [5, 4, 3, 2, 1, 1, 1]
        measurement = Measurement(Trace(T, counts, t_unit="ns"), scale="free", **options)
        (test,) = misfit(fit(measurement, (0, 0.05, 0, 0), fixed=["G", "k2", "k3"])).traces
        assert test.is_too_faint
        assert not test.found
        assert test.p_size > 1e-3


@functools.cache
def correlated_sets(rho, known=True, n=80):
    """Fits of the right law to 300 points with correlated noise, made once for all tests."""
    rng = np.random.default_rng([int(10 * rho), known])
    return [with_noise(300, rho, 0.02, known, rng) for _ in range(n)]


class TestCorrelatedNoise:
    @pytest.mark.parametrize("rho", [0.3, 0.6])
    def test_its_correlation_is_estimated_without_bias(self, rho):
        found = np.array([misfit(each).correlation for each in correlated_sets(rho)])
        seen = found[found > 0]
        assert len(seen) >= 0.9 * len(found)
        assert seen.mean() == pytest.approx(rho, abs=0.03)

    @pytest.mark.parametrize("rho", [0.3, 0.6])
    def test_what_a_fit_of_few_points_took_away_is_given_back(self, rho):
        """The residuals' own correlation is lower by 0.05 to 0.07 after a fit of three directions."""
        t, rng, found, raw = np.linspace(0, 5, 100), np.random.default_rng(1), [], []
        directions = np.linalg.qr(np.column_stack([np.exp(-t) * t**k for k in range(3)]))[0]
        for _ in range(300):
            noise = autoregressive(rng, 100, rho)
            left = noise - directions @ (directions.T @ noise)
            found.append(_correlation(left, directions))
            raw.append(left[1:] @ left[:-1] / (left @ left))
        assert np.mean(found) == pytest.approx(rho, abs=0.03)
        assert np.mean(raw) < rho - 0.04

    @pytest.mark.parametrize("known", [True, False], ids=["sigma known", "sigma unknown"])
    @pytest.mark.parametrize("rho", [0.3, 0.6])
    def test_widened_errors_cover_the_truth_and_the_fits_own_do_not(self, rho, known):
        names, own, wider = ["k1", "k2", "n0"], [], []
        for each in correlated_sets(rho, known):
            off = np.abs(each.values[names] - [0.02, 0.01, 5.0]) / each.stderr[names]
            own.append(off < 1.96)
            wider.append(off / misfit(each).widening[names] < 1.96)
        assert np.mean(own) < {0.3: 0.9, 0.6: 0.8}[rho]
        assert np.mean(wider, axis=0).min() >= 0.9

    def test_the_widening_is_the_scatter_over_the_fits_own_error(self):
        fits = correlated_sets(0.6)
        widening = np.mean([misfit(each).widening[["k1", "k2", "n0"]] for each in fits], axis=0)
        scatter = np.std([each.values[["k1", "k2", "n0"]] for each in fits], axis=0)
        own = np.mean([each.stderr[["k1", "k2", "n0"]] for each in fits], axis=0)
        np.testing.assert_allclose(widening, scatter / own, rtol=3 / np.sqrt(2 * len(fits)))

    def test_noise_that_was_estimated_is_larger_by_what_the_fit_followed(self):
        """E Σr² = trace of (1 − QQᵀ)C, with Q the fit's directions and C the noise: by whole matrices."""
        known, unknown = (
            with_noise(120, 0.6, 0.02, given, np.random.default_rng(7)) for given in (True, False)
        )
        np.testing.assert_allclose(known.values, unknown.values, rtol=1e-6)
        wide, wider = misfit(known), misfit(unknown)
        (slopes,) = unknown.problem.jacobian(unknown.minimum.x)
        directions = np.linalg.qr(slopes[:, unknown.active] / unknown.problem.scales[unknown.active])[0]
        place = np.arange(120)
        noise = wider.correlation ** np.abs(place[:, None] - place)
        left = np.trace(noise) - np.trace(directions.T @ noise @ directions)
        factor = np.sqrt((120 - directions.shape[1]) / left)
        assert factor > 1.03
        names = ["k1", "k2", "n0"]
        np.testing.assert_allclose(wider.widening[names] / wide.widening[names], factor, rtol=1e-3)

    def test_slow_directions_widen_as_the_textbook_says(self):
        """The error of a mean of AR(1) noise is √((1 + ρ)/(1 − ρ)) times that of independent noise."""
        t, rng = np.linspace(0, 1, 4000), np.random.default_rng(3)
        trace = Trace(t, np.exp(-t) + 0.01 * autoregressive(rng, len(t), 0.5), np.full(len(t), 0.01))
        test = misfit(fit(trace, fixed=["G", "k2", "k3"]))
        rho = test.correlation
        assert rho == pytest.approx(0.5, abs=0.05)
        np.testing.assert_allclose(test.widening[["k1", "n0"]], np.sqrt((1 + rho) / (1 - rho)), rtol=0.01)
        assert np.isnan(test.widening["k2"])

    def test_independent_noise_widens_nothing(self):
        tests = [misfit(each) for each in correlated_sets(0.0, n=30)]
        assert sum(each.correlation > 0 for each in tests) <= 1
        assert sum((each.widening[["k1", "k2", "n0"]] == 1).all() for each in tests) >= 29

    @pytest.mark.parametrize(("count", "noise"), [(300, 0.03), (100, 0.015)])
    def test_a_wrong_law_is_not_taken_for_it(self, count, noise):
        """Filling traps, fitted with k1, k2 and k3; 1 and 0.5 % of independent noise."""
        t, rng = np.linspace(0, 100, count), np.random.default_rng(4)
        clean = trapped(t, 3.0)
        tests = [misfit(fit(Trace(t, clean + noise * rng.standard_normal(count)), RATES)) for _ in range(20)]
        assert all(each.found for each in tests)
        assert sum(each.correlation > 0 for each in tests) <= 2

    def test_a_trace_of_a_series_has_its_own(self):
        t, rng = np.linspace(0, 100, 300), np.random.default_rng(5)
        noises = [0.02 * autoregressive(rng, 300, rho) for rho in (0.6, 0.0)]
        traces = [
            Trace(t, kinetics.solve(t, n0, (0, 0.02, 0.01, 0)) + noise, np.full(300, 0.02), f"n0 = {n0}")
            for n0, noise in zip((2.0, 8.0), noises, strict=True)
        ]
        test = misfit(fit(traces, (0, 0.02, 0.01, 0), fixed=["G", "k3"]))
        first, second = test.traces
        assert first.rho == pytest.approx(0.6, abs=0.1)
        assert second.rho == 0
        # n0 of the trace with independent noise is known by that trace alone, k1 by both.
        assert 1 < test.widening["n0_2"] < test.widening["k1"] < test.widening["n0_1"] < 2.1

    def test_one_structured_trace_that_it_does_not_explain_ends_the_offer(self):
        t, rng = np.linspace(0, 100, 300), np.random.default_rng(6)
        signals = [kinetics.solve(t, 2.0, (0, 0.02, 0.01, 0)), trapped(t, 3.0)]
        noises = [0.01 * autoregressive(rng, 300, 0.6), 0.01 * rng.standard_normal(300)]
        traces = [Trace(t, s + e, np.full(300, 0.01)) for s, e in zip(signals, noises, strict=True)]
        test = misfit(fit(traces, RATES))
        assert test.found
        assert test.correlation == 0
        assert (test.widening.dropna() == 1).all()


def test_chances_of_a_series_are_those_of_all_its_traces_together():
    """The least of five chances is small more often than one alone."""
    t, rng, chances = np.linspace(0, 5, 40), np.random.default_rng(13), []
    rates, levels = (0, 0.5, 0.3, 0), np.geomspace(0.5, 8, 5)
    for _ in range(50):
        traces = [
            Trace(t, kinetics.solve(t, n0, rates) + 0.02 * rng.standard_normal(40), np.full(40, 0.02))
            for n0 in levels
        ]
        test = misfit(fit(traces, rates, fixed=["G", "k3"]))
        chances.append((test.p, test.p_size))
    for level in (0.1, 0.3):
        shares = np.mean(np.array(chances) < level, axis=0)
        assert (shares <= level + 3 * np.sqrt(level * (1 - level) / 50)).all(), shares
