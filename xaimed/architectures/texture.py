"""Radiomic features of a grey image: first order, gradients, co-occurrence and local binary patterns, differentiable.

Haralick RM et al. (1973) doi:10.1109/TSMC.1973.4309314; Ojala T et al. (2002) doi:10.1109/TPAMI.2002.1017623; names
as in the Image Biomarker Standardisation Initiative (2020) doi:10.1148/radiol.2020191145 where it has them. Hard bins
become linear ones (a value counts for the two nearest levels) and the comparison of neighbours a steep sigmoid: where
every value lies on a level, the features are the usual ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 8
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1))
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
STEEPNESS = 100.0
TINY = 1e-8

FIRST_ORDER = ("mean", "deviation", "skewness", "kurtosis", "energy", "entropy", *(f"quantile_{q}" for q in QUANTILES))
GRADIENT = ("gradient_mean", "gradient_deviation", "coarse_gradient_mean", "coarse_gradient_deviation")
PAIRS = ("contrast", "dissimilarity", "homogeneity", "angular_second_moment", "correlation", "joint_entropy")
PATTERNS = tuple(f"brighter_neighbours_{count}" for count in range(9))
FEATURES = (*FIRST_ORDER, *GRADIENT, *PAIRS, *PATTERNS)


class Radiomics(nn.Module):
    """The features (B, len(FEATURES)) of images (B, 1, h, w) in [0, 1], in the order of FEATURES."""

    def forward(self, images: Tensor) -> Tensor:
        """The features of the whole image; values outside [0, 1] are cut."""
        grey = images[:, 0].clamp(0, 1)
        coarse = functional.avg_pool2d(grey[:, None], 2)[:, 0]
        return torch.cat([first_order(grey), gradients(grey), gradients(coarse), co_occurrence(grey), patterns(grey)],
                         dim=1)


def first_order(grey: Tensor) -> Tensor:
    """(B, 11): the features FIRST_ORDER of grey images (B, h, w): moments, histogram entropy in bits, quantiles."""
    flat = grey.flatten(1)
    mean = flat.mean(dim=1, keepdim=True)
    centred = flat - mean
    variance = centred.square().mean(dim=1, keepdim=True)
    spread = (variance + TINY).sqrt()
    unit = centred / spread
    shape = [unit.pow(3).mean(dim=1, keepdim=True), unit.pow(4).mean(dim=1, keepdim=True)]
    quantiles = torch.quantile(flat, torch.tensor(QUANTILES, dtype=flat.dtype, device=flat.device), dim=1).T
    energy, entropy = flat.square().mean(dim=1, keepdim=True), _entropy(shares(grey, LEVELS).flatten(2).mean(dim=2))
    return torch.cat([mean, spread, *shape, energy, entropy[:, None], quantiles], dim=1)


def gradients(grey: Tensor) -> Tensor:
    """(B, 2): mean and deviation of the length of the gradient, by forward differences, of grey images (B, h, w)."""
    down, right = grey[:, 1:, :-1] - grey[:, :-1, :-1], grey[:, :-1, 1:] - grey[:, :-1, :-1]
    length = (down.square() + right.square() + TINY).sqrt().flatten(1)
    return torch.stack([length.mean(dim=1), length.std(dim=1, unbiased=False)], dim=1)


def shares(grey: Tensor, levels: int) -> Tensor:
    """(B, levels, h, w): how much each pixel counts for each level, linear between the two nearest; the sum is 1."""
    places = torch.arange(levels, dtype=grey.dtype, device=grey.device)[:, None, None]
    return (1 - (grey[:, None] * (levels - 1) - places).abs()).clamp(min=0)


def pair_table(grey: Tensor) -> Tensor:
    """(B, levels, levels): the symmetric co-occurrence of levels in neighbours, mean of four directions; sum 1."""
    counts = shares(grey, LEVELS)
    tables = []
    for down, right in OFFSETS:
        first, second = _shifted(counts, down, right)
        table = first.flatten(2) @ second.flatten(2).transpose(1, 2) / first[0, 0].numel()
        tables.append((table + table.transpose(1, 2)) / 2)
    return torch.stack(tables).mean(dim=0)


def co_occurrence(grey: Tensor) -> Tensor:
    """(B, 6): the features PAIRS of grey images (B, h, w), distances in levels, entropy in bits."""
    table = pair_table(grey)
    level = torch.arange(LEVELS, dtype=grey.dtype, device=grey.device)
    apart = (level[:, None] - level).abs()
    mean = (table.sum(dim=2) * level).sum(dim=1)
    centred = level - mean[:, None]
    variance = (table.sum(dim=2) * centred.square()).sum(dim=1)
    covariance = torch.einsum("bij,bi,bj->b", table, centred, centred)
    return torch.stack([
        (table * apart.square()).sum(dim=(1, 2)), (table * apart).sum(dim=(1, 2)),
        (table / (1 + apart.square())).sum(dim=(1, 2)), table.square().sum(dim=(1, 2)),
        covariance / (variance + TINY), _entropy(table.flatten(1))], dim=1)


def patterns(grey: Tensor) -> Tensor:
    """(B, 9): the share of inner pixels with 0 to 8 brighter neighbours, softly: equal ones count by half."""
    height, width = grey.shape[1:]
    inner = grey[:, 1:-1, 1:-1]
    brighter = torch.zeros_like(inner)
    for down, right in NEIGHBOURS:
        other = grey[:, 1 + down:height - 1 + down, 1 + right:width - 1 + right]
        brighter = brighter + torch.sigmoid(STEEPNESS * (other - inner))
    return shares(brighter / 8, 9).flatten(2).mean(dim=2)


def _shifted(counts: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Two views (B, L, h', w') of (B, L, h, w): pixels, and their neighbours `down` and `right` of them."""
    height, width = counts.shape[2:]
    left, start = max(0, -right), max(0, right)
    rows = counts[:, :, :height - down], counts[:, :, down:]
    return rows[0][..., left:width - start], rows[1][..., start:width - left]


def _entropy(shares_: Tensor) -> Tensor:
    return -(shares_ * (shares_ + TINY).log2()).sum(dim=1)
