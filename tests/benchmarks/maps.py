"""Maps of traces: processor time a trace, memory, growth with size, and minima held against single fits.

    python tests/benchmarks/maps.py                  all of it, on 16,384 traces
    python tests/benchmarks/maps.py speed 65536      one part, on so many traces
    python tests/benchmarks/maps.py hard 300 7       300 hard traces of each kind, from the seed 7

Times are processor times of one thread; two free cores and a pool of two processes take half of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import sys
import time

import numpy as np
from scipy.integrate import odeint
from scipy.optimize import least_squares

from helpers.fitting import fit
from helpers.kinetics import solve
from helpers.maps import fit_many
from helpers.maps.curves import Form, curves
from helpers.maps.grid import grid_of
from helpers.measurement import Measurement
from helpers.traces import Trace

POINTS = 200
COMPARED = 40  # traces that are fitted one by one beside each map
LIGHT = {"observable": "photoluminescence", "n0": 1.0, "offset": "free"}
RAW = 1e17  # cm^-3


def decays(count, rng):
    """Return resolved decays of all three orders, without noise, shape (count, POINTS)."""
    t, x = np.linspace(0, 1, POINTS), np.zeros((6, count))
    x[0], x[1], x[2] = rng.uniform(0.5, 4, count), rng.uniform(0, 3, count), rng.uniform(0, 3, count)
    x[3], x[4] = rng.uniform(0.6, 1, count), 1.0
    y, steps = np.empty((count, POINTS)), grid_of(t).halved().halved()
    for first in range(0, count, 2048):
        part = slice(first, first + 2048)
        y[part] = curves(steps, Form((0, 1, 2, 3)), x[:, part], np.zeros(x[:, part].shape[1])).T
    return t, y


def settings(y, rng):
    """Yield a name, data and options for each kind of noise and signal."""
    yield "without noise", y, {}
    noisy = y + 0.02 * rng.standard_normal(y.shape)
    yield "2 % noise, known", noisy, {"sigma": 0.02}
    yield "2 % noise, even", noisy, {}
    yield "1,000 counts of density", rng.poisson(1000 * y), {"noise": "poisson", "scale": 1000.0}
    yield "1,000 counts of light", rng.poisson(1000 * y**2 + 5), {"noise": "poisson", "scale": "free"} | LIGHT


def timed(function, *args, **options):
    """Return what a function gives, and its processor time in s."""
    begin = time.process_time()
    found = function(*args, **options)
    return found, time.process_time() - begin


def memory():
    """Return the largest memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def single(t, y, options):
    """Fit one decay as `fit` does it alone."""
    options = dict(options)
    sigma = options.pop("sigma", None)
    sigmas = None if sigma is None else np.full(len(t), sigma)
    if sigma is None:
        options.setdefault("noise", "even")
    return fit(Measurement(Trace(t, y.astype(float), sigmas), **options))


def by_odeint(t, y):
    """Fit one density with scipy's odeint and least_squares, its differences included."""

    def residuals(p):
        k1, k2, k3, n0 = p
        slope = lambda n, _: -n * (k1 + n * (k2 + n * k3))  # noqa: E731
        return odeint(slope, n0, t, rtol=1e-8, atol=1e-10)[:, 0] - y

    return least_squares(residuals, [1, 1, 1, y[0]], bounds=(0, np.inf))


def speed(count=16384, seed=1):
    """Print processor time a trace beside that of single fits, and the memory beyond the data."""
    rng = np.random.default_rng(seed)
    t, y = decays(count, rng)
    for name, data, options in settings(y, rng):
        before = memory()
        found, seconds = timed(fit_many, data, t, progress=False, **options)
        beyond = memory() - before
        alone, one_by_one = timed(lambda: [single(t, row, options) for row in data[:COMPARED]])  # noqa: B023
        excess = (
            max(found.cost[k] / each.cost - 1 for k, each in enumerate(alone))
            if "without" not in name
            else np.nan
        )
        each, ratio = seconds / count, one_by_one / COMPARED / (seconds / count)
        print(
            f"{name:24} {1e3 * each:.3f} ms a trace, 1/{ratio:.0f} of fit; 65,536: {65536 * each:.1f} s;"
            f" {beyond:.2f} GB; {found.converged.sum()} of {count}, {found.one_by_one.sum()} one by one"
            + f"; cost at most {excess:+.0e} above fit"
            * ("without" not in name),
            flush=True,
        )
    noisy = y[:COMPARED] + 0.02 * rng.standard_normal((COMPARED, POINTS))
    _, seconds = timed(lambda: [by_odeint(t, row) for row in noisy])
    print(f"odeint + least_squares   {1e3 * seconds / COMPARED:.1f} ms a trace")
    print("numba RK4 + compiled LM  not measured: numba is not installed")


def growth(count=16384, seed=2):
    """Print the time a trace from 64 traces to `count`."""
    rng = np.random.default_rng(seed)
    t, y = decays(count, rng)
    y += 0.02 * rng.standard_normal(y.shape)
    fit_many(y[:64], t)
    size = 64
    while size <= count:
        _, seconds = timed(fit_many, y[:size], t, sigma=0.02, progress=False)
        print(f"{size:7} traces: {seconds:7.2f} s, {1e3 * seconds / size:.3f} ms a trace", flush=True)
        size *= 4


def hard_images(count, rng):
    """Yield kinds of decays that are hard to fit: a name, times, data, options."""
    even, few = np.linspace(0, 1, POINTS), np.linspace(0, 1, 25)
    log = np.r_[0, np.geomspace(1e-4, 1, 80)]
    for name, t, noise in (
        ("four decades", even, 1e-3),
        ("four decades, log times", log, 1e-3),
        ("four decades, 25 points", few, 1e-3),
        ("four decades, 10 % noise", even, 0.1),
        ("raw cm^-3 and ns", even, 1e-3),
    ):
        unit, span = (RAW, 500.0) if "raw" in name else (1.0, 1.0)
        rates = 10 ** rng.uniform(-1, 3, (3, count))
        rates[rng.random((3, count)) < 0.3] = 0
        start = rng.uniform(0.5, 2, count)
        y = np.array([solve(t, n, (0, *k)) for n, k in zip(start, rates.T, strict=True)])
        y += noise * y[:, :1] * rng.standard_normal(y.shape)
        yield name, span * t, unit * y, {}
        if name == "four decades":
            light = rng.poisson(1000 * (y / y[:, :1]) ** 2 + 3)
            yield "four decades, counts of light", t, light, {"noise": "poisson", "scale": "free"} | LIGHT


def hard(count=200, seed=3):
    """Print how far the costs of hard traces lie above the lowest that `fit` finds from several starts."""
    for name, t, y, options in hard_images(count, np.random.default_rng(seed)):
        found, seconds = timed(fit_many, y, t, progress=False, **options)
        above, worst, silent = 0, 0.0, 0
        for k in np.flatnonzero(found.converged):
            first = single(t, y[k], options)
            n, span = first.n0[0], t[-1]
            starts = [
                (0, 1 / span, 1 / span / n, 1 / span / n**2),
                (0, 0, 10 / span / n, 0),
                (0, 30 / span, 0, 0),
            ]
            costs = [first.cost, *(fit(first.measurement, each).cost for each in starts)]
            excess = found.cost[k] / min(costs) - 1
            worst, above = max(worst, excess), above + (excess > 1e-6)
            silent += excess > 1e-6 and not found.one_by_one[k]
        alone, failed = found.one_by_one.sum(), (~found.converged).sum()
        print(
            f"{name:30} {1e3 * seconds / count:6.2f} ms a trace, {alone} of {count} one by one,"
            f" {failed} reported; {above} above 1e-6 ({silent} of them side by side), worst {worst:.0e}",
            flush=True,
        )


PARTS = {"speed": speed, "growth": growth, "hard": hard}

if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word in PARTS] or list(PARTS)
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    for part in names:
        print(f"--- {part}")
        PARTS[part](*numbers)
