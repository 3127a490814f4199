"""Formulas of the CAM family against independent sums and closed forms, and the traps of other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.attribution.networks import SIZE, images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution import (
    AblationCAM,
    EigenCAM,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    Method,
    ScoreCAM,
    XGradCAM,
)

GRADIENT = (GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM)
FREE = (EigenCAM, ScoreCAM, AblationCAM)
ALL = (*GRADIENT, *FREE)


def rectified(seed: int = 0, inplace: bool = False, channels: int = 3) -> nn.Sequential:
    """A convolution, a ReLU (layer "1") whose cells are pixels, and two positive logits, in double precision."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(channels, 5, 3, padding=1), nn.ReLU(inplace=inplace), nn.Conv2d(5, 4, 3, padding=1), nn.Tanh(),
        nn.Flatten(), nn.Linear(4 * SIZE * SIZE, 2),
    )
    nn.init.constant_(net[5].bias, 3.0)
    return net.double().eval()


def value_and_gradient(net: nn.Sequential, image: Tensor, layer: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    value = net[:layer + 1](image).detach().requires_grad_()
    net[layer + 1:](value)[0, target].backward()
    net.zero_grad()
    assert value.grad is not None
    return value.detach()[0].numpy(), value.grad[0].numpy()


def by_loops(name: str, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Each published formula, cell by cell."""
    out = np.zeros(value.shape[1:])
    for plane, slope in zip(value, gradient, strict=True):
        weight = np.zeros_like(slope)
        if name == "grad_cam":
            weight[:] = slope.mean()
        elif name == "grad_cam_plus_plus":
            for g in slope.flat:
                weight += max(g, 0) * g**2 / (2 * g**2 + plane.sum() * g**3) if g else 0
        elif name == "hires_cam":
            weight = slope
        elif name == "layer_cam":
            weight = np.maximum(slope, 0)
        elif name == "x_grad_cam":
            weight[:] = sum(a * g for a, g in zip(plane.flat, slope.flat, strict=True)) / plane.sum()
        out += weight * plane
    return out


@pytest.mark.parametrize("kind", GRADIENT, ids=lambda kind: kind.name)
@pytest.mark.parametrize("inplace", [False, True])
def test_a_formula_equals_its_sum_cell_by_cell_also_behind_an_in_place_relu(
    kind: type[Method], inplace: bool
) -> None:
    image = images(1, 3).double()
    for target in (0, 1):
        reference = by_loops(kind.name, *value_and_gradient(rectified(), image, 1, target))
        found = kind(layer="1", relu=False)(rectified(inplace=inplace), image, targets=[target]).maps[0]
        assert np.abs(reference).max() > 1e-6
        assert np.allclose(found, reference, rtol=1e-5, atol=1e-6 * np.abs(reference).max())


def test_hires_cam_sums_to_the_score_where_the_network_is_linear_behind_the_layer() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, bias=False), nn.Flatten(),
        nn.Linear(3 * (SIZE - 2) ** 2, 2, bias=False),
    )
    found = HiResCAM(layer="1", relu=False)(net, images(1), targets=[1])
    assert found.facts[0]["f_input"] == pytest.approx(float(found.maps[0].sum()), abs=1e-5)


def test_x_grad_cam_keeps_the_sum_of_gradient_times_activation_of_each_channel() -> None:
    generator = torch.Generator().manual_seed(5)
    value = torch.rand(2, 3, 4, 5, generator=generator).double()
    gradient = torch.randn(2, 3, 4, 5, generator=generator).double()
    value[0, 1] = 0
    for channel in range(3):
        one = slice(channel, channel + 1)
        cells = XGradCAM().cells(value[:, one], gradient[:, one])
        assert torch.allclose(cells.sum((1, 2)), (value * gradient)[:, channel].sum((1, 2)))


@pytest.mark.parametrize("kind", GRADIENT, ids=lambda kind: kind.name)
def test_cells_of_a_volume_and_of_a_batch_equal_those_of_its_plane_one_by_one(kind: type[Method]) -> None:
    generator = torch.Generator().manual_seed(6)
    value = torch.rand(2, 3, 4, 5, generator=generator)
    gradient = torch.randn(2, 3, 4, 5, generator=generator)
    cells = kind().cells(value, gradient)
    for i in range(2):
        assert torch.allclose(kind().cells(value[i:i + 1], gradient[i:i + 1])[0], cells[i], atol=1e-6)
    # A volume of one slice is its plane; folded to a volume, each sum over cells is the same.
    folded = kind().cells(value.view(2, 3, 2, 2, 5), gradient.view(2, 3, 2, 2, 5))
    assert torch.allclose(folded.view(2, 4, 5), cells, atol=1e-6)


def test_grad_cam_plus_plus_of_tiny_and_huge_gradients_is_the_same_map_scaled() -> None:
    # The guard of 1e-6 of pytorch-grad-cam erases gradients below 1e-3; so would a square below 1e-38.
    value = torch.zeros(1, 2, 4, 4)
    value[..., 1:3, 1:3] = 1
    gradient = torch.linspace(0.5, 1, 32).view(1, 2, 4, 4)
    tiny = GradCAMPlusPlus().cells(value, gradient * 1e-25)
    assert torch.allclose(tiny * 1e25, (gradient / 2).sum((2, 3), keepdim=True).mul(value).sum(1), rtol=1e-5)
    assert bool(torch.isfinite(GradCAMPlusPlus().cells(value, gradient * 1e25)).all())


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_a_batch_of_one_equals_a_batch_of_many_whatever_the_chunk(kind: type[Method]) -> None:
    net, batch = small_cnn(channels=3), images(3, 3)
    method = kind(layer="2", relu=False)
    many = method(net, batch, targets=[0, 1, 2])
    for i in range(3):
        alone = method(net, batch[i:i + 1], targets=[i]).maps[0]
        # Convolutions of another batch size add in another order: nothing beyond rounding may differ.
        np.testing.assert_allclose(alone, many.maps[i], rtol=0, atol=3e-6 * np.abs(alone).max())
        view = scene(net, batch[i:i + 1], target=i, chunk=1)
        assert np.allclose(method.attribute(view).values, alone, atol=1e-5)


class Reused(nn.Module):
    """One ReLU module called twice, frozen parameters, and batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.norm, self.act, self.head = nn.BatchNorm2d(6), nn.ReLU(), nn.Linear(6 * SIZE * SIZE, 2)
        self.requires_grad_(False)

    def forward(self, batch: Tensor) -> Tensor:
        maps = self.act(self.norm(self.second(self.act(self.first(batch)))))
        return self.head(maps.flatten(1))


class Twice(Reused):
    """The same network with a ReLU of its own for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.ReLU()

    def forward(self, batch: Tensor) -> Tensor:
        maps = self.other(self.norm(self.second(self.act(self.first(batch)))))
        return self.head(maps.flatten(1))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_of_a_relu_that_runs_twice_the_last_run_is_explained_and_said_so(kind: type[Method]) -> None:
    shared, own, batch = Reused().train(), Twice().train(), images(1)
    before = state(shared)
    found = kind(layer="act", relu=False)(shared, batch, targets=[1])
    expected = kind(layer="other", relu=False)(own, batch, targets=[1])
    assert np.abs(expected.maps[0]).max() > 0
    assert np.allclose(found.maps[0], expected.maps[0], atol=1e-5)
    assert "ran 2 times, the last is explained" in found.notes[0]
    assert same(before, state(shared))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_a_failing_score_leaves_no_trace(kind: type[Method]) -> None:
    net = small_cnn().train()
    view, before, calls = scene(net, images(1)), state(net), []

    def failing(batch: Tensor) -> Tensor:
        calls.append(1)
        scores = net(batch)[:, 0]
        if len(calls) > 1 or kind in (*GRADIENT, EigenCAM):
            raise KeyError("score")
        return scores

    broken = type(view)(**{**vars(view), "score": failing})
    with pytest.raises(KeyError, match="score"):
        kind(layer="2").attribute(broken)
    assert same(before, state(net))


@pytest.mark.parametrize("kind", FREE, ids=lambda kind: kind.name)
def test_by_itself_it_takes_the_last_layer_with_more_than_one_cell(kind: type[Method]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, SIZE), nn.Flatten(), nn.Linear(6, 2)
    )
    view = scene(net, images(1))
    assert list(view.layers) == ["0", "2"]
    by_itself, named = kind(relu=False).attribute(view), kind(layer="0", relu=False).attribute(view)
    assert np.array_equal(by_itself.values, named.values)
    assert kind(layer="2", relu=False).attribute(view).note == "constant"


def test_a_map_that_is_negative_everywhere_says_so() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * SIZE * SIZE, 1))
    nn.init.constant_(net[0].weight, 1.0)
    nn.init.zeros_(net[0].bias)
    nn.init.constant_(net[3].weight, -1.0)
    for kind in (HiResCAM, XGradCAM, AblationCAM):
        assert kind(layer="1")(net, images(1)).notes == ("all negative",)
        signed = kind(layer="1", relu=False)(net, images(1))
        assert signed.notes == ("",)
        assert signed.maps[0].max() < 0


def test_a_strided_layer_is_laid_by_bilinear_interpolation() -> None:
    net, image = small_cnn().double(), images(1).double()
    reference = by_loops("layer_cam", *value_and_gradient(net, image, 5, 2))
    laid = functional.interpolate(torch.from_numpy(reference)[None, None], size=(SIZE, SIZE), mode="bilinear")[0, 0]
    assert np.allclose(LayerCAM(layer="5")(net, image, targets=[2]).maps[0], laid, atol=1e-6)
