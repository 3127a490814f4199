"""LeNet-5: the published size, and its equations written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate

from xaimed.architectures.lenet import build
from xaimed.errors import ModelError


def conv(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray, pad: int) -> np.ndarray:
    padded = np.pad(maps, ((0, 0), (pad, pad), (pad, pad)))
    return np.stack([sum(correlate(padded[i], kernel[i], "valid") for i in range(len(padded))) + b
                     for kernel, b in zip(weight, bias, strict=True)])


def pooled(maps: np.ndarray) -> np.ndarray:
    c, h, w = maps.shape
    return maps.reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4))


def test_it_has_the_published_parameters_for_digits() -> None:
    assert sum(weight.numel() for weight in build().parameters()) == 61706


def test_its_logits_are_those_of_the_equations() -> None:
    torch.manual_seed(0)
    network = build(outputs=3, side=16).double().eval()
    image = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    w = [weight.detach().numpy() for weight in network.parameters()]
    maps = pooled(np.maximum(conv(image[0].numpy(), w[0], w[1], 2), 0))
    maps = pooled(np.maximum(conv(maps, w[2], w[3], 0), 0))
    hidden = np.maximum(w[4] @ maps.ravel() + w[5], 0)
    hidden = np.maximum(w[6] @ hidden + w[7], 0)
    assert network(image)[0].detach().numpy() == pytest.approx(w[8] @ hidden + w[9], abs=1e-12)


@pytest.mark.parametrize("side", [12, 30])
def test_a_side_that_cannot_be_halved_twice_is_refused(side: int) -> None:
    with pytest.raises(ModelError, match="multiple of 4"):
        build(side=side)


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(ModelError, match=r"lenet: images \(1, 1, 32, 32\); expected \(B, 1, 28, 28\)"):
        build()(torch.zeros(1, 1, 32, 32))
