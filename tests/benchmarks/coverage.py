"""How often do 95 % profile intervals hold the truth, near bounds too: `python tests/benchmarks/coverage.py`.

Each row is a simulated truth with all rates free: in how many sets the interval of each parameter holds it
(asked at the truth itself, by Δ and its threshold there), the same for intervals by the textbook's Δ alone,
how often a G that is zero is called determined, and how the intervals compare with the textbook's, Δχ² = 3.84
(the square of Student's t where the noise is estimated), which is what MINOS finds. "inside" is the share of
the distance from the best value by which the worst end lies inside the textbook's; "length" is the median of
the lengths' ratio, of the parameter where it is largest. With iminuit at hand, `--minos` sets three of the
sets near bounds beside it.
"""

import argparse
import time
from functools import partial

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from helpers import kinetics
from helpers.fitting import Fit, Problem, fit
from helpers.fitting.minimise import minimise
from helpers.traces import Trace
from helpers.uncertainty import profile
from helpers.uncertainty.profile_path import Tracer

NOISE = 0.02  # of n0 = 1
NAMES = ("G", "k1", "k2", "k3", "n0")
# Rates (G, k1, k2, k3) of a decay from n0 = 1, and the time of its last point.
SETTINGS = {
    "k1 and k2": ((0.0, 0.5, 1.0, 0.0), 5.0),
    "strong Auger": ((0.0, 0.2, 0.3, 2.0), 5.0),
    "pure k1": ((0.0, 1.0, 0.0, 0.0), 4.0),
    "pure k2": ((0.0, 0.0, 1.0, 0.0), 8.0),
    "degenerate": ((0.0, 0.5, 1.0, 0.0), 1.0),  # less than one lifetime: all rates look alike
}
POINTS = (12, 30, 120)


def simulated(setting: str, points: int, *, known: bool, seed: int) -> Fit:
    """Fit one simulated set with all rates and n0 free."""
    rates, last = SETTINGS[setting]
    t = np.linspace(0, last, points)
    own = [seed, points, list(SETTINGS).index(setting), known]  # every row of the table has its own noise
    noise = NOISE * np.random.default_rng(own).standard_normal(points)
    sigma = np.full(points, NOISE) if known else None
    return fit(Trace(t, kinetics.solve(t, 1.0, rates) + noise, sigma), fixed=())


def textbook(found: Fit, name: str, level: float = 0.95) -> tuple[float, float]:
    """Interval in the fit's units by Δχ² = t², written out anew; each end by bisection."""
    problem, best = found.problem, found.minimum
    index = problem.index(name)
    others = found.free & (np.arange(len(best.x)) != index)
    variance = 1.0 if problem.is_absolute else found.variance
    reach = stats.t.ppf((1 + level) / 2, np.inf if problem.is_absolute else found.freedom)
    nearby = [best.x]

    def excess(value: float) -> float:
        points = []
        for start in (best.x, nearby[-1]):  # two beginnings: the least of all costs is asked for
            x = start.copy()
            x[index] = value
            points.append(minimise(problem, x, free=others, wanted_offset=1e-5))
        point = min(points, key=lambda each: each.cost)
        if not np.isfinite(point.cost):
            return 1e3
        nearby.append(point.x)
        return min(float(np.sqrt(max(2 * (point.cost - best.cost) / variance, 0.0)) - reach), 1e3)

    ends = []
    for direction in (-1, 1):
        nearby.append(best.x)
        near, far, step = best.x[index], None, direction * max(0.05 * best.x[index], 1e-3)
        while far is None and near < 1e6:
            aim = max(near + step, 0.0)
            if excess(aim) > 0:
                far = aim
            elif aim == 0:
                break
            else:
                near, step = aim, 2 * step
        if far is None:
            ends.append(0.0 if direction < 0 else np.inf)
        else:
            ends.append(float(brentq(excess, near, far, xtol=5e-4 * abs(far - best.x[index]))))
    return tuple(float(problem.origins[index] + end * problem.scales[index]) for end in ends)


def inside(curve, reference: tuple[float, float]) -> float:
    """Share of the distance from the best value by which the worse end lies inside the reference's."""
    shares = [0.0]
    for end, wanted in zip(curve.interval95, reference, strict=True):
        if wanted != curve.value and np.isfinite(end):
            shares.append(1 - (end - curve.value) / (wanted - curve.value) if np.isfinite(wanted) else 1.0)
    return max(shares)


def row(setting: str, points: int, *, known: bool, sets: int, compared: int) -> str:
    """Return the table's row over all sets, of which the first `compared` are compared with the textbook."""
    truth = np.array([*SETTINGS[setting][0], 1.0])
    held, plain, ratios, worst = [], [], [], 0.0
    for seed in range(sets):
        found = simulated(setting, points, known=known, seed=seed)
        both = np.array([at_truth(found, name, value) for name, value in zip(NAMES, truth, strict=True)])
        held.append(both[:, 0])
        plain.append(both[:, 1])
        if seed < compared:
            curves = profile(found, NAMES, points=8)
            references = {name: textbook(curves.fit, name) for name in NAMES}
            ratios.append([_ratio(curves[name], each) for name, each in references.items()])
            worst = max([worst, *(inside(curves[name], each) for name, each in references.items())])
    cells = ["  ".join(f"{share:.3f}" for share in np.mean(each, axis=0)) for each in (held, plain)]
    determined = 1 - np.mean(held, axis=0)[0]  # G, which is zero, wherever its interval does not hold zero
    words = f"{setting:14} {points:4} {'yes' if known else 'no':>5}  {cells[0]}  {determined:9.3f}"
    length = np.nanmax(np.nanmedian(ratios, axis=0)) if ratios else np.nan
    return f"{words}  {worst:6.3f}  {length:6.3f}   {cells[1]}"


def at_truth(found: Fit, name: str, value: float) -> tuple[bool, bool]:
    """Whether the interval of a parameter holds a value, and whether the textbook's does."""
    tracer = Tracer(found, name, 8)
    wanted = (value - found.problem.origins[tracer.index]) / found.problem.scales[tracer.index]
    point = found.minimum if found.minimum.x[tracer.index] == wanted else tracer._solve(found.minimum, wanted)
    if tracer.rise(point) < -1e-2:  # a better minimum: `profile` begins again there
        return at_truth(found.at(minimise(found.problem, point.x, free=found.free)), name, value)
    return tracer._is_inside(point, 1), tracer.rise(point) <= tracer.textbook[1] ** 2


def _ratio(curve, reference: tuple[float, float]) -> float:
    length, wanted = curve.interval95[1] - curve.interval95[0], reference[1] - reference[0]
    return length / wanted if np.isfinite([length, wanted]).all() and wanted > 0 else np.nan


def beside_minos() -> None:
    """Print three sets near bounds beside iminuit's MINOS, which is no dependency of the project."""
    from iminuit import Minuit  # only here, and only where it is installed

    print(f"{'set':24} {'':4} {'profile':>24} {'textbook':>24} {'MINOS':>24}")
    for setting, points in (("k1 and k2", 12), ("degenerate", 30), ("pure k2", 30)):
        found = simulated(setting, points, known=True, seed=1)
        curves = profile(found, NAMES)
        problem = found.problem
        search = Minuit(partial(_chi2, problem), found.minimum.x + 1e-3)
        search.errordef = Minuit.LEAST_SQUARES
        search.limits = [(0, None)] * len(NAMES)
        search.strategy = 2
        search.migrad()
        for index, name in enumerate(NAMES):
            search.minos(index, cl=0.95)
            error, value = search.merrors[index], search.values[index]
            ends = (
                (value + error.lower) * problem.scales[index],
                (value + error.upper) * problem.scales[index],
            )
            three = (curves[name].interval95, textbook(found, name), ends)
            cells = " ".join(f"{low:11.5g} {high:11.5g} " for low, high in three)
            print(f"{setting + f', {points} points':24} {name:4} {cells}")


def _chi2(problem: Problem, x: np.ndarray) -> float:
    return 2 * problem.evaluate(np.asarray(x))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", default=list(SETTINGS), help=", ".join(SETTINGS))
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--compared", type=int, default=30, help="sets compared with the textbook")
    parser.add_argument("--points", type=int, nargs="*", default=list(POINTS))
    parser.add_argument("--minos", action="store_true", help="compare three sets with iminuit")
    asked = parser.parse_args()
    if asked.minos:
        beside_minos()
        return
    heads = "  ".join(f"{name:>5}" for name in NAMES)
    print(f"{'setting':14} {'pts':>4} sigma  {heads}  G determ.  inside  length   by the textbook: {heads}")
    for setting in asked.settings:
        for points in asked.points:
            for known in (False, True):
                begun = time.perf_counter()
                words = row(setting, points, known=known, sets=asked.sets, compared=asked.compared)
                print(f"{words}   ({time.perf_counter() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
