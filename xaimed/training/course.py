"""A whole training: data, samples, the loop, the operating point and calibration from validation, model.pt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from xaimed import tables
from xaimed.adapters.model import Model
from xaimed.adapters.modelfile import ModelFile, network_of, read_model, write_model
from xaimed.data.dataset import DataRequest, Dataset, data_root
from xaimed.data.split import manifest_digest
from xaimed.errors import ModelError, PlanError
from xaimed.registry import load
from xaimed.training.detection import Report, Workspace, finished, train_detector
from xaimed.training.recipe import Recipe, read_recipe
from xaimed.training.samples import Sample, samples_of
from xaimed.types import Case

IMAGENET = "imagenet"
First = Callable[[], Mapping[str, Tensor] | None]
Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


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
    dataset = load("data", recipe.dataset).open(DataRequest(recipe.dataset, root=data_root(course.data)))
    network = trained(course, dataset, lambda: first_weights(course, say), say)
    say("choosing the operating point on the validation split")
    file = settled(model_file(recipe, dataset, network.state_dict()), recipe,
                   [dataset[i] for i, row in enumerate(dataset.rows) if row.split == "val"], course.device)
    file = dataclasses.replace(file, card={**file.card, **course.card})
    write_model(course.out, file)
    return file


def trained(course: Course, dataset: Dataset, first: First, say: Report) -> nn.Module:
    """The network after all epochs on the dataset's train split; first: makes the weights that it starts from."""
    recipe, work = course.recipe, Workspace(course.work, say, course.device)
    if recipe.task != "detection":
        raise PlanError(f"recipe task {recipe.task!r}; expected 'detection'")
    done = finished(work, recipe.schedule)
    torch.manual_seed(recipe.seed)
    network: nn.Module = load("architectures", recipe.architecture).build(**recipe.arguments)
    if not done and recipe.start == IMAGENET:
        _imagenet(recipe)(network)
    elif not done and (weights := first()) is not None:
        network.load_state_dict(weights)
    if not done:
        say(f"preparing the training cases of {dataset.title}")
    return train_detector(network, [] if done else training_samples(recipe, dataset), recipe, work)


def training_samples(recipe: Recipe, dataset: Dataset) -> list[Sample]:
    """The prepared samples of the train split, and of the recipe's extra cases."""
    classes = tuple(dataset.classes)
    return samples_of(_training_cases(recipe, dataset), recipe.preprocessing, classes)


def _training_cases(recipe: Recipe, dataset: Dataset) -> Iterator[Case]:
    for index, row in enumerate(dataset.rows):
        if row.split == "train" and row.groups.get("localisation") != "ignore":
            yield dataset[index]
    if recipe.extra:
        more = load("data", recipe.dataset).open(DataRequest(recipe.dataset, options=recipe.extra))
        yield from (more[index] for index in range(len(more)))


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
    dataset = load("data", before.dataset).open(DataRequest(before.dataset, root=data_root(course.data)))
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
        state=halved, card={"name": recipe.name},
        training={"dataset": recipe.dataset, "title": dataset.title, "synthetic": dataset.synthetic,
                  "manifest": manifest_digest(dataset.rows), "seed": recipe.seed, "start": recipe.start,
                  "operating_point_split": "val", "operating_point_fppi": recipe.fppi,
                  "patients": _patients(dataset, "train") + _extra_patients(recipe),
                  "validation_patients": _patients(dataset, "val"),
                  "finished": datetime.now(UTC).date().isoformat()})


def _patients(dataset: Dataset, split: str) -> list[str]:
    return sorted({row.patient for row in dataset.rows if row.split == split})


def _extra_patients(recipe: Recipe) -> list[str]:
    if not recipe.extra:
        return []
    more = load("data", recipe.dataset).open(DataRequest(recipe.dataset, options=recipe.extra))
    return sorted({row.patient for row in more.rows})


def settled(file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str = "cpu") -> ModelFile:
    """The model with the operating point and the calibration that these validation cases give.

    The point is the lowest score with at most `recipe.fppi` false positives per image; the calibration is
    Platt's line for the image score of each class against the rest.
    """
    from xaimed.metrics.calibration import fit_calibration
    from xaimed.metrics.operating import choose_operating_point

    model: Model = load("adapters", "detector").ADAPTER(file, network_of(file), device)
    frames = outputs(model, cases)
    point = choose_operating_point(*frames, target_fppi=recipe.fppi)
    lines = {}
    for name in file.classes:
        score = image_scores(frames[2], name)
        positive = np.array([case.label == name for case in cases])
        if 0 < positive.sum() < len(cases):
            slope, intercept = fit_calibration(np.array([score[case.id] for case in cases]), positive)
            lines[name] = {"slope": slope, "intercept": intercept}
    return dataclasses.replace(file, operating_point=float(point), calibration=lines)


def image_scores(predictions: pd.DataFrame, label: str) -> dict[str, float]:
    """Case to the image-level score of a class."""
    rows = predictions[predictions["target"] == label]
    return dict(zip(rows["case"], rows["score"], strict=True))


def outputs(model: Model, cases: Sequence[Case]) -> Tables:
    """The tables cases, truth and predictions of a run folder, in memory, without explanations."""
    merged: dict[str, list[tables.Row]] = {"cases": [], "truth": [], "predictions": []}
    for case in cases:
        rows = tables.case_rows(case, model.predict([case])[0], ())
        for name, so_far in merged.items():
            so_far.extend(rows[name])
    found = [tables.frame(name, rows) for name, rows in merged.items()]
    return found[0], found[1], found[2]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return list(value) if isinstance(value, tuple) else value
