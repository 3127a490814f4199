"""A classifier by transfer learning: EfficientNet-Lite0, its first blocks frozen, cut short before a linear layer.

Tan M, Le Q (2019) "EfficientNet", arXiv:1905.11946, for the blocks; Yosinski J, Clune J, Bengio Y, Lipson H (2014) "How
transferable are features in deep neural networks?", arXiv:1411.1792, for the number of frozen layers as the thing to
vary. Ours: the blocks that are left out (the last five hold three quarters of the weights and have a stride of 32), and
that a frozen BatchNorm keeps its statistics too.
"""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn

from xaimed.architectures.efficientnet_lite import BLOCKS, imagenet_weights, lite_blocks
from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError


class LiteClassifier(nn.Module):
    """Logits (B, outputs) of images (B, channels, h, w) of any size; layers: the stem and the blocks, in order."""

    def __init__(self, outputs: int, channels: int, blocks: int, frozen: int, dropout: float) -> None:
        super().__init__()
        if not 1 <= blocks <= len(BLOCKS) or not 0 <= frozen <= blocks + 1:
            raise ModelError(f"lite_classifier: {blocks} blocks, {frozen} frozen layers; expected 1 to {len(BLOCKS)} "
                             "blocks, and 0 to all of them and the stem frozen")
        self.channels, self.frozen = channels, frozen
        self.layers = nn.Sequential(*lite_blocks(channels)[:blocks + 1])
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(BLOCKS[blocks - 1][3], outputs)
        self.layers[:frozen].requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """The network in training or eval mode; frozen layers stay in eval mode, so that no statistic of them moves."""
        super().train(mode)
        self.layers[:self.frozen].eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """The logits. Raises ModelError for images of other channels."""
        expect("lite_classifier", images, self.channels)
        logits: Tensor = self.linear(self.dropout(self.layers(images).mean(dim=(2, 3))))
        return logits


def start_from_imagenet(network: LiteClassifier) -> None:
    """The network with the ImageNet weights in its blocks. Raises MissingExtra where their package is absent."""
    kept = {name: value for name, value in imagenet_weights(network.channels).items()
            if int(name.partition(".")[0]) < len(network.layers)}
    network.layers.load_state_dict(kept)


def build(outputs: int = 2, channels: int = 1, blocks: int = 11, frozen: int = 0,
          dropout: float = 0.2) -> LiteClassifier:
    """The network. blocks: how many of the 16 (11 end at stride 16). frozen: layers that keep their weights, the stem
    counting as the first; blocks + 1 leaves the linear layer alone to be trained. Else ModelError.
    """
    return LiteClassifier(outputs, channels, blocks, frozen, dropout)
