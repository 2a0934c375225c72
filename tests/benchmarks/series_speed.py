"""Time a global fit: `python tests/benchmarks/series_speed.py` prints a table; ten traces of 1,000 points.

Luminescence at ten levels from 1e16 to 1e18 cm^-3, 1 % noise, each trace with its own scale, from the
automatic guess. The best and the median of 30 fits are printed, three rounds of them.
"""

from __future__ import annotations

import time

import numpy as np

from helpers.fitting import fit
from helpers.kinetics import solve
from helpers.measurement import Measurement
from helpers.traces import Trace

RATES = (0, 1.5e7, 0.6e-10, 1.6e-28)
LEVELS = np.geomspace(1e16, 1e18, 10)
T = np.linspace(0, 300e-9, 1000)
ROUNDS, FITS = 3, 30
OPTIONS: dict[str, dict] = {
    "own scale": {},
    "own scale and offset": {"offset": "free"},
    "shared scale": {"scale": "shared"},
    "Poisson counts": {"offset": "free", "noise": "poisson"},
    "response of 1 ns": {"response_fwhm": 1e-9},
    "pulses at 1 MHz": {"repetition_Hz": 1e6},
}


def measured(name: str) -> Measurement:
    """Return the series that a row of the table fits."""
    rng = np.random.default_rng(0)
    signals = [solve(T, n0, RATES) ** 2 / (LEVELS[0] if name == "shared scale" else n0) ** 2 for n0 in LEVELS]
    if name == "Poisson counts":
        traces = [Trace(T, rng.poisson(1e4 * signal + 5), t_unit="s") for signal in signals]
    else:
        noise = [0.01 * signal.max() * rng.standard_normal(len(T)) for signal in signals]
        traces = [Trace(T, signal + each, t_unit="s") for signal, each in zip(signals, noise, strict=True)]
    return Measurement(traces, observable="photoluminescence", n0=LEVELS, **OPTIONS[name])


def main() -> None:
    """Print milliseconds per fit."""
    print(f"{'ten traces of 1,000 points':28} evaluations   best / median ms, {ROUNDS} rounds of {FITS} fits")
    for name in OPTIONS:
        measurement, rounds = measured(name), []
        for _ in range(ROUNDS):
            times = []
            for _ in range(FITS):
                start = time.perf_counter()
                found = fit(measurement)
                times.append(1e3 * (time.perf_counter() - start))
            rounds.append(f"{min(times):5.1f} / {np.median(times):5.1f}")
        print(f"{name:28} {found.evaluations:11}   {'   '.join(rounds)}")


if __name__ == "__main__":
    main()
