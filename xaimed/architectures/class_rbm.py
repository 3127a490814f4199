"""A restricted Boltzmann machine over an image and its class: exact class logits and an exact free energy.

Larochelle H, Bengio Y (2008) "Classification using discriminative restricted Boltzmann machines",
doi:10.1145/1390156.1390224: log p(y | v) is, up to a constant, d_y + sum over j of softplus(c_j + U_jy + W_j v).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.rbm import RBM


class ClassRBM(nn.Module):
    """An RBM whose hidden units see the image and a class of one-hot units."""

    def __init__(self, rbm: RBM, outputs: int) -> None:
        super().__init__()
        self.rbm = rbm
        self.class_weight = nn.Parameter(torch.randn(rbm.hidden_bias.numel(), outputs) * 0.01)
        self.class_bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs): -F(v, y) without the part of the image alone, so that softmax gives p(y | v)."""
        field = self.rbm.field(self.rbm.flat(images))
        return self.class_bias + functional.softplus(field[:, :, None] + self.class_weight).sum(dim=1)

    def evidence(self, images: Tensor) -> Tensor:
        """(B, outputs, h, w): what each logit loses when each pixel alone, in all channels, is 0, in closed form.

        Images (B, C, h, w). Memory: B * outputs * hidden * pixels numbers.
        """
        flat = self.rbm.flat(images)
        field = self.rbm.field(flat)[:, None] + self.class_weight.T
        without = field[..., None] - self.rbm.weight * flat[:, None, None]
        lost = functional.softplus(field).sum(dim=2)[..., None] - functional.softplus(without).sum(dim=2)
        return lost.reshape(len(images), -1, *images.shape[1:]).sum(dim=2)

    def free_energy(self, images: Tensor) -> Tensor:
        """F(v) (B,): -log of the sum of exp(-E) over hidden units and classes."""
        logits: Tensor = self(images)
        return self.rbm.visible_energy(self.rbm.flat(images)) - logits.logsumexp(dim=1)

    def joint_free_energy(self, images: Tensor, classes: Tensor) -> Tensor:
        """F(v, y) (B,) of images with their classes (B,): its mean, less log Z, is the generative loss."""
        logits: Tensor = self(images)
        return self.rbm.visible_energy(self.rbm.flat(images)) - logits.gather(1, classes[:, None])[:, 0]


def build(outputs: int = 2, shape: Sequence[int] = (1, 28, 28), hidden: int = 128,
          visible: str = "binary") -> nn.Module:
    """The network. outputs: classes. shape: channels, height and width. visible: "binary" or "gaussian"."""
    return ClassRBM(RBM(prod(shape), hidden, visible), outputs)
