"""LayerCAM: the feature map times the positive gradients of the score, cell by cell, summed over channels.

Jiang PT et al. (2021) "LayerCAM: exploring hierarchical class activation maps for localization", IEEE
Transactions on Image Processing 30, doi:10.1109/TIP.2021.3089943.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.cam import CamMethod


@dataclass(frozen=True)
class LayerCAM(CamMethod):
    """LayerCAM at a layer; unlike Grad-CAM it also serves early layers, whose cells matter one by one.

    layer, relu: as in GradCAM.
    """

    name: ClassVar[str] = "layer_cam"

    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the map on the cells of feature maps (B, K, *s) with their gradients (B, K, *s)."""
        return (gradient.relu() * value).sum(1)


METHOD = LayerCAM
