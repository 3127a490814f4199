"""What a trainer is: the TRAINER of its file, which teaches a network and settles what is chosen on validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from xaimed.adapters.modelfile import ModelFile
from xaimed.data.dataset import DataRequest, Dataset
from xaimed.errors import PlanError
from xaimed.registry import load, names
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Recipe
from xaimed.types import Case


@dataclass(frozen=True, eq=False)
class Study:
    """A network with its first weights, the dataset whose train split it learns, the recipe and the place of work."""

    network: nn.Module
    dataset: Dataset
    recipe: Recipe
    work: Workspace

    def cases(self) -> Iterator[Case]:
        """The cases of the train split, decoded one by one, and the recipe's extra ones."""
        for index, row in enumerate(self.dataset.rows):
            if row.split == "train" and row.groups.get("localisation") != "ignore":
                yield self.dataset[index]
        if self.recipe.extra:
            more = open_extra(self.recipe)
            yield from (more[index] for index in range(len(more)))


class Trainer(Protocol):
    """How the networks of a task are trained."""

    def train(self, study: Study) -> nn.Module:
        """The trained network in eval mode; a training that was cut off goes on from its checkpoint."""
        ...

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The model with its operating point and calibration from the validation cases."""
        ...


def trainer_of(recipe: Recipe) -> Trainer:
    """The trainer that the recipe names, or that of its task. Raises PlanError with the known ones."""
    name = recipe.trainer or recipe.task
    if name not in names("training"):
        raise PlanError(f"recipe {'trainer' if recipe.trainer else 'task'} {name!r}; expected one of "
                        f"{', '.join(names('training'))}")
    trainer: Trainer = load("training", name).TRAINER
    return trainer


def class_index(case: Case, classes: Sequence[str]) -> int:
    """The index of a training case's label among the classes. Raises PlanError where it is none of them."""
    if case.label not in classes:
        raise PlanError(f"case {case.id} has the label {case.label!r}; expected one of {', '.join(classes)}")
    return list(classes).index(str(case.label))


def open_extra(recipe: Recipe) -> Dataset:
    """The recipe's extra cases, of the same dataset with other options."""
    found: Dataset = load("data", recipe.dataset).open(DataRequest(recipe.dataset, options=recipe.extra))
    return found


