"""XGrad-CAM: channels of a feature map, weighted by the mean gradient over cells in proportion to their activation.

Fu R et al. (2020) "Axiom-based Grad-CAM: towards accurate visualization and explanation of CNNs", BMVC,
arXiv:2008.02312.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.cam import CamMethod


@dataclass(frozen=True)
class XGradCAM(CamMethod):
    """XGrad-CAM at a layer: each channel of the signed map sums to its gradient times activation (conservation).

    A channel whose activations sum to 0 has weight 0. layer, relu: as in GradCAM.
    """

    name: ClassVar[str] = "x_grad_cam"

    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the map on the cells of feature maps (B, K, *s) with their gradients (B, K, *s)."""
        space = tuple(range(2, value.ndim))
        total = value.sum(space, keepdim=True)
        weights = (gradient * value).sum(space, keepdim=True) / total
        return (weights.where(total != 0, 0.0) * value).sum(1)


METHOD = XGradCAM
