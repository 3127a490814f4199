"""Training of a classifier of whole images: seeded and short, without checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from xaimed.data.dataset import Dataset
from xaimed.errors import PlanError
from xaimed.training.detection import Report
from xaimed.training.recipe import Recipe
from xaimed.training.samples import Sample, augmented, samples_of

Classes = NDArray[np.int64]


def labelled(dataset: Dataset, recipe: Recipe) -> tuple[list[Sample], Classes]:
    """The prepared samples of all cases of a dataset and the class of each, its index in `dataset.classes`.

    Raises PlanError for a case without a label that is one of the classes.
    """
    strange = [row.case for row in dataset.rows if row.label not in dataset.classes]
    if strange:
        raise PlanError(f"{len(strange)} cases, such as {strange[0]}, have no label among the classes; expected one of "
                        f"{', '.join(dataset.classes)} for each")
    samples = samples_of((dataset[i] for i in range(len(dataset))), recipe.preprocessing, tuple(dataset.classes))
    return samples, np.array([dataset.classes.index(str(row.label)) for row in dataset.rows], np.int64)


def train_classifier(network: nn.Module, samples: Sequence[Sample], classes: Classes, recipe: Recipe,
                     say: Report) -> nn.Module:
    """The network after all epochs of the recipe, in eval mode; the same recipe and samples give the same weights.

    classes: (n,) the class of each sample. A network with one output learns the second of two classes by it. All
    images have one size after the recipe's augmentation. Nothing is kept on the way: it is for trainings of minutes.
    """
    plan, draw = recipe.schedule, np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)
    steps = max(1, min(plan.images, len(samples)) // plan.batch)
    optimiser = torch.optim.AdamW(network.parameters(), plan.rate, weight_decay=plan.decay)
    course = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.epochs * steps,
                                                 pct_start=min(0.5, plan.warmup / plan.epochs), cycle_momentum=False)
    network.train()
    for epoch in range(plan.epochs):
        order = draw.permutation(len(samples))[:steps * plan.batch]
        total = 0.0
        for images, truth in _batches(samples, classes, order.reshape(steps, plan.batch), (recipe, draw)):
            loss = loss_of(network(images), truth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
            optimiser.step()
            course.step()
            total += float(loss.detach()) / steps
        say(f"epoch {epoch + 1}/{plan.epochs}: loss {total:.3f}")
    return network.eval()


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean cross-entropy of logits (B, classes), or (B, 1) for two classes, with the true classes (B,)."""
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], truth.to(logits.dtype))
    return functional.cross_entropy(logits, truth)


def _batches(samples: Sequence[Sample], classes: Classes, order: Classes,
             change: tuple[Recipe, np.random.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
    recipe, draw = change
    for chosen in order:
        images = [augmented(samples[i], recipe.augmentation, draw)[0] for i in chosen]
        yield torch.from_numpy(np.stack(images)), torch.from_numpy(classes[chosen])
