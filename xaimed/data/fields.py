"""Smooth random displacements with their exact inverse, and images warped by them: the known truth of registration.

A displacement is float32 (d, ...) in array axes' order and pixels: index x is sent to x + field(x). Linear between grid
points, the edge value beyond the grid.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from xaimed.errors import InputError
from xaimed.types import Floats, Mask

Number = TypeVar("Number", bound=np.generic)
STEEPEST = 0.7  # the largest slope of a field: below 1 it folds nowhere and can be inverted
CLOSE = 1e-3  # pixels by which the inverse may still change
ROUNDS = 100


def smooth_field(where: Mask, largest: float, smooth: float, rng: np.random.Generator) -> Floats:
    """float32 (d, ...): noise smoothed by a Gaussian of `smooth` pixels, `largest` pixels long at most in the mask.

    It fades away from the mask over `smooth` pixels, and is smaller where it would else be steeper than STEEPEST.
    Raises InputError for an empty mask, or a length or smoothness that is not positive.
    """
    if largest <= 0 or smooth <= 0 or not where.any():
        raise InputError(f"a displacement of {largest:g} pixels smoothed by {smooth:g}, within {int(where.sum())} "
                         "pixels; expected all three above 0")
    fade = gaussian_filter(where.astype(np.float64), smooth, mode="nearest")
    noise = np.stack([fade * gaussian_filter(rng.standard_normal(where.shape), smooth, mode="nearest")
                      for _ in where.shape])
    field = noise * (largest / np.sqrt((noise**2).sum(axis=0))[where].max())
    slopes = sum(np.gradient(part, axis=axis) ** 2 for part in field for axis in range(where.ndim))
    return np.asarray(field * min(1.0, STEEPEST / np.sqrt(np.max(slopes))), np.float32)


def inverse_field(field: Floats) -> Floats:
    """float32 (d, ...): the field u with u(x) = -field(x + u(x)), by fixed-point iteration.

    Raises InputError where that does not settle, as it does for slopes below 1.
    """
    back = -field
    for _ in range(ROUNDS):
        before, back = back, -np.stack([warped(part, back, order=1) for part in field])
        if np.abs(back - before).max() < CLOSE:
            return np.asarray(back, np.float32)
    raise InputError("the inverse of the displacement was not found; expected slopes below 1: make it "
                     "smoother or smaller")


def warped(image: NDArray[Number], field: Floats, order: int = 3) -> Floats:
    """float32 of the image's shape: at each index x the image at x + field(x), by splines of an order (1 is linear)."""
    grid = np.indices(image.shape, np.float32)
    return np.asarray(map_coordinates(image, grid + field, order=order, mode="nearest", output=np.float32))
