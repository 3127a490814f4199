"""Training of a classifier of whole images on cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.data.dataset import Dataset
from xaimed.errors import PlanError
from xaimed.imaging.preprocessing import prepare_planes
from xaimed.plan import positive_of
from xaimed.training.example import Batch, Example, example, lesson, normalised
from xaimed.training.loop import Report, finished, learned
from xaimed.training.recipe import Recipe
from xaimed.training.samples import Sample, augmented, samples_of
from xaimed.training.settling import calibration, image_scores, model_of, outputs, youden
from xaimed.training.trainer import Study
from xaimed.types import Case

Classes = NDArray[np.int64]


class Classification:
    """Trains classifiers; the operating point is the best by Youden's index for the class that is to be found."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises PlanError for a training case whose label is none of the classes."""
        recipe, work = study.recipe, study.work
        examples = [] if finished(work, recipe.schedule) else [_example(case, study) for case in study.cases()]

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            return {"cross-entropy": loss_of(network(normalised(data.images, recipe)), data.labels)}

        return learned(study.network, lesson(examples, recipe, work.device, losses), recipe, work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The operating point for the class to be found, and a calibration line for each class."""
        del recipe
        frames = outputs(model_of(file, device), cases)
        score = image_scores(frames[2], positive_of("", file.classes, file.card))
        point = youden([score[case.id] for case in cases],
                       [case.label == positive_of("", file.classes, file.card) for case in cases])
        return replace(file, operating_point=point, calibration=calibration(frames[2], cases, file.classes))


def _example(case: Case, study: Study) -> Example:
    classes = tuple(study.dataset.classes)
    if case.label not in classes:
        raise PlanError(f"case {case.id} has the label {case.label!r}; expected one of {', '.join(classes)}")
    return example(case, prepare_planes(case, study.recipe.preprocessing), None, classes)


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
    """The mean cross-entropy of logits (B, classes), or (B, 1) for two classes, with the true classes (B,).

    Of logits (B, steps, classes) every step counts alike, so that each of them learns to answer.
    """
    if logits.ndim == 3:
        return loss_of(logits.flatten(0, 1), truth.repeat_interleave(logits.shape[1]))
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], truth.to(logits.dtype))
    return functional.cross_entropy(logits, truth)


def _batches(samples: Sequence[Sample], classes: Classes, order: Classes,
             change: tuple[Recipe, np.random.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
    recipe, draw = change
    for chosen in order:
        images = [augmented(samples[i], recipe.augmentation, draw)[0] for i in chosen]
        yield torch.from_numpy(np.stack(images)), torch.from_numpy(classes[chosen])


TRAINER = Classification()
