"""Training of generators: the gradient difference by hand, a tiny problem learned, a case without an image refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaimed.architectures.context_gan import ContextGAN, build
from xaimed.data.dataset import CaseRow
from xaimed.data.listed import About, Listed, Picture
from xaimed.errors import ModelError, PlanError
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.training import adversarial_generation
from xaimed.training.generation import TRAINER, gradient_difference
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.trainer import Study

STILL = Augmentation(flip=False, rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0)
PLAIN = Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None, long_side=0, multiple=1)
RECIPE = Recipe("tiny", "generation", "none", {}, "pairs", preprocessing=PLAIN, augmentation=STILL,
                schedule=Schedule(epochs=10, images=32, batch=8, rate=1e-2, average=0.9, decay=0.0))


def negatives(count: int = 16, wanted: bool = True) -> Listed:
    """Smooth noise, and the negative of it that is to be made."""
    draw = np.random.default_rng(0)
    images = [np.repeat(np.repeat(draw.random((1, 6, 6), np.float32), 2, axis=1), 2, axis=2) for _ in range(count)]
    rows = [CaseRow(f"c{i}", f"p{i}", "train", None) for i in range(count)]
    return Listed(About("pairs", "negatives", "generation", (), ()), rows,
                  lambda i: Picture(images[i], f"{i}", wanted=1 - images[i] if wanted else None))


def study(network: nn.Module, folder: Path, recipe: Recipe = RECIPE, said: list[str] | None = None) -> Study:
    torch.manual_seed(0)
    return Study(network, negatives(), recipe, Workspace(folder, (said if said is not None else []).append))


def losses(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def by_hand(made: Sequence[Sequence[float]], real: Sequence[Sequence[float]]) -> float:
    """Nie's equation 3 as it is written, the mean in place of the sum."""
    down, across = [], []
    for i in range(len(made)):
        for j in range(len(made[0])):
            if i:
                down.append((abs(real[i][j] - real[i - 1][j]) - abs(made[i][j] - made[i - 1][j])) ** 2)
            if j:
                across.append((abs(real[i][j] - real[i][j - 1]) - abs(made[i][j] - made[i][j - 1])) ** 2)
    return sum(down) / len(down) + sum(across) / len(across)


def test_gradient_difference_by_hand() -> None:
    made, real = [[0.0, 0.5, 0.2], [1.0, 0.1, 0.9]], [[0.3, 0.3, 0.3], [0.0, 1.0, 0.4]]
    found = gradient_difference(torch.tensor(made)[None, None], torch.tensor(real)[None, None])
    assert found.item() == pytest.approx(by_hand(made, real))


def test_gradient_difference_sees_edges_and_no_level() -> None:
    image = torch.rand(1, 1, 8, 8)
    assert gradient_difference(image + 0.3, image).item() == pytest.approx(0, abs=1e-10)
    assert gradient_difference(1 - image, image).item() == pytest.approx(0, abs=1e-10)  # the size of an edge alone
    assert gradient_difference(torch.zeros_like(image), image).item() > 0.05


def test_a_generator_learns_the_negative(tmp_path: Path) -> None:
    network = nn.Conv2d(1, 1, 1)
    nn.init.constant_(network.weight, -0.1)  # the size of an edge has no sign: from above 0 the slope stays there
    made = TRAINER.train(study(network, tmp_path, dataclasses.replace(
        RECIPE, schedule=dataclasses.replace(RECIPE.schedule, epochs=40, rate=5e-2))))
    image = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        assert (made(image) - (1 - image)).abs().mean().item() < 0.05
    curve = losses(tmp_path)
    assert curve[-1]["absolute error"] < 0.2 * curve[0]["absolute error"]


def test_a_case_without_a_wanted_image_is_refused(tmp_path: Path) -> None:
    given = dataclasses.replace(study(nn.Conv2d(1, 1, 1), tmp_path), dataset=negatives(wanted=False))
    with pytest.raises(PlanError, match="case c0 has no wanted image"):
        TRAINER.train(given)


def gan(rounds: int = 2) -> ContextGAN:
    torch.manual_seed(0)
    made = build(widths=(4, 4, 4, 4, 4), rounds=rounds)
    assert isinstance(made, ContextGAN)
    return made


def test_round_after_round(tmp_path: Path) -> None:
    said: list[str] = []
    start = gan()
    first = {name: value.clone() for name, value in start.state_dict().items()}
    longer = dataclasses.replace(RECIPE, schedule=dataclasses.replace(RECIPE.schedule, epochs=20))
    made = adversarial_generation.TRAINER.train(study(start, tmp_path, longer, said))
    assert said[0] == "round 1 of 2"
    assert len(losses(tmp_path)) == len(losses(tmp_path / "round-1")) == 20
    before = torch.load(tmp_path / "round-1" / "checkpoint.pt", weights_only=True)["average"]
    after = made.state_dict()
    for name, value in after.items():
        own = name.startswith(("generators.1.", "critics.1."))
        assert torch.equal(value, before[name]) or own, name
        assert not own or torch.equal(before[name], first[name]), name
    assert not torch.equal(after["generators.1.0.weight"], first["generators.1.0.weight"])
    image = torch.rand(4, 1, 6, 6).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    with torch.no_grad():
        error = (made(image) - (1 - image)).abs().mean().item()
    assert error < 0.8 * 0.25  # of the mean grey


def test_a_finished_training_is_not_run_again(tmp_path: Path) -> None:
    short = dataclasses.replace(RECIPE, schedule=dataclasses.replace(RECIPE.schedule, epochs=1))
    made = adversarial_generation.TRAINER.train(study(gan(), tmp_path, short))
    said: list[str] = []
    again = adversarial_generation.TRAINER.train(study(gan(), tmp_path, short, said))
    assert said == ["going on after epoch 1"]
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in made.state_dict().items())


def test_the_losses_of_a_round_reach_its_own_parts_alone() -> None:
    network = gan()
    pair = (torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16))
    found = adversarial_generation.losses_of(network.train(), 1, pair, {"square": 1.0, "gradient": 1.0, "fool": 0.1})
    torch.stack(list(found.values())).sum().backward()
    for name, weight in network.named_parameters():
        assert (weight.grad is not None) == name.startswith(("generators.1.", "critics.1.")), name
    assert network.generators[0].training


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    class Same(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images

    with pytest.raises(ModelError, match="Same has no rounds"):
        adversarial_generation.TRAINER.train(study(Same(), tmp_path))
