"""What a prototype network needs in training besides the cross-entropy: two costs, and the projection on patches.

Chen C et al. (2019) "This looks like that", NeurIPS, arXiv:1806.10574, equations 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xaimed.architectures.prototype_net import PrototypeNet


@dataclass(frozen=True, eq=False)
class Source:
    """Where each prototype came from: image (P,) by number, row and column (P,) of the patch's cell, distance (P,)."""

    image: Tensor
    row: Tensor
    column: Tensor
    distance: Tensor


def prototype_costs(network: PrototypeNet, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Cluster and separation cost: the mean smallest distance to the own class's prototypes, and minus that to others'.

    images (B, C, h, w), classes (B,). Both are to be minimised, with small weights beside the cross-entropy.
    """
    nearest = network.distances(images).flatten(2).amin(dim=2)
    own = network.classes[None] == classes[:, None]
    far = torch.full_like(nearest, torch.inf)
    return (torch.where(own, nearest, far).amin(dim=1).mean(), -torch.where(own, far, nearest).amin(dim=1).mean())


def project(network: PrototypeNet, images: Tensor, classes: Tensor) -> Source:
    """Every prototype becomes the code of the nearest patch of the images (n, C, h, w) of its class (n,).

    The network is to be in eval mode; it is changed. Every class has to have an image.
    """
    with torch.no_grad():
        distances = network.distances(images)
        other = network.classes[None] != classes[:, None]
        distances[other] = torch.inf
        count, width = distances.shape[2:].numel(), distances.shape[3]
        best = distances.transpose(0, 1).flatten(1).min(dim=1)
        image, cell = best.indices // count, best.indices % count
        source = Source(image, cell // width, cell % width, best.values)
        network.prototypes.copy_(network.codes(images)[source.image, :, source.row, source.column])
    return source
