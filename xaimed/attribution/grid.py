"""Where the cells of a feature map lie on the network's input, and how a map is laid on it.

A strided convolution with an odd kernel is centred on every second pixel, a 2 x 2 pool between two. After
five of them a ResNet's cells sit 15.5 pixels from where an even spread over the image puts them, so the
positions are followed through the forward pass, operation by operation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

if TYPE_CHECKING:

    class _Mode:
        """What is used of torch's class, which has no types."""

        def __enter__(self) -> Self: ...

        def __exit__(self, *error: object) -> None: ...

else:
    from torch.utils._python_dispatch import TorchDispatchMode as _Mode

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Axis:
    """Cell i is centred on pixel index start + step * i of the network's input."""

    start: float = 0.0
    step: float = 1.0

    def window(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> Axis:
        """The axis after a window that moves over it (convolution or pooling)."""
        return Axis(self.start + self.step * (dilation * (kernel - 1) / 2 - padding), self.step * stride)

    def transposed(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> Axis:
        """The axis after a transposed convolution."""
        step = self.step / stride
        return Axis(self.start + step * (padding - dilation * (kernel - 1) / 2), step)

    def resized(self, before: int, after: int) -> Axis:
        """The axis after a resize or adaptive pool from `before` to `after` cells; the outer edges stay."""
        return Axis(self.start + self.step * (before / after - 1) / 2, self.step * before / after)


@dataclass(frozen=True)
class Grid:
    """The axes of a feature map on the network's input: rows and columns, before them the slices of a volume."""

    axes: tuple[Axis, ...]


class Geometry(_Mode):
    """A context that follows the grid of each tensor computed from `image`, (B, C, h, w) or (B, C, d, h, w)."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self._grids: Any = WeakTensorKeyDictionary()
        self._grids[image] = Grid((Axis(),) * (image.ndim - 2))

    def of(self, tensor: Tensor) -> Grid | None:
        """The grid of a tensor (..., h', w'), or None if an operation on the way cannot be followed."""
        found: Grid | None = self._grids.get(tensor)
        return found

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Arguments | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        source = next((t for t in _flat(args) if self._grids.get(t) is not None), None)
        if source is not None and func.namespace == "aten":
            for result in _flat((output,)):
                grid = _next(str(func.overloadpacket), source, result, args, self._grids[source])
                if grid is not None:
                    self._grids[result] = grid
        return output


def _flat(values: Sequence[Any]) -> list[Tensor]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(part for part in value if isinstance(part, Tensor))
    return found


def _next(name: str, source: Tensor, result: Tensor, args: Sequence[Any], grid: Grid) -> Grid | None:
    if result.ndim < 2:
        return None
    name, count = name.removeprefix("aten.").removeprefix("_"), len(grid.axes)
    if name == "convolution":
        return _convolved(args, grid)
    if re.fullmatch(rf"(max_pool{count}d(_with_indices)?|avg_pool{count}d)", name):
        return _pooled(name, args, grid)
    if name == "constant_pad_nd":
        return _padded(args[1], grid)
    before, after = source.shape[-count:], result.shape[-count:]
    if name.startswith(("upsample", "adaptive")):
        return Grid(tuple(axis.resized(*sizes) for axis, *sizes in zip(grid.axes, before, after, strict=True)))
    return grid if before == after else None


def _convolved(args: Sequence[Any], grid: Grid) -> Grid | None:
    kernel, count = args[1].shape[2:], len(grid.axes)
    if len(kernel) != count:
        return None
    move: Callable[..., Axis] = Axis.transposed if args[6] else Axis.window
    return _moved(move, grid, kernel, *(_each(args[i], count) for i in (3, 4, 5)))


def _pooled(name: str, args: Sequence[Any], grid: Grid) -> Grid:
    given, count = list(args[1:5]) + [None] * 4, len(grid.axes)
    dilation = given[3] or 1 if name.startswith("max") else 1
    sizes = (given[0], given[1] or given[0], given[2] or 0, dilation)
    return _moved(Axis.window, grid, *(_each(size, count) for size in sizes))


def _moved(move: Callable[..., Axis], grid: Grid, *sizes: Sequence[int]) -> Grid:
    return Grid(tuple(move(axis, *size) for axis, *size in zip(grid.axes, *sizes, strict=True)))


def _padded(padding: Sequence[int], grid: Grid) -> Grid:
    # The padding before the last axis comes first, then that of the axis before it.
    before = [*padding[::2], *[0] * len(grid.axes)][:len(grid.axes)]
    return Grid(tuple(Axis(axis.start - axis.step * more, axis.step)
                      for axis, more in zip(grid.axes, reversed(before), strict=True)))


def _each(value: Any, count: int) -> list[int]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * count if len(values) == 1 else values


def lay(cells: Tensor, grid: Grid | None, size: Sequence[int]) -> Tensor:
    """The cells (*s) of a feature map on an image of `size`, by linear interpolation between their centres.

    Beyond the outer centres the outer value is kept. Without a grid the cells are spread evenly.
    """
    counts = cells.shape
    axes = grid.axes if grid else [Axis().resized(*sizes) for sizes in zip(size, counts, strict=True)]
    for number, (pixels, count, axis) in enumerate(zip(size, counts, axes, strict=True)):
        cells = torch.tensordot(_weights(pixels, count, axis, cells), cells, ([1], [number])).movedim(0, number)
    return cells


def _weights(pixels: int, cells: int, axis: Axis, like: Tensor) -> Tensor:
    places = (torch.arange(pixels, dtype=torch.float64) - axis.start) / axis.step
    places = places.clamp(0, cells - 1)[:, None]
    hats = (1 - (places - torch.arange(cells, dtype=torch.float64)).abs()).clamp_min(0)
    return hats.to(like)
