"""Where the cells of a feature map lie on the network's input, and how a map is laid on it.

A strided convolution with an odd kernel is centred on every second pixel, a 2 x 2 pool between two. After
five of them a ResNet's cells sit 15.5 pixels from where an even spread over the image puts them, so the
positions are followed through the forward pass, operation by operation.
"""

from __future__ import annotations

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
    """The rows and columns of a feature map on the network's input."""

    rows: Axis = Axis()
    columns: Axis = Axis()


class Geometry(_Mode):
    """A context that follows the grid of each tensor computed from `image` (B, C, h, w)."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self._grids: Any = WeakTensorKeyDictionary()
        self._grids[image] = Grid()

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
    name = name.removeprefix("aten.").removeprefix("_")
    if name == "convolution":
        return _convolved(args, grid)
    if name in ("max_pool2d_with_indices", "max_pool2d", "avg_pool2d"):
        return _pooled(name, args, grid)
    if name == "constant_pad_nd":
        return _padded(args[1], grid)
    if name.startswith(("upsample", "adaptive")):
        return Grid(
            grid.rows.resized(source.shape[-2], result.shape[-2]),
            grid.columns.resized(source.shape[-1], result.shape[-1]),
        )
    return grid if source.shape[-2:] == result.shape[-2:] else None


def _convolved(args: Sequence[Any], grid: Grid) -> Grid | None:
    kernel, stride, padding, dilation = args[1].shape[2:], _pair(args[3]), _pair(args[4]), _pair(args[5])
    if len(kernel) != 2:
        return None
    move: Callable[..., Axis] = Axis.transposed if args[6] else Axis.window
    return Grid(
        *(
            move(axis, kernel[i], stride[i], padding[i], dilation[i])
            for i, axis in enumerate((grid.rows, grid.columns))
        )
    )


def _pooled(name: str, args: Sequence[Any], grid: Grid) -> Grid:
    given = list(args[1:5]) + [None] * 4
    kernel = _pair(given[0])
    stride, padding = _pair(given[1] or kernel), _pair(given[2] or 0)
    dilation = _pair(given[3] or 1) if name.startswith("max") else [1, 1]
    return Grid(
        *(
            axis.window(kernel[i], stride[i], padding[i], dilation[i])
            for i, axis in enumerate((grid.rows, grid.columns))
        )
    )


def _padded(padding: Sequence[int], grid: Grid) -> Grid:
    left, top = padding[0], padding[2] if len(padding) > 2 else 0
    return Grid(
        Axis(grid.rows.start - grid.rows.step * top, grid.rows.step),
        Axis(grid.columns.start - grid.columns.step * left, grid.columns.step),
    )


def _pair(value: Any) -> list[int]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * 2 if len(values) == 1 else values


def lay(cells: Tensor, grid: Grid | None, size: tuple[int, int]) -> Tensor:
    """(h, w): the cells (h', w') of a feature map by bilinear interpolation between their centres.

    Beyond the outer centres the outer value is kept. Without a grid the cells are spread evenly.
    """
    even = Grid(Axis().resized(size[0], cells.shape[0]), Axis().resized(size[1], cells.shape[1]))
    used = grid or even
    return (
        _weights(size[0], cells.shape[0], used.rows, cells)
        @ cells
        @ _weights(size[1], cells.shape[1], used.columns, cells).T
    )


def _weights(pixels: int, cells: int, axis: Axis, like: Tensor) -> Tensor:
    places = (torch.arange(pixels, dtype=torch.float64) - axis.start) / axis.step
    places = places.clamp(0, cells - 1)[:, None]
    hats = (1 - (places - torch.arange(cells, dtype=torch.float64)).abs()).clamp_min(0)
    return hats.to(like)
