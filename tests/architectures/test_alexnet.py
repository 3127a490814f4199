"""AlexNet: the published number of parameters, the paper's response normalisation, and groups that do not mix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xaimed.architectures.alexnet import build, response_norm
from xaimed.errors import ModelError


def paper_norm(maps: np.ndarray) -> np.ndarray:
    """b_i = a_i / (k + alpha * sum over j from max(0, i - n/2) to min(N - 1, i + n/2) of a_j ** 2) ** beta."""
    out = np.zeros_like(maps)
    count = len(maps)
    for i in range(count):
        near = range(max(0, i - 2), min(count - 1, i + 2) + 1)
        out[i] = maps[i] / (2 + 1e-4 * sum(maps[j] ** 2 for j in near)) ** 0.75
    return out


def test_the_full_network_has_the_published_parameters() -> None:
    # On the meta device: counted, not drawn.
    with torch.device("meta"):
        network = build(outputs=1000, channels=3, size="full", side=227)
        maps = network.get_submodule("features")(torch.zeros(1, 3, 227, 227))
    assert sum(weight.numel() for weight in network.parameters()) == 60_965_224
    assert maps.shape == (1, 256, 6, 6)


def test_the_small_network_is_small() -> None:
    assert sum(weight.numel() for weight in build().parameters()) < 600_000


def test_the_response_norm_is_the_papers() -> None:
    maps = np.random.default_rng(0).normal(0, 60, (9, 3, 4))
    ours = response_norm()(torch.from_numpy(maps)[None])[0].numpy()
    assert ours == pytest.approx(paper_norm(maps), rel=1e-12)
    # With values this large the sum matters.
    assert np.abs(ours - maps / 2 ** 0.75).max() > 1


def test_a_grouped_convolution_sees_its_own_half_only() -> None:
    torch.manual_seed(0)
    features = build().get_submodule("features")
    grouped = [layer for layer in features.children() if getattr(layer, "groups", 1) == 2]
    assert len(grouped) == 3
    layer = grouped[1]
    half = layer.weight.shape[0] // 2
    maps = torch.rand(1, layer.weight.shape[1] * 2, 5, 5)
    changed = maps.clone()
    changed[:, :layer.weight.shape[1]] += 1
    before, after = layer(maps), layer(changed)
    assert torch.equal(before[:, half:], after[:, half:])
    assert not torch.allclose(before[:, :half], after[:, :half])


@pytest.mark.parametrize("arguments", [{"size": "large"}, {"side": 8}])
def test_a_network_that_cannot_be_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="expected"):
        build(**arguments)
