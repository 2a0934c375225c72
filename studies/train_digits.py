"""Train the small digit network on all of MNIST with several seeds; about 10 minutes a seed on two cores.

    python studies/train_digits.py [--folder FOLDER | --download] [--seeds 0 1 2] [--record FILE]

FOLDER holds the four MNIST files (or set WORKBOOK_MNIST, or put them into data/mnist; a folder goes before a
download); with --download Keras fetches and checks them. Each seed is added to results/digits_full_mnist.json
when it is done, and its weights go to results/digits_weights/, which `python run.py clean` leaves alone. A
seed that the record holds is not trained again, and none is ever taken out; to repeat one, name another
record. After a kill the same command goes on after the last whole epoch.

The recipe is helpers.networks.digit_networks.Recipe. This script chooses nothing by the 10,000 test images:
it looks at them once, after the last epoch. But most of the recipe comes from an earlier run whose accuracy
on the same test images had been seen.
"""

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from helpers.networks import digits
from helpers.networks.backend import keras_module
from helpers.networks.digit_networks import (
    Recipe,
    accuracy,
    predict,
    train_small_network,
)
from helpers.paths import RESULTS, ROOT, write_text

RECORD = RESULTS / "digits_full_mnist.json"


def main():
    """Train the seeds that the record lacks, one after the other, and add each to it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--folder", help="where the four files of MNIST are")
    source.add_argument("--download", action="store_true", help="let Keras download MNIST")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", type=Path, default=RECORD, help="where the results go")
    options = parser.parse_args()
    recipe = Recipe()
    missing = [seed for seed in options.seeds if seed not in seeds_done(options.record, recipe)]
    if not missing:
        print(f"{options.record} holds all of these seeds; name others, or another --record.")
        return
    data = digits.load(options.folder, download=options.download)
    if len(data.train_labels) < 60_000:
        raise SystemExit(f"This run wants all of MNIST and found {data.source}: give --folder or --download.")
    for seed in missing:
        checkpoint = options.record.parent / "digits_weights" / f"{options.record.stem}_{seed}_unfinished.npz"
        run = train_and_test(data, recipe, seed, checkpoint)
        add(options.record, data, recipe, run)
        checkpoint.unlink(missing_ok=True)


def seeds_done(path, recipe):
    """Return the seeds of a record; one that was made with another recipe is refused."""
    if not path.exists():
        return []
    old = json.loads(path.read_text(encoding="utf-8"))
    if old["recipe"] != json.loads(json.dumps(asdict(recipe))):
        raise SystemExit(f"{path} was made with another recipe; name another file with --record.")
    return [run["seed"] for run in old["runs"]]


def add(path, data, recipe, run):
    """Write the record again with one run more; those that it holds stay."""
    old = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    runs = sorted([*old, run], key=lambda each: each["seed"])
    write_text(path, json.dumps(record(data, recipe, runs), indent=2) + "\n")


def train_and_test(data, recipe, seed, checkpoint):
    """Train with one seed, save the weights, and return what is to be recorded of it."""
    learned = []

    def after_epoch(epoch, training_accuracy):
        learned.append(round(training_accuracy, 5))
        spent = time.perf_counter() - start
        print(f"seed {seed}, epoch {epoch}: training {training_accuracy:.4%}, {spent:.0f} s", flush=True)

    start, start_cpu = time.perf_counter(), time.process_time()
    network = train_small_network(
        data.train_images,
        data.train_labels,
        recipe,
        seed=seed,
        after_epoch=after_epoch,
        checkpoint=checkpoint,
    )
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    network.save(checkpoint.with_name(checkpoint.name.replace("_unfinished.npz", ".keras")))
    plain = predict(network, data.test_images)
    shifted = predict(network, data.test_images, shifted=True)
    run = {
        "seed": seed,
        "test_accuracy": accuracy(shifted, data.test_labels),
        "test_accuracy_without_shifts": accuracy(plain, data.test_labels),
        "wrong_test_images": (shifted.argmax(axis=1) != data.test_labels).nonzero()[0].tolist(),
        "answers_to_them": shifted.argmax(axis=1)[shifted.argmax(axis=1) != data.test_labels].tolist(),
        "training_accuracy_by_epoch": learned,
        "parameters": network.count_params(),
        "wall_seconds": round(wall),  # since the last start, if the run was stopped in between
        "processor_seconds": round(cpu),
        **circumstances(),
    }
    print(f"seed {seed}: test {run['test_accuracy']:.2%}, plain {run['test_accuracy_without_shifts']:.2%}")
    return run


def circumstances():
    """Return when, where and by what command a run was made."""
    keras = keras_module()
    names = ("jax", "numpy")
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", *sys.argv]),
        "commit": done.stdout.strip(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "keras": keras.__version__}
        | {name: version(name) for name in names},
        "backend": keras.backend.backend(),
    }


def processor():
    """Return the processor's name where the system tells it, else its kind."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def record(data, recipe, runs):
    """Return everything that is needed to judge and to repeat the runs."""
    keras = keras_module()
    middle = sorted(run["test_accuracy"] for run in runs)[(len(runs) - 1) // 2]
    return {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", *sys.argv]),
        "source": data.source,
        "training_images": len(data.train_labels),
        "test_images": len(data.test_labels),
        "median_test_accuracy": middle,
        "recipe": asdict(recipe),
        "prediction": "probabilities averaged over the image and its four shifts by one pixel",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version(), "keras": keras.__version__},
        "backend": keras.backend.backend(),
        "runs": runs,
    }


if __name__ == "__main__":
    main()
