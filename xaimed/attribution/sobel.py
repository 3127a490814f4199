"""Sobel edges: a control that knows the image but not the model.

Adebayo J et al. (2018) "Sanity checks for saliency maps", NeurIPS, arXiv:1810.03292: a map that looks like
an edge detector's needs no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from xaimed.attribution.method import Map, Method
from xaimed.scene import Scene


@dataclass(frozen=True)
class Sobel(Method):
    """The size of the gradient of the mean over channels, by 3 x 3 Sobel kernels, in grey values a pixel."""

    name: ClassVar[str] = "sobel"
    control: ClassVar[bool] = True

    def compute(self, scene: Scene) -> Map:
        """The map of one scene."""
        grey = np.ascontiguousarray(scene.image[0].mean(0).float().cpu().numpy())
        across, down = (
            cv2.Sobel(grey, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
            for dx, dy in ((1, 0), (0, 1))
        )
        return Map(np.hypot(across, down))


METHOD = Sobel
