"""Calcifications: bright specks, alone in clusters or inside a malignant mass."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.data.synthesis.outline import Outline
from xaimed.data.synthesis.texture import Field

_FLOOR = 0.02


def specks(points: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Returns float32 (H, W) added attenuation of specks at points (n, 2) of row and column.

    Its non-zero pixels are the exact mask of the specks. Points outside the image are left out.
    """
    rows, columns = np.floor(points).astype(int).T
    held = (rows > 1) & (rows < shape[0] - 2) & (columns > 1) & (columns < shape[1] - 2)
    field = np.zeros(shape, np.float32)
    strength = rng.uniform(0.45, 1.1, len(rows)).astype(np.float32)
    field[rows[held], columns[held]] = strength[held]
    large = held & (rng.random(len(rows)) < 0.3)
    field[rows[large] + 1, columns[large]] = strength[large]
    soft = cv2.GaussianBlur(field, (5, 5), 0.55)
    return np.asarray(np.maximum(soft - _FLOOR, 0), dtype=np.float32)


def cluster(outline: Outline, rng: np.random.Generator) -> Field:
    """Returns what a cluster of 5 to 20 specks within about 10 mm adds, float32 (H, W), inside the breast."""
    shape = outline.frame.shape
    rows, columns = np.nonzero((outline.skin_distance > 12) & (outline.pectoral_distance > 8))
    if not len(rows):
        return np.zeros(shape, np.float32)
    pick = int(rng.integers(len(rows)))
    spread = (int(rng.integers(5, 21)), 2)
    points = rng.normal((rows[pick], columns[pick]), outline.frame.pixels(2.6), spread)
    inside = outline.tissue & ~outline.pectoral
    return np.asarray(specks(points, shape, rng) * inside, dtype=np.float32)
