"""The shape of the cost: maps agree with the fit's cost, condition numbers with theory, descent descends."""

from __future__ import annotations

import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import fitting, plots
from helpers.fitting import cost_surface
from helpers.kinetics import Rates, solve
from helpers.measurement import Measurement
from helpers.traces import Trace

NOISE = np.random.default_rng(20190110).standard_normal(80)
T = np.linspace(0, 6, 80)
TRACE = Trace(T, 3 / (1 + 0.9 * T) + 0.02 * NOISE)
WEIGHTED = replace(TRACE, sigma=np.linspace(0.01, 0.03, 80))
GUESS = Rates(0, 0.1, 0.1, 0.1)


@pytest.mark.parametrize("trace", [TRACE, WEIGHTED], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_the_map_is_the_cost_that_the_fit_minimised(trace, loss):
    fit = fitting.fit(trace, GUESS, loss=loss, f_scale=0.5)
    first, second = np.linspace(0, 0.5, 3), np.linspace(0, 0.1, 4)
    cost = cost_surface.cost_at(fit, ("k2", "k3"), *np.meshgrid(first, second))
    assert cost.shape == (4, 3)
    for (row, column), value in np.ndenumerate(cost):
        x = np.array([*fit.values[["G", "k1"]], first[column], second[row], fit.n0[0]])
        assert value == pytest.approx(fit.problem.evaluate(fit.problem.point(x))[0], rel=1e-9)
    here = cost_surface.cost_at(fit, ("k2", "k3"), fit.rates.k2, fit.rates.k3)
    assert here == pytest.approx(fit.cost, rel=1e-9)


def test_a_path_runs_from_the_guess_to_the_fit():
    fit = fitting.fit(TRACE, GUESS, record_path=True)
    path = cost_surface.path_of(fit)
    np.testing.assert_allclose(path[0, :4], [*GUESS])
    np.testing.assert_allclose(path[-1], fit.values)


def test_a_fit_without_a_path_says_how_to_keep_it():
    with pytest.raises(ValueError, match="record_path=True"):
        cost_surface.path_of(fitting.fit(TRACE, GUESS))


def test_one_parameter_is_a_round_valley():
    fit = fitting.fit(TRACE, GUESS, fixed=["G", "k1", "k3", "n0"])
    assert cost_surface.condition(fit) == pytest.approx(1.0)


def test_only_units_of_equal_sensitivity_do_not_depend_on_the_data_s_units():
    fast = Trace(TRACE.t * 1000, TRACE.signal / 50)  # ps for ns, and another density
    here, there = (fitting.fit(trace) for trace in (TRACE, fast))
    equal = [cost_surface.condition(fit, 1 / cost_surface.sensitivities(fit)) for fit in (here, there)]
    assert equal[0] == pytest.approx(equal[1], rel=1e-3)
    assert cost_surface.condition(there) > 10 * cost_surface.condition(here)


def test_the_condition_number_is_that_of_differences_of_the_curve():
    fit = fitting.fit(TRACE, fixed=["G", "k3", "n0"])
    columns = []
    for name in ("k1", "k2"):
        ends = [replace(fit.rates, **{name: getattr(fit.rates, name) + step}) for step in (1e-5, -1e-5)]
        up, down = (solve(TRACE.elapsed, fit.n0[0], end) for end in ends)
        columns.append((up - down) / 2e-5)
    wanted = np.linalg.cond(np.column_stack(columns)) ** 2
    assert (fit.status[["k1", "k2"]] == "free").all()
    assert cost_surface.condition(fit) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("name", ["units of the data", "natural", "equal sensitivity"])
def test_descent_never_goes_up_and_never_below_zero(name):
    fit = fitting.fit(TRACE, GUESS)
    units = {"natural": fit.problem.scales, "equal sensitivity": 1 / cost_surface.sensitivities(fit)}.get(
        name, 1.0
    )
    way = cost_surface.descend(fit.problem, [*GUESS, 3.0], units=units, steps=40)
    cost = [fit.problem.evaluate(point / fit.problem.scales)[0] for point in way]
    assert way.shape == (41, 5)
    assert (way >= 0).all()
    assert (np.diff(cost) <= 0).all()
    assert cost[-1] < cost[0]


def test_descent_starts_along_the_steepest_slope():
    fit = fitting.fit(TRACE, GUESS)
    start = np.array([0.5, 0.5, 0.5, 0.5, 3.0])
    step = np.diff(cost_surface.descend(fit.problem, start, steps=1), axis=0)[0]
    slope = [
        fit.problem.evaluate((start + away) / fit.problem.scales)[0]
        - fit.problem.evaluate((start - away) / fit.problem.scales)[0]
        for away in 1e-5 * np.eye(5)
    ]
    along = -step @ slope / (np.linalg.norm(step) * np.linalg.norm(slope))
    assert along == pytest.approx(1.0, abs=1e-6)


def test_descent_at_the_minimum_stays_there():
    fit = fitting.fit(TRACE, GUESS, fixed=())
    way = cost_surface.descend(fit.problem, np.array(fit.values), units=fit.problem.scales, steps=5)
    np.testing.assert_allclose(way[-1], fit.values, rtol=1e-3, atol=1e-6)


def test_what_no_residual_feels_neither_moves_nor_stops_the_descent():
    """An inverted signal: every rate ends at zero, where the curve is flat and feels none of them."""
    fit = fitting.fit(Trace(T, -1 - TRACE.signal), GUESS)
    units = 1 / cost_surface.sensitivities(fit)
    assert np.isfinite(units).all()
    way = cost_surface.descend(fit.problem, [0, 0.1, 0.1, 0.1, 0.1], units=units, steps=5)
    assert np.isfinite(way).all()


def test_a_fit_without_a_model_is_refused_in_a_sentence():
    failed = fitting.fit(TRACE, (0, 0, 1e300, 0))
    for ask in (cost_surface.sensitivities, cost_surface.condition):
        with pytest.raises(ValueError, match=r"this fit has no model .*: fit from another guess"):
            ask(failed)


def test_no_free_parameter_no_condition_number():
    assert np.isnan(cost_surface.condition(fitting.fit(TRACE, GUESS, fixed=["G", "k1", "k2", "k3", "n0"])))


@pytest.fixture(scope="module")
def counted():
    t = np.linspace(-1, 6, 141)
    n = np.where(t < 0, 0, 1 / (1.5 * np.exp(0.5 * np.maximum(t, 0)) - 0.5))
    counts = np.random.default_rng(20190110).poisson(5000 * n**2 + 20)
    trace = Trace(t, counts, t_unit="ns", signal_unit="counts")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measurement = Measurement(trace, kind="TRPL counts", time_zero=0, n0="unknown")
    return fitting.fit(measurement, (0, 0.3, 0.3, 0.1), record_path=True)


class TestFitsOfAnyMeasurement:
    """The same of counts ∝ n² with a background, whose offset may have either sign."""

    def test_the_map_is_the_cost_that_the_fit_minimised(self, counted):
        values = counted.values[["k1", "k2"]]
        assert cost_surface.cost_at(counted, ("k1", "k2"), *values) == pytest.approx(counted.cost, rel=1e-9)
        assert cost_surface.cost_at(counted, ("k1", "k2"), *(1.1 * values)) > counted.cost

    def test_a_path_runs_from_the_guess_to_the_fit(self, counted):
        path = cost_surface.path_of(counted)
        np.testing.assert_allclose(path[0, :4], [0, 0.3, 0.3, 0.1])
        np.testing.assert_allclose(path[-1], counted.values)

    def test_descent_goes_down_and_moves_only_what_is_free(self, counted):
        start = cost_surface.path_of(counted)[0]
        way = cost_surface.descend(
            counted.problem, start, units=counted.problem.scales, free=counted.free, steps=20
        )
        cost = [counted.problem.evaluate(counted.problem.point(values))[0] for values in way]
        assert (np.diff(cost) <= 0).all()
        assert cost[-1] < cost[0]
        assert (way[:, ~counted.free] == start[~counted.free]).all()
        assert (way[-1, counted.free] != start[counted.free]).any()

    def test_the_condition_number_is_that_of_the_free_parameters(self, counted):
        sizes = cost_surface.sensitivities(counted)
        assert len(sizes) == len(counted.names)
        assert 1 < cost_surface.condition(counted, 1 / sizes) < cost_surface.condition(counted)

    def test_the_map_is_drawn_with_the_units_of_the_data(self, counted):
        ax = plots.plot_cost_map(
            counted, [cost_surface.path_of(counted)], names=("k1", "k2"), labels=["far off"]
        )
        assert ax.get_xlabel() == f"k1 ({counted.units['k1']})"
        assert [text.get_text() for text in ax.legend().get_texts()] == ["far off", "minimum"]
        plt.close("all")
