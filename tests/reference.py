"""The rate law to any number of digits, by a road of its own: numbers to hold the fast solution against.

Time is the integral of dn/(dn/dt) along w = −ln((n − n_e)/(n0 − n_e)), done with mpmath by composite
Gauss–Legendre, and inverted by Newton; derivatives are central differences at a step that double
precision could not afford. Nothing is shared with helpers/kinetics.py but the mathematics.

    python tests/reference.py

computes the cases of reference_decays.json anew (about twenty minutes).
"""

import functools
import json
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp, mpf

FILE = Path(__file__).with_name("reference_decays.json")

DIGITS = 60
STEP = mpf(10) ** -18
PIECES_PER_EFOLD = 2


@functools.cache
def _nodes():
    with mp.workdps(DIGITS):
        rule = mpmath.calculus.quadrature.GaussLegendre(mp)
        return [(x, weight) for x, weight in rule.calc_nodes(4, int(DIGITS * 3.4))]


def _equilibrium(G, k1, k2, k3):
    if G == 0:
        return mpf(0)
    n = min((G / k) ** (mpf(1) / power) for power, k in ((1, k1), (2, k2), (3, k3)) if k > 0)
    for _ in range(400):
        step = (n * (k1 + n * (k2 + n * k3)) - G) / (k1 + n * (2 * k2 + 3 * n * k3))
        n -= step
        if abs(step) <= abs(n) * mpf(10) ** (2 - DIGITS):
            break
    return n


class _Path:
    """One decay as a function of w, with the time gone at each w."""

    def __init__(self, n0, G, k1, k2, k3):
        self.n0, self.n_e = n0, _equilibrium(G, k1, k2, k3)
        self.k = k1, k2, k3

    def density(self, w):
        decay = mp.exp(-w)
        return self.n0 * decay + self.n_e * (1 - decay)

    def q(self, w):
        n, e = self.density(w), self.n_e
        k1, k2, k3 = self.k
        return k1 + k2 * (n + e) + k3 * (n * n + n * e + e * e)

    def time(self, start, end):
        pieces = max(1, int(mp.ceil(abs(end - start) * PIECES_PER_EFOLD)))
        half = (end - start) / pieces / 2
        total = mpf(0)
        for piece in range(pieces):
            middle = start + (2 * piece + 1) * half
            total += half * mp.fsum(weight / self.q(middle + half * x) for x, weight in _nodes())
        return total


def density(t, n0, rates, start=None):
    """n(t) in `DIGITS` digits; also returns w, a good start for a neighbouring problem."""
    with mp.workdps(DIGITS):
        t, n0 = mpf(float(t)) if isinstance(t, float) else mpf(t), mpf(n0)
        G, k1, k2, k3 = (mpf(rate) for rate in rates)
        if k1 == k2 == k3 == 0:
            return n0 + G * t, None
        if n0 == 0 and G == 0:
            return mpf(0), None
        path = _Path(n0, G, k1, k2, k3)
        w = mpf(start) if start is not None else mpf(0)
        gone = path.time(mpf(0), w)
        for _ in range(2000):
            # dw/dt = q; a start far away is approached by e-folds, Newton finishes
            step = min((t - gone) * path.q(w), mpf(3))
            if step < -w:
                step = -w / 2
            gone += path.time(w, w + step)
            w += step
            if abs(step) <= abs(w) * mpf(10) ** (6 - DIGITS) or abs(step) < mpf(10) ** (-DIGITS):
                break
        return path.density(w), w


def derivatives(t, n0, rates, scales, start):
    """∂n/∂(G, k1, k2, k3, n0) by central differences; `scales` are the natural sizes of the five."""
    with mp.workdps(DIGITS):
        point = [mpf(value) for value in (*rates, n0)]
        columns = []
        for index, scale in enumerate(scales):
            step = mpf(scale) * STEP
            if point[index] == 0:  # one-sided, second order: coefficients may not be negative
                offsets, weights = (0, 1, 2), (mpf(-3) / 2, mpf(2), mpf(-1) / 2)
            else:
                step = min(step, point[index] * STEP)
                offsets, weights = (-1, 1), (mpf(-1) / 2, mpf(1) / 2)
            total = mpf(0)
            for offset, weight in zip(offsets, weights, strict=True):
                moved = list(point)
                moved[index] += offset * step
                total += weight * density(t, moved[4], moved[:4], start)[0]
            columns.append(total / step)
        return columns


def solution(case) -> dict:
    """Add n and its derivatives, 20 digits each, to a case with times, n0, rates, unit and span."""
    unit, span = case["unit"], case["span"]
    scales = unit / span, 1 / span, 1 / (span * unit), 1 / (span * unit**2), unit
    densities, slopes = [], []
    for t in case["t"]:
        value, efolds = density(t, case["n0"], case["rates"])
        densities.append(mpmath.nstr(value, 20))
        slopes.append([mpmath.nstr(x, 20) for x in derivatives(t, case["n0"], case["rates"], scales, efolds)])
    return case | {"n": densities, "jacobian": slopes}


def cases():
    """All 16 zero patterns in four unit systems, decays, growths and near-equilibria, and hard corners."""
    rng = np.random.default_rng(2019)
    systems = [(1.0, 1.0), (500.0, 250.0), (1e19, 1e-6), (1e15, 1e-9)]
    for index in range(64):
        pattern = index % 16
        on = [pattern >> bit & 1 for bit in (3, 2, 1, 0)]
        scaled = 10 ** rng.uniform(-3.5, 2.5, 4) * on
        unit, span = systems[rng.integers(4)]
        n0 = unit * [1.0, 1.0, 0.0, 10 ** rng.uniform(-5, 0)][index // 16]
        yield _case(scaled, n0, unit, span, [[1e-5, 0.05, 1.0], [0.02, 0.4, 1.0], [0.9, 1.0]][index % 3])
    corners = [
        ([0, 300, 2, 0.01], 1.0, [0.001, 1.0]),  # three hundred e-folds down
        ([0, 740, 0, 500], 1.0, [1e-6, 0.9]),  # the last digits that a double can hold
        ([0, 0, 0, 1e8], 1.0, [1e-9, 1.0]),  # an Auger burst
        ([1e-3, 0, 0, 50], 0.0, [0.01, 1.0]),  # growth from nothing against Auger
        ([1e4, 1e4, 0, 0], 1.0, [1e-5, 1.0]),  # at equilibrium from the start
        ([2, 1, 1, 0], 1 - 1e-9, [0.1, 1.0]),  # a hair from equilibrium
        ([1e-12, 1e-3, 1e-8, 1e4], 1.0, [0.5, 1.0]),
        ([3, 40, 5, 0], 1.0, [0.8, 1.0]),  # late times only
    ]
    for scaled, n0, t in corners:
        yield _case(scaled, n0, 1.0, 1.0, t)


def _case(scaled, n0, unit, span, t):
    rates = np.array(scaled) / span * np.array([unit, 1, 1 / unit, 1 / unit**2])
    times = (span * np.array(t)).tolist()
    return {"unit": unit, "span": span, "t": times, "n0": float(n0), "rates": rates.tolist()}


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(solution(case)) for case in cases())
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
