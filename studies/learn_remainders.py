"""Train the networks of notebook 08 that take too long for it; about 15 minutes on two cores.

    python studies/learn_remainders.py [--only GROUP ...] [--seeds 3]

One row for each training goes to results/remainders.json as soon as it is done. A training that the record
holds already, with the same settings and at least as many seeds, is not repeated, so that the script goes on
where it was stopped. The groups:

samples  tests 1, 2 and 3A of the original with several numbers of samples and epochs, for both optimisers
scale    one input, 0 to 100, as it is, divided by 100, and standardised
spread   the numbers as they are, with and without the first bends spread over the inputs
tests    test 3B of the original with both optimisers, on all numbers and with 20 of 101 held out
memory   one-hot digits modulo 17: accuracy on held-out numbers against range, share shown, weight decay
"""

import argparse
import datetime
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from helpers.networks import remainder
from helpers.networks.backend import keras_module
from helpers.paths import RESULTS, ROOT, write_text

RECORD = RESULTS / "remainders.json"
ENCODINGS = {
    "x": remainder.raw,
    "x/100": lambda numbers: remainder.raw(numbers) / 100,
    "standardised": lambda numbers: remainder.raw((numbers - numbers.mean()) / numbers.std()),
    "tens and units": remainder.tens_and_units,
    "one-hot digits": lambda numbers: remainder.one_hot_places(len(str(numbers[-1])))(numbers),
}
OPTIMIZERS = ("sgd", "adam")
RANGES = (99, 999, 9_999)
SHARES = (20, 50, 80)  # percent


def settings(group):
    """Return one dictionary of settings for each training of a group."""
    return {"samples": samples, "scale": scale, "spread": spread, "tests": tests, "memory": memory}[group]()


def one(encoding, largest, divisor, samples, epochs, **others):
    """Return the settings of one training; what is not named has its usual value."""
    usual = {"optimizer": "adam", "held_out": 0, "weight_decay": 0.0, "spread": False}
    named = {"encoding": encoding, "largest": largest, "divisor": divisor}
    return named | {"samples": samples, "epochs": epochs} | usual | others


def samples():
    """Return tests 1, 2 and 3A; the accuracy after each epoch gives the shorter trainings, too."""
    counts = {("x", 10): (6_400, 25_600, 64_000), ("tens and units", 100): (6_400, 25_600, 64_000)}
    counts["x", 100] = (25_600, 64_000, 128_000, 256_000)
    return [
        one(encoding, largest, 10, count, 12 if count > 64_000 else 24, optimizer=optimizer)
        for (encoding, largest), several in counts.items()
        for count in several
        for optimizer in OPTIMIZERS
    ]


def scale():
    """Return one input in three scales."""
    return [
        one(encoding, 100, divisor, 64_000, 16, optimizer=optimizer)
        for divisor in (10, 17)
        for encoding in ("x", "x/100", "standardised")
        for optimizer in OPTIMIZERS
    ]


def spread():
    """Return the numbers as they are, with and without spread bends at the start, as long as 3B."""
    return [
        one("x", 100, divisor, 256_000, 24, spread=spread) for divisor in (10, 17) for spread in (False, True)
    ]


def tests():
    """Return 3B as given, and the same with 20 numbers that are never shown."""
    return [
        one("tens and units", 100, 17, 256_000, epochs, optimizer=optimizer, held_out=held_out)
        for optimizer, epochs in (("sgd", 24), ("adam", 16))
        for held_out in (0, 20)
    ]


def memory():
    """Return three ranges, shares shown and weight decays, 10,000 steps each; then 40,000 with 80 % shown."""
    short = [
        (10, largest, share, decay) for largest in RANGES for share in SHARES for decay in (0.0, 0.3, 1.0)
    ]
    long = [(40, largest, 80, decay) for largest in RANGES[1:] for decay in (0.0, 0.1, 0.3)]
    return [
        one(
            "one-hot digits",
            largest,
            17,
            32_000,
            epochs,
            held_out=held_out(largest, share),
            weight_decay=decay,
        )
        for epochs, largest, share, decay in short + long
    ]


def held_out(largest, share):
    """Return how many of the numbers from 0 on are held out if a share (percent) is shown."""
    return round((largest + 1) * (100 - share) / 100)


def main():
    """Do what the record lacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    groups = ("samples", "scale", "spread", "tests", "memory")
    parser.add_argument("--only", nargs="+", choices=groups, default=groups, metavar="GROUP")
    parser.add_argument("--seeds", type=int, default=3, help="networks for each training")
    options = parser.parse_args()
    for group in options.only:
        for wanted in settings(group):
            if any(matches(row, group, wanted, options.seeds) for row in rows()):
                continue
            row = {"group": group} | wanted | train(wanted, range(options.seeds))
            keep(row)
            unseen = row.get("held_out_accuracy")
            right = [f"{100 * value[-1]:.0f}" for value in row["accuracy"]]
            print(group, wanted, "right:", *right, "held out:", unseen, f"{row['seconds']} s", flush=True)


def train(wanted, seeds):
    """Train one network per seed and return what is to be recorded."""
    start = time.perf_counter()
    numbers = np.arange(wanted["largest"] + 1)
    options = {key: wanted[key] for key in ("samples", "epochs", "optimizer", "held_out", "weight_decay")}
    trained = remainder.train_encoded(
        ENCODINGS[wanted["encoding"]](numbers),
        numbers % wanted["divisor"],
        seeds,
        spread=wanted["spread"],
        **options,
    )
    row = {
        "accuracy": rounded(trained.accuracy(seen=True)),  # by seed and epoch, on the numbers shown
        "answers": [[len(np.unique(answer)) for answer in epochs] for epochs in trained.answers],
    }
    if wanted["held_out"]:
        row["held_out_accuracy"] = rounded(trained.accuracy(seen=False)[:, -1])
    if wanted["encoding"] == "x":
        bends = [trained.bends(seed=k) for k in range(len(seeds))]
        row["bends_within"] = [int(np.sum((b > 0) & (b < wanted["largest"]))) for b in bends]
    seconds = round(time.perf_counter() - start)
    return row | {"seconds": seconds, "date": datetime.date.today().isoformat(), "commit": commit()}


def rounded(values):
    """Return accuracies as lists of numbers with four digits."""
    return np.round(values, 4).tolist()


def matches(row, group, wanted, seeds):
    """Tell whether a row of the record is this training with at least so many seeds."""
    same = row["group"] == group and all(row[key] == value for key, value in wanted.items())
    return same and len(row["accuracy"]) >= seeds


def rows():
    """Return the rows of the record as it is on the disk."""
    return json.loads(RECORD.read_text(encoding="utf-8"))["rows"] if RECORD.exists() else []


def keep(row):
    """Add a row to the record, in place of one with the same settings and fewer seeds."""
    key = {name: row[name] for name in ("group", *one("", 0, 0, 0, 0))}
    others = [old for old in rows() if any(old[name] != value for name, value in key.items())]
    keras = keras_module()
    versions = {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__}
    record = {
        "command": " ".join(["python", "studies/learn_remainders.py", *sys.argv[1:]]),
        "versions": versions,
        "backend": keras.backend.backend(),
        "processor": processor(),
    }
    head = json.dumps(record, indent=1)[:-2]
    lines = ",\n".join(f"  {json.dumps(each)}" for each in [*others, row])
    write_text(RECORD, f'{head},\n "rows": [\n{lines}\n ]\n}}\n')


def processor():
    """Return the processor's name where the system tells it, else its kind."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit():
    """Return the commit of the project, or nothing outside a repository."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
