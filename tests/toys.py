"""Tiny tasks that a network learns in seconds: stripes, bright halves, noise of two grains, stacks with a ball."""

from __future__ import annotations

import torch
from torch import Tensor


def stripes(count: int, side: int, channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (n, channels, side, side) in [0, 1] and their classes (n,): lying stripes (0) or standing ones (1)."""
    draw = torch.Generator().manual_seed(seed)
    classes = torch.arange(count) % 2
    phase = torch.rand(count, 1, 1, generator=draw) * 6.3
    wave = 0.5 + 0.4 * torch.sin(torch.arange(side) * 1.2 + phase)
    lying = wave.transpose(1, 2).expand(-1, side, side)
    standing = wave.expand(-1, side, side)
    images = torch.where(classes[:, None, None] == 0, lying, standing)[:, None].expand(-1, channels, -1, -1)
    noise = 0.1 * torch.randn(images.shape, generator=draw)
    return (images + noise).clamp(0, 1), classes


def halves(count: int, side: int, channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (n, channels, side, side) in [0, 1] and their classes (n,): bright above (0) or below (1)."""
    draw = torch.Generator().manual_seed(seed)
    classes = torch.arange(count) % 2
    images = torch.full((count, channels, side, side), 0.2)
    images[classes == 0, :, :side // 2] = 0.8
    images[classes == 1, :, side // 2:] = 0.8
    return (images + 0.1 * torch.randn(images.shape, generator=draw)).clamp(0, 1), classes


def grains(count: int, side: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (n, 1, side, side) in [0, 1] and their classes (n,): noise of single pixels (0) or smooth noise (1)."""
    draw = torch.Generator().manual_seed(seed)
    classes = torch.arange(count) % 2
    rough = torch.rand(count, 1, side, side, generator=draw)
    smooth = torch.nn.functional.avg_pool2d(rough, 3, 1, 1, count_include_pad=False)
    spread = rough.std() / smooth.std()
    even = (0.5 + (smooth - 0.5) * spread).clamp(0, 1)
    return torch.where(classes[:, None, None, None] == 0, rough, even), classes


def discs(count: int, side: int, depth: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Stacks (n, depth, side, side) with one bright ball each, and the mask (n, side, side) of the centre slice."""
    draw = torch.Generator().manual_seed(seed)
    at = torch.arange(side)
    centre = side / 4 + side / 2 * torch.rand(count, 2, 1, 1, generator=draw)
    radius = side / 3.5
    flat = (at[:, None] - centre[:, 0]).square() + (at - centre[:, 1]).square()
    depths = torch.arange(depth) - depth // 2
    inside = flat[:, None] + depths[:, None, None].square() < radius ** 2
    stack = 0.2 + 0.5 * inside + 0.1 * torch.randn(inside.shape, generator=draw)
    return stack.clamp(0, 1), inside[:, depth // 2]
