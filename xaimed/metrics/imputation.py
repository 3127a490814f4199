"""Noisy linear imputation: removed pixels become what their neighbours let one expect, so that no edge tells of them.

Rong Y, Leemann T, Borisov V, Kasneci G, Kasneci E (2022) "A consistent and efficient evaluation strategy for
attribution methods" (ROAD), arXiv:2202.00449. Each removed pixel is the weighted mean of its eight neighbours, 1/6
beside and 1/12 across the corner; all of them at once are one sparse linear system. It is solved for all masks
together on the device of the image, by conjugate gradients from a coarse-to-fine guess, in bounded memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BESIDE, CORNER = 1 / 6, 1 / 12


@dataclass(frozen=True)
class Imputation:
    """noise: standard deviation of the normal noise added to imputed pixels of an image in [0, 1]; seed: of it.

    iterations: at most so many steps of the solver. error: it stops at this residual, relative to the start.
    """

    noise: float = 0.01
    seed: int = 0
    iterations: int = 80
    error: float = 1e-4

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
        degree = _neighbours(inside).clamp_min(torch.finfo(inside.dtype).tiny)

        def applied(x: Tensor) -> Tensor:
            return gone * (degree * x - _neighbours(inside * x))

        residual, x = -applied(start), start
        step = precise = residual / degree
        # The floor of a hundredth a pixel: where nothing is kept the system is singular, and rounding would grow.
        floor = 1e-4 * gone.sum((2, 3), keepdim=True)
        power = _dot(residual, precise)
        limit = self.error**2 * (power + floor)
        for _ in range(self.iterations):
            if bool((power <= limit).all()):
                break
            across = applied(step)
            length = torch.where(power > limit, _ratio(power, _dot(step, across)), torch.zeros_like(power))
            x, residual = x + length * step, residual - length * across
            precise = residual / degree
            before, power = power, _dot(residual, precise)
            step = precise + _ratio(power, before) * step
        return x


def _neighbours(values: Tensor) -> Tensor:
    """The weighted sum of the eight neighbours of each pixel of (N, C, h, w); 0 beyond the rim."""
    kernel = values.new_tensor([[CORNER, BESIDE, CORNER], [BESIDE, 0.0, BESIDE], [CORNER, BESIDE, CORNER]])
    planes = values.flatten(0, 1)[:, None]
    return functional.conv2d(planes, kernel[None, None], padding=1).view_as(values)


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
