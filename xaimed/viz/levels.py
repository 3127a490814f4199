"""The pixels of an image for a viewer: one level that fits a screen, and tiles of the full size.

Pixels are uint16, 65535 for 1.0, as little-endian bytes in rows, the channels of a colour image interleaved. So the
window is set on what the file holds, not on eight bits of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError

Words = NDArray[np.uint16]
WHITE = 65535
ROWS = 1200  # what a screen can show at once; more is fetched as tiles
TILE = 512
WINDOWS = (("Whole range", 0.0, 100.0), ("Tissue", 1.0, 99.8), ("Dense tissue", 50.0, 99.9),
           ("Bright detail", 90.0, 99.99))


@dataclass(frozen=True)
class Window:
    """A preset of the grey window: its name and the pixel values in [0, 1] shown black and white."""

    name: str
    low: float
    high: float


def words(stored: Words) -> Words:
    """uint16 (H, W), or (H, W, 3) for three channels, of the pixels that Run.pixels gives; else the first channel.

    The pixels are not turned into numbers in [0, 1] and back: at 3328 x 4096 that costs more than reading the file.
    """
    return stored if stored.ndim == 2 or stored.shape[2] == 3 else np.ascontiguousarray(stored[..., 0])


def screen(pixels: Words, rows: int = ROWS) -> Words:
    """The image reduced by area averages to at most `rows` rows, else unchanged."""
    height, width = pixels.shape[:2]
    if height <= rows:
        return pixels
    size = (max(1, round(width * rows / height)), rows)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint16)


def tile(pixels: Words, column: int, row: int) -> Words:
    """The tile of the full size in this column and row, from 0; smaller at the far borders.

    Raises InputError for a tile outside the image.
    """
    height, width = pixels.shape[:2]
    if not (0 <= column * TILE < width and 0 <= row * TILE < height):
        raise InputError(f"tile {column}, {row} of an image of {width} × {height}; expected one inside it")
    return np.ascontiguousarray(pixels[row * TILE:(row + 1) * TILE, column * TILE:(column + 1) * TILE])


def packed(values: NDArray[np.generic]) -> bytes:
    """The values row by row as little-endian bytes."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def windows(pixels: Words) -> tuple[Window, ...]:
    """The presets of WINDOWS for this image: percentiles of the pixels brighter than its background."""
    lit = pixels[pixels > WHITE // 50].reshape(-1)[::7]
    found = [Window(WINDOWS[0][0], 0.0, 1.0)]
    for name, low, high in WINDOWS[1:]:
        edges = np.percentile(lit, (low, high)) / WHITE if lit.size else np.array([0.0, 1.0])
        found.append(Window(name, float(edges[0]), max(float(edges[1]), float(edges[0]) + 0.01)))
    return tuple(found)
