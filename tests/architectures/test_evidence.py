"""What energy models and autoencoders say of places themselves, against one change of a pixel after another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from xaimed.architectures.autoencoder_conv import build as build_conv
from xaimed.architectures.class_rbm import ClassRBM
from xaimed.architectures.class_rbm import build as build_class
from xaimed.architectures.rbm import RBM
from xaimed.architectures.stacked_autoencoder import build as build_stack


def spread(network: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.6)
    return network.double()


def images(channels: int = 1, side: int = 3) -> Tensor:
    return torch.rand(2, channels, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_the_map_of_a_free_energy_is_its_fall_pixel_by_pixel(kind: str) -> None:
    rbm = spread(RBM(18, 7, kind))
    assert isinstance(rbm, RBM)
    shown = images(channels=2)
    with torch.no_grad():
        rebuilt, found = rbm.rebuilt(shown), rbm.evidence(shown)
        assert found.shape == (2, 1, 3, 3)
        for row in range(3):
            for column in range(3):
                fall = torch.zeros(2, dtype=torch.float64)
                for channel in range(2):
                    moved = shown.clone()
                    moved[:, channel, row, column] = rebuilt[:, channel, row, column]
                    fall += rbm(shown) - rbm(moved)
                torch.testing.assert_close(found[:, 0, row, column], fall, rtol=0, atol=1e-10)


def test_flips_give_the_conditional_probability() -> None:
    rbm = spread(RBM(6, 4, "binary"))
    assert isinstance(rbm, RBM)
    state = torch.tensor([[1.0, 0, 1, 1, 0, 0]], dtype=torch.float64)
    with torch.no_grad():
        changes = rbm.changes(state, 1 - state)
        for unit in range(6):
            other = state.clone()
            other[0, unit] = 1 - other[0, unit]
            weights = torch.exp(-torch.stack([rbm(state), rbm(other)]))
            torch.testing.assert_close(torch.sigmoid(changes[0, unit]), weights[0, 0] / weights.sum())


def test_the_map_of_a_class_is_what_its_logit_loses_without_a_pixel() -> None:
    machine = spread(build_class(outputs=3, shape=(1, 3, 3), hidden=5))
    assert isinstance(machine, ClassRBM)
    shown = images()
    with torch.no_grad():
        found = machine.evidence(shown)
        for row in range(3):
            for column in range(3):
                moved = shown.clone()
                moved[:, :, row, column] = 0
                torch.testing.assert_close(found[:, :, row, column], machine(shown) - machine(moved))


@pytest.mark.parametrize("network", [build_conv(side=16, widths=(4, 8), latent=4), build_stack((1, 16, 16), (12, 4))],
                         ids=["autoencoder_conv", "stacked_autoencoder"])
def test_the_residual_sums_to_the_anomaly_score(network: nn.Module) -> None:
    shown = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        found = network.evidence(shown)  # type: ignore[operator]
        rebuilt = network(shown)
    torch.testing.assert_close(found[:, 0], (shown - rebuilt)[:, 0] ** 2)
