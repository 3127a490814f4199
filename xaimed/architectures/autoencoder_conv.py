"""A convolutional autoencoder: three convolutions of stride two down to a code, and the same way back.

Masci J et al. (2011) "Stacked convolutional auto-encoders for hierarchical feature extraction",
doi:10.1007/978-3-642-21735-7_7. Widths 16-32-64, a code of 32 numbers and stride in place of pooling are our choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError


class ConvAutoencoder(nn.Module):
    """The image again, (B, channels, side, side) in [0, 1], through a code of `latent` numbers."""

    def __init__(self, channels: int, side: int, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        cells = side >> len(widths)
        if not widths or cells << len(widths) != side or cells < 1:
            raise ModelError(f"autoencoder_conv: side {side} with {len(widths)} widths; expected a multiple of "
                             "2 ** the number of widths")
        self.channels, self.side = channels, side
        sizes = [channels, *widths]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for before, after in pairwise(sizes):
            down += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU()]
            up = [nn.ConvTranspose2d(after, before, 4, 2, 1), nn.ReLU(), *up]
        self.encoder = nn.Sequential(*down)
        self.squeeze = nn.Linear(widths[-1] * cells * cells, latent)
        self.spread = nn.Sequential(nn.Linear(latent, widths[-1] * cells * cells), nn.ReLU(),
                                    nn.Unflatten(1, (widths[-1], cells, cells)))
        self.decoder = nn.Sequential(*up[:-1], nn.Sigmoid())

    def forward(self, images: Tensor) -> Tensor:
        """The image again. Raises ModelError for images of another size."""
        return self.decoded(self.code(images))

    def evidence(self, images: Tensor) -> Tensor:
        """(B, 1, h, w): the squared error of each pixel, summed over the channels; their sum is the anomaly score."""
        rebuilt: Tensor = self(images)
        return (images - rebuilt).square().sum(dim=1, keepdim=True)

    def code(self, images: Tensor) -> Tensor:
        """(B, latent) of images (B, channels, side, side)."""
        expect("autoencoder_conv", images, self.channels, (self.side, self.side))
        code: Tensor = self.squeeze(self.encoder(images).flatten(1))
        return code

    def decoded(self, code: Tensor) -> Tensor:
        """The image (B, channels, side, side) of a code (B, latent)."""
        images: Tensor = self.decoder(self.spread(code))
        return images


def build(channels: int = 1, side: int = 64, widths: Sequence[int] = (16, 32, 64), latent: int = 32) -> nn.Module:
    """The network. side: height and width in pixels, a multiple of 2 ** the number of widths; else ModelError."""
    return ConvAutoencoder(channels, side, widths, latent)
