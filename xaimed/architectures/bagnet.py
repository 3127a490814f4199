"""A BagNet: the logits are the mean of those of small patches, so the map of evidence is exact.

Brendel W, Bethge M (2019) "Approximating CNNs with bag-of-local-features models works surprisingly well on ImageNet",
ICLR, arXiv:1904.00760. The paper's is a ResNet-50 with most kernels 3 set to 1; this small one without padding and
residual additions is ours: no pixel outside a patch can change its evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError


class BagNet(nn.Module):
    """Logits (B, outputs) of images (B, channels, h, w) of any size from `receptive` on.

    receptive: side of a patch in pixels. stride: pixels from one patch to the next; patch (i, j) begins at pixel
    (i * stride, j * stride).
    """

    def __init__(self, outputs: int, channels: int, widths: Sequence[int], kernels: Sequence[int],
                 strides: Sequence[int]) -> None:
        super().__init__()
        if not widths or not len(widths) == len(kernels) == len(strides) or min(*kernels, *strides) < 1:
            raise ModelError(f"bagnet: {len(widths)} widths, {len(kernels)} kernels, {len(strides)} strides; expected "
                             "as many of each, all positive")
        self.channels, self.receptive, self.stride = channels, 1, 1
        layers: list[nn.Module] = []
        for (before, width), kernel, stride in zip(pairwise([channels, *widths]), kernels, strides, strict=True):
            layers += [nn.Conv2d(before, width, kernel, stride, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            self.receptive += (kernel - 1) * self.stride
            self.stride *= stride
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.features = nn.Sequential(*layers)
        self.linear = nn.Conv2d(widths[-1], outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs): the mean over patches of their evidence."""
        return self.evidence(images).mean(dim=(2, 3))

    def evidence(self, images: Tensor) -> Tensor:
        """(B, outputs, h', w'): the logits of every patch. Raises ModelError for images smaller than one patch."""
        expect("bagnet", images, self.channels)
        if min(images.shape[2:]) < self.receptive:
            raise ModelError(f"bagnet: images of {tuple(images.shape[2:])} pixels; expected {self.receptive} or more, "
                             "the side of a patch")
        logits: Tensor = self.linear(self.features(images))
        return logits


def build(outputs: int = 2, channels: int = 1, widths: Sequence[int] = (16, 32, 32, 64, 64),
          kernels: Sequence[int] = (3, 3, 3, 3, 1), strides: Sequence[int] = (1, 2, 1, 2, 1)) -> nn.Module:
    """The network. widths, kernels, strides: one of each a layer; the defaults see patches of 13 pixels every 4.

    Raises ModelError for lists of different lengths.
    """
    return BagNet(outputs, channels, widths, kernels, strides)
