"""What an architecture says of images that do not fit it: one line with what was found and what was expected."""

from __future__ import annotations

from torch import Tensor

from xaimed.errors import ModelError

LEVELS = 16  # of a network whose levels double; 2 ** 16 is more than the sides of any image


def doubled(name: str, width: int, levels: int) -> list[int]:
    """The widths of the levels, each twice the one before. Raises ModelError for none, or more than LEVELS."""
    if not 1 <= levels <= LEVELS:
        raise ModelError(f"{name}: {levels} levels; expected 1 to {LEVELS}")
    return [width << level for level in range(levels)]


def expect(name: str, images: Tensor, channels: int, sides: tuple[int, int] | None = None) -> None:
    """Nothing for images (B, channels, h, w), of height and width `sides` where given.

    Raises ModelError for others; a volume (B, C, D, h, w) has to be given slice by slice.
    """
    found = tuple(images.shape)
    if images.ndim == 5:
        raise ModelError(f"{name}: a volume {found}; expected images (B, {channels}, h, w): choose slices first")
    if images.ndim != 4 or found[1] != channels or sides not in (None, found[2:]):
        size = "h, w" if sides is None else f"{sides[0]}, {sides[1]}"
        raise ModelError(f"{name}: images {found}; expected (B, {channels}, {size}): set the preprocessing or the "
                         "arguments of the architecture to one another")


def expect_stack(name: str, images: Tensor) -> None:
    """Nothing for a stack (B, D, h, w) whose slices are its channels. Raises ModelError for another tensor."""
    if images.ndim != 4:
        raise ModelError(f"{name}: input {tuple(images.shape)}; expected stacks (B, D, h, w), the slices as channels")
