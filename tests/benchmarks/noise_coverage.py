"""Coverage of 95 % intervals where nobody measured the noise: estimated weights, even ones, known sigma.

    nice -n 10 python tests/benchmarks/noise_coverage.py [WORD ...] [--sets COUNT] [--noise KIND ...]
        [--fixed NAMES ...] [--keep FILE]

WORDs choose settings whose name holds one of them. A profile interval holds the truth where Δχ² of the true
value is below its threshold, which is what is asked here for each parameter; "width" is the median standard
error over that with the true sigma given, if "known" is among the kinds. Every set has a seed of its own and
is kept as a line of FILE, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.fitting import fit
from helpers.kinetics import solve
from helpers.measurement import Measurement
from helpers.paths import DATA
from helpers.traces import Trace, load_trace
from helpers.uncertainty.profile_path import Tracer

KINDS = ("estimated", "even", "known")

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


def one_set(case, kind, fixed, number) -> dict:
    """Return which intervals of one set hold the truth, whether it was weighed, and its standard errors."""
    _, t, rates, n0, curve, sigma = case
    truth = {name: value for name, value in zip(NAMES, (*rates, n0), strict=True) if name not in fixed}
    rng = np.random.default_rng(number)
    trace = Trace(t, curve + sigma * rng.standard_normal(len(t)))
    known = Measurement(replace(trace, sigma=sigma)) if kind == "known" else Measurement(trace, noise=kind)
    found = fit(known, rates, fixed=fixed)
    return {
        "held": dict(zip(truth, map(bool, is_covered(found, truth)), strict=True)),
        "weighed": found.problem.likelihoods[0].function is not None,
        "errors": [float(each) for each in found.conditional_stderr[list(truth)]],
    }


def kept_sets(path: Path | None) -> dict:
    """Return the sets that an earlier run has kept."""
    if path is None or not path.exists():
        return {}
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {tuple(row.pop("key")): row for row in rows}


def measured(case, kind, wanted, fixed, kept) -> list[dict]:
    """Return the sets of a setting, those made now and those that were kept."""
    rows = []
    for number in range(wanted.sets):
        key = (case[0], kind, " ".join(fixed), number)
        if key not in kept:
            kept[key] = one_set(case, kind, fixed, number)
            if wanted.keep:
                with wanted.keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, **kept[key]}) + "\n")
        rows.append(kept[key])
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*", help="settings whose name holds one of these")
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--noise", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--fixed", nargs="*", default=["", "G", "G k3"], help='such as "" or "G k3"')
    parser.add_argument("--keep", type=Path)
    wanted = parser.parse_args()
    kept = kept_sets(wanted.keep)
    for case in cases():
        if wanted.words and not any(word in case[0] for word in wanted.words):
            continue
        for fixed in map(str.split, wanted.fixed):
            found = {kind: measured(case, kind, wanted, fixed, kept) for kind in wanted.noise}
            widths = {
                kind: np.nanmedian([row["errors"] for row in rows], axis=0) for kind, rows in found.items()
            }
            for kind, rows in found.items():
                width = widths[kind] / widths.get("known", np.nan)
                held = {name: np.mean([row["held"][name] for row in rows]) for name in rows[0]["held"]}
                numbers = "  ".join(
                    f"{name} {100 * share:.1f} ({w:.2f})"
                    for (name, share), w in zip(held.items(), width, strict=True)
                )
                share = np.mean([row["weighed"] for row in rows])
                print(f"{case[0]:<26} {kind:<10} weighed {100 * share:3.0f} %   {numbers}", flush=True)


if __name__ == "__main__":
    main()
