"""Training of segmenters: the losses by hand, a tiny task that is learnt, a course that is cut off and goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.toys import discs
from xaimed.adapters.modelfile import built
from xaimed.data.dataset import CaseRow
from xaimed.errors import ModelError, PlanError
from xaimed.training.adversarial_segmentation import Options, adversarial_losses, ascending
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Recipe, recipe_of
from xaimed.training.segmentation import losses_of, masks_of, soft_dice, with_background
from xaimed.training.trainer import Study, trainer_of
from xaimed.types import Case

SIDE = 16


class Discs:
    """Stacks of three slices with a ball; the mask of the centre slice is the class "ball"."""

    name, title, task, synthetic, classes, warnings = "discs", "discs", "segmentation", True, ("ball",), ()

    def __init__(self, count: int, seed: int = 0, depth: int = 1) -> None:
        self.stacks, self.masks = discs(count, SIDE, depth, seed)
        self.rows = tuple(CaseRow(f"c{i}", f"p{i}", "train", None) for i in range(count))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Case:
        return Case(f"c{index}", self.stacks[index].numpy(), segments={"ball": self.masks[index].numpy()})


def recipe(trainer: str = "", architecture: str = "u_net", **arguments: object) -> Recipe:
    given = arguments or {"width": 4, "depth": 3}
    return recipe_of({
        "name": "discs", "task": "segmentation", "trainer": trainer, "architecture": architecture,
        "arguments": given, "dataset": "discs", "input": {"mean": [0.5], "std": [0.25]},
        "preprocessing": {"segment": False, "crop": False, "stretch": 0.0, "long_side": 0, "multiple": 4,
                          "filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}},
        "augmentation": {"noise": 0.0},
        "schedule": {"epochs": 4, "images": 64, "batch": 8, "rate": 0.02, "linear": 1.0, "average": 0.9}})


def trained(plan: Recipe, folder: Path, say: Callable[[str], None] = lambda _: None, data: Discs | None = None
            ) -> nn.Module:
    torch.manual_seed(plan.seed)
    network = built(plan.architecture, plan.arguments)
    return trainer_of(plan).train(Study(network, data or Discs(24), plan, Workspace(folder, say)))


def dice_of(network: nn.Module, plan: Recipe) -> float:
    stacks, truth = discs(16, SIDE, 1, seed=5)
    with torch.no_grad():
        found = network((stacks - 0.5) / 0.25)[:, 0] > 0
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def test_the_losses_by_hand() -> None:
    """Two pixels of probability 3/4 and 1/2, of which the first is wanted: cross-entropy and 1 - (2 x 3/4 + 1) / ..."""
    logits = torch.tensor([np.log(3.0), 0.0], dtype=torch.float64).reshape(1, 1, 1, 2)
    wanted = torch.tensor([1.0, 0.0], dtype=torch.float64).reshape(1, 1, 1, 2)
    found = losses_of(logits, wanted)
    assert float(found["cross-entropy"]) == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)
    assert float(found["dice"]) == pytest.approx(1 - (2 * 0.75 + 1) / (1.25 + 1 + 1))
    assert float(soft_dice(wanted, wanted)) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_one_logit_costs_what_two_with_a_silent_background_cost(seed: int, count: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    one = torch.randn(count, 1, 4, 4, generator=draw, dtype=torch.float64)
    wanted = (torch.rand(count, 1, 4, 4, generator=draw) > 0.5).double()
    two = losses_of(torch.cat([torch.zeros_like(one), one], dim=1), wanted)
    assert float(two["cross-entropy"]) == pytest.approx(float(losses_of(one, wanted)["cross-entropy"]))


def test_the_background_is_wanted_where_no_class_is() -> None:
    wanted = torch.zeros(1, 2, 1, 3)
    wanted[0, 0, 0, 0] = wanted[0, 1, 0, 1] = 1
    assert with_background(torch.zeros(1, 3, 1, 3), wanted)[0, 0, 0].tolist() == [0, 0, 1]
    assert with_background(torch.zeros(1, 2, 1, 3), wanted) is wanted
    for outputs in (1, 4):
        with pytest.raises(ModelError, match="2 classes; expected as many, or one more"):
            losses_of(torch.zeros(1, outputs, 1, 3), wanted)


def test_logits_of_half_the_size_are_compared_at_theirs() -> None:
    wanted = torch.zeros(1, 1, 4, 4)
    wanted[..., :2] = 1
    small = torch.tensor([20.0, -20.0]).expand(1, 1, 2, 2)
    assert float(sum(losses_of(small, wanted).values())) < 1e-6


def test_a_case_without_a_reference_is_refused() -> None:
    case = Case("c9", np.zeros((1, 4, 4), np.float32))
    with pytest.raises(PlanError, match="case c9 has no reference in pixels; expected segments of ball"):
        masks_of(case, ("ball",))
    part = replace(case, segments={"ball": np.eye(4, dtype=bool)})
    assert masks_of(part, ("none", "ball")).sum(axis=(1, 2)).tolist() == [0, 4]


def test_it_learns_and_goes_on_after_it_was_cut_off(tmp_path: Path) -> None:
    plan = recipe()
    whole = trained(plan, tmp_path / "whole")
    assert dice_of(whole, plan) > 0.9

    class Stop(Exception):
        pass

    def stop(text: str) -> None:
        if text.startswith("epoch 2/"):
            raise Stop

    with pytest.raises(Stop):
        trained(plan, tmp_path / "cut", stop)
    said: list[str] = []
    again = trained(plan, tmp_path / "cut", said.append)
    assert said[0] == "going on after epoch 2"
    for key, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_the_segmentor_learns_against_a_critic(tmp_path: Path) -> None:
    plan = recipe("adversarial_segmentation", "segan", width=4, depth=3, critic=[4, 2])
    network = trained(plan, tmp_path)
    assert dice_of(network, plan) > 0.9
    bound = Options().bound + plan.schedule.rate  # one step beyond the cut
    assert max(float(w.detach().abs().max()) for w in network.critic.parameters()) <= bound  # type: ignore[union-attr]
    assert not any(w._backward_hooks for w in network.critic.parameters())  # type: ignore[union-attr]


def test_the_critic_climbs_where_the_segmentor_descends() -> None:
    torch.manual_seed(0)
    network = built("segan", {"width": 2, "depth": 2, "critic": [2, 2]}).double()
    images, truth = torch.rand(2, 1, 8, 8).double(), (torch.rand(2, 1, 8, 8) > 0.5).double()

    def gradients() -> dict[str, torch.Tensor]:
        losses = adversarial_losses(network, images, truth, Options(bound=1.0))
        names, weights = zip(*network.named_parameters(), strict=True)
        return dict(zip(names, torch.autograd.grad(sum(losses.values()), weights), strict=True))

    plain = gradients()
    with ascending(network.critic):
        losses = adversarial_losses(network, images, truth, Options(bound=1.0))
        network.zero_grad()
        sum(losses.values()).backward()  # type: ignore[union-attr]
    for name, weight in network.named_parameters():
        sign = -1 if name.startswith("critic") else 1
        torch.testing.assert_close(weight.grad, sign * plain[name])


@pytest.mark.parametrize(("options", "words"), [({"critic": 0.0}, "expected positive"), ({"bond": 1}, "bond")])
def test_options_that_make_no_sense(options: dict[str, object], words: str, tmp_path: Path) -> None:
    plan = replace(recipe("adversarial_segmentation", "segan", width=2, depth=2), options=options)
    with pytest.raises(PlanError, match=words):
        trained(plan, tmp_path)


def test_another_network_has_no_critic(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'u_net'; expected 'segan'"):
        trained(recipe("adversarial_segmentation"), tmp_path)
