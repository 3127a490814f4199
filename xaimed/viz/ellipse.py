"""Joint regions of accuracy and explainability: where both lie together with 95 % confidence."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xaimed.stats import quantile

LEVEL = 0.95
# For two normal numbers the squared distance is chi-squared with two degrees of freedom, whose quantile is closed.
RADIUS = math.sqrt(-2 * math.log(1 - LEVEL))


def joint_ellipse(row: Mapping[str, object], points: int = 73) -> NDArray[np.float64] | None:
    """(points, 2) the closed outline of the joint 95 % region of a row of the axis; None where it is not known.

    Column 0 accuracy, column 1 explainability. Normal approximation: standard errors from the two intervals, their
    correlation from the shared bootstrap draws; centred on the middles of the intervals, which are not symmetric.
    """
    sides = [_side(row, name) for name in ("accuracy", "explainability")]
    correlation = _number(row, "correlation")
    if None in sides or not math.isfinite(correlation):
        return None
    (x, width), (y, height) = (side for side in sides if side is not None)
    angle = np.linspace(0, 2 * np.pi, points)
    across, along = np.cos(angle), np.sin(angle)
    leaning = correlation * across + math.sqrt(max(0.0, 1 - correlation**2)) * along
    # An accuracy ends at 1, and so does its region.
    return np.stack([np.minimum(1.0, x + RADIUS * width * across), y + RADIUS * height * leaning], axis=1)


def _side(row: Mapping[str, object], name: str) -> tuple[float, float] | None:
    """Middle of an interval and the standard error that its width implies."""
    low, high = _number(row, f"{name}_low"), _number(row, f"{name}_high")
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return (low + high) / 2, (high - low) / (2 * quantile(LEVEL))


def _number(row: Mapping[str, object], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else math.nan
