"""The DCGAN: its equations by other words, its sizes, and that noise alone decides what it makes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from xaimed.architectures.dcgan import DCGAN, build
from xaimed.errors import ModelError


def network(**arguments: int) -> DCGAN:
    torch.manual_seed(0)
    made = build(**{"side": 16, "width": 4, "noise": 8, **arguments})
    assert isinstance(made, DCGAN)
    return made


def test_the_paper_s_rules_hold() -> None:
    made = build(width=128, noise=100, channels=3)
    assert isinstance(made, DCGAN)
    parts = [type(part) for part in (*made.generator, *made.discriminator)]
    assert not {nn.MaxPool2d, nn.AvgPool2d, nn.Linear} & set(parts)
    # The paper's figure 1: 1024, 512, 256, 128 feature maps, 4 x 4 to 64 x 64 pixels.
    ups = [part for part in made.generator if isinstance(part, nn.ConvTranspose2d)]
    assert [part.out_channels for part in ups] == [1024, 512, 256, 128, 3]
    first, *_ = made.discriminator
    last = list(made.generator)[-2:]
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last[0], nn.ConvTranspose2d)
    assert isinstance(last[1], nn.Tanh)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in made.generator) == len(ups) - 1
    assert not isinstance(list(made.discriminator)[1], nn.BatchNorm2d)
    weights = torch.cat([part.weight.detach().flatten() for part in ups])
    assert float(weights.std()) == pytest.approx(0.02, rel=0.01)


def test_the_discriminator_in_other_words() -> None:
    made = network().eval()
    images = torch.rand(2, 1, 16, 16) * 2 - 1
    state = made.discriminator.state_dict()
    found = functional.leaky_relu(functional.conv2d(images, state["0.weight"], state["0.bias"], 2, 1), 0.2)
    found = functional.conv2d(found, state["2.weight"], None, 2, 1)
    normal = (found - state["3.running_mean"][:, None, None]) / (state["3.running_var"][:, None, None] + 1e-5).sqrt()
    found = functional.leaky_relu(normal * state["3.weight"][:, None, None] + state["3.bias"][:, None, None], 0.2)
    logits = torch.einsum("bchw,ochw->bo", found, state["5.weight"]) + state["5.bias"]
    assert torch.allclose(made(images), logits[:, 0], atol=1e-5)


def test_noise_decides_and_one_is_as_many() -> None:
    made = network().eval()
    noise = made.draw(3, torch.Generator().manual_seed(1))
    assert torch.equal(noise, made.draw(3, torch.Generator().manual_seed(1)))
    images = made.make(noise)
    assert images.shape == (3, 1, 16, 16)
    assert float(images.detach().abs().max()) <= 1
    assert torch.allclose(images[1:2], made.make(noise[1:2]), atol=1e-6)
    assert not torch.allclose(images[0], images[1])
    assert made(images).shape == (3,)
    made(images).sum().backward()
    assert all(p.grad is not None for p in made.parameters())


@pytest.mark.parametrize("arguments", [{"side": 48}, {"side": 8}, {"width": 0}])
def test_what_it_refuses(arguments: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="expected a side of 16, 32, 64"):
        network(**arguments)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ModelError, match="expected \\(B, 1, 16, 16\\)"):
        network()(torch.rand(1, 1, 32, 32))
