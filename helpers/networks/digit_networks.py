"""Networks that read 28 × 28 images of digits: the original's of 2019, and a small one trained better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    """How the small network is built and trained; fixed before any test image was looked at.

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
):
    """Train the small network on freshly distorted images in each epoch and return it.

    images (n, 28, 28, 1) from 0 to 1, labels (n,). `after_epoch` is called with the epoch's number, from 1,
    and its training accuracy. The seed fixes weights, order, dropout and distortions.
    """
    recipe = recipe or Recipe()
    keras = keras_module()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    per_epoch = -(-len(images) // recipe.batch)
    network = small_network(recipe, steps=recipe.epochs * per_epoch)
    for epoch in range(1, recipe.epochs + 1):
        distorted = distort(images, rng, shift=recipe.shift, rotation=recipe.rotation, zoom=recipe.zoom)
        history = network.fit(distorted, labels, batch_size=recipe.batch, verbose=0).history
        if after_epoch is not None:
            after_epoch(epoch, history["accuracy"][0])
    return network


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
