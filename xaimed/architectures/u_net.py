"""U-Net: a contracting and an expanding path with joins at every size, the plain segmenter that others are judged by.

Ronneberger O, Fischer P, Brox T (2015) "U-Net", arXiv:1505.04597. The paper has 64 maps at the first of five levels and
convolutions without padding; here they are padded, so that the answer has the size of the image, and the widths are our
choice.
"""

from __future__ import annotations

from torch import Tensor, nn

from xaimed.architectures.ku_net_bdc_lstm import UNet
from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError


class UNetSegmenter(nn.Module):
    """Logits (B, outputs, h, w) of images (B, inputs, h, w) whose sides are multiples of 2 ** (depth - 1)."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        if depth < 1 or min(inputs, outputs, width) < 1:
            raise ModelError(f"u_net: inputs {inputs}, outputs {outputs}, width {width}, depth {depth}; expected 1 or "
                             "more of each")
        self.body = UNet(inputs, width, depth)
        self.inputs, self.multiple = inputs, 1 << (depth - 1)
        self.linear = nn.Conv2d(width, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """The logits. Raises ModelError for other channels, and for sides that do not fit."""
        expect("u_net", images, self.inputs)
        if images.shape[2] % self.multiple or images.shape[3] % self.multiple:
            raise ModelError(f"u_net: images {tuple(images.shape[2:])}; expected sides that are multiples of "
                             f"{self.multiple}: set the preprocessing's multiple")
        logits: Tensor = self.linear(self.body(images))
        return logits


def build(inputs: int = 1, outputs: int = 1, width: int = 16, depth: int = 4) -> nn.Module:
    """The network. inputs: planes of an image. outputs: one logit for one class, else classes and a background first.

    width: maps of the first level, twice as many at each of the `depth` - 1 others. Raises ModelError for less than 1.
    """
    return UNetSegmenter(inputs, outputs, width, depth)
