from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from xaimed.randomise import execution_order, randomised
from xaimed.scene import Scene


class Mixed(nn.Module):
    """Defined in another order than it runs; tied weights, frozen statistics, a part that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 2)
        self.unused = nn.Linear(3, 3)
        self.frozen = FrozenBatchNorm2d(6)
        self.norm = nn.BatchNorm2d(6)
        self.conv = nn.Conv2d(1, 6, 3)
        self.tied = nn.Linear(6, 2)
        self.tied.weight = self.head.weight
        self.register_buffer("grid", torch.arange(9.0))
        self.frozen.running_var.copy_(torch.rand(6) + 0.5)
        self.frozen.weight.copy_(torch.rand(6) + 0.5)
        self.norm.running_mean.copy_(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.norm(self.frozen(self.conv(x))).relu().mean((2, 3)))
        return found


def mixed() -> tuple[Mixed, Scene]:
    torch.manual_seed(0)
    network = Mixed().eval()
    image = torch.rand(1, 1, 12, 12)
    scene = Scene("a", "x", image, torch.ones(12, 12, dtype=torch.bool), lambda x: network(x)[:, 0],
                  lambda x: network(x)[:, 0], network, {}, lambda v: v)
    return network, scene


def kept(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_order_is_that_of_execution_and_unused_parts_come_last() -> None:
    network, scene = mixed()
    ran = [network.conv, network.frozen, network.norm, network.head]
    assert execution_order(scene) == [*ran, network.unused, network.tied]


def test_every_weight_and_statistic_changes_and_comes_back_to_the_bit() -> None:
    network, scene = mixed()
    before, output = kept(network), network(scene.image)
    versions = {name: weight.requires_grad for name, weight in network.named_parameters()}
    with randomised(execution_order(scene), seed=0):
        during = kept(network)
        assert not torch.allclose(network(scene.image), output)
    same = {name for name, value in before.items() if torch.equal(value, during[name])}
    # Vectors of one repeated value have no spread to draw from; the grid and the counter are not learnt.
    assert same == {"grid", "frozen.bias", "frozen.running_mean", "norm.weight", "norm.bias",
                    "norm.running_var", "norm.num_batches_tracked"}
    assert torch.equal(during["tied.weight"], during["head.weight"])
    after = kept(network)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(network(scene.image), output)
    assert versions == {name: weight.requires_grad for name, weight in network.named_parameters()}


def test_each_tensor_keeps_its_own_spread() -> None:
    network, scene = mixed()
    before = kept(network)
    with randomised(execution_order(scene), seed=1):
        during = kept(network)
    for name in ("frozen.running_var", "frozen.weight", "norm.running_mean", "conv.bias"):
        assert torch.equal(before[name].sort().values, during[name].sort().values)
    wide = nn.Linear(300, 300).requires_grad_(False)
    spread = wide.weight.square().mean().sqrt()
    with randomised([wide], seed=0):
        assert float(wide.weight.square().mean().sqrt() / spread) == pytest.approx(1, abs=0.02)
        assert abs(float(wide.weight.mean() / spread)) < 0.02


def test_a_bias_of_one_value_changes() -> None:
    layer = nn.Linear(4, 1).requires_grad_(False)
    before = float(layer.bias)
    with randomised([layer], seed=0):
        assert float(layer.bias) != before
    assert float(layer.bias) == before


def test_weights_come_back_after_a_failure_and_with_nan_in_them() -> None:
    network, scene = mixed()
    with torch.no_grad():
        network.conv.weight[0, 0, 0, 0] = torch.nan
    bits = network.conv.weight.detach().clone().view(torch.int32)
    with pytest.raises(KeyError), randomised(execution_order(scene), seed=0):
        raise KeyError("a method that fails")
    assert torch.equal(network.conv.weight.detach().view(torch.int32), bits)


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    network, scene = mixed()
    order, state = execution_order(scene), torch.get_rng_state()
    found = []
    for seed in (3, 3, 4):
        with randomised(order, seed):
            found.append(network.conv.weight.clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(state, torch.get_rng_state())


def test_the_first_modules_are_drawn_alike_at_every_stage() -> None:
    network, scene = mixed()
    order = execution_order(scene)[::-1]
    with randomised(order[:2], seed=0):
        first = network.tied.weight.clone()
    with randomised(order, seed=0):
        assert torch.equal(network.tied.weight, first)


def test_no_hook_stays() -> None:
    network, scene = mixed()
    execution_order(scene)
    assert not any(part._forward_pre_hooks for part in network.modules())
