"""What every registered method keeps; a new file of xaimed/attribution is covered without a change here."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests.attribution.networks import images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution.method import Method
from xaimed.explain import method_of
from xaimed.registry import load, names

METHODS = names("attribution")


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return here(request.param)


def here(name: str) -> Method:
    """The method, if the package of its extra is installed."""
    found = method_of(name)
    if found.extra:
        pytest.importorskip("zennit", reason=f"the extra {found.extra!r} is not installed")
    return found


def test_the_file_gives_the_name_and_every_parameter_a_default(method: Method) -> None:
    assert load("attribution", method.name).METHOD is type(method)
    assert dataclasses.is_dataclass(method)
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.name = "other"  # type: ignore[misc]
    for field in dataclasses.fields(method):
        assert f"{field.name}=" in repr(method), "a parameter is missing in the caption"
    assert (type(method).__doc__ or "").strip()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_map_is_finite_and_signed_float32_on_the_grid(method: Method, channels: int) -> None:
    view = scene(small_cnn(channels), images(1, channels))
    found = method.attribute(view)
    assert found.values.dtype == np.float32
    assert found.values.shape == (16, 16)
    assert np.isfinite(found.values).all()
    assert found.note in ("", method.label)
    assert np.ptp(found.values) > 0
    assert found.facts["seconds"] > 0
    assert (found.facts["evaluations"] == 0) == method.control
    assert all(type(value) is float for value in found.facts.values())


def test_twice_is_the_same_and_leaves_no_trace(method: Method) -> None:
    net = small_cnn().train()
    view = scene(net, images(1))
    before, draws, image = state(net), torch.get_rng_state(), view.image.clone()
    first, second = method.attribute(view), method.attribute(view)
    assert np.array_equal(first.values, second.values)
    assert same(before, state(net))
    assert torch.equal(draws, torch.get_rng_state())
    assert torch.equal(image, view.image)


@pytest.mark.parametrize("name", [name for name in METHODS if method_of(name).additive])
def test_an_additive_map_sums_to_the_difference_of_the_scores(name: str) -> None:
    method = here(name)
    net = small_cnn()
    view = scene(net, images(1), target=1)
    found = method.attribute(view)
    with torch.no_grad():
        assert found.facts["f_input"] == pytest.approx(float(net(view.image)[0, 1]), abs=1e-5)
    difference = found.facts["f_input"] - found.facts["f_baseline"]
    error = abs(float(found.values.sum(dtype=np.float64)) - difference) / abs(difference)
    assert error == pytest.approx(found.facts["completeness_error"], abs=1e-4)
    assert error < 0.3


def test_another_class_gives_another_map_unless_it_is_a_control(method: Method) -> None:
    net = small_cnn()
    maps = [
        method.attribute(dataclasses.replace(scene(net, images(1), target=t), target="x")).values
        for t in (0, 2)
    ]
    assert np.allclose(maps[0], maps[1]) == (method.control or not method.discriminative)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_gives_the_same_map(method: Method) -> None:
    batch = images(2, channels=3)
    here = method(small_cnn(3), batch, targets=[0, 1])
    there = method(small_cnn(3).cuda(), batch, targets=[0, 1])
    assert np.allclose(here.values, there.values, rtol=1e-2, atol=1e-3 * float(np.abs(here.values).max()))
