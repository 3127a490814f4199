"""Input x gradient, SmoothGrad and guided backpropagation: known answers, parity with captum, and no trace."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution import GuidedBackprop, InputXGradient, Saliency, SmoothGrad
from xaimed.attribution.smooth_grad import tissue_range
from xaimed.errors import ModelError, PlanError


@pytest.fixture(scope="module")
def captum() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import captum.attr
    return captum.attr


def test_input_times_gradient_is_exact_on_a_linear_model_and_equals_captum(captum: ModuleType) -> None:
    net, image = Linear(), images(1)
    found = InputXGradient().attribute(scene(net, image))
    assert np.allclose(found.values, (net.weight * image).detach()[0, 0], atol=1e-6)
    cnn, batch = small_cnn(3), images(2, 3)
    theirs = captum.InputXGradient(cnn).attribute(batch.clone().requires_grad_(), target=[1, 2]).detach().sum(1)
    assert np.allclose(InputXGradient()(cnn, batch, targets=[1, 2]).values, theirs, atol=1e-6)


def test_input_times_gradient_counts_from_its_baseline() -> None:
    image = torch.full((1, 1, SIZE, SIZE), 0.4)
    image[..., 3, 3] = 1.0
    found = InputXGradient(baseline="tissue_median").attribute(scene(Wrapped(lambda x: x.sum((1, 2, 3))), image))
    assert found.values[3, 3] == pytest.approx(0.6)
    assert np.count_nonzero(found.values) == 1


def test_smooth_grad_of_a_linear_model_is_its_gradient() -> None:
    net = Linear()
    found = SmoothGrad(samples=3, absolute=False).attribute(scene(net, images(1)))
    assert np.allclose(found.values, net.weight.detach()[0], atol=1e-6)
    assert found.facts["noise_error"] == pytest.approx(0, abs=1e-3)


def test_smooth_grad_smooths_a_step_as_the_normal_density_does() -> None:
    """The expected gradient of relu(x - c) under noise of sd s is Phi((x - c) / s)."""
    image = torch.linspace(0, 1, SIZE * SIZE).view(1, 1, SIZE, SIZE)
    view = scene(Wrapped(lambda x: (x - 0.5).relu().sum((1, 2, 3))), image)
    found = SmoothGrad(samples=400, noise=0.2, absolute=False).attribute(view)
    expected = torch.distributions.Normal(0.5, 0.2).cdf(image)[0, 0].numpy()
    error = np.linalg.norm(found.values - expected) / np.linalg.norm(expected)
    assert error < 0.05
    assert found.facts["noise_error"] == pytest.approx(error, rel=0.15)


def test_the_noise_is_relative_to_the_tissue_and_no_chunk_changes_it() -> None:
    tissue = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    tissue[:, :8] = True
    image = images(1) * 0.25
    image[..., 12] = 50.0
    view = scene(small_cnn(), image, tissue=tissue)
    assert tissue_range(view) < 0.25
    maps = [SmoothGrad(samples=7).attribute(scene(small_cnn(), image, tissue=tissue, chunk=c)) for c in (1, 3, 7)]
    assert maps[0].facts["noise_sd"] == pytest.approx(0.1 * tissue_range(view))
    assert np.allclose(maps[0].values, maps[1].values, atol=1e-6)
    assert np.allclose(maps[0].values, maps[2].values, atol=1e-6)
    assert not np.allclose(maps[0].values, SmoothGrad(samples=7, seed=1).attribute(view).values)
    with pytest.raises(PlanError, match="samples >= 1"):
        SmoothGrad(samples=0)


class Functional(nn.Module):
    """A small CNN with one ReLU module used twice, a functional one, a method, and one in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.three, self.four = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.last = nn.ReLU(inplace=True), nn.Linear(4 * SIZE * SIZE, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.two(self.act(self.one(x))))
        x = torch.nn.functional.relu(self.three(x)).relu()
        return self.last(torch.relu_(self.four(x)).flatten(1))


def by_hand(net: Functional, image: Tensor, target: int) -> Tensor:
    """Guided backpropagation through the same layers, written out backwards."""
    with torch.no_grad():
        inputs, x = [], image
        for layer in (net.one, net.two, net.three, net.four):
            inputs.append(layer(x))
            x = inputs[-1].relu()
        back = net.last.weight[target].view(1, 4, SIZE, SIZE)
        for layer, before in zip((net.four, net.three, net.two, net.one), reversed(inputs), strict=True):
            back = torch.nn.functional.conv_transpose2d(back.relu() * (before > 0), layer.weight, padding=1)
    return back


def test_guided_backprop_equals_the_pass_written_out_for_every_kind_of_relu() -> None:
    net, image = Functional().eval(), images(1)
    found = GuidedBackprop().attribute(scene(net, image, target=2))
    assert np.allclose(found.values, by_hand(net, image, 2)[0, 0], atol=1e-6)
    assert found.facts["relus"] == 5
    assert "fails the sanity gate by design" in found.note
    assert not np.allclose(found.values, Saliency(absolute=False).attribute(scene(net, image, target=2)).values)


@pytest.mark.parametrize("inplace", [False, True])
def test_guided_backprop_equals_captum(inplace: bool, captum: ModuleType) -> None:
    image = images(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum.GuidedBackprop(small_cnn()).attribute(image.clone().requires_grad_(), target=1).detach()
    ours = GuidedBackprop()(small_cnn(inplace=inplace), image, targets=[1])
    assert np.allclose(ours.maps[0], theirs[0, 0], atol=1e-6)


def test_guided_backprop_stops_at_the_top_of_a_relu6() -> None:
    image = torch.tensor([-1.0, 3.0, 7.0, 2.0]).view(1, 1, 2, 2)
    for act in (nn.ReLU6(), nn.ReLU6(inplace=True), torch.nn.functional.relu6, nn.Hardtanh(0.0, 6.0)):
        net = Wrapped(lambda x, act=act: (act(x * 1) * torch.tensor([1.0, 1, 1, -1]).view(1, 1, 2, 2)).sum((1, 2, 3)))
        found = GuidedBackprop().attribute(scene(net, image))
        assert found.values.ravel().tolist() == [0, 1, 0, 0]
    with pytest.raises(ModelError, match="use saliency"):
        GuidedBackprop().attribute(scene(Wrapped(lambda x: nn.Hardtanh()(x).sum((1, 2, 3))), image))


METHODS = [InputXGradient(), SmoothGrad(samples=3), GuidedBackprop(), Saliency()]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_nothing_is_left_behind_when_the_network_fails(method: Saliency) -> None:
    net = small_cnn(inplace=True).train()

    def score(batch: Tensor) -> Tensor:
        torch.nn.functional.relu(batch)
        raise ValueError("broken")

    view = scene(Wrapped(score), images(1))
    before = state(net)
    with pytest.raises(ValueError, match="broken"):
        method.attribute(view)
    assert same(before, state(net))
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(-torch.relu(x).sum(), x)
    assert gradient.tolist() == [0, -1], "relu itself is as before"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_recurrent_network_in_place_relu_and_batches_agree(method: Saliency) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.rnn, self.act, self.out = nn.LSTM(SIZE, 5, batch_first=True), nn.ReLU(), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.act(self.rnn(x[:, 0])[0][:, -1]))

    net, batch = Recurrent().train(), images(3)
    together = method(net, batch, targets=[0, 1, 0])
    alone = method(net, batch[1:2], targets=[1])
    assert net.training
    assert np.allclose(together.maps[1], alone.maps[0], atol=1e-6)
    plain, inplace = (method(small_cnn(inplace=flag), batch, targets=[0, 1, 2]).values for flag in (False, True))
    assert np.allclose(plain, inplace, atol=1e-6)
