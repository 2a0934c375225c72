"""What numbers are worth, for every kind of fit: each operation on each of five fits, and known truths.

The fits: a density trace, one luminescence trace of counts with its background, four of those with one law,
an equation of one's own on one trace, and on a series.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import xlogy

from helpers import kinetics
from helpers.fitting import fit
from helpers.kinetics import Equation
from helpers.measurement import Measurement, Observable, Quantity
from helpers.measurement.excitation import carrier_density
from helpers.paths import DATA
from helpers.traces import Trace, load_trace
from helpers.uncertainty import advise, bootstrap, compare, compare_terms, contour, misfit, profile

GOLDEN = json.loads((Path(__file__).parent / "goldens.json").read_text(encoding="utf-8"))["sample"]
N0 = carrier_density(np.array([0.2e-6, 1e-6, 5e-6, 25e-6]), 400e-7, 300e-7, 1.5e5, 0.2)
TERMS = {
    "density": "k1 + k2 + k3",
    "counts": "k1 + k2 + k3",
    "series": "k1 + k2 + k3",
    "own": "a + b",
    "own series": "a + b",
}


def power_law(t, n, args):
    return -args[0] * n - args[1] * n**1.5


def exact_power_law(t, n0, a, b):
    """With u = √n the equation is linear in 1/u: (1/u)' = a/2·(1/u) + b/2."""
    return ((n0**-0.5 + b / a) * np.exp(a * t / 2) - b / a) ** -2


def counted(which=slice(None), *, every=6, **options):
    names = [f"fluence_series_{fluence}uJ.csv" for fluence in ("0.2", "1", "5", "25")][which]
    traces = [load_trace(DATA / name, t_unit="ns", signal_unit="counts") for name in names]
    thinned = [
        Trace(each.t[::every], each.signal[::every], None, each.name, "ns", "counts") for each in traces
    ]
    settings = {"observable": "photoluminescence", "time_zero": 0.0, "offset": "free", "n0": N0[which]}
    return Measurement(thinned, noise="poisson", **settings | options)


def own(n0s, count=40):
    rng, t = np.random.default_rng(1), np.linspace(0, 5, count)
    traces = [
        Trace(t, exact_power_law(t, n0, 0.5, 0.3) + 0.01 * rng.standard_normal(count), np.full(count, 0.01))
        for n0 in n0s
    ]
    return fit(traces, (0.4, 0.4), law=Equation(power_law, ["a", "b"], droppable=["a", "b"]))


def sample():
    return load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()


MAKERS = {
    "density": lambda: fit(sample()),
    "counts": lambda: fit(counted(slice(2, 3))),
    "series": lambda: fit(counted(fluence_error_percent=20)),
    "own": lambda: own([3.0]),
    "own series": lambda: own([1.0, 4.0]),
}
EVERY = pytest.mark.parametrize("name", MAKERS)
MADE = {}


def made(name):
    if name not in MADE:
        MADE[name] = MAKERS[name]()
        assert MADE[name].converged
    return MADE[name]


def one_of_each_kind(found):
    free = [each for each, moves in zip(found.problem.parameters, found.free, strict=True) if moves]
    return list({each.kind: each.name for each in free}.values())


class TestEveryOperationOnEveryFit:
    @EVERY
    def test_profile_of_every_kind_of_parameter(self, name):
        """Far from bounds a profile's interval is that of the standard error."""
        found = made(name)
        curves = profile(found, one_of_each_kind(found), points=6)
        assert curves.fit is found
        reach = stats.norm.ppf(0.975) if found.problem.is_absolute else stats.t.ppf(0.975, found.freedom)
        for each, curve in curves.items():
            low, high = curve.interval95
            assert curve.verdict == "determined", each
            assert low < curve.interval68[0] < found.values[each] < curve.interval68[1] < high
            assert (high - low) / (2 * reach) == pytest.approx(found.stderr[each], rel=0.05), each
            assert tuple(curve.others) == found.names
            np.testing.assert_array_equal(curve.others[each], curve.values)
        assert list(curves.table().index) == list(curves)

    @EVERY
    def test_contour_lies_where_the_likelihood_ratio_says(self, name):
        found = made(name)
        free = [each for each, moves in zip(found.names, found.free, strict=True) if moves]
        pair = (free[0], free[-1])
        edge = contour(found, pair, directions=5)
        held = found.refit(guess=dict(zip(pair, edge[1], strict=True)), fixed=[*found.fixed, *pair])
        rise = 2 * (held.cost - found.cost) / found.variance
        wanted = stats.chi2.ppf(0.95, 2)
        if not found.problem.is_absolute:
            wanted = 2 * stats.f.ppf(0.95, 2, found.freedom)
        assert rise == pytest.approx(wanted, rel=0.02)

    @EVERY
    def test_bootstrap_by_name(self, name):
        found = made(name)
        scatter = bootstrap(found, n=6, seed=5, progress=False)
        assert tuple(scatter.values.columns) == found.names
        assert scatter.converged.all()
        away = (scatter.values - found.values).abs().max() / found.stderr
        assert (away[found.free] < 6).all()
        assert (scatter.stderr[~found.free] == 0).all()
        assert (scatter.stderr[found.free] > 0).all()

    @EVERY
    def test_terms_that_were_there_are_found(self, name):
        ladder = compare_terms(made(name))
        assert ladder.best == TERMS[name]
        assert not ladder.rivals
        assert ladder.verdict.startswith(
            f"The data ask for {ladder.best}: the next, {ladder.table.index[1]}, "
        )
        for each, model in ladder.fits.items():
            dropped = set(TERMS[name].split(" + ")) - set(each.split(" + "))
            assert (model.values[[*dropped]] == 0).all()
            assert model.cost >= made(name).cost * (1 - 1e-9)
        smaller = ladder.table.drop(index=TERMS[name])
        assert (smaller["p"] < 1e-6).all()

    @EVERY
    def test_residuals_of_the_true_law_are_noise(self, name):
        test = misfit(made(name))
        assert not test.found
        assert len(test.traces) == len(made(name).traces)
        assert not any(each.found for each in test.traces)
        if made(name).problem.is_absolute:
            assert test.p_size > 1e-3

    @EVERY
    def test_advice_names_traces_and_parameters(self, name):
        found = made(name)
        curves = profile(found, [each for each in found.law.names if found.status[each] == "free"], points=6)
        words = advise(found, curves)
        assert "look like noise" in words[0]
        for each in curves:
            (sentence,) = [word for word in words if word.startswith(f"{each} = ")]
            assert "±" in sentence
        assert not any("nan" in word or "Misfit" in word for word in words)
        assert any("k1/k2" in word for word in words) == (not name.startswith("own"))


@pytest.mark.parametrize("loss", ["linear", "soft_l1"])
def test_profiles_of_the_sample_stay_where_they_were(loss):
    alike = Measurement(sample(), noise="even")
    found = fit(alike, GOLDEN["guesses"]["guess_0"], fixed=(), **GOLDEN[loss]["options"])
    for name, curve in profile(found).items():
        golden = GOLDEN[loss]["profile"][name]
        assert curve.verdict == golden["verdict"]
        for interval, ends in ((curve.interval68, golden["68"]), (curve.interval95, golden["95"])):
            np.testing.assert_allclose(interval, ends, atol=1e-3 * found.stderr[name], rtol=0)


def test_counts_have_the_interval_of_their_deviance():
    """No bound is near: at both ends the deviance, written out here, is 3.84 above its minimum."""
    found = fit(counted(slice(2, 3), every=1))

    def deviance(each):
        expected, seen = each.curves()[0], each.trace.signal
        return 2 * np.sum(expected - seen + xlogy(seen, np.maximum(seen, 1) / expected))

    for end in profile(found, "k1")["k1"].interval95:
        held = found.refit(guess={"k1": end}, fixed=[*found.fixed, "k1"])
        assert deviance(held) - deviance(found) == pytest.approx(stats.chi2.ppf(0.95, 1), rel=0.01)


def test_a_background_of_either_sign_has_a_two_sided_interval():
    """Scale and background alone make a linear problem: 1.96 standard errors to both sides."""
    t, rng = np.linspace(0, 8, 60), np.random.default_rng(2)
    trace = Trace(t, 3 * np.exp(-t) + 0.02 * rng.standard_normal(60), np.full(60, 0.02))
    measurement = Measurement(trace, observable="mobility", n0=1.0, offset="free")
    found = fit(measurement, (0, 1, 0, 0), fixed=["G", "k1", "k2", "k3"])
    curve = profile(found, "offset")["offset"]
    below, above = curve.value - curve.interval95[0], curve.interval95[1] - curve.value
    assert curve.verdict == "determined"
    assert curve.interval95[0] < 0 < curve.interval95[1]
    assert below == pytest.approx(above, rel=0.01)
    assert above == pytest.approx(1.96 * found.stderr["offset"], rel=0.01)


def test_an_argument_of_either_sign_has_no_limit_and_one_with_a_bound_keeps_it():
    t, rng = np.linspace(0, 3, 40), np.random.default_rng(3)
    trace = Trace(t, np.exp(-0.5 * t) + 0.02 * rng.standard_normal(40), np.full(40, 0.02))
    signed = fit(
        trace,
        {"k": 0.4, "drift": 0.01},
        law=Equation(lambda t, n, args: args[1] - args[0] * n, ["k", "drift"], lower=[0, -np.inf]),
    )
    curve = profile(signed, "drift", points=6)["drift"]
    assert curve.interval95[0] < 0 < curve.interval95[1]
    assert curve.verdict == "determined"
    bounded = fit(trace, [0.7], law=Equation(lambda t, n, args: -args[0] * n, ["k"], lower=0.52))
    curve = profile(bounded, "k", points=6)["k"]
    assert (curve.interval95[0], curve.verdict) == (0.52, "upper limit")
    assert 0.52 < curve.interval68[1] < curve.interval95[1] < 0.56


def test_a_background_that_a_short_trace_leaves_open_has_no_limit_on_one_side():
    """A short decay is as well the beginning of a long one on any deeper background."""
    rng, t = np.random.default_rng(9), np.linspace(0, 0.2, 30)
    trace = Trace(t, np.exp(-t) + 0.02 * rng.standard_normal(30), np.full(30, 0.02))
    found = fit(Measurement(trace, observable="mobility", n0=1.0, offset="free"), fixed=["G", "k2", "k3"])
    curves = profile(found, "offset", points=6)
    assert curves["offset"].interval95[0] == -np.inf
    assert curves["offset"].verdict == "not determined"
    assert any(
        "offset is not determined: the data set no lower limit" in each for each in advise(found, curves)
    )


def test_few_background_counts_keep_their_interval_above_zero():
    """A background of 0 would forbid the counts before the pulse: the walk must stop short of it."""
    rng, t = np.random.default_rng(4), np.linspace(-20, 60, 161)
    expected = np.where(t < 0, 0.0, 400 * np.exp(-np.maximum(t, 0) / 4)) + 0.1
    trace = Trace(t, rng.poisson(expected).astype(float), t_unit="ns", signal_unit="counts")
    measurement = Measurement(
        trace, observable="mobility", time_zero=0.0, offset="free", n0=1.0, noise="poisson"
    )
    found = fit(measurement, fixed=["G", "k2", "k3"])
    curve = profile(found, "offset")["offset"]
    # Before the pulse and long after it the counts are those of the background alone.
    dark = trace.signal[(t < 0) | (t > 40)]
    low, high = stats.chi2.ppf([0.025, 0.975], [2 * dark.sum(), 2 * dark.sum() + 2]) / (2 * len(dark))
    assert curve.verdict == "determined"
    assert curve.interval95 == pytest.approx((low, high), rel=0.25)


@pytest.mark.parametrize("name", ["density", "counts"])
def test_bootstrap_agrees_with_the_standard_errors(name):
    found = made(name)
    errors = bootstrap(found, n=120, progress=False).stderr / found.stderr
    assert errors[found.free].between(0.75, 1.25).all()


def test_a_stopped_fit_is_replaced_by_the_better_one():
    stopped = fit(sample(), GOLDEN["guesses"]["guess_0"], max_evaluations=1)
    curves = profile(stopped, ["k2"])
    assert curves.restarted
    assert curves.fit.cost == pytest.approx(made("density").cost, rel=1e-3)
    assert curves.fit.noise == made("density").noise
    assert "better minimum" in advise(stopped, curves)[0]


def test_what_is_known_stays_known_in_every_model():
    found = made("density").refit(guess={"k1": 0.01}, fixed=["G", "k1", "n0"])
    ladder = compare_terms(found)
    assert set(ladder.fits) == {"k1 (held) + k2 + k3", "k1 (held) + k2", "k1 (held) + k3", "k1 (held)"}
    assert all(each.values["k1"] == 0.01 for each in ladder.fits.values())
    assert all(each.values["n0"] == found.values["n0"] for each in ladder.fits.values())


def test_a_choice_that_is_none_is_called_so():
    t = np.array([0.0, 1.0, 2.0, 4.0])
    few = compare_terms(fit(Trace(t, [1.0, 0.5, 0.35, 0.2])))
    assert few.verdict == "4 points are too few to choose between models."
    alone = compare_terms(made("density").refit(guess={"k1": 0.0, "k3": 0.0}, fixed=["G", "k1", "k3"]))
    assert alone.verdict == "The only model to choose from was k2."


def test_laws_are_ranked_on_the_same_data_only():
    found = made("own")
    cubic = fit(found.trace, (0, 0.5, 0.1, 0))
    ladder = compare({"own": found, "rate law": cubic, "one rate": cubic.refit(fixed=["G", "k2", "k3"])})
    for name, each in ladder.fits.items():
        assert ladder.table.loc[name, "ΔBIC"] == pytest.approx(
            each.bic - min(x.bic for x in ladder.fits.values())
        )
    assert list(compare([found, found]).fits) == ["power_law", "power_law (2)"]
    with pytest.raises(ValueError, match="differ in their times"):
        compare([found, fit(found.trace.crop(None, 4.0))])
    with pytest.raises(ValueError, match="differ in their loss"):
        compare([found, found.refit(loss="huber")])
    with pytest.raises(ValueError, match="two fits or more"):
        compare([found])


def test_another_law_is_a_misfit_and_the_advice_says_what_that_does_to_errors():
    alone = fit(sample(), fixed=["G", "k3"])
    assert misfit(alone).found
    words = advise(alone)
    assert words[0].startswith("Misfit: the law does not describe these data")
    assert "all errors below are too small" in words[0]
    series = made("series").refit(guess={"k3": 0.0}, fixed=["G", "k3"])
    test = misfit(series)
    assert test.found
    assert test.traces[-1].found  # the strongest pulse needs k3 most
    assert "does not describe all traces" in advise(series)[0]


def test_faint_counts_are_no_misfit():
    """Most points see no photon at all: residuals of zeros follow the model's own curve."""
    rng, t = np.random.default_rng(5), np.linspace(0, 60, 300)
    found = []
    for _ in range(40):
        counts = rng.poisson(8 * np.exp(-t / 8) + 0.05).astype(float)
        options = {"observable": "mobility", "time_zero": 0.0, "n0": 1.0, "noise": "poisson"}
        measurement = Measurement(Trace(t, counts, t_unit="ns"), offset="free", **options)
        found.append(misfit(fit(measurement, (0, 0.1, 0, 0), fixed=["G", "k2", "k3"])))
    assert sum(each.found for each in found) <= 2
    assert sum(each.p_size < 0.01 for each in found) <= 2


def test_noise_of_another_size_than_given_is_told_with_its_factor():
    rng, t = np.random.default_rng(6), np.linspace(0, 5, 100)
    trace = Trace(t, np.exp(-t) + 0.02 * rng.standard_normal(100), np.full(100, 0.01))
    test = misfit(fit(trace, fixed=["G", "k2", "k3"]))
    assert not test.found
    assert test.traces[0].size == pytest.approx(2, rel=0.15)
    words = advise(fit(trace, fixed=["G", "k2", "k3"]))
    assert "times the noise that was given" in words[0]
    assert "errors below are too small by about that factor" in words[0]


def test_numbers_of_the_advice_are_those_of_the_fit_in_cgs_with_errors():
    words = advise(made("series"))
    (k2,) = [each for each in words if each.startswith("k2 =")]
    value, error = 1e9 * made("series").values["k2"], 1e9 * made("series").stderr["k2"]
    assert f"in cgs ({value / 1e-11:.3f} ± " in k2
    assert "e-11 cm^3/s" in k2
    assert float(k2.split("±")[2].split(")")[0]) == pytest.approx(error / 1e-11, rel=0.02)
    (fluence,) = [each for each in words if "fluence" in each and "dominates" in each]
    assert "dominates k2 and k3" in fluence  # k2 falls with 1/1.2, k3 with its square
    assert "(17 %;" in fluence
    assert "(31 %;" in fluence


def test_a_rate_that_the_data_do_not_show_is_given_a_limit_and_a_remedy():
    rng, t = np.random.default_rng(7), np.linspace(0, 100, 120)
    clean = kinetics.solve(t, 5.0, (0, 0.02, 0.01, 0))
    trace = Trace(t, clean + 0.02 * rng.standard_normal(120), np.full(120, 0.02), "x", "ns", "10^16 cm^-3")
    found = fit(trace)
    words = " ".join(advise(found))
    assert f"n12 = k1/k2 = {found.rates.k1 / found.rates.k2:.3g} 10^16 cm^-3 lies inside" in words
    assert "k3 is at most" in words
    assert "cm^6/s" in words
    assert "A tenfold higher excitation (n0 = 5" in words.replace("n0 = 4", "n0 = 5")


def test_carriers_that_the_next_pulse_finds_are_told():
    t = np.linspace(0, 95, 60)
    options = {"observable": "photoluminescence", "n0": 1.0, "repetition_period": 100.0, "time_zero": 0.0}
    model = fit(
        Measurement(Trace(t, np.exp(-t / 50), t_unit="ns"), **options),
        (0, 0.01, 0, 0),
        fixed=["G", "k2", "k3"],
    )
    sentence = f"Up to {100 * np.exp(-100 * model.values['k1']):.2g} % of the carriers are still there"
    assert any(word.startswith(sentence) for word in advise(model))


@pytest.mark.parametrize("sigma", [None, np.full(60, 0.01)], ids=["sigma unknown", "sigma known"])
def test_exact_data_are_called_exact(sigma):
    t = np.linspace(0, 5, 60)
    words = " ".join(advise(fit(Trace(t, kinetics.solve(t, 1.0, (0, 0.5, 0.5, 0)), sigma))))
    assert "nothing but rounding" in words
    assert not any(each in words for each in ("Misfit", "does not describe", "better minimum"))


class TestRefusals:
    def test_a_pool_of_processes_takes_no_lambda(self):
        found = made("own")
        law = Equation(lambda t, n, args: power_law(t, n, args), ["a", "b"])
        seen = Observable("own", function=lambda n: 2 * n)
        halved = Measurement(found.trace, observable=seen, n0=Quantity(1.5, "free"), noise="sigma")
        with ProcessPoolExecutor(1) as pool:
            for each in (fit(found.trace, (0.5, 0.3), law=law), fit(halved, (0, 0.5, 0.1, 0))):
                with pytest.raises(ValueError, match=r"define the law's.*at the top of a module"):
                    bootstrap(each, n=2, executor=pool)

    def test_operations_without_meaning_say_so_in_one_sentence(self):
        found = made("counts")
        with pytest.raises(ValueError, match=r'counts are whole numbers.*kind = "parametric"'):
            bootstrap(found, kind="residual")
        with pytest.raises(ValueError, match="choose one of parametric, residual"):
            bootstrap(found, kind="wild")
        with pytest.raises(ValueError, match="at least 2 replicates"):
            bootstrap(found, n=1)
        with pytest.raises(ValueError, match="cannot profile n0: the fit varied k1, k2, k3, scale, offset"):
            profile(found, "n0")
        with pytest.raises(ValueError, match="two different parameters"):
            contour(found, ("k1", "k1"))
        with pytest.raises(ValueError, match="no term to drop"):
            compare_terms(found.refit(fixed=["G", "k1", "k2", "k3"]))
        law = Equation(power_law, ["a", "b"])
        with pytest.raises(ValueError, match=r"droppable=\[...\]"):
            compare_terms(fit(made("own").trace, (0.5, 0.3), law=law))
