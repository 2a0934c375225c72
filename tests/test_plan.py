"""Which fluences to measure: predicted errors against closed forms and simulated fits."""

import itertools

import numpy as np
import pytest

from helpers import plots
from helpers.fitting import fit
from helpers.kinetics import TrapLaw, solve
from helpers.measurement import Measurement
from helpers.measurement.excitation import carrier_density
from helpers.traces import Trace
from helpers.uncertainty import plan

T = np.arange(0, 200, 0.5)
RATES = (0.0, 0.015, 6e-20, 1.6e-37)
DENSITIES = [2e16, 1e17, 5e17, 2.5e18]
PEAK, BACKGROUND = 5000, 4


def expected(n0):
    return BACKGROUND + PEAK * (solve(T, n0, RATES) / n0) ** 2


def measured(densities, signals):
    traces = [Trace(T, each, t_unit="", signal_unit="counts") for each in signals]
    return Measurement(traces, kind="TRPL counts", n0=densities, time_zero=0.0, p0=0.0)


def test_an_exponential_has_the_error_of_its_closed_form():
    t = np.linspace(0, 5, 501)
    trace = Trace(t, np.round(1e4 * np.exp(-2 * t)), signal_unit="counts")
    known = {"kind": "TRPL counts", "n0": 1.0, "time_zero": 0.0, "p0": 0.0, "scale": 1e4, "offset": 0.0}
    found = plan(
        fit(Measurement(trace, **known), (0, 1, 0, 0), fixed=["G", "k2", "k3"]), [1.0, 2.0], sizes=[2]
    )
    # Counts μ = N·n0²·exp(−2·k1·t) have the information Σ 4·t²·μ about k1.
    information = 5 * np.sum(4 * t**2 * 1e4 * np.exp(-2 * t))
    assert list(found.table.columns) == ["densities", "traces", "k1 %", "worst %"]
    assert found.table["k1 %"][0] == pytest.approx(100 / np.sqrt(information), rel=1e-3)


def test_a_density_keeps_its_relative_noise():
    t, random = np.linspace(0, 5, 400), np.random.default_rng(4)
    traces = [
        Trace(t, solve(t, n0, (0, 0.3, 0.5, 0)) + 0.01 * n0 * random.standard_normal(400))
        for n0 in (1.0, 5.0)
    ]
    found = fit(traces)
    row = plan(found, [1.0, 5.0], sizes=[2]).table.iloc[0]
    assert row["k1 %"] == pytest.approx(100 * found.stderr["k1"] / found.values["k1"], rel=0.1)


def test_the_table_holds_every_set_and_its_best_is_the_best():
    found = plan(RATES, DENSITIES, counts=PEAK, t=T, background=BACKGROUND)
    sets = [set(each) for each in found.table["densities"]]
    wanted = [set(each) for size in (2, 3, 4) for each in itertools.combinations(DENSITIES, size)]
    assert len(sets) == len(wanted)
    assert all(each in sets for each in wanted)
    assert found.table["worst %"].is_monotonic_increasing
    # More traces never know less.
    assert set(found.best()) == set(DENSITIES)
    assert found.best(2)[1] == 2.5e18
    with pytest.raises(ValueError, match="sets of 2, 3, 4"):
        found.best(7)


def test_a_fit_and_its_rates_make_the_same_plan():
    found = fit(measured(DENSITIES[:2], [expected(n0).round() for n0 in DENSITIES[:2]]))
    by_fit = plan(found, DENSITIES, counts=PEAK, sizes=[2])
    by_rates = plan(found.rates, DENSITIES, counts=PEAK, t=T, background=found.offset[0], sizes=[2])
    assert by_fit.table["worst %"].to_numpy() == pytest.approx(by_rates.table["worst %"].to_numpy(), rel=1e-6)
    # The errors of a fit to just these traces are those that the plan expects of them.
    row = by_fit.table[by_fit.table["densities"] == tuple(DENSITIES[:2])].iloc[0]
    for name in by_fit.names:
        assert row[f"{name} %"] == pytest.approx(100 * found.stderr[name] / found.values[name], rel=0.05)


def test_fluences_become_densities_by_the_fits_film():
    film = {"wavelength_nm": 400, "thickness_nm": 300, "absorption_per_cm": 1.5e5, "reflection": 0.2}
    random, settings = np.random.default_rng(8), {"kind": "TRPL counts", "p0_cm3": 0.0, "time_zero": 0.0}
    n0 = carrier_density(np.array([1e-6, 25e-6]), 400e-7, 300e-7, 1.5e5, 0.2)
    traces = [Trace(T, random.poisson(expected(each)), t_unit="ns", signal_unit="counts") for each in n0]
    found = fit(Measurement(traces, fluence_uJ_cm2=[1, 25], film=film, **settings), RATES)
    by_fluence = plan(found, fluences_uJ_cm2=[0.2, 1, 5, 25], sizes=[2])
    by_density = plan(found, n0[0] * np.array([0.2, 1, 5, 25]), sizes=[2])
    assert by_fluence.table["worst %"].to_numpy() == pytest.approx(by_density.table["worst %"].to_numpy())
    fluences, densities = by_fluence.table["fluences µJ/cm^2"][0], by_fluence.table["densities"][0]
    assert np.array(densities) / np.array(fluences) == pytest.approx(n0[0], rel=1e-9)
    with pytest.raises(ValueError, match="one of them"):
        plan(found)
    with pytest.raises(ValueError, match="knows its film"):
        plan(RATES, fluences_uJ_cm2=[1, 5], t=T)


def test_a_law_of_traps_can_be_planned_too():
    law, truth = TrapLaw(), {"k2": 1e-19, "k_t": 2e-18, "N_t": 3e16, "k_d": 2e-3}
    random, traces = np.random.default_rng(9), []
    for n0 in (2e16, 2e17):
        n, trapped = law.solve(T, np.array([n0, 0.0]), law.values(truth))[0].T
        light = n * (n + trapped)
        traces.append(
            Trace(T, random.poisson(4 + PEAK * light / light[0]), t_unit="ns", signal_unit="counts")
        )
    settings = {"kind": "TRPL counts", "n0_cm3": [2e16, 2e17], "p0_cm3": 0.0, "time_zero": 0.0}
    found = fit(Measurement(traces, **settings), truth | {"k3": 0.0, "k_r": 0.0}, law=law)
    row = plan(found, [2e16, 2e17], counts=PEAK, sizes=[2]).table.iloc[0]
    assert row["N_t %"] == pytest.approx(100 * found.stderr["N_t"] / found.values["N_t"], rel=0.05)


def test_predicted_errors_are_the_scatter_of_simulated_fits():
    chosen = (1e17, 2.5e18)
    row = plan(RATES, chosen, counts=PEAK, t=T, background=BACKGROUND, sizes=[2]).table.iloc[0]
    random = np.random.default_rng(14)
    curves = [expected(n0) for n0 in chosen]
    fits = [fit(measured(chosen, [random.poisson(each) for each in curves]), RATES) for _ in range(60)]
    for name, truth in zip(("k1", "k2", "k3"), RATES[1:], strict=True):
        scatter = np.std([each.values[name] for each in fits], ddof=1)
        # The scatter of 60 fits is itself known to 9 %; tests/benchmarks/plan.py takes 200.
        assert scatter / truth * 100 == pytest.approx(row[f"{name} %"], rel=0.25)


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(ValueError, match="give t"):
        plan(RATES, DENSITIES)
    with pytest.raises(ValueError, match="different positive densities"):
        plan(RATES, [1e17, 1e17], t=T)
    with pytest.raises(ValueError, match="largest expected count"):
        plan(RATES, DENSITIES, t=T, counts=0)
    with pytest.raises(ValueError, match="rates above 0"):
        plan((0, 0, 0, 0), DENSITIES, t=T)


def test_the_figure_shows_sets_and_errors():
    found = plan(RATES, DENSITIES, counts=PEAK, t=T, background=BACKGROUND)
    left, right = plots.plot_plan(found, best=5)
    assert len(left.lines) == 5
    assert left.lines[0].get_xdata() == pytest.approx(found.table["densities"][0])
    assert [line.get_label() for line in right.lines] == ["k1", "k2", "k3"]
    assert right.lines[1].get_xdata() == pytest.approx(found.table["k2 %"][:5].to_numpy())
    assert left.get_xlabel()
    assert right.get_xlabel()
