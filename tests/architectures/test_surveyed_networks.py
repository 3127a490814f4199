"""What holds of every surveyed network: images do not mix, every weight has a gradient, a tiny task is learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.toys import discs, grains, halves, stripes
from xaimed import registry
from xaimed.errors import ModelError

Task = Callable[[int, int], tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Example:
    """A network of a size for tests, a task of (count, seed) that it can learn, and how."""

    name: str
    task: Task
    arguments: dict[str, Any] = field(default_factory=dict)
    steps: int = 40
    rate: float = 3e-3

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        network: nn.Module = registry.load("architectures", self.name).build(**self.arguments)
        return network


def lined(side: int, channels: int = 1) -> Task:
    return lambda count, seed: stripes(count, side, channels, seed)


def halved(side: int, channels: int = 1) -> Task:
    return lambda count, seed: halves(count, side, channels, seed)


CLASSIFIERS = [
    Example("lenet", lined(16), {"outputs": 2, "side": 16}),
    Example("alexnet", lined(64), {}, 40, 1e-3),
    Example("elman", halved(16), {"sizes": [16, 16]}),
    Example("elman", halved(16), {"sizes": [16, 16], "cell": "multiplicative"}),
    Example("lstm_rows", halved(16), {"sizes": [16, 16]}),
    Example("lstm_rows", halved(16), {"sizes": [16, 16], "reading": "both", "layers": 2}),
    Example("class_rbm", halved(12), {"shape": [1, 12, 12], "hidden": 16}, 40, 1e-2),
    Example("dbn", halved(12), {"shape": [1, 12, 12], "widths": [24, 16]}, 60, 1e-2),
    Example("wavelet_dbn", halved(16), {"outputs": 2, "side": 16, "kept": 64, "widths": [24, 16]}, 60, 1e-2),
    Example("dbm", halved(12, 2), {"side": 12, "widths": [24, 16]}, 80, 2e-2),
    Example("bagnet", lined(24), {"widths": [8, 16, 16, 16, 16]}, 40, 1e-2),
    Example("prototype_net", lined(24), {"widths": [8, 16], "per_class": 2, "depth": 8}, 60, 1e-2),
    Example("radiomic", lambda count, seed: grains(count, 24, seed), {}, 60, 3e-2),
    Example("inception_tile", lined(40, 3), {"outputs": 2, "dropout": 0.0}, 30, 3e-4),
]
SEGMENTERS = [
    Example("pyramid_lstm", lambda count, seed: discs(count, 12, 3, seed),
            {"widths": [3, 4], "between": [4]}, 30, 2e-2),
    Example("ku_net_bdc_lstm", lambda count, seed: discs(count, 16, 3, seed),
            {"width": 6, "depth": 2, "hidden": 8}, 60, 5e-3),
]
REBUILDERS = [
    Example("autoencoder_conv", lined(16), {"side": 16, "widths": [8, 16], "latent": 8}, 120, 1e-2),
    Example("stacked_autoencoder", halved(12), {"shape": [1, 12, 12], "widths": [32, 16]}, 150, 1e-2),
]
EVERY = [*CLASSIFIERS, *SEGMENTERS, *REBUILDERS]


def named(examples: list[Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=lambda one: one.name)


@named(EVERY)
def test_an_image_gets_the_same_alone_and_among_others(example: Example) -> None:
    network, (images, _) = example.network().eval(), example.task(3, 1)
    with torch.no_grad():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[0], together[1], rtol=0, atol=1e-12)


@named(EVERY)
def test_every_weight_and_every_image_gets_a_gradient(example: Example) -> None:
    network, (images, _) = example.network().train(), example.task(6, 2)
    images.requires_grad_()
    output = network(images)
    output.square().sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert (images.grad.flatten(1).abs().sum(dim=1) > 0).all()
    idle = {name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    # An RBM's visible bias belongs to the energy, not to the class.
    assert all("visible_bias" in name for name in idle)


def fit(example: Example, network: nn.Module, loss: Loss) -> tuple[float, float]:
    """The loss of the first step and of the last; loss: of output, images and truth."""
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), example.rate)
    network.train()
    seen: list[float] = []
    for step in range(example.steps):
        images, truth = example.task(16, 100 + step)
        value = loss(network(images), images, truth)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        seen.append(float(value.detach()))
    network.eval()
    return seen[0], seen[-1]


@named(CLASSIFIERS)
def test_a_classifier_learns_a_tiny_task(example: Example) -> None:
    network = example.network()
    images, truth = example.task(64, 7)
    if example.name == "radiomic":
        network.get_submodule("standard").fit(images)  # type: ignore[operator]
    before, after = fit(example, network, lambda logits, _, truth: functional.cross_entropy(logits, truth))
    assert after < 0.6 * before
    with torch.no_grad():
        assert (network(images).argmax(dim=1) == truth).float().mean() >= 0.95


@named(SEGMENTERS)
def test_a_segmenter_learns_a_tiny_task(example: Example) -> None:
    network = example.network()
    before, after = fit(example, network, lambda logits, _, mask: functional.cross_entropy(logits, mask.long()))
    assert after < 0.7 * before
    stack, mask = example.task(16, 7)
    with torch.no_grad():
        found = network(stack).argmax(dim=1).bool()
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.8


@named(REBUILDERS)
def test_an_autoencoder_beats_the_mean_image(example: Example) -> None:
    network = example.network()
    fit(example, network, lambda rebuilt, images, _: functional.mse_loss(rebuilt, images))
    images, _ = example.task(64, 7)
    with torch.no_grad():
        rebuilt = network(images)
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1
    assert (rebuilt - images).square().mean() < 0.7 * (images - images.mean(dim=0)).square().mean()


@named(EVERY)
def test_a_volume_is_refused_in_one_line(example: Example) -> None:
    network, (images, _) = example.network().eval(), example.task(1, 1)
    with pytest.raises(ModelError, match="expected") as caught:
        network(images[:, :, None].expand(-1, -1, 2, -1, -1))
    assert "\n" not in str(caught.value)
