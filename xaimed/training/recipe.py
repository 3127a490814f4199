"""A training recipe: everything that makes a model.pt, read from TOML; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xaimed.imaging.preprocessing import Preprocessing, preprocessing_of
from xaimed.settings import read_table, settings


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image. rotation: degrees; scale, contrast, brightness, gamma: shares.

    crop: side in pixels of a random square that is trained on, round a lesion where there is one; 0 for all of it.
    """

    flip: bool = True
    rotation: float = 10.0
    scale: float = 0.1
    contrast: float = 0.15
    brightness: float = 0.05
    gamma: float = 0.15
    noise: float = 0.01
    crop: int = 0


@dataclass(frozen=True)
class Schedule:
    """The course of a training. images: how many are drawn for one epoch; positive: the share with a lesion.

    linear: the rate of fully connected layers as a share of `rate`.
    average: decay of the exponential moving average of the weights that is kept; warmup: epochs. momentum: how much
    of Adam's mean gradient is kept from step to step.
    """

    epochs: int = 12
    images: int = 640
    batch: int = 4
    rate: float = 3e-4
    linear: float = 0.1
    decay: float = 0.01
    warmup: float = 0.5
    positive: float = 0.6
    average: float = 0.995
    clip: float = 5.0
    momentum: float = 0.9


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what and how.

    start: the first weights: "imagenet" where the architecture can, a model.pt of the same architecture, or another
    recipe, NAME/FILE.toml beside it in models, that is trained first; "" for random ones. extra: further cases for
    training alone, such as {"first": "1000", "patients": "900"} for phantoms outside the data set.
    fppi: false positives per image at which the operating point is set on the validation split.
    trainer: the file of xaimed.training that trains it, "" for that of its task. options: what that trainer asks.
    data: options of the dataset, such as {"radius": "2"}. input: "mean" and "std" by which the network's images are
    normalised.
    """

    name: str
    task: str
    architecture: str
    arguments: Mapping[str, object]
    dataset: str
    seed: int = 0
    start: str = ""
    trainer: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    input: Mapping[str, object] = field(default_factory=dict)
    fppi: float = 0.25
    extra: Mapping[str, str] = field(default_factory=dict)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=Schedule)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises NotFound for no file, PlanError for bad TOML or an unknown key."""
    return recipe_of(read_table(path, "recipe such as models/NAME/recipe.toml"))


def recipe_of(table: Mapping[str, object]) -> Recipe:
    """The recipe of a parsed TOML table."""
    values = dict(table)
    values["augmentation"] = settings(Augmentation, values.get("augmentation", {}), "augmentation")
    values["schedule"] = settings(Schedule, values.get("schedule", {}), "schedule")
    values["preprocessing"] = preprocessing_of(values.get("preprocessing", {}))
    return settings(Recipe, values, "recipe")
