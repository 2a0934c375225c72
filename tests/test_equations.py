"""Equations of the user's own: solved, fitted, and never a crash."""

import warnings

import numpy as np
import pytest

from helpers import equations, fitting, kinetics
from helpers.kinetics import Rates
from helpers.traces import Trace


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def cubic(t, n, args):
    G, k1, k2, k3 = args
    return G - k1 * n - k2 * n**2 - k3 * n**3


def trapping(t, n, args):
    """Free and trapped electrons: capture, release, and recombination of both with the holes."""
    free, trapped = n
    capture, release, radiative = args
    return [
        -capture * free + release * trapped - radiative * free * (free + trapped),
        capture * free - release * trapped,
    ]


def noisy(t, n, noise=0.003, seed=0):
    return Trace(t, n * (1 + noise * np.random.default_rng(seed).normal(size=len(t))))


def test_cubic_law_agrees_with_its_exact_solution():
    t = np.array([0.0, 3.0, 0.1, 50.0, 3.0])
    exact = kinetics.solve(t, 500.0, Rates(0.1, 1e-2, 1e-3, 1e-6))
    np.testing.assert_allclose(equations.solve(cubic, t, 500.0, [0.1, 1e-2, 1e-3, 1e-6]), exact, rtol=1e-6)


def test_stiff_system_of_robertson():
    """Robertson's reactions, the classic stiff test; values from Hairer & Wanner (1996), section IV.10."""

    def robertson(t, y, k):
        a, b, c = y
        forth, back, burn = k[0] * a, k[1] * b * c, k[2] * b * b
        return [-forth + back, forth - back - burn, burn]

    y = equations.solve(robertson, [40.0], [1.0, 0.0, 0.0], [0.04, 1e4, 3e7])
    np.testing.assert_allclose(y[0], [0.7158270688, 9.185534765e-6, 0.2841637457], rtol=1e-5)


def test_driven_equation_sees_the_time():
    y = equations.solve(lambda t, n, a: a[0] * np.cos(t), [0.0, np.pi / 2], 0.0, [2.0])
    np.testing.assert_allclose(y, [0, 2], atol=1e-7)


@pytest.mark.parametrize("unit", [1e-30, 1e-20, 1e-6, 1.0, 1e20])
def test_closed_forms_in_any_unit(unit):
    """Filled from zero by a constant and by a rising drive, and logistic growth."""
    t = np.linspace(0.1, 10, 50)
    filled = equations.solve(lambda t, n, a: unit - n, t, 0.0, [])
    np.testing.assert_allclose(filled, -unit * np.expm1(-t), rtol=1e-8)
    driven = equations.solve(lambda t, n, a: unit * t - n, t, 0.0, [])
    np.testing.assert_allclose(driven, unit * (t + np.expm1(-t)), rtol=1e-8)
    grown = equations.solve(lambda t, n, a: n * (1 - n / unit), t, 1e-3 * unit, [])
    np.testing.assert_allclose(grown, unit / (1 + 999 * np.exp(-t)), rtol=1e-7)


def test_late_values_of_a_decay_keep_their_digits():
    t = np.linspace(0, 30, 61)
    np.testing.assert_allclose(equations.solve(lambda t, n, a: -n, t, 5.0, []), 5 * np.exp(-t), rtol=1e-6)


def test_states_of_very_different_size_are_each_accurate():
    def chain(t, y, a):
        return [-y[0], 1e-20 * y[0] - 2 * y[1], 1e30 * y[1]]

    t = np.linspace(0.1, 10, 50)
    once, twice = np.exp(-t), np.exp(-2 * t)
    wanted = [once, 1e-20 * (once - twice), 1e10 * (0.5 - once + 0.5 * twice)]
    found = equations.solve(chain, t, [1.0, 0.0, 0.0], [])
    np.testing.assert_allclose(found.T, wanted, rtol=1e-8)


def test_state_that_is_nothing_but_rounding_is_solved_all_the_same():
    """The rate −n + ((1 + n) − 1 − n) leaves rounding of 1e-16 when n has gone."""
    t = np.linspace(0, 100, 50)
    found = equations.solve(lambda t, n, a: -n + ((1 + n) - 1 - n), t, 1.0, [])
    np.testing.assert_allclose(found, np.exp(-t), atol=1e-8)


@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize(("width", "max_step"), [(1e-2, None), (3e-3, None), (1e-4, 1e-4)])
def test_short_pulse_in_an_idle_stretch_is_seen(start, width, max_step):
    def pulse(t, n, a):
        return np.exp(-0.5 * ((t - 0.5) / width) ** 2) / (width * np.sqrt(2 * np.pi))

    end = equations.solve(pulse, [1.0], start, [], max_step=max_step)
    assert end[0] == pytest.approx(start + 1, rel=1e-6)


def test_fit_hands_the_longest_step_on():
    def pulse(t, n, a):
        return a[0] * np.exp(-0.5 * ((t - 0.5) / 1e-4) ** 2) - n

    t = np.linspace(0, 1, 21)
    trace = Trace(t, equations.solve(pulse, t, 1.0, [2000.0], max_step=1e-4))
    found = equations.fit(pulse, trace, [1000.0], n0=1.0, fit_n0=False, max_step=1e-4)
    assert found.args[0] == pytest.approx(2000, rel=1e-4)
    with pytest.raises(ValueError, match="longest step must be positive"):
        equations.fit(pulse, trace, [1000.0], max_step=0)


def test_functions_that_return_the_wrong_thing_are_told_what_is_wanted():
    t = np.linspace(0, 3, 30)
    trace = Trace(t, np.exp(-t))
    with pytest.raises(ValueError, match="returned None; end the function with `return`"):
        equations.fit(lambda t, n, a: None, trace, [1.0])
    with pytest.raises(ValueError, match="observe returned None; return one real number"):
        equations.fit(lambda t, n, a: -n, trace, [1.0], observe=lambda n: None)
    with pytest.raises(ValueError, match=r"shape \(\) from n of shape \(30,\).*30 times"):
        equations.fit(lambda t, n, a: -n, trace, [1.0], observe=lambda n: n.sum())


@pytest.mark.parametrize("scale", [1.0, 1e16])
def test_fit_of_the_cubic_law_equals_the_exact_fit(scale):
    """From the origin's guess, with a zero in it, in the sample's units and in cm^-3."""
    t = np.linspace(0, 300, 150)
    n = kinetics.solve(t, 600.0, Rates(0, 1e-2, 1e-3, 1.1e-7)) * scale
    trace = noisy(t, n)
    powers = np.array([scale, 1, 1 / scale, 1 / scale**2])
    found = equations.fit(cubic, trace, np.array([0, 1e-3, 0.5e-3, 1.2e-7]) * powers)
    wanted = fitting.fit(trace)
    assert found.converged
    assert found.cost == pytest.approx(wanted.cost, rel=1e-5)
    np.testing.assert_allclose(found.args[1:3], list(wanted.rates)[1:3], rtol=0.01)
    np.testing.assert_allclose(found.stderr[1:3], [wanted.stderr.k1, wanted.stderr.k2], rtol=0.05)


def test_two_states_of_which_one_is_seen():
    t = np.linspace(0, 100, 200)
    truth = [0.1, 0.02, 0.05]
    trace = noisy(t, equations.solve(trapping, t, [1.0, 0.0], truth)[:, 0])
    found = equations.fit(trapping, trace, [0.3, 0.005, 0.2], n0=[1.0, 0.0], names=["kt", "kd", "k2"])
    assert found.converged
    assert (np.abs(found.args - truth) < 4 * found.stderr[:3]).all()
    assert np.isnan(found.stderr[3:]).all()


def test_signal_may_be_a_function_of_the_states():
    t = np.linspace(0, 20, 80)
    trace = Trace(t, kinetics.solve(t, 2.0, Rates(k1=0.1, k2=0.3)) ** 2)

    def mixed(t, n, k):
        return -k[0] * n - k[1] * n**2

    found = equations.fit(mixed, trace, [0.5, 0.5], n0=2.0, fit_n0=False, observe=lambda n: n**2)
    np.testing.assert_allclose(found.args, [0.1, 0.3], rtol=1e-4)


def test_fixed_argument_and_named_mistakes():
    t = np.linspace(0, 3, 30)
    trace = noisy(t, 2 * np.exp(-t))
    held = equations.fit(cubic, trace, [0, 0.5, 0.1, 0], names=["G", "k1", "k2", "k3"], fixed=["G", "k3"])
    assert held.args[0] == held.args[3] == 0
    assert held.parameters == 3
    alone = equations.fit(cubic, trace, [0, 0.5, 0, 0], names=["G", "k1", "k2", "k3"], fixed="k1")
    assert alone.args[1] == 0.5
    with pytest.raises(ValueError, match="k9"):
        equations.fit(cubic, trace, [0, 1, 0, 0], names=["G", "k1", "k2", "k3"], fixed=["k9"])
    with pytest.raises(ValueError, match="2 names for 4"):
        equations.fit(cubic, trace, [0, 1, 0, 0], names=["G", "k1"])
    with pytest.raises(ValueError, match="k1 must be finite"):
        equations.fit(cubic, trace, [0, -1, 0, 0], names=["G", "k1", "k2", "k3"])
    with pytest.raises(ValueError, match="one rate for each"):
        equations.solve(lambda t, n, a: [0.0], [1.0], [1.0, 2.0], [])
    with pytest.raises(NameError):  # a slip in the user's own function is shown as it is
        equations.fit(lambda t, n, a: undefined_name * n, trace, [1.0])  # noqa: F821


def test_unbounded_argument_may_change_its_sign():
    t = np.linspace(0, 3, 60)
    trace = noisy(t, np.exp(0.4 * t))
    found = equations.fit(lambda t, n, a: a[0] * n, trace, [-0.3], lower=-np.inf)
    assert found.args[0] == pytest.approx(0.4, abs=0.01)


def test_trial_points_that_run_away_are_bad_points_not_crashes():
    """Gain above loss explodes within the trace; the search must turn back from there and still arrive."""
    t = np.linspace(0, 10, 60)

    def gain(t, n, k):
        return k[0] * n**2 - k[1] * n

    trace = noisy(t, equations.solve(gain, t, 1.0, [0.05, 0.4]))
    found = equations.fit(gain, trace, [0.3, 0.5], n0=1.0, fit_n0=False)
    assert found.converged
    assert found.args[1] == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    "broken",
    [
        lambda t, n, k: k[0] * n**2,  # infinite before the trace ends
        lambda t, n, k: 1 / 0 if t > 0.5 else -n,
        lambda t, n, k: np.nan if t > 0.5 else -n,
        lambda t, n, k: -((-1.0 - n) ** 0.5),  # complex
    ],
)
def test_start_that_cannot_be_solved_is_reported(broken):
    t = np.linspace(0, 5, 20)
    found = equations.fit(broken, Trace(t, np.exp(-t)), [3.0])
    assert not found.converged
    assert "start" in found.message
    assert np.isnan(found.rmse)


def test_rate_that_is_not_finite_at_the_beginning_is_refused():
    with pytest.raises(ArithmeticError, match="not finite"):
        equations.solve(lambda t, n, a: np.nan, [1.0], 0.0, [])


def test_aicc_by_hand():
    trace = Trace(np.arange(10.0), np.ones(10))
    assert equations.aicc(trace, 0.5, 2) == pytest.approx(10 * np.log(0.1) + 6 + 24 / 6)
    known = Trace(np.arange(10.0), np.ones(10), np.ones(10))
    assert equations.aicc(known, 4.0, 2) == pytest.approx(8 + 4 + 12 / 7)
    assert equations.aicc(Trace([0, 1], [2, 1]), 0.5, 2) == np.inf


@pytest.mark.parametrize(
    ("scale", "start"), [(1.0, 0.0), (1.0, 1e-3), (1.0, -5.0), (1e16, 0.0), (1e16, 1.0), (1e16, -1e10)]
)
def test_argument_of_any_sign_goes_as_far_as_it_must(scale, start):
    """A decay towards −0.2, in units in which the argument is 1e15 times its start."""
    t = np.linspace(0, 5, 100)
    trace = Trace(t, scale * (1.2 * np.exp(-0.5 * t) - 0.2))
    found = equations.fit(lambda t, n, a: a[0] - a[1] * n, trace, [start, 1.0], lower=[-np.inf, 0])
    assert found.converged
    np.testing.assert_allclose(found.args, [-0.1 * scale, 0.5], rtol=1e-4)


def test_bounded_and_signed_arguments_together():
    """With the signed one eliminated, the bounded one still ends exactly on its bound."""
    t = np.linspace(0, 5, 60)
    trace = Trace(t, np.exp(-t) + 0.01 * np.sin(9 * t))
    found = equations.fit(
        lambda t, n, a: a[0] - n - a[1] * n**3, trace, [0.5, 0.5], lower=[-np.inf, 0], n0=1.0, fit_n0=False
    )
    assert found.converged
    assert found.args[1] == 0
    assert np.isnan(found.stderr[1])
    assert abs(found.args[0]) < 4 * found.stderr[0]


def test_bounds_and_returns_that_are_no_numbers_are_refused():
    t = np.linspace(0, 3, 30)
    trace = Trace(t, np.exp(-t))
    with pytest.raises(ValueError, match="a0 must be finite and >= its bound"):
        equations.fit(lambda t, n, a: -a[0] * n, trace, [1.0], lower=np.nan)
    with pytest.raises(ValueError, match=r"returned \[None\] for 1 states"):
        equations.fit(lambda t, n, a: [None], trace, [1.0])
    with pytest.raises(ValueError, match="one real number"):
        equations.fit(lambda t, n, a: -n, trace, [1.0], observe=lambda n: n + 0j)
    assert equations.fit(lambda t, n, a: -a[0] * n, trace, 2.0).args[0] == pytest.approx(1)
