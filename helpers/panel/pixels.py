"""How a drawn picture gets to the browser: few colours, few bytes, inside its own address.

A panel is moved twenty times a second; what takes milliseconds is packing the picture, and the way through a
browser's other processes that its own address for a picture in memory ("blob:") makes necessary.
"""

from __future__ import annotations

import base64
import functools
import struct
import zlib
from dataclasses import dataclass, field

import ipywidgets as widgets
import numpy as np
import traitlets
from ipywidgets.widgets.trait_types import CByteMemoryView
from matplotlib.colors import to_rgb

from helpers.plots.style import COLOURS

_LEVELS = 32  # of red, green and blue that the table of colours tells apart
_STEPS = 16  # from one colour to the next
# Within one computer a message travels in segments of 65,483 bytes. A shorter one waits until the browser has
# confirmed the one before, for which it takes up to 40 ms (Nagle's algorithm and delayed acknowledgement).
_SEGMENT = 66_000


@dataclass(frozen=True)
class Theme:
    """Colours of a picture's ground and of what is written on it; `soft` is between, for bands and lines."""

    ground: str
    ink: str
    soft: str
    grid: str


# The dark ground is that of JupyterLab's dark theme.
THEMES = {
    False: Theme("#FFFFFF", "#000000", "#E0E0E0", "#E6E6E6"),
    True: Theme("#111111", "#FFFFFF", "#303030", "#2A2A2A"),
}


@dataclass(frozen=True)
class Backdrop:
    """What stays put in a picture: its pixels, shape (height, width), 4 bytes each, and its packed rows."""

    pixels: np.ndarray = field(repr=False)
    rows: np.ndarray = field(repr=False)  # of the PNG: a 0 for "no filter", then the numbers of the colours
    dark: bool = False

    @classmethod
    def of(cls, rgba: np.ndarray, *, dark: bool = False) -> Backdrop:
        """Keep an image of shape (height, width, 4), 8 bits a channel, on a dark or white ground."""
        height, width, _ = rgba.shape
        rows = np.zeros((height, 1 + width), np.uint8)
        rows[:, 1:] = colour_numbers(rgba, dark=dark)
        return cls(_whole(rgba).copy(), rows, dark)

    def restore(self, rgba: np.ndarray) -> None:
        """Write the backdrop back into an image of its shape."""
        np.copyto(_whole(rgba), self.pixels)


def packed(rgba: np.ndarray, backdrop: Backdrop) -> bytes:
    r"""Pack an image as PNG of 256 colours; only pixels that differ from the backdrop are looked at closely.

    Examples
    --------
    >>> white = np.full((2, 2, 4), 255, np.uint8)
    >>> packed(white, Backdrop.of(white))[:4]
    b'\x89PNG'
    """
    rows = backdrop.rows.copy()
    moved = _whole(rgba) != backdrop.pixels
    rows[:, 1:][moved] = colour_numbers(_whole(rgba)[moved].view(np.uint8).reshape(-1, 4), dark=backdrop.dark)
    height, width, _ = rgba.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # 8 bits, numbers of a palette
    chunks = {b"IHDR": header, b"PLTE": _palette(backdrop.dark).tobytes()}
    chunks |= {b"IDAT": zlib.compress(rows.data, 1), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks.items())


def colour_numbers(rgba: np.ndarray, *, dark: bool = False) -> np.ndarray:
    """Return the number of the palette's colour nearest to each pixel; shape (..., 4) to (...)."""
    red, green, blue = (rgba[..., channel].astype(np.intp) * _LEVELS // 256 for channel in range(3))
    return _nearest(dark)[(red * _LEVELS + green) * _LEVELS + blue]


class InlineImage(widgets.Image):
    """Image widget whose PNG travels inside its address (a "data:" address); for Python it holds the PNG."""

    format = traitlets.Unicode("png").tag(sync=True, to_json=lambda *_: "url")
    value = CByteMemoryView().tag(sync=True, to_json=lambda png, _: _address(png))


def _address(png: memoryview | bytes) -> bytes:
    address = b"data:image/png;base64," + base64.b64encode(png)
    return address.ljust(_SEGMENT)  # blanks at the end of an address mean nothing


def _whole(rgba: np.ndarray) -> np.ndarray:
    return rgba.view(np.uint32)[..., 0]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@functools.cache
def _palette(dark: bool) -> np.ndarray:
    """Colours of shape (256, 3): greys, and what soft edges make of the drawn colours on each other."""
    theme = THEMES[dark]
    ground, ink, grey = to_rgb(theme.ground), to_rgb(theme.ink), to_rgb(COLOURS["grey"])
    curves = [to_rgb(colour) for name, colour in COLOURS.items() if name not in ("grey", "black")]
    blue, vermilion, *_ = curves
    ways = [(ground, grey), (grey, ink), (vermilion, grey), (vermilion, blue)]
    ways += [way for colour in curves for way in ((ground, colour), (colour, ink))]
    shades = np.concatenate([np.linspace(*way, _STEPS) for way in ways])
    return (255 * shades).round().astype(np.uint8)


@functools.cache
def _nearest(dark: bool) -> np.ndarray:
    """Make the table of the palette's nearest colour for each of 32 x 32 x 32 colours."""
    level = (np.arange(_LEVELS) * 255) // (_LEVELS - 1)
    colours = np.stack(np.meshgrid(level, level, level, indexing="ij"), axis=-1).reshape(-1, 3)
    palette = _palette(dark).astype(float)
    distances = (palette**2).sum(axis=1) - 2 * colours @ palette.T  # less the colour's own square
    return distances.argmin(axis=1).astype(np.uint8)
