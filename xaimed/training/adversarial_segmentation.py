"""Training of a segmentor against a critic, on the multi-scale L1 loss and soft Dice.

Xue Y et al. (2018) "SegAN", arXiv:1706.01805: the segmentor lowers and the critic raises the same loss, the critic's
weights are kept small. The paper updates them in turn; here one backward pass serves both, the critic's gradient with
its sign turned over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xaimed.architectures.segan import SegAN
from xaimed.errors import PlanError
from xaimed.settings import settings
from xaimed.training.example import Batch, dense_lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.segmentation import Segmentation, losses_of, masks_of
from xaimed.training.trainer import Study
from xaimed.types import Case, Floats


@dataclass(frozen=True)
class Options:
    """critic: weight of the multi-scale L1 loss beside the soft Dice. bound: the largest weight that the critic has.

    cross_entropy: weight of the cross-entropy; where classes are many and small, the other two losses alone may never
    find them. Raises PlanError for a critic or bound that is not positive, and for a negative cross_entropy.
    """

    critic: float = 1.0
    bound: float = 0.05
    cross_entropy: float = 0.0

    def __post_init__(self) -> None:
        if self.critic <= 0 or self.bound <= 0 or self.cross_entropy < 0:
            raise PlanError(f"options: critic {self.critic}, bound {self.bound}, cross_entropy {self.cross_entropy}; "
                            "expected positive numbers, 0 or more for cross_entropy")


class AdversarialSegmentation(Segmentation):
    """Trains `segan`; beside its logits the model.pt keeps the critic, so that an audit can ask it."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises PlanError for another architecture, or a case without a reference in pixels."""
        network, recipe = study.network, study.recipe
        options = settings(Options, recipe.options, "options")
        if not isinstance(network, SegAN):
            raise PlanError(f"trainer 'adversarial_segmentation' with architecture {recipe.architecture!r}; expected "
                            "'segan'")

        def wanted(case: Case) -> Floats:
            return masks_of(case, tuple(study.dataset.classes))

        gan: SegAN = network

        def losses(_: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            return adversarial_losses(gan, normalised(data.images, recipe), data.answer, options)

        with ascending(gan.critic):
            return learned(network, dense_lesson(study, wanted, losses), recipe, study.work)


def adversarial_losses(network: SegAN, images: Tensor, truth: Tensor, options: Options) -> dict[str, Tensor]:
    """The multi-scale L1 loss, 1 - soft Dice and cross-entropy of images (B, C, h, w) for truth (B, classes, h, w).

    The critic's weights are cut to the bound first.
    """
    with torch.no_grad():
        for weight in network.critic.parameters():
            weight.clamp_(-options.bound, options.bound)
    logits = network(images)
    scales = network.scales(images, network.masks(logits), truth)
    losses = losses_of(logits, truth)
    return {"critic": options.critic * scales.mean(), "dice": losses["dice"],
            "cross-entropy": options.cross_entropy * losses["cross-entropy"]}


@contextmanager
def ascending(module: nn.Module) -> Iterator[None]:
    """The module with the sign of its gradients turned over, so that what lowers a loss raises it here."""
    handles = [weight.register_hook(torch.neg) for weight in module.parameters()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


TRAINER = AdversarialSegmentation()
