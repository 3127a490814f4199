"""The fits on radiomic features: the network answers as scikit-learn does, and wrong studies are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from tests.training.study import study_of
from xaimed.architectures.radiomic import Radiomic, build
from xaimed.architectures.radiomic_tree import RadiomicTree
from xaimed.errors import PlanError
from xaimed.training.radiomic import TRAINER, fit_logistic
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study

LINEAR = Recipe("r", "classification", "radiomic", {"outputs": 2}, "toy", trainer="radiomic", options={"strength": 0.5})
TREE = replace(LINEAR, architecture="radiomic_tree", arguments={"outputs": 2, "depth": 3}, options={"leaf": 4})


def seen(study: Study) -> tuple[torch.Tensor, np.ndarray]:
    cases = list(study.cases())
    return (torch.from_numpy(np.stack([case.image for case in cases])),
            np.array([study.dataset.classes.index(str(case.label)) for case in cases]))


def test_logistic_regression_is_scikit_learns(tmp_path: Path) -> None:
    study = study_of(LINEAR, tmp_path)
    network = TRAINER.train(study)
    assert isinstance(network, Radiomic)
    images, labels = seen(study)
    with torch.no_grad():
        features = network.standard(images).double().numpy()
        ours = network(images).softmax(dim=1).numpy()
    assert features.mean(axis=0) == pytest.approx(0, abs=1e-4)
    theirs = LogisticRegression(C=0.5, max_iter=10_000, tol=1e-8).fit(features, labels)
    assert ours == pytest.approx(theirs.predict_proba(features), abs=1e-4)


def test_the_tree_is_scikit_learns_and_learns(tmp_path: Path) -> None:
    study = study_of(TREE, tmp_path)
    network = TRAINER.train(study)
    assert isinstance(network, RadiomicTree)
    images, labels = seen(study)
    with torch.no_grad():
        features = network.standard(images).double().numpy()
        found = network(images).argmax(dim=1).numpy()
    theirs = DecisionTreeClassifier(max_depth=3, min_samples_leaf=4, random_state=0).fit(features, labels)
    assert (found == theirs.predict(features)).all()
    leaves = np.bincount(network.leaf(torch.from_numpy(features)).numpy())
    assert leaves[leaves > 0].min() >= 4


def test_three_classes_have_a_logit_each() -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(90) % 3
    features = draw.normal(size=(90, 30)) + 2 * np.eye(3, 30)[labels]
    network = build(outputs=3)
    assert isinstance(network, Radiomic)
    fit_logistic(network, features, labels, 1.0)
    with torch.no_grad():
        ours = network.linear(torch.from_numpy(features).float()).softmax(dim=1).numpy()
    theirs = LogisticRegression(C=1.0, max_iter=10_000, tol=1e-8).fit(features, labels).predict_proba(features)
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_fitting_again_gives_the_same(tmp_path: Path) -> None:
    for recipe in (LINEAR, TREE):
        first, second = (TRAINER.train(study_of(recipe, tmp_path / name)).state_dict() for name in "ab")
        assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(("change", "words"), [
    ({"architecture": "plain_cnn", "arguments": {}}, "expected 'radiomic' or 'radiomic_tree'"),
    ({"options": {"strength": 0.0}}, "expected positive numbers"),
    ({"options": {"leaf": 0}}, "expected positive numbers"),
    ({"options": {"leaves": 3}}, "'leaves'"),
    ({"arguments": {"outputs": 3}}, "expected one a class"),
])
def test_wrong_studies_are_one_line(change: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=words):
        TRAINER.train(study_of(replace(LINEAR, **change), tmp_path))  # type: ignore[arg-type]


def test_cases_without_a_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="expected one of above, below"):
        TRAINER.train(study_of(LINEAR, tmp_path, label=None))
