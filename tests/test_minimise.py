"""The search itself, on problems with known answers."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.optimize import least_squares

from helpers.fitting import Likelihood
from helpers.fitting.minimise import covariance, minimise, triangle_of


@dataclass
class Posed:
    """A problem of `count` parameters, all of them bounded at 0 and none linear."""

    count: int
    evaluate: object
    floor: float = 0.0
    signed: np.ndarray = field(init=False)
    linear: np.ndarray = field(init=False)

    def __post_init__(self):
        self.signed = self.linear = np.zeros(self.count, bool)

    def settle(self, x, free):
        return x


def posed(residuals, jacobian, count):
    def evaluate(x):
        r = residuals(x)
        return 0.5 * float(r @ r), triangle_of(jacobian(x), r)

    return Posed(count, evaluate)


def linear(matrix, target):
    return posed(lambda x: matrix @ x - target, lambda x: matrix, matrix.shape[1])


def test_linear_problem_is_solved_with_its_textbook_covariance():
    rng = np.random.default_rng(1)
    matrix, truth = rng.normal(size=(50, 3)), np.array([1.0, 2.0, 3.0])
    found = minimise(linear(matrix, matrix @ truth + 0.01 * rng.normal(size=50)), [5.0, 5.0, 5.0])
    assert found.converged
    np.testing.assert_allclose(found.x, truth, atol=0.02)
    wanted = np.linalg.inv(matrix.T @ matrix)
    np.testing.assert_allclose(covariance(found.triangle, [True] * 3), wanted, rtol=1e-10)


def test_a_bound_is_met_exactly():
    matrix = np.array([[1.0, 0.9], [0.0, 0.5], [0.3, 0.3]])
    found = minimise(linear(matrix, matrix @ np.array([1.0, -0.5])), [1.0, 1.0])
    assert found.converged
    assert found.x[1] == 0.0
    np.testing.assert_allclose(
        found.x[0], matrix[:, 0] @ (matrix @ [1, -0.5]) / (matrix[:, 0] @ matrix[:, 0])
    )


def test_a_signed_parameter_goes_below_zero_and_a_bounded_one_beside_it_does_not():
    matrix = np.random.default_rng(3).normal(size=(30, 3))
    problem = linear(matrix, matrix @ [-2.0, 1.0, -1.0])
    problem.signed = np.array([True, False, False])
    found = minimise(problem, [1.0, 1.0, 1.0])
    bounds = ([-np.inf, 0, 0], np.inf)
    wanted = least_squares(
        lambda x: matrix @ (x - [-2.0, 1.0, -1.0]), [1, 1, 1], bounds=bounds, xtol=1e-14, gtol=1e-14
    )
    assert found.converged
    assert found.x[2] == 0.0
    np.testing.assert_allclose(found.x, wanted.x, atol=1e-5)


def test_a_scale_and_a_background_of_any_sign_are_told_apart_where_they_differ_by_little():
    """A signal that falls by a thousandth in the window, and beside it a parameter with a bound."""
    t = np.linspace(0, 1, 40)
    matrix = np.column_stack([1 - 1e-3 * t, np.ones(40), t**2])
    data = matrix @ [-300.0, 299.0, 0.1] + 1e-6 * np.random.default_rng(1).standard_normal(40)
    problem = linear(matrix, data)
    problem.signed = np.array([True, True, False])
    found = minimise(problem, [1.0, 1.0, 1.0])
    assert found.converged
    np.testing.assert_allclose(found.x, np.linalg.lstsq(matrix, data)[0], rtol=1e-6)


def test_rosenbrock_from_afar():
    found = minimise(
        posed(
            lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]),
            lambda x: np.array([[-20 * x[0], 10], [-1, 0]]),
            2,
        ),
        [12.0, 0.0],
    )
    np.testing.assert_allclose(found.x, [1, 1], atol=1e-6)


def test_fixed_parameters_stay_and_their_errors_are_absent():
    matrix = np.random.default_rng(2).normal(size=(20, 3))
    problem = linear(matrix, matrix @ [1.0, 2.0, 3.0])
    found = minimise(problem, [0.5, 1.0, 1.0], free=[False, True, True])
    assert found.x[0] == 0.5
    errors = covariance(found.triangle, [False, True, True])
    assert np.isnan(errors[0]).all()
    np.testing.assert_allclose(errors[1:, 1:], np.linalg.inv(matrix[:, 1:].T @ matrix[:, 1:]))


def test_indistinguishable_parameters_have_infinite_errors():
    matrix = np.ones((5, 2))
    assert np.isinf(covariance(triangle_of(matrix, np.zeros(5)), [True, True])).all()


def test_points_that_cannot_be_computed_are_gone_round():
    """Beyond x = 2 the model breaks; the minimum at 1 is still found, from a start that overshoots."""

    def evaluate(x):
        if x[0] > 2:
            return np.inf, None
        r = np.array([np.log(3 - x[0]) - np.log(2.0)])
        return 0.5 * float(r @ r), triangle_of(np.array([[-1 / (3 - x[0])]]), r)

    found = minimise(Posed(1, evaluate, 1e-12), [0.0])
    assert found.converged
    assert found.x[0] == pytest.approx(1.0)


def test_a_start_that_cannot_be_computed_is_reported():
    found = minimise(Posed(1, lambda x: (np.inf, None)), [1.0])
    assert not found.converged
    assert "start" in found.message


def test_too_few_evaluations_are_reported():
    matrix = np.eye(2)
    problem = posed(lambda x: matrix @ x**3 - 1, lambda x: np.diag(3 * x**2), 2)
    found = minimise(problem, [50.0, 50.0], max_evaluations=3)
    assert not found.converged
    assert "3 evaluations" in found.message


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy"])
def test_robust_losses_find_scipys_minimum_and_cost(loss):
    rng = np.random.default_rng(4)
    t = np.linspace(0, 3, 60)
    y = 2 * np.exp(-1.3 * t) + 0.01 * rng.normal(size=60)
    y[::9] += 0.5
    likelihood = Likelihood("even", loss=loss, f_scale=0.03)

    def model(x):
        return x[0] * np.exp(-x[1] * t)

    def jacobian(x):
        return np.column_stack([np.exp(-x[1] * t), -x[0] * t * np.exp(-x[1] * t)])

    def evaluate(x):
        cost, weights, rows = likelihood.rows(model(x), y)
        return cost, triangle_of(weights[:, None] * jacobian(x), rows)

    found = minimise(Posed(2, evaluate), [1.0, 1.0])
    wanted = least_squares(
        lambda x: model(x) - y, [1, 1], jac=jacobian, loss=loss, f_scale=0.03, xtol=1e-14, ftol=1e-14
    )
    assert found.converged
    assert found.cost == pytest.approx(wanted.cost, rel=1e-9)
    np.testing.assert_allclose(found.x, wanted.x, rtol=1e-4)


@dataclass
class Watched(Posed):
    """A posed problem that remembers the lowest cost it was asked for."""

    lowest: float = np.inf

    def __post_init__(self):
        super().__post_init__()
        answer = self.evaluate

        def watched(x):
            cost, triangle = answer(x)
            self.lowest = min(self.lowest, cost)
            return cost, triangle

        self.evaluate = watched


@pytest.mark.parametrize("share", [0.5, 1e-5, 0.0])
def test_no_point_visited_is_better_than_what_is_returned(share):
    """The slope promises a fall from 1 to 0 and the cost falls by a share of it only, then has no slope."""

    def evaluate(x):
        if x[0] > 0:
            return 1.0, np.array([[1.0, -np.sqrt(2.0)], [0.0, 0.0]])
        return 1.0 - share, np.array([[0.0, 0.0], [0.0, np.sqrt(2.0 - 2 * share)]])

    def outward(x):
        cost, triangle = evaluate(1 - x)
        return cost, triangle * np.array([1.0, 1.0])

    problem = Watched(1, outward)
    found = minimise(problem, [0.0])
    assert found.cost <= problem.lowest * (1 + 1e-12)


def test_a_flat_point_uphill_is_no_minimum():
    """Beyond x = 1 the cost is 400 times larger and has no slope; the search comes from far below."""

    def evaluate(x):
        if x[0] >= 1:
            return 400.0, np.array([[0.0, 0.0], [0.0, np.sqrt(800.0)]])
        return 1.0, np.array([[1e-7, -1e-6], [0.0, np.sqrt(2.0)]])

    problem = Watched(1, evaluate)
    found = minimise(problem, [0.5], wanted_offset=1e-20)
    assert found.cost == problem.lowest == 1.0
