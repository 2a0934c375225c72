"""Write sample_data.csv: a synthetic decay of known rates, the same bytes on every run.

The trace copies what a pump-probe set-up gives: a noisy zero, a rise of instrument width up to the peak at
t = 0, then the decay on a delay grid that gets coarser with time. The rates are a little off the published
guess [0, 1e-2, 1e-3, 1.1e-7], so that a fit has something to find.
"""

from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

HERE = Path(__file__).parent
RATES = (0.0, 1.02e-2, 1.03e-3, 1.1e-7)  # G, k1, k2, k3 in ns and 10^16 cm^-3
PEAK = 800.0  # 10^16 cm^-3
RISE = 1.5  # ns, width of the half Gaussian before the peak
SHARE, FLOOR = 0.003, 0.3  # noise: 0.3 % of the signal, and a constant in 10^16 cm^-3
SEED = 20190110


def delays() -> np.ndarray:
    """Return the times in ns: 0.5 ns apart before the peak, then 0.05, 0.5 and 2 ns."""
    return np.concatenate(
        [np.arange(-40, 0) / 2, np.arange(0, 400) / 20, np.arange(40, 200) / 2, np.arange(50, 241) * 2.0]
    )


def density(t: np.ndarray) -> np.ndarray:
    """Return n(t) without noise: the rise up to t = 0, the rate law after it."""
    G, k1, k2, k3 = RATES
    after = t[t >= 0]
    solution = solve_ivp(
        lambda _, n: G - n * (k1 + n * (k2 + n * k3)),
        (0, after[-1]),
        [PEAK],
        method="DOP853",
        t_eval=after,
        rtol=1e-12,
        atol=1e-9,
    )
    return np.concatenate([PEAK * np.exp(-0.5 * (t[t < 0] / RISE) ** 2), solution.y[0]])


def main(path: Path = HERE / "sample_data.csv") -> None:
    """Draw the noise and write the two columns, t to 0.01 ns and n to 0.001 of its unit."""
    t = delays()
    n = density(t)
    noise = np.random.default_rng(SEED).standard_normal((2, t.size))
    measured = n * (1 + SHARE * noise[0]) + FLOOR * noise[1]
    rows = [f"{time:.2f},{value:.3f}\n" for time, value in zip(t, measured, strict=True)]
    path.write_text("".join(rows), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
