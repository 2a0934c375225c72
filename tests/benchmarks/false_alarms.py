"""False alarms and finds of the tests of residuals, and what correlated noise does to errors.

    nice -n 10 python -m tests.benchmarks.false_alarms [counts|wrong|correlated|taken_for_noise] [sets]

`counts`: fits of the right law to simulated counts of one trace or four. At each peak and background the
share that is called structured, the share whose size is called wrong (p < 0.001, as in `advise`), and of k1
the pulls and the coverage of the profile's 95 % interval. Pulls are given twice: (value − truth)/error, which
is standard normal only where the likelihood is a parabola, and the signed root of the profile's Δ at the
truth, ±√(2·cost(truth) − 2·cost), which is so for few counts, too: the intervals follow it, not the error.
`wrong`: the share of wrong laws that is found. `correlated`: coverage with and without the widening.
`taken_for_noise`: how often a wrong law is called correlated noise.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.signal import lfilter

from helpers import kinetics
from helpers.fitting import Fit, fit
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import misfit
from tests.benchmarks.coverage import at_truth

PEAKS = (5, 30, 200, 500, 2_000, 20_000)
BACKGROUNDS = (0.02, 0.5, 5.0)
POINTS = 300
T = np.linspace(0, 300, POINTS)
RATES = (0.0, 0.05, 0.02, 0.0)
ALONE = (1.0,)
LEVELS = (1.0, 3.0, 10.0, 30.0)  # n0 of the series; k1/k2 is 2.5
SIZE = 1e-3  # p value below which `advise` calls the noise wrong
COVERED = stats.chi2.ppf(0.95, 1)  # Δ of an interval's end, far from bounds


def counted(densities, levels, peak: float, background: float, rng) -> Measurement:
    """Poisson counts of luminescence, which goes with n²; each trace goes on until its peak is reached."""
    traces = [
        Trace(T, rng.poisson(peak * (n / n0) ** 2 + background).astype(float), None, f"n0 = {n0:g}", "ns")
        for n, n0 in zip(densities, levels, strict=True)
    ]
    options = {"observable": "photoluminescence", "time_zero": 0.0, "noise": "poisson", "scale": "free"}
    return Measurement(traces, n0=list(levels), offset="free", **options)


def right(levels, peak: float, background: float, rng) -> Fit:
    """One trace of an exponential decay, or a series that needs k2, too."""
    rates, fixed = RATES, ["G", "k3"]
    if len(levels) == 1:
        rates, fixed = (0.0, RATES[1], 0.0, 0.0), ["G", "k2", "k3"]
    densities = [kinetics.solve(T, n0, rates) for n0 in levels]
    return fit(counted(densities, levels, peak, background, rng), rates, fixed=fixed)


def trapped(t: np.ndarray, n0: float) -> np.ndarray:
    """Density of carriers whose traps fill up: no k1, k2, k3 describe it."""

    def change(_, state):
        free, trapped = state
        caught = 0.1 * free * (1 - trapped)
        return [-caught - 0.01 * free**2, caught - 0.01 * trapped]

    options = {"method": "LSODA", "t_eval": t, "rtol": 1e-9, "atol": 1e-9}
    return np.maximum(solve_ivp(change, (0, t[-1]), [n0, 0], **options).y[0], 0.0)


def filled_traps(levels, peak: float, background: float, rng) -> Fit:
    """Counts of carriers whose traps fill up, fitted with the law that knows no filling."""
    densities = [trapped(T, n0) for n0 in levels]
    return fit(counted(densities, levels, peak, background, rng), RATES, fixed=["G"])


def without_auger(levels, peak: float, background: float, rng) -> Fit:
    """Counts with Auger recombination, fitted without it."""
    densities = [kinetics.solve(T, n0, (0, 0.05, 0.02, 0.02)) for n0 in levels]
    return fit(counted(densities, levels, peak, background, rng), RATES, fixed=["G", "k3"])


def rise(found: Fit, truth: float) -> float:
    """Δ of the profile of k1 at its true value."""
    there = found.refit(guess={"k1": truth}, fixed=[*found.fixed, "k1"])
    return max(2 * (there.cost - found.cost), 0.0)


def counts(sets: int) -> None:
    print(
        f"{sets} sets a cell, right law: shares of sets, and of k1 the pulls (mean, width) and the coverage"
    )
    print(
        f"{'':>22} {'structured':>11} {'size p<.001':>11} {'either':>7}  by error     by profile   coverage"
    )
    for levels in (ALONE, LEVELS):
        for peak in PEAKS:
            for background in BACKGROUNDS:
                rng = np.random.default_rng([len(levels), peak, int(100 * background)])
                rows = []
                for _ in range(sets):
                    found = right(levels, peak, background, rng)
                    test = misfit(found)
                    off, higher = found.values["k1"] - RATES[1], rise(found, RATES[1])
                    pulls = off / found.stderr["k1"], np.sign(off) * np.sqrt(higher)
                    noisy = test.p_size < SIZE
                    covered = at_truth(found, "k1", RATES[1])[0]
                    rows.append([test.found, noisy, test.found or noisy, *pulls, covered])
                table = np.array(rows, float)
                shares, (own, root) = (
                    table.mean(axis=0),
                    (table[:, k][np.isfinite(table[:, k])] for k in (3, 4)),
                )
                cell = f"{len(levels):2d} × {peak:6d} + {background:5.2f}"
                found = f"{shares[0]:11.3f} {shares[1]:11.3f} {shares[2]:7.3f}"
                pulled = f"{own.mean():5.2f} {own.std():5.2f}  {root.mean():5.2f} {root.std():5.2f}"
                print(f"{cell}     {found}  {pulled} {shares[5]:10.3f}", flush=True)


def wrong(sets: int) -> None:
    print(f"{sets} sets a cell, wrong law: share that is found")
    print(f"{'law':>20} {'traces':>6} {'peak':>6} {'backgr.':>7}  structured  size p<.001")
    for law in (filled_traps, without_auger):
        for levels in ((10.0,), LEVELS):
            for peak in (200, 500, 2_000):
                for background in (0.02, 0.5):
                    rng = np.random.default_rng([len(levels), peak, int(100 * background)])
                    tests = [misfit(law(levels, peak, background, rng)) for _ in range(sets)]
                    shares = np.mean([(each.found, each.p_size < SIZE) for each in tests], axis=0)
                    line = " ".join(f"{each:11.3f}" for each in shares)
                    print(
                        f"{law.__name__:>20} {len(levels):6d} {peak:6d} {background:7.2f} {line}", flush=True
                    )


def autoregressive(rng, count: int, rho: float) -> np.ndarray:
    """Noise of size 1 whose neighbours have the correlation rho: eᵢ = ρ·eᵢ₋₁ + √(1 − ρ²)·normal."""
    fresh = rng.standard_normal(count) * np.sqrt(1 - rho**2)
    fresh[0] /= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], fresh)


def with_noise(count: int, rho: float, size: float, known: bool, rng, rates=(0, 0.02, 0.01, 0)) -> Fit:
    """One decay with noise of this size and correlation, fitted with the right law."""
    t = np.linspace(0, 100, count)
    noise = size * autoregressive(rng, count, rho)
    sigma = np.full(count, size) if known else None
    return fit(Trace(t, kinetics.solve(t, 5.0, rates) + noise, sigma), rates, fixed=["G", "k3"])


def correlated(sets: int) -> None:
    print(f"{sets} sets a cell, right law, correlated noise: coverage of k1, k2, n0 as fitted and widened")
    print(f"{'points':>6} {'sigma':>7} {'rho':>4}  found  explained  rho found   as fitted          widened")
    for count in (100, 300, 1000):
        for known in (False, True):
            for rho in (0.0, 0.3, 0.6):
                rng = np.random.default_rng([count, int(10 * rho), known])
                rows = []
                for _ in range(sets):
                    found = with_noise(count, rho, 0.02, known, rng)
                    test = misfit(found)
                    names = ["k1", "k2", "n0"]
                    off = np.abs(found.values[names] - [0.02, 0.01, 5.0]) / found.stderr[names]
                    wide = off / test.widening[names] < 1.96
                    rows.append([test.found, test.correlation > 0, test.correlation, *(off < 1.96), *wide])
                table = np.array(rows, float)
                seen = table[table[:, 1] > 0, 2]
                shares, mean = table.mean(axis=0), seen.mean() if len(seen) else np.nan
                line = f"{shares[0]:6.3f} {shares[1]:10.3f} {mean:10.2f}   "
                line += " ".join(f"{each:5.3f}" for each in [*shares[3:6], *shares[6:]])
                print(f"{count:6d} {'known' if known else 'unknown':>7} {rho:4.1f} {line}", flush=True)


def taken_for_noise(sets: int) -> None:
    """Print how often the structure of a wrong law is taken for correlated noise."""
    print(f"{sets} sets a cell, wrong law (filling traps, fitted with k1, k2, k3), independent noise")
    print(f"{'noise':>6} {'points':>6}  found  called correlated noise")

    for size in (0.005, 0.01, 0.02, 0.03):
        for count in (100, 300, 1000):
            t = np.linspace(0, 100, count)
            clean = trapped(t, 3.0)
            rng, tests = np.random.default_rng(count), []
            for _ in range(sets):
                tests.append(misfit(fit(Trace(t, clean + 3 * size * rng.standard_normal(count)), RATES)))
            shares = np.mean([(each.found, each.correlation > 0) for each in tests], axis=0)
            print(f"{size:6.3f} {count:6d} {shares[0]:6.3f} {shares[1]:6.3f}", flush=True)


if __name__ == "__main__":
    chosen = {"counts": counts, "wrong": wrong, "correlated": correlated, "taken_for_noise": taken_for_noise}
    sets = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    start = time.perf_counter()
    for name in sys.argv[1:2] or chosen:
        chosen[name](sets)
    print(f"{time.perf_counter() - start:.0f} s")
