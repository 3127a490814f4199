"""Does filling up a rarer class with images that a GAN made help a classifier? Three trainings a seed, compared.

    python examples/gan_augmentation.py --data ROOT             ROOT holds busi/: about three minutes on one core
    python examples/gan_augmentation.py --data ROOT --seeds 1 --epochs 2        to see it run
    (each training keeps its checkpoint below runs/gan-augmentation: the same command goes on where it was cut off)

A small network learns malignant against other breast ultrasound images of BUSI: from the training images as they are,
with malignant ones drawn as often as others, and with as many images of models/busi-dcgan added as are missing. All
three see the same number of images. Prints the AUC on the val and test images that neither the network nor the GAN saw,
the differences by paired bootstrap, and beside them whether the GAN copies its training images. Whose images are one
patient's is not known in BUSI: the bootstrap draws groups of near copies. Writes a sheet of made images, each over the
training image that is nearest to it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xaimed.adapters.discriminator import Discriminator
from xaimed.adapters.loading import load_model
from xaimed.architectures.plain_cnn import build
from xaimed.content import folder
from xaimed.copying import Sampling, copying, prepared
from xaimed.data.dataset import Dataset, open_dataset
from xaimed.errors import ModelError
from xaimed.metrics.comparison import paired
from xaimed.metrics.memorisation import nearest
from xaimed.stats import Array, Estimate, Resampling, auc, percentile
from xaimed.training.classification import loss_of
from xaimed.training.example import Batch, Example, lesson
from xaimed.training.loop import Workspace, learned
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.types import Floats

Statistic = Callable[[Array], Array]
ARMS = ("as they are", "repeated", "made images added")
RARE, SHEET = "malignant", 12
RECIPE = Recipe("gan-augmentation", "classification", "plain_cnn", {}, "busi", augmentation=Augmentation(),
                schedule=Schedule(epochs=25, images=640, batch=32, rate=2e-3, linear=1.0, decay=1e-3, average=0.98))


@dataclass(frozen=True, eq=False)
class Split:
    """Images (n, 1, h, w) in [0, 1], whether each is malignant, and the group of near copies that it is of."""

    images: Floats
    rare: NDArray[np.bool_]
    groups: list[str]


def split_of(model: Discriminator, data: Dataset, names: tuple[str, ...]) -> Split:
    """The prepared images of some splits: malignant ones, then the others."""
    parts = [(label, *prepared(model, data, names, label)) for label in data.classes]
    return Split(np.concatenate([images for _, images, _ in parts]),
                 np.concatenate([np.full(len(images), label == RARE) for label, images, _ in parts]),
                 [group for _, _, groups in parts for group in groups])


def examples_of(train: Split, arm: str, model: Discriminator, seed: int) -> list[Example]:
    """What an arm learns: uint8 images with class 1 for malignant."""
    rare, others = train.images[train.rare], train.images[~train.rare]
    missing = len(others) - len(rare)
    if arm == "repeated":
        rare = np.concatenate([rare, rare[np.arange(missing) % len(rare)]])
    elif arm == "made images added":
        rare = np.concatenate([rare, model.made(missing, seed)])
    return [Example((image * 255).round().astype(np.uint8), None, label)
            for label, images in ((0, others), (1, rare)) for image in images]


def scores_of(examples: Sequence[Example], test: Split, recipe: Recipe, work: Path) -> Array:
    """(n,): the logits on the test images of a network that learned the examples; `work` keeps its checkpoint."""
    torch.manual_seed(recipe.seed)

    def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
        return {"cross-entropy": loss_of(network(data.images), data.labels)}

    network = learned(build(outputs=1, widths=(12, 24, 48, 48), stride=8), lesson(examples, recipe, "cpu", losses),
                      recipe, Workspace(work, lambda _: None))
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(test.images))[:, 0].numpy(), np.float64)


def compared(scores: Mapping[str, Array], test: Split) -> list[Estimate]:
    """The AUC of each arm, and its difference from the training images as they are, by the same draws of groups."""
    draws = Resampling.of(test.groups)

    def area(arm: str) -> Statistic:
        return lambda weights: auc(scores[arm], test.rare, weights)

    found = []
    for arm in ARMS:
        low, high = percentile(draws.run(test.groups, area(arm)))
        whole = float(area(arm)(np.ones((1, len(test.groups))))[0])
        found.append(Estimate(f"AUC, {arm}", whole, low, high))
    for arm, other in ((ARMS[1], ARMS[0]), (ARMS[2], ARMS[0]), (ARMS[2], ARMS[1])):
        gap, _ = paired(f"difference in AUC, {arm} less {other}", less(area(arm), area(other)), test.groups, draws)
        found.append(gap)
    return found


def less(one: Statistic, other: Statistic) -> Statistic:
    """The difference of two measures of row weights."""
    return lambda weights: one(weights) - other(weights)


def sheet(model: Discriminator, train: Floats, path: Path) -> None:
    """Write made images above the training images that are nearest to them."""
    made = model.made(SHEET)
    rows = [np.concatenate(list(images[:, 0]), axis=1) for images in (made, train[nearest(made, train)])]
    cv2.imwrite(str(path), (np.concatenate(rows) * 255).round().astype(np.uint8))


def main(given: Sequence[str] | None = None) -> list[Estimate]:
    """Print the figures; the estimates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that holds busi/; else XAIMED_DATA")
    parser.add_argument("--model", type=Path, default=folder("models") / "busi-dcgan" / "model.pt")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each arm; their scores are averaged")
    parser.add_argument("--epochs", type=int, default=RECIPE.schedule.epochs)
    parser.add_argument("--work", type=Path, default=Path("runs") / "gan-augmentation",
                        help="checkpoints; another model needs another folder")
    parser.add_argument("--sheet", type=Path, help="where to write the made images (PNG)")
    chosen = parser.parse_args(given)
    model, data = load_model(chosen.model), open_dataset("busi", root=chosen.data).dataset
    if not isinstance(model, Discriminator):
        raise ModelError(f"{chosen.model.name}: task {model.task!r}; expected a model that makes images")
    train, test = split_of(model, data, ("train",)), split_of(model, data, ("val", "test"))
    scores = {arm: np.zeros(len(test.rare)) for arm in ARMS}
    for seed in range(chosen.seeds):
        recipe = replace(RECIPE, seed=seed, schedule=replace(RECIPE.schedule, epochs=chosen.epochs))
        for arm in ARMS:
            place = chosen.work / f"{arm.replace(' ', '-')}-{seed}-of-{chosen.epochs}-epochs"
            scores[arm] += scores_of(examples_of(train, arm, model, seed), test, recipe, place) / chosen.seeds
            print(f"trained: {arm}, seed {seed}", file=sys.stderr, flush=True)
    found = [*compared(scores, test), *copying(model, data, Sampling()).estimates]
    print(f"{int(test.rare.sum())} malignant of {len(test.rare)} images of {len(set(test.groups))} groups of near "
          "copies (patients are not known)")
    for one in found:
        limits = "" if one.low != one.low else f" ({one.low:.3f} to {one.high:.3f})"
        print(f"{one.value:7.3f}{limits}  {one.name}")
    if chosen.sheet:
        sheet(model, train.images[train.rare], chosen.sheet)
    return found


if __name__ == "__main__":
    main()
