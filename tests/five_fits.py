"""One fit of each kind: a density, counts of luminescence, a series of these, own equations on both."""

from __future__ import annotations

import functools

import numpy as np

from helpers.fitting import Fit, fit
from helpers.kinetics import Equation
from helpers.measurement import Measurement
from helpers.measurement.excitation import carrier_density
from helpers.paths import DATA
from helpers.traces import load_trace

FLUENCES = ("0.2", "1", "5", "25")  # µJ/cm²
N0 = carrier_density(1e-6 * np.array(FLUENCES, float), 400e-7, 300e-7, 1.5e5, 0.2)


def traps_and_light(t, n, args):
    k1, k2 = args
    return -k1 * n - k2 * n**2


EQUATION = Equation(traps_and_light, ["k1", "k2"], orders={"k1": 1, "k2": 2})


def density():
    return load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()


def counts(which=slice(1, 2), **options):
    """Luminescence counts of some of the four fluences."""
    names = [f"fluence_series_{fluence}uJ.csv" for fluence in FLUENCES[which]]
    traces = [load_trace(DATA / name, t_unit="ns", signal_unit="counts") for name in names]
    settings = {"observable": "photoluminescence", "time_zero": 0.0, "offset": "free", "noise": "poisson"}
    return Measurement(traces, n0=N0[which], **settings | options)


MAKE = {
    "density": lambda: fit(density()),
    "counts": lambda: fit(counts()),
    "series": lambda: fit(counts(slice(None))),
    "equation": lambda: fit(density().log_binned(20), {"k1": 1e-2, "k2": 1e-3}, law=EQUATION),
    "equation on a series": lambda: fit(counts(slice(2, 4)), {"k1": 1e-2, "k2": 1e-20}, law=EQUATION),
}
LAWS = dict.fromkeys(MAKE) | {"equation": EQUATION, "equation on a series": EQUATION}


@functools.cache
def made(name: str) -> Fit:
    """Return the fit of that kind, made once."""
    return MAKE[name]()
