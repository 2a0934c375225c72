"""Four NIST reference problems are the rate law in disguise: fits must meet the certified digits.

With u = b1 − y the models of Misra1a and BoxBOD are the decay of k1 alone, of Misra1d that of k2 alone and of
Misra1c that of k3 alone, all from n0 = b1 at x = 0:
    b1·exp(−b2·x)          = n(x) with k1 = b2,
    b1/(1 + b2·x)          = n(x) with k2 = b2/b1,
    b1/√(1 + 2·b2·x)       = n(x) with k3 = b2/b1².
"""

import json

import numpy as np
import pytest

from helpers.kinetics import Rates, solve_with_jacobian
from helpers.least_squares import Problem, covariance, minimise, triangle_of
from helpers.paths import DATA

DIGITS = 9
OVER = 10.0  # e-folds before the first point
SETS = json.loads((DATA / "nist.json").read_text(encoding="utf-8"))["sets"]
CASES = [(name, start) for name in SETS for start in (0, 1)]


def problem_of(case):
    """Pose the set's problem in (b1, b2); the chain rule goes through n0 = b1 and k_j = b2/b1^(j − 1)."""
    x, y = np.array(case["x"]), np.array(case["y"])
    order = int(case["rate"][1])
    scales = np.array(case["starts"][0])

    def evaluate(point):
        b1, b2 = point * scales
        if b1 <= 0:
            return np.inf, None
        n, slopes = solve_with_jacobian(x, b1, Rates(**{case["rate"]: b2 / b1 ** (order - 1)}))
        by_rate, by_n0 = slopes[:, order], slopes[:, 4]
        by_b1 = 1 - by_n0 + by_rate * (order - 1) * b2 / b1**order
        by_b2 = -by_rate / b1 ** (order - 1)
        residuals = b1 - n - y
        jacobian = np.column_stack([by_b1, by_b2]) * scales
        return 0.5 * float(residuals @ residuals), triangle_of(jacobian, residuals)

    return Problem(("b1", "b2"), scales, evaluate, len(x))


FORMULAS = {
    "k1": lambda b1, b2, x: b1 * (1 - np.exp(-b2 * x)),
    "k2": lambda b1, b2, x: b1 * b2 * x / (1 + b2 * x),
    "k3": lambda b1, b2, x: b1 * (1 - (1 + 2 * b2 * x) ** -0.5),
}


def search(case, start):
    """Minimise from an official start; leave the plateau of a law that is over at once, as `fit` does.

    From BoxBOD's first start (b1 = 1 where the data end at 224) the first step leads there.
    """
    problem, x = problem_of(case), np.array(case["x"])
    found = minimise(problem, np.array(case["starts"][start]) / problem.scales)
    if found.x[1] * problem.scales[1] * x[0] > OVER:
        slowed = 1 / np.sqrt(x[0] * x[-1]) / problem.scales[1]
        found = minimise(problem, [found.x[0], slowed])
    return problem, found


def digits(value, certified):
    """Number of leading digits that agree (the certified values have 11)."""
    error = np.max(np.abs(np.asarray(value) / np.asarray(certified) - 1))
    return -np.log10(max(error, 1e-16))


@pytest.mark.parametrize(("name", "start"), CASES, ids=[f"{name}-start{start + 1}" for name, start in CASES])
def test_certified_values_errors_and_residuals_are_met_from_both_starts(name, start):
    case = SETS[name]
    problem, found = search(case, start)
    assert found.converged, found.message
    squares = 2 * found.cost
    variance = squares / (problem.size - 2)
    errors = np.sqrt(np.diag(covariance(found.triangle, [True, True])) * variance) * problem.scales
    assert digits(found.x * problem.scales, case["certified"]) >= DIGITS
    assert digits(errors, case["standard_deviations"]) >= DIGITS
    assert digits(squares, case["residual_sum_of_squares"]) >= DIGITS


@pytest.mark.parametrize("name", SETS)
def test_the_certified_models_are_this_law(name):
    """Guards the three relations above: the published formula and the rate law give the same curve."""
    case = SETS[name]
    b1, b2 = case["certified"]
    x = np.array(case["x"])
    order = int(case["rate"][1])
    n, _ = solve_with_jacobian(x, b1, Rates(**{case["rate"]: b2 / b1 ** (order - 1)}))
    published = FORMULAS[case["rate"]](b1, b2, x)
    np.testing.assert_allclose(b1 - n, published, rtol=1e-9)
