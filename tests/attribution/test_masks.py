from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from xaimed.attribution.masks import Grids, Linear, Stream, hats

CPU = torch.device("cpu")


def every_mask(pixels: int, side: int, keep: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All masks (N, pixels, pixels) of all grids and shifts, with their probabilities; by numpy's interpolation."""
    count = -(-pixels // side) + 1
    centres = (np.arange(count) + 0.5) * side - 0.5
    masks, chances = [], []
    for bits in product((0.0, 1.0), repeat=count * count):
        cells = np.array(bits).reshape(count, count)
        for down, right in product(range(side), repeat=2):
            across = np.array([np.interp(np.arange(pixels) + right, centres, row) for row in cells])
            masks.append(np.array([np.interp(np.arange(pixels) + down, centres, line) for line in across.T]).T)
            chances.append(keep ** sum(bits) * (1 - keep) ** (count**2 - sum(bits)) / side**2)
    return np.array(masks), np.array(chances)


@pytest.mark.parametrize(("pixels", "side"), [(16, 2), (17, 5), (3, 3), (1, 1)])
def test_each_pixel_shares_itself_out_among_the_cells(pixels: int, side: int) -> None:
    weights = hats(pixels, side)
    assert torch.allclose(weights.sum(-1), torch.ones(side, pixels), atol=1e-6)
    assert weights.min() >= 0


@pytest.mark.parametrize("keep", [0.5, 0.3])
def test_masks_come_as_often_as_they_should(keep: float) -> None:
    masks, chances = every_mask(4, 2, keep)
    drawn = Stream(Grids((4, 4), 2, keep, 0), CPU).draw(20_000).double().numpy()
    assert chances.sum() == pytest.approx(1.0)
    assert np.allclose(chances @ masks.reshape(len(masks), -1), keep)
    assert np.allclose(drawn.mean(0), keep, atol=0.015)
    flat, all_flat = drawn.reshape(-1, 16), masks.reshape(-1, 16)
    known = (all_flat * chances[:, None]).T @ all_flat
    assert np.allclose(flat.T @ flat / len(flat), known, atol=0.015)


@pytest.mark.parametrize("keep", [0.5, 0.3])
def test_what_a_linear_function_adds_is_known_exactly(keep: float) -> None:
    masks, chances = every_mask(4, 2, keep)
    linear = Linear(Stream(Grids((4, 4), 2, keep, 0), CPU))
    weights = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    centred = torch.from_numpy(masks).float() - keep
    values = (linear.features(centred) @ weights).double().numpy()
    blocks = masks.reshape(-1, 2, 2, 2, 2).mean((2, 4)).reshape(-1, 4) - keep
    assert np.allclose(values, blocks @ weights.double().numpy(), atol=1e-6)
    expected = np.einsum("n,nk,nhw->khw", chances, values, centred.double().numpy()) / keep
    assert np.allclose(linear.map(weights).numpy(), expected, atol=1e-6)


def test_a_mask_depends_on_the_seed_and_not_on_how_many_are_drawn_together() -> None:
    grids = Grids((20, 13), 4, 0.5, 7)
    stream = Stream(grids, CPU)
    parts = torch.cat([stream.draw(count) for count in (1, 5, 2)])
    assert torch.equal(parts, Stream(grids, CPU).draw(8))
    assert not torch.equal(parts, Stream(Grids((20, 13), 4, 0.5, 8), CPU).draw(8))
