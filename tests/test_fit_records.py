"""A record of any fit says what was fitted, makes the fit again without a search, and repeats its bytes."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from five_fits import EQUATION, LAWS, MAKE, counts, density, made
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from helpers import records
from helpers.fitting import fit
from helpers.kinetics import Equation, RateLaw
from helpers.measurement import Measurement, Quantity
from helpers.paths import ROOT
from helpers.records.reading import record_from
from helpers.records.writing import record_of
from helpers.traces import Trace

each_kind = pytest.mark.parametrize("name", MAKE)


@pytest.fixture
def saved(tmp_path):
    def save(name):
        return records.save(made(name), tmp_path / "mine.par")

    return save


@each_kind
class TestEveryKind:
    def test_a_record_has_the_values_errors_and_units_by_name(self, name, saved):
        found, record = made(name), records.load(saved(name))
        free = found.status == "free"
        assert (np.abs(record.values - found.values) <= 1e-3 * found.stderr)[free].all()
        pd.testing.assert_series_equal(record.values[~free], found.values[~free], rtol=1e-8)
        pd.testing.assert_series_equal(record.stderr, found.stderr, rtol=5e-3)
        pd.testing.assert_series_equal(record.status, found.status)
        pd.testing.assert_series_equal(record.units, found.units)
        np.testing.assert_allclose(record.guess, [*found.guess.values()], rtol=5e-6)
        np.testing.assert_allclose([record.cost, record.rmse], [found.cost, found.rmse], rtol=5e-6)
        assert (record.loss, record.f_scale, record.converged) == ("linear", 1.0, True)

    def test_the_fit_is_made_again_without_a_search(self, name, saved):
        found = made(name)
        again = records.load(saved(name)).on(found.measurement, LAWS[name])
        assert again.evaluations == 1
        assert again.cost == pytest.approx(found.cost, rel=1e-6)
        pd.testing.assert_series_equal(again.stderr, found.stderr, rtol=1e-4)
        pd.testing.assert_series_equal(again.status, found.status)
        for one, other, trace in zip(again.curves(), found.curves(), found.traces, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(trace.signal).max())

    def test_the_fit_that_was_made_again_can_go_on(self, name, saved):
        found = made(name)
        again = records.load(saved(name)).on(found.measurement, LAWS[name]).refit()
        free = found.status == "free"
        assert (np.abs(again.values - found.values) <= 1e-4 * found.stderr)[free].all()

    def test_the_same_fit_is_the_same_bytes(self, name, saved, tmp_path):
        written = saved(name).read_bytes()
        assert records.save(MAKE[name](), tmp_path / "again.par").read_bytes() == written
        assert b"\r" not in written
        assert written.endswith(b"}\n")

    def test_searches_that_differ_in_rounding_write_the_same_bytes(self, name, saved, tmp_path):
        found, written = made(name), saved(name).read_bytes()
        draw = np.random.default_rng(20190110)
        errors = np.nan_to_num(np.array(found.stderr)) / found.problem.scales
        for noise in draw.uniform(-1e-7, 1e-7, (10, len(errors))):
            x = found.minimum.x + noise * errors
            cost = found.cost * (1 + 1e-4 * noise[0])
            moved = found.at(replace(found.minimum, x=x, cost=cost))
            assert records.save(moved, tmp_path / "moved.par").read_bytes() == written

    def test_a_record_that_is_written_again_is_the_same_text(self, name, saved):
        text = saved(name).read_text(encoding="utf-8")
        content = records.load(saved(name)).content()
        assert json.dumps(content, indent=2, ensure_ascii=False) + "\n" == text

    def test_the_trace_that_changed_is_named(self, name, saved):
        found, record = made(name), records.load(saved(name))
        assert record.belongs_to(found.measurement)
        signals = [trace.signal.copy() for trace in found.traces]
        signals[-1][3] += 1.0
        other = found.measurement.with_signals(signals)
        assert not record.belongs_to(other)
        with pytest.raises(ValueError, match=f"trace '{found.traces[-1].name}' .*not the one"):
            record.on(other, LAWS[name])


class TestBelonging:
    def test_another_number_of_traces_is_refused(self, saved):
        with pytest.raises(ValueError, match="4 traces and this measurement 1"):
            records.load(saved("series")).on(counts())

    @pytest.mark.parametrize(
        ("entry", "change"),
        [
            ("n0", {"n0": 1e17}),
            ("p0", {"p0": 1e16}),
            ("noise", {"noise": "even"}),
            ("offset", {"offset": "shared"}),
            ("response_fwhm", {"response_fwhm": 1.0}),
            ("time_zero", {"time_zero": 0.25}),
        ],
    )
    def test_a_measurement_described_otherwise_is_refused_by_entry(self, saved, entry, change):
        measurement = counts()
        options = {"observable": "photoluminescence", "time_zero": 0.0, "offset": "free", "noise": "poisson"}
        n0 = np.asarray(measurement.n0.value)
        other = Measurement(measurement.traces, **{"n0": n0} | options | change)
        with pytest.raises(ValueError, match=f"measurement's {entry} is .* and was "):
            records.load(saved("counts")).on(other)

    def test_a_bare_trace_serves_where_one_was_fitted(self, saved):
        assert records.load(saved("density")).on(density()).converged


class TestEquations:
    def test_the_equation_must_be_given(self, saved):
        with pytest.raises(ValueError, match="equation 'traps_and_light': give it as law="):
            records.load(saved("equation")).on(made("equation").measurement)

    def test_a_changed_source_is_refused(self, saved):
        def traps_and_light(t, n, args):
            return -args[0] * n - args[1] * n**3

        law = Equation(traps_and_light, ["k1", "k2"], orders={"k1": 1, "k2": 2})
        with pytest.raises(ValueError, match="'traps_and_light' has changed since"):
            records.load(saved("equation")).on(made("equation").measurement, law)

    @pytest.mark.parametrize("law", [RateLaw(), Equation(EQUATION.f, ["a", "b"])])
    def test_another_law_is_refused(self, saved, law):
        with pytest.raises(ValueError, match="equation 'traps_and_light' of k1, k2"):
            records.load(saved("equation")).on(made("equation").measurement, law)

    def test_a_changed_observable_is_seen_by_its_cost(self, tmp_path):
        def seen_through(power):
            return Measurement(density().log_binned(10), observable=lambda n: n**power, n0=Quantity(800.0))

        found = fit(seen_through(1.0), {"k1": 1e-2, "k2": 1e-3}, law=EQUATION)
        record = records.load(records.save(found, tmp_path / "own.par"))
        assert record.on(seen_through(1.0), EQUATION).cost == pytest.approx(found.cost, rel=1e-4)
        with pytest.raises(ValueError, match=r"at the saved values the cost is .* has changed since"):
            record.on(seen_through(1.1), EQUATION)


class TestOddFits:
    def test_a_fit_that_could_not_be_computed_comes_back_as_it_was(self, tmp_path):
        failed = fit(density(), (0, 0, 1e300, 0))
        assert not failed.converged
        record = records.load(records.save(failed, tmp_path / "failed.par"))
        assert (record.cost, record.converged, record.message) == (math.inf, False, failed.message)
        assert math.isnan(record.rmse)
        assert record.stderr.isna().all()
        again = record.on(density())
        assert (again.cost, again.converged) == (math.inf, False)

    def test_a_direction_that_the_data_leave_open_stays_open(self, tmp_path):
        t = np.linspace(0, 1, 40)
        found = fit(Trace(t, np.exp(-t)), (0, 1, 0, 0))
        found.__dict__["stderr"] = found.stderr.where(found.stderr.index != "k1", math.inf)
        assert records.load(records.save(found, tmp_path / "open.par")).stderr["k1"] == math.inf

    def test_an_error_that_a_bound_makes_too_small_is_not_kept(self, tmp_path):
        t = np.linspace(0, 5, 12)
        signal = 1 / (1 + t) + 0.02 * np.random.default_rng(1).standard_normal(12)
        found = fit(Trace(t, signal, np.full(12, 0.02)))
        assert found.see_interval["k2"]
        record = records.load(records.save(found, tmp_path / "bound.par"))
        assert math.isnan(record.stderr["k2"])
        assert record.status["k2"] == "free"
        again = record.on(found.measurement)
        assert again.see_interval["k2"]
        assert again.cost == pytest.approx(found.cost, rel=1e-4)

    def test_a_fit_without_noise_is_made_again(self, tmp_path):
        t = np.linspace(0, 5, 50)
        found = fit(Trace(t, 2 / (1 + 2 * t)))
        record = records.load(records.save(found, tmp_path / "exact.par"))
        np.testing.assert_allclose(record.on(found.measurement).curves()[0], 2 / (1 + 2 * t), rtol=1e-5)

    def test_what_ended_on_its_bound_stays_there(self, tmp_path):
        t = np.linspace(0, 3, 60)
        law = Equation(lambda t, n, args: -args[0] * n, ["k"], lower=0.75, orders={"k": 1})
        found = fit(Trace(t, np.exp(-0.7 * t)), {"k": 1.0}, law=law)
        assert found.status["k"] == "bound"
        again = records.load(records.save(found, tmp_path / "a.par")).on(found.measurement, law)
        assert (again.status["k"], again.values["k"]) == ("bound", 0.75)

    def test_a_robust_loss_is_kept(self, tmp_path):
        found = fit(density(), loss="soft_l1", f_scale=0.3)
        record = records.load(records.save(found, tmp_path / "a.par"))
        assert (record.loss, record.f_scale) == ("soft_l1", 0.3)
        assert record.on(density()).cost == pytest.approx(found.cost, rel=1e-6)


numbers = st.floats(allow_nan=True, allow_infinity=True)
sizes = st.one_of(st.floats(min_value=0), st.just(math.nan))


@given(
    value=st.lists(numbers, min_size=5, max_size=5),
    error=st.lists(sizes, min_size=5, max_size=5),
    cost=sizes,
    text=st.text(max_size=20),
    status=st.lists(st.sampled_from(["free", "fixed", "bound"]), min_size=5, max_size=5),
)
def test_any_record_comes_back_as_it_was(value, error, cost, text, status):
    record = record_of(made("density"))
    names = record.values.index
    other = replace(
        record,
        values=pd.Series(value, names),
        stderr=pd.Series(error, names),
        status=pd.Series(status, names),
        guess=pd.Series(value[::-1], names),
        cost=cost,
        rmse=cost,
        message=text,
        measurement=record.measurement | {"name": text},
    )
    written = json.dumps(other.content(), allow_nan=False)
    back = record_from(json.loads(written))
    assert json.dumps(back.content()) == written
    np.testing.assert_array_equal(back.values, value)
    np.testing.assert_array_equal(back.stderr, error)
    np.testing.assert_array_equal([back.cost, *back.guess], [cost, *value[::-1]])


def emptying(t, n, args):
    return -args[0] * n


@st.composite
def fits_of_any_kind(draw):
    """Draw a fit, converged or not, of a few points in any units, with names of any letters."""
    letters = st.characters(exclude_categories=["Cc"]) | st.sampled_from("\udcff\ud800µ²")
    words = st.text(letters, max_size=9)
    count, size = draw(st.integers(1, 2)), draw(st.sampled_from([3, 6, 40]))
    noise = draw(st.sampled_from(["poisson", "sigma", "even", "estimated"]))
    observable = draw(st.sampled_from(["density", "photoluminescence", "mobility"]))
    unit, rng = 10.0 ** draw(st.integers(-30, 30)), np.random.default_rng(draw(st.integers(0, 99)))
    t, traces = draw(st.sampled_from([1e-9, 1.0, 1e12])) * np.linspace(0, 5, size), []
    named = [draw(words) for _ in range(count)]
    signal_unit = draw(words)
    for j in range(count):
        shape = (1 + j) / (1 + (1 + j) * np.linspace(0, 5, size))
        signal = (
            rng.poisson(200 * shape) if noise == "poisson" else unit * (shape + rng.normal(0, 0.05, size))
        )
        sigma = np.full(size, 0.05 * unit) if noise == "sigma" else None
        traces.append(Trace(t, signal, sigma, name=named[j], t_unit="ns", signal_unit=signal_unit))
    options = {"offset": draw(st.sampled_from(["free", "shared", "fixed"])), "noise": noise}
    if observable != "density":
        options |= {"n0": np.arange(1.0, count + 1), "scale": draw(st.sampled_from(["free", "shared"]))}
    measurement = Measurement(traces, observable=observable, **options)
    loss = draw(st.sampled_from(["linear", "soft_l1", "huber", "cauchy"]))
    settings = {"loss": loss, "f_scale": draw(st.sampled_from([1.0, 1e-3, 1e3]))}
    settings |= {"max_evaluations": draw(st.sampled_from([1, 30]))}
    law, guess = None, None
    if draw(st.integers(0, 3)) == 0:
        law = Equation(emptying, [draw(words.filter(str.strip))], orders=None)
        guess = dict.fromkeys(law.names, draw(st.sampled_from([0.0, 1.0, 1e300])))
    elif draw(st.booleans()):
        guess = tuple(draw(st.sampled_from([0.0, 1.0, 1e-300, 1e300])) for _ in range(4))
    return law, measurement, guess, settings


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(drawn=fits_of_any_kind())
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_whatever_fit_is_saved_is_loaded_again(drawn, tmp_path_factory):
    law, measurement, guess, options = drawn
    try:
        found = fit(measurement, guess, law=law, **options)
    except (ValueError, ArithmeticError):
        assume(False)
    path = records.save(found, tmp_path_factory.mktemp("any") / "mine.par")
    record = records.load(path)
    assert record.content() == record_of(found).content()
    assert (record.converged, record.loss) == (found.converged, found.loss)
    assert [each.name for each in record.traces] == [trace.name for trace in measurement.traces]


class TestFiles:
    def test_files_of_the_first_version_are_still_read(self):
        record = records.load(ROOT / "tests" / "fit_version_1.par")
        assert record.belongs_to(density())
        found = record.on(density())
        assert found.rates.k2 == pytest.approx(0.001030222)
        assert found.stderr["k3"] == pytest.approx(record.stderr["k3"], rel=1e-2)

    @pytest.mark.parametrize(
        "way", [("data", "points"), ("guess", "k1"), ("optimized", "k3", "value"), ("cost",)]
    )
    def test_a_damaged_file_of_the_first_version_is_refused(self, way, tmp_path):
        content = json.loads((ROOT / "tests" / "fit_version_1.par").read_text(encoding="utf-8"))
        place = content
        for key in way[:-1]:
            place = place[key]
        place[way[-1]] = "a"
        (tmp_path / "old.par").write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(ValueError, match=rf"old\.par is no whole record of a fit: .*{way[-1]}"):
            records.load(tmp_path / "old.par")

    def test_a_file_of_a_newer_workbook_asks_for_an_update(self, saved):
        path = saved("density")
        path.write_text(path.read_text(encoding="utf-8").replace("version 2", "version 3"), encoding="utf-8")
        with pytest.raises(ValueError, match=r"mine\.par was written by a newer workbook .*; update") as told:
            records.load(path)
        assert "delete" not in str(told.value)

    @pytest.mark.parametrize("name", ["series", "equation"])
    def test_each_entry_that_is_missing_or_of_the_wrong_kind_is_refused(self, name, saved):
        path = saved(name)
        whole = json.loads(path.read_text(encoding="utf-8"))
        for *way, last in leaves(whole):
            if way[:1] == ["versions"] or last == "format":
                continue
            for wrong in ("take out", {"a": 1}):
                if last == "estimated_noise" and wrong == "take out":
                    continue  # a fit with even weights has none; the cost tells that they are missing
                content = json.loads(json.dumps(whole))
                place = content
                for key in way:
                    place = place[key]
                if wrong == "take out":
                    del place[last]
                else:
                    place[last] = wrong
                path.write_text(json.dumps(content), encoding="utf-8")
                with pytest.raises(ValueError, match=r"mine\.par is no whole record .*fit again and save"):
                    records.load(path)

    def test_a_negative_error_is_refused(self, saved):
        path = saved("density")
        content = json.loads(path.read_text(encoding="utf-8"))
        content["optimized"]["k1"]["stderr"] = -1.0
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(ValueError, match=r"optimized\.k1\.stderr = -1 is negative"):
            records.load(path)


def leaves(node, way=()):
    """Yield the way to every entry of nested dictionaries and lists of them."""
    rows = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in rows:
        if isinstance(node, dict) or isinstance(value, dict):
            yield (*way, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*way, key))
