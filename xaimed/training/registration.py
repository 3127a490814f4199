"""Training of a registration network on the likeness of the moved image, without known displacements.

Balakrishnan G et al. (2019) "VoxelMorph", doi:10.1109/TMI.2019.2897538: squared error, and the squared slope of the
displacement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.training.example import Batch, dense_lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.types import Case


class Registration:
    """Trains networks that give displacements (B, 2, h, w); option `smooth`: the weight of their slope."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network."""
        recipe = study.recipe
        weight = float(str(recipe.options.get("smooth", 0.01)))

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            images = normalised(data.images, recipe)
            field = network(images)
            moving, fixed = images.chunk(2, dim=1)
            return {"squared error": functional.mse_loss(warped(moving, field), fixed),
                    "slope": weight * slope(field)}

        return learned(study.network, dense_lesson(study, lambda _: None, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The file itself: nothing is chosen on validation."""
        del recipe, cases, device
        return file


def warped(moving: Tensor, field: Tensor) -> Tensor:
    """(B, C, h, w): the moving image at x + field(x), bilinear; field (B, 2, h, w): x then y in pixels."""
    height, width = moving.shape[-2:]
    rows = torch.arange(height, dtype=field.dtype, device=field.device) + 0.5
    columns = torch.arange(width, dtype=field.dtype, device=field.device) + 0.5
    x = 2 * (columns[None, None] + field[:, 0]) / width - 1
    y = 2 * (rows[None, :, None] + field[:, 1]) / height - 1
    return functional.grid_sample(moving, torch.stack([x, y], dim=-1), padding_mode="border", align_corners=False)


def slope(field: Tensor) -> Tensor:
    """The mean squared difference of neighbouring displacements (B, 2, h, w), over both axes."""
    return (field.diff(dim=-1).square().mean() + field.diff(dim=-2).square().mean()) / 2


TRAINER = Registration()
