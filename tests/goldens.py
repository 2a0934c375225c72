"""Write tests/goldens.json: results of today's fits, to be compared with those of later code.

Run as `python tests/goldens.py`. The comparing test needs the JSON file only; this script may go once the
functions that it calls are gone.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers import equations, guesses
from helpers.excitation import carrier_density
from helpers.fitting import PARAMETERS, fit, fit_series
from helpers.observables import Observable, clock
from helpers.paths import DATA
from helpers.profiles import profile
from helpers.traces import Trace, load_trace

FILE = Path(__file__).with_suffix(".json")
DIGITS = 10

ABOUT = [
    "Results of the code of commit bece5a3 with 10 significant digits. Two searches for one minimum",
    "end within some 1e-6 standard errors of each other: compare values to 1e-5 of the standard",
    "error, standard errors to a relative 1e-5, costs to a relative 1e-8, ends of profile intervals",
    "to 1e-3 standard errors. null stands for NaN: no error, because the parameter was fixed or ended",
    "on its bound 0.",
    "sample: data/sample_data.csv in ns and 10^16 cm^-3, from its peak; no sigma, so weights are 1",
    "and the covariance is scaled with the residuals' variance. Keys: loss, then free_G (all five",
    "parameters free) or fixed_G (G held at its guess 0), then the number of the guess in",
    "guesses.ORIGINAL. Cost is sum(rho)/2 with f_scale in the signal's unit; covariance is its",
    "diagonal. profile: intervals [low, high] of the fit with G free from guess 0; 0 as a low end is",
    "the bound.",
    "series_05: the four files of notebook 05 with its n0 (cm^-3, ns), photoluminescence (scale*n^2 +",
    "offset), n0 fixed, scale and offset free for each trace, G fixed at 0, time_zero 0. poisson:",
    "weights 1/sqrt(expected counts) renewed until they settle, errors absolute; cost and",
    "reduced_chi2 are Pearson's (a deviance differs). unweighted: weights 1/(largest signal of the",
    "trace), errors scaled with the residuals' variance.",
    "simulated: traces are stored with the settings of their fits; the model is scale*f(n) + offset;",
    "truth is G, k1, k2, k3 with which they were made. Weights as in unweighted.",
    "equations_06: the laws of notebook 06 on its simulated trace (stored with sigma). trapping has",
    "the free electrons n, the trapped nt and the holes p; the signal is 1e4*n*p/100 and the",
    "beginning [10, 0, 10] is held. cubic: the signal is 1e4*n^2/100, n0 = 10 is held. Derivatives",
    "are differences of a numerical solution: compare values to 1e-4 of the standard error and errors",
    "to 1e-3.",
]


def number(value):
    value = float(value)
    return None if math.isnan(value) else float(f"{value:.{DIGITS - 1}e}") + 0.0


def numbers(values):
    return [number(value) for value in values]


def named(names, values):
    return dict(zip(names, numbers(values), strict=True))


def of_single(found):
    return {
        "converged": bool(found.converged),
        "values": named(PARAMETERS, found.values),
        "stderr": named(PARAMETERS, found.stderr),
        "covariance": named(PARAMETERS, np.diag(found.covariance)),
        "status": found.status._asdict(),
        "cost": number(found.cost),
        "rmse": number(found.rmse),
        "reduced_chi2": number(found.reduced_chi2),
    }


def sample():
    decay = load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()
    content = {}
    for name, options in (("linear", {}), ("soft_l1", {"loss": "soft_l1", "f_scale": 0.5})):
        content[name] = {"options": options}
        for which, fixed in (("free_G", ()), ("fixed_G", ["G"])):
            found = [fit(decay, guess, fixed=fixed, **options) for guess in guesses.ORIGINAL]
            content[name][which] = {f"guess_{k}": of_single(each) for k, each in enumerate(found)}
            if which == "free_G":
                content[name]["profile"] = intervals(profile(found[0], PARAMETERS))
    content["guesses"] = {
        f"guess_{k}": named(PARAMETERS[:4], each) for k, each in enumerate(guesses.ORIGINAL)
    }
    return content


def intervals(curves):
    assert not curves.restarted
    return {
        name: {"68": numbers(each.interval68), "95": numbers(each.interval95), "verdict": each.verdict}
        for name, each in curves.items()
    }


def of_series(found):
    return {
        "converged": bool(found.converged),
        "values": named(found.names, found.values),
        "stderr": named(found.names, found.stderr),
        "covariance": named(found.names, np.diag(found.covariance)),
        "status": dict(zip(found.names, found.status, strict=True)),
        "cost": number(found.cost),
        "rmse": number(found.rmse),
        "reduced_chi2": number(found.reduced_chi2),
    }


def series():
    files = [f"fluence_series_{fluence}uJ.csv" for fluence in ("0.2", "1", "5", "25")]
    traces = [load_trace(DATA / name, t_unit="ns", signal_unit="counts") for name in files]
    film = {"wavelength": 400e-7, "thickness": 300e-7, "absorption": 1.5e5, "reflection": 0.2}
    n0 = carrier_density([0.2e-6, 1e-6, 5e-6, 25e-6], **film)
    options = {"observable": "photoluminescence", "time_zero": 0.0, "offset": "free"}
    content = {"files": files, "n0": numbers(n0), "options": options}
    for name, weights in (("poisson", "poisson"), ("unweighted", None)):
        content[name] = of_series(fit_series(traces, n0=n0, weights=weights, **options))
    for j, name in enumerate(files, 1):
        alone = fit_series([traces[j - 1]], n0=[n0[j - 1]], weights="poisson", **options)
        content[f"poisson_trace_{j}_alone"] = {"file": name} | of_series(alone)
    return content


def simulated_traces(truth, levels, t, seed, *, kind="density", scale=1.0, offset=0.0, **times):
    draw, traces = np.random.default_rng(seed), []
    for level in levels:
        shape, _ = clock(t, **times).shape_with_jacobian(Observable(kind), level, truth)
        shape = scale * shape
        noisy = shape + offset + 0.005 * shape.max() * draw.standard_normal(len(t))
        traces.append(Trace(t, numbers(noisy), t_unit="ns", signal_unit="10^16 cm^-3"))
    return traces


def simulated():
    truth, levels = (0.0, 0.02, 1e-3, 4e-5), [2.0, 10.0, 50.0]
    t = np.array(numbers(np.concatenate([[0], np.geomspace(0.05, 250, 79)])))
    cases = {
        "offset_shared": ({"offset": 0.2}, {"offset": "shared"}),
        "scale_shared": ({"scale": 3.0}, {"n0": levels, "n0_mode": "fixed", "scale": "shared"}),
        "n0_shared": ({}, {"n0": [1.0, 5.0, 25.0], "n0_mode": "shared", "scale": "fixed"}),
        "n0_free_G_free": ({}, {"fixed": []}),
    }
    content = {}
    for seed, (name, (made, options)) in enumerate(cases.items()):
        traces = simulated_traces(truth, levels, t, seed, **made)
        content[name] = case(traces, truth, options)
    times = {"response_fwhm": 2.0, "period": 100.0}
    t = np.arange(-10.0, 88.0)
    traces = simulated_traces(truth, levels, t, 4, kind="photoluminescence", offset=0.05, **times)
    options = {"observable": "photoluminescence", "n0": levels, "offset": "free"}
    options |= {"response_fwhm": 2.0, "repetition_period": 100.0}
    content["luminescence_in_a_train_with_a_response"] = case(traces, truth, options)
    return content


def case(traces, truth, options):
    stored = [{"t": each.t.tolist(), "signal": each.signal.tolist()} for each in traces]
    found = fit_series(traces, **options)
    return {"options": options, "truth": list(truth), "traces": stored} | of_series(found)


def trapping(t, n, args):
    free, trapped, holes = n
    kt, kd, kr, kn = args
    captured = kt * free - kd * trapped
    light, dark = kr * free * holes, kn * trapped * holes
    return [-captured - light, captured - dark, -light - dark]


def cubic(t, n, args):
    G, k1, k2, k3 = args
    return G - k1 * n - k2 * n**2 - k3 * n**3


def equations_06():
    beginning, truth = [10.0, 0.0, 10.0], [0.05, 0.01, 1e-3, 5e-4]
    t = np.linspace(0, 600, 400)
    states = equations.solve(trapping, t, beginning, truth)
    expected = np.array(numbers(1e4 * states[:, 0] * states[:, 2] / 10.0**2))
    counts = np.random.default_rng(7).poisson(expected)
    trace = Trace(t, counts, numbers(np.sqrt(np.maximum(expected, 1))), "simulated", "ns", "counts")
    guess = {"kt": 0.03, "kd": 0.02, "kr": 5e-4, "kn": 5e-4}
    rival_guess = {"G": 1e-3, "k1": 1e-2, "k2": 1e-3, "k3": 1e-5}
    fits = {
        "trapping": (
            guess,
            equations.fit(
                trapping,
                trace,
                list(guess.values()),
                names=list(guess),
                n0=beginning,
                observe=lambda n: 1e4 * n[:, 0] * n[:, 2] / 10.0**2,
            ),
        ),
        "cubic": (
            rival_guess,
            equations.fit(
                cubic,
                trace,
                list(rival_guess.values()),
                names=list(rival_guess),
                n0=10.0,
                fit_n0=False,
                observe=lambda n: 1e4 * n**2 / 10.0**2,
            ),
        ),
    }
    stored = {"t": trace.t.tolist(), "signal": trace.signal.tolist(), "sigma": trace.sigma.tolist()}
    content = {"trace": stored, "truth": dict(zip(guess, truth, strict=True))}
    for name, (start, found) in fits.items():
        count = len(found.args)
        content[name] = {
            "converged": bool(found.converged),
            "guess": start,
            "values": named(start, found.args),
            "stderr": named(start, found.stderr[:count]),
            "covariance": named(start, np.diag(found.covariance)[:count]),
            "cost": number(found.cost),
            "rmse": number(found.rmse),
            "parameters": found.parameters,
            "aicc": number(found.aicc),
        }
    return content


def main():
    content = {
        "about": ABOUT,
        "sample": sample(),
        "series_05": series(),
        "simulated": simulated(),
        "equations_06": equations_06(),
    }
    # Lists of numbers on one line, everything else one entry a line.
    text = json.dumps(flat(content), indent=1, ensure_ascii=False)
    for mark, line in LINES.items():
        text = text.replace(json.dumps(mark), line)
    FILE.write_text(text + "\n", encoding="utf-8")


LINES: dict[str, str] = {}


def flat(content):
    """Replace each list of numbers by a mark, so that it is written on one line."""
    if isinstance(content, dict):
        return {name: flat(value) for name, value in content.items()}
    if not isinstance(content, list):
        return content
    if content and all(isinstance(each, int | float | None) for each in content):
        mark = f"@{len(LINES)}@"
        LINES[mark] = json.dumps(content)
        return mark
    return [flat(each) for each in content]


if __name__ == "__main__":
    main()
