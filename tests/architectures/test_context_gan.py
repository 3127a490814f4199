"""The context-aware GAN: rounds that see what was made before, by hand and by their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from xaimed.architectures.context_gan import ContextGAN, build
from xaimed.errors import ModelError

WIDTHS = (3, 4, 3, 4, 3)


def network(rounds: int = 2) -> ContextGAN:
    torch.manual_seed(0)
    made = build(widths=WIDTHS, rounds=rounds)
    assert isinstance(made, ContextGAN)
    return made.eval()


def test_the_second_round_sees_the_image_and_the_first_round_s_answer() -> None:
    made, images = network(), torch.rand(2, 1, 12, 10)
    first, second = made.rounds(images)
    assert first.shape == second.shape == (2, 1, 12, 10)
    assert torch.equal(first, made.generators[0](images))
    assert torch.equal(second, made.generators[1](torch.cat([images, first], dim=1)))
    assert torch.equal(made(images), second)
    last, own = made.context
    assert last is made.generators[1]
    assert own == 1


def test_a_generator_in_other_words() -> None:
    made, images = network(1), torch.rand(1, 1, 12, 10)
    found, state = images, made.generators[0].state_dict()
    for number, kernel in enumerate((7, 3, 3, 7, 3)):
        found = functional.conv2d(found, state[f"{3 * number}.weight"], padding=kernel // 2)
        found = functional.batch_norm(found, *(state[f"{3 * number + 1}.{name}"] for name in
                                               ("running_mean", "running_var", "weight", "bias"))).clamp(min=0)
    wanted = functional.conv2d(found, state["15.weight"], state["15.bias"], padding=1).clamp(min=0)
    assert torch.allclose(made(images), wanted, atol=1e-6)


def test_where_a_grey_value_would_be_negative_it_is_exactly_nought() -> None:
    made, images = network(1), torch.rand(1, 1, 12, 10)
    generator = made.generators[0]
    assert isinstance(generator, nn.Sequential)
    linear, last = generator[:-1](images), generator[-2]
    assert isinstance(last, nn.Conv2d)
    with torch.no_grad():
        last.bias -= linear.median()
    found = made(images)
    assert float((found == 0).float().mean()) == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(found, (linear - linear.median()).clamp(min=0))


def test_what_a_pixel_sees_grows_by_the_rounds() -> None:
    seen = []
    for rounds in (1, 2):
        images = torch.rand(1, 1, 61, 61, requires_grad=True)
        made = network(rounds).double()
        made(images.double())[0, 0, 30, 30].backward()
        assert images.grad is not None
        seen.append(int((images.grad[0, 0].abs().sum(dim=0) > 0).sum()))
    # 1 + 6 + 2 + 2 + 6 + 2 + 2 pixels across in one round.
    assert seen[0] == 21
    assert 21 < seen[1] <= 41


def test_critics_judge_patches_and_every_part_is_trained() -> None:
    made, images = network(), torch.rand(2, 1, 16, 16)
    assert made.critics[0](images).shape == (2, 1, 2, 2)
    (made(images).sum() + sum(critic(images).sum() for critic in made.critics)).backward()
    assert all(p.grad is not None for p in made.parameters())


def test_what_it_refuses() -> None:
    with pytest.raises(ModelError, match="expected 1 or more"):
        build(rounds=0)
    with pytest.raises(ModelError, match="one width for each of 5"):
        build(widths=(8, 8))
    with pytest.raises(ModelError, match="expected \\(B, 1, h, w\\)"):
        network()(torch.rand(1, 2, 16, 16))
