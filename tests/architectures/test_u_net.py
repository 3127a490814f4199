"""U-Net against loops written from the paper's figure, its size, and what it says of images that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate2d
from torch import nn

from tests.toys import discs
from xaimed.architectures.u_net import UNetSegmenter, build
from xaimed.errors import ModelError

Array = NDArray[np.float64]


def convolved(image: Array, layer: nn.Module) -> Array:
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    return np.stack([sum(correlate2d(plane, w, mode="same") for plane, w in zip(image, kernel, strict=True)) + b
                     for kernel, b in zip(weight, bias, strict=True)])


def enlarged(image: Array, layer: nn.ConvTranspose2d) -> Array:
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()  # type: ignore[union-attr]
    return np.stack([sum(np.kron(plane, weight[i, o]) for i, plane in enumerate(image)) + bias[o]
                     for o in range(weight.shape[1])])


def twice(image: Array, pair: nn.Module) -> Array:
    first, _, second, _ = pair.children()
    return np.maximum(convolved(np.maximum(convolved(image, first), 0), second), 0)


def halved(image: Array) -> Array:
    count, height, width = image.shape
    return image.reshape(count, height // 2, 2, width // 2, 2).max(axis=(2, 4))


def test_two_levels_are_the_paper_s_figure() -> None:
    torch.manual_seed(0)
    network = build(inputs=2, outputs=3, width=2, depth=2).double()
    image = torch.rand(1, 2, 8, 6, dtype=torch.float64)
    body = network.body
    fine = twice(image[0].numpy(), body.down[0])
    coarse = enlarged(twice(halved(fine), body.down[1]), body.up[0])
    expected = convolved(twice(np.concatenate([fine, coarse]), body.join[0]), network.linear)
    assert network(image)[0].detach().numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("width", "depth", "inputs", "outputs"), [(64, 5, 1, 2), (8, 5, 1, 4), (12, 4, 3, 1)])
def test_its_size_is_the_sum_over_its_layers(width: int, depth: int, inputs: int, outputs: int) -> None:
    total = width * outputs + outputs
    before = inputs
    for level in range(depth):
        maps = width * 2**level
        total += 9 * before * maps + maps + 9 * maps * maps + maps
        if level:  # back up: 2 x 2 up-convolution, then two convolutions of the joined maps
            total += 4 * maps * before + before + 9 * 2 * before * before + before + 9 * before * before + before
        before = maps
    with torch.device("meta"):
        found = sum(p.numel() for p in build(inputs, outputs, width, depth).parameters())
    assert found == total
    if (width, depth, outputs) == (64, 5, 2):
        assert found == 31_030_658


def test_a_batch_is_its_images() -> None:
    torch.manual_seed(0)
    network, images = build(width=4, depth=3), torch.rand(3, 1, 16, 8)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone, rtol=0, atol=1e-5)


def test_it_learns_a_disc() -> None:
    stack, masks = discs(16, 16, 1)
    torch.manual_seed(0)
    network = build(width=4, depth=3)
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(30):
        loss = nn.functional.binary_cross_entropy_with_logits(network(stack)[:, 0], masks.float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    new, truth = discs(16, 16, 1, seed=1)
    found = network(new)[:, 0] > 0
    assert float(2 * (found & truth).sum() / (found.sum() + truth.sum())) > 0.9


@pytest.mark.parametrize(("shape", "words"), [
    ((1, 1, 12, 16), "multiples of 8: set the preprocessing's multiple"), ((1, 2, 16, 16), "expected \\(B, 1, h, w\\)"),
    ((1, 1, 4, 16, 16), "a volume")])
def test_images_that_do_not_fit(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build(width=2, depth=4)(torch.zeros(shape))


def test_arguments_that_make_no_network() -> None:
    with pytest.raises(ModelError, match="depth 0"):
        UNetSegmenter(1, 1, 8, 0)
