from __future__ import annotations

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from xaimed.attribution.grid import Axis, Geometry, Grid, lay


def centre_by_gradient(net: nn.Module, size: int) -> tuple[float, float]:
    """Start and step of the cells, from the centre of what two neighbouring cells see: no code in common."""
    image = torch.rand(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    out = net(image)
    centres = []
    for row in (out.shape[-2] // 2, out.shape[-2] // 2 + 1):
        (gradient,) = torch.autograd.grad(out[0, :, row, out.shape[-1] // 2].sum(), image, retain_graph=True)
        profile = gradient[0, 0].abs().sum(1)
        centres.append(float((profile * torch.arange(size)).sum() / profile.sum()))
    step = centres[1] - centres[0]
    return centres[0] - step * (out.shape[-2] // 2), step


LAYERS = st.sampled_from(["conv3", "conv5s2", "conv4s2", "dilated", "avg2", "avg3s2", "pad"])


def layer(name: str) -> nn.Module:
    return {
        "conv3": nn.Conv2d(1, 1, 3, padding=1),
        "conv5s2": nn.Conv2d(1, 1, 5, stride=2, padding=1),
        "conv4s2": nn.Conv2d(1, 1, 4, stride=2),
        "dilated": nn.Conv2d(1, 1, 3, padding=0, dilation=2),
        "avg2": nn.AvgPool2d(2),
        "avg3s2": nn.AvgPool2d(3, 2, padding=1),
        "pad": nn.ZeroPad2d((1, 0, 3, 0)),
    }[name]


@settings(max_examples=15, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=4))
def test_followed_positions_are_the_centres_of_what_the_cells_see(names: list[str]) -> None:
    net = nn.Sequential(*(layer(name) for name in names)).double()
    for part in net:
        if isinstance(part, nn.Conv2d):
            nn.init.ones_(part.weight)
    image = torch.rand(1, 1, 192, 192, dtype=torch.float64)
    with torch.no_grad(), Geometry(image) as geometry:
        out = net(image)
    grid = geometry.of(out)
    assert grid is not None
    assert (grid.axes[0].start, grid.axes[0].step) == pytest.approx(centre_by_gradient(net, 192), abs=1e-6)


def test_cells_move_closer_where_a_map_grows() -> None:
    image = torch.rand(1, 1, 8, 8)
    with torch.no_grad(), Geometry(image) as geometry:
        doubled = functional.interpolate(image, scale_factor=2, mode="bilinear")
        assert geometry.of(doubled) == Grid((Axis(-0.25, 0.5), Axis(-0.25, 0.5)))
        # Output 2 i of this transposed convolution is centred on input i.
        grown = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)(image)
        assert geometry.of(grown) == Grid((Axis(0.0, 0.5), Axis(0.0, 0.5)))
        pooled = functional.adaptive_avg_pool2d(image, 4)
        assert geometry.of(pooled) == Grid((Axis(0.5, 2.0), Axis(0.5, 2.0)))


def test_resnet_cells_lie_on_every_32nd_pixel_and_pools_in_the_middle_of_their_block() -> None:
    image = torch.rand(1, 3, 64, 64)
    net = torchvision.models.resnet18(weights=None).eval()
    blocks = nn.Sequential(
        *(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)) for _ in range(5))
    )
    with torch.no_grad(), Geometry(image) as geometry:
        features = nn.Sequential(*list(net.children())[:-2])(image)
        assert geometry.of(features) == Grid((Axis(0.0, 32.0), Axis(0.0, 32.0)))
        pooled = blocks(image)
        assert geometry.of(pooled) == Grid((Axis(15.5, 32.0), Axis(15.5, 32.0)))


def test_what_cannot_be_followed_has_no_grid() -> None:
    image = torch.rand(1, 1, 8, 8)
    with Geometry(image) as geometry:
        assert geometry.of(image[..., 2:]) is None
        assert geometry.of(torch.fft.fft2(image).real[..., :3]) is None


def test_an_even_spread_is_half_pixel_bilinear_interpolation() -> None:
    cells = torch.rand(5, 7)
    expected = functional.interpolate(cells[None, None], size=(80, 56), mode="bilinear", align_corners=False)[
        0, 0
    ]
    assert torch.allclose(lay(cells, None, (80, 56)), expected, atol=1e-6)


def test_a_ramp_on_the_grid_is_the_ramp_on_the_image() -> None:
    grid = Grid((Axis(3.0, 4.0), Axis(0.0, 2.0)))
    rows, columns = torch.arange(6.0) * 4 + 3, torch.arange(9.0) * 2
    laid = lay(rows[:, None] + 10 * columns[None], grid, (24, 17))
    truth: Tensor = torch.arange(24.0).clamp(3, 23)[:, None] + 10 * torch.arange(17.0)[None]
    assert torch.allclose(laid, truth)
