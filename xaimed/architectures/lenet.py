"""LeNet-5: two convolutions with pooling and three fully connected layers.

LeCun Y, Bottou L, Bengio Y, Haffner P (1998) "Gradient-based learning applied to document recognition",
doi:10.1109/5.726791. ReLU and max pooling in place of the sigmoids and the trainable subsampling, every map of the
second convolution connected to every map before it, and a linear last layer are later custom and our choice.
"""

from __future__ import annotations

from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError


class LeNet(nn.Module):
    """Logits (B, outputs) of images (B, channels, side, side); 61 706 parameters for ten digits of 28 pixels."""

    def __init__(self, outputs: int, channels: int, side: int) -> None:
        super().__init__()
        if side < 16 or side % 4:
            raise ModelError(f"lenet: side {side}; expected a multiple of 4 from 16 on")
        self.channels, self.side = channels, side
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
        cells = (side // 2 - 4) // 2
        self.classifier = nn.Sequential(
            nn.Linear(16 * cells * cells, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs). Raises ModelError for images of another size."""
        expect("lenet", images, self.channels, (self.side, self.side))
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


def build(outputs: int = 10, channels: int = 1, side: int = 28) -> nn.Module:
    """The network. outputs: classes. side: height and width in pixels, a multiple of 4 from 16 on; else ModelError.

    The first convolution is padded by two pixels, so that 28 pixels give what the paper's 32 give.
    """
    return LeNet(outputs, channels, side)
