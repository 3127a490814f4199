"""Registration: how far landmarks miss after a displacement, and where the displacement folds space over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.pixelwise import MODEL, Better
from xaimed.stats import Array, Bools
from xaimed.types import Case, Prediction, Score

AIR = 0.02  # of the grey range: what is darker in the fixed image is no tissue


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


@dataclass(frozen=True)
class Registration:
    """Target registration error over the fixed image's tissue, what it was before, and the share that folds over.

    In mm, or pixels where the spacing is not known. Every tissue pixel is a landmark where the displacement is known;
    where it is not only folding is measured.
    """

    name: str = "registration"
    kind: Literal["case"] = "case"
    measures: Mapping[str, Better] = field(default_factory=lambda: {
        "target registration error": "lower", "error before registration": "lower", "folding": "lower"})
    reference: str = "Fitzpatrick JM, West JB, Maurer CR (1998); Jacobian determinant at most 0"

    def __call__(self, case: Case, prediction: Prediction) -> list[Score]:
        """A row a measure; none for a model that gives no displacement."""
        if not {"dx", "dy"} <= set(prediction.dense):
            return []
        found = np.stack([prediction.dense["dx"], prediction.dense["dy"]]).astype(np.float64)
        values = {"folding": folding(found[::-1])}
        if case.displacement is not None:
            tissue = case.image[len(case.image) // 2:].max(axis=0) > AIR
            unit = 1.0 if case.spacing_mm is None else case.spacing_mm
            known = case.displacement.astype(np.float64)
            values["target registration error"] = _length(found - known, tissue) * unit
            values["error before registration"] = _length(known, tissue) * unit
        return [Score(case.id, "", MODEL, name, value) for name, value in values.items()]


def _length(field: Array, inside: Bools) -> float:
    return float(np.sqrt((field ** 2).sum(axis=0))[inside].mean()) if inside.any() else math.nan


METRIC = Registration()
