"""A plain convolutional classifier: convolution, ReLU and pooling, global average pooling, one linear layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from xaimed.errors import ModelError


class PlainCNN(nn.Module):
    """Blocks of convolution and ReLU, the first ones with a max pooling after them, then the mean and a linear layer.

    No normalisation and nothing in place: every attribution method can read it. It takes images (B, C, h, w) of any
    size from `stride` on and gives logits (B, outputs).
    """

    def __init__(self, outputs: int, channels: int, widths: Sequence[int], stride: int) -> None:
        super().__init__()
        halvings = stride.bit_length() - 1
        if not widths or stride < 1 or stride != 1 << halvings or halvings > len(widths):
            raise ModelError(f"plain_cnn: {len(widths)} widths with stride {stride}; expected a power of two up to "
                             "2 ** the number of widths")
        layers: list[nn.Module] = []
        for number, (before, width) in enumerate(zip((channels, *widths), widths, strict=False)):
            layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            if number < halvings:
                layers.append(nn.MaxPool2d(2))
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(widths[-1], outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs) of images (B, C, h, w)."""
        logits: Tensor = self.linear(self.pool(self.features(images)).flatten(1))
        return logits


def build(outputs: int = 1, channels: int = 1, widths: Sequence[int] = (8, 16, 32, 32), stride: int = 4) -> nn.Module:
    """The network. outputs: classes, or 1 for two classes (the second one's logit). widths: of its blocks.

    stride: pixels of the image for one cell of the last feature map. Raises ModelError for a stride that the blocks
    cannot give.
    """
    return PlainCNN(outputs, channels, widths, stride)
