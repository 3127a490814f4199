"""Affine maps between a prepared image and its original: one matrix a step, inverted exactly.

A matrix is float64 (3, 3) and takes continuous pixel coordinates (x, y, 1) of the prepared image to
those of the original; pixel (row i, column j) covers [j, j+1) x [i, i+1).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xaimed.errors import InputError
from xaimed.types import Floats, Matrix

Lay = Callable[[Floats, Matrix, tuple[int, int]], Floats]


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


def map_shares(values: Floats, affine: Matrix, shape: tuple[int, int]) -> Floats:
    """float32 `shape`: what each prepared pixel (h, w) contributes, spread over its own place so that the sum stays.

    Smoothly where the original grid is the finer one, by shares of area where it is the coarser one. `affine` takes
    prepared to original coordinates. Raises InputError unless it is a crop, flip or resize.
    """
    if affine[0, 1] or affine[1, 0] or not affine[0, 0] * affine[1, 1]:
        raise InputError("the image transform turns or flattens the image; expected a crop, flip or resize")
    down = _shares(values.shape[0], float(affine[1, 1]), float(affine[1, 2]), shape[0])
    across = _shares(values.shape[1], float(affine[0, 0]), float(affine[0, 2]), shape[1])
    return np.asarray((across @ (down @ values.astype(np.float64)).T).T, np.float32)


def _shares(count: int, factor: float, offset: float, length: int) -> csr_array:
    """(length, count): how much of each prepared pixel each original one gets; columns sum to 1, or to 0 outside."""
    weights = _hats(count, factor, offset, length) if abs(factor) >= 1 else _overlaps(count, factor, offset, length)
    sums = weights.sum(axis=0)
    return csr_array(weights / np.where(sums > 0, sums, 1.0))


def _hats(count: int, factor: float, offset: float, length: int) -> NDArray[np.float64]:
    """The bilinear weights of each original pixel's centre; the half pixel at the rim takes the pixel at the rim."""
    at = (np.arange(length) + 0.5 - offset) / factor - 0.5
    inside = (at >= -0.5 - 1e-9) & (at <= count - 0.5 + 1e-9)
    distance = np.abs(np.clip(at, 0, count - 1)[:, None] - np.arange(count))
    return np.where(inside[:, None], np.clip(1 - distance, 0, None), 0.0)


def _overlaps(count: int, factor: float, offset: float, length: int) -> NDArray[np.float64]:
    """How much of each prepared pixel's length lies in each original pixel."""
    edges = offset + factor * np.stack([np.arange(count), np.arange(1, count + 1)])
    low, high, grid = edges.min(axis=0), edges.max(axis=0), np.arange(length)[:, None]
    return np.asarray(np.clip(np.minimum(high, grid + 1) - np.maximum(low, grid), 0, None), np.float64)


def _covers(affine: Matrix, values: Floats, shape: tuple[int, int]) -> bool:
    # A prepared image that covers the original leaves no outside: the half pixel at its rim repeats.
    x0, y0, x1, y1 = map_boxes(np.array([[0.0, 0.0, values.shape[1], values.shape[0]]]), affine)[0]
    return bool(x0 <= 1e-6 and y0 <= 1e-6 and x1 >= shape[1] - 1e-6 and y1 >= shape[0] - 1e-6)
