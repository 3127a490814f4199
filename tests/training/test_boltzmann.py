"""Training of Boltzmann machines: they learn a tiny problem, the free energy becomes a score, cut-off courses go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.study import stop, study_of
from xaimed.adapters.modelfile import ModelFile, built, read_model, write_model
from xaimed.architectures.class_rbm import ClassRBM
from xaimed.architectures.class_rbm import build as build_class
from xaimed.errors import PlanError
from xaimed.training.boltzmann import TRAINER, Options, energy_line, stacked
from xaimed.training.contrastive import class_gibbs
from xaimed.training.course import model_file
from xaimed.training.example import example, prepared_for
from xaimed.training.recipe import Recipe
from xaimed.training.settling import model_of

RBM = Recipe("r", "energy", "rbm", {"shape": [1, 12, 12], "hidden": 16}, "toy", trainer="boltzmann")
CLASS = replace(RBM, task="classification", architecture="class_rbm", options={"generative": 0.01},
                arguments={"outputs": 2, "shape": [1, 12, 12], "hidden": 16})
DBM = replace(CLASS, architecture="dbm", arguments={"outputs": 2, "side": 12, "widths": [16, 8], "steps": 5})


def test_free_energy_tells_what_was_learned_from_what_was_not(tmp_path: Path) -> None:
    study = study_of(RBM, tmp_path, normal="above")
    network = TRAINER.train(study)
    assert not network.training
    file = model_file(study.recipe, study.dataset, network.state_dict())
    cases = [study.dataset[i] for i, row in enumerate(study.dataset.rows) if row.split == "val"]
    settled = TRAINER.settle(file, study.recipe, cases, "cpu")
    found = model_of(settled, "cpu").predict(cases)
    odd = [case.label == "anomaly" for case in cases]
    scores = [prediction.scores["anomaly"] for prediction in found]
    assert 0 < sum(odd) < len(odd)
    assert min(s for s, o in zip(scores, odd, strict=True) if o) > max(
        s for s, o in zip(scores, odd, strict=True) if not o)
    assert all((score >= settled.operating_point) == o for score, o in zip(scores, odd, strict=True))


def test_the_line_is_half_at_the_border_and_rises() -> None:
    energies = np.array([-130.0, -128, -127, -126, -110, -108, -105])
    slope, intercept = energy_line(energies, energies > -115)
    score = 1 / (1 + np.exp(-(slope * energies + intercept)))
    assert (np.diff(score) > 0).all()
    assert score[3] < 0.5 < score[4]
    # A shift of all energies, which says nothing, changes no score.
    moved = energy_line(energies + 1000, energies > -115)
    np.testing.assert_allclose(moved[0] * (energies + 1000) + moved[1], slope * energies + intercept, atol=1e-6)


def test_all_normal_ones_are_put_below_half_but_a_few() -> None:
    energies = np.linspace(-10, 10, 101)
    slope, intercept = energy_line(energies, np.zeros(101, bool))
    assert (slope * energies + intercept < 0).mean() == pytest.approx(0.95, abs=0.011)
    assert slope == pytest.approx(1 / energies.std())


@pytest.mark.parametrize("recipe", [CLASS, DBM], ids=["class_rbm", "dbm"])
def test_classes_are_learned_beside_the_divergence(recipe: Recipe, tmp_path: Path) -> None:
    channels = 2 if recipe.architecture == "dbm" else 1
    study = study_of(recipe, tmp_path, channels=channels)
    network = TRAINER.train(study)
    cases = list(study.cases())
    images = torch.from_numpy(np.stack([case.image for case in cases]))
    truth = torch.tensor([study.dataset.classes.index(str(case.label)) for case in cases])
    with torch.no_grad():
        assert float((network(images).argmax(dim=1) == truth).float().mean()) > 0.95
    said = (tmp_path / "curve.jsonl").read_text()
    assert "divergence" in said
    assert "cross-entropy" in said


def test_a_course_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = TRAINER.train(study_of(RBM, tmp_path / "whole", normal="above"))
    stop(TRAINER, study_of(RBM, tmp_path / "cut", normal="above"), after=3)
    again = TRAINER.train(study_of(RBM, tmp_path / "cut", normal="above"))
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, rtol=0, atol=0)


def test_the_chain_of_a_class_machine_draws_from_its_joint_distribution() -> None:
    torch.manual_seed(0)
    machine = build_class(outputs=3, shape=(1, 1, 3), hidden=2)
    assert isinstance(machine, ClassRBM)
    for weight in machine.parameters():
        torch.nn.init.normal_(weight, std=0.8)
    every = torch.tensor([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]).float()
    with torch.no_grad():
        exact = torch.stack([-machine.joint_free_energy(every, torch.full((8,), y)) for y in range(3)], dim=1)
    exact = exact.flatten().softmax(dim=0).reshape(8, 3)
    images, classes = class_gibbs(machine, torch.zeros(20000, 3), torch.zeros(20000, dtype=torch.long), 30)
    number = (images @ torch.tensor([1.0, 2, 4])).long()
    found = torch.zeros(8, 3).index_put((number, classes), torch.ones(20000), accumulate=True) / 20000
    torch.testing.assert_close(found, exact, rtol=0, atol=0.015)


def test_wrong_options_architectures_and_labels_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="steps 0"):
        Options(steps=0)
    study = study_of(CLASS, tmp_path / "a")
    wrong = replace(study, network=built("lenet", {"outputs": 2}), recipe=replace(CLASS, architecture="lenet"))
    with pytest.raises(PlanError, match="trainer 'boltzmann' with architecture 'lenet'"):
        TRAINER.train(wrong)
    nameless = study_of(CLASS, tmp_path / "b", label=None)
    with pytest.raises(PlanError, match="no label among the classes"):
        TRAINER.train(nameless)


def test_a_settled_energy_survives_the_file(tmp_path: Path) -> None:
    network = built("rbm", dict(RBM.arguments))
    file = ModelFile("rbm", RBM.arguments, "energy", ("anomaly",), {}, network.state_dict(),
                     calibration={"energy": {"slope": 0.5, "intercept": 1.0}})
    write_model(tmp_path / "model.pt", file)
    assert read_model(tmp_path / "model.pt").calibration["energy"]["slope"] == 0.5


def test_images_are_stacked_as_the_network_sees_them(tmp_path: Path) -> None:
    recipe = replace(RBM, input={"mean": [0.5], "std": [0.25]})
    study = study_of(recipe, tmp_path)
    cases = list(study.cases())[:2]
    made = stacked([example(case, prepared_for(case, study.recipe), None, ()) for case in cases], recipe)
    wanted = (np.stack([case.image for case in cases]) - 0.5) / 0.25
    np.testing.assert_allclose(made.numpy(), wanted, atol=0.5 / 255 / 0.25 + 1e-6)
