"""A tiny study for trainers: images that are bright above or below, one of which may be what is normal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.toys import halves
from xaimed.adapters.modelfile import built
from xaimed.data.dataset import CaseRow
from xaimed.data.listed import About, Listed, Picture
from xaimed.imaging.decoded import digest_of
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.trainer import Study, Trainer

STILL = Augmentation(flip=False, rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0)
KINDS = ("above", "below")


def silent(_: str) -> None:
    """Say nothing."""


def study_of(recipe: Recipe, work: Path, normal: str = "", channels: int = 1, label: str | None = "own") -> Study:
    """A study of 96 images of 12 x 12 pixels, two thirds for training; normal: the kind that alone is learned."""
    plain = Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None, long_side=0,
                          multiple=1, channels=channels)
    recipe = replace(recipe, preprocessing=plain, augmentation=STILL,
                     schedule=Schedule(epochs=12, images=128, batch=16, rate=1e-2, linear=1.0, warmup=0.5, average=0.9))
    torch.manual_seed(recipe.seed)
    network = built(recipe.architecture, dict(recipe.arguments))
    return Study(network, toy(normal, channels, label), recipe, Workspace(work, silent))


def toy(normal: str, channels: int, label: str | None) -> Listed:
    """The dataset of a study."""
    images, kinds = halves(96, 12, channels)
    rows, kept = [], []
    for i in range(96):
        kind = KINDS[int(kinds[i])]
        split = "val" if i % 6 in (2, 3) else "train"
        if normal and split == "train" and kind != normal:
            continue
        name = kind if not normal else "normal" if kind == normal else "anomaly"
        rows.append(CaseRow(f"c{i}", f"c{i}", split, name if label else None))
        kept.append(images[i].numpy())
    classes = ("anomaly",) if normal else KINDS
    about = About("toy", "toy", "anomaly" if normal else "classification", classes, ("made for tests",))
    return Listed(about, rows, lambda index: Picture(kept[index], digest_of(kept[index])))


class Stop(Exception):
    """A training that was cut off."""


def stop(trainer: Trainer, study: Study, after: int) -> None:
    """Cut a training off when it has spoken `after` times."""
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == after:
            raise Stop

    with pytest.raises(Stop):
        trainer.train(replace(study, work=replace(study.work, say=say)))
