"""Errors that can be trusted: simulated truths must be found where the intervals say they are.

Every number is seeded. The time grid has many early points and a long tail, so that all four rates show.
"""

import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from helpers import kinetics
from helpers.evidence.thresholds import chance, thresholds
from helpers.fitting import PARAMETERS, fit
from helpers.kinetics import Rates
from helpers.least_squares import triangle_of
from helpers.profile_path import LEVELS
from helpers.traces import Trace
from helpers.uncertainty import advise, bootstrap, compare_terms, contour, misfit, profile

T = np.concatenate([np.linspace(0, 20, 40, endpoint=False), np.linspace(20, 480, 60)])
ALL = Rates(0.5, 1e-2, 1e-3, 1e-6)
NO_AUGER = Rates(0.0, 1e-2, 1e-3, 0.0)
N0 = 800.0
COUNTS = 125.0  # counts per unit of density: a peak of 100,000


def gaussian(rng, rates=ALL, sd=1.0, known=True, t=T):
    clean = kinetics.solve(t, N0, rates)
    sigma = np.full(len(t), sd) if known else None
    return Trace(t, clean + sd * rng.standard_normal(len(t)), sigma)


def poisson(rng, rates):
    """Counts with sigma = √counts, and the rates in units of counts."""
    G, k1, k2, k3 = rates
    scaled = Rates(G * COUNTS, k1, k2 / COUNTS, k3 / COUNTS**2)
    counts = rng.poisson(kinetics.solve(T, N0 * COUNTS, scaled)).astype(float)
    return Trace(T, counts, np.sqrt(np.maximum(counts, 1.0))), scaled


def share_covered(name, truth, curves):
    return np.mean([low <= truth <= high for low, high in (each[name].interval95 for each in curves)])


class TestCoverage:
    """95 % intervals hold the truth in 95 ± 2 % of 1,000 simulated sets."""

    @pytest.mark.parametrize("noise", ["gaussian, sigma known", "gaussian, sigma unknown", "poisson"])
    def test_standard_errors_cover_and_pulls_are_standard_normal(self, noise):
        rng = np.random.default_rng(1)
        pulls = []
        for _ in range(1000):
            if noise == "poisson":
                trace, rates = poisson(rng, ALL)
                n0 = N0 * COUNTS
            else:
                trace, rates, n0 = gaussian(rng, known="unknown" not in noise), ALL, N0
            found = fit(trace, rates)
            pulls.append((np.array(found.values) - [*rates, n0]) / np.array(found.stderr))
        pulls = np.array(pulls)
        reach = stats.t.ppf(0.975, len(T) - 5) if "unknown" in noise else stats.norm.ppf(0.975)
        for name, column in zip(PARAMETERS, pulls.T, strict=True):
            assert abs(np.mean(np.abs(column) <= reach) - 0.95) <= 0.02, name
            assert abs(column.mean()) <= 0.1, name
            assert abs(column.var() - 1) <= 0.15, name

    @pytest.mark.parametrize("noise", ["gaussian", "poisson"])
    def test_profile_intervals_cover_where_the_true_k3_is_zero(self, noise):
        rng = np.random.default_rng(2)
        curves = []
        for _ in range(1000):
            trace, rates = (
                poisson(rng, NO_AUGER) if noise == "poisson" else (gaussian(rng, NO_AUGER), NO_AUGER)
            )
            curves.append(profile(fit(trace, rates, fixed=["G"]), ["k3"], points=6))
        assert abs(share_covered("k3", 0.0, curves) - 0.95) <= 0.02

    def test_the_other_rates_stay_covered_where_two_true_rates_are_zero(self):
        """k2 feels the bound of k3: with textbook thresholds its interval is too short."""
        rng = np.random.default_rng(3)
        fits = [fit(gaussian(rng, NO_AUGER), NO_AUGER) for _ in range(400)]
        curves = [profile(each, ["k2"], points=6) for each in fits]
        assert abs(share_covered("k2", NO_AUGER.k2, curves) - 0.95) <= 0.025


class TestThresholds:
    """External truths for the simulated distribution of the likelihood ratio."""

    @pytest.mark.parametrize("mu", [0.0, 0.5, 1.0, 1.5, 3.0])
    def test_one_bounded_parameter_gives_feldman_and_cousins_thresholds(self, mu):
        """Their ordering, solved for a normal estimate of a mean mu that cannot be negative."""

        def excess(c):
            low = -np.sqrt(c) if np.sqrt(c) <= mu else -(c + mu**2) / (2 * mu) if mu > 0 else -np.inf
            return stats.norm.cdf(np.sqrt(c)) - stats.norm.cdf(low) - 0.95

        wanted = brentq(excess, 1.0, 5.0)
        triangle = np.array([[1.0, 0.0], [0.0, 0.0]])
        found = thresholds([0.95], triangle, np.array([mu]), [True], [True])[0]
        assert found == pytest.approx(wanted, abs=0.03)

    def test_two_independent_parameters_at_zero_mix_chi_squares(self):
        triangle = np.diag([3.0, 5.0, 0.0])
        rise = 3.0
        mixture = 0.5 * stats.chi2.sf(rise, 1) + 0.25 * stats.chi2.sf(rise, 2)
        assert chance(rise, triangle, np.zeros(2), [True, True], [True, True]) == pytest.approx(
            mixture, abs=2e-3
        )

    def test_far_from_bounds_the_textbook_holds(self):
        triangle = triangle_of(np.random.default_rng(0).standard_normal((9, 3)), np.zeros(9))
        far, held = np.full(3, 100.0), [True, False, False]
        known = thresholds(LEVELS, triangle, far, [True] * 3, held)
        estimated = thresholds(LEVELS, triangle, far, [True] * 3, held, freedom=4)
        np.testing.assert_allclose(known, stats.chi2.ppf(LEVELS, 1))
        np.testing.assert_allclose(estimated, stats.t.ppf((1 + np.array(LEVELS)) / 2, 4) ** 2)


class TestProfile:
    def test_curve_is_the_minimum_over_all_others(self):
        """Each point against a fit of its own with the parameter fixed there."""
        found = fit(gaussian(np.random.default_rng(4), NO_AUGER))
        for name, curve in profile(found, ["k1", "k3"]).items():
            for value, rise in list(zip(curve.values, curve.rise, strict=True))[::4]:
                held = found.rates.__class__(**{**vars(found.rates), name: value})
                alone = fit(found.trace, held, n0=found.n0, fixed=[name])
                assert rise == pytest.approx(2 * (alone.cost - found.cost), abs=5e-3)

    def test_reaches_zero_exactly_and_calls_it_a_limit(self):
        curve = profile(fit(gaussian(np.random.default_rng(5), NO_AUGER)), ["k3"])["k3"]
        assert curve.values[0] == 0.0
        assert curve.verdict == "upper limit"
        assert curve.interval95[0] == 0.0 < curve.interval68[1] < curve.interval95[1] < 1e-6

    def test_agrees_with_covariance_and_bootstrap_where_the_problem_is_well_posed(self):
        found = fit(gaussian(np.random.default_rng(6)))
        curves, scatter = profile(found), bootstrap(found, n=400, progress=False)
        for name, curve in curves.items():
            error = getattr(found.stderr, name)
            low, high = curve.interval95
            assert curve.verdict == "determined"
            assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.05), name
            assert getattr(scatter.stderr, name) == pytest.approx(error, rel=0.12), name
            assert scatter.interval(name) == pytest.approx(curve.interval95, abs=0.5 * error), name

    def test_restarts_from_a_better_minimum_and_says_so(self):
        trace = gaussian(np.random.default_rng(7))
        stopped, best = fit(trace, ALL, max_evaluations=1), fit(trace, ALL)
        curves = profile(stopped, ["k2", "k3"])
        assert curves.restarted
        assert "better minimum" in curves.message
        assert curves.fit.cost == pytest.approx(best.cost, rel=1e-9)
        assert not profile(best, ["k2"]).restarted

    @pytest.mark.parametrize("sigma", [None, 4.0])
    @pytest.mark.parametrize("fixed", [[], ["n0"]])
    def test_five_points_determine_no_four_rates(self, sigma, fixed):
        t = np.array([0.0, 50.0, 100.0, 200.0, 400.0])
        signal = kinetics.solve(t, N0, NO_AUGER) * [1.0, 1.01, 0.99, 1.02, 0.98]
        found = fit(Trace(t, signal, None if sigma is None else np.full(5, sigma)), fixed=fixed)
        curves = profile(found)
        assert {curve.verdict for curve in curves.values()} == {"not determined"}
        assert "nothing is determined" in " ".join(advise(found, curves))

    def test_names_that_were_not_fitted_are_refused(self):
        with pytest.raises(ValueError, match="cannot profile k3: the fit varied"):
            profile(fit(gaussian(np.random.default_rng(8)), fixed=["k3"]), ["k3"])

    def test_contour_holds_the_right_share_of_the_bootstrap(self):
        found = fit(gaussian(np.random.default_rng(9)))
        edge = contour(found, ("k2", "k3"))
        scatter = bootstrap(found, n=400, progress=False)
        centre = np.array([found.rates.k2, found.rates.k3])
        size = np.array([found.stderr.k2, found.stderr.k3])
        edge, cloud = (edge - centre) / size, np.column_stack([scatter["k2"], scatter["k3"]])
        cloud = (cloud - centre) / size
        angle = np.arctan2(*edge.T[::-1])
        order = np.argsort(angle)
        radius = np.interp(
            np.arctan2(*cloud.T[::-1]), angle[order], np.hypot(*edge.T)[order], period=2 * np.pi
        )
        assert np.mean(np.hypot(*cloud.T) <= radius) == pytest.approx(0.95, abs=0.04)


class TestBootstrap:
    def test_same_replicates_whatever_the_executor(self):
        found = fit(gaussian(np.random.default_rng(10), known=False))
        alone = bootstrap(found, n=60, kind="residual", seed=3, progress=False)
        for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(1, mp_context=get_context("spawn"))):
            with pool as executor:
                shared = bootstrap(found, n=60, kind="residual", seed=3, progress=False, executor=executor)
            np.testing.assert_array_equal(shared.values, alone.values)
        other = bootstrap(found, n=60, kind="residual", seed=4, progress=False)
        assert not np.array_equal(other.values, alone.values)

    def test_residual_kind_keeps_noise_that_grows_with_sigma(self):
        """Ten times the noise late: drawn residuals are put back in units of sigma."""
        rng = np.random.default_rng(11)
        sigma = np.where(T > 100, 5.0, 0.5)
        trace = Trace(T, kinetics.solve(T, N0, ALL) + sigma * rng.standard_normal(len(T)), sigma)
        found = fit(trace)
        for kind in ("parametric", "residual"):
            scatter = bootstrap(found, n=400, kind=kind, progress=False).stderr
            assert scatter.k2 == pytest.approx(found.stderr.k2, rel=0.15)

    def test_what_was_fixed_stays(self):
        found = fit(gaussian(np.random.default_rng(12), NO_AUGER), NO_AUGER, fixed=["G", "k3"])
        scatter = bootstrap(found, n=20, progress=False)
        assert (scatter["G"] == 0).all()
        assert scatter.stderr.k3 == 0
        assert scatter.converged.all()

    def test_nonsense_is_refused_with_a_remedy(self):
        found = fit(gaussian(np.random.default_rng(13)))
        with pytest.raises(ValueError, match="choose one of parametric, residual"):
            bootstrap(found, kind="wild")
        with pytest.raises(ValueError, match="at least 2 replicates"):
            bootstrap(found, n=1)


LADDER = {
    "k1": Rates(k1=2e-2),
    "k2": Rates(k2=1e-4),
    "k1 + k2": Rates(k1=1e-2, k2=1e-4),
    "k2 + k3": Rates(k2=5e-5, k3=5e-7),
    "G + k1 + k2": Rates(G=1.0, k1=2e-2, k2=1e-4),
}


class TestCompareTerms:
    def test_finds_the_right_terms_at_half_a_percent_of_noise(self):
        """500 sets: a hundred of each pattern; 150 points, noise 0.5 % of the peak, sigma unknown."""
        rng = np.random.default_rng(14)
        t = np.linspace(0, 200, 150)
        right = [
            compare_terms(gaussian(rng, rates, sd=5e-3 * N0, known=False, t=t)).best == name
            for name, rates in LADDER.items()
            for _ in range(100)
        ]
        assert np.mean(right) >= 0.95

    def test_table_follows_its_formulae(self):
        trace = gaussian(np.random.default_rng(15), known=False)
        ladder = compare_terms(trace)
        assert len(ladder.table) == 14  # 7 ways to recombine, with and without G
        size, k = len(trace), {name: model.free.sum() + 1 for name, model in ladder.fits.items()}
        squares = {name: np.sum(model.residuals**2) for name, model in ladder.fits.items()}
        bic = {name: size * np.log(squares[name] / size) + k[name] * np.log(size) for name in k}
        for name, row in ladder.table.iterrows():
            assert row["ΔBIC"] == pytest.approx(bic[name] - min(bic.values()), abs=1e-6)
            assert row["parameters"] == k[name]
        assert ladder.best == "G + k1 + k2 + k3"
        assert ladder.table.loc["k1 + k2", "p"] < 1e-6

    def test_says_when_two_models_cannot_be_told_apart(self):
        """One lifetime of a curved decay under 3 % noise: k1 + k2 and k1 + k3 look alike."""
        t = np.linspace(0, 30, 60)
        rates = Rates(k1=1e-2, k2=5e-5)
        ladder = compare_terms(gaussian(np.random.default_rng(16), rates, sd=24.0, t=t))
        assert ladder.rivals
        assert "cannot tell it from" in ladder.verdict

    def test_at_least_one_term_must_recombine(self):
        with pytest.raises(ValueError, match="at least one of k1, k2, k3"):
            compare_terms(gaussian(np.random.default_rng(17)), terms=["G"])


def trapping(t, sd, rng):
    """Trace of electrons that fill 200 traps and leave them slowly again: two states, not this law."""

    def change(_, state):
        free, trapped = state
        caught = 1e-3 * free * (200 - trapped)
        return [-1e-4 * free**2 - caught + 1e-2 * trapped, caught - 1e-2 * trapped - 2e-3 * trapped]

    free = solve_ivp(change, (0, t[-1]), [N0, 0], method="LSODA", t_eval=t, rtol=1e-9, atol=1e-9).y[0]
    return Trace(t, free + sd * rng.standard_normal(len(t)))


def test_a_rate_of_many_sigma_is_determined_whatever_lies_on_its_bound():
    """Near other bounds the simulated threshold may lie above the textbook's: the walk must reach it."""
    t = np.linspace(0, 5, 100)
    clean = kinetics.solve(t, 1.0, (0, 0.5, 0.5, 0))
    for seed in range(12):
        noise = 1e-3 * np.random.default_rng(seed).standard_normal(t.size)
        curves = profile(fit(Trace(t, clean + noise)), ["k1", "k2", "n0"])
        for name, curve in curves.items():
            if curve.value > 8 * getattr(curves.fit.stderr, name):
                assert curve.verdict == "determined", (seed, name)


def test_contours_and_ladders_name_what_they_cannot_do():
    found = fit(gaussian(np.random.default_rng(23)))
    for pair in (("k1", "zz"), ("k1", "k1")):
        with pytest.raises(ValueError, match=r"zz|two different"):
            contour(found, pair)
    with pytest.raises(ValueError, match="only n0 can be held"):
        compare_terms(found.trace, fixed=["k1"])
    held = compare_terms(found.trace, fixed="n0", n0=N0)
    assert all("n0" not in each.problem.names or each.status.n0 == "fixed" for each in held.fits.values())


class TestAdvise:
    def test_another_model_is_called_a_misfit_and_noise_is_not(self):
        rng = np.random.default_rng(18)
        assert all(misfit(fit(trapping(T, 5e-3 * N0, rng))).found for _ in range(20))
        assert "the model does not describe these data" in " ".join(advise(fit(trapping(T, 4.0, rng))))
        false_alarms = [misfit(fit(gaussian(rng), ALL)).found for _ in range(300)]
        assert np.mean(false_alarms) <= 0.01

    def test_noise_of_changing_size_is_no_misfit(self):
        rng = np.random.default_rng(19)
        clean = kinetics.solve(T, N0, ALL)
        noisy = [Trace(T, clean * (1 + 0.01 * rng.standard_normal(len(T)))) for _ in range(200)]
        assert np.mean([misfit(fit(trace, ALL)).found for trace in noisy]) <= 0.02

    def test_counted_noise_without_sigma_is_told_and_even_noise_is_not(self):
        rng = np.random.default_rng(22)
        clean = kinetics.solve(T, N0, ALL)
        counted = advise(fit(Trace(T, rng.poisson(clean).astype(float)), ALL))
        assert any("scatter grows with the signal" in sentence for sentence in counted)
        even = [fit(gaussian(rng, known=False), ALL) for _ in range(25)]
        assert not any("scatter" in " ".join(advise(each)) for each in even)
        weighed = fit(Trace(T, rng.poisson(clean).astype(float), np.sqrt(clean)), ALL)
        assert "scatter grows" not in " ".join(advise(weighed))

    def test_exact_data_are_called_exact_and_not_misfitted(self):
        t = np.linspace(0, 5, 60)
        exact = kinetics.solve(t, 1.0, (0, 0.5, 0.5, 0))
        for sigma in (None, np.full(60, 0.01)):
            found = fit(Trace(t, exact, sigma))
            words = " ".join(advise(found))
            assert "nothing but rounding" in words
            assert "does not describe" not in words
            assert "better minimum" not in words

    def test_a_trace_of_zeros_is_advised_on_without_an_error(self):
        assert advise(fit(Trace(T, np.zeros(len(T))), (0, 1e-2, 0, 0)))

    def test_numbers_in_the_sentences_are_the_fits(self):
        clean = gaussian(np.random.default_rng(20), Rates(k1=1e-2, k2=1e-4))
        trace = Trace(clean.t, clean.signal, clean.sigma, "x", "ns", "10^16 cm^-3")
        found = fit(trace)
        words = " ".join(advise(found))
        assert f"n12 = k1/k2 = {found.rates.k1 / found.rates.k2:.3g} 10^16 cm^-3 lies inside" in words
        assert "k3 is at most" in words
        assert "1/(ns (10^16 cm^-3)^2) (95 %)" in words
        density = f"n0 = {10 * found.n0:.3g} 10^16 cm^-3, same relative noise"
        assert f"A tenfold higher excitation ({density}) would determine k3" in words

    def test_a_wrong_sigma_is_told_from_a_wrong_model(self):
        trace = gaussian(np.random.default_rng(21), sd=2.0)
        words = " ".join(advise(fit(Trace(trace.t, trace.signal, np.full(len(T), 1.0)))))
        factor = re.search("the given sigma is smaller than the scatter, by a factor of ([0-9.]+)[.]", words)
        assert float(factor[1]) == pytest.approx(2.0, rel=0.15)
        assert "does not describe" not in words

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(
        st.integers(0, 10**6),
        st.lists(st.sampled_from([0.0, 0.01, 1.0, 30.0]), min_size=4, max_size=4),
        st.sampled_from([6, 8, 30]),
        st.sampled_from([1e-6, 1e-2, 0.3]),
        st.booleans(),
    )
    def test_nothing_crashes_and_nothing_prints_nan(self, seed, speeds, size, noise, known):
        t = np.linspace(0, 1, size)
        rates = Rates(*np.array(speeds) * [N0, 1, 1 / N0, 1 / N0**2])
        trace = gaussian(np.random.default_rng(seed), rates, sd=noise * N0, known=known, t=t)
        found = fit(trace)
        curves = profile(found, points=8)
        assert "nan" not in " ".join(advise(found, curves)).lower()
        for curve in curves.values():
            assert (np.diff(curve.values) > 0).all()
            assert (curve.rise >= 0).all()
            assert curve.interval95[0] <= curve.interval68[0] * (1 + 1e-6)
            assert curve.interval68[1] <= curve.interval95[1] * (1 + 1e-6)
