"""Training of autoencoders: only normal images teach, the threshold comes from validation, noise is taken out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.study import stop, study_of
from xaimed.metrics.calibration import calibrated
from xaimed.training.anomaly import NORMAL_SHARE, TRAINER
from xaimed.training.course import model_file
from xaimed.training.recipe import Recipe
from xaimed.training.settling import image_scores, model_of, outputs

RECIPE = Recipe("a", "anomaly", "stacked_autoencoder", {"shape": [1, 12, 12], "widths": [24]}, "toy")


def test_what_was_not_learned_is_rebuilt_worse_and_found(tmp_path: Path) -> None:
    study = study_of(RECIPE, tmp_path, normal="above")
    network = TRAINER.train(study)
    cases = [study.dataset[i] for i, row in enumerate(study.dataset.rows) if row.split == "val"]
    settled = TRAINER.settle(model_file(study.recipe, study.dataset, network.state_dict()), study.recipe, cases, "cpu")
    scores = image_scores(outputs(model_of(settled, "cpu"), cases)[2], "anomaly")
    for case in cases:
        assert (scores[case.id] >= settled.operating_point) == (case.label == "anomaly")


def test_the_threshold_of_normal_cases_alone_is_their_percentile(tmp_path: Path) -> None:
    study = study_of(RECIPE, tmp_path, normal="above")
    file = model_file(study.recipe, study.dataset, study.network.state_dict())
    cases = [study.dataset[i] for i, row in enumerate(study.dataset.rows) if row.label == "normal"]
    settled = TRAINER.settle(file, study.recipe, cases, "cpu")
    scores = image_scores(outputs(model_of(file, "cpu"), cases)[2], "anomaly")
    assert settled.operating_point == pytest.approx(np.quantile(list(scores.values()), NORMAL_SHARE), rel=1e-5)


def test_noise_is_added_to_the_input_alone(tmp_path: Path) -> None:
    noisy = replace(RECIPE, options={"noise": 0.5})
    study = study_of(noisy, tmp_path / "noisy", normal="above")
    network, plain = TRAINER.train(study), TRAINER.train(study_of(RECIPE, tmp_path / "plain", normal="above"))
    images = torch.from_numpy(np.stack([case.image for case in study.cases()]))
    disturbed = images + 0.5 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        errors = [float((net(disturbed) - images).square().mean()) for net in (network, plain)]
    assert errors[0] < errors[1]


def test_a_course_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = TRAINER.train(study_of(RECIPE, tmp_path / "whole", normal="above"))
    stop(TRAINER, study_of(RECIPE, tmp_path / "cut", normal="above"), after=4)
    again = TRAINER.train(study_of(RECIPE, tmp_path / "cut", normal="above"))
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, rtol=0, atol=0)


def test_the_error_gets_a_line_to_a_probability_where_some_are_abnormal(tmp_path: Path) -> None:
    study = study_of(RECIPE, tmp_path, normal="above")
    file = model_file(study.recipe, study.dataset, TRAINER.train(study).state_dict())
    cases = [study.dataset[i] for i, row in enumerate(study.dataset.rows) if row.split == "val"]
    settled = TRAINER.settle(file, study.recipe, cases, "cpu")
    scores = image_scores(outputs(model_of(settled, "cpu"), cases)[2], "anomaly")
    line = settled.calibration["anomaly"]
    found = calibrated(np.array([scores[case.id] for case in cases]), line["slope"], line["intercept"])
    odd = np.array([case.label == "anomaly" for case in cases])
    # A line fitted by likelihood gives the share of the abnormal as its mean, but for Platt's softening.
    assert found.mean() == pytest.approx(odd.mean(), abs=0.02)
    assert found[odd].min() > 0.5 > found[~odd].max()
    normal = [case for case in cases if case.label == "normal"]
    assert TRAINER.settle(file, study.recipe, normal, "cpu").calibration == {}
