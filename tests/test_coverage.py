"""How often do 95 % intervals hold the truth? Of the sample's noise they do only with weights.

Profiles near bounds are counted here over a few sets; `tests/benchmarks/coverage.py` counts them over many.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from helpers import kinetics
from helpers.fitting import fit
from helpers.kinetics import Rates
from helpers.measurement import Measurement
from helpers.paths import DATA
from helpers.traces import Trace, load_trace
from helpers.uncertainty import profile

MADE_WITH = Rates(0.0, 1.02e-2, 1.03e-3, 1.1e-7)  # data/make_sample_data.py, as are the next two lines
N0 = 800.0
SHARE, FLOOR = 0.003, 0.3
SETS, SETS_ESTIMATED = 400, 60
JUDGED = ["k1", "k2", "k3", "n0"]  # G is on its bound 0 in half of the sets and has no error there


def covered(found):
    """Say of each judged parameter whether value ± t·error holds the truth; NaN without an error."""
    away = found.values[JUDGED] - [MADE_WITH.k1, MADE_WITH.k2, MADE_WITH.k3, N0]
    held = away.abs() < stats.t.ppf(0.975, found.error_freedom[JUDGED]) * found.stderr[JUDGED]
    return held.astype(float).mask(found.stderr[JUDGED].isna()).to_numpy()


@pytest.fixture(scope="module")
def coverage():
    """Shares of the simulated samples whose intervals hold the truth: without weights, estimated, known."""
    decay = load_trace(DATA / "sample_data.csv").from_peak()
    curve = kinetics.solve(decay.elapsed, N0, MADE_WITH)
    random = np.random.default_rng(20190110)
    plain, estimated, known = [], [], []
    for number in range(SETS):
        noise = random.standard_normal((2, len(decay)))
        trace = replace(decay, signal=curve * (1 + SHARE * noise[0]) + FLOOR * noise[1])
        first = fit(Measurement(trace, noise="even"), MADE_WITH, fixed=())
        sigma = np.hypot(SHARE * first.curves()[0], FLOOR)
        second = fit(replace(trace, sigma=sigma), dict(first.values), fixed=())
        plain.append(covered(first))
        known.append(covered(second))
        if number < SETS_ESTIMATED:
            estimated.append(covered(fit(trace, dict(first.values), fixed=())))
    shares = [np.nanmean(each, axis=0) for each in (plain, estimated, known)]
    return [dict(zip(JUDGED, share.tolist(), strict=True)) for share in shares]


def test_with_the_right_weights_95_per_cent_are_95_per_cent(coverage):
    _, _, known = coverage
    assert all(0.92 < share < 0.98 for share in known.values()), known


def test_estimated_weights_do_as_well(coverage):
    _, estimated, _ = coverage
    assert all(share > 0.95 - 3 * np.sqrt(0.05 * 0.95 / SETS_ESTIMATED) for share in estimated.values())


def test_without_weights_the_errors_are_too_small_as_notebook_04_says(coverage):
    plain, _, _ = coverage
    assert plain == pytest.approx({"k1": 0.85, "k2": 0.65, "k3": 0.5, "n0": 0.3}, abs=0.05)


@pytest.mark.parametrize(
    ("rates", "last", "points"),
    [((0.0, 0.5, 1.0, 0.0), 5.0, 12), ((0.0, 0.0, 1.0, 0.0), 8.0, 30)],
    ids=["k1 and k2, 12 points", "k2 alone, 30 points"],
)
def test_profiles_hold_the_truth_where_rates_are_zero(rates, last, points):
    """Every rate and n0 free, noise of 2 % whose size is not known."""
    t, random = np.linspace(0, last, points), np.random.default_rng(12)
    curve, truth = kinetics.solve(t, 1.0, rates), np.array(rates[:3])
    held, determined = [], 0
    for _ in range(50):
        found = fit(Trace(t, curve + 0.02 * random.standard_normal(points)), fixed=())
        curves = profile(found, ["G", "k1", "k2"], points=6)
        ends = np.array([each.interval95 for each in curves.values()])
        held.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        determined += curves["G"].verdict == "determined"
    assert (np.mean(held, axis=0) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 50)).all(), np.mean(held, axis=0)
    assert determined <= 5
