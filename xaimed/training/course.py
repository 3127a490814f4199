"""A whole training: data, samples, the loop, the operating point and calibration from validation, model.pt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xaimed.adapters.modelfile import ModelFile, built, network_of, read_model, write_model
from xaimed.answers import DECIDING
from xaimed.data.dataset import DataRequest, Dataset, data_root
from xaimed.data.split import manifest_digest
from xaimed.errors import ModelError, PlanError
from xaimed.registry import load
from xaimed.settings import read_table
from xaimed.training.loop import Report, Workspace, finished
from xaimed.training.recipe import Recipe, read_recipe
from xaimed.training.trainer import Study, open_extra, trainer_of

IMAGENET = "imagenet"
First = Callable[[], Mapping[str, Tensor] | None]


@dataclass(frozen=True)
class Course:
    """A recipe with the place of its data, its checkpoints and the model.pt that it makes.

    card: what model.pt says of itself: name, version, intended_use, out_of_scope, licence ...
    """

    recipe: Recipe
    out: Path
    work: Path
    data: Path | None = None
    device: str = "cpu"
    models: Path = Path()
    card: Mapping[str, object] = field(default_factory=dict)


def run_course(course: Course, say: Report) -> ModelFile:
    """The trained model, written to `course.out`; a course that was cut off goes on after its last epoch.

    Raises PlanError for a recipe that cannot be run, and what the data or the first weights raise.
    """
    recipe = course.recipe
    dataset = opened(recipe, course.data)
    network = trained(course, dataset, lambda: first_weights(course, say), say)
    say("choosing the operating point on the validation split")
    cases = [dataset[i] for i, row in enumerate(dataset.rows) if row.split == "val"]
    file = model_file(recipe, dataset, network.state_dict())
    # The card goes first: it may name the class for which the operating point is chosen.
    file = dataclasses.replace(file, card={**file.card, **course.card})
    file = trainer_of(recipe).settle(file, recipe, cases, course.device)
    write_model(course.out, file)
    return file


def card_beside(recipe: Path) -> dict[str, object]:
    """What card.toml beside a recipe says in its first lines; its tables hold what is measured afterwards.

    Empty where there is none.
    """
    path = recipe.with_name("card.toml")
    found = read_table(path, "card") if path.is_file() else {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def opened(recipe: Recipe, root: Path | None) -> Dataset:
    """The dataset of a recipe, with the options that it sets."""
    request = DataRequest(recipe.dataset, root=data_root(root), options=recipe.data)
    found: Dataset = load("data", recipe.dataset).open(request)
    return found


def trained(course: Course, dataset: Dataset, first: First, say: Report) -> nn.Module:
    """The network after all epochs on the dataset's train split; first: makes the weights that it starts from."""
    recipe, work = course.recipe, Workspace(course.work, say, course.device)
    trainer = trainer_of(recipe)
    torch.manual_seed(recipe.seed)
    network: nn.Module = built(recipe.architecture, recipe.arguments)
    if not finished(work, recipe.schedule):
        if recipe.start == IMAGENET:
            _imagenet(recipe)(network)
        elif (weights := first()) is not None:
            network.load_state_dict(weights)
        say(f"preparing the training cases of {dataset.title}")
    return trainer.train(Study(network, dataset, recipe, work))


def first_weights(course: Course, say: Report) -> Mapping[str, Tensor] | None:
    """The weights that the recipe starts from, trained now where another recipe makes them; None for its own."""
    recipe = course.recipe
    if recipe.start in ("", IMAGENET):
        return None
    path = course.models / recipe.start
    if path.suffix != ".toml":
        file = read_model(path)
        _check_same(recipe, file.architecture)
        return network_of(file).state_dict()
    before = read_recipe(path)
    _check_same(recipe, before.architecture)
    if before.start.endswith(".toml"):
        raise PlanError(f"start {recipe.start!r} starts from a recipe itself; expected at most one step before")
    dataset = opened(before, course.data)
    say(f"first {recipe.start}")
    leg = dataclasses.replace(course, recipe=before, work=course.work / path.stem)
    return trained(leg, dataset, lambda: first_weights(leg, say), say).state_dict()


def _check_same(recipe: Recipe, architecture: str) -> None:
    if architecture != recipe.architecture:
        raise ModelError(f"start {recipe.start!r} is a {architecture!r}; expected a "
                         f"{recipe.architecture!r}, as the recipe says")


def _imagenet(recipe: Recipe) -> Callable[[nn.Module], None]:
    start: Callable[[nn.Module], None] | None = getattr(load("architectures", recipe.architecture),
                                                        "start_from_imagenet", None)
    if start is None:
        raise PlanError(f"architecture {recipe.architecture!r} has no ImageNet weights; expected start = '' or a file")
    return start


def model_file(recipe: Recipe, dataset: Dataset, state: dict[str, torch.Tensor]) -> ModelFile:
    """The model.pt of a trained network before its operating point is chosen; weights in half precision."""
    halved = {key: value.half() if value.dtype == torch.float32 else value for key, value in state.items()}
    return ModelFile(
        architecture=recipe.architecture, arguments=dict(recipe.arguments), task=recipe.task,
        classes=tuple(dataset.classes), preprocessing=_plain(dataclasses.asdict(recipe.preprocessing)),
        state=halved, card={"name": recipe.name}, input=dict(recipe.input),
        training={"dataset": recipe.dataset, "title": dataset.title, "synthetic": dataset.synthetic,
                  "manifest": manifest_digest(dataset.rows), "seed": recipe.seed,
                  "start": recipe.start or "random weights",
                  **({"data_options": dict(recipe.data)} if recipe.data else {}),
                  **_operating(recipe),
                  "patients": _patients(dataset, "train") + _extra_patients(recipe),
                  "validation_patients": _patients(dataset, "val"),
                  "finished": datetime.now(UTC).date().isoformat()})


def _operating(recipe: Recipe) -> dict[str, object]:
    rule = {"operating_point_fppi": recipe.fppi} if recipe.task == "detection" else {}
    return {"operating_point_split": "val", **rule} if recipe.task in DECIDING else {}


def _patients(dataset: Dataset, split: str) -> list[str]:
    return sorted({row.patient for row in dataset.rows if row.split == split})


def _extra_patients(recipe: Recipe) -> list[str]:
    return sorted({row.patient for row in open_extra(recipe).rows}) if recipe.extra else []


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return list(value) if isinstance(value, tuple) else value
