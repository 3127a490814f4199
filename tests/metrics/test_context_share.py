"""Context share: by hand for a linear last round, and nothing where there is no context."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.contracts.scene import corner_scene
from xaimed.adapters.loading import load_model
from xaimed.architectures.context_gan import ContextGAN, build
from xaimed.metrics.context_share import METRIC
from xaimed.metrics.explained import Explained
from xaimed.scene import Scene
from xaimed.types import Case, Floats


def view(scene: Scene) -> Explained:
    empty = np.zeros(tuple(scene.image.shape[-2:]), np.float32)
    return Explained(scene, empty, {}, empty, None, empty > 0)


def image() -> Floats:
    return np.random.default_rng(0).uniform(0.2, 0.8, (1, 16, 16)).astype(np.float32)


class Rounds(nn.Module):
    """Makes twice the image; the last round adds three times the image and half of that."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(2, 1, 1, bias=False)
        with torch.no_grad():
            self.last.weight[:] = torch.tensor([3.0, 0.5]).reshape(1, 2, 1, 1)

    @property
    def context(self) -> tuple[nn.Module, int]:
        return self.last, 1

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.last(torch.cat([images, 2 * images], dim=1))
        return made


def test_by_hand() -> None:
    [scene] = load_model(Rounds(), task="generation").scenes(Case("c0", image()), ["mean"])
    # Gradient times input: 3 x for the image, 0.5 times 2 x for the context.
    assert METRIC(view(scene)) == {"": pytest.approx(1 / 4)}


def test_of_the_network_and_no_hook_is_left() -> None:
    torch.manual_seed(0)
    made = build(widths=(3, 3, 3, 3, 3))
    assert isinstance(made, ContextGAN)
    [scene] = load_model(made, task="generation").scenes(Case("c0", image()), ["mean:4,4,9,9"])
    share = METRIC(view(scene))[""]
    assert 0 < share < 1
    assert not made.generators[1]._forward_pre_hooks
    assert METRIC(view(scene))[""] == pytest.approx(share)


def test_nothing_without_a_context() -> None:
    one = build(widths=(3, 3, 3, 3, 3), rounds=1)
    [scene] = load_model(one, task="generation").scenes(Case("c0", image()), ["mean"])
    assert METRIC(view(scene)) == {}
    assert METRIC(view(corner_scene())) == {}
