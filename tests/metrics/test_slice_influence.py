"""Slice influence of a network that reads a stack: the plane share of the centre slice's mask, by distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xaimed import load_model
from xaimed.architectures import ku_net_bdc_lstm, u_net
from xaimed.attribution.method import Map
from xaimed.metrics.explaining import Ground, explanation_metrics, measure_on
from xaimed.scene import Scene
from xaimed.types import Case

SIDE, DEPTH = 16, 5


def shares(scene: Scene) -> list[float]:
    blank = Map(np.zeros((SIDE, SIDE), np.float32))
    rows = measure_on(scene, {"none": blank}, Ground(None, np.ones((SIDE, SIDE), bool)),
                      explanation_metrics(["plane_share"]))
    return [row.value for row in sorted(rows, key=lambda row: row.metric)]


def scene_of(network: torch.nn.Module) -> Scene:
    pixels = np.full((DEPTH, SIDE, SIDE), 0.5, np.float32)
    pixels += np.random.default_rng(0).random((1, SIDE, SIDE), dtype=np.float32) / 2  # every slice the same
    model = load_model(network, task="segmentation", classes=["membrane"], preprocessing={"channels": DEPTH})
    return model.scenes(Case("s", pixels), ["membrane"])[0]


def test_the_influence_of_a_slice_falls_with_its_distance() -> None:
    torch.manual_seed(0)
    network = ku_net_bdc_lstm.build(outputs=1, width=4, depth=2, hidden=4)
    network.linear.bias.data.fill_(5)  # so that there is a mask
    found = shares(scene_of(network))
    assert sum(found) == pytest.approx(1)
    assert found[2] > found[1] > found[0] > 0
    assert found[2] > found[3] > found[4] > 0


def test_a_u_net_over_planes_weighs_them_as_its_first_layer_does() -> None:
    """Only plane 3 enters: its share is 1."""
    torch.manual_seed(0)
    network = u_net.build(inputs=DEPTH, outputs=1, width=2, depth=2)
    network.linear.bias.data.fill_(5)
    network.body.down[0][0].weight.data[:, [0, 1, 2, 4]] = 0
    assert shares(scene_of(network)) == pytest.approx([0, 0, 0, 1, 0])
