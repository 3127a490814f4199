"""A context-aware GAN: generators from image to image in rounds, each seeing what the one before made, and critics.

Nie D et al. (2017) "Medical image synthesis with context-aware generative adversarial networks",
doi:10.1007/978-3-319-66179-7_48: a fully convolutional generator without pooling, large kernels first and in its
middle, a critic of four convolutions, and auto-context: a further GAN whose input is the image with the last output
beside it. In 2-D, narrower and with kernels of 7 in place of 9 is our choice; so are a critic that judges patches
rather than the whole, and an output that is rectified: no grey value is negative, and what is empty is exactly 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

KERNELS = (7, 3, 3, 7, 3)
START = 0.3  # what an untrained generator makes, more or less: a rectified output of 0 would not learn


class ContextGAN(nn.Module):
    """The forward gives the last round's image (B, made, h, w) for images (B, channels, h, w); `rounds` those of all.

    critics: one a round, each with logits (B, 1, h', w') for images (B, made, h, w).
    """

    def __init__(self, channels: int, made: int, widths: Sequence[int], rounds: int) -> None:
        super().__init__()
        if rounds < 1 or len(widths) != len(KERNELS):
            raise ModelError(f"context_gan: {rounds} rounds, {len(widths)} widths; expected 1 or more, and one width "
                             f"for each of {len(KERNELS)} convolutions")
        self.channels, self.made = channels, made
        self.generators = nn.ModuleList(_generator(channels + (made if number else 0), made, widths)
                                        for number in range(rounds))
        self.critics = nn.ModuleList(_critic(made) for _ in range(rounds))

    def forward(self, images: Tensor) -> Tensor:
        """The image of the last round."""
        return self.rounds(images)[-1]

    def rounds(self, images: Tensor) -> list[Tensor]:
        """The image that each round makes. Raises ModelError for images of other channels."""
        expect("context_gan", images, self.channels)
        made = [self.generators[0](images)]
        for generator in self.generators[1:]:
            made.append(generator(torch.cat([images, made[-1]], dim=1)))
        return made

    @property
    def context(self) -> tuple[nn.Module, int]:
        """The last generator, and how many planes of its input are the image's; those behind are the context's."""
        return self.generators[-1], self.channels


def _generator(channels: int, made: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after, kernel in zip((channels, *widths), widths, KERNELS, strict=False):
        layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    last = nn.Conv2d(widths[-1], made, 3, padding=1)
    nn.init.constant_(last.bias, START)  # type: ignore[arg-type]
    return nn.Sequential(*layers, last, nn.ReLU())


def _critic(made: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((made, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 5, padding=2, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
                   nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 1, 1))


def build(channels: int = 1, made: int = 1, widths: Sequence[int] = (16, 16, 16, 32, 16), rounds: int = 2) -> nn.Module:
    """The network. made: planes of the made image. widths: of a generator's convolutions. rounds: of auto-context."""
    return ContextGAN(channels, made, widths, rounds)
