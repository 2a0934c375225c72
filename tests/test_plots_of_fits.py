"""Figures of fits of any law and measurement draw the fit's own numbers, names and units."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from five_fits import EQUATION, LAWS, MAKE, density, made

from helpers import plots, records
from helpers.fitting import fit
from helpers.kinetics import rate_terms, solve
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import profile
from helpers.units import axis_label

SINGLE = ["density", "counts", "equation"]
SEVERAL = ["series", "equation on a series"]
OWN = ["equation", "equation on a series"]
OF_RATE_LAW = ["plot_decay_orders", "plot_lifetime", "plot_shares_over_density", "plot_shares_over_time"]
OF_RATE_LAW += ["plot_quantum_yield"]


@pytest.fixture(autouse=True)
def _clean_stage():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield
        plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestPlotFit:
    @pytest.mark.parametrize("name", SINGLE)
    def test_one_trace_is_drawn_with_its_data_curve_and_residuals(self, name):
        found = made(name)
        upper, lower = plots.plot_fit(found)
        data, curve = upper.lines
        np.testing.assert_array_equal(data.get_data(), (found.trace.t, found.trace.signal))
        t, drawn = curve.get_data()
        np.testing.assert_allclose(drawn, found.curves([t])[0])
        assert (t[0], t[-1]) == (found.trace.t[0], found.trace.t[-1])
        known = found.problem.is_absolute
        residuals = found.residuals(in_sigma=True)[0]  # their noise was estimated where it is not known
        np.testing.assert_array_equal(lower.lines[0].get_data(), (found.trace.t, residuals))
        assert lower.get_ylabel() == ("residual\n(σ)" if known else "residual\n(σ, estimated)")

    @pytest.mark.parametrize("name", SEVERAL)
    def test_several_traces_have_colours_a_legend_and_one_strip_of_residuals(self, name):
        found = made(name)
        upper, lower = plots.plot_fit(found, scale="semilog")
        count = len(found.traces)
        assert texts(upper) == [trace.name for trace in found.traces]
        curves = [line for line in upper.lines if not line.get_label().startswith("_")]
        assert len({tuple(line.get_color()) for line in curves}) == count
        for line, trace, rest in zip(lower.lines, found.traces, found.residuals(in_sigma=True), strict=False):
            np.testing.assert_array_equal(line.get_data(), (trace.t, rest))
        for data, curve in zip(upper.lines[::2], upper.lines[1::2], strict=True):
            assert tuple(data.get_color()) == tuple(curve.get_color())
        assert len(lower.lines) == count + 1
        assert lower.get_ylabel() == "residual\n(σ)"

    def test_labels_stand_for_traces(self):
        assert texts(plots.plot_fit(made("series"), labels="abcd")[0]) == [*"abcd"]
        with pytest.raises(ValueError, match="2 labels for 4 traces"):
            plots.plot_fit(made("series"), labels=["a", "b"])

    @pytest.mark.parametrize("scale", plots.SCALES)
    @pytest.mark.parametrize("name", MAKE)
    def test_every_kind_is_drawn_on_every_scale(self, name, scale):
        figure, (left, right) = plt.subplots(1, 2)
        upper, lower = plots.plot_fit(made(name), scale=scale, ax=right)
        assert upper is right
        assert not left.lines
        assert upper.get_xlim() == lower.get_xlim()
        assert "(ns)" in lower.get_xlabel()
        figure.canvas.draw()

    def test_a_logarithmic_time_runs_from_the_pulse(self):
        found = made("counts")
        upper, lower = plots.plot_fit(found, scale="loglog")
        t = upper.lines[0].get_xdata()
        later = found.trace.t[(found.trace.t > 0) & (found.trace.signal > 0)]
        np.testing.assert_array_equal(t, later)
        assert "from the pulse" in lower.get_xlabel()

    def test_the_step_at_the_pulse_is_a_step(self):
        t, drawn = plots.plot_fit(made("counts"))[0].lines[1].get_data()
        place = int(np.searchsorted(t, 0.0))
        assert t[place] - t[place - 1] < 1e-9
        assert drawn[place - 1] < 0.1 * drawn[place]

    def test_unknown_noise_of_a_series_is_said_to_be_estimated(self):
        t = np.linspace(0, 2, 60)
        rng = np.random.default_rng(1)
        traces = [
            Trace(t, size * (np.exp(-t) + 0.01 * rng.standard_normal(60)), signal_unit="cm^-3")
            for size in (1, 100)
        ]
        _, lower = plots.plot_fit(fit(traces))
        assert lower.get_ylabel() == "residual\n(σ, estimated)"
        spreads = [line.get_ydata().std() for line in lower.lines[:2]]
        np.testing.assert_allclose(spreads, 1, atol=0.3)

    def test_a_negative_signal_is_turned_for_a_logarithmic_axis_only(self):
        t = np.linspace(0, 3, 50)
        trace = Trace(t, -2e-3 * np.exp(-t), t_unit="ns", signal_unit="OD")
        found = fit(Measurement(trace, observable="mobility", n0=1.0, density_unit="10^18 cm^-3"))
        plain, turned = (plots.plot_fit(found, scale=scale)[0] for scale in ("linear", "semilog"))
        np.testing.assert_array_equal(plain.lines[0].get_ydata(), trace.signal)
        np.testing.assert_array_equal(turned.lines[0].get_ydata(), -trace.signal)
        assert turned.get_ylabel() == "−signal (OD)"
        assert plots.plot_series(found)[0].get_ylabel() == "−signal (OD)"

    def test_a_fit_that_could_not_be_computed_shows_its_data(self):
        upper, _ = plots.plot_fit(fit(density(), (0, 0, 1e300, 0)))
        np.testing.assert_array_equal(upper.lines[0].get_ydata(), density().signal)
        upper.figure.canvas.draw()

    def test_known_noise_is_the_unit_of_the_residuals(self):
        trace = Trace([0, 1, 2, 3], [8, 4, 2, 1.1], sigma=[1, 1, 1, 1], t_unit="ns", signal_unit="counts")
        assert plots.plot_fit(fit(trace))[1].get_ylabel() == "residual\n(σ)"

    def test_a_record_draws_the_same_curve_with_its_data(self, tmp_path):
        found = made("counts")
        record = records.load(records.save(found, tmp_path / "a.par"))
        ours, its = (plots.plot_fit(*each)[0] for each in ((found,), (record, found.measurement)))
        np.testing.assert_allclose(its.lines[1].get_ydata(), ours.lines[1].get_ydata(), rtol=1e-4)
        with pytest.raises(ValueError, match=r"plot_fit\(record, measurement\)"):
            plots.plot_fit(record)

    def test_an_unknown_scale_is_refused(self):
        with pytest.raises(ValueError, match="linear, semilog, loglog"):
            plots.plot_fit(made("density"), scale="log")


class TestCorrelation:
    @pytest.mark.parametrize("name", MAKE)
    def test_rows_and_columns_bear_the_fit_s_own_names(self, name):
        found = made(name)
        ax = plots.plot_correlation(found)
        for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
            assert tuple(label.get_text() for label in labels) == found.names
        np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), found.correlation)
        shown = {text.get_position(): text.get_text() for text in ax.texts}
        first, second = np.argwhere(np.isfinite(np.array(found.correlation)))[1]
        assert shown[(second, first)] == f"{np.array(found.correlation)[first, second]:+.2f}"

    def test_the_figure_grows_with_the_parameters(self):
        small, large = (plots.plot_correlation(made(name)).figure for name in ("density", "series"))
        assert (large.get_size_inches() > 1.5 * small.get_size_inches()).all()


class Profiles(Mapping):
    """Parabolas around a fit, which the profiles of a linear problem are."""

    def __init__(self, found, names):
        self.fit, self.curves = found, {name: parabola(found, name) for name in names}

    def __getitem__(self, name):
        return self.curves[name]

    def __iter__(self):
        return iter(self.curves)

    def __len__(self):
        return len(self.curves)


def parabola(found, name):
    value, error = found.values[name], found.stderr[name]
    steps = np.linspace(-2.5, 2.5, 11)
    return SimpleNamespace(
        name=name,
        value=value,
        values=value + error * steps,
        rise=steps**2,
        interval68=(value - error, value + error),
        interval95=(value - 1.96 * error, value + 1.96 * error),
        verdict="determined",
    )


class TestProfiles:
    @pytest.mark.parametrize("name", MAKE)
    def test_curve_parabola_and_unit_are_those_of_the_fit(self, name):
        found = made(name)
        chosen = [each for each in found.names if found.status[each] == "free"][-2:]
        axes = plots.plot_profiles(Profiles(found, chosen))
        for ax, each in zip(axes, chosen, strict=True):
            drawn = {line.get_label(): line.get_data() for line in ax.lines}
            np.testing.assert_allclose(drawn["profile"][1], drawn["parabola"][1])
            assert ax.get_title() == f"{each}: determined"
            assert ax.get_xlabel() == axis_label(each, found.units[each])
        known = found.problem.is_absolute
        assert axes[0].get_ylabel() == ("Δχ²" if known else "Δχ² (noise from the residuals)")

    def test_an_interval_without_an_end_is_drawn_as_far_as_the_curve_goes(self):
        curves = Profiles(made("counts"), ["offset"])
        curves["offset"].interval95 = (-np.inf, np.inf)
        (ax,) = plots.plot_profiles(curves)
        values = curves["offset"].values
        (span,) = ax.patches
        assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((values[0], values[-1]))

    def test_the_profiles_of_a_fit_are_drawn(self):
        found = made("density")
        ax, *_ = plots.plot_profiles(profile(found, ["k1"]))
        assert ax.get_xlabel() == "k1 (1/ns)"


class TestPhysics:
    @pytest.mark.parametrize("name", OF_RATE_LAW)
    @pytest.mark.parametrize("kind", ["counts", "series"])
    def test_luminescence_is_drawn_against_density(self, name, kind):
        ax = getattr(plots, name)(made(kind))
        assert ax.get_xlabel() in ("n (cm$^{-3}$)", "time since the pulse (ns)")
        ax.figure.canvas.draw()

    def test_decay_rates_of_counts_lie_on_the_fitted_law(self):
        found = made("series")
        ax = plots.plot_decay_orders(found)
        for container in ax.containers:
            n, rate = container[0].get_data()
            assert abs(np.median(rate / rate_terms(n, found.rates).sum(axis=0)) - 1) < 0.2

    @pytest.mark.parametrize("name", OF_RATE_LAW)
    @pytest.mark.parametrize("kind", OWN)
    def test_terms_of_the_rate_law_are_refused_for_an_own_equation(self, name, kind):
        with pytest.raises(ValueError, match=r"terms of dn/dt .* which Equation\(traps_and_light: k1, k2\)"):
            getattr(plots, name)(made(kind))
        assert plt.get_fignums() == []

    @pytest.mark.parametrize("kind", MAKE)
    def test_every_law_s_traces_are_drawn_with_residuals_in_sigma(self, kind):
        found = made(kind)
        _, lower = plots.plot_series(found)
        for line, rest in zip(lower.lines, found.residuals(in_sigma=True), strict=False):
            np.testing.assert_array_equal(line.get_ydata(), rest)

    def test_in_a_train_the_shares_begin_at_what_the_pulses_have_added_up_to(self):
        t, rates, begin = np.linspace(0.0, 3.9, 60), (0, 0.1, 0.1, 0.0), 1.0
        for _ in range(100):  # pulse by pulse
            begin = 1.0 + solve(4.0, begin, rates)
        trace = Trace(t, solve(t, begin, rates), t_unit="ns", signal_unit="cm^-3")
        found = fit(Measurement(trace, repetition_period=4.0), rates)
        ax = plots.plot_shares_over_time(found)
        of_traps = rates[1] / (rates[1] + rates[2] * begin)
        assert ax.lines[0].get_ydata()[0] == pytest.approx(100 * of_traps, rel=1e-3)
        assert begin > 1.3


def test_the_laws_of_the_five_fits_are_what_they_say():
    assert {name for name, law in LAWS.items() if law is EQUATION} == set(OWN)
