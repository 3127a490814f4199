"""SegAN: the critic's scales against loops and by hand, and the segmentor that it keeps beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from xaimed.architectures.segan import SegAN, build
from xaimed.errors import ModelError


def small(outputs: int = 3) -> SegAN:
    torch.manual_seed(0)
    network = build(inputs=2, outputs=outputs, width=3, depth=2, critic=(2, 2)).double()
    assert isinstance(network, SegAN)
    return network


def test_the_scales_are_those_of_loops() -> None:
    """Each class masks the whole image; the levels are convolutions at every second pixel, 0.2 x below zero."""
    network = small()
    draw = np.random.default_rng(0)
    image, masks, truth = draw.normal(size=(2, 8, 8)), draw.random((2, 8, 8)), draw.random((2, 8, 8))

    def features(mask: np.ndarray) -> list[np.ndarray]:
        found = [np.concatenate([image * one for one in mask])]
        for level in network.critic.levels:
            weight, bias = level.weight.detach().numpy(), level.bias.detach().numpy()
            padded = np.pad(found[-1], ((0, 0), (1, 1), (1, 1)))
            out = np.stack([sum(correlate2d(p, w, mode="valid") for p, w in zip(padded, k, strict=True)) + b
                            for k, b in zip(weight, bias, strict=True)])[:, ::2, ::2]
            found.append(np.where(out > 0, out, 0.2 * out))
        return found

    expected = [np.abs(a - b).mean() for a, b in zip(features(masks), features(truth), strict=True)]
    given = [torch.from_numpy(part)[None] for part in (image, masks, truth)]
    assert network.scales(*given)[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_the_finest_scale_is_the_grey_that_is_masked_wrongly() -> None:
    network = small(outputs=1)
    images = torch.full((1, 2, 4, 4), -0.5, dtype=torch.float64)
    truth = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    found = truth.clone()
    found[..., 0, :2] = 1
    assert float(network.scales(images, found, truth)[0, 0].detach()) == pytest.approx(0.5 * 2 / 16)
    assert network.scales(images, truth, truth).abs().max() == 0


def test_the_logits_are_the_segmentor_s_and_the_critic_does_not_touch_them() -> None:
    network, images = small(), torch.rand(2, 2, 8, 8, dtype=torch.float64)
    before = network(images)
    for weight in network.critic.parameters():
        weight.data.zero_()
    assert torch.equal(network(images), before)
    assert torch.equal(before, network.segmentor(images))
    assert torch.allclose(network.masks(before), before.softmax(dim=1)[:, 1:])
    assert torch.equal(network.masks(before[:, :1]), before[:, :1].sigmoid())


def test_arguments_that_make_no_critic() -> None:
    with pytest.raises(ModelError, match=r"critic \[16, 0\]"):
        build(critic=(16, 0))
