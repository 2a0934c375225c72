"""Fits of single traces: from any start, in any unit, to the minimum that scipy finds too."""

import warnings

import numpy as np
import pytest
from benchmarks.convergence import HARD, ORDINARY, draw, judged
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import odeint
from scipy.optimize import least_squares

from helpers import kinetics
from helpers.fitting import fit, fit_from_guesses, suggest, table
from helpers.kinetics import Rates, natural_rates, solve
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import profile

TRUE = Rates(0, 1e-2, 1e-3, 1.1e-7)
PARAMETERS = ("G", "k1", "k2", "k3", "n0")


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def simulated(rates=TRUE, n0=800.0, span=480.0, points=400, noise=0.005, seed=0, sigma=False):
    t = np.linspace(0, span, points)
    n = solve(t, n0, rates)
    errors = noise * n + 1e-4 * n0
    signal = n + errors * np.random.default_rng(seed).normal(size=points)
    return Trace(t, signal, errors if sigma else None, name="simulated")


def alike(trace):
    """Measurement whose points all count alike."""
    return Measurement(trace, noise="even")


def named(rates, **others):
    return dict(zip(PARAMETERS, rates, strict=False)) | others


TRACES = {
    "decay": lambda: simulated(),
    "with generation": lambda: simulated(Rates(2, 1e-2, 1e-3, 1e-6)),
    "growth from nothing": lambda: simulated(Rates(2, 1e-2, 1e-3, 1e-7), n0=0.0, noise=0.02),
    "seven points": lambda: simulated(points=7),
    "physical units": lambda: simulated(Rates(0, 1e7, 1e-10, 1.1e-30), n0=8e18, span=4.8e-7),
}


class TestMinimum:
    @pytest.mark.parametrize("name", TRACES)
    def test_every_start_reaches_the_same_minimum_or_says_that_it_did_not(self, name):
        """Starts are log-uniform over six decades around the natural size of each rate; all are fitted."""
        trace, rng = TRACES[name](), np.random.default_rng(0)
        sizes = natural_rates(trace.elapsed[-1], trace.signal.max())
        starts = [Rates(*(10 ** rng.uniform(-3, 3, 4) * sizes)) for _ in range(60)]
        fits = fit_from_guesses(alike(trace), starts, fixed=(), progress=False)
        best = min(each.cost for each in fits)
        reached = [each.cost <= best * (1 + 1e-6) for each in fits]
        assert not [each for each, same in zip(fits, reached, strict=True) if each.converged and not same]
        assert np.mean(reached) >= 0.98

    def test_it_is_the_one_of_odeint_and_least_squares(self):
        """A third road to the same numbers: another solver, another optimiser, finite differences."""
        trace = simulated(points=120)
        scales = np.array([1e-2, 1e-3, 1e-7, 800])

        def residuals(x):
            k1, k2, k3, n0 = x * scales
            n = odeint(lambda n, t: -n * (k1 + n * (k2 + n * k3)), n0, trace.t, rtol=1e-11, atol=1e-9)
            return n[:, 0] - trace.signal

        wanted = least_squares(residuals, [2.0, 0.5, 2, 1.0], bounds=(0, np.inf), xtol=1e-12, ftol=1e-12)
        found = fit(alike(trace), Rates(k1=1e-3, k2=5e-4, k3=1.2e-7))
        assert found.cost == pytest.approx(wanted.cost, rel=1e-6)
        np.testing.assert_allclose(np.array(found.values)[1:], wanted.x * scales, rtol=2e-3)

    def test_noise_free_data_give_the_rates_back(self):
        t = np.linspace(0, 480, 200)
        exact = fit(Trace(t, solve(t, 800, TRUE)), [1, 1, 1, 1], fixed=())
        assert exact.converged
        np.testing.assert_allclose(np.array(exact.values)[1:], [1e-2, 1e-3, 1.1e-7, 800], rtol=1e-6)

    def test_a_rate_that_the_data_do_not_want_is_zero_and_said_to_be_on_its_bound(self):
        found = fit(simulated(Rates(k1=0.02), sigma=True, seed=3), fixed=())
        bound = found.status == "bound"
        assert bound.any()
        assert (found.values[bound] == 0.0).all()
        assert found.stderr[bound].isna().all()

    def test_the_table_says_which_starts_reached_the_best_minimum(self):
        trace = simulated(points=60)
        fits = fit_from_guesses(trace, [TRUE, (0, 0, 1.5e-3, 1e-7)], progress=False)
        fits.append(fit(trace, [0, 1e-3, 1e-5, 0], max_evaluations=2))
        rows = table(fits)
        assert rows["same minimum"].tolist() == [True, True, False]
        assert rows["converged"].tolist() == [True, True, False]
        assert rows["guess k2"].tolist() == [1e-3, 1.5e-3, 1e-5]
        assert table([]).empty

    def test_aicc_by_hand(self):
        """Burnham & Anderson (2002), section 2.4: an unknown noise is a parameter, a known one is none."""
        unknown = fit(alike(simulated(points=30)))
        assert unknown.parameters == 5
        wanted = 30 * np.log(2 * unknown.cost / 30) + 2 * 5 + 2 * 5 * 6 / (30 - 5 - 1)
        assert unknown.aicc == pytest.approx(wanted)
        assert fit(simulated(points=80)).parameters == 4 + 3  # three numbers say how the noise grows
        known = fit(simulated(points=30, sigma=True))
        assert known.aicc == pytest.approx(2 * known.cost + 2 * 4 + 2 * 4 * 5 / (30 - 4 - 1))
        assert fit(Trace([0, 1], [2, 1]), [0, 1, 0, 0]).aicc == np.inf


@pytest.mark.parametrize("kind", [*ORDINARY, *HARD])
def test_what_is_called_converged_is_the_best_minimum_of_several_starts(kind):
    """A few of the decays of tests/benchmarks/convergence.py, which counts many more of them."""
    for number in range(2 if kind == "degenerate" else 5):
        found, best = judged(draw(kind, number), number, starts=6)
        assert not found.converged or found.cost <= best * (1 + 1e-6), number


class TestUnits:
    @pytest.mark.parametrize(("density", "second"), [(1e16, 1e-9), (1e96, 1.0), (1e-98, 1.0)])
    def test_they_change_values_and_errors_by_their_factor_only(self, density, second):
        trace = simulated(points=100)
        factors = np.array([density / second, 1 / second, 1 / second / density, 1, density])
        factors[3] = factors[2] / density
        one = fit(trace, TRUE, fixed=())
        two = fit(Trace(trace.t * second, trace.signal * density), np.array([*TRUE]) * factors[:4], fixed=())
        np.testing.assert_allclose(np.array(two.values), np.array(one.values) * factors, rtol=1e-6)
        np.testing.assert_allclose(two.stderr, np.array(one.stderr) * factors, rtol=1e-6)

    @pytest.mark.parametrize(("unit", "second"), [(1e-98, 1e-299), (1e96, 1e290), (1e-102, 1e-300)])
    @pytest.mark.parametrize("action", [suggest, fit])
    def test_those_whose_rates_no_number_holds_are_refused(self, unit, second, action):
        trace = simulated(points=20)
        with pytest.raises(ValueError, match=r"no number holds|must be finite"):
            action(Trace(trace.t * second, trace.signal * unit))

    def test_signals_at_the_edge_of_what_numbers_hold(self):
        assert fit(Trace([0, 1, 2], [2e-308, 1e-308, 0]), [0, 1, 0, 0]).converged
        with pytest.raises(ValueError, match="too large"):
            fit(Trace([0, 1, 2], [1e300, 1e299, 1e298]), [0, 1, 0, 0])

    def test_residuals_keep_their_sign_and_time_counts_from_the_first_point(self):
        trace = simulated()
        late = Trace(trace.t + 37.0, trace.signal)
        found = fit(late)
        (residuals,), (curve,) = found.residuals(), found.curves()
        np.testing.assert_allclose(residuals, late.signal - curve)
        assert found.curves([37.0, 40.0])[0][0] == found.values["n0"]
        assert residuals.min() < 0 < residuals.max()
        assert found.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)))


class TestHeld:
    @settings(max_examples=32)
    @given(st.sets(st.sampled_from(PARAMETERS)), st.integers(0, 99))
    def test_any_parameters_can_be_held(self, fixed, seed):
        trace = simulated(points=60, seed=seed)
        guess = named((0.01, 2e-2, 5e-4, 2e-7), n0=790.0)
        found = fit(trace, guess, fixed=fixed)
        for name in fixed:
            assert found.values[name] == pytest.approx(guess[name], rel=1e-14)
            assert found.status[name] == "fixed"
            assert np.isnan(found.stderr[name])
        assert found.converged

    def test_generation_is_held_unless_it_is_asked_for(self):
        t = np.linspace(0, 8, 80)
        trace = Trace(t, solve(t, 2.0, (0.1, 0.5, 0, 0)))
        assert fit(trace).status["G"] == "fixed"
        assert fit(trace, fixed=()).values["G"] == pytest.approx(0.1, rel=1e-6)

    def test_one_name_need_not_stand_in_a_list(self):
        found = fit(simulated(points=20), TRUE, fixed="k1")
        assert (found.status == "fixed").sum() == 1
        assert found.status["k1"] == "fixed"


class TestErrors:
    def test_known_sigma_gives_absolute_errors(self):
        trace = simulated(sigma=True)
        one, two = fit(trace), fit(Trace(trace.t, trace.signal, 2 * trace.sigma))
        np.testing.assert_allclose(two.stderr["k2"], 2 * one.stderr["k2"], rtol=1e-4)
        assert one.reduced_chi2 == pytest.approx(1, abs=0.2)
        assert two.reduced_chi2 == pytest.approx(one.reduced_chi2 / 4, rel=1e-6)

    def test_robust_loss_ignores_outliers(self):
        trace = simulated()
        signal = trace.signal.copy()
        signal[20::40] += 80
        spoiled = Trace(trace.t, signal)
        plain, robust = fit(spoiled), fit(spoiled, loss="cauchy", f_scale=2.0)
        assert abs(robust.rates.k2 / TRUE.k2 - 1) < 0.02
        assert abs(plain.rates.k2 / TRUE.k2 - 1) > 2 * abs(robust.rates.k2 / TRUE.k2 - 1)

    @pytest.mark.parametrize("f_scale", [50.0, np.int64(50), np.float32(50)])
    def test_robust_loss_without_outliers_is_the_plain_fit_errors_and_all(self, f_scale):
        trace = simulated(sigma=True)
        plain, robust = fit(trace), fit(trace, loss="huber", f_scale=f_scale)
        np.testing.assert_allclose(np.array(robust.values), np.array(plain.values), rtol=1e-9)
        np.testing.assert_allclose(robust.stderr, plain.stderr, rtol=1e-9)

    @pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy"])
    @pytest.mark.parametrize("share", [0.0, 0.05])
    def test_errors_of_robust_losses_are_the_scatter_of_repeated_fits(self, loss, share):
        """Sigma unknown, with and without outliers of fifteen sigma."""
        t, rng = np.linspace(0, 5, 100), np.random.default_rng(8)
        clean = solve(t, 1.0, (0, 0.5, 0.5, 0))
        found = []
        for _ in range(100):
            signal = clean + 0.02 * rng.standard_normal(t.size) + 0.3 * (rng.random(t.size) < share)
            options = {"fixed": ["G", "k3"], "loss": loss, "f_scale": 0.02}
            each = fit(Trace(t, signal), (0, 0.5, 0.5, 0), **options)
            found.append((each.values["k1"], each.stderr["k1"]))
        values, errors = np.transpose(found)
        assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.2)


class TestErrorsBesideABound:
    """Data of k2 alone: k1 or k3 often end at 0, and errors that take them as known are far too small."""

    def fits(self, points, count, **options):
        t, rng = np.linspace(0, 5, points), np.random.default_rng(1)
        clean, sigma = solve(t, 1.0, (0, 0, 1.0, 0)), np.full(points, 0.02)
        for _ in range(count):
            yield fit(Trace(t, clean + sigma * rng.standard_normal(points), sigma), **options)

    @pytest.mark.parametrize("points", [12, 60])
    def test_what_is_shown_covers_the_truth_and_the_rest_is_sent_to_its_interval(self, points):
        truth, inside, hidden = np.array([0, 0, 1.0, 0, 1.0]), [], []
        for found in self.fits(points, 60, fixed=()):
            if (found.status == "bound").any():
                shown = found.stderr.notna().to_numpy()
                away = (found.values - truth).abs() < 1.96 * found.stderr
                inside += away[shown].tolist()
                hidden.append(found.see_interval["k1"] or found.status["k1"] == "bound")
        assert len(inside) > 20
        assert np.mean(inside) > 0.88
        assert np.mean(hidden) > 0.95

    def test_an_error_is_shown_where_releasing_the_bound_hardly_widens_it(self):
        """Compared with the textbook's covariance of all parameters, (JᵀJ)⁻¹."""
        seen = set()
        for found in self.fits(30, 20):
            slopes = found.minimum.triangle[:, :-1]
            released = np.full(len(found.names), np.nan)
            block = slopes[:, found.free]
            released[found.free] = np.sqrt(np.diag(np.linalg.inv(block.T @ block)))
            ratio = released * found.problem.scales / found.conditional_stderr
            for name in np.array(found.names)[found.active]:
                shown = bool(np.isfinite(found.stderr[name]))
                assert shown == (ratio[name] <= 1.1) == (not found.see_interval[name]), name
                assert not shown or found.stderr[name] == found.conditional_stderr[name]
                seen.add((shown, bool((found.status == "bound").any())))
        assert seen == {(True, True), (False, True), (True, False)}

    def test_the_table_says_so_and_has_no_number(self):
        found = next(each for each in self.fits(12, 20) if each.see_interval["k2"])
        row = found.table().loc["k2"]
        assert row["status"] == "see the interval"
        assert np.isnan(row[["stderr", "error %"]].astype(float)).all()
        assert found.status["k2"] == "free"

    def test_parameters_on_their_bound_cost_freedom(self):
        found = next(each for each in self.fits(12, 20) if (each.status == "bound").any())
        assert found.freedom == 12 - 4
        assert found.reduced_chi2 == pytest.approx(2 * found.cost / 8)
        assert found.parameters == 4  # the criteria count them, too

    def test_so_they_do_where_the_noise_is_unknown(self):
        """Student's t of the intervals and the criteria: four parameters, and the noise."""
        plain = next(each for each in self.fits(12, 20) if (each.status == "bound").any())
        found = fit(Measurement(Trace(plain.trace.t, plain.trace.signal), noise="even"))
        assert (found.status == "bound").any()
        assert found.parameters == 5
        assert (found.error_freedom == 12 - 4).all()


class TestOddData:
    def test_what_is_over_before_the_second_point_is_not_called_converged(self):
        """One high point, then a plain level: no rate follows from that, however well the curve passes."""
        t = np.linspace(0, 1, 30)
        signal = np.full(30, 2.0) + 1e-3 * np.random.default_rng(0).normal(size=30)
        signal[0] = 9.0
        found = fit(Trace(t, signal), [3e5, 1e5, 1e4, 1e3], fixed=())
        assert not found.converged
        assert "do not resolve" in found.message

    def test_a_constant_signal_is_fitted_and_one_of_nothing_is_refused(self):
        t = np.linspace(0, 1, 20)
        assert np.isfinite([*fit(Trace(t, np.full(20, 3.0)), [0, 1, 1, 1]).values]).all()
        with pytest.raises(ValueError, match="every signal is 0"):
            fit(Trace(t, np.zeros(20)), [0, 1, 1, 1])

    @settings(max_examples=30)
    @given(
        st.lists(st.floats(-1e8, 1e8), min_size=2, max_size=8).filter(any),
        st.tuples(*[st.one_of(st.just(0.0), st.floats(-20, 20).map(lambda power: 10**power))] * 4),
        st.floats(1e-9, 1e9),
    )
    def test_no_data_and_no_guess_make_a_fit_raise_or_warn(self, signal, guess, step):
        trace = Trace(step * np.arange(len(signal)), signal)
        found = fit(trace, guess, fixed=(), max_evaluations=60)
        assert np.isfinite([*found.values, found.cost]).all()

    @settings(max_examples=50)
    @given(
        st.tuples(*[st.sampled_from([0.0, 1e-300, 1e-60, 1.0, 1e60, 1e160, 1e300])] * 4),
        st.one_of(st.none(), st.sampled_from([0.0, 1e-300, 1e60, 1e160, 1e300])),
        st.sets(st.sampled_from(PARAMETERS)),
        st.sampled_from([1.0, 1e16, 1e-12]),
    )
    def test_absurd_guesses_are_fits_that_did_not_converge(self, guess, n0, fixed, unit):
        trace = simulated(points=20)
        start = named(guess) if n0 is None else named(guess, n0=n0)
        found = fit(Trace(trace.t, trace.signal * unit), start, fixed=fixed)
        assert np.isfinite(np.array(found.values)).all()
        assert found.message
        if not np.isfinite(found.cost):
            assert not found.converged
            assert "begin with other rates" in found.message
            assert np.isnan([found.rmse, *found.stderr]).all()


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"fixed": ["k4"]}, r"k4.*the parameters are G, k1, k2, k3, n0"),
            ({"fixed": "n1"}, r"n1.*the parameters are"),
            ({"fixed": ["offset"]}, r"offset.*the parameters are"),
            ({"fixed": 5}, r"fixed = 5: give names; the parameters are G, k1"),
            ({"fixed": [["k1"]]}, r"fixed = .*the parameters are G, k1"),
            ({"fixed": {"k1": 0.0}}, r"give names alone, and their values as `guess`"),
            ({"law": "x"}, r"law = 'x': give RateLaw\(\), TrapLaw\(\), or Equation"),
            ({"law": kinetics.RateLaw}, r"law = .*give RateLaw\(\)"),
            ({"law": lambda t, n, k: -n}, r"law = .*Equation\(function, names\)"),
            ({"loss": "square"}, "soft_l1"),
            ({"loss": None}, "soft_l1"),
            ({"max_evaluations": 0}, "whole number, 1 or more"),
            ({"max_evaluations": "many"}, "whole number, 1 or more"),
        ],
    )
    def test_arguments_are_checked_in_one_sentence(self, options, words):
        with pytest.raises(ValueError, match=words):
            fit(simulated(points=20), TRUE, **options)

    @pytest.mark.parametrize("f_scale", [0, -1, np.nan, np.inf, "1", True, None])
    def test_a_robust_loss_needs_a_scale_above_zero(self, f_scale):
        with pytest.raises(ValueError, match=r"f_scale = .*positive"):
            fit(simulated(points=20), TRUE, loss="huber", f_scale=f_scale)

    @pytest.mark.parametrize(
        ("guess", "words"),
        [
            ((0, 1, 0), "give the four numbers G, k1, k2, k3"),
            ((0, 1, 0, 0, 0), "give the four numbers"),
            (1.0, "give the four numbers"),
            ([0, -1, 0, 0], "k1 = -1"),
            ("abcd", r"guess = 'abcd': give numbers for G, k1, k2, k3"),
            ((0, None, 0, 0), r"guess = .*give numbers for G, k1, k2, k3"),
            ({"p0": "a"}, r"p0 = 'a' is no finite number"),
            ({"k1": None}, r"k1 = None is no finite number"),
            ({"k1": np.nan}, r"k1 = nan is no finite number"),
            ({"k1": [1, 2]}, r"k1 = \[1, 2\] is no finite number"),
            ({"p0": 1.0}, r"no p0; the parameters are G, k1"),
            ({"n0": -1.0}, r"n0 = -1"),
        ],
    )
    def test_a_guess_is_checked_by_name(self, guess, words):
        with pytest.raises(ValueError, match=words):
            fit(simulated(points=20), guess)

    @pytest.mark.parametrize("data", [5, None])
    def test_what_is_no_trace_is_refused(self, data):
        with pytest.raises(ValueError, match="give a Trace, several of them, or a Measurement"):
            fit(data)

    @pytest.mark.parametrize("guess", [(0, 1, 0), (0, 1, 0, 0, 0), 1.0, None])
    def test_a_solution_needs_four_rates(self, guess):
        with pytest.raises(ValueError, match="give the four numbers G, k1, k2, k3"):
            solve([0.0, 1.0], 1.0, guess)


class TestAutomaticGuess:
    @pytest.mark.parametrize(("unit", "second"), [(1, 1), (1e16, 1e-9), (1e-9, 1e6)])
    def test_it_is_near_the_truth_in_any_unit(self, unit, second):
        trace = simulated(noise=0.001)
        found = suggest(Trace(trace.t * second, trace.signal * unit))
        assert found.k1 * second == pytest.approx(1e-2, rel=0.3)
        assert found.k2 * second * unit == pytest.approx(1e-3, rel=0.1)

    def test_it_respects_what_is_known(self):
        trace = simulated(noise=0.001)
        assert suggest(trace, fixed={"k1": 0.0}).k1 == 0.0
        around = suggest(trace, fixed={"k3": 1.1e-7, "G": 0.0})
        assert around.k3 == pytest.approx(1.1e-7)
        assert around.k1 == pytest.approx(1e-2, rel=0.2)
        with pytest.raises(ValueError, match="K1"):
            suggest(trace, fixed={"K1": 3})

    def test_points_that_are_known_well_count_more(self):
        """The first two fifths of the trace have noise of 0.6, the others of 0.001."""
        t = np.linspace(0, 5, 60)
        sigma = np.where(t < 2, 0.6, 1e-3)
        for seed in range(4):
            noise = sigma * np.random.default_rng(seed).standard_normal(60)
            trace = Trace(t, solve(t, 1.0, (0, 0.3, 0, 0)) + noise, sigma)
            assert suggest(trace, fixed={"G": 0, "k2": 0, "k3": 0}).k1 == pytest.approx(0.3, rel=0.02)

    @pytest.mark.parametrize(("name", "words"), [("", "^trace: "), ("short", "^trace 'short': ")])
    def test_it_needs_three_points(self, name, words):
        with pytest.raises(ValueError, match=words + r".*at least 3"):
            suggest(Trace([0, 1], [2, 1], name=name))


class TestScaleThatRunsAway:
    """Transient absorption with a signal ten times its noise, the points at its edge left out.

    What is left, n ∝ 1/t, is fitted by any scale if k2 and k3 grow with it.
    """

    WIDTH = 1.0

    def measured(self, **options):
        t = np.arange(-20, 200, 0.5)
        nodes = np.linspace(-6, 6, 121)
        shares = np.exp(-0.5 * nodes**2) / np.exp(-0.5 * nodes**2).sum()
        past = t[:, None] - self.WIDTH * nodes
        decay = solve(np.maximum(past, 0).ravel(), 1.0, (0, 0.01, 1, 0)).reshape(past.shape)
        signal = np.where(past >= 0, decay, 0.0) @ shares
        noise = 0.1 * np.random.default_rng(0).standard_normal(len(t))
        trace = Trace(t, signal / signal.max() + noise, name="bleach", t_unit="ns")
        return Measurement(trace, kind="TA", n0=1.0, sign=1, **options)

    def test_it_is_no_minimum_and_the_message_says_what_helps(self):
        found = fit(self.measured())
        assert found.values["scale"] > 1e3
        assert not found.converged
        for words in ("'bleach'", "scale", "response_fwhm", "hold k2 and k3"):
            assert words in found.message

    def test_what_the_message_says_helps(self):
        width = np.sqrt(8 * np.log(2)) * self.WIDTH
        assert fit(self.measured(response_fwhm=width)).converged
        assert fit(self.measured(scale=2.0)).converged
        held = fit(self.measured(), {"k2": 1.0, "k3": 0.0}, fixed=["G", "k2", "k3"])
        assert held.converged
        assert held.values["scale"] < 10


@pytest.mark.parametrize("seed", [9, 13])
def test_a_rate_that_ends_next_to_zero_beside_scale_and_offset_is_put_on_it(seed):
    """There the slopes are singular: k1, scale and offset would seem to act alike, intervals be too short."""
    t = np.linspace(0, 20, 300)
    noise = 0.02 * np.random.default_rng(seed).standard_normal(300)
    trace = Trace(t, solve(t, 1.0, (0, 0.05, 0.3, 0.1)) + noise + 0.02)
    found = fit(Measurement(trace, observable="mobility", n0=1.0, offset="free"))
    assert found.converged
    assert found.values["k1"] == 0 or found.values["k1"] > 1e-7
    low, high = profile(found, "offset")["offset"].interval95
    assert low < 0.02 < high
