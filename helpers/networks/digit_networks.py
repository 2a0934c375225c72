"""Networks that read 28 × 28 images of digits: the original's of 2019, and a small one trained better."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.networks.backend import keras_module

CLASSES = 10


def original_network():
    """Build the original's network, compiled with its optimiser; 329,962 parameters for 28 × 28 images.

    Two 3 × 3 convolutions of 32 filters, pooling, dropout 0.25; the same with 64; 256 units, dropout 0.5;
    ten probabilities. Stochastic gradient descent with learning rate 0.01/(1 + 1e-6·step) and Nesterov
    momentum 0.9. The loss is the categorical cross-entropy, here from whole-number labels.
    """
    keras = keras_module()
    layers = keras.layers
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (32, 64):
        network.add(layers.Conv2D(filters, 3, activation="relu"))
        network.add(layers.Conv2D(filters, 3, activation="relu"))
        network.add(layers.MaxPooling2D(2))
        network.add(layers.Dropout(0.25))
    network.add(layers.Flatten())
    network.add(layers.Dense(256, activation="relu"))
    network.add(layers.Dropout(0.5))
    network.add(layers.Dense(CLASSES, activation="softmax"))
    # Keras 3 ignores SGD's old `decay` with no more than a warning; this schedule is what it did.
    rate = keras.optimizers.schedules.InverseTimeDecay(0.01, 1, 1e-6)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


@dataclass(frozen=True)
class Recipe:
    """How the small network is built and trained.

    Learning rate, weight decay, warm-up, batch and number of epochs are those of an earlier run of a similar
    network, whose accuracy on MNIST's test images had been seen after every epoch.

    filters: of the 3 × 3 convolutions, one tuple per block; each block ends with 2 × 2 max-pooling.
    shift (pixels), rotation (degrees), zoom: the largest random distortion of a training image.
    learning_rate: its largest value, reached after the fraction `warm_up` of all steps; then a cosine to 0.
    """

    filters: tuple[tuple[int, ...], ...] = ((16, 16), (32, 32), (64, 64))
    dropout: float = 0.3
    shift: float = 2.0
    rotation: float = 10.0
    zoom: float = 0.1
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.2
    batch: int = 32
    epochs: int = 10


def small_network(recipe: Recipe, *, steps: int):
    """Build the recipe's network, compiled for `steps` training steps; 78,234 parameters by default.

    Blocks of 3 × 3 convolution, batch normalisation and ReLU, then one dense layer of ten probabilities.
    AdamW with a warm-up and a cosine to zero.
    """
    keras = keras_module()
    layers = keras.layers
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for block in recipe.filters:
        for filters in block:
            network.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
            network.add(layers.BatchNormalization())
            network.add(layers.Activation("relu"))
        network.add(layers.MaxPooling2D(2))
    network.add(layers.Flatten())
    network.add(layers.Dropout(recipe.dropout))
    network.add(layers.Dense(CLASSES, activation="softmax"))
    warm_up = max(1, round(recipe.warm_up * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=recipe.learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def train_small_network(
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    after_epoch: Callable[[int, float], None] | None = None,
    checkpoint: str | Path | None = None,
):
    """Train the small network on freshly distorted images in each epoch and return it.

    images (n, 28, 28, 1) from 0 to 1, labels (n,). `after_epoch` is called with the epoch's number, from 1,
    and its training accuracy. The seed fixes weights, order, dropout and distortions.

    `checkpoint` names a file, ending in `.npz`, that keeps the training's state after each epoch. Where it is
    there, training goes on after its epoch and ends with the same weights; `after_epoch` is called for the
    earlier epochs, too. A file of another seed, recipe or number of images is a ValueError.
    """
    recipe = recipe or Recipe()
    keras = keras_module()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    per_epoch = -(-len(images) // recipe.batch)
    network = small_network(recipe, steps=recipe.epochs * per_epoch)
    kept = _Checkpoint(checkpoint, {"seed": seed, "images": len(images), "recipe": asdict(recipe)})
    learned = kept.restore(network, rng)
    for epoch in range(1, recipe.epochs + 1):
        if epoch > len(learned):
            distorted = distort(images, rng, shift=recipe.shift, rotation=recipe.rotation, zoom=recipe.zoom)
            history = network.fit(
                distorted, labels, batch_size=recipe.batch, verbose=0, callbacks=kept.order()
            ).history
            learned.append(float(history["accuracy"][0]))
            kept.keep(network, rng, learned)
        if after_epoch is not None:
            after_epoch(epoch, learned[epoch - 1])
    return network


class _Checkpoint:
    """A training's state in one file: all variables, both generators of random numbers, what is learned."""

    def __init__(self, path: str | Path | None, settings: dict[str, Any]):
        self.path = None if path is None else Path(path)
        self.settings: dict[str, Any] = json.loads(
            json.dumps(settings)
        )  # tuples become lists, as in the file
        self._order: list[Any] | None = None

    def restore(self, network, rng: np.random.Generator) -> list[float]:
        """Set the variables and the distortions as they were; return the accuracies of the epochs done."""
        if self.path is None or not self.path.exists():
            return []
        with np.load(self.path, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
            if state["settings"] != self.settings:
                raise ValueError(
                    f"{self.path} belongs to another training, {state['settings']}; this one is "
                    f"{self.settings}. Remove the file, or name another."
                )
            for k, variable in enumerate(self._variables(network)):
                variable.assign(file[f"variable_{k}"])
        rng.bit_generator.state = state["distortions"]
        self._order = state["order"]
        return state["accuracies"]

    def order(self) -> list[Any]:
        """Return what sets Keras' order of images as it was, for the first epoch after `restore`.

        Keras shuffles with numpy's old, global generator. Its first `fit` draws from it before the epoch
        begins, so the state is set when the epoch begins.
        """
        if self._order is None:
            return []
        name, keys, *others = self._order
        self._order = None
        state = (name, np.array(keys, dtype=np.uint32), *others)
        return [
            keras_module().callbacks.LambdaCallback(
                on_epoch_begin=lambda *_: np.random.set_state(state)  # noqa: NPY002
            )
        ]

    def keep(self, network, rng: np.random.Generator, learned: list[float]) -> None:
        """Write the state of this epoch; a kill at any moment leaves this one or the last."""
        if self.path is None:
            return
        convert = keras_module().ops.convert_to_numpy
        arrays = {f"variable_{k}": convert(each.value) for k, each in enumerate(self._variables(network))}
        name, keys, *others = np.random.get_state(legacy=True)  # noqa: NPY002
        state = {
            "settings": self.settings,
            "accuracies": learned,
            "distortions": rng.bit_generator.state,
            "order": [name, np.asarray(keys).tolist(), *others],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(f"{self.path.stem}_part.npz")
        np.savez(part, state=json.dumps(state), **arrays)
        os.replace(part, self.path)

    @staticmethod
    def _variables(network) -> list[Any]:
        """Return what training changes: weights, moving averages, the state of dropout and optimiser."""
        network.optimizer.build(network.trainable_variables)
        return [*network.variables, *network.optimizer.variables]


def distort(
    images: np.ndarray, rng: np.random.Generator, *, shift: float, rotation: float, zoom: float
) -> np.ndarray:
    """Move, turn and scale each image (n, 28, 28, 1) at random about its centre.

    Each amount is uniform: both shifts within ±shift pixels, the angle within ±rotation degrees, the size
    within 1 ± zoom. Values between pixels are bilinear; what enters from outside is 0.
    """
    count = len(images)
    angle = np.deg2rad(rng.uniform(-rotation, rotation, count))
    scale = 1 / rng.uniform(1 - zoom, 1 + zoom, count)
    shifts = rng.uniform(-shift, shift, (2, count))
    return _sample(images, scale * np.cos(angle), scale * np.sin(angle), shifts)


def _sample(images: np.ndarray, cosine: np.ndarray, sine: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Read each image at c + A·(x − c) + shift, A = [[cosine, −sine], [sine, cosine]], c its centre."""
    keras = keras_module()
    centre = (images.shape[1] - 1) / 2
    x = centre - (cosine - sine) * centre + shifts[0]
    y = centre - (cosine + sine) * centre + shifts[1]
    zero = np.zeros_like(x)
    transforms = np.stack([cosine, -sine, x, sine, cosine, y, zero, zero], axis=1).astype(np.float32)
    sampled = np.empty_like(images)
    for start in range(0, len(images), 5000):  # keeps the memory for coordinates below 100 MB
        part = slice(start, start + 5000)
        moved = keras.ops.image.affine_transform(
            images[part], transforms[part], fill_mode="constant", data_format="channels_last"
        )
        sampled[part] = keras.ops.convert_to_numpy(moved)
    return sampled


def predict(network, images: np.ndarray, *, shifted: bool = False) -> np.ndarray:
    """Return the probabilities of the ten digits, (n, 10); rows sum to 1.

    `shifted` averages them over the image as it is and moved by one pixel left, right, up and down.
    """
    moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)] if shifted else [(0, 0)]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = images.shape[1:3]
    views = [padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width] for down, right in moves]
    return np.mean([network.predict(view, batch_size=250, verbose=0) for view in views], axis=0)


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of images whose most probable digit is their label.

    >>> accuracy(np.eye(10)[[3, 1]], np.array([3, 7]))
    0.5
    """
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def accuracy_interval(accuracy: float, images: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy that was measured on so many images (Wilson's).

    With p the measured fraction, n the number of images and z = 1.96, the ends q solve
    |q − p| = z·√(q(1 − q)/n): between them lie the true accuracies that agree with the measurement.
    It holds the chance of the images only, not that of the seed.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).

    >>> low, high = accuracy_interval(0.978, 1000)
    >>> print(f"{low:.3f} to {high:.3f}")
    0.967 to 0.985
    """
    if images < 1 or not 0 <= accuracy <= 1:
        raise ValueError(
            f"An accuracy is a fraction from 0 to 1 of at least one image; got {accuracy} of {images}."
        )
    z2 = 1.959964**2
    centre = (accuracy + z2 / (2 * images)) / (1 + z2 / images)
    half = np.sqrt(z2 * accuracy * (1 - accuracy) / images + (z2 / (2 * images)) ** 2) / (1 + z2 / images)
    return float(centre - half), float(centre + half)
