"""Figures of the network studies: each draws on `ax` (by default a new one) and returns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.plots.style import CURVES, look


def learning_curves(curves: Mapping[str, np.ndarray], *, ax: Axes | None = None) -> Axes:
    """Draw accuracies (seeds, epochs) against the epoch: the median as a line, the range as a band."""
    ax = ax or plt.subplots()[1]
    for k, (name, values) in enumerate(curves.items()):
        percent = 100 * np.atleast_2d(values)
        epochs = np.arange(1, percent.shape[1] + 1)
        line = look(k)
        band = {"color": line["color"], "alpha": 0.2, "lw": 0}
        ax.fill_between(epochs, percent.min(axis=0), percent.max(axis=0), **band)
        ax.plot(epochs, np.median(percent, axis=0), **line, label=name)
    ax.set_xlabel("epoch")
    ax.set_ylabel("accuracy (%)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    return ax


def answer_map(
    labels: np.ndarray,
    answers: np.ndarray,
    *,
    counts: bool = False,
    colorbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each true class (columns) is answered by each class (rows); the diagonal is right.

    labels (n,); answers (n,) or (seeds, n). A column's shares add up to 1; a class nobody has stays white.
    `counts` writes the number of answers into each field that has any.
    """
    ax = ax or plt.subplots(figsize=(4.6, 4.0))[1]
    shares = answer_shares(labels, answers)
    image = ax.imshow(shares, origin="lower", cmap="Blues", vmin=0, vmax=1)
    ax.grid(False)
    if counts:
        for (answer, true), number in np.ndenumerate(answer_counts(labels, answers)):
            colour = "white" if shares[answer, true] > 0.5 else "black"
            ax.text(true, answer, number or "", color=colour, ha="center", va="center", fontsize="x-small")
    ax.set_xlabel("true class")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("answer")
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label="share of answers", shrink=0.85)
    return ax


def answer_shares(labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return the share with which class j is answered by class i, (classes, classes); nan where j is missing.

    >>> answer_shares(np.array([0, 1, 1]), np.array([0, 0, 1])).tolist()
    [[1.0, 0.5], [0.0, 0.5]]
    """
    counts = answer_counts(labels, answers).astype(float)
    total = counts.sum(axis=0)
    return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def answer_counts(labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return how often class j is answered by class i, (classes, classes): the confusion matrix."""
    answers = np.atleast_2d(answers)
    size = int(max(labels.max(), answers.max())) + 1
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (answers, np.broadcast_to(labels, answers.shape)), 1)
    return counts


def hidden_responses(numbers: np.ndarray, responses: np.ndarray, *, ax: Axes | None = None) -> Axes:
    """Draw each hidden unit's response (numbers, units) as a row, in parts of its own largest one.

    Rows are sorted by the number at which a unit responds most; units that never respond are left out.
    """
    ax = ax or plt.subplots(figsize=(6.4, 3.4))[1]
    active = responses[:, responses.max(axis=0) > 0]
    rows = (active / active.max(axis=0)).T
    rows = rows[np.argsort(rows.argmax(axis=1), kind="stable")]
    extent = (numbers[0] - 0.5, numbers[-1] + 0.5, 0, len(rows))
    image = ax.imshow(rows, aspect="auto", cmap="cividis", extent=extent, interpolation="nearest")
    ax.grid(False)
    ax.set_xlabel("number shown")
    ax.set_ylabel("hidden unit, sorted")
    ax.figure.colorbar(image, ax=ax, label="response / its largest")
    return ax


def seen_and_unseen(
    accuracies: Mapping[str, tuple[np.ndarray, np.ndarray]], *, ax: Axes | None = None
) -> Axes:
    """Draw each encoding's final accuracies (seeds,) on seen and on held-out numbers, one dot a seed."""
    ax = ax or plt.subplots(figsize=(6.4, 3.2))[1]
    looks = [("o", CURVES[0], "seen in training", 0.14), ("^", CURVES[1], "held out", -0.14)]
    for part, (marker, colour, label, up) in enumerate(looks):
        for row, pair in enumerate(accuracies.values()):
            values = 100 * pair[part]
            once = label if row == 0 else None  # one entry in the legend is enough
            ax.plot(values, np.full(len(values), row + up), marker, color=colour, alpha=0.6, label=once)
    ax.set_yticks(range(len(accuracies)), list(accuracies))
    ax.invert_yaxis()
    ax.set_xlim(-4, 104)
    ax.set_xlabel("accuracy (%)")
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return ax


def digit_grid(images: np.ndarray, titles: Sequence[str], *, rows: int = 2, columns: int = 10) -> Figure:
    """Draw the first images (n, 28, 28, 1), light on dark, each under its title; spare places stay empty."""
    figure, axes = plt.subplots(rows, columns, figsize=(0.8 * columns, 1.0 * rows + 0.3), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        ax.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize="small")
    return figure


def filter_grid(kernels: np.ndarray, *, columns: int = 8) -> Figure:
    """Draw the first layer's filters (height, width, 1, n), all on one scale that is symmetric about 0."""
    count = kernels.shape[-1]
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(0.7 * columns + 1, 0.75 * rows), squeeze=False)
    limit = np.abs(kernels).max()
    for ax in axes.flat:
        ax.axis("off")
    for ax, kernel in zip(axes.flat, np.moveaxis(kernels, -1, 0), strict=False):
        image = ax.imshow(kernel.squeeze(), cmap="PuOr", vmin=-limit, vmax=limit)
    figure.colorbar(image, ax=axes, label="weight")
    return figure
