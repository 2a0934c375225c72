"""Errors that can be trusted: simulated truths must be found where the intervals say they are.

Shares of simulated sets are held to three binomial standard errors, and every number is seeded. The time
grid has many early points and a long tail, so that all four rates show.
"""

import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, nnls

from helpers import kinetics
from helpers.fitting import fit
from helpers.fitting.minimise import triangle_of
from helpers.kinetics import RATES, Rates
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import advise, bootstrap, compare_terms, contour, misfit, profile
from helpers.uncertainty.profile_path import LEVELS
from helpers.uncertainty.thresholds import chance, thresholds

T = np.concatenate([np.linspace(0, 20, 40, endpoint=False), np.linspace(20, 480, 60)])
ALL = Rates(0.5, 1e-2, 1e-3, 1e-6)
NO_AUGER = Rates(0.0, 1e-2, 1e-3, 0.0)
N0 = 800.0
COUNTS = 125.0  # counts per unit of density: a peak of 100,000
NOISES = ("gaussian, sigma known", "gaussian, sigma unknown", "poisson")


def gaussian(rng, rates=ALL, sd=1.0, known=True, t=T):
    clean = kinetics.solve(t, N0, rates)
    sigma = np.full(len(t), sd) if known else None
    return Trace(t, clean + sd * rng.standard_normal(len(t)), sigma)


def counted(rng, rates):
    """Counts of a density, and the rates in units of counts."""
    G, k1, k2, k3 = rates
    scaled = Rates(G * COUNTS, k1, k2 / COUNTS, k3 / COUNTS**2)
    counts = rng.poisson(kinetics.solve(T, N0 * COUNTS, scaled)).astype(float)
    return Measurement(Trace(T, counts), noise="poisson"), scaled


def is_chance(share, count, wanted=0.95):
    """Whether a share of so many simulated sets is the wanted one, within three binomial errors."""
    return abs(share - wanted) <= 3 * np.sqrt(wanted * (1 - wanted) / count)


@pytest.fixture(scope="module")
def fits():
    """Return 200 fits of the true law for each kind of noise, and the truth."""
    made = {}
    for noise in NOISES:
        rng, each_fit = np.random.default_rng(1), []
        for _ in range(200):
            if noise == "poisson":
                data, rates = counted(rng, ALL)
            else:
                data, rates = gaussian(rng, known="unknown" not in noise), ALL
            each_fit.append(fit(data, rates, fixed=()))
        made[noise] = each_fit, np.array([*rates, N0 * (COUNTS if noise == "poisson" else 1)])
    return made


@pytest.fixture(scope="module")
def well_posed():
    """Return a fit that determines all rates, and the scatter of 300 simulated repetitions."""
    found = fit(gaussian(np.random.default_rng(6)), fixed=())
    return found, bootstrap(found, n=300, progress=False)


@pytest.fixture(scope="module")
def without_auger():
    """Return a fit with all rates free, of which two are truly zero."""
    return fit(gaussian(np.random.default_rng(4), NO_AUGER), fixed=())


class TestCoverage:
    """95 % intervals hold the truth in 95 % of the simulated sets."""

    @pytest.mark.parametrize("noise", NOISES)
    def test_standard_errors_cover_and_pulls_are_standard_normal(self, fits, noise):
        found, truth = fits[noise]
        pulls = np.array([(each.values - truth) / each.stderr for each in found])
        reach = stats.t.ppf(0.975, len(T) - 5) if "unknown" in noise else stats.norm.ppf(0.975)
        for name, column in zip(found[0].names, pulls.T, strict=True):
            assert is_chance(np.mean(np.abs(column) <= reach), len(column)), name
            assert abs(column.mean()) <= 3 / np.sqrt(len(column)), name
            assert abs(column.var() - 1) <= 3 * np.sqrt(2 / len(column)), name

    def test_profile_intervals_cover_a_rate_that_is_zero_and_its_neighbour(self):
        """G and k3 are zero: both bounds are felt by the interval of k2."""
        rng, covered = np.random.default_rng(3), []
        for _ in range(100):
            found = fit(gaussian(rng, NO_AUGER), NO_AUGER, fixed=())
            for name, curve in profile(found, ["k2", "k3"], points=6).items():
                low, high = curve.interval95
                covered.append(low <= getattr(NO_AUGER, name) <= high)
        shares = np.mean(np.reshape(covered, (-1, 2)), axis=0)
        assert all(is_chance(share, 100) for share in shares), shares

    def test_so_do_those_of_counts(self):
        rng, rates, t = np.random.default_rng(8), (0, 1e-2, 2e-6, 0), np.geomspace(1, 500, 60) - 1
        expected, covered = kinetics.solve(t, 2e4, rates), []
        for _ in range(80):
            trace = Trace(t, rng.poisson(expected).astype(float), t_unit="ns", signal_unit="counts")
            curves = profile(fit(Measurement(trace, noise="poisson"), rates), ["k2", "k3"], points=6)
            ends = [curves[name].interval95 for name in ("k2", "k3")]
            covered.append([low <= rates[2 + k] <= high for k, (low, high) in enumerate(ends)])
        assert all(is_chance(share, 80) for share in np.mean(covered, axis=0))


class TestThresholds:
    """External truths for the simulated distribution of the likelihood ratio."""

    @pytest.mark.parametrize("mu", [0.0, 0.5, 1.0, 1.5, 3.0])
    def test_one_bounded_parameter_gives_feldman_and_cousins_thresholds(self, mu):
        """Their ordering, solved for a normal estimate of a mean mu that cannot be negative."""

        def excess(c):
            low = -np.sqrt(c) if np.sqrt(c) <= mu else -(c + mu**2) / (2 * mu) if mu > 0 else -np.inf
            return stats.norm.cdf(np.sqrt(c)) - stats.norm.cdf(low) - 0.95

        triangle, point = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([mu])
        wanted = brentq(excess, 1.0, 5.0)
        assert chance(wanted, triangle, point, [True], [True]) == pytest.approx(0.05, abs=2e-3)
        # Intervals do not use what lies below the textbook's.
        assert thresholds([0.95], triangle, point, [True], [True])[0] == pytest.approx(3.84, abs=0.03)

    def test_two_independent_parameters_at_zero_mix_chi_squares(self):
        triangle = np.diag([3.0, 5.0, 0.0])
        rise = 3.0
        mixture = 0.5 * stats.chi2.sf(rise, 1) + 0.25 * stats.chi2.sf(rise, 2)
        assert chance(rise, triangle, np.zeros(2), [True, True], [True, True]) == pytest.approx(
            mixture, abs=2e-3
        )

    @pytest.mark.parametrize(
        ("slopes", "held"), [((0.9, 0.9), 5.0), ((0.95, 0.0), 1.0), ((3.0, 0.0), 2.0), ((-0.9, -0.9), 0.5)]
    )
    def test_a_parameter_feels_the_bounds_of_its_neighbours(self, slopes, held):
        """Two neighbours are zero: simulated fits by SciPy's nnls, with both, one or none of them free."""
        design = np.eye(3)
        design[0, 1:] = slopes
        data = design[:, [0]] * held + np.random.default_rng(2).standard_normal((3, 4000))
        limits = [stats.chi2.ppf([0.68, 0.95], 1)]
        for free in ([1], [2], [1, 2]):
            best = [nnls(design[:, [0, *free]], each)[1] ** 2 for each in data.T]
            null = [nnls(design[:, free], each - design[:, 0] * held)[1] ** 2 for each in data.T]
            limits.append(np.quantile(np.subtract(null, best), [0.68, 0.95]))
        triangle = np.vstack([np.column_stack([design, np.zeros(3)]), np.zeros(4)])
        x, free, tested = np.array([held, 0.0, 0.0]), [True] * 3, [True, False, False]
        found = thresholds([0.68, 0.95], triangle, x, free, tested)
        assert found == pytest.approx(np.max(limits, axis=0), rel=0.08)
        # The chance of a gain is that of the least favourable law, and never below that of one rate alone.
        assert chance(4.0, triangle, x, free, tested) >= stats.chi2.sf(4.0, 1) / 2

    def test_never_below_the_textbook_nor_lower_with_one_more_parameter_free(self):
        rng, tested = np.random.default_rng(4), np.array([True, False, False, False])
        for _ in range(12):
            table = rng.standard_normal((12, 4)) + 2 * rng.standard_normal((12, 1))  # all act alike
            triangle, x = triangle_of(table, np.zeros(12)), np.array([rng.exponential(1.0), 0, 0, 0])
            for freedom in (np.inf, 7):
                limits = [
                    thresholds(LEVELS, triangle, x, tested | (np.arange(4) < count), tested, freedom=freedom)
                    for count in (1, 2, 3, 4)
                ]
                assert (limits[0] >= stats.f.ppf(LEVELS, 1, min(freedom, 1e9)) * (1 - 1e-6)).all()
                assert (np.diff(limits, axis=0) >= -0.02 * limits[0]).all()

    def test_thresholds_change_without_a_jump_as_a_neighbour_leaves_its_bound(self):
        design = np.eye(3)
        design[0, 1:] = 0.9
        triangle = np.vstack([np.column_stack([design, np.zeros(3)]), np.zeros(4)])
        free, tested = [True] * 3, [True, False, False]
        limits = [
            thresholds([0.95], triangle, np.array([5.0, each, 0.0]), free, tested)[0]
            for each in np.linspace(0, 8, 161)
        ]
        assert np.ptp(limits) > 0.3
        assert np.abs(np.diff(limits)).max() < 0.1

    def test_far_from_bounds_the_textbook_holds(self):
        triangle = triangle_of(np.random.default_rng(0).standard_normal((9, 3)), np.zeros(9))
        far, held = np.full(3, 100.0), [True, False, False]
        known = thresholds(LEVELS, triangle, far, [True] * 3, held)
        estimated = thresholds(LEVELS, triangle, far, [True] * 3, held, freedom=4)
        np.testing.assert_allclose(known, stats.chi2.ppf(LEVELS, 1))
        np.testing.assert_allclose(estimated, stats.t.ppf((1 + np.array(LEVELS)) / 2, 4) ** 2)


def unsettled(density, period, added, rates):
    """How much more a pulse train has than `density` one period and one pulse later."""
    return kinetics.solve([period], density, rates)[0] + added - density


def near_bounds(seed, points=30, last=5.0, known=True):
    """Fit of a decay by k1 and k2 with every rate free; G and k3 are truly zero."""
    t = np.linspace(0, last, points)
    noise = 0.02 * np.random.default_rng(seed).standard_normal(points)
    sigma = np.full(points, 0.02) if known else None
    return fit(Trace(t, kinetics.solve(t, 1.0, (0, 0.5, 1.0, 0)) + noise, sigma), fixed=())


class TestProfileNearBounds:
    @pytest.mark.parametrize(
        ("points", "last", "known"), [(12, 5.0, False), (30, 5.0, True), (30, 1.0, True)]
    )
    def test_intervals_hold_the_textbooks(self, points, last, known):
        """Beyond every end Δ is at least t², by a fit of its own: the interval holds that of MINOS."""
        for seed in range(4):
            curves = profile(near_bounds(seed, points, last, known), points=8)
            found = curves.fit
            reach = stats.norm.ppf(0.975) if known else stats.t.ppf(0.975, found.freedom)
            for name, curve in curves.items():
                for end in curve.interval95:
                    if 0 < end < np.inf:
                        alone = found.refit(guess={name: end}, fixed=[name])
                        rise = 2 * (alone.cost - found.cost) / found.variance
                        assert np.sqrt(rise) >= 0.99 * reach, (seed, name)

    @pytest.mark.parametrize("last", [1.0, 5.0])
    def test_freeing_a_parameter_that_ends_at_zero_narrows_no_interval(self, last):
        """The first decay is over before its rates can be told apart."""
        freed = 0
        for seed in range(8):
            full = near_bounds(seed, 30, last)
            for name in ("G", "k3"):
                if full.values[name] > 0:
                    continue
                freed += 1
                fewer = profile(full.refit(fixed=[name]), ["k1", "k2"], points=8)
                for each, curve in profile(full, ["k1", "k2"], points=8).items():
                    narrow, room = fewer[each].interval95, 0.01 * np.ptp(fewer[each].interval95)
                    assert curve.interval95[0] <= narrow[0] + room, (seed, name, each)
                    assert curve.interval95[1] >= narrow[1] - room, (seed, name, each)
        assert freed >= 4


class TestContourNearBounds:
    @pytest.mark.parametrize("pair", [("k1", "k3"), ("k3", "k1"), ("G", "k3")])
    def test_points_are_even_along_the_edge_and_the_bound_is_a_straight_line(self, pair):
        """k3 ends at zero. Every point's Δ by a fit of its own is the threshold, 5.99."""
        found = near_bounds(4)
        assert found.values["k3"] == 0
        edge = contour(found, pair, directions=24)
        assert edge.shape == (24, 2)
        inside = (edge > 0).any(axis=1)
        for point in edge[inside][::4]:
            alone = found.refit(guess=dict(zip(pair, point, strict=True)), fixed=pair)
            assert 2 * (alone.cost - found.cost) == pytest.approx(stats.chi2.ppf(0.95, 2), rel=0.02)
        column = pair.index("k3")
        assert (edge[:, column] == 0).sum() == 2  # the two corners
        closed = np.vstack([edge, edge[:1]])
        steps = np.linalg.norm(np.diff(closed, axis=0) / np.ptp(edge, axis=0), axis=1)
        along_bound = ((closed[1:] == 0) & (closed[:-1] == 0)).any(axis=1)
        assert steps.min() > 0.02
        assert steps[~along_bound].max() < 0.25
        (along, up), (right, above) = np.diff(closed, axis=0).T, (edge.mean(axis=0) - closed[:-1]).T
        assert (along * above >= up * right).all()  # once around, counterclockwise


class TestProfile:
    def test_curve_is_the_minimum_over_all_others(self):
        """Each point against a fit of its own with the parameter fixed there; 5 % noise bends the valley."""
        found = fit(gaussian(np.random.default_rng(4), NO_AUGER, sd=40.0), fixed=())
        for name, curve in profile(found, ["k1", "k2", "k3"]).items():
            for value, rise in list(zip(curve.values, curve.rise, strict=True))[::4]:
                alone = fit(found.trace, dict(found.values) | {name: value}, fixed=[name])
                assert rise == pytest.approx(2 * (alone.cost - found.cost), abs=5e-3)

    def test_reaches_zero_exactly_and_calls_it_a_limit(self, without_auger):
        curve = profile(without_auger, ["k3"])["k3"]
        assert curve.values[0] == 0.0
        assert curve.verdict == "upper limit"
        assert curve.interval95[0] == 0.0 < curve.interval68[1] < curve.interval95[1] < 1e-6

    def test_a_curve_is_seen_to_cross_the_95_per_cent_line(self, well_posed):
        """It goes on beyond both ends of the interval, well above the line that a figure draws."""
        found, _ = well_posed
        for name, curve in profile(found, ["k1", "k3"]).items():
            assert curve.values[0] < curve.interval95[0] < curve.interval95[1] < curve.values[-1], name
            assert min(curve.rise[0], curve.rise[-1]) > 1.3 * stats.chi2.ppf(0.95, 1), name

    def test_agrees_with_covariance_and_bootstrap_where_the_problem_is_well_posed(self, well_posed):
        found, scatter = well_posed
        for name, curve in profile(found).items():
            error = found.stderr[name]
            low, high = curve.interval95
            assert curve.verdict == "determined"
            assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.05), name
            assert scatter.stderr[name] == pytest.approx(error, rel=0.12), name
            assert scatter.interval(name) == pytest.approx(curve.interval95, abs=0.5 * error), name

    @pytest.mark.parametrize("sigma", [None, 4.0])
    @pytest.mark.parametrize("fixed", [(), ("n0",)])
    def test_five_points_determine_no_four_rates(self, sigma, fixed):
        t = np.array([0.0, 50.0, 100.0, 200.0, 400.0])
        signal = kinetics.solve(t, N0, NO_AUGER) * [1.0, 1.01, 0.99, 1.02, 0.98]
        found = fit(Trace(t, signal, None if sigma is None else np.full(5, sigma)), fixed=fixed)
        curves = profile(found)
        assert {curve.verdict for curve in curves.values()} == {"not determined"}
        assert "nothing is determined" in advise(found, curves)[0]
        with pytest.raises(ValueError, match="leave them open"):
            contour(found, ("k1", "k2"))

    def test_contour_holds_the_right_share_of_the_bootstrap(self, well_posed):
        found, scatter = well_posed
        pair = ["k2", "k3"]
        centre, size = found.values[pair].to_numpy(), found.stderr[pair].to_numpy()
        edge = (contour(found, tuple(pair)) - centre) / size
        cloud = (scatter.values[pair].to_numpy() - centre) / size
        angle = np.arctan2(*edge.T[::-1])
        order = np.argsort(angle)
        radius = np.interp(
            np.arctan2(*cloud.T[::-1]), angle[order], np.hypot(*edge.T)[order], period=2 * np.pi
        )
        assert is_chance(np.mean(np.hypot(*cloud.T) <= radius), len(cloud))

    def test_a_rate_of_many_sigma_is_determined_whatever_lies_on_its_bound(self):
        """Near other bounds the simulated threshold may lie above the textbook's: the walk must reach it."""
        t = np.linspace(0, 5, 100)
        clean = kinetics.solve(t, 1.0, (0, 0.5, 0.5, 0))
        for seed in range(12):
            noise = 1e-3 * np.random.default_rng(seed).standard_normal(t.size)
            curves = profile(fit(Trace(t, clean + noise), fixed=()), ["k1", "k2", "n0"], points=6)
            for name, curve in curves.items():
                if curve.value > 8 * curves.fit.stderr[name]:
                    assert curve.verdict == "determined", (seed, name)

    @pytest.mark.parametrize(
        ("rates", "n0", "period"),
        [((0, 0.02, 1e-3, 0), [1.0], 30.0), ((0, 0.02, 1e-2, 1e-3), [1.0, 4.0], 100.0)],
    )
    def test_data_without_noise_determine_what_they_show(self, rates, n0, period):
        """Pulse trains seen through a scale and a background: along a profile the cost is all rounding."""
        t = np.linspace(0, 0.95 * period, 60)
        after = [brentq(unsettled, 0.1, 1e3, (period, each, rates), xtol=1e-14, rtol=1e-14) for each in n0]
        signals = [1000 * kinetics.solve(t, each, rates) for each in after]
        options = {"observable": "mobility", "n0": n0, "offset": "free", "repetition_period": period}
        found = fit(Measurement([Trace(t, each) for each in signals], **options, scale="free"))
        for name, curve in profile(found, [name for name in RATES if found.status[name] == "free"]).items():
            low, high = curve.interval95
            truth = rates[RATES.index(name)]
            assert low * (1 - 1e-5) <= truth <= high * (1 + 1e-5), name
            assert curve.verdict == ("determined" if truth else "upper limit"), name


class TestBootstrap:
    def test_same_replicates_whatever_the_executor(self, fits):
        found = fits["gaussian, sigma unknown"][0][0]
        options = {"n": 60, "kind": "residual", "progress": False}
        alone = bootstrap(found, seed=3, **options)
        for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(1, mp_context=get_context("spawn"))):
            with pool as executor:
                shared = bootstrap(found, seed=3, executor=executor, **options)
            np.testing.assert_array_equal(shared.values, alone.values)
        assert not np.array_equal(bootstrap(found, seed=4, **options).values, alone.values)

    def test_residual_kind_keeps_noise_that_grows_with_sigma(self):
        """Ten times the noise late: drawn residuals are put back in units of sigma."""
        rng = np.random.default_rng(11)
        sigma = np.where(T > 100, 5.0, 0.5)
        trace = Trace(T, kinetics.solve(T, N0, ALL) + sigma * rng.standard_normal(len(T)), sigma)
        found = fit(trace, fixed=())
        for kind in ("parametric", "residual"):
            scatter = bootstrap(found, n=200, kind=kind, progress=False).stderr
            assert scatter["k2"] == pytest.approx(found.stderr["k2"], rel=0.15)

    def test_few_residuals_are_freed_of_what_the_fit_took_from_them(self):
        """Eight points and four parameters: residuals have half of the noise's variance."""
        t, rng = np.linspace(0, 4, 8), np.random.default_rng(20)
        for rates in ((0.0, 0.3, 0.5, 0.3), (0.0, 0.5, 1.0, 0.0)):
            trace = Trace(t, kinetics.solve(t, 1.0, rates) + 1e-4 * rng.standard_normal(8))
            found = fit(trace, rates, fixed=["G", *(["k3"] if rates[3] == 0 else [])])
            scatter = bootstrap(found, n=400, kind="residual", progress=False).stderr
            assert scatter["k1"] == pytest.approx(found.stderr["k1"], rel=0.15)

    @pytest.mark.parametrize("kind", ["parametric", "residual"])
    def test_replicates_lie_around_the_fit_whatever_the_residuals_mean(self, kind):
        """A background that the law does not know leaves residuals above zero on average."""
        t, rng = np.linspace(0, 4, 60), np.random.default_rng(21)
        trace = Trace(t, np.exp(-t) + 0.05 + 0.01 * rng.standard_normal(60))
        found = fit(trace, fixed=["G", "k2", "k3"])
        assert found.residuals()[0].mean() > 0.005
        scatter = bootstrap(found, n=200, kind=kind, progress=False)
        off = (scatter.values["k1"].mean() - found.values["k1"]) / scatter.stderr["k1"]
        assert abs(off) < 4 / np.sqrt(200)


LADDER = {
    "k1": Rates(k1=2e-2),
    "k2": Rates(k2=1e-4),
    "k1 + k2": Rates(k1=1e-2, k2=1e-4),
    "k2 + k3": Rates(k2=5e-5, k3=5e-7),
    "G + k1 + k2": Rates(G=1.0, k1=2e-2, k2=1e-4),
}
WITH_G = ("k1 + k2", "G + k1 + k2")  # where generation is a term, too; elsewhere it is held at 0


class TestCompareTerms:
    def test_finds_the_right_terms_at_half_a_percent_of_noise(self):
        """Seven sets of each pattern; 150 points, noise 0.5 % of the peak, sigma unknown."""
        rng, t, right = np.random.default_rng(14), np.linspace(0, 200, 150), []
        for name, rates in LADDER.items():
            fixed = () if name in WITH_G else None
            for _ in range(7):
                found = fit(gaussian(rng, rates, sd=5e-3 * N0, known=False, t=t), fixed=fixed)
                right.append(compare_terms(found).best == name)
        assert np.mean(right) >= 0.95

    def test_table_follows_its_formulae(self, fits):
        found = fits["gaussian, sigma unknown"][0][1]
        ladder = compare_terms(found)
        assert len(ladder.table) == 14  # 7 ways to recombine, with and without G
        size, k = len(found.trace), {name: model.free.sum() + 1 for name, model in ladder.fits.items()}
        squares = {name: np.sum(model.residuals()[0] ** 2) for name, model in ladder.fits.items()}
        bic = {name: size * np.log(squares[name] / size) + k[name] * np.log(size) for name in k}
        for name, row in ladder.table.iterrows():
            assert row["ΔBIC"] == pytest.approx(bic[name] - min(bic.values()), abs=1e-6)
            assert row["parameters"] == k[name]
        assert ladder.best == "G + k1 + k2 + k3"
        assert ladder.table.loc["k1 + k2", "p"] < 1e-6

    def test_says_when_two_models_cannot_be_told_apart(self):
        """One lifetime of a curved decay under 3 % noise: k1 + k2 and k1 + k3 look alike."""
        t = np.linspace(0, 30, 60)
        rates = Rates(k1=1e-2, k2=5e-5)
        ladder = compare_terms(fit(gaussian(np.random.default_rng(16), rates, sd=24.0, t=t)))
        assert ladder.rivals
        assert ladder.verdict.startswith(f"The simplest model that the data allow is {ladder.best}; ")
        assert "cannot tell it from" in ladder.verdict


def trapping(t, sd, rng):
    """Trace of electrons that fill 200 traps and leave them slowly again: two states, not this law."""

    def change(_, state):
        free, trapped = state
        caught = 1e-3 * free * (200 - trapped)
        return [-1e-4 * free**2 - caught + 1e-2 * trapped, caught - 1e-2 * trapped - 2e-3 * trapped]

    free = solve_ivp(change, (0, t[-1]), [N0, 0], method="LSODA", t_eval=t, rtol=1e-9, atol=1e-9).y[0]
    return Trace(t, free + sd * rng.standard_normal(len(t)))


class TestMisfit:
    """Below p = 0.01 residuals are called structured: one false alarm in a hundred."""

    def test_another_model_is_a_misfit_and_noise_is_not(self, fits):
        rng = np.random.default_rng(18)
        assert all(misfit(fit(trapping(T, 5e-3 * N0, rng), fixed=())).found for _ in range(20))
        for noise, (found, _) in fits.items():
            alarms = sum(misfit(each).found for each in found)
            assert alarms <= 2 + 3 * np.sqrt(2), noise

    def test_noise_of_changing_size_is_no_misfit(self):
        rng = np.random.default_rng(19)
        clean = kinetics.solve(T, N0, ALL)
        noisy = [Trace(T, clean * (1 + 0.01 * rng.standard_normal(len(T)))) for _ in range(100)]
        assert sum(misfit(fit(trace, ALL, fixed=())).found for trace in noisy) <= 4


class TestAdvise:
    def test_counted_noise_without_sigma_is_told_and_even_noise_is_not(self, fits):
        rng = np.random.default_rng(22)
        clean = kinetics.solve(T, N0, ALL)
        signal = rng.poisson(clean).astype(float)
        even = [*fits["gaussian, sigma unknown"][0][:40], fit(Trace(T, signal, np.sqrt(clean)), fixed=())]
        alike = Measurement(Trace(T, signal), noise="even")
        for each in [*even, fit(alike, fixed=())]:
            words = " ".join(advise(each, profile(each, "n0", points=6)))
            assert ("the scatter grows with the signal" in words) == (each not in even)

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(
        st.integers(0, 10**6),
        st.lists(st.sampled_from([0.0, 0.01, 1.0, 30.0]), min_size=4, max_size=4),
        st.sampled_from([6, 8, 30]),
        st.sampled_from([1e-6, 1e-2, 0.3]),
        st.booleans(),
    )
    def test_nothing_crashes_and_no_sentence_holds_nan_or_inf(self, seed, speeds, size, noise, known):
        t = np.linspace(0, 1, size)
        rates = Rates(*np.array(speeds) * [N0, 1, 1 / N0, 1 / N0**2])
        trace = gaussian(np.random.default_rng(seed), rates, sd=noise * N0, known=known, t=t)
        found = fit(trace, fixed=())
        curves = profile(found, points=8)
        assert not re.search(r"\b(nan|inf)\b", " ".join(advise(found, curves)).lower())
        for curve in curves.values():
            assert (np.diff(curve.values) > 0).all()
            assert (curve.rise >= 0).all()
            assert curve.interval95[0] <= curve.interval68[0] * (1 + 1e-6)
            assert curve.interval68[1] <= curve.interval95[1] * (1 + 1e-6)
