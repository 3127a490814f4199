"""Inception-v3 is torchvision's, weight by weight and logit by logit; a slide's score is a sum over its tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models import inception_v3

from xaimed.architectures.inception_tile import build, positive_share, slide_scores
from xaimed.errors import ModelError


def test_the_full_network_has_the_published_parameters() -> None:
    with torch.device("meta"):
        ours = build(outputs=1000, size="full")
        theirs = inception_v3(weights=None, aux_logits=False, init_weights=False)
    assert [tuple(weight.shape) for weight in ours.state_dict().values()] == [
        tuple(weight.shape) for weight in theirs.state_dict().values()]
    assert sum(weight.numel() for weight in ours.parameters()) == 23_834_568


def test_its_logits_are_torchvisions() -> None:
    """Both list their layers in the order of the paper, so the weights go over one by one."""
    torch.manual_seed(0)
    theirs = inception_v3(weights=None, aux_logits=False, init_weights=False, num_classes=5).eval()
    ours = build(outputs=5, size="full").eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    tiles = torch.rand(1, 3, 107, 107)
    with torch.no_grad():
        torch.testing.assert_close(ours(tiles), theirs(tiles), rtol=1e-4, atol=1e-6)


def test_a_slide_is_the_mean_of_its_tiles() -> None:
    logits = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    powers = np.exp(logits.numpy())
    assert slide_scores(logits).numpy() == pytest.approx((powers / powers.sum(axis=1, keepdims=True)).mean(axis=0))
    assert slide_scores(logits, exclusive=False).numpy() == pytest.approx((powers / (1 + powers)).mean(axis=0))
    best = logits.numpy().argmax(axis=1)
    assert positive_share(logits).numpy() == pytest.approx([(best == c).mean() for c in range(3)])


def test_a_slide_without_tiles_and_another_size_are_refused() -> None:
    with pytest.raises(ModelError, match="one tile or more"):
        slide_scores(torch.zeros(0, 3))
    with pytest.raises(ModelError, match="'small' or 'full'"):
        build(size="tiny")
