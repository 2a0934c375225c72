"""Train a small network that guesses k1, k2, k3 from a decay, beside `suggest` and the fit; about 3 minutes.

    python studies/guess_rates.py

Decays of dn/dt = −k1·n − k2·n² − k3·n³ from n = 1 in the time 0 to 1 with noise of 1 %, at 100 times; each
rate is log-uniform from 0.1 to 10 (in these units). The network sees 20,000 of them. All three methods get
200 new decays of the same kind, and 200 with rates from 10 to 100, which the network never saw. The record
goes to results/rate_guesses.json.
"""

import datetime
import json
import time

import numpy as np

from helpers.fitting import fit, suggest
from helpers.kinetics import solve
from helpers.networks.backend import keras_module
from helpers.paths import RESULTS, write_text
from helpers.traces import Trace

RECORD = RESULTS / "rate_guesses.json"
TIMES = np.linspace(0, 1, 100)
NOISE = 0.01
RANGES = {"like the training": (0.1, 10), "faster than the training": (10, 100)}
SEEDS = (0, 1, 2)


def decays(count, span, rng):
    """Return noisy decays (count, times) and the logarithms of their rates (count, 3)."""
    rates = np.exp(rng.uniform(*np.log(span), (count, 3)))
    clean = np.array([solve(TIMES, 1.0, (0, *each)) for each in rates])
    return clean + NOISE * rng.standard_normal(clean.shape), np.log10(rates)


def trained(signals, targets, seed):
    """Return a network of two hidden layers that maps a decay to the logarithms of its rates."""
    keras = keras_module()
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(64, activation="relu") for _ in range(2)]
    network = keras.Sequential([keras.Input((len(TIMES),)), *layers, keras.layers.Dense(3)])
    network.compile("adam", "mse")
    network.fit(signals, targets, batch_size=32, epochs=20, verbose=0)
    return network


def judge(guesses, signals, rates, seconds):
    """Return how good guesses (n, 3) of the rates are, and the time of one."""
    curves = np.array([solve(TIMES, 1.0, (0, *each)) for each in guesses])
    with np.errstate(divide="ignore"):
        close = np.abs(np.log10(guesses) - rates) < np.log10(2)  # a rate of 0 is not close
    misfit = np.sqrt(np.mean((curves - signals) ** 2, axis=1)) / NOISE
    return {
        "within_factor_2": np.round(close.mean(axis=0), 3).tolist(),
        "median_misfit": round(float(np.median(misfit)), 2),  # 1: as good as the noise allows
        "milliseconds": round(1000 * seconds / len(rates), 3),
    }


def timed(method, *data):
    """Return what a method gives and the seconds it took."""
    start = time.perf_counter()
    result = method(*data)
    return result, time.perf_counter() - start


def suggested(signals):
    """Return `suggest` of each decay: (n, 3)."""
    traces = [Trace(TIMES, signal) for signal in signals]
    return np.array([list(suggest(trace, fixed={"G": 0}))[1:] for trace in traces])


def fitted(signals):
    """Return the rates of a fit of each decay that starts where `suggest` says: (n, 3)."""
    fits = [fit(Trace(TIMES, signal, sigma=np.full(len(TIMES), NOISE))) for signal in signals]
    return np.array([[each.values[name] for name in ("k1", "k2", "k3")] for each in fits])


def main():
    """Train, compare, and write the record."""
    rng = np.random.default_rng(17)
    signals, targets = decays(20_000, RANGES["like the training"], rng)
    networks, seconds = timed(lambda: [trained(signals, targets, seed) for seed in SEEDS])
    rows = []
    for name, span in RANGES.items():
        shown, rates = decays(200, span, rng)
        for seed, network in zip(SEEDS, networks, strict=True):
            network.predict(shown, verbose=0)  # compiles
            logs, spent = timed(lambda shown, network=network: network.predict(shown, verbose=0), shown)
            rows.append(
                {"decays": name, "method": f"network, seed {seed}"} | judge(10**logs, shown, rates, spent)
            )
        for method in (suggested, fitted):
            guesses, spent = timed(method, shown)
            rows.append({"decays": name, "method": method.__name__} | judge(guesses, shown, rates, spent))
    record = {
        "date": datetime.date.today().isoformat(),
        "command": "python studies/guess_rates.py",
        "training_seconds": round(seconds / len(SEEDS)),
        "keras": keras_module().__version__,
    }
    head = json.dumps(record, indent=1)[:-2]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    write_text(RECORD, f'{head},\n "rows": [\n{lines}\n ]\n}}\n')
    print(RECORD.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
