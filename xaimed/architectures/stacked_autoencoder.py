"""A stacked autoencoder: fully connected layers that are trained one upon the other and then unrolled.

Bengio Y et al. (2007) "Greedy layer-wise training of deep networks", NIPS; Vincent P et al. (2010) "Stacked denoising
autoencoders", JMLR 11:3371-3408. Encoder and decoder of a layer have weights of their own, sigmoid units throughout;
784-256-64-256-784 is our choice. The greedy denoising training is in xaimed.training.greedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from xaimed.errors import ModelError


class Layer(nn.Module):
    """One autoencoder: (B, inputs) in [0, 1] to a code (B, units) in [0, 1] and back."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(inputs, units), nn.Linear(units, inputs)

    def forward(self, values: Tensor) -> Tensor:
        """The values again."""
        return self.decoded(self.code(values))

    def code(self, values: Tensor) -> Tensor:
        """The code."""
        return torch.sigmoid(self.encoder(values))

    def decoded(self, code: Tensor) -> Tensor:
        """The values of a code."""
        return torch.sigmoid(self.decoder(code))


class StackedAutoencoder(nn.Module):
    """The image again, in [0, 1]: up through all encoders and down through all decoders."""

    def __init__(self, shape: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        if not widths:
            raise ModelError("stacked_autoencoder: no layer; expected one width or more")
        self.shape = tuple(shape)
        self.layers = nn.ModuleList(Layer(a, b) for a, b in pairwise([prod(shape), *widths]))

    @property
    def stack(self) -> list[Layer]:
        """The autoencoders, the lowest first."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def forward(self, images: Tensor) -> Tensor:
        """The image again. Raises ModelError for images of another size."""
        values = self.code(images)
        for layer in reversed(self.stack):
            values = layer.decoded(values)
        return values.reshape(images.shape)

    def evidence(self, images: Tensor) -> Tensor:
        """(B, 1, h, w): the squared error of each pixel, summed over the channels; their sum is the anomaly score."""
        rebuilt: Tensor = self(images)
        return (images - rebuilt).square().sum(dim=1, keepdim=True)

    def code(self, images: Tensor) -> Tensor:
        """(B, widths[-1]): the code of the highest layer. Raises ModelError for images of another size."""
        if tuple(images.shape[1:]) != self.shape:
            raise ModelError(f"stacked_autoencoder: images {tuple(images.shape)}; expected (B, "
                             f"{', '.join(map(str, self.shape))})")
        values = images.flatten(1)
        for layer in self.stack:
            values = layer.code(values)
        return values


def build(shape: Sequence[int] = (1, 28, 28), widths: Sequence[int] = (256, 64)) -> nn.Module:
    """The network. shape: channels, height and width. widths: of the codes, the lowest first; none is a ModelError."""
    return StackedAutoencoder(shape, widths)
