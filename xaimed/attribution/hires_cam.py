"""HiResCAM: the feature map times the gradient of the score, cell by cell, summed over channels.

Draelos RL, Carin L (2020) "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
networks", arXiv:2011.08891.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.cam import CamMethod


@dataclass(frozen=True)
class HiResCAM(CamMethod):
    """HiResCAM at a layer; with relu=False its cells sum to the score where the network is linear behind it.

    Linear and without bias: a bias is in no cell. layer, relu: as in GradCAM.
    """

    name: ClassVar[str] = "hires_cam"

    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the map on the cells of feature maps (B, K, *s) with their gradients (B, K, *s)."""
        return (gradient * value).sum(1)


METHOD = HiResCAM
