"""A deep convolutional GAN: a generator of images from noise and a discriminator of real and made ones.

Radford A, Metz L, Chintala S (2016) "Unsupervised representation learning with deep convolutional generative
adversarial networks", arXiv:1511.06434: strided convolutions in place of pooling, batch normalisation but at the
generator's output and the discriminator's input, ReLU and tanh, leaky ReLU of 0.2, weights of deviation 0.02. Fewer
feature maps than the paper's 1024 to 128 are our choice.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

SLOPE, DEVIATION, FIRST = 0.2, 0.02, 4  # FIRST: side of the generator's first feature map


class DCGAN(nn.Module):
    """Both networks: the forward gives the discriminator's logits, `make` the generator's images.

    Images (B, channels, side, side) in [-1, 1], so that a recipe's input has mean 0.5 and std 0.5.
    """

    def __init__(self, channels: int, side: int, width: int, noise: int) -> None:
        super().__init__()
        levels = (side // FIRST).bit_length() - 1
        if side != FIRST << max(levels, 0) or levels < 2 or min(channels, width, noise) < 1:
            raise ModelError(f"dcgan: side {side}, width {width}, noise {noise}, channels {channels}; expected a side "
                             "of 16, 32, 64 ... and positive numbers")
        self.channels, self.side, self.noise = channels, side, noise
        widths = [width << level for level in range(levels)]
        self.generator = _generator(channels, widths, noise)
        self.discriminator = _discriminator(channels, widths)
        self.apply(_started)

    def forward(self, images: Tensor) -> Tensor:
        """(B,): the logit of "real". Raises ModelError for images of another size."""
        expect("dcgan", images, self.channels, (self.side, self.side))
        logits: Tensor = self.discriminator(images)
        return logits.flatten()

    def make(self, noise: Tensor) -> Tensor:
        """(B, channels, side, side) in [-1, 1] of noise (B, noise)."""
        images: Tensor = self.generator(noise[:, :, None, None])
        return images

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """(count, noise): standard normal noise, on the device and of the type of the weights."""
        weight = next(self.parameters())
        return torch.randn(count, self.noise, generator=generator).to(weight)


def _generator(channels: int, widths: list[int], noise: int) -> nn.Sequential:
    wide = widths[::-1]
    layers: list[nn.Module] = [nn.ConvTranspose2d(noise, wide[0], FIRST, bias=False), nn.BatchNorm2d(wide[0]),
                               nn.ReLU()]
    for before, after in pairwise(wide):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(wide[-1], channels, 4, 2, 1), nn.Tanh())


def _discriminator(channels: int, widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(SLOPE)]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, FIRST))


def _started(part: nn.Module) -> None:
    if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(part.weight, 0.0, DEVIATION)
    elif isinstance(part, nn.BatchNorm2d):
        nn.init.normal_(part.weight, 1.0, DEVIATION)


def build(channels: int = 1, side: int = 64, width: int = 24, noise: int = 64) -> nn.Module:
    """The network. width: feature maps of the discriminator's first layer, twice as many in each that follows."""
    return DCGAN(channels, side, width, noise)
