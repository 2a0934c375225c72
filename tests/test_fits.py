"""One road for every signal: any law, observable, noise, loss, response and train, alone or in a series."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import optimize, stats

from helpers.fitting import Likelihood, fit, suggest
from helpers.fitting.problem import pose
from helpers.fitting.start import starting_values
from helpers.kinetics import Equation, RateLaw, equilibrium, solve
from helpers.measurement import Measurement, Observable, Quantity
from helpers.traces import Trace

TRUTH = {"G": 0.0, "k1": 0.3, "k2": 0.5, "k3": 0.2}
T = np.linspace(-1, 8, 90)


def cubic(t, n, args):
    k1, k2, k3 = args
    return -n * (k1 + n * (k2 + n * k3))


EQUATION = Equation(cubic, ["k1", "k2", "k3"], orders={"k1": 1, "k2": 2, "k3": 3}, droppable=["k3"])


def own_signal(n):
    return n**1.5


SETTINGS = {
    "a density": {"n0": Quantity([2.0, 1.0], "free"), "time_zero": 0.0},
    "luminescence": {"observable": "photoluminescence", "n0": [2.0, 1.0], "offset": "free"},
    "doped": {"observable": Observable("photoluminescence", p0=0.4), "n0": [2.0, 1.0], "offset": "free"},
    "bleach": {"observable": Observable("mobility", sign=-1), "n0": [2.0, 1.0], "offset": "shared"},
    "own": {"observable": Observable("own", function=own_signal), "n0": Quantity([2.0, 1.0], "shared")},
    "response": {"observable": "mobility", "n0": [2.0, 1.0], "offset": "free", "response_fwhm": 0.5},
    "train": {"observable": "photoluminescence", "n0": [2.0, 1.0], "repetition_period": 9.5},
    "both": {
        "observable": "photoluminescence",
        "n0": [2.0, 1.0],
        "offset": "free",
        "scale": Quantity([1.0, 2.0], "shared"),
        "response_fwhm": 0.3,
        "repetition_period": 9.5,
    },
}


def measured(setting, *, noise=None, size=200.0, seed=0):
    """Return two simulated traces of a setting, their background included."""
    options = {"time_zero": 0.0} | SETTINGS[setting]
    decay = np.exp(-np.maximum(T, 0)) * (T >= 0)
    blank = Measurement([Trace(T, decay), Trace(T, 2 * decay)], **options)
    laws = {"G": 0.0, "k1": 0.3, "k2": 0.5, "k3": 0.2}
    start = starting_values(blank, RateLaw(), laws)
    height = size if blank.scale.mode != "fixed" else 1.0
    start |= {name: height for name in start if name.startswith("scale")}
    start |= {name: 0.05 * height for name in start if name.startswith("offset")}
    start |= {"n0_1": 2.0, "n0_2": 1.0} if "n0_1" in start else {}
    problem = pose(blank, RateLaw(), start)
    clean = problem.curves(problem.point(np.array([start[name] for name in problem.names])))
    rng = np.random.default_rng(seed)
    if noise == "poisson":
        signals = [rng.poisson(np.maximum(curve, 0)).astype(float) for curve in clean]
    else:
        signals = [curve + 0.01 * height * rng.standard_normal(len(T)) for curve in clean]
    sigma = np.full(len(T), 0.01 * height) if noise == "sigma" else None
    traces = [Trace(T, signal, sigma, name) for signal, name in zip(signals, ("one", "two"), strict=True)]
    return Measurement(traces, **options, noise=noise), start


def gradient(problem, x):
    cost, triangle = problem.evaluate(x)
    slopes = np.empty(len(x))
    for index in range(len(x)):
        step = 1e-5 * max(abs(x[index]), 1e-2)
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        slopes[index] = (problem.evaluate(above)[0] - problem.evaluate(below)[0]) / (2 * step)
    return triangle[:, :-1].T @ triangle[:, -1], slopes, cost


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy"])
@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "a density"])
def test_the_triangle_holds_the_gradient_of_the_cost(setting, loss):
    """Whatever is combined, JᵀR·r of the rows is the slope of the cost that the search goes down."""
    noises = ["sigma", "even", "poisson"] if setting in ("luminescence", "response", "both") else ["sigma"]
    for noise in noises:
        measurement, start = measured(setting, noise=noise)
        problem = pose(measurement, RateLaw(), start, loss=loss, f_scale=1.3)
        moved = {name: value * 1.05 for name, value in start.items()} | {"G": 0.02}
        x = problem.point(np.array([moved[name] for name in problem.names]))
        found, wanted, _ = gradient(problem, x)
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_the_truth_is_found_again(setting):
    measurement, _ = measured(setting, noise="sigma")
    found = fit(measurement, (0, 0.2, 0.3, 0.3) if setting == "own" else None)
    assert found.converged
    for name in ("k1", "k2", "k3"):
        if found.status[name] == "free":
            assert abs(found.values[name] - TRUTH[name]) < 4 * found.stderr[name], name
    assert 0.6 < found.reduced_chi2 < 1.4


@pytest.mark.parametrize("setting", ["luminescence", "response", "train", "own"])
def test_an_own_equation_gives_what_the_exact_law_gives(setting):
    measurement, _ = measured(setting, noise="sigma")
    exact = fit(measurement, (0, 0.2, 0.3, 0.3))
    own = fit(measurement, {"k1": 0.2, "k2": 0.3, "k3": 0.3}, law=EQUATION)
    assert own.converged
    assert own.cost == pytest.approx(exact.cost, rel=1e-5)
    for name in ("k1", "k2", "k3"):
        if exact.status[name] == "free":
            assert abs(own.values[name] - exact.values[name]) < 0.01 * exact.stderr[name]
            assert own.stderr[name] == pytest.approx(exact.stderr[name], rel=1e-3)


def test_poisson_is_the_most_likely_point():
    """SciPy's Nelder–Mead on scipy.stats' own probabilities ends at the same minimum."""
    t = np.linspace(0, 10, 60)
    counts = np.random.default_rng(3).poisson(30 * np.exp(-0.5 * t) + 1.0).astype(float)
    measurement = Measurement(Trace(t, counts), observable="mobility", n0=1.0, offset="free", noise="poisson")
    found = fit(measurement, fixed=["G", "k2", "k3"])

    def unlikely(p):
        expected = p[1] * np.exp(-p[0] * t) + p[2]
        return -stats.poisson.logpmf(counts, expected).sum() if (expected > 0).all() else np.inf

    best = optimize.minimize(
        unlikely, [0.4, 25, 2], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9}
    )
    np.testing.assert_allclose(found.values[["k1", "scale", "offset"]], best.x, rtol=1e-5)
    saturated = -stats.poisson.logpmf(counts, np.maximum(counts, 1e-300)).sum()
    assert found.cost == pytest.approx(best.fun - saturated, rel=1e-6)


def test_low_counts_cover_the_truth():
    """At 30 counts at the peak 95 % intervals of value ± error hold the true k1 in 95 % of 200 sets."""
    t, rng, pulls = np.linspace(0, 30, 120), np.random.default_rng(5), []
    expected = 30 * solve(t, 1.0, (0, 0.2, 0, 0)) + 0.5
    for _ in range(200):
        counts = rng.poisson(expected).astype(float)
        settings = {"observable": "mobility", "n0": 1.0, "offset": "free", "noise": "poisson"}
        found = fit(Measurement(Trace(t, counts), **settings), fixed=["G", "k2", "k3"])
        assert found.converged
        pulls.append((found.values["k1"] - 0.2) / found.stderr["k1"])
    assert 0.90 < np.mean(np.abs(pulls) < 1.96) < 0.99
    assert abs(np.mean(pulls)) < 0.25


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy"])
def test_a_robust_loss_serves_counts_with_spikes(loss):
    measurement, _ = measured("luminescence", noise="poisson", size=2000.0)
    spiked = [trace.signal.copy() for trace in measurement.traces]
    for signal in spiked:
        signal[[40, 60]] += 3000
    bad = measurement.with_signals(spiked)
    plain, robust, clean = fit(bad), fit(bad, loss=loss, f_scale=2.0), fit(measurement)
    shift = {each: abs(each.values["k1"] - clean.values["k1"]) for each in (plain, robust)}
    assert shift[robust] < 0.2 * shift[plain]


def test_linear_parameters_are_at_their_best_for_every_trial():
    measurement, start = measured("luminescence", noise="poisson")
    problem = pose(measurement, RateLaw(), start)
    x = problem.point(np.array([start[name] for name in problem.names]))
    free = np.ones(len(x), bool)
    settled = problem.settle(x * np.where(problem.linear, 0.5, 1.0), free)
    _, triangle = problem.evaluate(settled)
    slopes = triangle[:, :-1].T @ triangle[:, -1]
    sizes = np.linalg.norm(triangle[:, :-1], axis=0) * np.linalg.norm(triangle[:, -1])
    assert (np.abs(slopes / sizes)[problem.linear] < 1e-7).all()


def test_a_problem_travels_as_plain_data():
    measurement, start = measured("both", noise="poisson")
    problem = pose(measurement, RateLaw(), start)
    x = problem.point(np.array([start[name] for name in problem.names]))
    cost, triangle = problem.evaluate(x)
    again = pickle.loads(pickle.dumps(problem)).evaluate(x)
    assert again[0] == cost
    np.testing.assert_array_equal(again[1], triangle)


def test_the_light_before_the_pulse_is_that_of_the_dark_state():
    """With generation the sample glows at its equilibrium before the pulse, and the response sees that."""
    rates = (0.2, 0.5, 0.1, 0.0)
    measurement = Measurement(Trace(T, 1 + T**2), n0=2.0, time_zero=0.0, response_fwhm=0.1)
    start = starting_values(measurement, RateLaw(), rates) | {"n0": 2.0}
    problem = pose(measurement, RateLaw(), start)
    (curve,) = problem.curves(problem.point(np.array([start[name] for name in problem.names])))
    assert curve[0] == pytest.approx(equilibrium(rates), rel=1e-12)
    late = T > 1
    np.testing.assert_allclose(curve[late], solve(T[late], 2.0, rates), rtol=2e-3)


@pytest.mark.parametrize("peak", [10, 100, 300, 10_000])
def test_counts_without_any_background_converge(peak):
    """Dark bins hold no count, so the offset ends at its bound 0 and the fit is sure of it."""
    t = np.arange(-10.0, 200.0)
    clean = np.where(t >= 0, solve(np.maximum(t, 0), 1.0, (0, 1e-2, 2e-2, 0)) ** 2, 0.0)
    for seed in range(6):
        counted = np.random.default_rng(seed).poisson(peak * clean).astype(float)
        settings = {"kind": "TRPL counts", "n0": 1.0, "time_zero": 0.0, "density_unit": "cm^-3"}
        found = fit(Measurement(Trace(t, counted, t_unit="ns"), **settings))
        assert found.converged
        assert found.offset[0] < 0.05


class TestCountsBeforeThePulse:
    """A detector counts in the dark, too: without a background no rates make that possible."""

    def measured(self, **options):
        t = np.arange(-10.0, 60.0)
        expected = 500 * np.where(t >= 0, np.exp(-0.1 * np.maximum(t, 0)), 0.0) + 3
        counted = np.random.default_rng(0).poisson(expected).astype(float)
        settings = {"kind": "TRPL counts", "n0": 1.0, "time_zero": 0.0}
        return Measurement(Trace(t, counted, name="dark", t_unit="ns"), **settings | options)

    def test_a_background_of_zero_is_refused_with_what_helps(self):
        with pytest.raises(ValueError, match=r"'dark'.*before the pulse at 0.*offset"):
            fit(self.measured(offset=0.0))
        with pytest.raises(ValueError, match=r"'dark': 2 counts at t = -10, before the pulse at 0.*`fixed`"):
            fit(self.measured(), {"offset": 0.0}, fixed=["G", "offset"])

    def test_each_remedy_helps(self):
        assert fit(self.measured(offset="free")).converged
        assert fit(self.measured(), {"offset": 3.0}, fixed=["G", "offset"]).converged
        assert fit(self.measured(offset=0.0, window=(0, None))).converged


def test_a_trace_without_signal_is_no_fit():
    t = np.linspace(0, 5, 60)
    settings = {"observable": "mobility", "n0": 1.0, "sign": 1, "offset": "free"}
    found = fit(Measurement(Trace(t, -np.exp(-t)), **settings))
    assert not found.converged
    assert "no signal of this sign" in found.message


class TestOneEffect:
    """Own equations with n0 and scale both free: more signal is more carriers, or more light from each."""

    def measured(self, count, mode, observable):
        densities, rng = np.array([1.0, 0.3])[:count], np.random.default_rng(4)
        power = 2 if observable == "photoluminescence" else 1
        clean = [100 * solve(T[T >= 0], n0, (0, 0.4, 1.5, 0)) ** power for n0 in densities]
        traces = [Trace(T[T >= 0], each + 0.5 * rng.standard_normal(len(each))) for each in clean]
        settings = {"scale": "free", "time_zero": 0.0, "noise": "even", "n0": Quantity(densities, mode)}
        return Measurement(traces, observable=observable, **settings)

    @pytest.mark.parametrize(
        ("count", "mode", "observable"),
        [(1, "free", "photoluminescence"), (1, "shared", "mobility"), (2, "shared", "photoluminescence")],
    )
    def test_is_named_with_what_to_fix_and_that_helps(self, count, mode, observable):
        law = Equation(lambda t, n, args: -n * (args[0] + n * args[1]), ["k1", "k2"])
        measurement, guess = self.measured(count, mode, observable), {"k1": 1.0, "k2": 1.0}
        found = fit(measurement, guess, law=law)
        assert not found.converged
        for words in ("n0", "scale", "in the same way", "fix n0"):
            assert words in found.message
        held = fit(measurement, guess, law=law, fixed=["n0"])
        assert held.converged
        assert held.cost == pytest.approx(found.cost, rel=1e-6)
        assert held.values["k2"] == pytest.approx(1.5, abs=4 * held.stderr["k2"])

    def test_two_rates_of_one_term_are_named(self):
        law = Equation(lambda t, n, args: -n * (args[0] + args[1]), ["traps", "surface"])
        trace = Trace(T[T >= 0], np.exp(-0.5 * T[T >= 0]))
        found = fit(Measurement(trace, noise="even"), {"traps": 0.1, "surface": 0.1}, law=law)
        assert not found.converged
        assert "traps and surface act on the signal in the same way" in found.message
        assert "fix traps or surface" in found.message
        assert fit(Measurement(trace, noise="even"), (0.1, 0.2), law=law, fixed="traps").converged

    def test_what_acts_nearly_alike_is_told_apart_where_the_noise_is_small(self):
        """A tenth of a lifetime: the three terms differ in a ten-thousandth of what they do."""
        t, truth = np.linspace(0, 0.1, 60), np.array([0, 0.5, 1.0, 0.7])
        noise = 1e-7 * np.random.default_rng(1).standard_normal(60)
        found = fit(Trace(t, solve(t, 1.0, truth) + noise, np.full(60, 1e-7)))
        names = ["k1", "k2", "k3"]
        assert found.converged
        assert (found.stderr[names] < 2e-3).all()
        assert ((found.values[names] - truth[1:]).abs() < 4 * found.stderr[names]).all()


@pytest.mark.parametrize("observable", ["photoluminescence", "mobility"])
def test_a_guess_of_no_carriers_is_left(observable):
    """At n0 = 0 luminescence has no slope, and a free scale nothing to multiply."""
    t = np.linspace(0, 5, 80)
    n = solve(t, 1.0, (0, 0.3, 0.5, 0))
    signal = n**2 if observable == "photoluminescence" else n
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(t))
    measurement = Measurement(
        Trace(t, signal + noise), observable=observable, scale=1.0, n0=Quantity(1.0, "free"), noise="even"
    )
    found = fit(measurement, {"n0": 0.0})
    assert found.converged
    assert found.cost == pytest.approx(fit(measurement).cost, rel=1e-9)
    assert found.values["n0"] == pytest.approx(1.0, abs=0.02)


class TestRequests:
    def test_n0_and_scale_both_free_are_refused_with_what_to_fix(self):
        with pytest.raises(ValueError, match="fix n0"):
            fit(Measurement(Trace(T[T >= 0], np.exp(-T[T >= 0])), scale="free", n0=Quantity(1.0, "free")))

    def test_offsets_are_held_by_kind(self):
        measurement, _ = measured("luminescence", noise="sigma")
        found = fit(measurement, fixed=["G", "offset"])
        assert list(found.status[["offset_1", "offset_2"]]) == ["fixed", "fixed"]


def test_the_sign_is_honoured_by_the_automatic_guess():
    """A bleach gives the guess that its mirror image gives."""
    t = np.linspace(0, 5, 100)
    n = [solve(t, n0, (0, 0, 3.0, 0)) for n0 in (1.0, 2.0)]
    options = {"n0": [1.0, 2.0], "scale": "free", "observable": "mobility"}
    up = suggest(Measurement([Trace(t, each) for each in n], **options))
    down = suggest(Measurement([Trace(t, -each) for each in n], **options))
    assert up.k2 == pytest.approx(3.0, rel=0.1)
    assert down == up


def test_a_refit_may_fix_what_was_free():
    measurement, _ = measured("luminescence", noise="sigma")
    found = fit(measurement)
    held = measurement.with_quantities(scale=Quantity(found.scale, "fixed"))
    again = found.refit(measurement=held)
    assert "scale_1" not in again.names
    assert again.cost == pytest.approx(found.cost, rel=1e-9)
    assert again.stderr["k2"] < found.stderr["k2"]


def test_an_unknown_density_gives_rates_times_its_powers():
    """With n0 unknown k1 is right, and k2·n0 and k3·n0² are what they are."""
    t = np.linspace(0, 8, 200)
    n = solve(t, 3.0, (0, 0.3, 0.5, 0.2))
    settings = {"observable": "photoluminescence", "n0": "unknown"}
    found = fit(Measurement(Trace(t, 50 * n**2, t_unit="ns"), **settings))
    np.testing.assert_allclose(found.values[["k1", "k2", "k3"]], [0.3, 0.5 * 3, 0.2 * 9], rtol=1e-5)
    assert found.units["k2"] == "1/(ns n0)"
    assert np.isnan(found.table().loc["k2", "in cgs"])


def test_the_error_of_the_fluence_is_that_of_a_series_taken_20_percent_higher():
    measurement, _ = measured("luminescence", noise="sigma")
    options = {"time_zero": 0.0} | SETTINGS["luminescence"]
    known = Measurement(measurement.traces, **options, fluence_error_percent=20)
    found = fit(known)
    shift = found.error_from_n0 / found.values
    assert shift["k1"] < 1e-3
    assert shift["k2"] == pytest.approx(1 - 1 / 1.2, rel=1e-3)
    assert shift["k3"] == pytest.approx(1 - 1 / 1.2**2, rel=1e-2)
    assert "from n0" in found.table().columns


class TestLikelihood:
    def test_curved_rows_have_the_slope_of_the_rows_and_the_curvature_of_the_cost(self):
        counts, expected, step = np.array([40.0]), np.array([25.0]), 1e-3
        likelihood = Likelihood("poisson")
        cost, weights, residuals = likelihood.curved_rows(expected, counts)
        _, others, scaled = likelihood.rows(expected, counts)
        assert weights * residuals == pytest.approx(others * scaled, rel=1e-12)
        above, below = (likelihood.rows(expected + each, counts)[0] for each in (step, -step))
        assert weights[0] ** 2 == pytest.approx((above - 2 * cost + below) / step**2, rel=1e-4)

    @pytest.mark.parametrize("expected", [1e-3, 0.2, 3.0, 250.0, 1e5])
    def test_half_the_deviance_is_the_log_of_the_ratio_of_probabilities(self, expected):
        for counts in (0, 1, 3, 250, 100_003):
            cost, _, _ = Likelihood("poisson").rows(np.array([expected]), np.array([float(counts)]))
            if counts > 1e3 * max(expected, 1):
                continue
            ratio = stats.poisson.logpmf(counts, max(counts, 1e-300)) - stats.poisson.logpmf(counts, expected)
            assert cost == pytest.approx(ratio, rel=1e-7, abs=1e-9)

    def test_no_count_can_come_where_none_is_expected(self):
        cost, _, _ = Likelihood("poisson").rows(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
        assert cost == np.inf
        cost, _, _ = Likelihood("poisson").rows(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        assert cost == 0

    def test_draws_scatter_as_the_noise_says(self):
        rng, expected = np.random.default_rng(0), np.full(4000, 9.0)
        assert Likelihood("poisson").draw(expected, rng).var() == pytest.approx(9.0, rel=0.1)
        assert Likelihood("sigma", 2.0).draw(expected, rng).std() == pytest.approx(2.0, rel=0.1)
