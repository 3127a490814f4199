"""Grad-CAM++: channels of a feature map, weighted by the positive gradients of the score, cell by cell.

Chattopadhay A et al. (2018) "Grad-CAM++: generalized gradient-based visual explanations for deep convolutional
networks", WACV, arXiv:1710.11063.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.cam import CamMethod


@dataclass(frozen=True)
class GradCAMPlusPlus(CamMethod):
    """Grad-CAM++ at a layer, which should lie behind a ReLU: the weights assume activations of 0 or more.

    The published weights carry the factor exp(score), the same for the whole map; it is left out, since it would
    overflow. layer, relu: as in GradCAM.
    """

    name: ClassVar[str] = "grad_cam_plus_plus"

    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the map on the cells of feature maps (B, K, *s) with their gradients (B, K, *s)."""
        space = tuple(range(2, value.ndim))
        # g^2 / (2 g^2 + sum(A) g^3), shortened by g^2, which would underflow or drown in a guard against zero.
        denominator = 2 + value.sum(space, keepdim=True) * gradient
        shares = (1 / denominator).where(denominator != 0, 0.0)
        weights = (gradient.relu() * shares).sum(space, keepdim=True)
        return (weights * value).sum(1)


METHOD = GradCAMPlusPlus
