"""Noise that nobody measured: the variance function found in the residuals, and fits that weigh by it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from helpers import records
from helpers.description.reading import FitChoice
from helpers.fitting import fit, fit_from_guesses, table
from helpers.fitting.variance_function import (
    Scatter,
    VarianceFunction,
    differences,
    estimate,
    freedoms,
    threshold,
)
from helpers.kinetics import Equation, solve
from helpers.measurement import Measurement
from helpers.panel import MeasurementPanel
from helpers.report.page import best_fit
from helpers.traces import Trace
from helpers.uncertainty import advise, bootstrap, compare, compare_terms, misfit, profile
from helpers.uncertainty.profile_path import Tracer

RATES, N0 = (0.0, 0.5, 1.0, 0.0), 2.0
NOISES = {
    "even": lambda n: np.full(len(n), 0.02),
    "proportional": lambda n: 0.02 * n,
    "Poisson-like": lambda n: 0.02 * np.sqrt(2 * n),
    "both": lambda n: np.hypot(0.003 * n, 0.00075),
}


def decay(noise="proportional", points=80, seed=0, n0=N0, **changes):
    t = np.linspace(0, 4, points)
    curve = solve(t, n0, RATES)
    rng = np.random.default_rng(seed)
    return Trace(t, curve + NOISES[noise](curve) * rng.standard_normal(points), **changes)


def estimated(traces, **options):
    return Measurement(traces, noise="estimated", **options)


def fitted(*args, fixed=("G", "k3"), **options):
    return fit(estimated(decay(*args, **options)), fixed=fixed)


def is_weighed(found):
    return found.problem.likelihoods[0].function is not None


def line(points, size, seed):
    """Residuals of a constant and a decay, with noise of this size by signal."""
    t = np.linspace(0, 4, points)
    signal = np.exp(-t)
    rows = size(signal) * np.random.default_rng(seed).standard_normal(points)
    slopes = np.column_stack([signal, -t * signal])
    rows -= slopes @ np.linalg.lstsq(slopes, rows)[0]
    return Scatter(rows, slopes, signal, np.ones(points), np.zeros(points, int))


class TestTheVarianceFunction:
    @pytest.mark.parametrize("truth", [(1e-6, 0, 0), (0, 1e-4, 0), (1e-6, 0, 4e-4), (1e-6, 1e-5, 1e-4)])
    def test_is_found_in_many_points(self, truth):
        scatter = line(20_000, lambda s: np.sqrt(truth[0] + truth[1] * s + truth[2] * s**2), seed=1)
        found = VarianceFunction(*estimate(scatter).coefficients[0])
        sizes = found.sizes(scatter.signal) / VarianceFunction(*truth).sizes(scatter.signal)
        np.testing.assert_allclose(sizes, 1, atol=0.06)

    @pytest.mark.parametrize("points", [30, 80])
    def test_even_noise_is_rejected_in_one_case_of_a_hundred(self, points):
        gains = [estimate(line(points, np.ones_like, seed)).gain for seed in range(400)]
        assert np.mean(np.array(gains) > threshold()) <= 0.025

    @pytest.mark.parametrize("size", [lambda s: s, np.sqrt])
    def test_uneven_noise_is_seen_from_eighty_points_on(self, size):
        gains = [estimate(line(80, size, seed)).gain for seed in range(100)]
        assert np.mean(np.array(gains) > threshold()) >= 0.97

    @pytest.mark.parametrize(("few", "many", "size"), [(5, 20, 3.0), (12, 8, 10.0), (10, 10, 1e-3)])
    def test_degrees_of_freedom_of_two_means_are_welchs(self, few, many, size):
        """B. L. Welch (1947), Biometrika 34, 28: (V1 + V2)²/(V1²/ν1 + V2²/ν2), V = σ²/m of each mean."""
        signal = np.repeat([0.0, 1.0], [few, many])
        slopes = np.column_stack([1 - signal, np.ones_like(signal)])  # the second mean, and the difference
        scatter = Scatter(signal, slopes, signal, np.ones_like(signal), np.zeros(len(signal), int))
        first, second = 1 / few, (1 + size) / many
        welch = (first + second) ** 2 / (first**2 / (few - 1) + second**2 / (many - 1))
        found = freedoms(scatter, np.array([[1.0, 0.0, size]]))
        np.testing.assert_allclose(found, [welch, many - 1], rtol=1e-9)

    def test_units_do_not_matter(self):
        small, large = (fit(estimated(replace(decay(), signal=f * decay().signal))) for f in (1, 1e16))
        assert is_weighed(large)
        np.testing.assert_allclose(large.stderr["k1"], small.stderr["k1"], rtol=1e-6)


@pytest.fixture(scope="module")
def shares():
    """Share of true values that lie within value ± t·error, for even and for estimated weights."""
    found = {}
    for noise in NOISES:
        for kind in ("even", "estimated"):
            rows = []
            for seed in range(40):
                each = fit(Measurement(decay(noise, seed=seed), noise=kind), RATES, fixed=("G", "k3"))
                names = ["k1", "k2", "n0"]
                reach = stats.t.ppf(0.975, each.error_freedom[names])
                rows.append(np.abs(each.values[names] - [0.5, 1, N0]) < reach * each.stderr[names])
            found[noise, kind] = np.mean(rows)
    return found


@pytest.mark.parametrize("noise", ["even", "both"])
def test_few_points_are_weighed_without_a_test(noise):
    rows = []
    for seed in range(60):
        found = fit(estimated(decay(noise, points=30, seed=seed)), RATES, fixed=("G", "k3"))
        names = ["k1", "k2", "n0"]
        reach = stats.t.ppf(0.975, found.error_freedom[names])
        rows.append(np.abs(found.values[names] - [0.5, 1, N0]) < reach * found.stderr[names])
    assert np.mean(rows) >= 0.84


def weighed_by_itself(slopes, noise, signal):
    """Error of each parameter over its half width, where the weights come from the residuals (truth: 0)."""
    points, parameters = slopes.shape
    size = np.ones(points)
    for _ in range(4):
        z = np.linalg.lstsq(slopes / size[:, None], noise / size)[0]
        rest = noise - slopes @ z
        scatter = Scatter(rest, slopes, signal + slopes @ z, np.ones(points), np.zeros(points, int))
        coefficients = estimate(scatter).coefficients
        size = np.sqrt(scatter.variances(coefficients))
    covariance = np.linalg.inv((slopes / size[:, None]).T @ (slopes / size[:, None]))
    variance = np.sum((rest / size) ** 2) / (points - parameters)
    return z / np.sqrt(variance * np.diag(covariance)) / stats.t.ppf(0.975, freedoms(scatter, coefficients))


def test_intervals_of_thirty_points_hold_the_truth_though_the_weights_are_their_own():
    """Two exponentials in noise of 0.3 % of the signal and a constant, for which plain t covers 90 %."""
    t = np.linspace(0, 4, 30)
    slopes = np.column_stack([np.exp(-0.7 * t), np.exp(-2 * t), np.ones(30)])
    signal = slopes.sum(axis=1)
    size = np.hypot(0.003 * signal, 0.0004 * signal.max())
    noises = size * np.random.default_rng(30).standard_normal((300, 30))
    held = np.mean([np.abs(weighed_by_itself(slopes, each, signal)) < 1 for each in noises], axis=0)
    assert held.min() > 0.95 - 2.5 * np.sqrt(0.05 * 0.95 / 300)


class TestAMisfit:
    """Weights must not hide it: neither that of a trace, nor of a part of the decay."""

    T = np.linspace(0, 4, 300)

    def curve(self):
        return solve(self.T, N0, RATES)

    def test_differences_of_neighbours_hold_no_smooth_misfit(self):
        noisy = line(3000, lambda s: 0.02 * s + 0.001, seed=4)
        bent = replace(noisy, residuals=noisy.residuals + np.sin(np.linspace(0, 9, 3000)))
        found, wanted = (estimate(differences(each, [3000])) for each in (bent, noisy))
        assert found.gain > threshold()
        np.testing.assert_allclose(found.coefficients, wanted.coefficients, rtol=0.05, atol=1e-7)

    def test_a_gross_one_leaves_the_noise_even_and_is_found(self):
        wrong = self.curve() + 0.3 * np.exp(-3 * self.T)
        noise = 1e-3 * wrong * np.random.default_rng(1).standard_normal(300)
        found = fit(Trace(self.T, wrong + noise), fixed=("G", "k2", "k3"))
        assert not is_weighed(found)
        assert "the residuals are not noise alone" in found.noise
        assert advise(found)[0].startswith("Misfit")

    def test_correlated_noise_that_grows_with_the_signal_is_weighed_by_neighbours(self):
        rows = []
        for seed in range(30):
            steps = np.random.default_rng(seed).standard_normal(400)
            noise = lfilter([0.8], [1, -0.6], steps)[100:]
            found = fit(Trace(self.T, self.curve() * (1 + 0.02 * noise)), RATES, fixed=("G", "k3"))
            assert is_weighed(found)
            assert re.search(r"neighbouring points; the residuals are [12](\.\d)? times", found.noise)
            wider = misfit(found).widening
            away = (found.values - [0, *RATES[1:], N0]).abs()
            rows.append((away < 2 * wider * found.stderr)[["k1", "k2", "n0"]])
        assert np.mean(rows) >= 0.9

    def test_a_part_that_fits_badly_is_not_taken_for_a_noisy_one(self):
        """A background that nobody fits, of 1 % of the signal."""
        noise = 0.01 * self.curve() * np.random.default_rng(2).standard_normal(300)
        found = fit(Trace(self.T, self.curve() + noise + 0.02), fixed=("G", "k3"))
        assert misfit(found).found


class TestFits:
    @pytest.mark.parametrize("noise", NOISES)
    def test_95_per_cent_intervals_hold_the_truth_in_95_per_cent(self, shares, noise):
        assert 0.9 <= shares[noise, "estimated"] <= 0.99

    @pytest.mark.parametrize("noise", ["proportional", "Poisson-like", "both"])
    def test_with_even_weights_they_do_not(self, shares, noise):
        assert shares[noise, "even"] < 0.88

    def test_weights_are_those_of_the_known_noise(self):
        curve = solve(decay().t, N0, RATES)
        trace = decay(points=80)
        known = fit(replace(trace, sigma=NOISES["proportional"](curve)), fixed=("G", "k3"))
        found = fitted()
        assert is_weighed(found)
        np.testing.assert_allclose(found.stderr[found.active], known.stderr[known.active], rtol=0.35)
        assert found.variance == pytest.approx(1, abs=1e-3)
        assert (found.error_freedom[found.active] < found.freedom).all()

    def test_even_noise_keeps_the_fit_as_it_was(self):
        trace = decay("even", seed=3)
        found, plain = fit(trace), fit(Measurement(trace, noise="even"))
        assert not is_weighed(found)
        assert dict(found.values) == dict(plain.values)
        assert (found.error_freedom == plain.freedom).all()
        assert found.aicc == plain.aicc

    def test_data_without_noise_are_left_alone(self):
        t = np.linspace(0, 4, 80)
        found = fit(estimated(Trace(t, solve(t, N0, RATES))))
        assert found.converged
        assert not is_weighed(found)

    def test_a_robust_loss_keeps_even_noise_and_says_so(self):
        found = fit(estimated(decay()), loss="soft_l1", f_scale=0.05)
        assert not is_weighed(found)
        assert "robust loss" in found.noise
        assert is_weighed(found.refit(loss="linear"))

    def test_a_fit_that_does_not_converge_is_returned(self):
        found = fit(estimated(decay()), (0, 9, 9, 0), max_evaluations=1)
        assert not found.converged

    def test_a_background_does_not_count_as_signal(self):
        trace = replace(decay(), signal=decay().signal + 50)
        options = {"observable": "density", "scale": 1.0, "offset": "free"}
        found = fit(estimated(trace, **options), fixed=("G", "k1", "k3"), guess={"k1": 0.5})
        function = found.problem.likelihoods[0].function
        assert np.sqrt(function.square) == pytest.approx(0.02, rel=0.3)
        assert found.values["offset"] == pytest.approx(50, abs=0.02)

    def test_a_negative_signal_is_weighed_like_its_mirror_image(self):
        options = {"observable": "density", "n0": N0, "scale": "free"}
        up = fit(estimated(decay(), **options), fixed=("G", "k3"))
        down = fit(estimated(replace(decay(), signal=-decay().signal), sign=-1, **options), fixed=("G", "k3"))
        assert is_weighed(up)
        assert is_weighed(down)
        np.testing.assert_allclose(down.stderr[["k1", "k2"]], up.stderr[["k1", "k2"]], rtol=1e-5)


class TestSeveralTraces:
    def test_each_has_a_function_of_its_own(self):
        traces = [decay("proportional", seed=1), decay("even", seed=2, n0=8.0)]
        found = fit(estimated(traces), fixed=("G", "k3"))
        first, second = (each.function for each in found.problem.likelihoods)
        assert np.sqrt(first.square) == pytest.approx(0.02, rel=0.3)
        assert np.median(second.sizes(found.curves()[1])) == pytest.approx(0.02, rel=0.3)
        assert found.parameters == 4 + 6

    def test_short_ones_have_one_together(self):
        traces = [decay(points=20, seed=n, n0=n) for n in (1, 2, 4)]
        found = fit(estimated(traces), fixed=("G", "k3"))
        squares = [each.function.square for each in found.problem.likelihoods]
        assert squares == pytest.approx([squares[0]] * 3)
        assert np.sqrt(squares[0]) == pytest.approx(0.02, rel=0.3)
        assert found.parameters == 5 + 3

    def test_even_noise_is_rarely_weighed(self):
        sets = [[decay("even", points=70, seed=3 * s + n, n0=2.0) for n in range(3)] for s in range(20)]
        found = [fit(estimated(traces), RATES, fixed=("G", "k3")) for traces in sets]
        assert sum(map(is_weighed, found)) <= 2


class TestWhatIsSaid:
    def test_terms_in_plain_words(self):
        found = fitted("both", points=300, signal_unit="V")
        assert re.fullmatch(r"0\.\d+ % of the signal \+ (\S+·√signal \+ )?0\.000\d+ V", found.noise)
        assert any(found.noise in sentence for sentence in advise(found))
        assert found.table().attrs["noise"] == table([found])["noise"].item() == found.noise

    def test_too_few_points_to_estimate_it(self):
        found = [fitted(points=12, seed=seed) for seed in range(20)]
        told = ["too few points to estimate the noise" in each.noise for each in found]
        assert not any(map(is_weighed, found))
        assert np.mean(told) > 0.5

    def test_even_noise(self):
        assert "do not ask for more" in fitted("even", seed=3).noise
        assert fit(Measurement(decay("even"), noise="even")).noise.endswith("(taken to be even)")

    def test_known_noise(self):
        trace = decay("even")
        assert fit(replace(trace, sigma=np.full(80, 0.02))).noise == "the given standard errors"

    def test_scatter_that_is_weighed_is_no_reproach(self):
        alike = fit(Measurement(decay(), noise="even"))
        assert any("every point counted alike" in each for each in advise(alike))
        assert not any("every point counted alike" in each for each in advise(fitted()))


class TestOperations:
    def test_profile_reaches_as_far_as_students_t_says(self):
        found = fitted(points=200)
        curve = profile(found, "n0")["n0"]
        reach = stats.t.ppf(0.975, found.error_freedom["n0"]) * found.stderr["n0"]
        np.testing.assert_allclose(
            np.array(curve.interval95) - found.values["n0"], [-reach, reach], rtol=0.02
        )
        assert Tracer(found, "n0", 20).freedom == found.error_freedom["n0"]

    def test_bootstrap_draws_noise_of_the_estimated_sizes(self):
        found = fitted(points=200)
        scatter = bootstrap(found, n=200, progress=False)
        names = ["k1", "k2", "n0"]
        np.testing.assert_allclose(scatter.stderr[names], found.stderr[names], rtol=0.2)
        residual = bootstrap(found, n=200, kind="residual", progress=False)
        np.testing.assert_allclose(residual.stderr[names], found.stderr[names], rtol=0.2)

    def test_models_of_fewer_terms_are_compared_with_the_same_weights(self):
        found = fitted(points=200, fixed=("G",))
        ladder = compare_terms(found)
        assert ladder.best == "k1 + k2"
        assert {each.problem.likelihoods[0].sigma.tobytes() for each in ladder.fits.values()} == {
            found.problem.likelihoods[0].sigma.tobytes()
        }

    def test_laws_are_compared_though_each_has_its_own_weights(self):
        def power(t, n, args):
            return -args[0] * n ** args[1]

        own = fit(estimated(decay(points=60)), {"k": 1.0, "p": 1.5}, law=Equation(power, ["k", "p"]))
        rates = fitted(points=60)
        assert is_weighed(own)
        assert compare({"own": own, "rate law": rates}).best == "rate law"

    def test_all_guesses_get_the_noise_of_the_best(self):
        fits = fit_from_guesses(
            estimated(decay()), [(0, 1, 0, 0), (0, 0, 9, 0), (0, 0.1, 1, 1)], progress=False
        )
        assert all(map(is_weighed, fits))
        assert table(fits)["same minimum"].all()
        assert [each.guess["k2"] for each in fits] == [0, 9, 1]

    def test_the_report_counts_its_starts(self):
        found, starts = best_fit(estimated(decay()), FitChoice())
        assert sum(each.cost <= found.cost * (1 + 1e-6) for each in starts) == len(starts) == 3

    def test_a_refit_keeps_the_noise_and_other_data_get_their_own(self):
        found = fitted()
        again = found.refit(fixed=["G", "k1", "k3"])
        assert again.problem.likelihoods[0] is found.problem.likelihoods[0]
        other = found.refit(measurement=estimated(decay("even", seed=3)))
        assert not is_weighed(other)

    @pytest.mark.parametrize("count", [1, 2])
    def test_a_saved_fit_made_again_weighs_in_the_same_way(self, tmp_path, count):
        measurement = estimated([decay(seed=n) for n in range(count)], name="it")
        found = fit(measurement, fixed=("G", "k3"))
        path = records.save(found, tmp_path / "it.par")
        again = records.load(path or tmp_path / "it.par").on(measurement)
        for one, other in zip(again.problem.likelihoods, found.problem.likelihoods, strict=True):
            np.testing.assert_allclose(one.sigma, other.sigma, rtol=1e-3)
        np.testing.assert_allclose(again.stderr, found.stderr, rtol=2e-3)
        assert again.noise == found.noise

    def test_a_file_with_broken_noise_is_refused_by_name(self, tmp_path):
        measurement = estimated(decay(), name="it")
        records.save(fit(measurement), path := tmp_path / "it.par")
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"square":', '"sqare":'), encoding="utf-8")
        with pytest.raises(ValueError, match=r"estimated_noise\.square"):
            records.load(path)

    def test_the_panel_shows_even_noise_until_a_fit_and_then_says_what_was_found(self):
        shown = MeasurementPanel(estimated(decay()))
        assert "sigma" not in shown.readout.value
        shown.buttons["fit"].click()
        assert "noise: " in shown.message.value
        assert "% of the signal" in shown.message.value


def test_a_known_noise_is_not_estimated_besides():
    with pytest.raises(ValueError, match="known already"):
        estimated(decay(), sigma_floor=0.1)
