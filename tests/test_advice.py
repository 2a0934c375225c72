"""Each sentence of the advice against data whose truth is known: it must be said there, and only there."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from helpers import kinetics
from helpers.fitting import fit
from helpers.kinetics import Rates
from helpers.measurement import Measurement, Quantity
from helpers.traces import Trace
from helpers.uncertainty import advise, misfit, profile
from helpers.uncertainty.advice import _expected_error, about_trade_offs
from tests.benchmarks.false_alarms import LEVELS, autoregressive, filled_traps, right, trapped

T = np.linspace(0, 100, 150)
RATES = (0.0, 0.02, 0.01, 0.0)
UNITS = {"t_unit": "ns", "signal_unit": "10^16 cm^-3"}
SERIES = (1.0, 5.0)


def decays(levels, *, rates=RATES, noise=0.01, given=None, rho=0.0, seed=1, t=T, shape=None):
    """Traces of density with noise of that size, and with the errors `given` (none without)."""
    rng, traces = np.random.default_rng(seed), []
    for j, n0 in enumerate(levels):
        clean = kinetics.solve(t, n0, rates) if shape is None else shape(t, n0)
        signal = clean + noise * autoregressive(rng, len(t), rho)
        sigma = None if given is None else np.full(len(t), given)
        traces.append(Trace(t, signal, sigma, f"level {j + 1}", **UNITS))
    return traces


def said(words, pattern):
    """Return the sentences that hold the pattern."""
    return [each for each in words if re.search(pattern, each)]


both = pytest.mark.parametrize("levels", [(5.0,), SERIES], ids=["one trace", "series"])


class TestResiduals:
    @both
    def test_the_right_law_leaves_noise_and_every_trace_is_named(self, levels):
        words = advise(fit(decays(levels, given=0.01), fixed=["G", "k3"]))
        for j in range(len(levels)):
            assert words[j].startswith(f"level {j + 1}: the residuals look like noise")
        assert not said(words, "Misfit|structured|correlated|does not|times the noise")

    @both
    @pytest.mark.parametrize("given", [0.01, None], ids=["sigma known", "sigma unknown"])
    def test_a_misfit_marks_every_number_after_it(self, levels, given):
        found = fit(decays(levels, given=given, shape=trapped), RATES, fixed=["G"])
        words = advise(found)
        assert words[0].startswith("Misfit: ")
        assert ("all traces" in words[0]) == (len(levels) > 1)
        chi2 = f"χ² is {found.reduced_chi2:.3g} per degree of freedom"
        assert (chi2 in words[0]) == (given is not None)
        numbers = [each for each in words[1 + len(levels) :] if not re.search("the scatter|^Noise", each)]
        assert said(numbers, "^k1 ")
        assert said(numbers, "of all recombination|Of all recombination")
        marked = [each for each in numbers if "not describe the data" in each]
        assert all("not determined" in each for each in numbers if each not in marked)

    @both
    def test_correlated_noise_is_named_and_each_interval_given_twice(self, levels):
        found = fit(decays(levels, given=0.01, rho=0.6, t=np.linspace(0, 100, 400)), fixed=["G", "k3"])
        test = misfit(found)
        words = advise(found)
        assert words[0].startswith("Either the noise is correlated or the law is a little wrong")
        assert f"correlation {test.correlation:.2f}" in words[0]
        assert f"k1 by {test.widening['k1']:.2g}" in words[0]
        (k1,) = said(words, "^k1 = ")
        own, wider = (float(each) for each in re.findall(r"± (\S+) 1/ns", k1))
        assert wider / own == pytest.approx(test.widening["k1"], rel=0.05)
        low, high, *_ = (float(each) for each in re.findall(r"interval (\S+) to (\S+?)[,.]?(?= |$)", k1)[1])
        assert low - 1e-3 < RATES[1] < high + 1e-3
        assert high - low == pytest.approx(3.92 * wider, rel=0.05)
        assert not said(words, "Misfit|not describe the data")

    @both
    @pytest.mark.parametrize(("given", "direction"), [(0.005, "small"), (0.02, "large")])
    def test_noise_of_another_size_than_given_is_told_with_its_factor(self, levels, given, direction):
        words = advise(fit(decays(levels, given=given), fixed=["G", "k3"]))
        for j in range(len(levels)):
            (sentence,) = said(words, f"^level {j + 1}: the residuals")
            size = float(re.search(r"their size is (\S+) times the noise that was given", sentence)[1])
            assert size == pytest.approx(0.01 / given, rel=0.2)
            assert f"errors below are too {direction} by about that factor" in sentence

    def test_counts_that_are_no_counts_are_told(self):
        rng, t = np.random.default_rng(3), np.linspace(0, 100, 200)
        signal = 4.0 * rng.poisson(100 * np.exp(-0.1 * t) + 1)
        options = {"observable": "photoluminescence", "time_zero": 0.0, "n0": 1.0, "noise": "poisson"}
        measurement = Measurement(Trace(t, signal, t_unit="ns"), scale="free", offset="free", **options)
        words = advise(fit(measurement, (0, 0.05, 0, 0), fixed=["G", "k2", "k3"]))
        (sentence,) = said(words, "noise that counts have")
        assert "they are no raw counts, or the law does not describe them" in sentence
        assert float(re.search(r"size is (\S+) times", sentence)[1]) == pytest.approx(2, rel=0.15)

    def test_a_wrong_law_of_counts_is_a_misfit_of_the_series(self):
        words = advise(filled_traps(LEVELS, 500, 0.5, np.random.default_rng(4)))
        assert words[0].startswith("Misfit: one law with these parameters does not describe all traces")
        assert said(words, "^k1 = .*interval is too small, because the law does not describe the data")

    def test_too_few_counts_to_see_an_order_are_told(self):
        words = advise(right(LEVELS, 5, 0.02, np.random.default_rng(5)))
        assert len(said(words, "too few counts to test the order of the residuals")) == len(LEVELS)

    @both
    @pytest.mark.parametrize("sigma", [None, 0.01])
    def test_exact_data_hold_no_noise(self, levels, sigma):
        words = advise(fit(decays(levels, noise=0.0, given=sigma), fixed=["G", "k3"]))
        assert len(said(words, "nothing but rounding")) == len(levels)


class TestParameters:
    def test_a_determined_rate_comes_with_its_interval(self):
        found = fit(decays(SERIES, given=0.01, seed=4), fixed=["G", "k3"])
        curves = profile(found, ["k1", "k2"])
        for name, truth in (("k1", 0.02), ("k2", 0.01)):
            (sentence,) = said(advise(found, curves), f"^{name} = ")
            told = re.search(r"interval (\S+) to ([\d.e-]+\d)", sentence).groups()
            low, high = curves[name].interval95
            assert [float(each) for each in told] == pytest.approx([low, high], rel=1e-3)
            assert low < truth < high
            assert float(re.search(r"± (\S+)", sentence)[1]) == pytest.approx(curves[name].error, rel=0.05)

    @both
    def test_a_rate_that_is_not_there_has_an_upper_limit(self, levels):
        found = fit(decays(levels, given=0.01, rates=(0, 0.03, 0, 0)), fixed=["G", "k2"])
        (sentence,) = said(advise(found), "^k3 is at most")
        assert "it may be zero" in sentence
        assert "(95 %)" in sentence

    def test_a_decay_that_is_all_but_over_at_the_second_point_has_a_lower_limit(self):
        """There 0.012 ± 0.01 is left: k1 is about 4.4, and any faster decay would do as well."""
        signal = np.r_[1.0, 0.012, 0.01 * np.random.default_rng(2).standard_normal(10)]
        trace = Trace(np.arange(12.0), signal, np.full(12, 0.01), **UNITS)
        words = advise(fit(trace, (0, 4.0, 0, 0), fixed=["G", "k2", "k3"]))
        (sentence,) = said(words, "^k1 is at least")
        assert "the data set no upper limit" in sentence
        # Δ = 3.84 where 1.96 σ more are left than were seen
        assert float(sentence.split()[4]) == pytest.approx(-np.log(0.012 + 0.0196), rel=0.02)

    def test_fewer_points_than_parameters_determine_nothing(self):
        (sentence,) = advise(fit(decays((5.0,), t=np.linspace(0, 100, 5)), fixed=()))
        assert sentence.startswith("5 points and 5 free parameters: nothing is determined")

    def test_a_search_that_stopped_is_no_minimum(self):
        stopped = fit(decays((5.0,), given=0.01), (0, 1.0, 0, 0), fixed=["G", "k3"], max_evaluations=2)
        assert said(advise(stopped), "has not converged|better minimum")


class TestTable:
    """The table of a profile says the same as the sentences."""

    @both
    def test_a_misfit_marks_every_row(self, levels):
        curves = profile(fit(decays(levels, given=0.01, shape=trapped), RATES, fixed=["G"]), ["k1", "k2"])
        assert set(curves.table()["doubt"]) == {"too small: the law does not describe the data"}

    def test_correlated_noise_is_named_with_its_factor(self):
        found = fit(decays((5.0,), given=0.01, rho=0.6, t=np.linspace(0, 100, 400)), fixed=["G", "k3"])
        table = profile(found, ["k1"]).table()
        factor = misfit(found).widening["k1"]
        assert table.loc["k1", "doubt"] == f"too small by {factor:.2g} times, if the noise is correlated"

    def test_the_right_law_is_not_doubted(self):
        assert "doubt" not in profile(fit(decays(SERIES, given=0.01), fixed=["G", "k3"]), ["k1"]).table()


class TestNextMeasurement:
    """The advice on excitation is tried: a measurement there must have the error that was promised."""

    @both
    def test_a_tenfold_excitation_determines_what_it_should(self, levels):
        found = fit(decays(levels, given=0.02, noise=0.02), fixed=["G"])
        curves = profile(found, ["k3"])
        (sentence,) = said(advise(found, curves), "tenfold higher excitation .* would determine k3")
        promised = float(re.search(r"its error would be (\S+) %", sentence)[1]) / 100
        limit = curves["k3"].interval95[1]
        rates = Rates(0, found.values["k1"], found.values["k2"], limit)
        there = decays([10 * n0 for n0 in levels], rates=rates, noise=0.2, given=0.2, seed=8)
        again = fit(there, rates, fixed=["G"])
        assert again.stderr["k3"] / limit == pytest.approx(promised, rel=0.5)
        assert profile(again, ["k3"])["k3"].verdict == "determined"

    def test_so_does_one_without_known_noise(self):
        """The expected error is that of the noise that the residuals show."""
        errors = []
        for given in (None, 0.05):
            found = fit(decays((5.0,), noise=0.05, given=given), RATES, fixed=["G", "k3"])
            errors.append(_expected_error(found, "k2", 0.01, 10.0))
        there = decays((50.0,), noise=0.5, given=0.5, seed=9)
        own = fit(there, RATES, fixed=["G", "k3"]).stderr["k2"]
        assert errors[0] == pytest.approx(errors[1], rel=0.3)
        assert errors[1] == pytest.approx(own, rel=0.3)

    def test_less_excitation_is_advised_for_trapping(self):
        rates = (0, 1e-3, 0.01, 0)
        t = np.geomspace(0.1, 2000, 120)
        found = fit(decays((50.0,), rates=rates, noise=1.0, given=1.0, t=t), fixed=["G", "k3"])
        (sentence,) = said(advise(found), "excitation .* would determine k1")
        assert "tenfold lower" in sentence

    def test_where_no_excitation_helps_that_is_said(self):
        found = fit(decays((5.0,), noise=3.0, given=3.0, t=T[:20]), fixed=["G", "k3"])
        words = advise(found)
        assert said(words, "Neither a tenfold higher nor a tenfold lower excitation would determine k")

    def test_what_is_determined_needs_no_other_excitation(self):
        assert not said(advise(fit(decays(SERIES, given=0.01), fixed=["G", "k3"])), "excitation")


class TestTradeOffs:
    @pytest.mark.parametrize("value", [0.92, -0.95, 0.89, -0.5, np.nan])
    def test_above_nine_tenths_a_correlation_is_named(self, value):
        table = pd.DataFrame([[1.0, value], [value, 1.0]], ["a", "b"], ["a", "b"])
        words = about_trade_offs(table)
        assert len(words) == (abs(value) > 0.9)
        assert not words or words[0] == f"a and b trade off against each other (correlation {value:+.3f})."

    def test_a_short_window_cannot_tell_two_terms_apart_and_the_scatter_shows_it(self):
        t = np.linspace(0, 30, 100)
        fits = [fit(decays((5.0,), t=t, given=0.01, seed=k), RATES, fixed=["G", "k3"]) for k in range(60)]
        table = np.array([each.values[["k1", "k2"]] for each in fits])
        scatter = np.corrcoef(table.T)[0, 1]
        (sentence,) = said(advise(fits[0]), "k1 and k2 trade off")
        assert float(re.search(r"correlation (\S+)\)", sentence)[1]) == pytest.approx(scatter, abs=0.03)


class TestRecombination:
    @pytest.mark.parametrize(
        ("rates", "words"),
        [
            ((0, 0.02, 0.01, 0), "inside"),
            ((0, 0.1, 1e-3, 0), "lies above .*: the k2 term never overtakes the k1 term"),
            ((0, 1e-4, 0.05, 0), "lies below .*: the k2 term exceeds the k1 term all the time"),
        ],
    )
    def test_the_density_at_which_two_terms_are_equal_is_placed(self, rates, words):
        found = fit(decays((5.0,), rates=rates, noise=1e-5, given=1e-5, t=np.linspace(0, 40, 100)))
        sentences = said(advise(found), "^n12 = k1/k2")
        assert re.search(words, sentences[0])
        assert float(sentences[0].split()[4]) == pytest.approx(rates[1] / rates[2], rel=0.02)

    @both
    def test_shares_are_those_of_the_integrated_rates(self, levels):
        found = fit(decays(levels, given=0.01), fixed=["G", "k3"])
        words = said(advise(found), "all recombination")
        assert len(words) == len(levels)
        for n0, sentence in zip(found.n0, words, strict=True):
            ends = {
                "trapping": lambda t, n0=n0: found.rates.k1 * kinetics.solve([t], n0, found.rates)[0],
                "radiative": lambda t, n0=n0: found.rates.k2 * kinetics.solve([t], n0, found.rates)[0] ** 2,
            }
            sizes = {name: quad(each, 0, 100)[0] for name, each in ends.items()}
            for name, size in sizes.items():
                told = float(re.search(rf"(\S+) % is {name}", sentence)[1])
                assert told == pytest.approx(100 * size / sum(sizes.values()), rel=0.01)

    def test_a_signal_in_volts_is_said_to_be_taken_for_a_density(self):
        (trace,) = decays((5.0,), given=0.01)
        named = [replace(trace, signal_unit=unit) for unit in ("V", "10^16 cm^-3")]
        told = [said(advise(fit(each, fixed=["G", "k3"])), r"signal \(V\) is taken") for each in named]
        assert [len(each) for each in told] == [1, 0]


class TestFluence:
    @pytest.mark.parametrize(("percent", "noise"), [(20, 1e-3), (0.01, 0.05)])
    def test_its_error_is_weighed_against_the_fits_own(self, percent, noise):
        """With n0 larger by a fifth the same curve is that of k2/1.2."""
        traces = decays(SERIES, noise=noise, given=noise)
        options = {"observable": "mobility", "scale": "free", "time_zero": 0.0, "density_unit": "10^16 cm^-3"}
        measurement = Measurement(traces, n0=list(SERIES), fluence_error_percent=percent, **options)
        words = advise(fit(measurement, RATES, fixed=["G", "k3"]))
        if percent == 20:
            (sentence,) = said(words, "fluence is known to 20 % only")
            assert "dominates k2" in sentence
            assert float(re.search(r"k2 by .*?\((\S+) %", sentence)[1]) == pytest.approx(100 / 6, rel=0.05)
        else:
            assert said(words, "moves no parameter by more than the fit's error")

    def test_where_n0_is_fitted_it_acts_on_nothing(self):
        (trace,) = decays((5.0,), given=0.01)
        measurement = Measurement(trace, n0=Quantity(5.0, "free"), fluence_error_percent=20)
        words = advise(fit(measurement, fixed=["G", "k3"]))
        assert said(words, "n0 was fitted, so the error of the fluence")


def test_an_error_of_the_fluence_dominates_where_the_fits_own_error_is_hidden():
    """k3 ends on its bound here, beside which k2 has an interval and no error."""
    t = np.linspace(0, 20, 300)
    signal = 1000 * kinetics.solve(t, 1.0, (0, 0.05, 0.3, 0)) ** 2
    trace = Trace(t, signal + 10 * np.random.default_rng(3).standard_normal(300))
    found = fit(Measurement(trace, observable="photoluminescence", n0=1.0, fluence_error_percent=20))
    assert found.see_interval["k2"]
    (sentence,) = [each for each in advise(found) if "fluence" in each]
    assert "this error dominates k2: it moves k2 by" in sentence
    assert "(17 %; for the fit's own error see its interval)" in sentence


def test_a_fitted_density_has_no_error_by_the_fluence_in_its_table():
    t = np.linspace(0, 20, 100)
    found = fit(
        Measurement(Trace(t, kinetics.solve(t, 1.0, (0, 0.05, 0.3, 0))), n0=1.0, fluence_error_percent=20)
    )
    assert "from n0" not in found.table()
