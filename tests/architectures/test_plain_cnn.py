"""The plain classifier: its stride is what it says, and its output is the linear layer of the mean of its last map."""

from __future__ import annotations

import pytest
import torch

from xaimed.architectures.plain_cnn import build
from xaimed.errors import ModelError
from xaimed.features import features


@pytest.mark.parametrize("stride", [1, 4, 16])
def test_the_last_map_has_the_stride_and_the_logits_are_linear_in_its_mean(stride: int) -> None:
    torch.manual_seed(0)
    network = build(outputs=3, channels=2, widths=(4, 5, 6, 7), stride=stride).eval()
    images = torch.rand(2, 2, 48, 32)
    maps: list[torch.Tensor] = []
    with torch.no_grad(), features(network) as found:
        handle = network.get_submodule("features").register_forward_hook(lambda *given: maps.append(given[2]))
        logits = network(images)
        handle.remove()
    assert maps[0].shape == (2, 7, 48 // stride, 32 // stride)
    assert list(found.layers)[-1] == "features"
    linear = network.get_submodule("linear")
    expected = maps[0].mean(dim=(2, 3)) @ linear.weight.T + linear.bias
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("widths", "stride"), [((8, 8), 8), ((8, 8), 3), ((8, 8), 0), ((), 1)])
def test_a_stride_that_cannot_be_is_refused(widths: tuple[int, ...], stride: int) -> None:
    with pytest.raises(ModelError, match="power of two"):
        build(widths=widths, stride=stride)
