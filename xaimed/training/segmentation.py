"""Training of a segmenter on cross-entropy and soft Dice.

Soft Dice: Milletari F, Navab N, Ahmadi SA (2016) "V-Net", doi:10.1109/3DV.2016.79.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.errors import ModelError, PlanError
from xaimed.training.example import Batch, dense_lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.types import Case, Floats


class Segmentation:
    """Trains networks that give logits (B, classes, h, w), or one more for a background before the classes."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises PlanError for a training case without a reference in pixels."""
        recipe = study.recipe

        def wanted(case: Case) -> Floats:
            return masks_of(case, tuple(study.dataset.classes))

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            return losses_of(network(normalised(data.images, recipe)), data.answer)

        return learned(study.network, dense_lesson(study, wanted, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The file itself: a class is segmented where it is the likeliest, and no threshold is chosen."""
        del recipe, cases, device
        return file


def masks_of(case: Case, classes: Sequence[str]) -> Floats:
    """float32 (classes, H, W): 1 in the reference of each class. Raises PlanError where there is none."""
    if not case.segments:
        raise PlanError(f"case {case.id} has no reference in pixels; expected segments of {', '.join(classes)}")
    empty = np.zeros((case.height, case.width), np.bool_)
    return np.stack([case.segments.get(name, empty) for name in classes]).astype(np.float32)


def losses_of(logits: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Cross-entropy and 1 - soft Dice of logits (B, K, h, w) for wanted (B, classes, h, w) in [0, 1].

    K: as many as the classes, or one more for the background, which is wanted where no class is. One logit is a
    sigmoid. Logits of another size are compared at theirs. Raises ModelError for another number of logits.
    """
    if logits.shape[-2:] != wanted.shape[-2:]:
        wanted = functional.interpolate(wanted, size=logits.shape[-2:], mode="area")
    wanted = with_background(logits, wanted)
    if logits.shape[1] == 1:
        cross = functional.binary_cross_entropy_with_logits(logits, wanted)
        return {"cross-entropy": cross, "dice": soft_dice(logits.sigmoid(), wanted)}
    cross = -(wanted * logits.log_softmax(dim=1)).sum(dim=1).mean()
    return {"cross-entropy": cross, "dice": soft_dice(logits.softmax(dim=1), wanted)}


def with_background(logits: Tensor, wanted: Tensor) -> Tensor:
    """What is wanted (B, classes, h, w), after a background (1 where no class is) if logits (B, K, h, w) have one.

    Raises ModelError for logits of any other number.
    """
    extra = logits.shape[1] - wanted.shape[1]
    if extra not in (0, 1):
        raise ModelError(f"logits {tuple(logits.shape)} for {wanted.shape[1]} classes; expected as many, or one more "
                         "for a background before them: set the architecture's outputs")
    if not extra:
        return wanted
    return torch.cat([(1 - wanted.sum(dim=1, keepdim=True)).clamp(min=0), wanted], dim=1)


def soft_dice(found: Tensor, wanted: Tensor) -> Tensor:
    """1 - the mean over classes of 2 sum(p t) / (sum p + sum t), summed over the batch, both (B, K, h, w)."""
    both = (found * wanted).sum(dim=(0, 2, 3))
    return 1 - ((2 * both + 1) / (found.sum(dim=(0, 2, 3)) + wanted.sum(dim=(0, 2, 3)) + 1)).mean()


TRAINER = Segmentation()
