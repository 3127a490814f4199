"""Score-CAM: channels of a feature map, weighted by the score of the image seen through each of them.

Wang H et al. (2020) "Score-CAM: score-weighted visual explanations for convolutional neural networks", CVPR
Workshops, arXiv:1910.01279.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.baseline import BASELINES, baseline
from xaimed.attribution.gradient import chunks
from xaimed.attribution.gradient_free import GradientFreeCam, check_channels
from xaimed.attribution.grid import lay
from xaimed.attribution.held import Held, strongest
from xaimed.errors import unknown


@dataclass(frozen=True)
class ScoreCAM(GradientFreeCam):
    """Score-CAM at a layer: each channel, stretched to [0, 1] and laid on the image, is a mask of the image.

    A channel's weight is the softmax over the measured channels of the score of its masked image. channels: measure
    so many of the strongest by mean absolute activation, each a forward pass, weight 0 for the others; 0: all, as
    published. Facts channels and channels_of: how many were measured, and of how many; one that is the same
    everywhere masks nothing and is left out. baseline: what shows where the mask is 0, "black" as published (the
    network's zero), or a fill of xaimed.attribution.baseline. layer, relu: as in GradientFreeCam.
    """

    name: ClassVar[str] = "score_cam"
    channels: int = 256
    baseline: str = "black"

    def __post_init__(self) -> None:
        check_channels(self.name, self.channels)
        if self.baseline not in BASELINES:
            raise unknown("baseline", self.baseline, BASELINES)

    def cells(self, layer: Held) -> tuple[Tensor, Mapping[str, float]]:
        """(n, *s): the sum over channels of activation times weight; and the facts."""
        planes = layer.value[0]
        flat = planes.flatten(1)
        strength = flat.abs().mean(1).where(flat.amax(1) > flat.amin(1), 0.0)
        used = strongest(strength, self.channels)
        facts = {"channels": float(len(used)), "channels_of": float(len(planes))}
        if not len(used):
            return planes.new_zeros(len(layer.scenes), *planes.shape[1:]), facts
        scores = torch.cat([self._masked(layer, planes[used[part]])
                            for part in chunks(len(used), layer.scenes[0].chunk)])
        weights = scores.softmax(0).to(planes)
        return torch.tensordot(weights.T, planes[used], 1), facts

    def _masked(self, layer: Held, planes: Tensor) -> Tensor:
        """The scores (B, n) of the image behind each of B planes of the feature map."""
        scene = layer.scenes[0]
        size = scene.image.shape[2:]
        masks = torch.stack([_stretched(lay(plane, layer.run.grid, size)) for plane in planes])
        content = baseline(scene, self.baseline)
        return layer.scores(content + masks[:, None] * (scene.image - content))


def _stretched(mask: Tensor) -> Tensor:
    low, high = mask.min(), mask.max()
    return (mask - low) / (high - low).clamp_min(torch.finfo(mask.dtype).tiny)


METHOD = ScoreCAM
