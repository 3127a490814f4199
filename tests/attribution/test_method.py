"""The engine: no trace, no hidden fault, the same for one image and for many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import Linear, Wrapped, images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution import GradCAM, IntegratedGradients, KernelSHAP, Method, Saliency, Sobel
from xaimed.errors import InputError, ModelError, TargetError

QUICK = [
    GradCAM(layer="0"),
    Saliency(),
    IntegratedGradients(max_steps=24),
    KernelSHAP(regions=9, evaluations=32, shape="grid"),
]


@pytest.mark.parametrize("method", QUICK, ids=lambda method: method.name)
def test_one_image_at_a_time_gives_the_same_as_many_in_train_mode(method: Method) -> None:
    net, batch = small_cnn(channels=3).train(), images(4, channels=3)
    before = state(net)
    many = method(net, batch, targets=[0, 1, 2, 1])
    single = [method(net, batch[i : i + 1], targets=[t]).maps[0] for i, t in enumerate([0, 1, 2, 1])]
    # A convolution of another batch size may add in another order: nothing beyond rounding may differ.
    np.testing.assert_allclose(many.values, np.stack(single), rtol=0, atol=3e-6 * np.abs(many.values).max())
    assert same(before, state(net))
    with torch.no_grad():
        best = net.eval()(batch).argmax(1)
    assert method(net, batch).targets == tuple(str(int(index)) for index in best)


@pytest.mark.parametrize("method", QUICK, ids=lambda method: method.name)
def test_no_trace_is_left_when_the_network_fails(method: Method) -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.calls = small_cnn().train(), 0

        def forward(self, batch: Tensor) -> Tensor:
            self.calls += 1
            # The first pass without gradient looks for layers.
            if self.calls > 1 or torch.is_grad_enabled():
                self.net[0](batch)
                raise ValueError("no memory")
            out: Tensor = self.net(batch)
            return out

    net, batch = Failing(), images(1).requires_grad_()
    renamed = replace(method, layer="net.0") if isinstance(method, GradCAM) else method
    before, draws = state(net), torch.get_rng_state()
    with pytest.raises(ValueError, match="no memory"):
        renamed(net, batch)
    assert same(before, state(net))
    assert torch.equal(draws, torch.get_rng_state())
    assert batch.requires_grad
    assert batch.grad is None
    assert torch.is_grad_enabled()


def test_random_numbers_drawn_by_the_network_are_given_back() -> None:
    draws = torch.get_rng_state()
    Saliency()(Wrapped(lambda x: (x * torch.rand(1)).sum((1, 2, 3))), images(1))
    assert torch.equal(draws, torch.get_rng_state())


def test_it_works_where_gradients_are_switched_off() -> None:
    net, batch = small_cnn(), images(1)
    expected = Saliency()(net, batch).values
    with torch.no_grad():
        assert np.array_equal(Saliency()(net, batch).values, expected)
    with torch.inference_mode():
        assert np.array_equal(Saliency()(net, batch.clone()).values, expected)


def test_a_network_that_views_its_maps_gets_the_same_map() -> None:
    batch = images(1, channels=3)
    for method in QUICK:
        flat, viewed = (
            method(small_cnn(channels=3, viewed=v), batch, targets=[1]).values for v in (False, True)
        )
        assert np.allclose(flat, viewed, atol=1e-6)


def test_batch_statistics_do_not_mix_the_images_of_a_chunk() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(588, 2),
    )
    view = scene(net, images(1))
    method = IntegratedGradients(max_steps=24, tolerance=10)
    assert np.allclose(method.attribute(view).values, method.attribute(replace(view, chunk=1)).values)


@pytest.mark.parametrize("method", QUICK, ids=lambda method: method.name)
def test_nan_is_reported(method: Method) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(512, 2))
    net[2].weight.data[:] = torch.nan
    found = method(net, images(1), targets=[1])
    assert "not finite" in found.notes[0]
    assert np.isnan(found.maps[0]).any()
    assert found.facts[0]["evaluations"] <= 40


@pytest.mark.parametrize("method", QUICK, ids=lambda method: method.name)
def test_a_constant_network_is_reported(method: Method) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(512, 2))
    nn.init.zeros_(net[2].weight)
    found = method(net, images(1), targets=[1])
    assert "constant" in found.notes[0] or "not converged" in found.notes[0]
    assert np.ptp(found.maps[0]) == 0.0


def test_integer_and_foreign_inputs_are_refused() -> None:
    net = small_cnn()
    with pytest.raises(InputError, match="expected floating point"):
        Saliency()(net, torch.zeros(1, 1, 16, 16, dtype=torch.uint8))
    broken = images(1)
    broken[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="1 pixels are NaN or infinite"):
        Saliency()(net, broken)
    with pytest.raises(TargetError, match="2 targets for 1 images"):
        Saliency()(net, images(1), targets=[0, 1])
    with pytest.raises(TargetError, match="class index from 0 to 2"):
        Saliency()(net, images(1), targets=[3])
    with pytest.raises(TargetError, match="expected class logits"):
        Saliency()(nn.Conv2d(1, 1, 3), images(1))
    with pytest.raises(InputError, match="an xaimed model"):
        Saliency()("net", images(1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"for a plain nn\.Module"):
        Saliency()(net, [])


def test_a_score_of_another_shape_is_refused() -> None:
    view = replace(scene(Linear(), images(1)), score=lambda batch: batch.sum())
    with pytest.raises(ModelError, match="expected one number"):
        Saliency().attribute(view)


def test_saliency_is_the_gradient() -> None:
    net, image = small_cnn(channels=3).double(), images(1, channels=3).double()
    move = torch.zeros_like(image)
    move[0, 1, 4, 5] = 1e-6
    with torch.no_grad():
        slope = float((net(image + move) - net(image - move))[0, 2] / 2e-6)
    leaf = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net(leaf)[0, 2], leaf)
    assert gradient[0, 1, 4, 5].item() == pytest.approx(slope, rel=1e-5)
    signed = Saliency(absolute=False)(net, image, targets=[2]).maps[0]
    assert np.allclose(signed, gradient[0].sum(0), atol=1e-6)
    assert np.allclose(Saliency()(net, image, targets=[2]).maps[0], gradient[0].abs().amax(0), atol=1e-6)


def test_sobel_of_a_ramp_is_its_slope() -> None:
    ramp = (3.0 * torch.arange(16.0)[:, None] + 4.0 * torch.arange(16.0)[None]).expand(1, 2, 16, 16)
    found = Sobel().attribute(scene(Linear(), ramp))
    assert np.allclose(found.values[1:-1, 1:-1], 5.0)
    assert found.facts["evaluations"] == 0
