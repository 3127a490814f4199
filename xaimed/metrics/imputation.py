"""Noisy linear imputation: removed pixels become what their neighbours let one expect, so that no edge tells of them.

Rong Y, Leemann T, Borisov V, Kasneci G, Kasneci E (2022) "A consistent and efficient evaluation strategy for
attribution methods" (ROAD), arXiv:2202.00449. Each removed pixel is the weighted mean of its eight neighbours, 1/6
beside and 1/12 across the corner; all of them at once are one sparse linear system. It is solved for all masks
together on the device of the image, by conjugate gradients from a coarse-to-fine guess, in bounded memory, with a
multilevel correction: without it a hole of half the breast would take hundreds of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BESIDE, CORNER = 1 / 6, 1 / 12
STENCIL = ((CORNER, BESIDE, CORNER), (BESIDE, 0.0, BESIDE), (CORNER, BESIDE, CORNER))
# What one cell of a coarser grid means on the next finer one: bilinear interpolation between cells.
BUMP = tuple(tuple(a * b / 16 for a in (1, 3, 3, 1)) for b in (1, 3, 3, 1))
# In two dimensions the bumps of all levels have about the same energy; this one takes the fewest steps.
ENERGY = 0.7
# The coarsest grid has at most so many cells on its shorter side.
FEWEST = 8


@dataclass(frozen=True)
class Imputation:
    """noise: standard deviation of the normal noise added to imputed pixels of an image in [0, 1]; seed: of it.

    iterations: at most so many steps of the solver. error: it stops at this residual, relative to the start; the
    default leaves an error of a tenth of the noise (root mean square).
    """

    noise: float = 0.01
    seed: int = 0
    iterations: int = 80
    error: float = 1e-3

    def of(self, image: Tensor, tissue: Tensor, masks: Tensor) -> Tensor:
        """(N, C, h, w): `image` (1, C, h, w) with each mask of (N, h, w) imputed within the tissue (h, w).

        The solution obeys the maximum principle: before the noise it lies within the range of the pixels kept. Where
        nothing is kept it is the mean of the tissue.
        """
        gone, inside = (masks & tissue)[:, None], tissue[None, None].to(image.dtype)
        known = (inside * ~gone).expand(len(masks), 1, *tissue.shape)
        smooth = self._solved(_guess(image.detach() * known, known, image, tissue), gone, inside)
        kept = torch.where(known > 0, image.detach(), torch.nan)
        low, high = (_extreme(kept, side, smooth) for side in (-1, 1))
        generator = torch.Generator().manual_seed(self.seed)
        noise = self.noise * torch.randn(image.shape, generator=generator).to(image)
        return torch.where(gone, torch.maximum(torch.minimum(smooth, high), low) + noise, image.detach())

    def _solved(self, start: Tensor, gone: Tensor, inside: Tensor) -> Tensor:
        """The harmonic filling (N, C, h, w) from `start`; known pixels stay as they are."""
        # With the masks as channels, last in memory, one depthwise convolution serves them all.
        x, free, here = (v.transpose(0, 1).contiguous(memory_format=torch.channels_last)
                         for v in (start, gone.to(start.dtype), inside.expand_as(gone)))
        levels = _Levels.of(free, here)
        residual = -levels.applied(x)
        step = levels.corrected(residual)
        power = _dot(residual, step)
        # The floor of a hundredth a pixel: where nothing is kept the system is singular, and rounding would grow.
        limit = self.error**2 * (power + 1e-4 * free.sum((2, 3), keepdim=True))
        for _ in range(self.iterations):
            if bool((power <= limit).all()):
                break
            across = levels.applied(step)
            length = torch.where(power > limit, _ratio(power, _dot(step, across)), torch.zeros_like(power))
            x, residual = x + length * step, residual - length * across
            precise = levels.corrected(residual)
            before, power = power, _dot(residual, precise)
            step = precise + _ratio(power, before) * step
        return x.transpose(0, 1).contiguous()


@dataclass(frozen=True, eq=False)
class _Levels:
    """The system of all masks, with a correction on grids from coarse to fine that lets few steps do.

    free: 1 where a pixel is to be filled; inside: 1 in the tissue; degree: the weight of its neighbours there, each
    (1, N, h, w). coarse: for every coarser grid 1 where the bump of a cell covers no kept pixel.
    Bramble JH, Pasciak JE, Xu J (1990) "Parallel multilevel preconditioners", Math Comp 55:1.
    """

    free: Tensor
    inside: Tensor
    degree: Tensor
    coarse: tuple[Tensor, ...]

    @classmethod
    def of(cls, free: Tensor, inside: Tensor) -> _Levels:
        """The levels down to a grid of a few cells."""
        blocked, coarse = inside * (1 - free), list[Tensor]()
        while min(blocked.shape[-2:]) > FEWEST:
            blocked = functional.max_pool2d(_even(blocked), 4, 2, padding=1)
            coarse.append(1 - blocked)
        degree = _spread(inside, STENCIL).clamp_min(torch.finfo(inside.dtype).tiny)
        return cls(free, inside, degree, tuple(coarse))

    def applied(self, x: Tensor) -> Tensor:
        """(C, N, h, w): by how much each free pixel differs from its neighbours, times their weight."""
        return self.free * (self.degree * x - _spread(self.inside * x, STENCIL))

    def corrected(self, residual: Tensor) -> Tensor:
        """(C, N, h, w): the residual over the degree, and what every coarser grid makes of it."""
        parts = [residual]
        for free in self.coarse:
            parts.append(_spread(_even(parts[-1]), BUMP, stride=2) * free)
        rough = torch.zeros_like(parts[-1])
        for part, finer in zip(parts[:0:-1], parts[-2::-1], strict=True):
            rough = _lifted(rough + part / ENERGY, finer)
        return self.free * (residual / self.degree + rough) if self.coarse else residual / self.degree


def _spread(values: Tensor, weights: Sequence[Sequence[float]], stride: int = 1) -> Tensor:
    """Each plane of (C, N, h, w) convolved with the weights; 0 beyond the rim."""
    kernel, count = values.new_tensor(weights), values.shape[1]
    return functional.conv2d(values, kernel.expand(count, 1, *kernel.shape), stride=stride, padding=1, groups=count)


def _lifted(values: Tensor, finer: Tensor) -> Tensor:
    """A coarser grid on the next finer one: the transpose of _spread with BUMP."""
    height, width = finer.shape[-2:]
    lifted = functional.interpolate(functional.pad(values, (1, 1, 1, 1)), scale_factor=2.0, mode="bilinear")
    return lifted[..., 2:2 + height, 2:2 + width]


def _even(values: Tensor) -> Tensor:
    """With a row and a column of zeros where their number is odd."""
    height, width = values.shape[-2:]
    return functional.pad(values, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else values


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((2, 3), keepdim=True)


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b > 0, a / b.clamp_min(torch.finfo(b.dtype).tiny), torch.zeros_like(a))


def _extreme(values: Tensor, side: int, fallback: Tensor) -> Tensor:
    """The least (-1) or greatest (1) of values that are not NaN, by image and channel; no limit where all are."""
    filled = torch.where(torch.isnan(values), torch.full_like(values, -side * torch.inf), values)
    found = filled.amax((2, 3), keepdim=True) if side > 0 else filled.amin((2, 3), keepdim=True)
    return torch.where(torch.isfinite(found), found, fallback)


def _guess(values: Tensor, known: Tensor, image: Tensor, tissue: Tensor) -> Tensor:
    """Known pixels as they are, others from the finest coarser grid that knows anything near (pull and push)."""
    height, width = values.shape[-2:]
    if max(height, width) <= 2 or not bool((known == 0).any()):
        whole = image.detach()[..., tissue].mean(-1)[..., None, None] if tissue.any() else image.mean((2, 3), True)
        share = known.sum((2, 3), keepdim=True)
        mean = torch.where(share > 0, values.sum((2, 3), keepdim=True) / share.clamp_min(1e-6), whole)
        return torch.where(known > 0, values / known.clamp_min(1e-6), mean)
    weight = functional.avg_pool2d(known, 2, ceil_mode=True)
    total = functional.avg_pool2d(values, 2, ceil_mode=True)
    sure = (weight > 0).to(values.dtype)
    coarse = _guess(total / weight.clamp_min(1e-6) * sure, sure, image, tissue)
    fine = functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return torch.where(known > 0, values, fine)
