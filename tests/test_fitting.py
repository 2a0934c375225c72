"""Fits of single traces: from any start, in any unit, to the minimum that scipy finds too."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import odeint
from scipy.optimize import least_squares

from helpers import guesses, kinetics
from helpers.fitting import PARAMETERS, fit, fit_from_guesses, fit_series, table
from helpers.kinetics import Rates, solve
from helpers.paths import DATA
from helpers.traces import Trace, load_trace

TRUE = Rates(0, 1e-2, 1e-3, 1.1e-7)


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


def drawn(trace, count, seed=0):
    """Guesses log-uniform over six decades around the natural scale of each rate."""
    span, top = trace.elapsed[-1], trace.signal.max()
    scales = np.array([top / span, 1 / span, 1 / (span * top), 1 / (span * top**2)])
    rng = np.random.default_rng(seed)
    return [Rates(*(10 ** rng.uniform(-3, 3, 4) * scales)) for _ in range(count)]


@pytest.fixture(scope="module")
def sample():
    return load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()


TRACES = {
    "decay": lambda: simulated(),
    "with generation": lambda: simulated(Rates(2, 1e-2, 1e-3, 1e-6)),
    "growth from nothing": lambda: simulated(Rates(2, 1e-2, 1e-3, 1e-7), n0=0.0, noise=0.02),
    "seven points": lambda: simulated(points=7),
    "physical units": lambda: simulated(Rates(0, 1e7, 1e-10, 1.1e-30), n0=8e18, span=4.8e-7),
}


@pytest.mark.parametrize("name", TRACES)
def test_every_start_reaches_the_same_minimum_or_says_that_it_did_not(name):
    trace = TRACES[name]()
    fits = fit_from_guesses(trace, drawn(trace, 60), progress=False)
    best = min(each.cost for each in fits)
    reached = [each.cost <= best * (1 + 1e-6) for each in fits]
    assert not [each for each, same in zip(fits, reached, strict=True) if each.converged and not same]
    assert np.mean(reached) >= 0.98


def test_the_origins_three_guesses_reach_one_minimum(sample):
    fits = fit_from_guesses(sample, guesses.ORIGINAL, progress=False)
    assert all(each.converged for each in fits)
    assert np.ptp([each.cost for each in fits]) <= 1e-6 * fits[0].cost
    assert table(fits)["same minimum"].all()


def test_minimum_is_the_one_of_odeint_and_least_squares():
    """A third road to the same numbers: another solver, another optimiser, finite differences."""
    trace = simulated(points=120)
    scales = np.array([1e-2, 1e-3, 1e-7, 800])

    def residuals(x):
        k1, k2, k3, n0 = x * scales
        n = odeint(lambda n, t: -n * (k1 + n * (k2 + n * k3)), n0, trace.t, rtol=1e-11, atol=1e-9)
        return n[:, 0] - trace.signal

    wanted = least_squares(residuals, [2.0, 0.5, 2, 1.0], bounds=(0, np.inf), xtol=1e-12, ftol=1e-12)
    found = fit(trace, Rates(k1=1e-3, k2=5e-4, k3=1.2e-7), fixed=["G"])
    assert found.cost == pytest.approx(wanted.cost, rel=1e-6)
    np.testing.assert_allclose(np.array(found.values)[1:], wanted.x * scales, rtol=2e-3)


def test_units_change_the_numbers_by_their_factor_only():
    trace = simulated()
    other = Trace(trace.t * 1e-9, trace.signal * 1e16)
    one, two = fit(trace, TRUE), fit(other, [0, 1e7, 1e-10, 1.1e-30])
    factors = np.array([1e25, 1e9, 1e-7, 1e-23, 1e16])
    np.testing.assert_allclose(np.array(two.values), np.array(one.values) * factors, rtol=1e-6)
    np.testing.assert_allclose(two.stderr, np.array(one.stderr) * factors, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(PARAMETERS)), st.integers(0, 99))
def test_any_parameters_can_be_held(fixed, seed):
    trace = simulated(points=60, seed=seed)
    guess, n0 = Rates(0.01, 2e-2, 5e-4, 2e-7), 790.0
    result = fit(trace, guess, n0=n0, fixed=fixed)
    for name, value, start in zip(PARAMETERS, result.values, (*guess, n0), strict=True):
        if name in fixed:
            assert value == pytest.approx(start, rel=1e-14)
            assert getattr(result.status, name) == "fixed"
            assert np.isnan(getattr(result.stderr, name))
    assert result.converged


def test_a_rate_that_the_data_do_not_want_is_zero_and_said_to_be_on_its_bound():
    result = fit(simulated(Rates(k1=0.02), sigma=True, seed=3))
    bound = [name for name in PARAMETERS if getattr(result.status, name) == "bound"]
    assert bound
    for name in bound:
        assert getattr(result.values, name) == 0.0
        assert np.isnan(getattr(result.stderr, name))


def test_known_sigma_gives_absolute_errors():
    trace = simulated(sigma=True)
    doubled = Trace(trace.t, trace.signal, 2 * trace.sigma)
    one, two = fit(trace), fit(doubled)
    np.testing.assert_allclose(two.stderr.k2, 2 * one.stderr.k2, rtol=1e-4)
    assert one.reduced_chi2 == pytest.approx(1, abs=0.2)
    assert two.reduced_chi2 == pytest.approx(one.reduced_chi2 / 4, rel=1e-6)


def test_robust_loss_ignores_outliers():
    trace = simulated()
    signal = trace.signal.copy()
    signal[20::40] += 80
    spoiled = Trace(trace.t, signal)
    plain, robust = fit(spoiled), fit(spoiled, loss="cauchy", f_scale=2.0)
    assert abs(robust.rates.k2 / TRUE.k2 - 1) < 0.02
    assert abs(plain.rates.k2 / TRUE.k2 - 1) > 2 * abs(robust.rates.k2 / TRUE.k2 - 1)


def test_robust_loss_without_outliers_is_the_plain_fit_errors_and_all():
    trace = simulated(sigma=True)
    plain, robust = fit(trace), fit(trace, loss="huber", f_scale=50.0)
    np.testing.assert_allclose(np.array(robust.values), np.array(plain.values), rtol=1e-9)
    np.testing.assert_allclose(robust.stderr, plain.stderr, rtol=1e-9)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy"])
@pytest.mark.parametrize("share", [0.0, 0.05])
def test_errors_of_robust_losses_are_the_scatter_of_repeated_fits(loss, share):
    """Sigma unknown, with and without outliers of fifteen sigma."""
    t, rng = np.linspace(0, 5, 100), np.random.default_rng(8)
    clean = kinetics.solve(t, 1.0, (0, 0.5, 0.5, 0))
    found = []
    for _ in range(150):
        signal = clean + 0.02 * rng.standard_normal(t.size) + 0.3 * (rng.random(t.size) < share)
        found.append(fit(Trace(t, signal), (0, 0.5, 0.5, 0), fixed=["G", "k3"], loss=loss, f_scale=0.02))
    scatter = np.std([each.rates.k1 for each in found], ddof=1)
    assert np.mean([each.stderr.k1 for each in found]) == pytest.approx(scatter, rel=0.2)


def test_noise_free_data_give_the_rates_back():
    result = fit(simulated(noise=0, points=200), [1, 1, 1, 1])
    t = np.linspace(0, 480, 200)
    exact = fit(Trace(t, solve(t, 800, TRUE)), [1, 1, 1, 1])
    assert exact.converged
    np.testing.assert_allclose(np.array(exact.values)[1:], [1e-2, 1e-3, 1.1e-7, 800], rtol=1e-6)
    assert result.converged


def test_what_is_over_before_the_second_point_is_not_called_converged():
    """One high point, then a plain level: no rate follows from that, however well the curve passes."""
    t = np.linspace(0, 1, 30)
    signal = np.full(30, 2.0) + 1e-3 * np.random.default_rng(0).normal(size=30)
    signal[0] = 9.0
    result = fit(Trace(t, signal), [3e5, 1e5, 1e4, 1e3])
    assert not result.converged
    assert "do not resolve" in result.message


def test_constant_and_zero_signals_do_not_crash():
    t = np.linspace(0, 1, 20)
    for level in (0.0, 3.0):
        result = fit(Trace(t, np.full(20, level)), [0, 1, 1, 1])
        assert np.isfinite([*result.rates, result.n0, result.cost]).all()


@settings(max_examples=150)
@given(
    st.lists(st.floats(-1e8, 1e8), min_size=2, max_size=8),
    st.tuples(*[st.one_of(st.just(0.0), st.floats(-20, 20).map(lambda power: 10**power))] * 4),
    st.floats(1e-9, 1e9),
)
def test_no_data_and_no_guess_make_a_fit_raise_or_warn(signal, guess, step):
    result = fit(Trace(step * np.arange(len(signal)), signal), guess)
    assert np.isfinite([*result.rates, result.n0, result.cost]).all()


@settings(max_examples=100)
@given(
    st.tuples(*[st.sampled_from([0.0, 1e-300, 1e-60, 1.0, 1e60, 1e160, 1e300])] * 4),
    st.one_of(st.none(), st.sampled_from([0.0, 1e-300, 1e60, 1e160, 1e300])),
    st.sets(st.sampled_from(PARAMETERS)),
    st.sampled_from([1.0, 1e16, 1e-12]),
)
def test_absurd_guesses_are_fits_that_did_not_converge(guess, n0, fixed, unit):
    trace = simulated(points=20)
    result = fit(Trace(trace.t, trace.signal * unit), guess, n0=n0, fixed=fixed)
    assert np.isfinite([*result.rates, result.n0]).all()
    assert result.message
    if not np.isfinite(result.cost):
        assert not result.converged
        assert "begin with other rates" in result.message
        assert np.isnan([result.rmse, *result.stderr]).all()


@pytest.mark.parametrize("f_scale", [0, -1, np.nan, np.inf, "1"])
def test_a_robust_loss_needs_a_scale_above_zero(f_scale):
    with pytest.raises(ValueError, match=r"f_scale = .*positive"):
        fit(simulated(points=20), TRUE, loss="huber", f_scale=f_scale)


@pytest.mark.parametrize("unit", [1e96, 1e-98])
def test_extreme_units_change_values_and_errors_by_their_factor_only(unit):
    trace = simulated(points=50)
    one, two = fit(trace, TRUE), fit(Trace(trace.t, trace.signal * unit))
    factors = np.array([unit, 1, 1 / unit, 1 / unit / unit, unit])
    np.testing.assert_allclose(np.array(two.values), np.array(one.values) * factors, rtol=1e-6)
    np.testing.assert_allclose(two.stderr, np.array(one.stderr) * factors, rtol=1e-6)


@pytest.mark.parametrize(("unit", "second"), [(1e-98, 1e-299), (1e96, 1e290), (1e-102, 1e-300)])
def test_units_whose_rates_no_number_holds_are_refused(unit, second):
    trace = simulated(points=20)
    trace = Trace(trace.t * second, trace.signal * unit)
    for action in (guesses.suggest, fit, lambda trace: fit_series([trace])):
        with pytest.raises(ValueError, match=r"no number holds|must be finite"):
            action(trace)


def test_one_name_need_not_stand_in_a_list():
    trace = simulated(points=20)
    assert fit(trace, TRUE, fixed="k1").status.k1 == "fixed"
    assert fit_series([trace], TRUE, fixed="k1").status[:2] != ("fixed", "fixed")
    assert fit_series([trace], TRUE, fixed="k1").status[1] == "fixed"


def test_signals_at_the_edge_of_what_numbers_hold():
    assert fit(Trace([0, 1, 2], [2e-308, 1e-308, 0]), [0, 1, 0, 0]).converged
    with pytest.raises(ValueError, match="too large"):
        fit(Trace([0, 1, 2], [1e300, 1e299, 1e298]), [0, 1, 0, 0])


def test_residuals_keep_their_sign_and_time_counts_from_the_first_point():
    trace = simulated()
    late = Trace(trace.t + 37.0, trace.signal)
    result = fit(late)
    np.testing.assert_allclose(result.residuals, late.signal - result.curve())
    assert result.curve([37.0])[0] == result.n0
    assert result.residuals.min() < 0 < result.residuals.max()
    assert result.rmse == pytest.approx(np.sqrt(np.mean(result.residuals**2)))


def test_mistakes_are_named():
    trace = simulated(points=20)
    with pytest.raises(ValueError, match="k4"):
        fit(trace, TRUE, fixed=["k4"])
    with pytest.raises(ValueError, match="soft_l1"):
        fit(trace, TRUE, loss="square")
    with pytest.raises(ValueError, match="k1 = -1"):
        fit(trace, [0, -1, 0, 0])


def test_automatic_guess_is_near_the_truth_in_any_unit():
    for unit, second in ((1, 1), (1e16, 1e-9), (1e-9, 1e6)):
        trace = simulated(noise=0.001)
        trace = Trace(trace.t * second, trace.signal * unit)
        found = guesses.suggest(trace)
        assert found.k1 * second == pytest.approx(1e-2, rel=0.3)
        assert found.k2 * second * unit == pytest.approx(1e-3, rel=0.1)


def test_automatic_guess_respects_what_is_known():
    trace = simulated(noise=0.001)
    assert guesses.suggest(trace, fixed={"k1": 0.0}).k1 == 0.0
    around = guesses.suggest(trace, fixed={"k3": 1.1e-7, "G": 0.0})
    assert around.k3 == pytest.approx(1.1e-7)
    assert around.k1 == pytest.approx(1e-2, rel=0.2)
    with pytest.raises(ValueError, match=r"^trace: 2 points"):
        guesses.suggest(Trace([0, 1], [2, 1]))
    with pytest.raises(ValueError, match=r"^trace 'short': 2 points.*at least 3"):
        guesses.suggest(Trace([0, 1], [2, 1], name="short"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1e300)] * 4), max_size=5))
def test_guess_file_gives_back_every_digit(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("guesses") / "guesses.json"
    kept = [Rates(*four) for four in numbers]
    guesses.save(kept, path)
    assert guesses.load(path) == kept


def test_guess_files_that_are_none_are_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="02_tune_guesses"):
        guesses.load(tmp_path / "missing.json")
    path = tmp_path / "broken.json"
    values = ("-1", "true", '"1"', "null", "NaN", "1e400", "1" + "0" * 400, '1, "G": 2')
    one_wrong = [f'{{"guesses": [{{"G": {value}, "k1": 0, "k2": 0, "k3": 0}}]}}' for value in values]
    for text in ("", "[]", '{"guesses": {}}', '{"guesses": [{"G": 1}]}', "[" * 50_000, *one_wrong):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"broken\.json"):
            guesses.load(path)


def test_a_guess_file_may_begin_with_the_mark_of_its_encoding(tmp_path):
    path = guesses.save(guesses.ORIGINAL, tmp_path / "guesses.json")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert guesses.load(path) == list(guesses.ORIGINAL)


@pytest.mark.parametrize("guess", [(0, 1, 0), (0, 1, 0, 0, 0), 1.0, None])
def test_a_guess_of_other_than_four_numbers_is_refused(guess):
    trace = simulated()
    with pytest.raises(ValueError, match="give the four numbers G, k1, k2, k3"):
        kinetics.solve(trace.t, 1.0, guess)
    if guess is not None:
        with pytest.raises(ValueError, match="give the four numbers"):
            fit(trace, guess)


def test_what_is_known_in_a_guess_must_be_a_rate():
    with pytest.raises(ValueError, match="K1"):
        guesses.suggest(simulated(), fixed={"K1": 3})
