"""The case study's smoothing filters (OpenCV), each with its size and each switchable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from xaimed.errors import PlanError
from xaimed.types import Floats


@dataclass(frozen=True)
class Filters:
    """The sizes of the filters in pixels of the original image; 0 switches one off.

    median: odd window (3 or 5). gaussian: sigma, in a 3 x 3 window up to 0.8. bilateral: diameter;
    bilateral_range: sigma of the grey values as a share of [0, 1].
    """

    median: int = 3
    gaussian: float = 0.8
    bilateral: int = 5
    bilateral_range: float = 0.1

    def __post_init__(self) -> None:
        if self.median not in (0, 3, 5):
            raise PlanError(f"filters.median = {self.median}; expected 0 (off), 3 or 5")
        if self.gaussian < 0 or self.bilateral < 0 or self.bilateral_range <= 0:
            raise PlanError("filter sizes are negative; expected 0 (off) or more")


OFF = Filters(median=0, gaussian=0.0, bilateral=0)


def smooth(image: Floats, filters: Filters) -> Floats:
    """float32 (C, H, W) in [0, 1]: median, then Gaussian, then bilateral, channel by channel."""
    return np.stack([_smooth_plane(np.ascontiguousarray(plane), filters) for plane in image])


def _smooth_plane(plane: Floats, filters: Filters) -> Floats:
    shown: np.ndarray[tuple[int, ...], np.dtype[Any]] = plane
    if filters.median:
        shown = cv2.medianBlur(shown, filters.median)
    if filters.gaussian:
        shown = cv2.GaussianBlur(shown, (0, 0) if filters.gaussian > 0.8 else (3, 3), filters.gaussian)
    if filters.bilateral:
        shown = cv2.bilateralFilter(shown, filters.bilateral, filters.bilateral_range, filters.bilateral)
    return np.asarray(np.clip(shown, 0.0, 1.0), np.float32)
