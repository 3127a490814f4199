"""VoxelMorph: a U-Net of a moving and a fixed image gives a velocity, which is integrated to a smooth displacement.

Balakrishnan G et al. (2019) "VoxelMorph", doi:10.1109/TMI.2019.2897538; Dalca AV et al. (2019) for the velocity at half
resolution and its integration, doi:10.1016/j.media.2019.07.006. Widths smaller than the paper's are our choice, and so
is a volume that is halved in its slices only while it has an even number of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.warping import exponential, grown
from xaimed.errors import ModelError

SLOPE = 0.2  # of the leaky ReLU, as in the paper
MOST = 30  # steps of scaling and squaring: 2 ** -30 of a side is no displacement


class VoxelMorph(nn.Module):
    """Displacements in pixels for images (B, 2 depth, h, w): the slices of the moving image, then of the fixed one.

    `flow` gives all of it; the forward gives what a slice shows: (B, 2, h, w), x then y, of slice number depth // 2.
    """

    def __init__(self, depth: int, widths: Sequence[int], finest: int, steps: int) -> None:
        super().__init__()
        if depth < 1 or len(widths) < 2 or not 0 <= steps <= MOST:
            raise ModelError(f"voxel_morph: depth {depth}, {len(widths)} widths, {steps} steps; expected 1 or more "
                             f"slices, 2 or more widths and 0 to {MOST} steps")
        self.depth, self.steps, self.halvings = depth, steps, len(widths)
        axes = 2 if depth == 1 else 3
        convolution: type[nn.Conv2d | nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        strides: list[Any] = [2 if axes == 2 else (2 if depth % 2 ** (level + 1) == 0 else 1, 2, 2)
                              for level in range(len(widths))]
        self.down = nn.ModuleList(
            nn.Sequential(convolution(before, width, 3, stride, 1), nn.LeakyReLU(SLOPE))
            for before, width, stride in zip((2, *widths), widths, strides, strict=False))
        # From the coarsest level up to half resolution; each step sees the level of the same size on the way down.
        ups = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(
            nn.Sequential(convolution(below + beside, beside, 3, 1, 1), nn.LeakyReLU(SLOPE)) for below, beside in ups)
        self.last = nn.Sequential(convolution(widths[0], finest, 3, 1, 1), nn.LeakyReLU(SLOPE))
        self.velocity = convolution(finest, axes, 3, 1, 1)
        nn.init.normal_(self.velocity.weight, std=1e-5)
        nn.init.constant_(self.velocity.bias, 0.0)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """(B, 2, h, w): the displacement in the plane of the middle slice. Raises ModelError for other planes."""
        field = self.flow(images)
        return field if self.depth == 1 else field[:, :2, self.depth // 2]

    def flow(self, images: Tensor) -> Tensor:
        """(B, 2, h, w), or (B, 3, depth, h, w) with x, y and z. Raises ModelError for other planes."""
        self._check(images)
        pair = images if self.depth == 1 else images.unflatten(1, (2, self.depth))
        sides = tuple(int(side) for side in pair.shape[2:])
        return grown(exponential(self.velocity(self._features(pair)), self.steps), sides)

    def _features(self, pair: Tensor) -> Tensor:
        levels = [pair]
        for step in self.down:
            levels.append(step(levels[-1]))
        found = levels.pop()
        for step in self.up:
            beside = levels.pop()
            found = step(torch.cat([functional.interpolate(found, size=beside.shape[2:]), beside], dim=1))
        coarse: Tensor = self.last(found)
        return coarse

    def _check(self, images: Tensor) -> None:
        least = 2**self.halvings
        if images.ndim != 4 or images.shape[1] != 2 * self.depth or min(images.shape[-2:]) < least:
            raise ModelError(f"voxel_morph: images {tuple(images.shape)}; expected (B, {2 * self.depth}, h, w), "
                             f"moving then fixed, with sides of {least} or more")


def build(depth: int = 1, widths: Sequence[int] = (16, 32, 32, 32), finest: int = 16, steps: int = 7) -> nn.Module:
    """The network. depth: slices of each image, 1 for a plane. widths: of the levels, each half as large as before.

    finest: width at half resolution before the velocity. steps: of scaling and squaring, 0 for none.
    """
    return VoxelMorph(depth, widths, finest, steps)
