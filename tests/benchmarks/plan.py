"""Are the errors of a plan those of simulated fits: `python tests/benchmarks/plan.py`.

The best and a middling set of each size, 200 simulated sets each: the scatter of the fitted rates over the
error that the plan expects. The scatter of 200 fits is itself known to 5 %.
"""

import numpy as np

from helpers.fitting import fit
from helpers.kinetics import solve
from helpers.measurement import Measurement
from helpers.traces import Trace
from helpers.uncertainty import plan

T = np.arange(0, 300, 0.5)
RATES = (0.0, 0.015, 6e-20, 1.6e-37)
DENSITIES = np.geomspace(2e16, 2.5e18, 6)
PEAK, BACKGROUND, FITS = 5000, 4, 200


def main() -> None:
    """Print one row for each set and rate."""
    found = plan(RATES, DENSITIES, counts=PEAK, t=T, background=BACKGROUND)
    random = np.random.default_rng(200)
    for size in (2, 3, 5):
        rows = found.table[found.table["traces"] == size]
        for _, row in rows.iloc[[0, len(rows) // 3]].iterrows():
            chosen = row["densities"]
            curves = [BACKGROUND + PEAK * (solve(T, n0, RATES) / n0) ** 2 for n0 in chosen]
            fits = []
            for _ in range(FITS):
                traces = [Trace(T, random.poisson(each), signal_unit="counts") for each in curves]
                fits.append(
                    fit(Measurement(traces, kind="TRPL counts", n0=chosen, time_zero=0.0, p0=0.0), RATES)
                )
            words = []
            for name, truth in zip(("k1", "k2", "k3"), RATES[1:], strict=True):
                scatter = 100 * np.std([each.values[name] for each in fits], ddof=1) / truth
                words.append(f"{name} {row[f'{name} %']:6.2f} % × {scatter / row[f'{name} %']:.2f}")
            print(f"{size} traces {', '.join(f'{n:.1e}' for n in chosen):45} {'; '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
