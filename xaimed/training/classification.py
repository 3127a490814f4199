"""Training of a classifier of whole images on cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.imaging.geometry import inverse, map_boxes
from xaimed.imaging.preprocessing import prepare_planes
from xaimed.plan import positive_of
from xaimed.training.example import Batch, Example, example, lesson, normalised
from xaimed.training.loop import finished, learned
from xaimed.training.recipe import Recipe
from xaimed.training.settling import calibration, image_scores, model_of, outputs, youden
from xaimed.training.trainer import Study, class_index
from xaimed.types import Case


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
    class_index(case, classes)
    prepared = prepare_planes(case, study.recipe.preprocessing)
    boxes = map_boxes(np.array([box.edges for box in case.boxes], float).reshape(-1, 4), inverse(prepared.affine))
    return replace(example(case, prepared, None, classes), boxes=boxes)


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean cross-entropy of logits (B, classes), or (B, 1) for two classes, with the true classes (B,).

    Of logits (B, steps, classes) every step counts alike, so that each of them learns to answer.
    """
    if logits.ndim == 3:
        return loss_of(logits.flatten(0, 1), truth.repeat_interleave(logits.shape[1]))
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], truth.to(logits.dtype))
    return functional.cross_entropy(logits, truth)


TRAINER = Classification()
