"""How long does a fit of the law of traps take: `python tests/benchmarks/traps.py`.

Four simulated traces of 1,000 points each, counts, from the automatic guess; wall and processor time, and how
many errors the values are from the truth over the seeds.
"""

import time

import numpy as np

from helpers.fitting import fit
from helpers.kinetics import TrapLaw
from helpers.measurement import Measurement
from helpers.traces import Trace

T = np.arange(-50, 950) * 0.4
N0 = np.array([2e15, 2e16, 2e17, 1e18])
TRUTH = {"k2": 1e-19, "k3": 0.0, "k_t": 2e-18, "N_t": 3e16, "k_d": 2e-3, "k_r": 0.0}
SEEDS = 20


def measured(seed: int) -> Measurement:
    """Return four simulated traces."""
    law, random, traces = TrapLaw(), np.random.default_rng(seed), []
    for n0 in N0:
        n, trapped = law.solve(np.maximum(T, 0), np.array([n0, 0.0]), law.values(TRUTH))[0].T
        light = np.where(T >= 0, n * (n + trapped), 0.0)
        counts = random.poisson(3 + 10_000 * light / light.max())
        traces.append(Trace(T, counts, t_unit="ns", signal_unit="counts", name=f"{n0:g}"))
    known = {"n0_cm3": N0, "p0_cm3": 0.0, "time_zero": 0.0, "baseline": (-20, -1)}
    return Measurement(traces, kind="TRPL counts", **known)


def main() -> None:
    """Print the times, and the spread of (value − truth)/error."""
    rows, wall, spent = [], [], []
    names = ["k2", "k_t", "N_t", "k_d"]
    for seed in range(SEEDS):
        data, began, worked = measured(seed), time.perf_counter(), time.process_time()
        found = fit(data, law=TrapLaw())
        wall.append(time.perf_counter() - began)
        spent.append(time.process_time() - worked)
        rows.append([(found.values[name] - TRUTH[name]) / found.stderr[name] for name in names])
    print(f"wall {np.median(wall):.2f} s (largest {max(wall):.2f}), processor {np.median(spent):.2f} s")
    for name, column in zip(names, np.array(rows).T, strict=True):
        print(f"{name:4} spread {column.std():.2f} errors, largest {np.abs(column).max():.1f}")


if __name__ == "__main__":
    main()
