"""A restricted Boltzmann machine with binary or Gaussian visible units; its output is the free energy of an image.

Smolensky P (1986); Hinton GE (2002) "Training products of experts by minimizing contrastive divergence",
doi:10.1162/089976602760128018; Carreira-Perpinan MA, Hinton GE (2005) "On contrastive divergence learning", AISTATS.
Energy E(v, h) = -b.v - c.h - h.Wv for binary v; for Gaussian v of unit variance -b.v is replaced by |v - b|^2 / 2.
The graph is undirected and the layers may differ in size. The update rules are in xaimed.training.contrastive.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.errors import ModelError

KINDS = ("binary", "gaussian")


class RBM(nn.Module):
    """An RBM over the numbers of an image; binary ones are probabilities in [0, 1]."""

    def __init__(self, visible: int, hidden: int, kind: str) -> None:
        super().__init__()
        if kind not in KINDS or min(visible, hidden) < 1:
            raise ModelError(f"rbm: {visible} {kind!r} visible and {hidden} hidden units; expected one of each or more "
                             f"and visible units {' or '.join(KINDS)}")
        self.kind = kind
        self.weight = nn.Parameter(torch.randn(hidden, visible) * 0.01)
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, images: Tensor) -> Tensor:
        """The free energy (B,) of images (B, ...)."""
        return self.free_energy(images)

    def free_energy(self, images: Tensor) -> Tensor:
        """F(v) = -log of the sum over h of exp(-E(v, h)), (B,): the lower, the likelier the image."""
        flat = self.flat(images)
        return self.visible_energy(flat) - functional.softplus(self.field(flat)).sum(dim=1)

    def free_energy_gradient(self, images: Tensor) -> Tensor:
        """dF/dv in closed form, of the shape of the images: -b or v - b, less W' sigma(Wv + c)."""
        flat = self.flat(images)
        own = -self.visible_bias if self.kind == "binary" else flat - self.visible_bias
        return (own - self.hidden_mean(flat) @ self.weight).reshape(images.shape)

    def evidence(self, images: Tensor) -> Tensor:
        """(B, 1, h, w): how far F falls when each pixel alone, in all channels, is as the machine rebuilds it.

        Positive where what the image shows is unlikely given the rest. Images (B, C, h, w).
        """
        changes = self.changes(self.flat(images), self.rebuilt(images).flatten(1))
        return -changes.reshape(images.shape).sum(dim=1, keepdim=True)

    def changes(self, flat: Tensor, other: Tensor) -> Tensor:
        """(B, visible): F with each number alone as in `other`, less F, in closed form; both (B, visible)."""
        step = other - flat
        own = -self.visible_bias * step if self.kind == "binary" else step * ((flat + other) / 2 - self.visible_bias)
        field = self.field(flat)
        moved = functional.softplus(field[:, :, None] + self.weight * step[:, None]).sum(dim=1)
        return own - moved + functional.softplus(field).sum(dim=1, keepdim=True)

    def flat(self, images: Tensor) -> Tensor:
        """(B, visible) of images (B, ...). Raises ModelError for another number of pixels."""
        flat = images.flatten(1)
        if flat.shape[1] != self.visible_bias.numel():
            raise ModelError(f"rbm: images {tuple(images.shape)} of {flat.shape[1]} numbers; expected "
                             f"{self.visible_bias.numel()}: set the preprocessing or the argument shape")
        return flat

    def visible_energy(self, flat: Tensor) -> Tensor:
        """The part of the energy (B,) that visible units (B, visible) have by themselves."""
        if self.kind == "gaussian":
            return (flat - self.visible_bias).square().sum(dim=1) / 2
        return -(flat @ self.visible_bias)

    def field(self, flat: Tensor) -> Tensor:
        """Wv + c (B, hidden): the log-odds of each hidden unit."""
        return functional.linear(flat, self.weight, self.hidden_bias)

    def hidden_mean(self, flat: Tensor) -> Tensor:
        """p(h = 1 | v), (B, hidden)."""
        return torch.sigmoid(self.field(flat))

    def visible_mean(self, hidden: Tensor) -> Tensor:
        """The mean of v given h, (B, visible): a probability for binary units."""
        field = hidden @ self.weight + self.visible_bias
        return torch.sigmoid(field) if self.kind == "binary" else field

    def visible_sample(self, hidden: Tensor) -> Tensor:
        """A sample of v given h, (B, visible)."""
        mean = self.visible_mean(hidden)
        return torch.bernoulli(mean) if self.kind == "binary" else mean + torch.randn_like(mean)

    def rebuilt(self, images: Tensor) -> Tensor:
        """The images after one mean-field step up and down, in their shape."""
        return self.visible_mean(self.hidden_mean(self.flat(images))).reshape(images.shape)


def build(shape: Sequence[int] = (1, 28, 28), hidden: int = 128, visible: str = "binary") -> nn.Module:
    """The network. shape: channels, height and width of an image. visible: "binary" or "gaussian"; else ModelError."""
    return RBM(prod(shape), hidden, visible)
