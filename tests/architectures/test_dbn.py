"""A deep belief network is its machines one upon the other; the wavelet front end is orthonormal and can be undone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xaimed.architectures.dbn import DBN
from xaimed.architectures.dbn import build as build_dbn
from xaimed.architectures.wavelet_dbn import Choice, Haar, WaveletDBN, build
from xaimed.errors import ModelError


def haar_pairs(image: np.ndarray) -> list[np.ndarray]:
    """One level by sums and differences along rows, then along columns: LL, and the details, by loops."""
    def split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (values[..., ::2] + values[..., 1::2]) / 2 ** 0.5, (values[..., ::2] - values[..., 1::2]) / 2 ** 0.5

    low, high = split(image)
    out = []
    for part in (low, high):
        sums, differences = split(part.T)
        out += [sums.T, differences.T]
    low_low, low_high, high_low, high_high = out
    return [low_low, high_low, low_high, high_high]


def test_the_transform_is_haars_of_level_two() -> None:
    image = np.random.default_rng(0).random((12, 12))
    fine = haar_pairs(image)
    expected = np.concatenate([part.ravel() for part in [*haar_pairs(fine[0]), *fine[1:]]])
    found = Haar(12)(torch.from_numpy(image)[None, None])[0].numpy()
    assert found == pytest.approx(expected, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2 ** 16))
def test_the_inverse_is_exact_and_lengths_are_kept(quarter: int, seed: int) -> None:
    side = 4 * quarter
    images = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, 1, side, side)))
    haar = Haar(side)
    found = haar(images)
    torch.testing.assert_close(haar.inverse(found), images, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.square().sum(dim=1), images.square().sum(dim=(1, 2, 3)), rtol=1e-12, atol=0)


def test_the_logits_are_sigmoids_upon_sigmoids() -> None:
    torch.manual_seed(0)
    network = build_dbn(outputs=3, shape=(1, 2, 4), widths=(6, 5)).double()
    assert isinstance(network, DBN)
    images = torch.rand(2, 1, 2, 4, dtype=torch.float64)
    value = images.reshape(2, 8).numpy()
    for rbm in network.machines:
        torch.nn.init.normal_(rbm.weight)
        value = 1 / (1 + np.exp(-(value @ rbm.weight.detach().numpy().T + rbm.hidden_bias.detach().numpy())))
    expected = value @ network.linear.weight.detach().numpy().T + network.linear.bias.detach().numpy()
    assert network(images).detach().numpy() == pytest.approx(expected, abs=1e-12)


def wavelet(kept: int = 40, threshold: float = 0.05) -> WaveletDBN:
    torch.manual_seed(0)
    network = build(outputs=2, side=16, kept=kept, widths=(12, 6), threshold=threshold).double()
    assert isinstance(network, WaveletDBN)
    return network


def test_details_are_thresholded_and_the_approximation_is_not() -> None:
    network, images = wavelet(threshold=0.3), torch.rand(3, 1, 16, 16, dtype=torch.float64)
    raw, found = network.haar(images), network.coefficients(images)
    assert torch.equal(found[:, :16], raw[:, :16])
    details = raw[:, 16:].numpy()
    assert found[:, 16:].numpy() == pytest.approx(np.sign(details) * np.maximum(np.abs(details) - 0.3, 0), abs=1e-15)


def test_an_attribution_of_coefficients_is_carried_back_without_loss() -> None:
    """With no threshold the gradient at the pixels is the inverse transform of that at the coefficients."""
    network, images = wavelet(threshold=0.0), torch.rand(2, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    kept = torch.randperm(256)[:40]
    spread = torch.rand(40) + 0.5
    network.choose(Choice(kept, torch.rand(40), spread))
    code = network.code(images)
    score = network.dbn(code)[:, 0].sum()
    at_code, at_pixels = torch.autograd.grad(score, [code, images])
    torch.testing.assert_close(network.pixels(at_code / network.deviation), at_pixels, rtol=0, atol=1e-14)
    assert torch.equal(network.kept, kept)


def test_arguments_and_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="multiple of 4"):
        build(side=18)
    with pytest.raises(ModelError, match="1 to 256"):
        build(side=16, kept=257)
    with pytest.raises(ModelError, match=r"expected \(B, 1, 16, 16\)"):
        wavelet()(torch.zeros(1, 1, 20, 20))
    with pytest.raises(ModelError, match="expected 40"):
        wavelet().choose(Choice(torch.arange(3), torch.zeros(3), torch.ones(3)))
