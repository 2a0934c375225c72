"""Maps of traces: the same minima as single fits, whatever the signal, and a word for every bad pixel."""

from __future__ import annotations

import os
import pickle
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import h5py
import numpy as np
import pytest
from scipy.optimize import nnls

from helpers import plots
from helpers.fitting import Fit, fit
from helpers.kinetics import solve, solve_with_jacobian
from helpers.maps import FitMap, fit_many, many
from helpers.maps.crew import GivenUp, gathered
from helpers.maps.curves import Data, Form, curves, evaluate
from helpers.maps.grid import grid_of
from helpers.maps.steps import bounded_step
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import bootstrap, profile, resampling

UNITS = {"t_unit": "ns", "signal_unit": "10^16 cm^-3"}
LIGHT = {"observable": "photoluminescence", "n0": 2.0, "density_unit": "10^16 cm^-3", "t_unit": "ns"}
SHAPE = (3, 4)
T = np.linspace(0, 100, 150)


def densities(shape=SHAPE, t=T, seed=0):
    """Return decays without noise over the time t."""
    rng = np.random.default_rng(seed)
    rates = np.array(
        [rng.uniform(0.01, 0.04, shape), rng.uniform(0.01, 0.06, shape), rng.uniform(0, 0.02, shape)]
    )
    rates[2][rng.random(shape) < 0.4] = 0
    n0 = rng.uniform(1.0, 3.0, shape)
    y = np.empty((*shape, len(t)))
    for place in np.ndindex(shape):
        y[place] = solve(t, n0[place], (0, *rates[(slice(None), *place)]))
    return y


def noisy(seed=1, sigma=0.02, **options):
    y = densities(**options)
    return y + sigma * np.random.default_rng(seed).standard_normal(y.shape)


def light(seed=2, height=1000, background=4.0):
    y = densities()
    shape = (y / y[..., :1]) ** 2
    return np.random.default_rng(seed).poisson(height * shape + background)


def assert_same(one: FitMap, two: FitMap):
    """Assert that two maps agree to the last bit."""
    for name in one.names:
        np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_array_equal(one.stderr[name], two.stderr[name])
    for name in ("cost", "code", "evaluations", "reduced_chi2", "one_by_one"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


class TestCurves:
    """The integration of all pixels at once, against the exact solution."""

    x = np.array(
        [[1.0, 0, 3, 0], [2, 3, 0, 0], [0.5, 1, 0, 9], [1, 0.8, 1.1, 1], [1, 1, 1, 1], [0, 0, 0, 0.0]]
    )
    t = np.linspace(0, 1, 80)

    def test_meet_the_exact_solution(self):
        found = curves(grid_of(self.t).halved(), Form((0, 1, 2, 3)), self.x, np.zeros(4))
        for k in range(4):
            exact = solve(self.t, self.x[3, k], (0, *self.x[:3, k]))
            np.testing.assert_allclose(found[:, k], exact, atol=1e-8)

    def test_have_its_derivatives(self):
        data = Data(np.zeros((80, 4)), np.ones((80, 1)), np.zeros(4))
        sums = evaluate(grid_of(self.t).halved(), Form((0, 1, 2, 3)), self.x, data)
        for k in range(4):
            n, jacobian = solve_with_jacobian(self.t, self.x[3, k], (0, *self.x[:3, k]))
            slopes = jacobian[:, 1:]
            np.testing.assert_allclose(sums.squares[:, :, k], slopes.T @ slopes, rtol=1e-6)
            np.testing.assert_allclose(sums.slope[:, k], slopes.T @ n, rtol=1e-6)
            np.testing.assert_allclose(sums.cost[k], n @ n / 2, rtol=1e-8)

    def test_cut_wide_intervals_and_keep_the_data_s_times(self):
        t = np.r_[-1.0, 0.0, np.geomspace(1e-4, 1, 9)]
        grid = grid_of(t)
        np.testing.assert_array_equal(grid.t[grid.rows], t[1:])
        assert grid.dark == 1
        later = grid.t[grid.t >= 1e-4]
        assert (later[1:] / later[:-1]).max() < 1.6


def test_bounded_steps_are_those_of_non_negative_least_squares():
    rng = np.random.default_rng(3)
    tables, target = rng.standard_normal((50, 9, 4)), rng.standard_normal((50, 9))
    squares = np.moveaxis(tables.transpose(0, 2, 1) @ tables, 0, -1)
    slope = -np.einsum("nma,nm->an", tables, target)
    step, gain = bounded_step(squares, slope, np.zeros((4, 50)), (0, 1, 2, 3))
    for k in range(50):
        best, rest = nnls(tables[k], target[k])
        np.testing.assert_allclose(step[:, k], best, atol=1e-9)
        np.testing.assert_allclose(gain[k], (target[k] @ target[k] - rest**2) / 2, atol=1e-9)


CASES = {
    "even noise": lambda: (noisy(), UNITS),
    "known sigma": lambda: (noisy(), {"sigma": 0.02} | UNITS),
    "sigma of each point": lambda: (noisy(), {"sigma": 0.02 * (1 + densities())} | UNITS),
    "sigma of each time": lambda: (noisy(), {"sigma": 0.02 * (2 - T / 100)} | UNITS),
    "sigma in percent": lambda: (noisy(), {"sigma_relative_percent": 1, "sigma_floor": 0.02} | UNITS),
    "counts of density": lambda: (
        np.random.default_rng(4).poisson(300 * densities()),
        {"noise": "poisson", "scale": 300.0} | UNITS,
    ),
    "counts of light": lambda: (light(), {"noise": "poisson", "scale": "free", "offset": "free"} | LIGHT),
    "counts of light, no background": lambda: (light(background=0), {"noise": "poisson"} | LIGHT),
    "light, even noise": lambda: (1.0 * light(), {"offset": "free"} | LIGHT),
    "light of a doped film": lambda: (light(), {"offset": "free", "p0": 0.5, "noise": "poisson"} | LIGHT),
    "offset of a density": lambda: (noisy() + 0.3, {"offset": "free"} | UNITS),
    "negative conductivity": lambda: (
        -3 * noisy() + 0.2,
        {"observable": "mobility", "n0": 2.0, "offset": "free", "sign": -1, "t_unit": "ns"},
    ),
    "large numbers": lambda: (1e17 * noisy(), {"t_unit": "ns", "signal_unit": "cm^-3"}),
    "two rates": lambda: (noisy(), {"fixed": ("G", "k3")} | UNITS),
    "k2 held at a value": lambda: (noisy(), {"fixed": ("G", "k2"), "guess": {"k2": 0.02}} | UNITS),
    "a guess": lambda: (noisy(), {"guess": (0, 0.1, 0.001, 0.1)} | UNITS),
    "n0 of each pixel": lambda: (
        light(),
        LIGHT | {"noise": "poisson", "offset": "free", "n0": np.linspace(1, 2, 12).reshape(SHAPE)},
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    data, options = CASES[request.param]()
    return data, options, fit_many(data, T, progress=False, **options)


class TestEveryPixel:
    """What a pixel's own fit would have found, for every kind of signal and noise."""

    def test_has_the_minimum_of_its_own_fit(self, case):
        data, options, found = case
        assert found.converged.all()
        assert found.one_by_one.sum() <= 2  # a few that the steps do not resolve are not worth finer ones
        pixel = found[1, 2]
        assert isinstance(pixel, Fit)
        np.testing.assert_allclose(pixel.trace.signal, data[1, 2])
        for place in ((0, 0), (1, 2), (2, 3)):
            alone = fit(found[place].measurement, options.get("guess"), fixed=options.get("fixed", ("G",)))
            assert found.cost[place] <= alone.cost * (1 + 1e-6)
            assert found.reduced_chi2[place] == pytest.approx(alone.reduced_chi2, rel=1e-6)
            for name in found.names:
                error = alone.conditional_stderr[name]
                tolerance = 1e-3 * error if np.isfinite(error) else 1e-9 * abs(alone.values[name])
                assert found[name][place] == pytest.approx(alone.values[name], abs=tolerance), name
                assert found.stderr[name][place] == pytest.approx(alone.stderr[name], rel=0.01, nan_ok=True)
                assert found.units[name] == alone.units[name]

    def test_can_be_profiled(self):
        found = fit_many(noisy(), T, sigma=0.02, **UNITS)
        low, high = profile(found[0, 1], ["k1"])["k1"].interval95
        assert low < found["k1"][0, 1] < high


@pytest.mark.parametrize("kind", ["even times", "log times", "few points"])
def test_hard_pixels_are_nowhere_silently_above_the_lowest_minimum(kind):
    rng = np.random.default_rng(20260)
    t = {"even times": np.linspace(0, 1, 100), "few points": np.linspace(0, 1, 25)}.get(kind)
    t = np.r_[0, np.geomspace(1e-4, 1, 60)] if t is None else t
    rates, n0 = 10 ** rng.uniform(-1, 3, (3, 12)), rng.uniform(0.5, 2, 12)
    rates[rng.random((3, 12)) < 0.3] = 0
    y = np.array([solve(t, n, (0, *k)) for n, k in zip(n0, rates.T, strict=True)])
    y += 1e-3 * y[:, :1] * rng.standard_normal(y.shape)
    found = fit_many(y, t)
    for k in np.flatnonzero(found.converged):
        starts = [None, (0, *rates[:, k])]
        alone = Measurement(Trace(t, y[k]), noise="even")
        lowest = min(fit(alone, each).cost for each in starts)
        assert found.cost[k] <= lowest * (1 + 1e-6)
    assert found.converged.mean() > 0.7


def test_decays_that_are_over_at_once_go_to_the_exact_solution():
    t = np.linspace(0, 1, 30)
    y = np.array([np.exp(-200 * t), np.exp(-5 * t)]) + 1e-3 * np.random.default_rng(0).standard_normal(
        (2, 30)
    )
    assert fit_many(y, t).one_by_one.tolist() == [True, False]


@pytest.mark.parametrize(
    "options",
    [
        {"fixed": ()},
        {"response_fwhm": 2.0, "time_zero": 5.0},
        {"noise": "estimated"},
        {"observable": np.sqrt},
    ],
    ids=["generation", "response", "estimated noise", "own observable"],
)
def test_what_the_batch_does_not_know_is_fitted_one_by_one(options):
    y, t = noisy(shape=(2,))[:, :60], T[:60]
    if options.get("observable") is np.sqrt:
        options, y = options | {"n0": 2.0, "guess": (0, 0.02, 0.03, 0.01)}, np.abs(y)
    found = fit_many(y, t, **options)
    assert found.one_by_one.all()
    alone = fit(found[1].measurement, options.get("guess"), fixed=options.get("fixed"))
    np.testing.assert_allclose([found[name][1] for name in found.names], alone.values, rtol=1e-6)


class TestBadPixels:
    """Are reported, not raised."""

    def test_each_has_a_status_and_a_sentence(self):
        y, sigma = noisy(), np.full(SHAPE, 0.02)[..., None] * np.ones(len(T))
        rng = np.random.default_rng(5)
        y[0, 0, 7], y[0, 1, 3], y[0, 2], y[0, 3] = np.nan, np.inf, 0.0, -y[0, 3]
        y[1, 0], sigma[1, 1, 4] = 0.02 * rng.standard_normal(len(T)), 0.0
        mask = np.ones(SHAPE, bool)
        mask[2, 3] = False
        found = fit_many(y, T, sigma=sigma, mask=mask)
        assert found.status.tolist() == [
            ["not finite", "not finite", "zero", "negative"],
            ["noise only", "no sigma", "fitted", "fitted"],
            ["fitted", "fitted", "fitted", "masked"],
        ]
        bad = found.status != "fitted"
        assert not found.converged[bad].any()
        assert not found.trusted[bad].any()
        assert np.isnan(found["k1"][bad]).all()
        assert np.isnan(found.cost[bad]).all()
        assert all(len(words) >= 20 for words in found.message[bad])
        assert "8 not" not in repr(found)
        assert "2 not finite" in repr(found)

    def test_without_a_density_are_named(self):
        n0 = np.full(SHAPE, 2.0)
        n0[0, 0], n0[0, 1] = 0.0, np.nan
        found = fit_many(light(), T, noise="poisson", offset="free", **LIGHT | {"n0": n0})
        assert found.status[0].tolist() == ["refused", "refused", "fitted", "fitted"]
        assert "n0 of this pixel" in found.message[0, 1]

    def test_that_hold_no_counts_are_named(self):
        y = light().astype(float)
        y[0, 0, 3], y[0, 1, 4], y[0, 2] = -1, 2.5, 0
        found = fit_many(y, T, noise="poisson", offset="free", **LIGHT)
        assert found.status[0].tolist() == ["no counts", "no counts", "zero", "fitted"]

    @pytest.mark.parametrize("noise", ["even", "poisson"])
    def test_a_background_without_a_decay_is_noise(self, noise):
        y = light().astype(float)
        y[0] = np.random.default_rng(6).poisson(50, y[0].shape)
        found = fit_many(y, T, noise=noise, offset="free", **LIGHT)
        assert (found.status[0] == "noise only").all()
        assert (found.status[1:] == "fitted").all()

    def test_an_image_of_nothing_raises_nothing(self):
        for value in (np.nan, 0.0):
            found = fit_many(np.full((2, 2, 30), value), T[:30])
            assert not found.converged.any()

    def test_have_no_fit_of_their_own(self):
        y = noisy()
        y[0, 0, 7] = np.nan
        with pytest.raises(ValueError, match=r"pixel \(0, 0\): a signal is NaN"):
            fit_many(y, T)[0, 0]

    def test_masked_points_of_a_masked_array_are_no_data(self):
        y = np.ma.masked_less(np.ma.array(noisy()), -10)
        y[0, 0, 5] = np.ma.masked
        assert fit_many(y, T).status[0, 0] == "not finite"

    def test_a_misfit_is_not_trusted(self):
        y = noisy()
        y[0, 0] += 0.3 * np.sin(T / 5)
        found = fit_many(y, T, sigma=0.02)
        assert not found.trusted[0, 0]
        assert found.trusted.sum() > 6


class TestRequests:
    """That suit no pixel are refused before any work, with what to give."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((noisy(),), "t: give the times"),
            ((noisy(), T[:-1]), "the last axis of the data is time"),
            ((np.moveaxis(noisy(), -1, 0), T), r"move axis 0 there with np.moveaxis\(data, 0, -1\)"),
            ((noisy()[0, 0], T), "holds one decay"),
            ((noisy(), T[::-1]), "must be finite and increase"),
            (([Trace([0, 1, 2], [3, 2, 1]), Trace([0, 1, 3], [3, 2, 1])],), "trace 2 has other times"),
            (
                ([Trace([0, 1, 2], [3, 2, 1], [1, 1, 1]), Trace([0, 1, 2], [3, 2, 1])],),
                "some traces have sigma",
            ),
            ((np.array([["a", "b"]]), [0, 1]), "real numbers"),
        ],
    )
    def test_of_data(self, arguments, words):
        with pytest.raises(ValueError, match=words):
            fit_many(*arguments)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"fixed": ("k9",)}, "the parameters are G, k1, k2, k3, n0"),
            ({"guess": {"k9": 1}}, "there is no k9"),
            ({"sigma": np.ones(3)}, "one for each time"),
            ({"sigma": 0.0}, "positive"),
            ({"sigma": np.ones(SHAPE)}, "one for each point, np.broadcast_to"),
            ({"sigma": 1.0, "noise": "even"}, "give one of the two"),
            ({"noise": "poisson"}, "counts"),
            ({"mask": np.ones(5, bool)}, "True for those to fit"),
            ({"mask": np.ones(SHAPE)}, "True or False"),
            ({"n0": np.ones(5)}, "one for each pixel"),
            ({"observable": "photoluminescence"}, "give n0"),
            ({"scale": "free", "n0": "free"}, "n0"),
        ],
    )
    def test_of_options(self, options, words):
        with pytest.raises(ValueError, match=words):
            fit_many(noisy(), T, **options)

    def test_of_what_no_one_knows(self):
        with pytest.raises(TypeError, match="there is no foo"):
            fit_many(noisy(), T, foo=1)
        with pytest.raises(ValueError, match="holds no pixel"):
            fit_many(noisy()[:0], T)

    def test_of_a_pixel_outside(self):
        found = fit_many(noisy(), T)
        with pytest.raises(IndexError, match="3 × 4 pixels"):
            found[3, 0]
        with pytest.raises(IndexError, match="2 whole numbers"):
            found[1]
        with pytest.raises(KeyError, match="the parameters are"):
            found["k9"]

    def test_of_a_lambda_in_other_processes(self):
        with ProcessPoolExecutor(1) as pool, pytest.raises(ValueError, match="lambda"):
            fit_many(noisy(), T, observable=lambda n: n, n0=1.0, guess=(0, 1, 1, 1), executor=pool)


@pytest.mark.parametrize("noise", ["sigma", "even", "poisson"])
def test_every_replicate_of_a_bootstrap_is_that_of_a_single_fit(noise, monkeypatch):
    options = {"noise": noise} | ({"scale": 300.0} if noise == "poisson" else {})
    data = np.random.default_rng(4).poisson(300 * densities()) if noise == "poisson" else noisy()
    y = data[1, 1].astype(float)
    trace = Trace(T, y, np.full(len(T), 0.02) if noise == "sigma" else None)
    found = fit(Measurement(trace, **options))
    together = bootstrap(found, n=60, progress=False)
    monkeypatch.setattr(resampling, "is_known", lambda *_: False)
    alone = bootstrap(found, n=60, progress=False)
    assert together.converged.all()
    moved = [name for name, moves in zip(found.names, found.free, strict=True) if moves]
    distance = (together.values - alone.values)[moved].abs() / alone.values[moved].std()
    assert distance.max().max() < 1e-2
    assert (alone.values[moved].nunique() > 30).all()


def test_traces_and_measurements_are_fitted_each_alone():
    y = noisy(shape=(3,))
    traces = [Trace(T, row, np.full(len(T), 0.02), name=f"spot {k}", **UNITS) for k, row in enumerate(y)]
    measurement = Measurement(traces, several="each alone")
    expected = fit_many(y, T, sigma=0.02, **UNITS)
    for data in (traces, measurement):
        found = fit_many(data)
        np.testing.assert_allclose(found["k2"], expected["k2"], rtol=1e-9)
        assert found.units == expected.units
    with pytest.raises(ValueError, match="the measurement says this already"):
        fit_many(measurement, T)


def test_points_before_the_pulse_and_left_out_ones_count_as_in_a_single_fit():
    t = np.r_[np.linspace(-20, -1, 20), T + 0.01]
    y = np.concatenate([np.random.default_rng(7).poisson(4.0, (*SHAPE, 20)), light()], axis=-1)
    for options in ({"time_zero": 0.0}, {"time_zero": "peak", "window": (-30, 80)}, {"kind": "TRPL counts"}):
        found = fit_many(y, t, **({"noise": "poisson", "offset": "free"} | options | LIGHT))
        pixel = found[1, 1]
        alone = fit(pixel.measurement)
        assert found.cost[1, 1] == pytest.approx(alone.cost, rel=1e-6)
        assert found.points == alone.freedom


class TestFiles:
    """A saved map is whole, has its units, and finds its data again."""

    def test_gives_everything_back(self, tmp_path):
        y = noisy()
        y[0, 0, 3] = np.nan
        found = fit_many(y, T, sigma=0.02, guess=(0, 0.02, 0.02, 0), **UNITS)
        again = FitMap.load(found.save(tmp_path / "deep" / "map.h5"))
        assert_same(found, again)
        assert again.units == found.units
        assert again.message.tolist() == found.message.tolist()
        assert not again.partial
        with h5py.File(tmp_path / "deep" / "map.h5") as file:
            assert file["values/k2"].attrs["unit"] == "1/(ns 10^16 cm^-3)"
            assert "numpy" in file.attrs["versions"]
        with pytest.raises(ValueError, match=r"map\.on\(data\)"):
            again[1, 1]
        np.testing.assert_array_equal(again.on(y, sigma=0.02)[1, 1].values, found[1, 1].values)
        with pytest.raises(ValueError, match="not the data of the map"):
            again.on(2 * y, sigma=0.02)

    def test_takes_a_sentence_for_each_of_many_pixels(self, tmp_path):
        found = replace(fit_many(noisy(), T), messages=dict.fromkeys(range(1000), 100 * "words "))
        assert FitMap.load(found.save(tmp_path / "map.h5")).messages == found.messages

    def test_keeps_the_old_file_where_a_save_fails(self, tmp_path, monkeypatch):
        found = fit_many(noisy(), T)
        path = found.save(tmp_path / "map.h5")
        before = path.read_bytes()
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space"):
            found.save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_that_are_none_are_refused(self, tmp_path):
        path = fit_many(noisy(), T).save(tmp_path / "map.h5")
        (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:2000])
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["x"] = 1
        for name, words in (("cut.h5", "cut short"), ("other.h5", "no map of fits")):
            with pytest.raises(ValueError, match=words):
                FitMap.load(tmp_path / name)
        with pytest.raises(FileNotFoundError, match="no such file"):
            FitMap.load(tmp_path / "missing.h5")

    def test_the_table_has_a_row_for_each_pixel(self):
        found = fit_many(noisy(), T, **UNITS)
        table = found.table()
        assert table.index.names == ["row", "column"]
        assert table.loc[(1, 2), "k1"] == found["k1"][1, 2]
        assert table.loc[(1, 2), "k1 stderr"] == pytest.approx(found.stderr["k1"][1, 2], nan_ok=True)
        assert table.attrs["units"]["n0"] == "10^16 cm^-3"
        np.testing.assert_allclose(found.in_cgs("k1"), 1e9 * found["k1"])

    def test_a_map_travels(self):
        found = fit_many(noisy(), T)
        assert_same(found, pickle.loads(pickle.dumps(found)))


class Sliced:
    """An array on a disk: it knows slices of its first axis, and remembers the largest."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        block = self.array[key]
        self.largest = max(self.largest, block[..., 0].size)
        return block


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(many, "_LARGEST_CHUNK", 64)


@pytest.fixture
def image():
    return noisy(shape=(20, 20), t=T[::3])


@pytest.mark.usefixtures("small_chunks")
class TestLargeArrays:
    """Go through in chunks, wherever they are."""

    def test_mapped_and_hdf5_give_the_same_bits(self, image, tmp_path):
        t, expected = T[::3], fit_many(image, T[::3])
        np.save(tmp_path / "image.npy", np.moveaxis(image, -1, 0))
        mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
        assert_same(expected, fit_many(np.moveaxis(mapped, 0, -1), t))
        with h5py.File(tmp_path / "image.h5", "w") as file:
            assert_same(expected, fit_many(file.create_dataset("image", data=image), t))

    def test_dask_gives_the_same_bits(self, image):
        array = pytest.importorskip("dask.array", reason="the extra `cluster` is not installed")
        chunked = array.from_array(image, chunks=(7, 20, len(T[::3])))
        assert_same(fit_many(image, T[::3]), fit_many(chunked, T[::3]))

    def test_are_never_read_as_a_whole(self):
        for shape in ((50, 8), (400,), (2, 200)):
            array = noisy(shape=shape, t=T[::3])
            image = Sliced(array)
            assert_same(fit_many(image, T[::3]), fit_many(array, T[::3]))
            assert image.largest <= 4 * 64


class Killing(ProcessPoolExecutor):
    """A pool of which one worker dies while the fourth chunk is under way."""

    sent = 0

    def submit(self, *args, **options):
        future = super().submit(*args, **options)
        self.sent += 1
        if self.sent == 4:
            os.kill(next(iter(self._processes)), signal.SIGKILL)
        return future


class KillingOnDask(Executor):
    """Dask's executor, of which one worker dies while the fourth chunk is under way."""

    def __init__(self, client):
        self.inner, self.sent = client.get_executor(), 0
        self.victim = next(iter(client.run(os.getpid).values()))

    def submit(self, *args, **options):
        future = self.inner.submit(*args, **options)
        self.sent += 1
        if self.sent == 4:
            os.kill(self.victim, signal.SIGKILL)
        return future


def fatal(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 10 * number


def broken(number):
    raise MemoryError(f"chunk {number}")


class Interrupted(Executor):
    """An executor during whose third chunk the user presses Ctrl-C."""

    sent = 0

    def submit(self, function, *args, **options):
        self.sent += 1
        if self.sent == 3:
            raise KeyboardInterrupt
        future: Future = Future()
        future.set_result(function(*args))
        return future


@pytest.mark.usefixtures("small_chunks")
class TestExecutors:
    """Give the same bits as one process, whatever happens to their workers."""

    def test_threads_and_a_pool_that_loses_a_worker(self, image):
        expected = fit_many(image, T[::3])
        with ThreadPoolExecutor(2) as pool:
            assert_same(expected, fit_many(image, T[::3], executor=pool))
        with Killing(2) as pool:
            found = fit_many(image, T[::3], executor=pool)
            assert pool.sent >= 4
        assert_same(expected, found)
        assert not found.partial

    def test_a_dask_cluster_that_loses_a_worker(self, image):
        dask = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
        expected = fit_many(image, T[::3])
        options = {"processes": True, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
        with dask.LocalCluster(n_workers=2, **options) as cluster, dask.Client(cluster) as client:
            assert_same(expected, fit_many(image, T[::3], executor=client.get_executor()))
            killing = KillingOnDask(client)
            found = fit_many(image, T[::3], executor=killing)
        assert killing.sent >= 4
        assert_same(expected, found)

    def test_a_chunk_that_kills_its_workers_is_given_up_and_no_other(self):
        makers = [lambda k=k: k for k in range(8)]
        with ProcessPoolExecutor(2) as pool:
            found = dict(gathered(fatal, makers, pool))
        assert isinstance(found.pop(3), GivenUp)
        assert found == {k: 10 * k for k in range(8) if k != 3}

    def test_a_chunk_that_fails_is_reported(self, image, monkeypatch):
        monkeypatch.setattr(many, "fit_chunk", broken)
        with ThreadPoolExecutor(2) as pool:
            found = fit_many(image, T[::3], executor=pool)
        assert found.partial
        assert (found.status == "lost").all()
        assert "MemoryError" in found.message[0, 0]

    def test_interrupting_keeps_what_is_done(self, image):
        expected = fit_many(image, T[::3])
        found = fit_many(image, T[::3], executor=Interrupted())
        assert found.partial
        assert "PARTIAL" in repr(found)
        done = found.status == "fitted"
        assert 0 < done.sum() < done.size
        assert (found.status[~done] == "not done").all()
        np.testing.assert_array_equal(found["k1"][done], expected["k1"][done])

    def test_interrupting_among_those_that_are_fitted_one_by_one(self, monkeypatch):
        t = np.linspace(0, 1, 30)
        y = np.exp(-np.r_[np.full(12, 200.0), np.full(12, 5.0)][:, None] * t)
        y += 1e-3 * np.random.default_rng(0).standard_normal(y.shape)

        def interrupted(task):
            if task.begun is not None:
                raise KeyboardInterrupt
            return whole(task)

        whole = many.fit_chunk
        monkeypatch.setattr(many, "fit_chunk", interrupted)
        found = fit_many(y, t)
        assert found.partial
        assert found.status.tolist() == ["not done"] * 12 + ["fitted"] * 12
        assert np.isnan(found["k1"][:12]).all()

    def test_interrupting_without_an_executor_does_too(self, image, monkeypatch):
        calls = []

        def interrupted(task):
            calls.append(task)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return whole(task)

        whole = many.fit_chunk
        monkeypatch.setattr(many, "fit_chunk", interrupted)
        found = fit_many(image, T[::3])
        assert found.partial
        assert (found.status == "fitted").sum() == 128


class TestPictures:
    """Show the numbers of the map, its units, and what has none."""

    def test_of_a_parameter(self):
        y = noisy(shape=(6, 8))
        y[0, 0] = np.nan
        found = fit_many(y, T, **UNITS)
        ax = plots.plot_map(found, "k1", pixel_size=0.5)
        drawn = ax.images[0].get_array()
        np.testing.assert_array_equal(drawn.filled(np.nan), found["k1"])
        assert drawn.mask[0, 0]
        assert ax.images[0].colorbar.ax.get_ylabel() == "k1 (1/ns)"
        assert [text.get_text() for text in ax.texts] == ["1 µm"]
        left, right = ax.lines[0].get_xdata()
        assert right - left == pytest.approx(2)
        low, high = ax.images[0].get_clim()
        assert low < np.nanmedian(found["k1"]) < high
        trusted = plots.plot_map(found, "n0", error=True, only=found.trusted).images[0].get_array()
        assert (~trusted.mask).sum() <= found.trusted.sum()

    def test_of_the_colours_a_colour_blind_reader_tells_apart(self):
        colours = plots.plot_image(np.arange(6.0).reshape(2, 3), "x").images[0].cmap(np.linspace(0, 1, 50))
        lightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(lightness) > 0).all()

    def test_of_what_became_of_each_pixel(self):
        y = noisy(shape=(6, 8))
        y[0], y[1, 0] = 0.0, np.nan
        found = fit_many(y, T)
        ax = plots.plot_status(found)
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert "zero (8)" in labels
        assert "not finite (1)" in labels
        assert sum(int(label.split("(")[1][:-1]) for label in labels) == 48

    def test_of_fits_whose_residuals_are_far_larger_than_the_noise(self):
        found = fit_many(noisy(shape=(2, 3)), T, sigma=1e-5)
        assert found.converged.all()
        ax = plots.plot_status(found)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["fitted, in doubt (6)"]

    def test_refuse_what_is_no_image(self):
        with pytest.raises(ValueError, match="two axes"):
            plots.plot_image(np.ones(3), "x")
        with pytest.raises(ValueError, match="linear, log"):
            plots.plot_image(np.ones((2, 2)), "x", scale="cubic")
        with pytest.raises(ValueError, match="pixel_size"):
            plots.plot_image(np.ones((2, 2)), "x", pixel_size=0)
