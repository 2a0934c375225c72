"""Four NIST reference problems are the rate law in disguise: fits must meet the certified digits.

With u = b1 − y the models of Misra1a and BoxBOD are the decay of k1 alone, of Misra1d that of k2 alone and of
Misra1c that of k3 alone, all from n0 = b1 at x = 0:
    b1·exp(−b2·x)          = n(x) with k1 = b2,
    b1/(1 + b2·x)          = n(x) with k2 = b2/b1,
    b1/√(1 + 2·b2·x)       = n(x) with k3 = b2/b1².
The fit is that of a user who brings a law of their own to `fit`.
"""

import json

import numpy as np
import pytest

from helpers.fitting import fit
from helpers.kinetics import Coefficient, Law, Rates, solve_with_jacobian
from helpers.measurement import Measurement
from helpers.paths import DATA
from helpers.traces import Trace

DIGITS = 9
OVER = 10.0  # e-folds before the first point
SETS = json.loads((DATA / "nist.json").read_text(encoding="utf-8"))["sets"]
CASES = [(name, start) for name in SETS for start in (0, 1)]


class Rise(Law):
    """b1 − n(x) for the decay of one rate from n0 = b1; the chain rule goes through n0 and k_j."""

    key = "b1 - n"
    parameters = (Coefficient("b1"), Coefficient("b2"))

    def __init__(self, rate):
        self.rate, self.order = rate, int(rate[1])

    def solve(self, t, start, values, *, wanted=None, steps=None):
        b1, b2 = values
        if b1 <= 0:
            raise ValueError("no rise to nothing")
        n, slopes = solve_with_jacobian(t, b1, Rates(**{self.rate: b2 / b1 ** (self.order - 1)}))
        by_rate, by_n0 = slopes[:, self.order], slopes[:, 4]
        by_b1 = 1 - by_n0 + by_rate * (self.order - 1) * b2 / b1**self.order
        by_b2 = -by_rate / b1 ** (self.order - 1)
        derivatives = np.column_stack([by_b1, by_b2, np.zeros_like(t)])
        return (b1 - n)[:, None], derivatives[:, None, :]

    def slope(self, t, n, values):
        b1, b2 = values
        return b2 * (b1 - np.asarray(n)) ** self.order / b1 ** (self.order - 1)

    def sizes(self, span, density, guess):
        return np.array([density, 1 / span])

    def slowed(self, x, free, first):
        """Leave the plateau of a rise that is over at once, as the rate law does.

        From BoxBOD's first start (b1 = 1 where the data end at 224) the first step leads there.
        """
        return np.array([x[0], 1 / np.sqrt(first)]) if x[1] * first > OVER else x


def fitted(case, start):
    trace = Trace(case["x"], case["y"])
    guess = dict(zip(("b1", "b2"), case["starts"][start], strict=True))
    return fit(Measurement(trace, time_zero=0.0), guess, law=Rise(case["rate"]), fixed=["n0"])


FORMULAS = {
    "k1": lambda b1, b2, x: b1 * (1 - np.exp(-b2 * x)),
    "k2": lambda b1, b2, x: b1 * b2 * x / (1 + b2 * x),
    "k3": lambda b1, b2, x: b1 * (1 - (1 + 2 * b2 * x) ** -0.5),
}


def digits(value, certified):
    """Number of leading digits that agree (the certified values have 11)."""
    error = np.max(np.abs(np.asarray(value) / np.asarray(certified) - 1))
    return -np.log10(max(error, 1e-16))


@pytest.mark.parametrize(("name", "start"), CASES, ids=[f"{name}-start{start + 1}" for name, start in CASES])
def test_certified_values_errors_and_residuals_are_met_from_both_starts(name, start):
    case = SETS[name]
    found = fitted(case, start)
    assert found.converged, found.message
    assert digits(found.values[["b1", "b2"]], case["certified"]) >= DIGITS
    assert digits(found.stderr[["b1", "b2"]], case["standard_deviations"]) >= DIGITS
    assert digits(2 * found.cost, case["residual_sum_of_squares"]) >= DIGITS


@pytest.mark.parametrize("name", SETS)
def test_the_certified_models_are_this_law(name):
    """Guards the three relations above: the published formula and the rate law give the same curve."""
    case = SETS[name]
    x = np.array(case["x"])
    rise, _ = Rise(case["rate"]).solve(x, np.zeros(1), case["certified"])
    np.testing.assert_allclose(rise[:, 0], FORMULAS[case["rate"]](*case["certified"], x), rtol=1e-9)
