"""SegAN: a segmentor, and a critic that compares its masks with the reference at several scales.

Xue Y et al. (2018) "SegAN: adversarial network with multi-scale L1 loss for medical image segmentation",
Neuroinformatics 16:383-392, arXiv:1706.01805. The critic sees the image masked by the map of each class; its loss is
the mean absolute difference between its features of the image under the found masks and under the true ones, at every
scale, the masked image itself being the first. Here the segmentor is a U-Net, a softmax with a background first
stands in for the sigmoid where there are several classes, and the widths are our choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.shapes import doubled
from xaimed.architectures.u_net import UNetSegmenter
from xaimed.errors import ModelError


class Critic(nn.Module):
    """Features at each scale of images (B, inputs, h, w) under masks (B, classes, h, w): the masked image is the first.

    Each level halves the sides: a convolution of 4 x 4 at stride 2 and a leaky ReLU. Without batch norm, so that the
    features of one image do not depend on its batch.
    """

    def __init__(self, inputs: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        sizes = [inputs * classes, *doubled("critic", width, depth)]
        self.levels = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(sizes))

    def forward(self, images: Tensor, masks: Tensor) -> list[Tensor]:
        """One tensor (B, C, h', w') a scale."""
        found = (images[:, None] * masks[:, :, None]).flatten(1, 2)
        out = [found]
        for level in self.levels:
            found = functional.leaky_relu(level(found), 0.2)
            out.append(found)
        return out


class SegAN(nn.Module):
    """Logits (B, outputs, h, w) of the segmentor; `scales` is what the critic makes of masks."""

    def __init__(self, segmentor: UNetSegmenter, critic: Critic) -> None:
        super().__init__()
        self.critic, self.segmentor = critic, segmentor

    def forward(self, images: Tensor) -> Tensor:
        """The logits. Raises ModelError for other channels, and for sides that do not fit."""
        logits: Tensor = self.segmentor(images)
        return logits

    @staticmethod
    def masks(logits: Tensor) -> Tensor:
        """The probability (B, classes, h, w) of each class, without that of a background."""
        return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)[:, 1:]

    def scales(self, images: Tensor, masks: Tensor, truth: Tensor) -> Tensor:
        """(B, depth + 1): the mean absolute difference of the critic's features at each scale, finest first.

        images (B, C, h, w) as the network sees them; masks, truth (B, classes, h, w) in [0, 1]. Their mean over the
        scales is the multi-scale L1 loss, which the segmentor lowers and the critic raises.
        """
        found, wanted = self.critic(images, masks), self.critic(images, truth)
        return torch.stack([(a - b).abs().flatten(1).mean(dim=1) for a, b in zip(found, wanted, strict=True)], dim=1)


def build(inputs: int = 1, outputs: int = 1, width: int = 16, depth: int = 4,
          critic: Sequence[int] = (16, 4)) -> nn.Module:
    """The network. inputs, outputs, width, depth: of the segmentor, as in `u_net`; one output, or a background first.

    critic: maps of the critic's first level, twice as many at each further one, and its levels. Raises ModelError for
    less than 1 of anything.
    """
    if len(critic) != 2 or min(critic) < 1:
        raise ModelError(f"segan: critic {list(critic)}; expected its maps and its levels, 1 or more of each")
    classes = outputs if outputs == 1 else outputs - 1
    return SegAN(UNetSegmenter(inputs, outputs, width, depth), Critic(inputs, classes, critic[0], critic[1]))
