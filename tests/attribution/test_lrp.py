from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.attribution.networks import Wrapped, images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution import LRP
from xaimed.errors import ModelError, NotFound

pytest.importorskip("zennit", reason="zennit is not installed: pip install 'xaimed[lrp]'")


@pytest.mark.parametrize("inplace", [False, True])
def test_it_equals_zennits_own_attribution_and_leaves_no_trace(inplace: bool) -> None:
    from zennit.attribution import Gradient
    from zennit.composites import EpsilonPlus
    from zennit.torchvision import ResNetCanonizer

    net, image = small_cnn(), images(1)
    with Gradient(net, EpsilonPlus(canonizers=[ResNetCanonizer()])) as attributor:
        _, theirs = attributor(image.clone(), lambda out: out * torch.eye(3)[[1]])
    ours = small_cnn(inplace=inplace)
    before = state(ours)
    found = LRP().attribute(scene(ours, image, target=1))
    assert np.allclose(found.values, theirs.detach()[0, 0], atol=1e-5)
    assert same(before, state(ours))


def test_relevance_is_conserved_without_biases() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(),
                        nn.Linear(4 * 256, 2, bias=False)).eval()
    found = LRP().attribute(scene(net, images(1)))
    assert found.facts["relevance"] == pytest.approx(found.facts["f_score"], rel=1e-3)


def test_what_zennit_cannot_follow_is_refused() -> None:
    conv = nn.Conv2d(1, 2, 3)
    for function in (lambda x: torch.relu(conv(x)), lambda x: conv(x) + conv(x), lambda x: conv(x) * conv(x)):
        with pytest.raises(ModelError, match="as a function on feature maps"):
            LRP().attribute(scene(Wrapped(lambda x, f=function: f(x).sum((1, 2, 3))), images(1)))
    with pytest.raises(ModelError, match="GroupNorm, for which zennit has no rule"):
        LRP().attribute(scene(nn.Sequential(nn.GroupNorm(1, 1), nn.Flatten(), nn.Linear(256, 1)), images(1)))
    with pytest.raises(NotFound, match="epsilon_plus"):
        LRP(rules="epsilon")
