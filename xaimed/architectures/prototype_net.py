"""A prototype network: the logits are linear in how like the image's most similar patch is to each prototype.

Chen C et al. (2019) "This looks like that: deep learning for interpretable image recognition", NeurIPS,
arXiv:1806.10574. The small backbone is ours. Clustering, separation and the projection of the prototypes on patches of
training images are in xaimed.training.prototypes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.plain_cnn import PlainCNN
from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

EPSILON = 1e-4


class PrototypeNet(nn.Module):
    """Logits (B, outputs) of images (B, channels, h, w); prototype p belongs to class p // per_class."""

    classes: Tensor

    def __init__(self, outputs: int, channels: int, widths: Sequence[int], per_class: int, depth: int) -> None:
        super().__init__()
        if per_class < 1 or depth < 1:
            raise ModelError(f"prototype_net: {per_class} prototypes a class of depth {depth}; expected one or more")
        self.channels = channels
        self.features = PlainCNN(outputs, channels, widths, 4).features
        self.add_on = nn.Sequential(nn.Conv2d(widths[-1], depth, 1), nn.ReLU(), nn.Conv2d(depth, depth, 1),
                                    nn.Sigmoid())
        self.prototypes = nn.Parameter(torch.rand(outputs * per_class, depth))
        self.linear = nn.Linear(outputs * per_class, outputs, bias=False)
        self.register_buffer("classes", torch.arange(outputs).repeat_interleave(per_class))
        own = self.classes[None] == torch.arange(outputs)[:, None]
        with torch.no_grad():
            self.linear.weight.copy_(torch.where(own, 1.0, -0.5))

    @property
    def part_names(self) -> tuple[str, ...]:
        """The prototypes: p0, p1 and so on."""
        return tuple(f"p{index}" for index in range(len(self.classes)))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs)."""
        logits: Tensor = self.linear(self.similarity(images))
        return logits

    def similarity(self, images: Tensor) -> Tensor:
        """(B, P): log((d + 1) / (d + 1e-4)) at the smallest distance d of each prototype, the highest of its map."""
        return likeness(self.distances(images).flatten(2).amin(dim=2))

    def similarity_maps(self, images: Tensor) -> Tensor:
        """(B, P, h / 4, w / 4): the similarity of each prototype with every patch."""
        return likeness(self.distances(images))

    def evidence(self, images: Tensor) -> Tensor:
        """(B, outputs, h / 4, w / 4): the similarity of each patch with the prototypes, by the weights of the logits.

        The logit takes each prototype's highest similarity alone; its place here is where that lies.
        """
        return torch.einsum("bphw,kp->bkhw", self.similarity_maps(images), self.linear.weight)

    def parts(self, images: Tensor) -> Tensor:
        """(B, outputs, P): what each prototype adds to each logit; their sum over P is the logit, exactly."""
        return self.similarity(images)[:, None] * self.linear.weight

    def distances(self, images: Tensor) -> Tensor:
        """(B, P, h / 4, w / 4): squared Euclidean distances of the patches' codes from the prototypes."""
        codes = self.codes(images)
        crossed = functional.conv2d(codes, self.prototypes[:, :, None, None])
        own = self.prototypes.square().sum(dim=1)[:, None, None]
        # Rounding may take the square of nearly equal codes below 0.
        return (codes.square().sum(dim=1, keepdim=True) - 2 * crossed + own).relu()

    def codes(self, images: Tensor) -> Tensor:
        """(B, depth, h / 4, w / 4): the code of each patch in [0, 1]. Raises ModelError for other channels."""
        expect("prototype_net", images, self.channels)
        codes: Tensor = self.add_on(self.features(images))
        return codes


def likeness(distances: Tensor) -> Tensor:
    """log((d + 1) / (d + 1e-4)): from about 9.2 at distance 0 down to 0."""
    return torch.log((distances + 1) / (distances + EPSILON))


def build(outputs: int = 2, channels: int = 1, widths: Sequence[int] = (16, 32, 64), per_class: int = 5,
          depth: int = 32) -> nn.Module:
    """The network. widths: of the backbone's blocks, two or more. per_class: prototypes of a class. depth: of a code.

    Raises ModelError for other arguments.
    """
    return PrototypeNet(outputs, channels, widths, per_class, depth)
