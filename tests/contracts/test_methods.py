"""Every attribution method: a frozen dataclass, a right map on a scene with a known answer, and no trace."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest
import torch

from tests.contracts.plugins import every
from tests.contracts.scene import HIGH, LOW, SIDE, Corner, corner_scene
from xaimed import registry
from xaimed.attribution.method import Map, Method


def made(name: str) -> Method:
    method: Method = registry.load("attribution", name).METHOD()
    if method.extra:
        pytest.importorskip("zennit", reason=f"the extra {method.extra!r} is not installed")
    return method


@every("attribution")
def test_it_is_a_frozen_dataclass_under_its_name(name: str) -> None:
    kind = registry.load("attribution", name).METHOD
    assert dataclasses.is_dataclass(kind)
    assert issubclass(kind, Method)
    assert made(name).name == name
    assert made(name) == made(name)
    assert repr(made(name)).startswith(kind.__name__ + "(")
    assert getattr(importlib.import_module("xaimed.attribution"), kind.__name__) is kind
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made(name), field.name, None)


@every("attribution")
def test_its_map_lies_on_the_scene_and_repeats(name: str) -> None:
    first, second = made(name).attribute(corner_scene()), made(name).attribute(corner_scene())
    assert isinstance(first, Map)
    assert first.values.dtype == np.float32
    assert first.values.shape == (SIDE, SIDE)
    assert np.isfinite(first.values).all()
    np.testing.assert_array_equal(first.values, second.values)
    assert {"seconds", "evaluations"} <= set(first.facts)


@every("attribution")
def test_it_points_at_what_the_score_looks_at(name: str) -> None:
    if made(name).control:
        pytest.skip("a control does not look at the model")
    values = np.maximum(made(name).attribute(corner_scene()).values, 0)
    near = values[LOW - 8:HIGH + 8, LOW - 8:HIGH + 8]  # a quarter of the image
    assert near.sum() / values.sum() > 0.75
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert LOW - 8 <= row < HIGH + 8
    assert LOW - 8 <= column < HIGH + 8


@every("attribution")
@pytest.mark.parametrize("training", [False, True])
def test_it_leaves_no_trace_on_the_network(name: str, training: bool) -> None:
    scene = corner_scene()
    network = scene.network
    assert isinstance(network, Corner)
    network.train(training)
    network.blur.weight.requires_grad_(not training)
    weights, image, state = network.blur.weight.detach().clone(), scene.image.clone(), torch.get_rng_state()
    made(name).attribute(scene)
    assert network.training is training
    assert network.blur.weight.requires_grad is (not training)
    assert network.blur.weight.grad is None
    assert torch.equal(network.blur.weight, weights)
    assert torch.equal(scene.image, image)
    assert not scene.image.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    assert all(not part._forward_hooks and not part._forward_pre_hooks and not part._backward_hooks
               for part in network.modules())
