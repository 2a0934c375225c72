"""Share of 1,000 starts, six decades wide in every rate, that reach the one minimum.

    python tests/benchmarks/starts.py [CSV …]

On the sample data in its own and in cm^-3 and s, on simulated traces of other shapes, and on any CSV named.
"""

import sys

import numpy as np

from helpers import guesses
from helpers.fitting import fit_from_guesses
from helpers.kinetics import Rates, solve
from helpers.paths import DATA
from helpers.traces import Trace, load_trace

COUNT = 1000


def drawn(trace, rng):
    span, top = trace.elapsed[-1], trace.signal.max()
    scales = np.array([top / span, 1 / span, 1 / (span * top), 1 / (span * top**2)])
    return [Rates(*(10 ** rng.uniform(-3, 3, 4) * scales)) for _ in range(COUNT)]


def simulated(rates, n0, points, noise):
    t = np.linspace(0, 1, points)
    n = solve(t, n0, rates)
    return Trace(t, n + noise * np.random.default_rng(3).normal(size=points) * max(n.max(), n0))


def main():
    sample = load_trace(DATA / "sample_data.csv").from_peak()
    traces = {
        "sample, ns and 10^16 cm^-3": sample,
        "sample, s and cm^-3": Trace(sample.t * 1e-9, sample.signal * 1e16),
        "with generation": simulated(Rates(2, 1, 3, 10), 1.0, 300, 0.005),
        "growth from nothing": simulated(Rates(2, 1, 3, 10), 0.0, 300, 0.005),
        "seven points": simulated(Rates(0, 1, 3, 10), 1.0, 7, 0.02),
    }
    traces |= {path: load_trace(path).from_peak() for path in sys.argv[1:]}
    print(f"{'trace':<34} {'starts':>7} {'same minimum':>13} {'said no':>8} {'wrongly yes':>12}")
    for name, trace in traces.items():
        starts = drawn(trace, np.random.default_rng(0))
        if "sample, ns" in name:
            starts += list(guesses.ORIGINAL)
        fits = fit_from_guesses(trace, starts, progress=False)
        best = min(each.cost for each in fits)
        same = np.array([each.cost <= best * (1 + 1e-6) for each in fits])
        converged = np.array([each.converged for each in fits])
        print(
            f"{name[-34:]:<34} {len(fits):>7} {(same & converged).sum():>13} {(~converged).sum():>8}"
            f" {(converged & ~same).sum():>12}"
        )


if __name__ == "__main__":
    main()
