"""In which layer a NaN began."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution.layers import nan_origin
from xaimed.hooks import frozen


class Root(nn.Module):
    """The square root of the absolute input: its gradient at 0 is infinity times 0."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.abs().sqrt()


def test_nothing_is_said_of_a_finite_pass_and_no_trace_is_left() -> None:
    net = small_cnn().train()
    before = state(net)
    with frozen(net):
        assert nan_origin(scene(net, images(1))) == ""
    assert same(before, state(net))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("layer", [0, 4])
def test_the_first_layer_with_a_nan_is_named_also_before_an_in_place_relu(inplace: bool, layer: int) -> None:
    net = small_cnn(inplace=inplace)
    with torch.no_grad():
        net[layer].bias[1] = torch.nan
    with frozen(net):
        assert nan_origin(scene(net, images(1))) == f"began in layer {layer}"


def test_an_infinity_in_an_inner_block_is_named_by_its_path() -> None:
    net = nn.Sequential(small_cnn()[:4], small_cnn()[4:])
    with torch.no_grad():
        net[0][1].weight[0] = torch.inf
    with frozen(net):
        assert nan_origin(scene(net, images(1))) == "began in layer 0.1"


def test_a_nan_of_the_image_or_of_the_score_is_told_apart() -> None:
    net, image = small_cnn(), images(1)
    with frozen(net):
        bad = dataclasses.replace(scene(net, image), score=lambda batch: net(batch)[:, 0] * torch.nan)
        assert nan_origin(bad) == "began in the score, behind the last layer"
        image[..., 3, 3] = torch.nan
        assert nan_origin(scene(net, image)) == "began in the image"


def test_a_gradient_that_is_not_finite_is_named_where_it_began() -> None:
    net = nn.Sequential(small_cnn()[:3], nn.Conv2d(6, 2, 1), Root(), nn.Flatten(), nn.Linear(512, 1))
    nn.init.zeros_(net[1].weight)
    nn.init.zeros_(net[1].bias)
    with frozen(net):
        assert nan_origin(scene(net, images(1))) == "began in the gradient behind layer 1"
