"""The law of finite traps: against LSODA, its limits, its derivatives, and fits of simulated series."""

import functools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from helpers import kinetics, records
from helpers.fitting import fit
from helpers.kinetics import TrapLaw
from helpers.measurement import Measurement, Observable
from helpers.panel.model import Model
from helpers.traces import Trace
from helpers.uncertainty import compare, profile

T = np.arange(-50, 450) * 0.8  # ns
N0 = np.array([2e15, 2e16, 2e17, 1e18])
TRUTH = {"k2": 1e-19, "k3": 0.0, "k_t": 2e-18, "N_t": 3e16, "k_d": 2e-3, "k_r": 0.0}
LAW = TrapLaw()
SETTINGS = [  # values of (k2, k3, k_t, N_t, k_d, k_r) and the start (n, n_t), with p0
    ((6e-4, 0, 0.1, 1, 5e-3, 0), (1.0, 0.0), 0.0),
    ((6e-4, 1e-6, 0.5, 10, 5e-3, 1e-2), (30.0, 0.0), 0.0),
    ((6e-2, 0, 5, 10, 0.5, 0), (3.0, 2.0), 1.0),
    ((0, 0, 0.1, 1, 0, 0.1), (0.01, 0.0), 0.5),
    ((1.0, 0.1, 100, 0.1, 1e-3, 10), (50.0, 0.0), 0.0),  # stiff
]


def equations(values, p0):
    k2, k3, k_t, N_t, k_d, k_r = values

    def slope(_, y):
        n, trapped = y
        holes = n + p0 + trapped
        caught = k_t * n * (N_t - trapped) - k_d * trapped
        return [-k2 * n * holes - k3 * n**3 - caught, caught - k_r * trapped * holes]

    return slope


def expected(n0, peak=10_000):
    n, trapped = LAW.solve(np.maximum(T, 0), np.array([n0, 0.0]), LAW.values(TRUTH))[0].T
    light = np.where(T >= 0, n * (n + trapped), 0.0)
    return 3 + peak * light / light.max()


def measured(densities, seed, **settings):
    random = np.random.default_rng(seed)
    traces = [
        Trace(T, random.poisson(expected(n0)), t_unit="ns", signal_unit="counts", name=f"{n0:g}")
        for n0 in densities
    ]
    known = {"n0_cm3": densities, "p0_cm3": 0.0, "time_zero": 0.0, "baseline": (-20, -1)}
    return Measurement(traces, kind="TRPL counts", **known | settings)


@functools.cache
def series():
    return fit(measured(N0, 3), law=LAW)


@pytest.mark.parametrize(("values", "start", "p0"), SETTINGS)
def test_it_is_the_solution_of_its_equations(values, start, p0):
    t = np.concatenate([[0.0], np.geomspace(1e-4, 200, 200)])
    options = {"rtol": 1e-12, "atol": 1e-14 * max(start)}
    truth = solve_ivp(equations(values, p0), (0, t[-1]), start, "LSODA", t, **options).y.T
    n, _ = TrapLaw(p0).solve(t, np.array(start), np.array(values, float))
    assert n == pytest.approx(truth, abs=1e-8 * max(start))
    rate = TrapLaw(p0).slope(0.0, np.array(start), np.array(values, float))
    assert rate == pytest.approx(equations(values, p0)(0, start))


@pytest.mark.parametrize(("values", "start", "p0"), SETTINGS[:3])
def test_its_derivatives_are_those_of_differences(values, start, p0):
    law, t = TrapLaw(p0), np.linspace(0, 100, 60)
    row = np.array([*values, *start], float)
    _, derivatives = law.solve(t, row[6:], row[:6])
    for index in np.flatnonzero(row):
        step = np.zeros(8)
        step[index] = 1e-3 * row[index]
        ends = [law.solve(t, (row + sign * step)[6:], (row + sign * step)[:6])[0] for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step[index])
        size = np.abs(slope).max()
        assert derivatives[:, :, index] == pytest.approx(slope, abs=2e-5 * size)


def test_traps_that_do_not_catch_or_stay_empty_leave_the_rate_law():
    t, start, p0 = np.linspace(0, 100, 80), np.array([5.0, 0.0]), 2.0
    n, _ = TrapLaw(p0).solve(t, start, np.array([1e-2, 1e-4, 0.0, 1.0, 0.0, 0.0]))
    assert n[:, 0] == pytest.approx(kinetics.solve(t, 5.0, (0, 1e-2 * p0, 1e-2, 1e-4)), rel=1e-8)
    # Traps that lose their electrons at once stay empty: k1 = k_t·N_t + k2·p0.
    n, _ = TrapLaw(p0).solve(t, start, np.array([1e-2, 1e-4, 1e-6, 5e4, 0.0, 1e4]))
    assert n[:, 0] == pytest.approx(kinetics.solve(t, 5.0, (0, 0.05 + 1e-2 * p0, 1e-2, 1e-4)), rel=1e-4)
    # Traps that release at once hold nobody: k1 is gone.
    n, _ = TrapLaw(p0).solve(t, start, np.array([1e-2, 0.0, 1e-4, 1.0, 1e4, 0.0]))
    assert n[:, 0] == pytest.approx(kinetics.solve(t, 5.0, (0, 1e-2 * p0, 1e-2, 0)), rel=1e-4)


def test_light_meets_the_partners_of_the_trapped():
    n = np.array([[3.0, 2.0], [1.0, 4.0]])
    light = Observable("photoluminescence", p0=1.0)
    value, slope = light.signal(n, (1,))
    assert value.tolist() == [3 * 6, 1 * 6]
    assert slope.tolist() == [[9.0, 3.0], [7.0, 1.0]]
    assert light.signal(n)[0].tolist() == [12.0, 2.0]  # other laws of two states: the first one alone
    assert Observable("mobility", sign=1).signal(n, (1,))[0].tolist() == [3.0, 1.0]


def test_four_traces_give_density_capture_and_k2():
    found = series()
    assert found.converged
    for name in ("k2", "k_t", "N_t", "k_d"):
        assert abs(found.values[name] - TRUTH[name]) < 3 * found.stderr[name]
        assert found.stderr[name] < 0.05 * TRUTH[name]
    assert found.reduced_chi2 == pytest.approx(1, abs=0.1)
    table = found.table()
    assert table["cgs unit"]["N_t"] == "cm^-3"
    assert table["in cgs"]["k_t"] == pytest.approx(TRUTH["k_t"] * 1e9, rel=0.05)
    # The rate law cannot describe them.
    assert compare([found, fit(found.measurement)]).table.index[0] == LAW.key


def test_a_search_for_traps_that_are_never_filled_says_so_and_its_remedy_works():
    lost = fit(measured(np.array([2e14]), 4), law=LAW)
    assert not lost.converged
    assert "N_t grows without an end" in lost.message
    held = fit(lost.measurement, {"N_t": TRUTH["N_t"]}, law=LAW, fixed=["N_t", "k3", "k_r"])
    assert held.converged
    assert held.values["k_t"] == pytest.approx(TRUTH["k_t"], rel=0.05)


def test_one_trace_of_low_density_leaves_the_trap_density_open():
    found = fit(measured(N0[:1] / 10, 4), law=LAW)
    curves = profile(found, ["N_t", "k_t"])
    assert curves["N_t"].verdict in ("lower limit", "not determined")
    assert series().stderr["N_t"] < 0.05 * TRUTH["N_t"]


def test_a_record_comes_back_without_naming_the_law(tmp_path):
    found = series()
    records.save(found, tmp_path / "traps.par")
    again = records.load(tmp_path / "traps.par").on(found.measurement)
    assert isinstance(again.law, TrapLaw)
    assert again.cost == pytest.approx(found.cost, rel=1e-7)


def test_the_sliders_have_its_parameters_and_its_curve():
    found = series()
    model = Model(found.measurement, LAW, dict(found.values[[*LAW.names]]))
    assert set(LAW.names) <= set(model.problem.names)
    settled = model.problem.curves(model.problem.point(np.array(found.values)))
    assert settled[0] == pytest.approx(found.curves()[0], rel=1e-6)


def test_in_a_train_the_traps_fill():
    law = TrapLaw()
    single = measured(N0[1:2], 5)
    train = measured(N0[1:2], 5, repetition_Hz=2.5e6)
    guess = TRUTH | {"k_r": 1e-20}
    held = list(law.names)
    rises = [fit(each, guess, law=law, fixed=held).curves()[0] for each in (single, train)]
    t = T[T > 0]
    decays = [each[T > 0] / each[T > 0][0] for each in rises]
    assert decays[1][len(t) // 4] > decays[0][len(t) // 4]  # filled traps catch less


def test_another_doping_than_the_measurements_is_refused():
    with pytest.raises(ValueError, match=r"give law=TrapLaw\(p0=1e\+15\)"):
        fit(measured(N0[1:2], 6, p0_cm3=1e15), law=LAW)
    with pytest.raises(ValueError, match="doping must be"):
        TrapLaw(-1.0)
    with pytest.raises(ValueError, match="there is no k1"):
        LAW.values({"k1": 1.0})
    assert "p0=1e+15" in repr(TrapLaw(1e15))
