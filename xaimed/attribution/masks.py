"""Random masks of a small grid, drawn by seed and never kept, and what is known of them exactly.

Petsiuk V, Das A, Saenko K (2018) "RISE: randomized input sampling for explanation of black-box models", BMVC,
arXiv:1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Grids:
    """Masks over (h, w): a grid of cells, each seen with probability `keep`, enlarged and shifted at random.

    cells: how many cross the shorter side; they are square. Enlarged bilinearly, so that every pixel's mean
    over all masks is `keep`. The n-th mask depends on the seed only, not on how many are drawn together.
    """

    size: tuple[int, int]
    cells: int
    keep: float
    seed: int

    @property
    def side(self) -> int:
        """Pixels across a cell."""
        return max(1, -(-min(self.size) // self.cells))


class Stream:
    """The masks of a grid one after the other, made on a device."""

    def __init__(self, grids: Grids, device: torch.device) -> None:
        self.grids = grids
        self.rows = hats(grids.size[0], grids.side).to(device)
        self.columns = hats(grids.size[1], grids.side).to(device)
        self._generator = np.random.default_rng(grids.seed)

    def draw(self, count: int) -> Tensor:
        """float32 (count, h, w) in [0, 1]: the next masks; 1 shows the image, 0 hides it."""
        rows, columns, side = self.rows.shape[-1], self.columns.shape[-1], self.grids.side
        drawn = self._generator.random((count, rows * columns + 2))
        seen = torch.from_numpy((drawn[:, 2:] < self.grids.keep).astype(np.float32))
        cells = seen.view(count, rows, columns).to(self.rows.device)
        down, right = torch.from_numpy((drawn[:, :2] * side).astype(np.int64)).T.to(self.rows.device)
        return self.rows[down] @ cells @ self.columns[right].transpose(1, 2)


def hats(pixels: int, side: int) -> Tensor:
    """float32 (side, pixels, n): the weight of each of n cells in each pixel, for every shift of 0 to side - 1.

    Bilinear interpolation between the centres of cells `side` pixels wide; beyond the outer centres the outer
    value is kept, so the weights of a pixel add up to 1.
    """
    count = -(-pixels // side) + 1
    shifted = torch.arange(pixels)[None] + torch.arange(side)[:, None]
    places = ((shifted + 0.5) / side - 0.5).clamp(0, count - 1)
    return (1 - (places[..., None] - torch.arange(count)).abs()).clamp_min(0).float()


class Linear:
    """What masks say of a function that is linear in them, exactly: the control of the sampled map.

    The function is the sum of weights (size, K) times the mean of mask - keep in each of `size` blocks, a cell wide.
    """

    def __init__(self, stream: Stream) -> None:
        self.keep, side = stream.grids.keep, stream.grids.side
        self._down, self._right = (_blocks(hat, side) for hat in (stream.rows, stream.columns))
        self._rows = _covariance(stream.rows) @ self._down.T
        self._columns = _covariance(stream.columns) @ self._right.T
        self.size = len(self._down) * len(self._right)

    def features(self, centred: Tensor) -> Tensor:
        """(B, size): the means of masks less keep (B, h, w) in each block."""
        return (self._down @ centred @ self._right.T).flatten(1)

    def map(self, weights: Tensor) -> Tensor:
        """(K, h, w): mean of function * (mask - keep) / keep over all masks, for weights (size, K)."""
        blocks = weights.T.reshape(-1, len(self._down), len(self._right)).to(self._rows)
        return (1 - self.keep) * self._rows @ blocks @ self._columns.T


def _covariance(hat: Tensor) -> Tensor:
    """(pixels, pixels): along one axis, the mean over all shifts of what two pixels share of the cells."""
    flat = hat.transpose(0, 1).flatten(1)
    return flat @ flat.T / len(hat)


def _blocks(hat: Tensor, side: int) -> Tensor:
    """(blocks, pixels): the mean over each block of `side` pixels."""
    pixels = hat.shape[1]
    inside = torch.arange(pixels)[None] // side == torch.arange(-(-pixels // side))[:, None]
    return (inside / inside.sum(1, keepdim=True)).to(hat)
