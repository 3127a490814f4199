"""ODAM: the feature map times the gradient of one box's score, cell by cell, so that each object has its own map.

Zhao C, Chan AB (2023) "ODAM: gradient-based instance-specific visual explanation for object detection", ICLR,
arXiv:2304.06354.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.cam import CamMethod


@dataclass(frozen=True)
class ODAM(CamMethod):
    """ODAM at a layer: ReLU of the sum over channels of gradient times value, with no mean over the map.

    At the pyramid level of a box the map is 0 beyond the cells that the box was pooled from: two boxes of one class
    get two maps, where Grad-CAM would show both objects in each. layer, relu: as in CamMethod.
    """

    name: ClassVar[str] = "odam"

    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the map on the cells of feature maps (B, K, *s) with their gradients (B, K, *s)."""
        return (gradient * value).sum(1)


METHOD = ODAM
