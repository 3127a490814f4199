"""The training of classifiers: it learns what decides the label, twice the same, goes on, and refuses strange cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from xaimed.adapters.modelfile import ModelFile, built
from xaimed.data.dataset import CaseRow
from xaimed.errors import PlanError
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.training.classification import TRAINER, loss_of
from xaimed.training.course import model_file
from xaimed.training.example import Example, changed
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.settling import model_of
from xaimed.training.trainer import Study
from xaimed.types import Box, Case

STILL = Augmentation(rotation=0.0, scale=0.0, contrast=0.05, brightness=0.0, gamma=0.0, noise=0.0)
RECIPE = Recipe("tiny", "classification", "plain_cnn", {"outputs": 2, "widths": [4, 8], "stride": 2}, "drawn", seed=1,
                augmentation=STILL,
                preprocessing=Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None,
                                            long_side=0, multiple=1),
                schedule=Schedule(epochs=6, images=64, batch=8, rate=1e-2, linear=1.0, warmup=1.0, average=0.9))


@dataclass(frozen=True)
class Squares:
    """Noise with a bright square in every second image; the last quarter is for validation."""

    count: int = 64
    name = "drawn"
    title = "Drawn squares"
    task = "classification"
    synthetic = True
    classes = ("dark", "bright")
    warnings = ()

    @property
    def rows(self) -> tuple[CaseRow, ...]:
        return tuple(CaseRow(f"c{i}", f"p{i}", "train" if i < self.count * 3 // 4 else "val",
                             self.classes[i % 2]) for i in range(self.count))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Case:
        draw, row = np.random.default_rng(index), self.rows[index]
        image = draw.uniform(0.1, 0.25, (1, 24, 24)).astype(np.float32)
        top, left = (int(v) for v in draw.integers(0, 16, 2))
        if index % 2:
            image[0, top:top + 8, left:left + 8] = 0.8
        boxes = (Box("bright", left, top, left + 8, top + 8),) if index % 2 else ()
        return Case(row.case, image, label=row.label, patient=row.patient, split=row.split, boxes=boxes, synthetic=True)


def trained(work: Path, outputs: int = 2, epochs: int = 6, change: Augmentation = STILL) -> torch.nn.Module:
    recipe = replace(RECIPE, arguments={**RECIPE.arguments, "outputs": outputs}, augmentation=change,
                     schedule=replace(RECIPE.schedule, epochs=epochs))
    torch.manual_seed(0)
    network = built("plain_cnn", recipe.arguments)
    return TRAINER.train(Study(network, Squares(), recipe, Workspace(work, lambda text: None)))


def held_out() -> list[Case]:
    data = Squares()
    return [data[i] for i, row in enumerate(data.rows) if row.split == "val"]


def right(network: torch.nn.Module, cases: Sequence[Case]) -> float:
    with torch.no_grad():
        logits = network(torch.from_numpy(np.stack([case.image for case in cases])))
    found = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(dim=1) == 1
    return float(np.mean(found.numpy() == [case.label == "bright" for case in cases]))


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_learns_and_twice_the_same(tmp_path: Path, outputs: int) -> None:
    network, again = (trained(tmp_path / name, outputs) for name in ("first", "second"))
    assert not network.training
    assert right(network, held_out()) > 0.95
    for key, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_a_training_that_was_cut_off_ends_at_the_same_weights(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    work = Workspace(tmp_path / "cut", lambda text: _stop_after(text, "epoch 3/6"))
    torch.manual_seed(0)
    network = built("plain_cnn", RECIPE.arguments)
    with pytest.raises(KeyboardInterrupt):
        TRAINER.train(Study(network, Squares(), RECIPE, work))
    after = trained(tmp_path / "cut")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, after.state_dict()[key]), key


def _stop_after(text: str, mark: str) -> None:
    if text.startswith(mark):
        raise KeyboardInterrupt


def test_the_cut_is_chosen_for_the_class_that_the_card_names(tmp_path: Path) -> None:
    network = trained(tmp_path, epochs=2)
    file = model_file(RECIPE, Squares(), network.state_dict())
    points = {}
    for name in Squares.classes:
        settled = TRAINER.settle(replace(file, card={"positive": name}), RECIPE, held_out(), "cpu")
        points[name] = settled.operating_point
        found = model_of(settled, "cpu").predict(held_out())
        hit = np.array([one.scores[name] >= settled.operating_point for one in found])
        truth = np.array([case.label == name for case in held_out()])
        assert hit[truth].mean() - hit[~truth].mean() > 0.8
        assert set(settled.calibration) == set(Squares.classes)
    assert points["dark"] + points["bright"] == pytest.approx(1, abs=0.2)


def test_a_crop_of_an_image_with_a_box_holds_its_centre() -> None:
    image = np.zeros((1, 64, 64), np.uint8)
    image[0, 50:54, 6:10] = 255
    one = Example(image, None, 1, np.array([[6.0, 50.0, 10.0, 54.0]]))
    change = Augmentation(rotation=5.0, scale=0.1, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0, crop=24)
    seen = [changed(one, change, np.random.default_rng(seed))[0].max() for seed in range(40)]
    assert min(seen) > 0.5
    without = [changed(replace(one, boxes=np.zeros((0, 4))), change, np.random.default_rng(seed))[0].max()
               for seed in range(40)]
    assert 0 < np.mean(np.array(without) > 0.5) < 0.5


def test_it_learns_from_crops_of_images_with_boxes(tmp_path: Path) -> None:
    assert right(trained(tmp_path, 1, change=replace(STILL, crop=16)), held_out()) > 0.85


def test_one_logit_costs_what_two_cost() -> None:
    truth = torch.tensor([1, 0, 1])
    one = torch.tensor([[0.3], [-1.2], [2.0]])
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    assert float(loss_of(one, truth)) == pytest.approx(float(loss_of(two, truth)))
    assert float(loss_of(torch.zeros(3, 1), truth)) == pytest.approx(math.log(2))


def test_every_step_of_a_sequence_counts_alike() -> None:
    logits, truth = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0])
    steps = [float(loss_of(logits[:, step], truth)) for step in range(3)]
    assert float(loss_of(logits, truth)) == pytest.approx(sum(steps) / 3)


@pytest.mark.parametrize("label", ["cyst", None])
def test_a_case_without_a_class_is_refused(tmp_path: Path, label: str | None) -> None:
    class Strange(Squares):
        def __getitem__(self, index: int) -> Case:
            return replace(super().__getitem__(index), label=label)

    study = Study(built("plain_cnn", RECIPE.arguments), Strange(), RECIPE, Workspace(tmp_path, print))
    with pytest.raises(PlanError, match=f"case c0 has the label {label!r}; expected one of dark, bright"):
        TRAINER.train(study)


def test_a_finished_training_decodes_no_case(tmp_path: Path) -> None:
    before = trained(tmp_path, epochs=1)

    class Gone(Squares):
        def __getitem__(self, index: int) -> Case:
            raise AssertionError("decoded")

    recipe = replace(RECIPE, schedule=replace(RECIPE.schedule, epochs=1))
    after = TRAINER.train(Study(built("plain_cnn", RECIPE.arguments), Gone(), recipe, Workspace(tmp_path, print)))
    assert torch.equal(before.linear.weight, after.linear.weight)  # type: ignore[arg-type,union-attr]


def test_the_file_of_a_trained_network_keeps_what_it_was_taught(tmp_path: Path) -> None:
    network = trained(tmp_path, epochs=2)
    file: ModelFile = model_file(RECIPE, Squares(), network.state_dict())
    case = held_out()[1]
    with torch.no_grad():
        logits = network(torch.from_numpy(case.image)[None]).softmax(dim=1)[0]
    scores = model_of(file, "cpu").predict([case])[0].scores
    # The file holds the weights in half precision.
    assert [scores[name] for name in Squares.classes] == pytest.approx(logits.tolist(), abs=5e-3)
