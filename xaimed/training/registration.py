"""Training of a registration network on the likeness of the moved image, without known displacements.

Balakrishnan G et al. (2019) "VoxelMorph", doi:10.1109/TMI.2019.2897538: squared error, and the squared slope of the
displacement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.architectures.warping import warped
from xaimed.training.example import Batch, dense_lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.types import Case


@runtime_checkable
class Flowing(Protocol):
    """A network that can tell more of its displacement than its forward gives."""

    def flow(self, images: Tensor) -> Tensor:
        """(B, 2, h, w), or (B, 3, depth, h, w) for images (B, 2 depth, h, w)."""
        ...


class Registration:
    """Trains networks that give displacements (B, 2, h, w); option `smooth`: the weight of their slope."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network."""
        recipe = study.recipe
        weight = float(str(recipe.options.get("smooth", 0.01)))

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            return losses_of(network, normalised(data.images, recipe), weight)

        return learned(study.network, dense_lesson(study, lambda _: None, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The file itself: nothing is chosen on validation."""
        del recipe, cases, device
        return file


def losses_of(network: nn.Module, images: Tensor, weight: float) -> dict[str, Tensor]:
    """The squared error of the moved image and the weighted slope, for images (B, 2 C, h, w), moving then fixed.

    A displacement with a third axis moves the C planes as the slices of one volume.
    """
    field = network.flow(images) if isinstance(network, Flowing) else network(images)
    moving, fixed = images.chunk(2, dim=1)
    if field.ndim == 5:
        moving, fixed = moving[:, None], fixed[:, None]
    return {"squared error": functional.mse_loss(warped(moving, field), fixed), "slope": weight * slope(field)}


def slope(field: Tensor) -> Tensor:
    """The mean squared difference of neighbouring displacements (B, d, ...), the mean over its d axes."""
    return torch.stack([field.diff(dim=axis).square().mean() for axis in range(2, field.ndim)]).mean()


TRAINER = Registration()
