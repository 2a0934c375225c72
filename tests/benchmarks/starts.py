"""Share of 1,000 starts, six decades wide in every rate, that reach the one minimum.

    python tests/benchmarks/starts.py [CSV …]

On the sample data in its own and in cm^-3 and s, on simulated traces of other shapes, and on any CSV named.
All parameters are fitted, G too. At least 99.5 % of the starts are to reach the minimum, and none is to stop
elsewhere and call that converged.
"""

from __future__ import annotations

import sys

import numpy as np

from helpers.fitting import fit_from_guesses
from helpers.kinetics import Rates, natural_rates, solve
from helpers.paths import DATA
from helpers.traces import Trace, load_trace

COUNT = 1000
WANTED = 0.995


def drawn(trace, rng):
    sizes = natural_rates(trace.elapsed[-1], trace.signal.max())
    return [Rates(*(10 ** rng.uniform(-3, 3, 4) * sizes)) for _ in range(COUNT)]


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
    print(
        f"{'trace':<34} {'starts':>7} {'same minimum':>13} {'share %':>8} {'said no':>8} {'wrongly yes':>12}"
    )
    enough = True
    for name, trace in traces.items():
        starts = drawn(trace, np.random.default_rng(0))
        fits = fit_from_guesses(trace, starts, fixed=(), progress=False)
        best = min(each.cost for each in fits)
        same = np.array([each.cost <= best * (1 + 1e-6) for each in fits])
        converged = np.array([each.converged for each in fits])
        share, wrong = float((same & converged).mean()), int((converged & ~same).sum())
        enough &= share >= WANTED and not wrong
        print(
            f"{name[-34:]:<34} {len(fits):>7} {(same & converged).sum():>13} {100 * share:>8.1f}"
            f" {(~converged).sum():>8} {wrong:>12}"
        )
    print("as asked" if enough else f"NOT as asked: {100 * WANTED:g} % of all starts, none wrongly converged")


if __name__ == "__main__":
    main()
