"""Coverage of 95 % intervals where nobody measured the noise: even weights, estimated ones, known sigma.

    nice -n 10 python tests/benchmarks/noise_coverage.py [--sets COUNT] [--only WORD] [--noise even|estimated]

A profile interval holds the truth where Δχ² of the true value is below its threshold, which is what is asked
here for each parameter; "width" is the median standard error over that with the true sigma given.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from helpers.fitting import fit
from helpers.kinetics import solve
from helpers.measurement import Measurement
from helpers.paths import DATA
from helpers.traces import Trace, load_trace
from helpers.uncertainty.profile_path import Tracer

SAMPLE = ((0.0, 1.02e-2, 1.03e-3, 1.1e-7), 800.0)  # data/make_sample_data.py
DECAY = ((0.05, 0.5, 1.0, 0.3), 2.0)
NAMES = ("G", "k1", "k2", "k3", "n0")
NOISES = {
    "even": lambda n: np.full(len(n), 0.01 * n.max()),
    "proportional": lambda n: 0.02 * n,
    "Poisson-like": lambda n: 0.02 * np.sqrt(n * n.max()),
    "the sample's": lambda n: np.hypot(0.003 * n, 0.3 / 800 * n.max()),
}


def cases():
    """Return name, times, rates, n0 and true sizes of the noise of each setting."""
    t = load_trace(DATA / "sample_data.csv").from_peak().elapsed
    curve = solve(t, SAMPLE[1], SAMPLE[0])
    yield "sample, 751 points", t, *SAMPLE, curve, NOISES["the sample's"](curve)
    for points in (12, 30, 80, 300):
        t = np.linspace(0, 4, points)
        curve = solve(t, DECAY[1], DECAY[0])
        for name, size in NOISES.items():
            yield f"{name}, {points} points", t, *DECAY, curve, size(curve)


def is_covered(found, truth):
    """Whether the profile interval of each parameter holds the truth."""
    rows = []
    for name, value in truth.items():
        tracer = Tracer(found, name, 20)
        x = found.minimum.x[tracer.index]
        wanted = (value - found.problem.origins[tracer.index]) / found.problem.scales[tracer.index]
        point = found.minimum if x == wanted else tracer._solve(found.minimum, wanted)
        rows.append(tracer._is_inside(point, 1))
    return rows


def measured(t, rates, n0, curve, sigma, kind, sets, fixed):
    """Return coverage by name, share of sets that were weighed, standard errors by name."""
    truth = {name: value for name, value in zip(NAMES, (*rates, n0), strict=True) if name not in fixed}
    rows, weighed, errors = [], [], []
    for number in range(sets):
        rng = np.random.default_rng(number)
        trace = Trace(t, curve + sigma * rng.standard_normal(len(t)))
        if kind == "known":
            measurement = Measurement(replace(trace, sigma=sigma))
        else:
            measurement = Measurement(trace, noise=kind)
        found = fit(measurement, rates, fixed=fixed)
        rows.append(is_covered(found, truth))
        weighed.append(found.problem.likelihoods[0].function is not None)
        errors.append(found.stderr[list(truth)].to_numpy())
    return dict(zip(truth, np.mean(rows, axis=0), strict=True)), np.mean(weighed), np.array(errors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--only", default="", help="settings whose name holds this")
    parser.add_argument("--noise", nargs="*", default=["even", "estimated"])
    wanted = parser.parse_args()
    for name, t, rates, n0, curve, sigma in cases():
        if wanted.only not in name:
            continue
        for fixed in ((), ("G",), ("G", "k3")):
            *_, known = measured(t, rates, n0, curve, sigma, "known", wanted.sets, fixed)
            for kind in wanted.noise:
                covered, share, errors = measured(t, rates, n0, curve, sigma, kind, wanted.sets, fixed)
                width = np.nanmedian(errors, axis=0) / np.nanmedian(known, axis=0)
                numbers = "  ".join(
                    f"{each} {100 * chance:.0f} ({w:.2f})"
                    for (each, chance), w in zip(covered.items(), width, strict=True)
                )
                print(f"{name:<26} {kind:<10} weighed {100 * share:3.0f} %   {numbers}", flush=True)


if __name__ == "__main__":
    main()
