"""The two losses of a GAN: each reaches its own network alone, and they have the values of the paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from xaimed.training.adversary import fooling, telling


class Doubling(nn.Module):
    """A critic whose logit is twice the image's mean, or what its weight says."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * images.flatten(1).mean(dim=1)


def softplus(value: float) -> float:
    return math.log(1 + math.exp(value))


def test_values_by_hand() -> None:
    real, made = torch.full((3, 1, 2, 2), 0.5), torch.full((3, 1, 2, 2), -1.0)
    # Logits 1 and -2: -log sigmoid(1) and -log(1 - sigmoid(-2)), and -log sigmoid(-2) for the generator.
    assert telling(Doubling(), real, made).item() == pytest.approx((softplus(-1) + softplus(-2)) / 2)
    assert fooling(Doubling(), made).item() == pytest.approx(softplus(2))
    smooth = 0.9 * softplus(-1) + 0.1 * softplus(1)
    assert telling(Doubling(), real, made, 0.9).item() == pytest.approx((smooth + softplus(-2)) / 2)


def test_each_loss_moves_its_own_network_alone() -> None:
    critic, made = Doubling(), torch.full((2, 1, 2, 2), -1.0, requires_grad=True)
    telling(critic, torch.ones(2, 1, 2, 2), made).backward()
    assert critic.weight.grad is not None
    assert float(critic.weight.grad.abs()) > 0
    assert made.grad is None
    critic.weight.grad = None
    fooling(critic, made).backward()
    assert critic.weight.grad is None
    assert made.grad is not None
    assert float(made.grad.max()) < 0  # a higher mean looks more real
