"""Examples of tasks that see the whole image: prepared once, changed at random each time they are drawn.

What is wanted in pixels goes through the same turn, zoom and flip as the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xaimed.errors import PlanError
from xaimed.imaging.geometry import inverse, map_values
from xaimed.imaging.preprocessing import Prepared, prepare_planes
from xaimed.training.loop import Lesson, finished
from xaimed.training.recipe import Augmentation, Recipe
from xaimed.training.samples import centred, corner_near, regreyed, turned
from xaimed.training.trainer import Study
from xaimed.types import Case, Floats, Matrix

Wanted = Callable[[Case], Floats | None]


@dataclass(frozen=True, eq=False)
class Example:
    """image: uint8 (C, h, w). wanted: float32 (K, h, w) in pixels, or None. label: the index of the class, or -1.

    boxes: (N, 4) in the pixels of the image; a crop is taken near one of them where there is one.
    """

    image: NDArray[np.uint8]
    wanted: Floats | None = None
    label: int = -1
    boxes: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))


@dataclass(frozen=True, eq=False)
class Batch:
    """images (B, C, h, w) in [0, 1], wanted (B, K, h, w) or None, labels (B,)."""

    images: Tensor
    wanted: Tensor | None
    labels: Tensor

    @property
    def answer(self) -> Tensor:
        """What is wanted in pixels. Raises PlanError where the examples have nothing."""
        if self.wanted is None:
            raise PlanError("the training cases have no reference in pixels; expected one for each")
        return self.wanted


Losses = Callable[[nn.Module, Batch], Mapping[str, Tensor]]


def example(case: Case, prepared: Prepared, wanted: Floats | None, classes: Sequence[str]) -> Example:
    """The example of a prepared case; wanted: float32 (K, H, W) in original pixels or None."""
    pixels = (prepared.image * 255).round().astype(np.uint8)
    label = classes.index(case.label) if case.label in classes else -1
    if wanted is None:
        return Example(pixels, None, label)
    height, width = prepared.image.shape[-2:]
    inward = inverse(prepared.affine)
    return Example(pixels, np.stack([map_values(part, inward, (height, width)) for part in wanted]), label)


def dense_lesson(study: Study, wanted: Wanted, losses: Losses) -> Lesson[Batch]:
    """The lesson of the training cases of a study, with what `wanted` gives for each, or nothing where none is left."""
    recipe, done = study.recipe, finished(study.work, study.recipe.schedule)
    classes = tuple(study.dataset.classes)
    examples = [] if done else [example(case, prepared_for(case, recipe), wanted(case), classes)
                                for case in study.cases()]
    return lesson(examples, recipe, study.work.device, losses)


def prepared_for(case: Case, recipe: Recipe) -> Prepared:
    """The case as the adapter of the recipe's task prepares it: an image pair plane by plane."""
    steps = recipe.preprocessing
    return prepare_planes(case, replace(steps, channels=len(case.image)) if recipe.task == "registration" else steps)


def lesson(examples: Sequence[Example], recipe: Recipe, device: str,
           losses: Losses) -> Lesson[Batch]:
    """The lesson of these examples: each epoch a new order and new changes."""
    plan = recipe.schedule
    count = max(1, min(plan.images, 4 * len(examples)) // plan.batch)

    def batches(draw: np.random.Generator) -> Iterator[Batch]:
        order = _order(len(examples), count * plan.batch, draw)
        for start in range(0, len(order), plan.batch):
            yield batch([changed(examples[i], recipe.augmentation, draw) for i in order[start:start + plan.batch]],
                        device)

    return Lesson(count, batches, losses)


def _order(size: int, wanted: int, draw: np.random.Generator) -> list[int]:
    out: list[int] = []
    while len(out) < wanted:
        out += [int(i) for i in draw.permutation(size)]
    return out[:wanted]


def changed(one: Example, change: Augmentation, draw: np.random.Generator) -> tuple[Floats, Floats | None, int]:
    """The image in [0, 1], what is wanted, and the label, after one random turn, zoom, flip, crop and grey change."""
    height, width = one.image.shape[-2:]
    matrix = turned((height, width), change, draw)
    if change.crop:
        matrix[:, 2] -= _corner(one, matrix, change.crop, draw)
        height, width = min(height, change.crop), min(width, change.crop)
    image = _warped(one.image, matrix, (width, height)) / 255.0
    wanted = None if one.wanted is None else _warped(one.wanted, matrix, (width, height))
    return regreyed(image.astype(np.float32), change, draw), wanted, one.label


def _corner(one: Example, matrix: Matrix, side: int, draw: np.random.Generator) -> NDArray[np.float64]:
    height, width = one.image.shape[-2:]
    if len(one.boxes):
        return corner_near(one.boxes, matrix, ((height, width), side), draw)
    return np.array([draw.integers(0, max(1, width - side + 1)), draw.integers(0, max(1, height - side + 1))], float)


def _warped(planes: Iterable[NDArray[np.generic]], matrix: NDArray[np.float64], size: tuple[int, int]) -> Floats:
    return np.stack([cv2.warpAffine(np.asarray(p, np.float32), centred(matrix), size, flags=cv2.INTER_LINEAR)
                     for p in planes])


def batch(drawn: Sequence[tuple[Floats, Floats | None, int]], device: str) -> Batch:
    """The tensors of some changed examples of one size."""
    wanted = [part for _, part, _ in drawn if part is not None]
    return Batch(torch.from_numpy(np.stack([image for image, _, _ in drawn])).to(device),
                 torch.from_numpy(np.stack(wanted)).to(device) if wanted else None,
                 torch.tensor([label for _, _, label in drawn], device=device))


def normalised(images: Tensor, recipe: Recipe) -> Tensor:
    """Images (B, C, h, w) less the mean and by the deviation of the recipe's input, as the adapters do it."""
    values = {"mean": [0.0], "std": [1.0], **recipe.input}
    mean, deviation = (torch.tensor(values[key], dtype=images.dtype, device=images.device).reshape(1, -1, 1, 1)
                       for key in ("mean", "std"))
    return (images - mean) / deviation
