"""Train the small digit network on all of MNIST with three seeds; about 10 minutes a seed on two cores.

    python studies/train_digits.py [--folder FOLDER | --download] [--seeds 0 1 2]

FOLDER holds the four MNIST files (or set WORKBOOK_MNIST, or put them into data/mnist); with --download Keras
fetches and checks them. After each seed the record goes to results/digits_full_mnist.json and the weights
to build/digits_seed_0.keras, so that stopping early loses only the seed at work.

The recipe is helpers.networks.digit_networks.Recipe. The 10,000 test images choose nothing: not the recipe,
not the epoch. They are looked at once, after the last one.
"""

import argparse
import datetime
import json
import os
import platform
import time
from dataclasses import asdict

from helpers.networks import digits
from helpers.networks.backend import keras_module
from helpers.networks.digit_networks import Recipe, accuracy, predict, train_small_network
from helpers.paths import RESULTS, ROOT, write_text

RECORD = RESULTS / "digits_full_mnist.json"


def main():
    """Train one network after the other and keep the record up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", help="where the four files of MNIST are")
    parser.add_argument("--download", action="store_true", help="let Keras download MNIST")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    data = digits.load(options.folder, download=options.download)
    if len(data.train_labels) < 60_000:
        raise SystemExit(f"This run wants all of MNIST and found {data.source}: give --folder or --download.")
    recipe = Recipe()
    runs = []
    for seed in options.seeds:
        runs.append(train_and_test(data, recipe, seed))
        write_text(RECORD, json.dumps(record(data, recipe, runs), indent=2) + "\n")


def train_and_test(data, recipe, seed):
    """Train with one seed, save the weights, and return what is to be recorded of it."""
    learned = []

    def after_epoch(epoch, training_accuracy):
        learned.append(round(training_accuracy, 5))
        spent = time.perf_counter() - start
        print(f"seed {seed}, epoch {epoch}: training {training_accuracy:.4%}, {spent:.0f} s", flush=True)

    start, start_cpu = time.perf_counter(), time.process_time()
    network = train_small_network(
        data.train_images, data.train_labels, recipe, seed=seed, after_epoch=after_epoch
    )
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    weights = ROOT / "build" / f"digits_seed_{seed}.keras"
    weights.parent.mkdir(exist_ok=True)
    network.save(weights)
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
        "wall_seconds": round(wall),
        "processor_seconds": round(cpu),
    }
    print(f"seed {seed}: test {run['test_accuracy']:.2%}, plain {run['test_accuracy_without_shifts']:.2%}")
    return run


def record(data, recipe, runs):
    """Return everything that is needed to judge and to repeat the runs."""
    keras = keras_module()
    middle = sorted(run["test_accuracy"] for run in runs)[(len(runs) - 1) // 2]
    return {
        "date": datetime.date.today().isoformat(),
        "command": "python studies/train_digits.py",
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
