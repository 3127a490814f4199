"""BagNet: its evidence is that of each patch alone, and the logits are the mean."""

from __future__ import annotations

import pytest
import torch

from xaimed.architectures.bagnet import BagNet, build
from xaimed.errors import ModelError


def network(kernels: tuple[int, ...] = (3, 3, 3, 3, 1), strides: tuple[int, ...] = (1, 2, 1, 2, 1)) -> BagNet:
    torch.manual_seed(0)
    out = build(outputs=3, widths=[6] * len(kernels), kernels=kernels, strides=strides).double().eval()
    assert isinstance(out, BagNet)
    return out


@pytest.mark.parametrize(("kernels", "strides", "side", "stride"), [
    ((3, 3, 3, 3, 1), (1, 2, 1, 2, 1), 13, 4), ((3, 3, 3), (1, 1, 1), 7, 1), ((5, 1, 3), (2, 1, 1), 9, 2)])
def test_the_evidence_of_a_cell_is_that_of_its_patch_alone(
        kernels: tuple[int, ...], strides: tuple[int, ...], side: int, stride: int) -> None:
    bag = network(kernels, strides)
    assert (bag.receptive, bag.stride) == (side, stride)
    images = torch.rand(1, 1, 33, 41, dtype=torch.float64)
    evidence = bag.evidence(images)
    for i, j in ((0, 0), (1, 2), (evidence.shape[2] - 1, evidence.shape[3] - 1)):
        patch = images[:, :, i * stride:i * stride + side, j * stride:j * stride + side]
        torch.testing.assert_close(bag(patch), evidence[:, :, i, j], rtol=0, atol=1e-12)
    torch.testing.assert_close(bag(images), evidence.mean(dim=(2, 3)), rtol=0, atol=1e-12)


def test_no_pixel_outside_a_patch_changes_its_evidence() -> None:
    bag, images = network(), torch.rand(1, 1, 33, 33, dtype=torch.float64, requires_grad=True)
    gradient = torch.autograd.grad(bag.evidence(images)[0, 1, 2, 3], images)[0][0, 0]
    outside = gradient.clone()
    outside[8:21, 12:25] = 0
    assert (outside == 0).all()
    assert (gradient != 0).any()


def test_an_image_smaller_than_a_patch_and_uneven_lists_are_refused() -> None:
    with pytest.raises(ModelError, match="expected 13 or more"):
        network()(torch.zeros(1, 1, 12, 20, dtype=torch.float64))
    with pytest.raises(ModelError, match="as many of each"):
        build(kernels=(3, 3))
