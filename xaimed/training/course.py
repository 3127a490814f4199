"""A whole training: data, samples, the loop, the operating point and calibration from validation, model.pt."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from xaimed import tables
from xaimed.adapters.model import Model
from xaimed.adapters.modelfile import ModelFile, network_of, read_model, write_model
from xaimed.data.dataset import DataRequest, Dataset, data_root
from xaimed.data.split import manifest_digest
from xaimed.errors import ModelError, PlanError
from xaimed.registry import load
from xaimed.training.detection import Report, Workspace, train_detector
from xaimed.training.recipe import Recipe
from xaimed.training.samples import Sample, samples_of
from xaimed.types import Case

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class Course:
    """A recipe with the place of its data, its checkpoints and the model.pt that it makes."""

    recipe: Recipe
    out: Path
    work: Path
    data: Path | None = None
    device: str = "cpu"
    models: Path = Path()


def run_course(course: Course, say: Report) -> ModelFile:
    """The trained model, written to `course.out`; a course that was cut off goes on after its last epoch.

    Raises PlanError for a recipe that cannot be run, and what the data or the first weights raise.
    """
    recipe = course.recipe
    if recipe.task != "detection":
        raise PlanError(f"recipe task {recipe.task!r}; expected 'detection'")
    dataset = load("data", recipe.dataset).open(DataRequest(recipe.dataset, root=data_root(course.data)))
    say(f"preparing the training cases of {dataset.title}")
    samples = training_samples(recipe, dataset)
    torch.manual_seed(recipe.seed)
    network = load("architectures", recipe.architecture).build(**recipe.arguments)
    _start(network, course)
    work = Workspace(course.work, say, course.device)
    trained = train_detector(network, samples, recipe, work)
    say("choosing the operating point on the validation split")
    file = settled(model_file(recipe, dataset, trained.state_dict()), recipe,
                   [dataset[i] for i, row in enumerate(dataset.rows) if row.split == "val"], course.device)
    write_model(course.out, file)
    return file


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


def _start(network: torch.nn.Module, course: Course) -> None:
    if not course.recipe.start:
        return
    first = read_model(course.models / course.recipe.start)
    if first.architecture != course.recipe.architecture:
        raise ModelError(f"start {course.recipe.start!r} is a {first.architecture!r}; expected a "
                         f"{course.recipe.architecture!r}, as the recipe says")
    network.load_state_dict(network_of(first).state_dict())


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
                  "patients": sorted({row.patient for row in dataset.rows if row.split == "train"}),
                  "finished": datetime.now(UTC).date().isoformat()})


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
