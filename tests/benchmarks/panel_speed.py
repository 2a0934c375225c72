"""Time of one move of a slider in the panel of any measurement: model, settling, picture and texts.

    python tests/benchmarks/bench_speed.py

Medians over moves of k2 without a browser, in milliseconds: the rate law at 1,000 points, as a density, as
counts with a background and as a series of four; and the same law as an equation of one's own.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from helpers.kinetics import Equation, solve
from helpers.measurement import Measurement
from helpers.panel import MeasurementPanel
from helpers.traces import Trace

MOVES, WARM = 60, 10
T = np.linspace(0, 8, 1000)
RATES = (0.0, 0.3, 0.5, 0.2)


def law(t, n, args):
    k1, k2, k3 = args
    return -n * (k1 + n * (k2 + n * k3))


def counts(n0):
    rng = np.random.default_rng(0)
    traces = [Trace(T, rng.poisson(2000 * (solve(T, n, RATES) / n) ** 2 + 5).astype(float)) for n in n0]
    return Measurement(traces, observable="photoluminescence", n0=n0, offset="free", noise="poisson")


def median_ms(panel):
    slider, times = panel.controls["k2"].slider, []
    for move in range(WARM + MOVES):
        start = time.perf_counter()
        slider.value = slider.max * (180 + move % 40) // 400
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[WARM:])


def main():
    density = Trace(T, solve(T, 2.0, RATES) + 0.01 * np.random.default_rng(0).normal(size=T.size))
    equation = Equation(law, ["k1", "k2", "k3"], orders={"k1": 1, "k2": 2, "k3": 3})
    cases = {
        "density, rate law": (density, RATES, None),
        "counts, rate law": (counts([2.0]), RATES, None),
        "series of 4, rate law": (counts([0.5, 1.0, 2.0, 4.0]), RATES, None),
        "density, own equation": (density, RATES[1:], equation),
    }
    print(f"{'1,000 points a trace':<24}{'ms a move':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (data, guess, chosen) in cases.items():
            panel = MeasurementPanel(data, guess, law=chosen, path=Path(folder) / "guesses.json")
            print(f"{name:<24}{median_ms(panel):>10.1f}")


if __name__ == "__main__":
    main()
