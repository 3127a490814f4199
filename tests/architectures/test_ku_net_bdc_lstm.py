"""kU-Net + BDC-LSTM: the two streams against loops, the centre alone against all slices, what its hooks see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.architectures.test_pyramid_lstm import loop
from xaimed.architectures.ku_net_bdc_lstm import BDCLSTM, KUNetBDCLSTM, build
from xaimed.errors import ModelError


def small() -> KUNetBDCLSTM:
    torch.manual_seed(0)
    network = build(outputs=2, width=4, depth=2, hidden=3).double()
    assert isinstance(network, KUNetBDCLSTM)
    return network


def test_the_published_lstms_have_their_parameters() -> None:
    with torch.device("meta"):
        assert sum(weight.numel() for weight in BDCLSTM(64, 64, 5).parameters()) == 1_638_912


def test_the_two_streams_are_loops_from_either_end() -> None:
    torch.manual_seed(0)
    lstm = BDCLSTM(2, 3, 3).double()
    maps = torch.rand(1, 5, 2, 6, 7, dtype=torch.float64)
    onward = loop(lstm.onward, maps[0].numpy())
    back = loop(lstm.back, maps[0].numpy()[::-1])[::-1]
    assert lstm(maps)[0].detach().numpy() == pytest.approx(np.concatenate([onward, back], axis=1), abs=1e-12)
    torch.testing.assert_close(lstm.centre(maps), lstm(maps)[:, 2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_answer_is_that_of_the_centre_slice(depth: int) -> None:
    network, stack = small(), torch.rand(2, depth, 8, 12, dtype=torch.float64)
    every = network.volume(stack)
    assert every.shape == (2, 2, depth, 8, 12)
    torch.testing.assert_close(network(stack), every[:, :, depth // 2], rtol=0, atol=1e-12)


def test_every_slice_reaches_the_answer_and_its_order_matters() -> None:
    network = small()
    stack = torch.rand(1, 5, 8, 8, dtype=torch.float64, requires_grad=True)
    gradient = torch.autograd.grad(network(stack)[:, 1].sum(), stack)[0]
    assert (gradient.abs().sum(dim=(0, 2, 3)) > 1e-6).all()
    assert not torch.allclose(network(stack), network(stack[:, [1, 0, 2, 3, 4]]), rtol=0, atol=1e-9)


def test_a_hook_sees_the_centre_slice_last() -> None:
    network, stack = small(), torch.rand(1, 3, 8, 8, dtype=torch.float64)
    seen: list[Tensor] = []
    network.ku_net.fine.down[-1].register_forward_hook(lambda *given: seen.append(given[2]))
    network(stack)
    assert seen[-1].shape[0] == 1
    last = seen[-1].clone()
    network.ku_net(stack[:, 1:2])
    torch.testing.assert_close(seen[-1], last, rtol=0, atol=1e-12)


def test_the_coarse_net_feeds_the_fine_one() -> None:
    network, slices = small().ku_net, torch.rand(1, 1, 8, 8, dtype=torch.float64)
    before = network(slices)
    for part in network.coarse.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.weight)
    assert not torch.allclose(before, network(slices), rtol=0, atol=1e-6)


def test_sides_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ModelError, match="multiples of 4"):
        small()(torch.zeros(1, 3, 10, 8, dtype=torch.float64))
    with pytest.raises(ModelError, match="odd kernel"):
        build(kernel=2)
