from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.attribution.networks import images, small_cnn
from xaimed.errors import ModelError
from xaimed.hooks import captured, channels_last, frozen


def state(net: nn.Module) -> list[object]:
    return [
        [(name, part.training) for name, part in net.named_modules()],
        [
            (name, weight.requires_grad, weight.grad is None, weight.stride())
            for name, weight in net.named_parameters()
        ],
        {name: value.clone() for name, value in net.state_dict().items()},
        [len(part._forward_hooks) for part in net.modules()],
    ]


def same(a: list[object], b: list[object]) -> bool:
    left, right = a[2], b[2]
    assert isinstance(left, dict)
    assert isinstance(right, dict)
    return a[:2] == b[:2] and a[3] == b[3] and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_restored_part_by_part(fails: bool) -> None:
    net = small_cnn().train()
    net[1].eval()
    net[4].weight.requires_grad_(False)
    before = state(net)
    try:
        with frozen(net), channels_last(net), captured(net[0]):
            assert not any(part.training for part in net.modules())
            assert not any(weight.requires_grad for weight in net.parameters())
            net(images())
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert same(before, state(net))


def test_frozen_keeps_the_running_statistics_and_drops_nothing() -> None:
    net = small_cnn().train()
    before = net[1].running_mean.clone()
    with frozen(net):
        assert torch.equal(net(images()), net(images()))
    assert torch.equal(net[1].running_mean, before)


def test_the_captured_value_is_what_the_layer_gave_before_an_in_place_relu() -> None:
    net, batch = small_cnn(inplace=True), images()
    with frozen(net), captured(net[4]) as holder:
        net(batch)
    with torch.no_grad():
        expected = net[:5](batch)
    assert expected.min() < 0
    assert torch.equal(holder.value.detach(), expected)


def test_captured_counts_runs_and_says_when_there_was_none() -> None:
    layer = nn.Conv2d(1, 1, 1)
    with captured(layer, "stem") as holder:
        with pytest.raises(ModelError, match="stem did not run"):
            _ = holder.value
        layer(layer(images()))
    assert holder.runs == 2


def test_captured_refuses_what_is_no_tensor() -> None:
    lstm = nn.LSTM(2, 2)
    with captured(lstm, "memory"), pytest.raises(ModelError, match="memory gives tuple"):
        lstm(torch.zeros(1, 1, 2))
    assert not lstm._forward_hooks


def test_recurrent_networks_run_without_cudnn_meanwhile() -> None:
    before = torch.backends.cudnn.enabled
    with frozen(nn.LSTM(2, 2)):
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled == before


def test_channels_last_changes_no_value() -> None:
    net, batch = small_cnn(channels=3).double(), images(channels=3).double()
    plain = net(batch)
    with channels_last(net):
        fast = net(batch.contiguous(memory_format=torch.channels_last))
        assert net[4].weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(plain, fast, rtol=1e-12, atol=1e-12)
