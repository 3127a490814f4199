"""AlexNet: five convolutions, two of them followed by local response normalisation, and three fully connected layers.

Krizhevsky A, Sutskever I, Hinton GE (2012) "ImageNet classification with deep convolutional neural networks", NIPS;
doi:10.1145/3065386. "full" is the paper's network: 60 965 224 parameters for 1000 classes and three channels. "small"
is ours, for images of 64 pixels: kernels 5 and stride 2 at first, widths 32-64-96-96-64, 256 units, dropout 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

LRN_SIZE, LRN_ALPHA, LRN_BETA, LRN_K = 5, 1e-4, 0.75, 2.0


@dataclass(frozen=True)
class Plan:
    """kernel, stride and padding of the first convolution, the five widths, the units of the two hidden layers."""

    first: tuple[int, int, int]
    widths: tuple[int, int, int, int, int]
    units: int


PLANS = {"full": Plan((11, 4, 0), (96, 256, 384, 384, 256), 4096), "small": Plan((5, 2, 2), (32, 64, 96, 96, 64), 256)}


def response_norm() -> nn.LocalResponseNorm:
    """The paper's a / (k + alpha * sum of a ** 2 over five channels) ** beta; torch divides its alpha by the five."""
    return nn.LocalResponseNorm(LRN_SIZE, LRN_ALPHA * LRN_SIZE, LRN_BETA, LRN_K)


class AlexNet(nn.Module):
    """Logits (B, outputs) of images (B, channels, side, side)."""

    def __init__(self, outputs: int, channels: int, side: int, plan: Plan) -> None:
        super().__init__()
        (kernel, stride, padding), (a, b, c, d, e) = plan.first, plan.widths
        self.channels, self.side = channels, side
        self.features = nn.Sequential(
            nn.Conv2d(channels, a, kernel, stride, padding), nn.ReLU(), response_norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2, groups=2), nn.ReLU(), response_norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1, groups=2), nn.ReLU(),
            nn.Conv2d(d, e, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2))
        cells = (side + 2 * padding - kernel) // stride + 1
        for _ in range(3):
            cells = (cells - 3) // 2 + 1
        if cells < 1:
            raise ModelError(f"alexnet: side {side} leaves no cell for the fully connected layers; expected more "
                             "pixels, such as 227 for 'full' and 64 for 'small'")
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(e * cells * cells, plan.units), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(plan.units, plan.units), nn.ReLU(), nn.Linear(plan.units, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs). Raises ModelError for images of another size."""
        expect("alexnet", images, self.channels, (self.side, self.side))
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


def build(outputs: int = 2, channels: int = 1, size: str = "small", side: int = 64) -> nn.Module:
    """The network. size: "small", or "full" with side 227 and three channels as published. side: pixels.

    Raises ModelError for another size or a side that is too small.
    """
    if size not in PLANS:
        raise ModelError(f"alexnet: size {size!r}; expected 'small' or 'full'")
    return AlexNet(outputs, channels, side, PLANS[size])
