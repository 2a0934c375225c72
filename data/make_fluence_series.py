"""Write fluence_series_*.csv: photoluminescence of one film after pulses of four fluences, in counts.

A counting card sees the square of the density, a constant background, and nothing of the sample's absolute
brightness: filters bring every trace to about the same height. The rates are those published for CH3NH3PbI3.
The same bytes on every run.
"""

from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

HERE = Path(__file__).parent
FLUENCES = (0.2, 1, 5, 25)  # µJ/cm^2
WAVELENGTH, THICKNESS = 400e-7, 300e-7  # cm
ABSORPTION, REFLECTION = 1.5e5, 0.2  # 1/cm and a share
RATES = (1.5e7, 0.6e-10, 1.6e-28)  # k1 in 1/s, k2 in cm^3/s, k3 in cm^6/s: table 3 of PMC10347435
PEAK, BACKGROUND = 20_000, 4  # counts per bin
SEED = 10347435


def initial_density(fluence: float) -> float:
    """Return the mean density in cm^-3 of the electron–hole pairs that a pulse (µJ/cm^2) makes."""
    photons = fluence * 1e-6 / (6.62607015e-34 * 2.99792458e10 / WAVELENGTH)
    return photons * (1 - REFLECTION) * (1 - np.exp(-ABSORPTION * THICKNESS)) / THICKNESS


def expected_counts(t: np.ndarray, n0: float) -> np.ndarray:
    """Return the mean counts at the times t in ns: the background, from t = 0 on with the luminescence."""
    k1, k2, k3 = RATES
    after = t[t >= 0] * 1e-9
    solution = solve_ivp(
        lambda _, n: -n * (k1 + n * (k2 + n * k3)),
        (0, after[-1]),
        [n0],
        method="DOP853",
        t_eval=after,
        rtol=1e-12,
        atol=n0 * 1e-12,
    )
    counts = np.full(t.size, float(BACKGROUND))
    counts[t >= 0] += PEAK * (solution.y[0] / n0) ** 2
    return counts


def main(folder: Path = HERE) -> None:
    """Draw Poisson counts and write one file for each fluence, bins of 0.25 ns."""
    t = np.arange(-40, 1200) / 4
    random = np.random.default_rng(SEED)
    for fluence in FLUENCES:
        counts = random.poisson(expected_counts(t, initial_density(fluence)))
        rows = [f"{time:.2f},{count}\n" for time, count in zip(t, counts, strict=True)]
        path = folder / f"fluence_series_{fluence:g}uJ.csv"
        path.write_text("time (ns),counts\n" + "".join(rows), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
