"""A free energy as a score and as a likeness, with a calibration line and without."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from xaimed.adapters.energy import Energy
from xaimed.adapters.loading import PLAIN
from xaimed.adapters.modelfile import ModelFile
from xaimed.architectures.rbm import RBM
from xaimed.types import Case

LINE = {"energy": {"slope": 0.4, "intercept": 1.0}}


def model(calibration: dict[str, dict[str, float]], classes: tuple[str, ...] = ("anomaly",)) -> Energy:
    torch.manual_seed(0)
    network = RBM(16, 5, "binary")
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    file = ModelFile("rbm", {}, "energy", classes, {**PLAIN, "channels": 1}, network.state_dict(),
                     calibration=calibration)
    return Energy(file, network)


def case() -> Case:
    return Case(id="c", image=np.random.default_rng(0).random((1, 4, 4)).astype(np.float32))


def test_the_line_makes_a_score_of_the_class() -> None:
    energy = float(model(LINE).see(case()).output)
    expected = 1 / (1 + math.exp(-(0.4 * energy + 1.0)))
    assert model(LINE).predict([case()])[0].scores == {"anomaly": pytest.approx(expected)}
    assert model(LINE, ()).predict([case()])[0].scores == {"energy": pytest.approx(expected)}
    assert model({}).predict([case()])[0].scores == {}


@pytest.mark.parametrize("calibration", [LINE, {}])
def test_the_likeness_falls_as_the_free_energy_moves(calibration: dict[str, dict[str, float]]) -> None:
    [scene] = model(calibration).scenes(case())
    images = torch.cat([scene.image, scene.image * 0.5, 1 - scene.image])
    moved = scene.score(images).detach() - scene.score(scene.image).detach()
    expected = torch.exp(-0.4 * moved.abs()) if calibration else torch.exp(-moved.clamp(min=0))
    torch.testing.assert_close(scene.similarity(images), expected)
    assert float(scene.similarity(images)[0]) == 1


def test_its_own_map_is_that_of_the_machine() -> None:
    adapted = model(LINE)
    [scene] = adapted.scenes(case())
    assert scene.evidence is not None
    with torch.no_grad():
        torch.testing.assert_close(scene.evidence(scene.image), adapted.network.evidence(scene.image)[:, 0])  # type: ignore[operator]
