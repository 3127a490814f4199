"""The oracle: exact on a model that adds regions, as good as every order of few regions, and bounded in cost."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.scenery import scene
from xaimed.metrics.oracle import Oracle
from xaimed.metrics.removal import Removal, Sweep
from xaimed.perturb import grid_regions
from xaimed.scene import Scene
from xaimed.types import Floats

EDGE = 24
SWEEP = Sweep("tissue_median", steps=8)


def weighted(weights: Floats) -> Scene:
    """A similarity that adds what is left of a bright image, weighted; the median of the rest is 0."""
    image = torch.zeros(1, 1, EDGE, EDGE)
    image[..., : EDGE // 2 - 1, :] = 1.0
    scale = torch.from_numpy(weights)

    def left(x: Tensor) -> Tensor:
        return (x[:, 0] * scale).sum((1, 2)) / scale[: EDGE // 2 - 1].sum()

    return scene(image, left)


def test_the_order_of_regions_is_that_of_their_weights() -> None:
    weights = np.kron(np.arange(1, 17, dtype=np.float32).reshape(4, 4), np.ones((6, 6), np.float32))
    removal = Removal(weighted(weights))
    labels = grid_regions(EDGE, EDGE, removal.scene.tissue, 16).numpy()
    for found in Oracle(regions=16, rounds=1).maps(removal):
        ranks = {int(label): found[labels == label] for label in np.unique(labels)}
        assert all(len(np.unique(values)) == 1 for values in ranks.values())
        order = sorted(ranks, key=lambda label: -ranks[label][0])
        # The lower half is black and weighs nothing; the second row of regions is bright in five of six lines.
        assert order[:8] == [7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_full_search_is_near_the_best_of_all_orders(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = torch.from_numpy(rng.random((1, 1, EDGE, EDGE)).astype(np.float32))
    labels = grid_regions(EDGE, EDGE, torch.ones(EDGE, EDGE, dtype=torch.bool), 4)
    pair = rng.random((4, 4)).astype(np.float32)

    def left(x: Tensor) -> Tensor:
        intact = (x == image)[:, 0]
        same = torch.stack([(intact & (labels == k)).sum((1, 2)) / (labels == k).sum() for k in range(4)], 1)
        return (same @ torch.from_numpy(pair) * same).sum(1) / float(pair.sum())

    removal = Removal(scene(image, left))
    masks = [(labels == k).float().numpy() for k in range(4)]
    best = min(removal.deletion(np.sum([masks[k] * (rank + 1) for rank, k in enumerate(order)], 0), SWEEP).area
               for order in permutations(range(4)))
    greedy = removal.deletion(Oracle(4, rounds=4).maps(removal)[0], SWEEP).area
    alone = removal.deletion(np.ones((EDGE, EDGE), np.float32), SWEEP).area
    assert best - 1e-6 <= greedy <= best + 0.1 * (alone - best) + 1e-6


def test_the_cost_is_known() -> None:
    removal = Removal(weighted(np.ones((EDGE, EDGE), np.float32)))
    Oracle(regions=16, rounds=1).maps(removal)
    # The untouched scene, the filled one, and for each direction 16 regions and the start.
    assert removal.passes == 2 + 2 * 17


def test_no_prediction_no_oracle() -> None:
    nothing = scene(torch.rand(1, 1, EDGE, EDGE), lambda x: torch.zeros(len(x)))
    assert Oracle().maps(Removal(nothing)) == ()
