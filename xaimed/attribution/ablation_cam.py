"""Ablation-CAM: channels of a feature map, weighted by how much the score drops without them.

Desai S, Ramaswamy HG (2020) "Ablation-CAM: visual explanations for deep convolutional network via gradient-free
localization", WACV, doi:10.1109/WACV45572.2020.9093360.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.gradient_free import GradientFreeCam, check_channels
from xaimed.attribution.held import Held, strongest


@dataclass(frozen=True)
class AblationCAM(GradientFreeCam):
    """Ablation-CAM at a layer: each channel is set to 0 in turn and the network goes on from the layer.

    A channel's weight is the drop of the score, in its own unit. The published weight is the drop divided by the
    score, which is the same map up to a factor for a positive score and upside down for a negative one.
    channels: measure so many of the strongest by mean absolute activation, weight 0 for the others; 0: all. Facts
    channels and channels_of: how many were measured, and of how many; one that is 0 everywhere needs no measurement.
    layer, relu: as in GradientFreeCam.
    """

    name: ClassVar[str] = "ablation_cam"
    channels: int = 0

    def __post_init__(self) -> None:
        check_channels(self.name, self.channels)

    def cells(self, layer: Held) -> tuple[Tensor, Mapping[str, float]]:
        """(n, *s): the sum over channels of activation times drop; and the facts."""
        value = layer.value
        used = strongest(value[0].abs().flatten(1).mean(1), self.channels)
        weights = value.new_zeros(value.shape[1], len(layer.scenes))
        if len(used):
            weights[used] = (layer.full - layer.replaced(lambda part: _without(value, used[part]), len(used))).to(value)
        cells = torch.tensordot(weights.T, value[0], 1)
        return cells, {"channels": float(len(used)), "channels_of": float(value.shape[1])}


def _without(value: Tensor, channels: Tensor) -> Tensor:
    """(B, K, *s): copies of a feature map (1, K, *s), each without one of B channels."""
    copies = value.repeat(len(channels), *[1] * (value.ndim - 1))
    copies[torch.arange(len(channels), device=value.device), channels] = 0
    return copies


METHOD = AblationCAM
