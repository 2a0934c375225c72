"""Fits of `helpers.fitting`: time of a fit, and share of random starts that reach the best minimum.

    python tests/benchmarks/road.py [--starts COUNT]

On a density of 1,000 points, a series of 10 × 1,000 points, and the described measurements in data/. Starts
are spread over eight decades in k1, k2 and k3 around their natural sizes.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from helpers.fitting import fit
from helpers.kinetics import solve
from helpers.measurement import Measurement
from helpers.measurement.described import load_measurement
from helpers.traces import Trace

ROUNDS = 7
DECADES = 4  # to each side
T = np.linspace(0, 100, 1000)
RATES = (0, 0.02, 1e-3, 1e-6)


def density():
    noise = np.random.default_rng(0).normal(0, 0.02, len(T))
    return Measurement(Trace(T, solve(T, 10.0, RATES) + noise))


def series(**options):
    rng, n0 = np.random.default_rng(0), np.geomspace(1, 100, 10)
    traces = [Trace(T, 1e3 * (solve(T, n, RATES) / n) ** 2 + rng.normal(0, 3, len(T))) for n in n0]
    return Measurement(traces, n0=n0, observable="photoluminescence", **options)


def times(measurement):
    fit(measurement)
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        fit(measurement)
        taken.append(1e3 * (time.perf_counter() - start))
    return min(taken), float(np.median(taken))


def shares(measurement, count):
    best = fit(measurement)
    natural, rng = best.problem.scales[:4], np.random.default_rng(0)
    fits = []
    for _ in range(count):
        rates = natural * 10 ** rng.uniform(-DECADES, DECADES, 4) * [0, 1, 1, 1]
        fits.append(fit(measurement, tuple(rates)))
    lowest = min(best.cost, *(each.cost for each in fits))
    same = np.array([each.cost <= lowest * (1 + 1e-6) for each in fits])
    converged = np.array([each.converged for each in fits])
    return (same & converged).mean(), int((converged & ~same).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=0, help="random starts for each described measurement")
    wanted = parser.parse_args().starts
    cases = {
        "density, 1,000 points": density(),
        "series, 10 x 1,000 points": series(),
        "the same with offsets": series(offset="free"),
        "series of counts, 4 x 1,240": load_measurement("fluence_series"),
    }
    for name, measurement in cases.items():
        best, middle = times(measurement)
        print(f"{name:<30} best {best:6.1f} ms, median {middle:6.1f} ms")
    if wanted:
        counted = load_measurement("fluence_series")
        for name, measurement in {
            "sample": load_measurement("sample_data"),
            "sample, weighed": load_measurement("sample_data_sigma"),
            "counts, one trace": counted.alone()[3],
            "counts, series": counted,
        }.items():
            share, wrong = shares(measurement, wanted)
            print(f"{name:<30} {100 * share:.1f} % of {wanted} starts; wrongly converged: {wrong}")


if __name__ == "__main__":
    main()
