"""The gradient of each step: of a linear recurrence it is known, and a network that forgets shows it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaimed import load_model
from xaimed.architectures.elman import Elman
from xaimed.architectures.elman import build as build_elman
from xaimed.steps import step_figure, step_gradients
from xaimed.types import Case


class Fading(nn.Module):
    """h_t = rate * h_(t-1) + the sum of row t (or of channel t); logits are -h and h."""

    def __init__(self, rate: float, axis: str) -> None:
        super().__init__()
        self.rate, self.axis = nn.Parameter(torch.tensor(rate)), axis

    def forward(self, images: Tensor) -> Tensor:
        steps = images.sum(dim=(1, 3)) if self.axis == "rows" else images.sum(dim=(2, 3))
        state = steps.new_zeros(len(images))
        for t in range(steps.shape[1]):
            state = self.rate * state + steps[:, t]
        return torch.stack([-state, state], dim=1)


@pytest.mark.parametrize(("axis", "channels", "count", "width"), [("rows", 1, 6, 4), ("slices", 5, 5, 24)])
def test_a_linear_recurrence_fades_by_its_rate(axis: str, channels: int, count: int, width: int) -> None:
    model = load_model(Fading(0.5, axis), classes=["a", "b"], preprocessing={"channels": channels})
    case = Case(id="c", image=np.random.default_rng(0).random((channels, 6, 4)).astype(np.float32))
    found = step_gradients(model, [case, case], axis)  # type: ignore[arg-type]
    assert found.shape == (2, count)
    expected = 0.5 ** np.arange(count)[::-1] * np.sqrt(width)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    assert all(not p.requires_grad or p.grad is None for p in model.network.parameters())


def test_the_answer_after_a_step_does_not_see_later_ones() -> None:
    torch.manual_seed(0)
    network = build_elman(outputs=2, sizes=(4, 8), every=True)
    assert isinstance(network, Elman)
    model = load_model(network, classes=["a", "b"])
    case = Case(id="c", image=np.random.default_rng(0).random((1, 6, 4)).astype(np.float32))
    [found] = step_gradients(model, [case], target="b@2")
    assert (found[:3] > 0).all()
    assert (found[3:] == 0).all()


def test_the_figure_has_a_line_for_each_network() -> None:
    figure = step_figure({"one": 0.5 ** np.arange(8)[::-1] * np.ones((3, 1)), "two": np.ones((3, 8))})
    [axes] = figure.axes
    first, second = axes.get_lines()
    np.testing.assert_allclose(first.get_ydata(), 0.5 ** np.arange(8)[::-1] / (2 - 0.5 ** 7))
    np.testing.assert_allclose(second.get_ydata(), np.full(8, 0.125))
    assert axes.get_yscale() == "log"
