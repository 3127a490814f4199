"""Pictures of a displacement: the moving image moved by it, and where a regular grid of the fixed image goes."""

from __future__ import annotations

import cv2
import numpy as np

from xaimed.types import Floats
from xaimed.viz.overlay import Colour, Picture, grey

LINES, CLOSEST = 14, 6  # lines of the grid along the shorter side; pixels between two of them at least
COLOUR: Colour = (0, 200, 255)
SHIFT = 4  # bits of a pixel's fraction that OpenCV draws


def moved(moving: Floats, dx: Floats, dy: Floats) -> Floats:
    """float32 (H, W): the moving image (H, W) at x + dx, y + dy, linear, the edge value beyond it; dx, dy in pixels."""
    rows, columns = np.indices(moving.shape, np.float32)
    return np.asarray(cv2.remap(moving.astype(np.float32), columns + dx, rows + dy, cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE), np.float32)


def gridded(moving: Floats, dx: Floats, dy: Floats, scale: int = 1) -> Picture:
    """uint8 (H * scale, W * scale, 3): the moving image with the lines of a regular grid of the fixed one, displaced.

    Where lines cross each other the displacement folds space over.
    """
    height, width = moving.shape
    step = max(CLOSEST, min(height, width) // LINES)
    picture = np.ascontiguousarray(np.repeat(np.repeat(grey(moving), scale, axis=0), scale, axis=1))
    rows, columns = np.indices(moving.shape, np.float32)
    places = np.stack([columns + dx + 0.5, rows + dy + 0.5], axis=-1) * scale - 0.5
    lines = [places[row] for row in range(step // 2, height, step)]
    lines += [places[:, column] for column in range(step // 2, width, step)]
    points = [np.round(line * 2**SHIFT).astype(np.int32).reshape(-1, 1, 2) for line in lines]
    cv2.polylines(picture, points, False, COLOUR, 1, cv2.LINE_AA, SHIFT)
    return picture
