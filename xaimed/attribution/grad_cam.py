"""Grad-CAM: channels of a feature map, weighted by the mean gradient of the score.

Selvaraju RR et al. (2017) "Grad-CAM: visual explanations from deep networks via gradient-based
localization", ICCV, arXiv:1610.02391.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.cam import CamMethod


@dataclass(frozen=True)
class GradCAM(CamMethod):
    """Grad-CAM at a layer, laid on the image by bilinear interpolation between the centres of its cells.

    layer, relu: as in CamMethod.
    """

    name: ClassVar[str] = "grad_cam"

    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the map on the cells of feature maps (B, K, *s) with their gradients (B, K, *s)."""
        weights = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
        return (weights * value).sum(1)


METHOD = GradCAM
