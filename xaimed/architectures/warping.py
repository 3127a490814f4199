"""Images moved by displacements, and the displacement that a constant velocity leads to: 2-D and 3-D.

A displacement is (B, d, ..., w), its channels x, y and, for a volume, z, in pixels of its own grid; what lies at p in
the result lies at p + u(p) in what is moved.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def warped(moving: Tensor, field: Tensor) -> Tensor:
    """(B, C, ...): the moving image at p + field(p), linear between pixels, the edge value beyond the image.

    moving: (B, C, h, w) with field (B, 2, h, w), or (B, C, d, h, w) with field (B, 3, d, h, w).
    """
    sides = moving.shape[2:]
    axes = [torch.arange(side, dtype=field.dtype, device=field.device) + 0.5 for side in sides]
    points = torch.meshgrid(*axes, indexing="ij")
    # The axes come as z, y, x and the channels as x, y, z.
    places = [2 * (point + field[:, number]) / side - 1
              for number, (point, side) in enumerate(zip(points[::-1], sides[::-1], strict=True))]
    grid = torch.stack(places, dim=-1)
    found: Tensor = functional.grid_sample(moving, grid, padding_mode="border", align_corners=False)
    return found


def exponential(velocity: Tensor, steps: int) -> Tensor:
    """The displacement after unit time of a velocity (B, d, ...) that stays: scaling by 2^-steps, then squaring.

    Arsigny V et al. (2006), doi:10.1007/11866565_113.
    """
    field: Tensor = velocity / 2.0**steps
    for _ in range(steps):
        field = field + warped(field, field)
    return field


def grown(field: Tensor, sides: tuple[int, ...]) -> Tensor:
    """The displacement (B, d, ...) on a finer grid of these sides, in that grid's pixels."""
    factors = torch.tensor([new / old for new, old in zip(sides[::-1], field.shape[:1:-1], strict=True)],
                           dtype=field.dtype, device=field.device)
    mode = "bilinear" if field.ndim == 4 else "trilinear"
    fine = functional.interpolate(field, size=sides, mode=mode, align_corners=False)
    return fine * factors.reshape(1, -1, *(1 for _ in sides))
