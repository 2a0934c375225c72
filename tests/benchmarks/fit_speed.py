"""Time of one fit beside other roads to the same minimum, in one run.

    python tests/benchmarks/fit_speed.py [--slow]

Roads: this workbook; `odeint` with scipy's `least_squares` (finite differences, rates scaled by hand); and
with --slow the protocol of the workbook's origin, an RK45 solver restarted at every data point with a
largest step of 1 % of the span. Medians of repeated fits after a warm-up; the last column is the ratio.
"""

import argparse
import statistics
import time

import numpy as np
from scipy.integrate import RK45, odeint
from scipy.optimize import least_squares

from helpers.fitting import fit
from helpers.kinetics import Rates, solve, solve_with_jacobian
from helpers.traces import Trace

GUESS = np.array([0, 1e-3, 0.5e-3, 1.2e-7])
SCALES = np.array([1.0, 1e-2, 1e-3, 1e-7, 800.0])


def law(n, G, k1, k2, k3):
    return G - n * (k1 + n * (k2 + n * k3))


def by_odeint(trace):
    def residuals(x):
        G, k1, k2, k3, n0 = x * SCALES
        n = odeint(lambda n, t: law(n, G, k1, k2, k3), n0, trace.t, rtol=1e-8, atol=1e-6)
        return n[:, 0] - trace.signal

    start = np.append(GUESS, trace.signal[0]) / SCALES
    return 2 * least_squares(residuals, start, bounds=(0, np.inf), x_scale="jac").cost


def by_restarted_rk45(trace):
    """The origin's loop: n0 pinned to the peak, unsigned distances, default finite differences."""

    def residuals(rates):
        values = [trace.signal[0]]
        for begin, end in zip(trace.t[:-1], trace.t[1:], strict=True):
            solver = RK45(
                lambda t, n: law(n, *rates),
                begin,
                values[-1:],
                end,
                max_step=(trace.t[-1] - trace.t[0]) / 100,
            )
            while solver.status == "running":
                solver.step()
            values.append(solver.y[0])
        return np.abs(np.array(values) - trace.signal)

    return 2 * least_squares(residuals, GUESS).cost


def here(trace):
    return 2 * fit(trace, Rates(*GUESS), fixed=()).cost


def median_ms(call, *, least_seconds=1.0, least_repeats=3):
    call()
    times = []
    while len(times) < least_repeats or sum(times) < least_seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def simulated(points):
    t = np.linspace(0, 480, points)
    n = solve(t, 800.0, Rates(0, 1.02e-2, 1.03e-3, 1.1e-7))
    return Trace(t, n + (0.005 * n + 0.05) * np.random.default_rng(0).normal(size=points))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slow", action="store_true", help="also the restarted RK45, minutes")
    slow = parser.parse_args().slow
    print(f"{'points':>7} {'road':<28} {'ms':>10} {'sum of squares':>16} {'ratio':>8}")
    for points in (100, 1000, 10_000):
        trace = simulated(points)
        own = median_ms(lambda trace=trace: here(trace))
        rows = [("this workbook", own, here(trace))]
        rows.append(("odeint + least_squares", median_ms(lambda t=trace: by_odeint(t)), by_odeint(trace)))
        if slow and points < 10_000:
            start = time.perf_counter()
            cost = by_restarted_rk45(trace)
            rows.append(("restarted RK45 (the origin's)", 1e3 * (time.perf_counter() - start), cost))
        for road, milliseconds, cost in rows:
            print(f"{points:>7} {road:<28} {milliseconds:>10.2f} {cost:>16.8g} {milliseconds / own:>8.1f}")
        call = median_ms(lambda trace=trace: solve_with_jacobian(trace.elapsed, 800.0, (0, 1e-2, 1e-3, 1e-7)))
        print(f"{points:>7} {'  n and Jacobian once':<28} {call:>10.2f}")


if __name__ == "__main__":
    main()
