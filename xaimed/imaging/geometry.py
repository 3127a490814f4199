"""Affine maps between a prepared image and its original: one matrix a step, inverted exactly.

A matrix is float64 (3, 3) and takes continuous pixel coordinates (x, y, 1) of the prepared image to
those of the original; pixel (row i, column j) covers [j, j+1) x [i, i+1).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.types import Floats, Matrix


def translation(x: float, y: float) -> Matrix:
    """The (3, 3) matrix that adds x and y: a crop whose corner lies at (x, y) in the original."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float) -> Matrix:
    """The (3, 3) matrix that multiplies by x and y: a resize by 1/x and 1/y."""
    return np.diag([x, y, 1.0])


def mirror(width: float) -> Matrix:
    """The (3, 3) matrix of a left-right flip of an image `width` pixels wide; its own inverse."""
    return np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def inverse(affine: Matrix) -> Matrix:
    """The (3, 3) matrix that takes original to prepared coordinates."""
    return np.asarray(np.linalg.inv(affine), np.float64)


def map_boxes(boxes: NDArray[np.floating], affine: Matrix) -> NDArray[np.float64]:
    """float64 (N, 4): the boxes x0, y0, x1, y1 (N, 4) taken through `affine`, as upright bounds."""
    edges = np.asarray(boxes, float).reshape(-1, 4)
    corners = edges[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    moved = corners @ affine[:2, :2].T + affine[:2, 2]
    moved = moved.reshape(-1, 4, 2)
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)


def map_values(values: Floats, affine: Matrix, shape: tuple[int, int]) -> Floats:
    """float32 `shape`: values (h, w) of the prepared image laid on the original grid, bilinear, 0 outside.

    `affine` takes prepared to original coordinates. Raises InputError if it cannot be inverted.
    """
    if abs(float(np.linalg.det(affine))) < 1e-12:
        raise InputError("the image transform cannot be inverted; expected a crop, flip or resize")
    half = translation(0.5, 0.5)
    centres = np.linalg.inv(half) @ affine @ half
    height, width = shape
    border = cv2.BORDER_REPLICATE if _covers(affine, values, shape) else cv2.BORDER_CONSTANT
    placed = cv2.warpAffine(np.ascontiguousarray(values, np.float32), centres[:2], (width, height),
                            flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(placed, np.float32)


def _covers(affine: Matrix, values: Floats, shape: tuple[int, int]) -> bool:
    # A prepared image that covers the original leaves no outside: the half pixel at its rim repeats.
    x0, y0, x1, y1 = map_boxes(np.array([[0.0, 0.0, values.shape[1], values.shape[0]]]), affine)[0]
    return bool(x0 <= 1e-6 and y0 <= 1e-6 and x1 >= shape[1] - 1e-6 and y1 >= shape[0] - 1e-6)
