"""Figures of a series: what they draw is what the data and the law say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from helpers import kinetics, plots
from helpers.fitting import fit
from helpers.kinetics import Rates, rate_terms, solve
from helpers.plots import physics
from helpers.traces import Trace

RATES = Rates(0, 15.0, 60.0, 160.0)  # µs and 10^18 cm^-3
LEVELS = [0.01, 0.1, 1.0]


@pytest.fixture
def fitted():
    rng = np.random.default_rng(2)
    t = np.linspace(0, 0.2, 400)
    traces = []
    for n0 in LEVELS:
        n = solve(t, n0, RATES) + 0.002 * n0 * rng.standard_normal(t.size)
        traces.append(Trace(t, n, name=f"{n0:g}", t_unit="us", signal_unit="10^18 cm^-3"))
    return fit(traces)


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def points(ax):
    """Positions and heights of the points with error bars, trace by trace."""
    return [container[0].get_data() for container in ax.containers]


class TestAgainstDensity:
    def test_all_traces_lie_on_the_curve_of_the_law(self, fitted):
        ax = plots.plot_decay_orders(fitted)
        assert len(points(ax)) == len(LEVELS)
        for n, rate in points(ax):
            law = rate_terms(n, RATES).sum(axis=0)
            assert abs(np.median(rate / law) - 1) < 0.05

    def test_traces_overlap_where_their_densities_do(self, fitted):
        low, high = points(plots.plot_decay_orders(fitted))[1:]
        order = np.argsort(high[0])
        from_high = np.interp(low[0], high[0][order], high[1][order])
        inside = low[0] > high[0].min()
        assert inside.sum() >= 2
        assert abs(np.median(from_high[inside] / low[1][inside]) - 1) < 0.1

    def test_lifetimes_are_density_over_rate(self, fitted):
        rates = points(plots.plot_decay_orders(fitted))
        lifetimes = points(plots.plot_lifetime(fitted))
        for (n, rate), (same, lifetime) in zip(rates, lifetimes, strict=True):
            np.testing.assert_allclose(lifetime, same / rate)
            np.testing.assert_array_equal(n, same)
        # At low density only traps are left: 1/k1.
        assert lifetimes[0][1][-1] == pytest.approx(1 / 15, rel=0.1)

    def test_flat_traces_are_told_not_drawn(self):
        t = np.linspace(0, 1, 50)
        flat = Trace(t, 1 + 0.01 * np.cos(40 * t), t_unit="ns", signal_unit="cm^-3")
        with pytest.raises(ValueError, match="nothing to draw"):
            plots.plot_lifetime(fit([flat]))


class TestShares:
    @pytest.mark.parametrize("name", ["plot_shares_over_density", "plot_shares_over_time"])
    def test_add_up_to_everything(self, fitted, name):
        ax = getattr(plots, name)(fitted)
        curves = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) > 50]
        np.testing.assert_allclose(sum(curves), 100)

    def test_the_quantum_yield_is_largest_at_the_root_of_k1_over_k3(self):
        best = minimize_scalar(
            lambda log_n: -kinetics.internal_quantum_yield(np.exp(log_n), RATES), bracket=(-3, 1)
        )
        assert np.exp(best.x) == pytest.approx(kinetics.density_of_best_yield(RATES), rel=1e-5)
        assert kinetics.density_of_best_yield((0, 1, 1, 0)) == np.inf

    def test_the_picture_marks_that_density(self, fitted):
        ax = plots.plot_quantum_yield(fitted)
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert any("√(k1/k3)" in text for text in texts)


@pytest.mark.parametrize("name", [name for name in dir(physics) if name.startswith("plot_")])
def test_every_axis_is_labelled_with_its_unit(fitted, name):
    axes = getattr(plots, name)(fitted)
    bottom = axes[-1] if isinstance(axes, tuple) else axes
    assert "(" in bottom.get_xlabel()
    assert "(" in bottom.get_ylabel()
    plt.gcf().canvas.draw()


def test_labels_stand_for_traces(fitted):
    upper, _ = plots.plot_series(fitted, labels=["low", "middle", "high"])
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["low", "middle", "high"]
    with pytest.raises(ValueError, match="2 labels for 3 traces"):
        plots.plot_series(fitted, labels=["low", "high"])
