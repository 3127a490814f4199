"""The part of an image that a box's score depends on: its exact window.

A convolutional backbone sees only so far. Around a RoI the window keeps every input pixel that can reach
its features, so the score on the window is the score on the image, at a fraction of the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Window:
    """Rows y0 to y1 and columns x0 to x1 of the network's input."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def cut(self, image: Tensor) -> Tensor:
        """The window (..., h, w) of an image (..., H, W)."""
        return image[..., self.y0:self.y1, self.x0:self.x1]

    def shifted(self, boxes: Tensor) -> Tensor:
        """Boxes (N, 4) of the whole input in the window's coordinates."""
        return boxes - torch.tensor([self.x0, self.y0, self.x0, self.y0], dtype=boxes.dtype, device=boxes.device)


@dataclass(frozen=True)
class Reach:
    """How far a feature cell sees. margin: input pixels to each side; stride: input pixels a cell."""

    margin: int
    stride: int


def reach_of(backbone: nn.Module) -> Reach | None:
    """The reach of a plain sequence of convolutions and poolings, or None where it is not one."""
    if not isinstance(backbone, nn.Sequential):
        return None
    field, jump = 1, 1
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            size, step = _first(module.kernel_size), _first(module.stride)
            dilation = _first(getattr(module, "dilation", 1))
            field += (size - 1) * dilation * jump
            jump *= step
        elif next(module.children(), None) is None and not isinstance(module, POINTWISE):
            return None
    return Reach(margin=math.ceil(field / 2), stride=jump)


POINTWISE = (nn.ReLU, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d, nn.Identity)


def _first(value: object) -> int:
    return int(value[0]) if isinstance(value, tuple) else int(value)  # type: ignore[call-overload]


def window_round(box: Tensor, reach: Reach | None, size: tuple[int, int]) -> Window:
    """The window of an input of `size` (height, width) that holds all that the box's score depends on.

    Beyond the reach of a feature it keeps three cells: one for the bilinear samples of RoIAlign and two for the
    3 x 3 window of the region proposal network, so that perturbed proposals over the box are exact too.
    """
    height, width = size
    if reach is None:
        return Window(0, 0, width, height)
    margin = reach.margin + 3 * reach.stride
    x0, y0, x1, y1 = (float(v) for v in box)
    step = max(reach.stride, 32)
    return Window(
        max(0, math.floor((x0 - margin) / step) * step), max(0, math.floor((y0 - margin) / step) * step),
        min(width, math.ceil((x1 + margin) / step) * step), min(height, math.ceil((y1 + margin) / step) * step))
