"""Autoencoders against their equations: convolutions of stride two and back, sigmoid layers unrolled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xaimed.architectures.autoencoder_conv import ConvAutoencoder
from xaimed.architectures.autoencoder_conv import build as build_conv
from xaimed.architectures.stacked_autoencoder import StackedAutoencoder, build
from xaimed.errors import ModelError


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_the_unrolled_stack_goes_up_and_down_the_same_layers() -> None:
    torch.manual_seed(0)
    network = build(shape=(1, 3, 4), widths=(7, 5)).double()
    assert isinstance(network, StackedAutoencoder)
    images = torch.rand(2, 1, 3, 4, dtype=torch.float64)
    w = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    value = images.reshape(2, 12).numpy()
    for layer in (0, 1):
        value = sigmoid(value @ w[f"layers.{layer}.encoder.weight"].T + w[f"layers.{layer}.encoder.bias"])
    assert network.code(images).detach().numpy() == pytest.approx(value, abs=1e-12)
    for layer in (1, 0):
        value = sigmoid(value @ w[f"layers.{layer}.decoder.weight"].T + w[f"layers.{layer}.decoder.bias"])
    assert network(images).reshape(2, 12).detach().numpy() == pytest.approx(value, abs=1e-12)


def test_the_default_stack_is_784_256_64() -> None:
    layers = [784 * 256 + 256, 256 * 784 + 784, 256 * 64 + 64, 64 * 256 + 256]
    assert sum(weight.numel() for weight in build().parameters()) == sum(layers)


def strided(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Kernel 3, stride 2, one pixel of zeros around."""
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(weight), maps.shape[1] // 2, maps.shape[2] // 2))
    for o, i, j in np.ndindex(*out.shape):
        out[o, i, j] = (padded[:, 2 * i:2 * i + 3, 2 * j:2 * j + 3] * weight[o]).sum() + bias[o]
    return out


def spread(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The transpose of kernel 4 and stride 2: each cell adds its kernel; one pixel is cut off around."""
    height, width = maps.shape[1:]
    out = np.zeros((weight.shape[1], 2 * height + 2, 2 * width + 2))
    for k, i, j in np.ndindex(*maps.shape):
        out[:, 2 * i:2 * i + 4, 2 * j:2 * j + 4] += maps[k, i, j] * weight[k]
    return out[:, 1:-1, 1:-1] + bias[:, None, None]


def test_the_convolutional_one_is_its_equations() -> None:
    torch.manual_seed(0)
    network = build_conv(side=8, widths=(2, 3), latent=4).double()
    assert isinstance(network, ConvAutoencoder)
    image = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    w = [weight.detach().numpy() for weight in network.parameters()]
    maps = np.maximum(strided(image[0].numpy(), w[0], w[1]), 0)
    maps = np.maximum(strided(maps, w[2], w[3]), 0)
    code = w[4] @ maps.ravel() + w[5]
    assert network.code(image)[0].detach().numpy() == pytest.approx(code, abs=1e-12)
    maps = np.maximum(w[6] @ code + w[7], 0).reshape(3, 2, 2)
    maps = np.maximum(spread(maps, w[8], w[9]), 0)
    assert network(image)[0].detach().numpy() == pytest.approx(sigmoid(spread(maps, w[10], w[11])), abs=1e-12)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="multiple of"):
        build_conv(side=20)
    with pytest.raises(ModelError, match=r"expected \(B, 1, 28, 28\)"):
        build()(torch.zeros(1, 1, 20, 20))
