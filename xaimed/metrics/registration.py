"""Registration: how far landmarks miss after a displacement, and where the displacement folds space over."""

from __future__ import annotations

import math

import numpy as np

from xaimed.errors import InputError
from xaimed.stats import Array, Bools


def target_errors(fixed: Array, moving: Array, field: Array, spacing: tuple[float, ...] | None = None) -> Array:
    """(n,) distance of each displaced landmark from its partner, in the unit of `spacing` (pixels by default).

    fixed, moving: (n, d) landmarks as array indices. field: (d, ...) displacement in pixels on the fixed grid, so
    that index x of the fixed image lies at x + field(x) in the moving one; linear between grid points. Raises
    InputError for shapes that do not fit, or a landmark outside the grid.
    """
    from scipy.ndimage import map_coordinates

    axes = field.ndim - 1
    if field.shape[0] != axes or fixed.shape != moving.shape or fixed.ndim != 2 or fixed.shape[1] != axes:
        raise InputError(f"field {field.shape}, landmarks {fixed.shape} and {moving.shape}; expected "
                         "(d, ...) with d axes, and (n, d) twice")
    if len(fixed) and not ((fixed >= 0) & (fixed <= np.array(field.shape[1:]) - 1)).all():
        raise InputError(f"a landmark lies outside the grid of {field.shape[1:]}; expected array indices inside it")
    moved = np.stack([map_coordinates(part, fixed.T, order=1, mode="nearest") for part in field], axis=1)
    size = np.ones(axes) if spacing is None else np.asarray(spacing, np.float64)
    distances: Array = np.sqrt((((fixed + moved - moving) * size) ** 2).sum(axis=1))
    return distances


def determinants(field: Array) -> Array:
    """The Jacobian determinant of x + field(x) at each grid point, by central differences; 1 where nothing moves."""
    axes = field.ndim - 1
    if field.shape[0] != axes or min(field.shape[1:]) < 2:
        raise InputError(f"field {field.shape}; expected (d, ...) with d axes of at least 2 points")
    slopes = np.stack([np.stack(np.gradient(part, axis=tuple(range(axes))), axis=-1) for part in field], axis=-2)
    whole: Array = np.linalg.det(slopes + np.eye(axes))
    return whole


def folding(field: Array, mask: Bools | None = None) -> float:
    """The share of grid points, within the mask, whose Jacobian determinant is not positive; NaN for an empty mask."""
    folded = determinants(field) <= 0
    chosen = folded if mask is None else folded[mask]
    return float(chosen.mean()) if chosen.size else math.nan
