"""What time zero does to k2 and k3: `python tests/benchmarks/time_zero.py` prints one row for each seed.

Four fluences of counted luminescence behind a response of 1 ns, or behind a Gaussian with a tail. Time zero
is fitted from two bins away from the truth, one for all traces or one for each; and without a response it
stays at the edge, with the window two widths later, or is put on the peak for comparison. Shown are distances
from the truth in standard errors, of which one in 370 is beyond three.
"""

from __future__ import annotations

import itertools
import time

import numpy as np

from helpers.fitting import Fit, fit
from helpers.kinetics import RateLaw
from helpers.measurement import Measurement, Observable, Quantity, Response
from helpers.measurement.response import clock
from helpers.traces import Trace

RATES = {"k1": 0.015, "k2": 6e-20, "k3": 1.6e-37}  # ns and cm^-3
N0 = np.array([1.06e16, 5.3e16, 2.65e17, 1.33e18])
BIN, TIME_ZERO, PEAK, BACKGROUND = 0.1, 0.37, 10_000, 5.0
T = np.arange(-20, 200, BIN)
RESPONSES = {"Gaussian of 1 ns": Response(fwhm=1.0), "tail": Response(fwhm=0.5, tail=1.5, tail_share=0.3)}
SEEDS = 20


def traces(response: Response, seed: int, *, t: np.ndarray = T) -> list[Trace]:
    """Return four simulated traces of counts."""
    rng, found = np.random.default_rng(seed), []
    for number, n0 in enumerate(N0, 1):
        times = clock(t, time_zero=TIME_ZERO, response=response)
        shape, _ = times.shape(RateLaw(), Observable("photoluminescence"), (0, *RATES.values()), n0)
        counts = rng.poisson(PEAK * shape / shape.max() + BACKGROUND).astype(float)
        found.append(Trace(t, counts, name=f"p{number}", t_unit="ns", signal_unit="counts"))
    return found


def measured(
    behind: Response, seed: int, *, t: np.ndarray = T, mode: str = "shared", **options
) -> Measurement:
    """Return them as a measurement; without other options time zero is fitted from two bins away."""
    start = TIME_ZERO + (2 if seed % 2 else -2) * (t[1] - t[0])
    options = options or {"response": behind, "time_zero": Quantity([start] * len(N0), mode)}
    return Measurement(traces(behind, seed, t=t), kind="TRPL counts", n0_cm3=N0, p0_cm3=0, **options)


def away(found: Fit) -> dict[str, float]:
    """Return how far rates and fitted time zeros lie from the truth, in their standard errors."""
    truth = RATES | {name: TIME_ZERO for name in found.names if name.startswith("time_zero")}
    return {name: float((found.values[name] - value) / found.stderr[name]) for name, value in truth.items()}


def main() -> None:
    """Print one row for each response and seed, and how many were within three errors."""
    for (name, response), mode in itertools.product(RESPONSES.items(), ("shared", "free")):
        print(f"{name}: distances from the truth in standard errors, time zero {mode}")
        good = 0
        for seed in range(SEEDS):
            start = time.perf_counter()
            found = fit(measured(response, seed, mode=mode))
            passed = time.perf_counter() - start
            rows = away(found)
            within = max(map(abs, rows.values())) < 3 and abs(found.reduced_chi2 - 1) < 0.1
            good += found.converged and within
            numbers = "  ".join(f"{each} {distance:+.2f}" for each, distance in rows.items())
            print(f"{seed:3}  {numbers}  reduced chi2 {found.reduced_chi2:.3f}  {passed:.2f} s")
        print(f"{good} of {SEEDS} within 3 errors and reduced chi2 1 ± 0.1\n")
    for time_zero in ("edge", "peak"):
        print(f"Gaussian of 1 ns that is not given, time zero at the {time_zero}: k3 / truth ± error")
        for seed in range(SEEDS):
            found = fit(measured(RESPONSES["Gaussian of 1 ns"], seed, time_zero=time_zero))
            ratio, error = found.values["k3"] / RATES["k3"], found.stderr["k3"] / RATES["k3"]
            print(f"{seed:3}  {ratio:.3f} ± {error:.3f}, reduced chi2 {found.reduced_chi2:.3f}")


if __name__ == "__main__":
    main()
