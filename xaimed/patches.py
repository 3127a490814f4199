"""What a network itself says of places of an image, laid on the image's pixels.

A network whose answer is made of parts of the image may have a method `evidence(images)`, from (B, C, h, w) to
(B, classes, h', w'): what each cell adds to each class (patch logits, activations of prototypes, a residual). With the
attributes `receptive` and `stride` the cell (i, j) is the patch of that many pixels a side that begins at
(i * stride, j * stride); without them the cells share out the image evenly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.errors import ModelError


def gives_evidence(network: nn.Module) -> bool:
    """Whether the network has a map of its own."""
    return callable(getattr(network, "evidence", None))


def evidence_on(network: nn.Module, images: Tensor) -> Tensor:
    """(B, classes, h, w): the network's own evidence on the pixels of images (B, C, h, w), as the network wants them.

    That of a patch is spread over its pixels evenly, so that the sum over pixels is the mean over patches: the logit of
    a network that averages. Cells without patches are interpolated. Raises ModelError for another shape.
    """
    cells = network.evidence(images)  # type: ignore[operator]
    if not isinstance(cells, Tensor) or cells.ndim != 4 or len(cells) != len(images):
        found = tuple(cells.shape) if isinstance(cells, Tensor) else type(cells).__name__
        raise ModelError(f"the network's evidence is {found}; expected (B, classes, h, w)")
    size = (int(images.shape[-2]), int(images.shape[-1]))
    side, stride = getattr(network, "receptive", None), getattr(network, "stride", None)
    if isinstance(side, int) and isinstance(stride, int):
        return _spread(cells, size, (side, stride))
    return cells if cells.shape[-2:] == size else functional.interpolate(cells, size, mode="bilinear")


def _spread(cells: Tensor, size: tuple[int, int], patch: tuple[int, int]) -> Tensor:
    side, stride = patch
    batch, classes, rows, columns = cells.shape
    each = torch.ones(1, 1, side, side, dtype=cells.dtype, device=cells.device) / (side * side * rows * columns)
    laid = functional.conv_transpose2d(cells.reshape(-1, 1, rows, columns), each, stride=stride)
    over = [size[axis] - int(laid.shape[2 + axis]) for axis in (0, 1)]
    return functional.pad(laid, (0, over[1], 0, over[0])).reshape(batch, classes, *size)
