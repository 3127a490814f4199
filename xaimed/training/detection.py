"""Training of a detector on the losses that torchvision's two-stage detectors give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.adapters.modelfile import ModelFile
from xaimed.training.loop import Lesson, Workspace, finished, learned
from xaimed.training.recipe import Recipe, Schedule
from xaimed.training.samples import Sample, augmented, samples_of
from xaimed.training.settling import calibration, model_of, outputs
from xaimed.training.trainer import Study
from xaimed.types import Case

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


class Detection:
    """Trains two-stage detectors; the operating point is set by false positives per image."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network; prepared samples are made only where epochs are left."""
        recipe, work = study.recipe, study.work
        done = finished(work, recipe.schedule)
        samples = [] if done else samples_of(study.cases(), recipe.preprocessing, tuple(study.dataset.classes))
        return train_detector(study.network, samples, recipe, work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The operating point is the lowest score with at most `recipe.fppi` false positives per image."""
        from xaimed.metrics.operating import choose_operating_point

        frames = outputs(model_of(file, device), cases)
        return replace(file, operating_point=float(choose_operating_point(*frames, target_fppi=recipe.fppi)),
                       calibration=calibration(frames[2], cases, file.classes))


def train_detector(model: nn.Module, samples: Sequence[Sample], recipe: Recipe, work: Workspace) -> nn.Module:
    """The averaged model after all epochs of the recipe; goes on from a checkpoint where there is one."""
    plan = recipe.schedule

    def batches(draw: np.random.Generator) -> Iterator[Batch]:
        order = _order(samples, plan, draw)
        for start in range(0, len(order) // plan.batch * plan.batch, plan.batch):
            yield batch([samples[i] for i in order[start:start + plan.batch]], recipe, draw, work.device)

    def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
        with torch.autocast(work.device.split(":")[0], torch.bfloat16):
            found: Mapping[str, Tensor] = network(*data)
        return found

    return learned(model, Lesson(_wanted(samples, plan) // plan.batch, batches, losses), recipe, work)


def _wanted(samples: Sequence[Sample], plan: Schedule) -> int:
    return min(plan.images, 4 * len(samples))


def _order(samples: Sequence[Sample], plan: Schedule, draw: np.random.Generator) -> list[int]:
    lesion = [i for i, s in enumerate(samples) if len(s.boxes)]
    empty = [i for i, s in enumerate(samples) if not len(s.boxes)]
    wanted = _wanted(samples, plan)
    with_lesion = round(wanted * plan.positive) if empty else wanted
    order = [*_draws(lesion, with_lesion, draw), *_draws(empty, wanted - with_lesion, draw)]
    draw.shuffle(order)
    return order


def _draws(pool: list[int], count: int, draw: np.random.Generator) -> list[int]:
    out: list[int] = []
    while pool and len(out) < count:
        out += [int(i) for i in draw.permutation(pool)]
    return out[:count]


def batch(chosen: Sequence[Sample], recipe: Recipe, draw: np.random.Generator, device: str) -> Batch:
    """Images padded to one size, and their boxes and labels, as torchvision's detectors take them."""
    drawn = [augmented(sample, recipe.augmentation, draw) for sample in chosen]
    height = max(image.shape[1] for image, _ in drawn)
    width = max(image.shape[2] for image, _ in drawn)
    images, targets = [], []
    for sample, (image, boxes) in zip(chosen, drawn, strict=True):
        padded = np.pad(image, ((0, 0), (0, height - image.shape[1]), (0, width - image.shape[2])))
        kept = (boxes[:, 2] - boxes[:, 0] > 4) & (boxes[:, 3] - boxes[:, 1] > 4)
        images.append(torch.from_numpy(padded).to(device))
        targets.append({"boxes": torch.tensor(boxes[kept], dtype=torch.float32, device=device).reshape(-1, 4),
                        "labels": torch.tensor(sample.labels[kept], device=device)})
    return images, targets


TRAINER = Detection()
