"""The exact solution against closed forms, 60-digit references and the differential equation itself."""

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from reference import FILE, solution

from helpers.kinetics import (
    RateLaw,
    Rates,
    equilibrium,
    internal_quantum_yield,
    rate_terms,
    shares,
    solve,
    solve_with_jacobian,
)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


CASES = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: ",".join(f"{rate:.1g}" for rate in case["rates"]))
def test_solution_agrees_with_the_reference_of_60_digits(case):
    n, jacobian = solve_with_jacobian(case["t"], case["n0"], case["rates"])
    wanted = [mpf(value) for value in case["n"]]
    tiny = mpf(10) ** -290  # below it doubles lose digits whatever one does
    assert max(abs(mpf(float(a)) - b) / (b + tiny) for a, b in zip(n, wanted, strict=True)) < 1e-10
    slopes = np.array([[float(mpf(value)) for value in row] for row in case["jacobian"]])
    largest = np.abs(slopes).max(axis=0)
    # A derivative below 1e-40 is lost in the reference's own differences.
    assert (np.abs(jacobian - slopes).max(axis=0) <= 1e-9 * largest + 1e-40).all()


def test_reference_file_holds_what_its_script_computes():
    case = {key: value for key, value in CASES[5].items() if key not in ("n", "jacobian")}
    assert solution(case) == CASES[5]


def test_closed_forms():
    t = np.linspace(0, 8, 60)
    np.testing.assert_allclose(solve(t, 3.0, Rates(k1=0.7)), 3 * np.exp(-0.7 * t), rtol=1e-12)
    np.testing.assert_allclose(solve(t, 3.0, Rates(k2=0.7)), 3 / (1 + 2.1 * t), rtol=1e-12)
    np.testing.assert_allclose(solve(t, 3.0, Rates(k3=0.7)), 3 / np.sqrt(1 + 2 * 0.7 * 9 * t), rtol=1e-12)
    np.testing.assert_allclose(solve(t, 3.0, Rates(G=0.7)), 3 + 0.7 * t, rtol=1e-12)
    np.testing.assert_allclose(solve(t, 0.0, Rates(2.0, 0, 0.5)), 2 * np.tanh(t), rtol=1e-12, atol=1e-300)
    k1, k2 = 0.3, 1.1
    mixed = k1 * 3 * np.exp(-k1 * t) / (k1 + k2 * 3 * -np.expm1(-k1 * t))
    np.testing.assert_allclose(solve(t, 3.0, Rates(k1=k1, k2=k2)), mixed, rtol=1e-12)


def test_published_reference_densities():
    """PEARS' documented example: n after 0, 1 and 2 ns for k_T = 0.01 /ns, k_B = 5e-19 cm³/ns."""
    n = solve([0, 1, 2], 1e17, Rates(k1=0.01, k2=5e-19, k3=1e-40))
    np.testing.assert_allclose(n, [1e17, 9.43127550e16, 8.91893621e16], rtol=1e-8)


rate = st.one_of(st.just(0.0), st.floats(-6, 6).map(lambda power: 10**power))


@settings(max_examples=300, deadline=None)
@given(st.tuples(rate, rate, rate, rate), st.one_of(st.just(0.0), st.floats(1e-6, 1e3)), st.floats(1e-3, 1e3))
def test_solution_is_finite_monotone_and_bounded(rates, n0, span):
    t = span * np.linspace(0, 1, 50)
    n, jacobian = solve_with_jacobian(t, n0, rates)
    assert np.isfinite(n).all()
    assert np.isfinite(jacobian).all()
    end = equilibrium(rates)
    toward = np.sign(end - n0)
    assert (np.diff(n) * toward >= -1e-12 * np.abs(n[1:])).all()
    assert n.min() >= min(n0, end) * (1 - 1e-12)
    assert n.max() <= max(n0, end) * (1 + 1e-12)
    assert (jacobian[:, 0] >= 0).all()
    assert (jacobian[:, 4] >= 0).all()
    assert (jacobian[:, 1:4] <= 1e-12 * np.abs(jacobian[:, 1:4]).max(initial=1e-300)).all()


@settings(max_examples=100, deadline=None)
@given(st.tuples(rate, rate, rate, rate), st.floats(1e-3, 1e3), st.floats(-25, 25), st.floats(-12, 12))
def test_units_do_not_matter(rates, n0, density_power, time_power):
    unit, second = 10**density_power, 10**time_power
    t = np.linspace(0, 3, 20)
    G, k1, k2, k3 = rates
    other = Rates(G * unit / second, k1 / second, k2 / second / unit, k3 / second / unit**2)
    n = solve(t, n0, rates)
    np.testing.assert_allclose(solve(t * second, n0 * unit, other) / unit, n, rtol=1e-9)


def test_times_may_come_in_any_order_and_twice():
    t = np.array([3.0, 0.0, 1.0, 3.0, 2.0])
    rates = Rates(0.1, 0.2, 0.3, 0.4)
    n, jacobian = solve_with_jacobian(t, 2.0, rates)
    ordered, slopes = solve_with_jacobian(np.arange(4.0), 2.0, rates)
    np.testing.assert_allclose(n, ordered[t.astype(int)], rtol=1e-12)
    np.testing.assert_allclose(jacobian, slopes[t.astype(int)], rtol=1e-10, atol=1e-300)
    assert n[1] == 2.0
    assert jacobian[1].tolist() == [0, 0, 0, 0, 1]


def test_empty_and_single_times():
    assert solve([], 1.0, Rates(k1=1)).shape == (0,)
    assert solve_with_jacobian([0.0], 1.0, Rates(k1=1))[1].tolist() == [[0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    "call",
    [
        lambda: Rates(k1=-1e-30),
        lambda: Rates(G=math.nan),
        lambda: Rates(k3=math.inf),
        lambda: solve([0, 1], 1.0, (0, -1, 0, 0)),
        lambda: solve([0, -1e-9], 1.0, Rates(k1=1)),
        lambda: solve([0, math.nan], 1.0, Rates(k1=1)),
        lambda: solve([math.inf], 1.0, Rates(k1=1)),
        lambda: solve([1], -1.0, Rates(k1=1)),
        lambda: solve([1], math.nan, Rates(k1=1)),
        lambda: solve([1], 1e200, Rates(k3=1.0)),
    ],
)
def test_what_has_no_solution_is_refused_in_words(call):
    with pytest.raises(ValueError, match=r"must be finite|larger unit"):
        call()


def test_terms_and_shares():
    assert rate_terms([2.0, 3.0], Rates(1, 2, 3, 4)).tolist() == [[1, 1], [4, 6], [12, 27], [32, 108]]
    # Without generation what recombines is what is gone: the three integrals must add up to n0 − n(t).
    rates = Rates(k1=0.3, k2=2.0, k3=5.0)
    gone = 1.5 - solve([4.0], 1.5, rates)[0]
    t = np.linspace(0, 1, 200_001) ** 3 * 4
    by_trapping = np.trapezoid(0.3 * solve(t, 1.5, rates), t) / gone
    assert shares(4.0, 1.5, rates)[0] == pytest.approx(by_trapping, rel=1e-6)
    assert shares(4.0, 1.5, rates).sum() == pytest.approx(1)
    assert shares(4.0, 1.5, Rates(G=1)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("rates", [(0, 0.5, 0, 0), (0, 0.5, 0.2, 0.1), (0.3, 0.5, 0.2, 0.1)])
def test_the_density_in_the_dark_has_the_derivatives_of_its_differences(rates):
    law, rates = RateLaw(), np.array(rates, float)
    _, slopes = law.before(rates)
    for place in range(4):
        step = np.where(np.arange(4) == place, 1e-7, 0.0)
        expected = (equilibrium(rates + step) - equilibrium(np.maximum(rates - step, 0))) / (
            2e-7 if rates[place] else 1e-7
        )
        assert slopes[0, place] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_the_density_in_the_dark_of_pure_recombination_of_pairs_has_no_slope_that_is_no_number():
    assert np.isfinite(RateLaw().before(np.array([0, 0, 0.2, 0]))[1]).all()


def test_the_quantum_yield_has_its_limits_where_a_term_is_missing():
    assert internal_quantum_yield([0.0, 1.0, np.inf], (0, 1, 1, 0)).tolist() == [0.0, 0.5, 1.0]
    assert internal_quantum_yield([0.0, 1.0, np.inf], (0, 0, 1, 1)).tolist() == [1.0, 0.5, 0.0]
    assert internal_quantum_yield([0.0, np.inf], (0, 1, 0, 1)).tolist() == [0.0, 0.0]
