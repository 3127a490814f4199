"""The map of another patient laid on a scene, box on box or tissue on tissue: the null of the axis.

It keeps what a faithful map must beat: the method's blur and sparsity, and where in the frame it always looks. A
method that draws the same blob on every box is laid exactly on its own map, so its skill is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from xaimed.errors import InputError
from xaimed.imaging.geometry import map_boxes
from xaimed.scene import Scene
from xaimed.types import Floats, Mask, Matrix

SAMPLES = 4096
Frame = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Donor:
    """values: float32 (H, W), a map in its own original pixels. frame: x0, y0, x1, y1 of its box or tissue there.

    mirrored: it is of the other side, so that left and right are exchanged.
    """

    values: Floats
    frame: Frame
    mirrored: bool = False

    def on(self, scene: Scene, frame: Frame) -> Floats:
        """float32 (h, w): the map on the scene's grid, moved and scaled so that its frame lies on the scene's.

        frame: of the scene's target, in the scene's original pixels. Bilinear, 0 outside the donor's image.
        """
        return self.laid(original_of(scene), tuple(scene.tissue.shape), frame)

    def laid(self, affine: Matrix, shape: tuple[int, ...], frame: Frame) -> Floats:
        """As `on`, on a grid of `shape` (h, w) that `affine` takes to original pixels."""
        rows, columns = np.mgrid[:shape[0], :shape[1]] + 0.5
        x, y = (affine[i, 0] * columns + affine[i, 1] * rows + affine[i, 2] for i in (0, 1))
        across = (x - frame[0]) / (frame[2] - frame[0])
        down = (y - frame[1]) / (frame[3] - frame[1])
        across = 1 - across if self.mirrored else across
        left, top, right, bottom = self.frame
        there = (left + across * (right - left) - 0.5, top + down * (bottom - top) - 0.5)
        moved = cv2.remap(np.ascontiguousarray(self.values, np.float32), there[0].astype(np.float32),
                          there[1].astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(moved, np.float32)


def original_of(scene: Scene) -> Matrix:
    """float64 (3, 3): takes continuous (x, y, 1) of the scene's grid to original pixels, read off `scene.place`.

    Raises InputError where too little of the scene lies in the original to tell.
    """
    height, width = scene.tissue.shape
    rows, columns = (np.mgrid[:height, :width] + 0.5).astype(np.float32)
    there, x, y = (scene.place(v) for v in (np.ones((height, width), np.float32), columns, rows))
    # At the rim the bilinear values repeat or fade, so they are no coordinates.
    inner = (there > 0.999) & (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    placed = np.argwhere(inner)
    if len(placed) < 3:
        raise InputError(f"case {scene.case}, target {scene.target}: {len(placed)} of the scene's pixels lie in the "
                         "original image; expected 3 or more")
    placed = placed[:: max(1, len(placed) // SAMPLES)]
    grid = np.stack([v[placed[:, 0], placed[:, 1]] for v in (x, y)] + [np.ones(len(placed))], 1)
    found = np.linalg.lstsq(grid.astype(np.float64), placed[:, ::-1] + 0.5, rcond=None)[0]
    return np.vstack([found.T, [0.0, 0.0, 1.0]])


def tissue_frame(tissue: Mask) -> Frame:
    """The bounds x0, y0, x1, y1 of a tissue mask (H, W); the whole image where it is empty."""
    places = np.argwhere(tissue)
    if not len(places):
        return 0.0, 0.0, float(tissue.shape[1]), float(tissue.shape[0])
    (y0, x0), (y1, x1) = places.min(0), places.max(0) + 1
    return float(x0), float(y0), float(x1), float(y1)


def frame_of(scene: Scene) -> Frame:
    """The bounds of the scene's tissue in its original pixels."""
    rows, columns = np.nonzero(scene.tissue.cpu().numpy())
    if not len(rows):
        rows, columns = (np.array([0, n - 1]) for n in scene.tissue.shape)
    edges = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float64)
    x0, y0, x1, y1 = map_boxes(edges, original_of(scene))[0]
    return float(x0), float(y0), float(x1), float(y1)
