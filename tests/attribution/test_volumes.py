"""Volumes (1, C, d, h, w): closed forms, cells that lie where they should, and methods that say who can serve them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.attribution.networks import scene
from xaimed.attribution import (
    AblationCAM,
    Background,
    DeepSHAP,
    EigenCAM,
    GradCAM,
    GradientSHAP,
    IntegratedGradients,
    LayerCAM,
    Occlusion,
    Saliency,
    ScoreCAM,
    SmoothGrad,
)
from xaimed.attribution.baseline import baseline
from xaimed.attribution.grid import Axis, Geometry, Grid, lay
from xaimed.attribution.method import Method
from xaimed.errors import InputError
from xaimed.explain import method_of
from xaimed.perturb import fill
from xaimed.registry import names
from xaimed.types import Attribution

DEPTH, HEIGHT, WIDTH = 6, 10, 8


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool3d(2), nn.Conv3d(4, 5, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(5, 3)).eval()


def volumes(count: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, DEPTH, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def test_grad_cam_is_the_closed_form() -> None:
    """Behind mean pooling and one linear layer the channel weights are the layer's own, over the number of cells."""
    network, batch = net(), volumes()
    with torch.no_grad():
        value = network[:5](batch)
        cells = torch.tensordot(network[7].weight[1] / value[0, 0].numel(), value[0], 1)
    expected = nn.functional.interpolate(cells[None, None], size=(DEPTH, HEIGHT, WIDTH), mode="trilinear")[0, 0]
    found = GradCAM(relu=False)(network, batch, targets=[1])
    assert np.allclose(found.maps[0], expected, atol=1e-6)
    assert found.facts[0]["layer_depth"] == 3
    assert found.images[0].shape == (1, DEPTH, HEIGHT, WIDTH)
    # Which layer it is: the last with more than one cell.
    assert np.array_equal(found.maps[0], GradCAM(layer="4", relu=False)(network, batch, targets=[1]).maps[0])


def test_cells_of_a_strided_volume_are_centred_where_the_kernel_is() -> None:
    batch = volumes()
    layers = nn.Sequential(nn.Conv3d(1, 1, 3, stride=2, padding=1), nn.AvgPool3d((1, 2, 2)), nn.ConstantPad3d(
        (1, 0, 0, 0, 2, 0), 0.0))
    with torch.no_grad(), Geometry(batch) as geometry:
        assert geometry.of(layers(batch)) == Grid((Axis(-4.0, 2.0), Axis(1.0, 4.0), Axis(-3.0, 4.0)))


def test_a_ramp_in_three_axes_is_the_ramp_on_the_volume() -> None:
    grid = Grid((Axis(1.0, 2.0), Axis(3.0, 4.0), Axis(0.0, 2.0)))
    z, y, x = torch.meshgrid(torch.arange(4.0) * 2 + 1, torch.arange(5.0) * 4 + 3, torch.arange(6.0) * 2, indexing="ij")
    sides = (torch.arange(8.0).clamp(1, 7), torch.arange(20.0).clamp(3, 19), torch.arange(11.0))
    deep, tall, wide = torch.meshgrid(*sides, indexing="ij")
    laid = lay(z + 10 * y + 100 * x, grid, (8, 20, 11))
    assert torch.allclose(laid, deep + 10 * tall + 100 * wide, rtol=1e-5)


class Weighted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, DEPTH, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1)))

    def forward(self, batch: Tensor) -> Tensor:
        return (batch * self.weight).flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("method", [
    IntegratedGradients(baselines=("black",)), DeepSHAP(baselines=("black",)),
    GradientSHAP(background=Background(torch.zeros(1, 1, DEPTH, HEIGHT, WIDTH)))])
def test_additive_methods_are_exact_on_a_linear_network(method: Method) -> None:
    network, batch = Weighted(), volumes()
    found = method(network, batch, targets=[0]).maps[0]
    assert np.allclose(found, (batch * network.weight)[0, 0].detach(), atol=1e-5)


@pytest.mark.parametrize("method", [IntegratedGradients(), GradientSHAP(samples=96), DeepSHAP()])
def test_additive_methods_sum_to_the_difference_on_a_cnn(method: Method) -> None:
    found = method.attribute(scene(net(), volumes()))
    difference = found.facts["f_input"] - found.facts["f_baseline"]
    assert float(found.values.sum()) == pytest.approx(difference, rel=0.05)


def test_gradients_are_autograds() -> None:
    network, batch = net(), volumes(2)
    leaf = batch.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(leaf)[:, 2].sum(), leaf)
    assert np.allclose(Saliency(absolute=False)(network, batch, targets=[2, 2]).values, gradient[:, 0], atol=1e-7)
    assert np.allclose(SmoothGrad(samples=2, noise=0.0)(network, batch, targets=[2, 2]).values,
                       gradient[:, 0].abs(), atol=1e-7)


def test_ablation_drops_are_measured() -> None:
    network, batch = net(), volumes()
    with torch.no_grad():
        value = network[:5](batch)
        kept = [value * (torch.arange(5) != k).view(1, 5, 1, 1, 1) for k in range(5)]
        drops = torch.stack([network(batch)[0, 1] - network[5:](one)[0, 1] for one in kept])
        cells = torch.tensordot(drops, value[0], 1)
    found = AblationCAM(relu=False)(network, batch, targets=[1]).maps[0]
    laid = nn.functional.interpolate(cells[None, None], size=(DEPTH, HEIGHT, WIDTH), mode="trilinear")[0, 0]
    assert np.allclose(found, laid, atol=1e-6)


@pytest.mark.parametrize("method", [LayerCAM(), ScoreCAM(), EigenCAM()])
def test_what_only_the_first_slices_hold_is_shown_there(method: Method) -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(960, 1))
    nn.init.constant_(network[0].weight, 0.1)
    nn.init.constant_(network[3].weight, 0.1)
    batch = torch.zeros(1, 1, DEPTH, HEIGHT, WIDTH)
    batch[:, :, :2, 3:6, 2:5] = 1
    found = method(network, batch, targets=[0]).maps[0]
    assert np.abs(found[:3]).max() > 0
    assert np.abs(found[3:]).max() < 1e-6


def test_a_volume_is_filled_slice_by_slice() -> None:
    view = scene(net(), volumes())
    for kind in ("blur", "tissue_median"):
        found = baseline(view, kind)
        assert found.shape == view.image.shape
        for z in range(DEPTH):
            assert torch.equal(found[:, :, z], fill(view.image[:, :, z], view.tissue[z], kind))


@pytest.mark.parametrize("name", [name for name in names("attribution") if not method_of(name).volumes])
def test_a_method_for_images_says_which_serve_a_volume(name: str) -> None:
    with pytest.raises(InputError, match=rf"image0 is a volume .*{name} explains images .*: use .*grad_cam.*saliency"):
        method_of(name)(net(), volumes(), targets=[0])


def test_all_the_others_serve_one() -> None:
    assert {"grad_cam", "integrated_gradients", "gradient_shap", "deep_shap", "eigen_cam"} <= {
        name for name in names("attribution") if method_of(name).volumes}
    with pytest.raises(InputError, match="occlusion explains images"):
        Occlusion().attribute_all([scene(net(), volumes())])


def test_a_picture_of_a_volume_is_its_strongest_slice(tmp_path: object) -> None:
    network, batch = Weighted(), volumes(2)
    found = Saliency(absolute=False)(network, batch, targets=[0, 0])
    best = int(network.weight.detach().abs().amax((0, 2, 3)).argmax())
    assert found.values.shape == (2, DEPTH, HEIGHT, WIDTH)
    assert np.array_equal(found.slices().maps[1], found.maps[1][best])
    assert np.array_equal(found.slices().images[1], found.images[1][:, best])
    assert np.array_equal(found.to_image(1), found.to_image(1, depth=best))
    assert not np.array_equal(found.to_image(1), found.to_image(1, depth=(best + 1) % DEPTH))
    with pytest.raises(InputError, match="slice 6; expected 0 to 5"):
        found.to_image(0, depth=6)
    data = found._repr_png_()
    assert data is not None
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)))[:, :WIDTH], found.to_image(0))
    assert found.plot() is not None
    written = found.save(tmp_path)  # type: ignore[arg-type]
    assert np.array_equal(np.load(written[-1])["image1/0"], found.maps[1])


def test_a_volume_without_its_image_is_drawn_as_the_slice_of_its_largest_value() -> None:
    from xaimed.viz.album import picture

    volume = np.zeros((3, 4, 5), np.float32)
    volume[1, 2, 3] = 1.0
    alone = Attribution("m", "m", (volume,), ("a",), ("b",))
    flat = Attribution("m", "m", (volume[1],), ("a",), ("b",))
    assert np.array_equal(picture(alone, 0), picture(flat, 0))
    assert picture(alone, 0).shape == (4, 5, 3)
    assert picture(alone, 0)[2, 3].any()
