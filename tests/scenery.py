"""Scenes with known answers: a scalar of the pixels in place of a network's prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.metrics.explained import Explained
from xaimed.scene import Scene
from xaimed.types import Floats, Mask

Scalar = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map as a method gives it."""

    values: Floats
    facts: Mapping[str, float] = field(default_factory=dict)


class Counted:
    """A similarity that counts the images it was asked for, and the batches."""

    def __init__(self, scalar: Scalar) -> None:
        self.scalar, self.images, self.sizes = scalar, 0, list[int]()

    def __call__(self, images: Tensor) -> Tensor:
        self.images += len(images)
        self.sizes.append(len(images))
        return self.scalar(images)


def same(values: Floats) -> Floats:
    return values


def scene(image: Tensor, scalar: Scalar, tissue: Tensor | None = None, chunk: int = 8) -> Scene:
    """A scene of an image (1, C, h, w) whose score and similarity are one scalar of the pixels."""
    inside = torch.ones(image.shape[-2:], dtype=torch.bool) if tissue is None else tissue
    return Scene("a", "d0", image, inside, scalar, scalar, nn.Identity(), {}, same, chunk=chunk)


def view(values: Floats, truth: Mask | None = None, tissue: Mask | None = None,
         facts: Mapping[str, float] | None = None) -> Explained:
    """A view of a map (h, w) that is its own original."""
    inside = np.ones(values.shape, bool) if tissue is None else tissue
    image = torch.zeros(1, 1, *values.shape)
    of = scene(image, lambda x: x.sum((1, 2, 3)), torch.from_numpy(inside))
    return Explained(of, values, facts or {}, values, truth, inside)


def disc(size: int, row: float, column: float, radius: float) -> Mask:
    """bool (size, size): a disc."""
    y, x = np.mgrid[:size, :size]
    return np.asarray((y - row) ** 2 + (x - column) ** 2 <= radius**2)
