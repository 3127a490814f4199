"""The training of prototypes: patches of training images that can be named; a cut-off course goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.study import stop, study_of
from xaimed.architectures.prototype_net import PrototypeNet
from xaimed.errors import PlanError
from xaimed.training.classification import loss_of
from xaimed.training.prototypes import TRAINER, Options, fit_last_layer
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study

RECIPE = Recipe("p", "classification", "prototype_net", {"outputs": 2, "widths": [4, 8], "per_class": 2, "depth": 4},
                "toy", trainer="prototypes", options={"steps": 60})


def seen(study: Study) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    cases = list(study.cases())
    # As the examples are kept: 8 bits.
    images = np.stack([(case.image * 255).round() / 255 for case in cases]).astype(np.float32)
    return ([case.id for case in cases], torch.from_numpy(images),
            torch.tensor([study.dataset.classes.index(str(case.label)) for case in cases]))


def test_each_prototype_is_a_patch_of_the_training_image_that_is_named(tmp_path: Path) -> None:
    study = study_of(RECIPE, tmp_path)
    network = TRAINER.train(study)
    assert isinstance(network, PrototypeNet)
    names, images, classes = seen(study)
    rows = json.loads((tmp_path / "prototypes.json").read_text())
    assert [row["class"] for row in rows] == ["above", "above", "below", "below"]
    with torch.no_grad():
        distances = network.distances(images)
        found = network(images).argmax(dim=1)
    for p, row in enumerate(rows):
        which = names.index(row["case"])
        assert study.dataset.classes[int(classes[which])] == row["class"]
        assert float(distances[which, p, row["row"], row["column"]]) == pytest.approx(0, abs=1e-4)
    assert float((found == classes).float().mean()) > 0.95


def test_a_course_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = TRAINER.train(study_of(RECIPE, tmp_path / "whole")).state_dict()
    study = study_of(RECIPE, tmp_path / "cut")
    stop(TRAINER, study, 5)
    again = TRAINER.train(study_of(RECIPE, tmp_path / "cut")).state_dict()
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_the_last_layer_gets_better_and_foreign_weights_smaller() -> None:
    torch.manual_seed(0)
    network = PrototypeNet(2, 1, (4, 8), 2, 4).eval()
    images, classes = torch.rand(20, 1, 12, 12), torch.arange(20) % 2
    before = float(loss_of(network(images), classes).detach())
    own, codes = network.linear.weight.detach().clone(), network.codes(images).detach().clone()
    fit_last_layer(network, images, classes, Options(steps=200))
    assert float(loss_of(network(images), classes).detach()) < before
    assert torch.equal(network.codes(images).detach(), codes)
    network.linear.weight.data.copy_(own)
    fit_last_layer(network, images, classes, Options(steps=200, sparsity=10.0))
    foreign = network.classes[None] != torch.arange(2)[:, None]
    assert float(network.linear.weight.detach()[foreign].abs().max()) < 0.1


@pytest.mark.parametrize(("change", "words"), [
    ({"architecture": "plain_cnn", "arguments": {}}, "expected 'prototype_net'"),
    ({"options": {"cluster": -1.0}}, "no negative number"),
    ({"options": {"step": 3}}, "did you mean 'steps'"),
])
def test_wrong_studies_are_one_line(change: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=words):
        TRAINER.train(study_of(replace(RECIPE, **change), tmp_path))  # type: ignore[arg-type]


def test_cases_without_a_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="expected one of above, below"):
        TRAINER.train(study_of(RECIPE, tmp_path, label=None))
