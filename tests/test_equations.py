"""Equations of the user's own: solved, fitted, and never a crash."""

import re
import warnings

import numpy as np
import pytest

from helpers import kinetics, records
from helpers.fitting import fit
from helpers.kinetics import Equation, Rates, integration
from helpers.measurement import Measurement, Observable, Quantity
from helpers.traces import Trace


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def cubic(t, n, args):
    G, k1, k2, k3 = args
    return G - k1 * n - k2 * n**2 - k3 * n**3


CUBIC = Equation(cubic, ["G", "k1", "k2", "k3"], orders={"G": 0, "k1": 1, "k2": 2, "k3": 3})


def trapping(t, n, args):
    """Free and trapped electrons: capture, release, and recombination of both with the holes."""
    free, trapped = n
    capture, release, radiative = args
    return [
        -capture * free + release * trapped - radiative * free * (free + trapped),
        capture * free - release * trapped,
    ]


def decay(t, n, args):
    return -args[0] * n


def noisy(t, n, noise=0.003, seed=0):
    return Trace(t, n * (1 + noise * np.random.default_rng(seed).normal(size=len(t))))


def exponential(points=30, end=3.0):
    t = np.linspace(0, end, points)
    return Trace(t, np.exp(-t))


def known(trace, n0, **options):
    return Measurement(trace, n0=Quantity(n0, "fixed"), **options)


class TestSolutions:
    def test_the_cubic_law_agrees_with_its_exact_solution(self):
        t = np.array([0.0, 3.0, 0.1, 50.0, 3.0])
        exact = kinetics.solve(t, 500.0, Rates(0.1, 1e-2, 1e-3, 1e-6))
        found = integration.solve(cubic, t, 500.0, [0.1, 1e-2, 1e-3, 1e-6])
        np.testing.assert_allclose(found, exact, rtol=1e-6)

    def test_stiff_system_of_robertson(self):
        """Robertson's reactions, the classic stiff test; Hairer & Wanner (1996), section IV.10."""

        def robertson(t, y, k):
            a, b, c = y
            forth, back, burn = k[0] * a, k[1] * b * c, k[2] * b * b
            return [-forth + back, forth - back - burn, burn]

        y = integration.solve(robertson, [40.0], [1.0, 0.0, 0.0], [0.04, 1e4, 3e7])
        np.testing.assert_allclose(y[0], [0.7158270688, 9.185534765e-6, 0.2841637457], rtol=1e-5)

    def test_a_driven_equation_sees_the_time(self):
        y = integration.solve(lambda t, n, a: a[0] * np.cos(t), [0.0, np.pi / 2], 0.0, [2.0])
        np.testing.assert_allclose(y, [0, 2], atol=1e-7)

    @pytest.mark.parametrize("unit", [1e-30, 1e-20, 1e-6, 1.0, 1e20])
    def test_closed_forms_in_any_unit(self, unit):
        """Filled from zero by a constant and by a rising drive, and logistic growth."""
        t = np.linspace(0.1, 10, 50)
        filled = integration.solve(lambda t, n, a: unit - n, t, 0.0, [])
        np.testing.assert_allclose(filled, -unit * np.expm1(-t), rtol=1e-8)
        driven = integration.solve(lambda t, n, a: unit * t - n, t, 0.0, [])
        np.testing.assert_allclose(driven, unit * (t + np.expm1(-t)), rtol=1e-8)
        grown = integration.solve(lambda t, n, a: n * (1 - n / unit), t, 1e-3 * unit, [])
        np.testing.assert_allclose(grown, unit / (1 + 999 * np.exp(-t)), rtol=1e-7)

    def test_late_values_of_a_decay_keep_their_digits(self):
        t = np.linspace(0, 30, 61)
        np.testing.assert_allclose(integration.solve(decay, t, 5.0, [1.0]), 5 * np.exp(-t), rtol=1e-6)

    def test_states_of_very_different_size_are_each_accurate(self):
        def chain(t, y, a):
            return [-y[0], 1e-20 * y[0] - 2 * y[1], 1e30 * y[1]]

        t = np.linspace(0.1, 10, 50)
        once, twice = np.exp(-t), np.exp(-2 * t)
        wanted = [once, 1e-20 * (once - twice), 1e10 * (0.5 - once + 0.5 * twice)]
        found = integration.solve(chain, t, [1.0, 0.0, 0.0], [])
        np.testing.assert_allclose(found.T, wanted, rtol=1e-8)

    def test_a_state_that_is_nothing_but_rounding_is_solved_all_the_same(self):
        """The rate −n + ((1 + n) − 1 − n) leaves rounding of 1e-16 when n has gone."""
        t = np.linspace(0, 100, 50)
        found = integration.solve(lambda t, n, a: -n + ((1 + n) - 1 - n), t, 1.0, [])
        np.testing.assert_allclose(found, np.exp(-t), atol=1e-8)

    @pytest.mark.parametrize("start", [0.0, 1.0])
    @pytest.mark.parametrize("place", [0.5, 0.4737])
    @pytest.mark.parametrize(("width", "max_step"), [(1e-2, None), (3e-3, None), (1e-4, 1e-4)])
    def test_a_short_pulse_in_an_idle_stretch_is_seen(self, start, place, width, max_step):
        def pulse(t, n, a):
            return np.exp(-0.5 * ((t - place) / width) ** 2) / (width * np.sqrt(2 * np.pi))

        end = integration.solve(pulse, [1.0], start, [], max_step=max_step)
        assert end[0] == pytest.approx(start + 1, rel=1e-6)


class TestFits:
    @pytest.mark.parametrize("scale", [1.0, 1e16])
    def test_a_guess_of_zero_and_any_unit_give_the_exact_fit(self, scale):
        """G and, in the second unit, rates far from 1 need difference steps that the solution feels."""
        t = np.linspace(0, 300, 150)
        trace = noisy(t, kinetics.solve(t, 600.0, Rates(0, 1e-2, 1e-3, 1.1e-7)) * scale)
        powers = np.array([scale, 1, 1 / scale, 1 / scale**2])
        found = fit(trace, np.array([0, 1e-3, 0.5e-3, 1.2e-7]) * powers, law=CUBIC)
        wanted = fit(trace, fixed=())
        assert found.converged
        assert found.cost == pytest.approx(wanted.cost, rel=1e-5)
        for name in ("k1", "k2"):
            assert found.values[name] == pytest.approx(wanted.values[name], rel=0.01)
            error = wanted.conditional_stderr[name]  # beside a rate on its bound no other one is shown
            assert found.conditional_stderr[name] == pytest.approx(error, rel=0.05)

    def test_two_states_of_which_one_is_seen(self):
        t = np.linspace(0, 100, 200)
        truth = [0.1, 0.02, 0.05]
        trace = noisy(t, integration.solve(trapping, t, [1.0, 0.0], truth)[:, 0])
        law = Equation(trapping, ["kt", "kd", "k2"], states=2)
        found = fit(known(trace, 1.0), [0.3, 0.005, 0.2], law=law)
        assert found.converged
        assert (np.abs(found.values[:3] - truth) < 4 * found.stderr[:3]).all()
        assert found.status["n0"] == "fixed"

    def test_the_longest_step_is_handed_on(self):
        """The default step passes over a drive that is this short; no argument then fits it."""

        def pulse(t, n, a):
            return a[0] * np.exp(-0.5 * ((t - 0.5037) / 1e-4) ** 2) - n

        t = np.linspace(0, 1, 21)
        trace = Trace(t, integration.solve(pulse, t, 1.0, [2000.0], max_step=1e-4))
        found = fit(known(trace, 1.0), [1000.0], law=Equation(pulse, ["height"], max_step=1e-4))
        assert found.values["height"] == pytest.approx(2000, rel=1e-4)
        assert fit(known(trace, 1.0), [1000.0], law=Equation(pulse, ["height"])).cost > 1e3 * found.cost

    def test_differences_stay_within_the_bound(self):
        """A power of n that ends on its bound 1 is never tried below it, not for its derivative either."""
        tried = []

        def power(t, n, a):
            tried.append(a[1])
            return -a[0] * n ** a[1]

        t = np.linspace(0, 3, 30)
        trace = Trace(t, integration.solve(power, t, 1.0, [0.5, 0.7]))
        tried.clear()
        found = fit(trace, [1.0, 1.5], law=Equation(power, ["k", "power"], lower=[0, 1]))
        assert found.status["power"] == "bound"
        assert min(tried) == 1

    def test_arguments_are_held_by_name(self):
        t = np.linspace(0, 3, 30)
        trace = noisy(t, 2 * np.exp(-t))
        alike = Measurement(trace, noise="even")
        held = fit(alike, [0, 0.5, 0.1, 0], law=CUBIC, fixed=["G", "k3"])
        assert list(held.values[["G", "k3"]]) == [0, 0]
        assert held.parameters == 4  # k1, k2, n0 and the unknown noise
        assert fit(trace, [0, 0.5, 0, 0], law=CUBIC, fixed="k1").values["k1"] == 0.5
        law = Equation(cubic, ["G", "k1", "k2", "k3"], held="G")
        assert fit(trace, [0, 0.5, 0.1, 0], law=law).status["G"] == "fixed"

    def test_an_unbounded_argument_may_change_its_sign(self):
        t = np.linspace(0, 3, 60)
        trace = noisy(t, np.exp(0.4 * t))
        law = Equation(lambda t, n, a: a[0] * n, ["gain"], lower=-np.inf)
        assert fit(trace, [-0.3], law=law).values["gain"] == pytest.approx(0.4, abs=0.01)

    @pytest.mark.parametrize(
        ("scale", "start"), [(1.0, 0.0), (1.0, 1e-3), (1.0, -5.0), (1e16, 0.0), (1e16, 1.0), (1e16, -1e10)]
    )
    def test_an_argument_of_any_sign_goes_as_far_as_it_must(self, scale, start):
        """A decay towards −0.2, in units in which the argument is 1e15 times its start."""
        t = np.linspace(0, 5, 100)
        trace = Trace(t, scale * (1.2 * np.exp(-0.5 * t) - 0.2))
        law = Equation(lambda t, n, a: a[0] - a[1] * n, ["drift", "k1"], lower=[-np.inf, 0])
        found = fit(trace, [start, 1.0], law=law)
        assert found.converged
        np.testing.assert_allclose(found.values[["drift", "k1"]], [-0.1 * scale, 0.5], rtol=1e-4)

    def test_bounded_and_signed_arguments_together(self):
        """With the signed one eliminated, the bounded one still ends exactly on its bound."""
        t = np.linspace(0, 5, 60)
        trace = Trace(t, np.exp(-t) + 0.01 * np.sin(9 * t))
        law = Equation(lambda t, n, a: a[0] - n - a[1] * n**3, ["drift", "k3"], lower=[-np.inf, 0])
        found = fit(known(trace, 1.0), [0.5, 0.5], law=law)
        assert found.converged
        assert found.values["k3"] == 0
        assert found.status["k3"] == "bound"
        assert abs(found.values["drift"]) < 4 * found.conditional_stderr["drift"]

    def test_trial_points_that_run_away_are_bad_points_not_crashes(self):
        """Gain above loss explodes within the trace; the search must turn back from there and arrive."""
        t = np.linspace(0, 10, 60)

        def gain(t, n, k):
            return k[0] * n**2 - k[1] * n

        trace = noisy(t, integration.solve(gain, t, 1.0, [0.05, 0.4]))
        found = fit(known(trace, 1.0), [0.3, 0.5], law=Equation(gain, ["gain", "loss"]))
        assert found.converged
        assert found.values["loss"] == pytest.approx(0.4, abs=0.05)


def divides(t, n, k):
    return 1 / 0 if t > 0.5 else -n


def undefined(t, n, k):
    return np.nan if t > 0.5 else -n


def explodes(t, n, k):
    return k[0] * n**2


def complex_rate(t, n, k):
    return -((-1.0 - n) ** 0.5)


class TestFaultsOfTheFunction:
    @pytest.mark.parametrize(
        ("broken", "words"),
        [
            (divides, r"ZeroDivisionError \(division by zero\) at t = 0\.5\d*, n = 0\.\d+, args = \[3\]"),
            (undefined, r"returned nan at t = 0\.5\d*, n = 0\.\d+, args = \[3\]"),
            (explodes, r"returned inf at t = 0\.33\d*, n = \d\.\d*e\+\d+, args = \[3\]"),
            (complex_rate, r"complex rate at t = 0, n = 1, args = \[3\]"),
            (lambda t, n, k: np.nan, r"returned nan, which is not finite, at t = 0, n = 1"),
            (lambda t, n, k: 1 / (n - 1.0), r"ZeroDivisionError .* at t = 0, n = 1"),
        ],
    )
    def test_a_start_that_cannot_be_solved_is_no_crash_and_names_function_error_and_values(
        self, broken, words
    ):
        found = fit(exponential(20, 5.0), [3.0], law=Equation(broken, ["k"]))
        assert not found.converged
        assert np.isnan(found.rmse)
        begins = f"the model cannot be computed at the start: the equation '{broken.__name__}' "
        assert found.message.startswith(begins)
        assert re.search(words, found.message)

    def test_several_states_are_all_shown(self):
        law = Equation(lambda t, n, k: [n[0] / 0, 1.0], ["a", "b"], states=2)
        found = fit(known(exponential(), 2.0), [1.0, 3.0], law=law)
        assert "at t = 0, n = [2, 0], args = [1, 3]" in found.message

    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (lambda n: n * np.nan, "the signal is nan at t = 0; change the observable or the guess"),
            (
                lambda n: n * (1 / 0),
                "ZeroDivisionError (division by zero) in '<lambda>'; change that function",
            ),
        ],
    )
    def test_an_observable_that_cannot_be_computed_is_told_too(self, function, words):
        measurement = Measurement(exponential(), observable=Observable("own", function=function), n0=1.0)
        found = fit(measurement, [3.0], law=Equation(decay, ["k"]))
        assert found.message.startswith(f"the model cannot be computed at the start: {words}")

    def test_what_returns_the_wrong_thing_is_told_what_is_wanted(self):
        trace = exponential()
        with pytest.raises(ValueError, match="returned None; end the function with `return`"):
            fit(trace, [1.0], law=Equation(lambda t, n, a: None, ["k"]))
        with pytest.raises(ValueError, match=r"returned \[None\] for 1 states"):
            fit(trace, [1.0], law=Equation(lambda t, n, a: [None], ["k"]))
        with pytest.raises(ValueError, match="one rate for each"):
            integration.solve(lambda t, n, a: [0.0], [1.0], [1.0, 2.0], [])

    def test_a_slip_in_the_function_is_shown_as_it_is(self):
        with pytest.raises(NameError):
            fit(exponential(), [1.0], law=Equation(lambda t, n, a: undefined_name * n, ["k"]))  # noqa: F821
        with pytest.raises(
            ValueError, match=r"'<lambda>' raised ValueError .* at t = 0, n = 1, args = \[1\]"
        ):
            fit(exponential(), [1.0], law=Equation(lambda t, n, a: np.ones(2) @ np.ones(3), ["k"]))

    @pytest.mark.parametrize("returned", [None, 1.0, 1j])
    def test_an_observable_returns_one_real_number_for_each_time(self, returned):
        seen = Observable("own", function=lambda n: returned if returned != 1j else n + 1j)
        measurement = Measurement(exponential(), observable=seen, n0=1.0)
        with pytest.raises(ValueError, match="one real number for each time"):
            fit(measurement, [1.0], law=Equation(decay, ["k"]))

    def test_a_rate_that_is_not_finite_at_the_beginning_is_refused(self):
        with pytest.raises(ArithmeticError, match="not finite"):
            integration.solve(lambda t, n, a: np.nan, [1.0], 0.0, [])


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"f": 5}, r"f = 5: give the function f\(t, n, args\)"),
            ({"names": ["k", "k"]}, "no two alike"),
            ({"names": 5}, "names = 5: give names"),
            ({"names": ["n0"]}, "stand for the measurement"),
            ({"states": 1.5}, r"states = 1\.5: give the number of states"),
            ({"states": 0}, "states = 0"),
            ({"states": True}, "states = True"),
            ({"excited": 1}, "excited = 1: name states from 0 to 0"),
            ({"excited": 0.5}, r"excited = 0\.5: name states"),
            ({"excited": ()}, r"excited = \(\): name states"),
            ({"dark": [1, 2]}, "one finite number for each of 1 states"),
            ({"dark": "a"}, "dark = 'a': give numbers"),
            ({"lower": np.nan}, "lower = nan: give one bound"),
            ({"lower": "a"}, "lower = 'a': give numbers"),
            ({"lower": [0, 0]}, "one for each of k"),
            ({"max_step": -1}, "max_step = -1: the longest step must be positive"),
            ({"max_step": 0}, "longest step must be positive"),
            ({"max_step": "a"}, "longest step must be positive"),
            ({"orders": {"k": "two"}}, "'two' is no number of carriers"),
            ({"orders": 2}, "orders = 2: give one for each argument by its name"),
            ({"held": ["k9"]}, r"held = \['k9'\]: the arguments are k"),
            ({"droppable": 5}, "droppable = 5: give names"),
        ],
    )
    def test_they_are_checked_in_one_sentence(self, options, words):
        options = {"f": decay, "names": ["k"]} | options
        with pytest.raises(ValueError, match=words):
            Equation(options.pop("f"), options.pop("names"), **options)

    def test_numbers_of_numpy_are_numbers(self):
        law = Equation(decay, "k", states=np.int64(1), excited=np.int32(0), max_step=np.float32(0.1))
        assert (law.states, law.excited) == (1, (0,))

    @pytest.mark.parametrize(
        ("guess", "words"),
        [
            ([0, 1], "give 4 numbers, for G, k1, k2, k3"),
            ([0, -1, 0, 0], "k1 = -1.*not below 0"),
            ({"k1": 1.0}, "give a guess for G, k2, k3"),
        ],
    )
    def test_a_guess_has_one_number_within_its_bound_for_each(self, guess, words):
        with pytest.raises(ValueError, match=words):
            fit(exponential(), guess, law=CUBIC)

    def test_a_single_number_is_the_guess_of_a_single_argument(self):
        assert fit(exponential(), 2.0, law=Equation(decay, ["k"])).values["k"] == pytest.approx(1)


class TestSourceHash:
    @pytest.mark.parametrize(
        "change", [{"excited": 1}, {"excited": (0, 1)}, {"dark": [0.0, 0.1]}, {"dark": lambda args: args[:2]}]
    )
    def test_another_dark_or_excited_state_is_another_law(self, change, tmp_path):
        plain = {"states": 2, "excited": 0, "dark": [0.0, 0.0]}
        law = Equation(trapping, ["kt", "kd", "k2"], **plain)
        other = Equation(trapping, ["kt", "kd", "k2"], **plain | change)
        assert law.source_hash == Equation(trapping, ["kt", "kd", "k2"], states=2).source_hash
        assert law.source_hash != other.source_hash
        t = np.linspace(0, 20, 40)
        trace = noisy(t, integration.solve(trapping, t, [1.0, 0.0], [0.1, 0.02, 0.05])[:, 0])
        found = fit(known(trace, 1.0), [0.1, 0.02, 0.05], law=law, max_evaluations=1)
        record = records.load(records.save(found, tmp_path / "mine.par"))
        assert record.on(found.measurement, law).cost == pytest.approx(found.cost)
        with pytest.raises(ValueError, match="fit again"):
            record.on(found.measurement, other)

    def test_the_number_of_states_is_part_of_it(self):
        one, two = (Equation(decay, ["k"], states=states, dark=lambda args: args) for states in (1, 2))
        assert one.source_hash != two.source_hash
