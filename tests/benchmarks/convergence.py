"""Is a fit that says "converged" at the best minimum there is? Simulated decays, ordinary and hard.

    python tests/benchmarks/convergence.py [--count 300] [--only "guess far off"] [--from 0]

Each decay is fitted as a user would, and then searched from 29 other starts: the truth and rates that are
log-uniform over six decades. A fit is wrong where it is called converged and its cost lies more than 1e-6
(relative) above the best of all starts. None is to be wrong. A decay is drawn by its number, and can be drawn
again.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from helpers.fitting import Fit, fit
from helpers.fitting.minimise import minimise
from helpers.kinetics import Equation, RateLaw, natural_rates, solve
from helpers.measurement import Measurement, Quantity
from helpers.traces import Trace

STARTS = 30
DEGENERATE_STARTS = 5  # own equations are integrated, which takes time
EXCESS = 1e-6
ORDINARY = ("density", "density, sigma known", "luminescence", "mobility", "counts")
HARD = (
    "over by the second point",
    "one rate dominates",
    "5 to 12 points",
    "signal to noise 3",
    "guess far off",
    "degenerate",
)


def losses(t, n, args):
    k1, k2 = args
    return -n * (k1 + n * k2)


EQUATION = Equation(losses, ["k1", "k2"], orders={"k1": 1, "k2": 2})


@dataclass(frozen=True)
class Decay:
    """One drawn decay: what is fitted, how, and what made it."""

    kind: str
    measurement: Measurement
    truth: dict[str, float]
    guess: object = None
    options: dict = field(default_factory=dict)

    def fit(self) -> Fit:
        """Fit it as a user would."""
        return fit(self.measurement, self.guess, **self.options)


def draw(kind: str, number: int) -> Decay:
    """Return the decay of a kind that has this number."""
    rng = np.random.default_rng([number, *kind.encode()])
    if kind == "degenerate":
        return _degenerate(rng)
    signal = kind if kind in ORDINARY else str(rng.choice(ORDINARY))
    points = int(rng.integers(5, 13)) if kind == "5 to 12 points" else int(10 ** rng.uniform(1.5, 2.6))
    t = np.linspace(0, 1, points)
    if rng.random() < 0.3:
        t = np.append(0, np.geomspace(1e-3, 1, points - 1))
    rates = np.append(0.0, 10 ** rng.uniform(-1.5, 1.5, 3))
    rates[1:] *= rng.random(3) < 0.8
    if kind == "one rate dominates":
        rates[1:] = 10 ** rng.uniform(-1.5, 0.5, 3)
        rates[1 + rng.integers(3)] *= 1e3
    if kind == "over by the second point":
        rates[1 + rng.integers(3)] = 10 ** rng.uniform(0.3, 2) / t[1]
    if signal.startswith("density") and rng.random() < 0.3:
        rates[0] = 10 ** rng.uniform(-2, 0.5)
    noise = 1 / 3 if kind == "signal to noise 3" else 10 ** rng.uniform(-2.7, -1.3)
    measurement = _measured(rng, signal, t, rates, noise)
    truth = dict(zip(RateLaw().names, rates.tolist(), strict=True))
    fixed = () if signal.startswith("density") and (rates[0] > 0 or rng.random() < 0.3) else None
    guess = far_off(rng, measurement, fixed is None) if kind == "guess far off" else None
    return Decay(f"{kind} ({signal})", measurement, truth, guess, {"fixed": fixed})


def _measured(rng, signal: str, t, rates, noise: float) -> Measurement:
    n = solve(t, 1.0, rates)
    if signal.startswith("density"):
        sigma = noise * (0.1 + np.sqrt(n))
        seen = n + sigma * rng.standard_normal(len(t))
        known = sigma if signal.endswith("known") else None
        return Measurement(Trace(t, seen, known), noise=None if signal.endswith("known") else "even")
    dark = np.linspace(-0.1, 0, max(len(t) // 10, 2), endpoint=False)
    size = 10 ** rng.uniform(1, 4.3)
    shape = np.append(np.zeros(len(dark)), n if signal == "mobility" else n**2)
    t = np.append(dark, t)
    settings = {"n0": 1.0, "offset": "free", "time_zero": 0.0}
    settings["observable"] = "mobility" if signal == "mobility" else "photoluminescence"
    if signal == "counts":
        counted = rng.poisson(size * shape + 10 ** rng.uniform(-1.7, 0.7)).astype(float)
        counted[len(dark)] = max(counted[len(dark)], 1.0)
        return Measurement(Trace(t, counted), noise="poisson", **settings)
    seen = size * (shape + 0.1 * rng.standard_normal() + noise * rng.standard_normal(len(t)))
    return Measurement(Trace(t, seen), noise="even", **settings)


def _degenerate(rng) -> Decay:
    """Own equations with n0 free or shared beside a free scale: n0 and scale say the same."""
    t, count = np.linspace(0, 1, 40), int(rng.integers(1, 3))
    k1, k2 = 10 ** rng.uniform(-0.5, 1, 2)
    densities = np.array([1.0, 0.3])[:count]
    light = rng.random() < 0.5
    traces = []
    for each in densities:
        n = solve(t, each, (0, k1, k2, 0))
        seen = 100 * (n**2 if light else n)
        traces.append(Trace(t, seen + 0.5 * rng.standard_normal(len(t))))
    n0 = Quantity(densities, str(rng.choice(["free", "shared"])))
    measurement = Measurement(
        traces,
        observable="photoluminescence" if light else "mobility",
        n0=n0,
        scale="free",
        time_zero=0.0,
        noise="even",
    )
    guess = {"k1": k1 * 10 ** rng.uniform(-1, 1), "k2": k2 * 10 ** rng.uniform(-1, 1)}
    if rng.random() < 0.3:
        name = "n0" if count == 1 else "n0_1" if n0.mode == "free" else "n0_factor"
        guess[name] = 0.0
    return Decay("degenerate", measurement, {"k1": k1, "k2": k2}, guess, {"law": EQUATION})


def far_off(rng, measurement: Measurement, hold_generation: bool) -> dict[str, float]:
    """Rates six decades wide around the natural ones."""
    density = 1.0 if measurement.observable.kind != "density" else float(measurement.traces[0].size)
    sizes = natural_rates(1.0, density)
    rates = 10 ** rng.uniform(-3, 3, 4) * sizes
    rates[0] *= not hold_generation
    return dict(zip(RateLaw().names, rates.tolist(), strict=True))


def other_starts(decay: Decay, rng, count: int) -> list[dict[str, float]]:
    """Return the truth, the automatic guess's neighbours and rates from all over the place."""
    hold = decay.options.get("fixed", None) is None
    starts = [decay.truth]
    while len(starts) < count - 1:
        start = far_off(rng, decay.measurement, hold)
        starts.append({name: start[name] for name in decay.truth})
    return starts


def judged(decay: Decay, number: int, starts: int = STARTS, *, found: Fit | None = None) -> tuple[Fit, float]:
    """Return the fit, and the lowest cost of all starts; from the others `minimise` goes alone."""
    found = decay.fit() if found is None else found
    problem, rng = found.problem, np.random.default_rng([number, 1])
    costs = [found.cost]
    count = DEGENERATE_STARTS if decay.kind == "degenerate" else starts
    for start in other_starts(decay, rng, count):
        values = found.guess | start
        x = problem.point(np.array([values[name] for name in problem.names]))
        costs.append(minimise(problem, x, free=found.free).cost)
    return found, min(costs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="decays, ordinary and as many hard ones")
    parser.add_argument("--only", help="one kind alone")
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first decay")
    chosen = parser.parse_args()
    kinds = {kind: chosen.count // len(group) for group in (ORDINARY, HARD) for kind in group}
    if chosen.only:
        kinds = {chosen.only: chosen.count}
    heads = ("kind", "decays", "converged", "wrong", "said no", "ms a fit", "evaluations")
    print(f"{heads[0]:<28}" + "".join(f"{head:>12}" for head in heads[1:]))
    wrong_ones = []
    for kind, count in kinds.items():
        tally, reasons, spent, evaluations = Counter(), Counter(), 0.0, 0
        for number in range(chosen.first, chosen.first + count):
            decay = draw(kind, number)
            begin = time.process_time()  # of this process, whatever else the machine does
            found = decay.fit()
            spent += time.process_time() - begin
            _, best = judged(decay, number, found=found)
            evaluations += found.evaluations
            tally[found.converged] += 1
            if found.converged and found.cost > best * (1 + EXCESS):
                wrong_ones.append(f"{number:>5} {decay.kind}: {found.cost / best - 1:.2g} above the best")
                print(f"wrong: {wrong_ones[-1]}", flush=True)  # a long run may be stopped
                tally["wrong"] += 1
            if not found.converged:
                reasons[found.message.partition(":")[0][:60]] += 1
        numbers = f"{count:>12}{tally[True]:>12}{tally['wrong']:>12}{tally[False]:>12}"
        print(f"{kind:<28}{numbers}{1e3 * spent / count:>12.1f}{evaluations / count:>12.1f}", flush=True)
        for words, times in reasons.items():
            print(f"{times:>32} × {words}")
    print("wrong ones:" if wrong_ones else "as asked: none wrong", *wrong_ones, sep="\n")


if __name__ == "__main__":
    main()
