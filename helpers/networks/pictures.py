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


def bend_rows(bends: Mapping[str, np.ndarray], largest: float, *, ax: Axes | None = None) -> Axes:
    """Draw for each network at which inputs its hidden units bend, one tick a unit, and how many within.

    The inputs of interest, 0 to `largest`, are shaded; ticks further than `largest` outside are left out.
    """
    ax = ax or plt.subplots(figsize=(7.2, 0.5 + 0.45 * len(bends)))[1]
    ax.axvspan(0, largest, color="0.92", lw=0)
    names = []
    for row, (name, places) in enumerate(bends.items()):
        ax.plot(places, np.full(len(places), row), "|", color=CURVES[row % len(CURVES)], ms=14)
        names.append(f"{name}: {bends_within(places, largest)} of {len(places)} inside")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(-largest, 2 * largest)
    ax.set_xlabel("number at which a hidden unit bends")
    ax.grid(False)
    return ax


def bends_within(bends: np.ndarray, largest: float) -> int:
    """Return how many bends lie inside 0 to `largest`, both ends excluded; units with weight 0 bend nowhere.

    >>> bends_within(np.array([0.0, 5.0, 100.0, np.nan]), 100)
    1
    """
    return int(np.sum((bends > 0) & (bends < largest)))


def outcome_map(
    curves: Mapping[int, np.ndarray],
    epochs: Sequence[int],
    *,
    chosen: Sequence[tuple[int, int]] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw the median accuracy in percent for each number of samples (rows) and of epochs (columns).

    curves: accuracies (seeds, epochs) for each number of samples; a training that was shorter leaves its
    fields empty. chosen: pairs of samples and epochs that get a frame.
    """
    ax = ax or plt.subplots(figsize=(4.0, 2.4))[1]
    values = np.full((len(curves), len(epochs)), np.nan)
    for row, accuracy in enumerate(curves.values()):
        for column, epoch in enumerate(epochs):
            if epoch <= np.shape(accuracy)[1]:
                values[row, column] = 100 * np.median(np.asarray(accuracy)[:, epoch - 1])
    ax.imshow(values, origin="lower", cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ax.text(column, row, f"{value:.0f}", color="white" if value > 50 else "black", ha="center")
    for samples, epoch in chosen:
        corner = (list(epochs).index(epoch) - 0.47, list(curves).index(samples) - 0.47)
        ax.add_patch(plt.Rectangle(corner, 0.94, 0.94, fill=False, ec=CURVES[1], lw=2))
    ax.set_xticks(range(len(epochs)), [str(epoch) for epoch in epochs])
    ax.set_yticks(range(len(curves)), [f"{samples:,}" for samples in curves])
    ax.set_xlabel("epochs")
    ax.set_ylabel("samples")
    ax.grid(False)
    return ax


def against_share(
    curves: Mapping[str, Mapping[float, np.ndarray]], *, chance: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw accuracies (seeds,) on held-out numbers against the share shown (%): median and range of seeds."""
    ax = ax or plt.subplots()[1]
    for k, (name, points) in enumerate(curves.items()):
        shares = sorted(points)
        values = np.array([100 * np.asarray(points[share]) for share in shares])
        line = look(k)
        ax.fill_between(shares, values.min(axis=1), values.max(axis=1), color=line["color"], alpha=0.2, lw=0)
        ax.plot(shares, np.median(values, axis=1), marker="o", **line, label=name)
    if chance is not None:
        ax.axhline(100 * chance, color="grey", ls=":", label="chance")
    ax.set_xlabel("share shown in training (%)")
    ax.set_ylabel("right of the held-out (%)")
    ax.set_ylim(-4, 104)
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
