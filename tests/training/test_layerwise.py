"""Greedy training before fine-tuning: it learns, goes on where it was cut off, and refuses what it cannot train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from tests.training.study import stop, study_of
from xaimed.adapters.modelfile import built
from xaimed.architectures.dbn import DBN
from xaimed.architectures.wavelet_dbn import WaveletDBN
from xaimed.errors import PlanError
from xaimed.training.boltzmann import stacked
from xaimed.training.example import example, prepared_for
from xaimed.training.greedy import LayerPlan
from xaimed.training.layerwise import TRAINER, pretrain
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.training.wavelet_choice import chosen, p_value, statistic, weakest

OPTIONS = {"epochs": 5, "batch": 16, "rate": 0.1}
DEEP = Recipe("d", "classification", "dbn", {"outputs": 2, "shape": [1, 12, 12], "widths": [24, 12]}, "toy",
              trainer="layerwise", options=OPTIONS)
WAVELET = replace(DEEP, architecture="wavelet_dbn",
                  arguments={"outputs": 2, "side": 12, "kept": 20, "widths": [24, 12]})
STACK = replace(DEEP, task="anomaly", architecture="stacked_autoencoder",
                arguments={"shape": [1, 12, 12], "widths": [24, 8]})


def all_of(study: Study) -> tuple[torch.Tensor, torch.Tensor]:
    cases = list(study.cases())
    classes = [study.dataset.classes.index(str(case.label)) for case in cases]
    return torch.from_numpy(np.stack([case.image for case in cases])), torch.tensor(classes)


@pytest.mark.parametrize("recipe", [DEEP, WAVELET], ids=["dbn", "wavelet_dbn"])
def test_a_belief_network_learns_and_goes_on(recipe: Recipe, tmp_path: Path) -> None:
    study = study_of(recipe, tmp_path / "whole")
    network = TRAINER.train(study)
    images, classes = all_of(study)
    with torch.no_grad():
        assert float((network(images).argmax(dim=1) == classes).float().mean()) > 0.95
    # Two layers speak six times each, and the choice of coefficients once; then come epochs of the fine-tuning.
    stop(TRAINER, study_of(recipe, tmp_path / "cut"), after=16)
    again = TRAINER.train(study_of(recipe, tmp_path / "cut"))
    for key, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, rtol=0, atol=0)


def test_the_layers_are_trained_before_the_tuning(tmp_path: Path) -> None:
    study = study_of(DEEP, tmp_path)
    cases = list(study.cases())
    examples = [example(case, prepared_for(case, study.recipe), None, study.dataset.classes) for case in cases]
    assert isinstance(study.network, DBN)
    images = stacked(examples, study.recipe).flatten(1)
    first = study.network.machines[0]
    with torch.no_grad():
        before = float((first.rebuilt(images) - images).square().mean())
    top = study.network.linear.weight.detach().clone()
    said: list[str] = []
    pretrain(study.network, examples, study.recipe, LayerPlan(epochs=5, batch=16, rate=0.1), said.append)
    with torch.no_grad():
        assert float((first.rebuilt(images) - images).square().mean()) < 0.5 * before
    assert torch.equal(study.network.linear.weight, top)
    assert said[0] == "layer 1 of 2"


def test_a_wavelet_network_keeps_the_coefficients_that_tell_the_classes_apart(tmp_path: Path) -> None:
    study = study_of(WAVELET, tmp_path)
    network = TRAINER.train(study)
    assert isinstance(network, WaveletDBN)
    images, classes = all_of(study)
    with torch.no_grad():
        code, every = network.code(images), network.coefficients(images)
    # The means of 4 x 4 pixels above and below, and the differences of rows in the middle blocks, half of each.
    plain = {0, 1, 2, 6, 7, 8, 21, 22, 23}
    assert set(chosen(every, classes.numpy(), 9).kept.tolist()) == plain
    assert plain < set(network.kept.tolist())
    assert weakest(every, classes.numpy(), chosen(every, classes.numpy(), 9)) < 1e-6
    assert weakest(every, classes.numpy(), chosen(every, classes.numpy(), 144)) > 0.1
    torch.testing.assert_close(code.mean(dim=0), torch.zeros(20), rtol=0, atol=0.02)
    torch.testing.assert_close(code.std(dim=0, unbiased=False), torch.ones(20), rtol=0, atol=0.02)


def test_the_statistic_is_that_of_scipy_with_ties() -> None:
    draw = np.random.default_rng(0)
    values = np.round(draw.normal(size=(60, 7)), 1) * (draw.random((60, 7)) < 0.6)
    inside = draw.random(60) < 0.4
    values[inside, 2] += 1
    found = statistic(values, inside)
    for column, one in enumerate(found):
        wanted = ks_2samp(values[inside, column], values[~inside, column], method="asymp")
        assert one == pytest.approx(wanted.statistic)
    assert p_value(0.9, 40, 60) < 0.01 < p_value(0.1, 40, 60)


def test_more_coefficients_than_there_are_is_one_line() -> None:
    with pytest.raises(PlanError, match="5 coefficients to choose of 4"):
        chosen(torch.rand(10, 4), np.arange(10) % 2, 5)


def test_a_stacked_autoencoder_rebuilds_what_it_learned(tmp_path: Path) -> None:
    study = study_of(STACK, tmp_path, normal="above")
    network = TRAINER.train(study)
    normal, odd = (torch.from_numpy(np.stack([
        study.dataset[i].image for i, row in enumerate(study.dataset.rows) if row.label == label]))
        for label in ("normal", "anomaly"))
    with torch.no_grad():
        errors = [(network(images) - images).square().mean(dim=(1, 2, 3)) for images in (normal, odd)]
    assert float(errors[0].max()) < float(errors[1].min())
    # Better than the mean image, which is the trivial answer.
    assert float(errors[0].mean()) < float((normal - normal.mean(dim=0)).square().mean()) * 1.5


@pytest.mark.parametrize(("change", "said"), [
    ({"task": "segmentation"}, "trainer 'layerwise' with task 'segmentation'"),
    ({"architecture": "lenet", "arguments": {"outputs": 2}}, "trainer 'layerwise' with architecture 'lenet'"),
    ({"options": {"epoch": 3}}, "did you mean 'epochs'"),
    ({"options": {"corruption": 1.0}}, "corruption 1.0")])
def test_what_it_cannot_train_is_one_line(change: dict[str, object], said: str, tmp_path: Path) -> None:
    study = study_of(DEEP, tmp_path)
    recipe = replace(study.recipe, **change)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match=said):
        TRAINER.train(replace(study, recipe=recipe, network=built(recipe.architecture, dict(recipe.arguments))))
