"""Time profiles, bootstrap and model ladder on 1,000 points: `python tests/benchmarks/uncertainty_speed.py`.

Prints the best and the median of some runs, and the load of the machine, which the times depend on.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from helpers import kinetics
from helpers.fitting import fit
from helpers.kinetics import RATES, Rates
from helpers.measurement.described import load_measurement
from helpers.traces import Trace
from helpers.uncertainty import advise, bootstrap, compare_terms, contour, profile

POINTS, RUNS = 1000, 5


def sample(rates: Rates, known: bool) -> Trace:
    t = np.linspace(0, 480, POINTS)
    noise = 2.0 * np.random.default_rng(0).standard_normal(POINTS)
    return Trace(t, kinetics.solve(t, 800.0, rates) + noise, np.full(POINTS, 2.0) if known else None)


def report(words: str, work) -> None:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    print(f"{words:58} best {min(times):7.3f} s   median {np.median(times):7.3f} s")


def main() -> None:
    if hasattr(os, "getloadavg"):
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    inside = fit(sample(Rates(0.5, 1e-2, 1e-3, 1e-6), known=True), fixed=())
    at_bound = fit(sample(Rates(0.0, 1e-2, 1e-3, 0.0), known=False), fixed=())
    report("fit", lambda: fit(inside.trace, fixed=()))
    report("profile, 4 rates x 20 points", lambda: profile(inside, RATES))
    report("profile, 4 rates x 20 points, two on their bound", lambda: profile(at_bound, RATES))
    report("contour of k2 and k3, 36 directions", lambda: contour(inside, ("k2", "k3")))
    report("bootstrap, 1,000 fits", lambda: bootstrap(inside, progress=False))
    report("bootstrap, 1,000 fits, residuals", lambda: bootstrap(inside, kind="residual", progress=False))
    with ProcessPoolExecutor(2) as pool:
        report("bootstrap, 1,000 fits, 2 processes", lambda: bootstrap(inside, progress=False, executor=pool))
    report("compare_terms, 14 models", lambda: compare_terms(inside))
    report("advise", lambda: advise(inside))
    series = fit(load_measurement("fluence_series"))
    report("series of counts, 4 x 1,240: profile, 3 rates", lambda: profile(series, RATES[1:]))
    report("series of counts, 4 x 1,240: compare_terms, 7 models", lambda: compare_terms(series))


if __name__ == "__main__":
    main()
