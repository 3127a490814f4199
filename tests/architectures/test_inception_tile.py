"""Inception-v3 is torchvision's, weight by weight and logit by logit; a slide's score is a sum over its tiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torchvision.models import inception_v3

from xaimed.architectures.inception_tile import build, positive_share, slide_scores, tile_shares
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


def test_the_score_of_a_slide_is_the_sum_of_what_its_tiles_give() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for exclusive in (True, False):
        shares = tile_shares(logits, exclusive)
        torch.testing.assert_close(shares.sum(dim=0), slide_scores(logits, exclusive), rtol=0, atol=1e-15)
        one = torch.stack([slide_scores(tile[None], exclusive) / 5 for tile in logits])
        torch.testing.assert_close(shares, one, rtol=0, atol=1e-15)
    assert float(tile_shares(logits).sum()) == pytest.approx(1)


def test_the_attribution_of_a_slide_is_the_sum_of_those_of_its_tiles() -> None:
    """Integrated gradients of the slide's score over all tiles at once, against each tile alone by its own path."""
    torch.manual_seed(0)
    network, tiles, klass = build(outputs=3).double().eval(), torch.rand(3, 3, 64, 64, dtype=torch.float64), 1
    steps = 8
    places = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps

    def along_the_path(images: torch.Tensor, score: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        total = torch.zeros_like(images)
        for place in places:
            at = (place * images).requires_grad_()
            total += torch.autograd.grad(score(network(at)), at)[0]
        return total / steps * images

    whole = along_the_path(tiles, lambda logits: slide_scores(logits)[klass])
    alone = torch.cat([along_the_path(tile[None], lambda logits: logits.softmax(dim=1)[0, klass]) for tile in tiles])
    torch.testing.assert_close(whole, alone / 3, rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        gain = tile_shares(network(tiles)) - tile_shares(network(torch.zeros_like(tiles)))
    sums = whole.sum(dim=(1, 2, 3))
    assert float((sums - gain[:, klass]).abs().max()) < 0.05 * float(gain[:, klass].abs().max())


def test_a_slide_without_tiles_and_another_size_are_refused() -> None:
    with pytest.raises(ModelError, match="one tile or more"):
        slide_scores(torch.zeros(0, 3))
    with pytest.raises(ModelError, match="'small' or 'full'"):
        build(size="tiny")
