"""Rules of max-poolings, in one to three axes, overlapping or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from xaimed.attribution.deep_steps import Pooling
from xaimed.attribution.deep_walk import Rule, Walk

ATEN = torch.ops.aten
NAMES = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
DEFAULTS: Mapping[str, Any] = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}


def max_pool(axes: int) -> Rule:
    """The rule of max-pooling with windows of a fixed size."""

    def rule(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
        given = {**DEFAULTS, **dict(zip(NAMES, args, strict=False)), **kwargs}
        size = _each(given["kernel_size"], axes, 1)
        step = size if given["stride"] in (None, [], ()) else _each(given["stride"], axes, 1)
        window = (size, step, _each(given["padding"], axes, 0), _each(given["dilation"], axes, 1), given["ceil_mode"])
        return _in_axes(walk, given["input"], axes, _windows(window, max(axes, 2)))

    return rule


def adaptive_max_pool(axes: int) -> Rule:
    """The rule of max-pooling to a fixed size."""

    def rule(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
        given = {**dict(zip(("input", "output_size"), args, strict=False)), **kwargs}
        size = _each(given["output_size"], axes, 1)
        full = [given["input"].shape[i - len(size)] if n is None else n for i, n in enumerate(size)]
        return _in_axes(walk, given["input"], axes, _adaptive(full, max(axes, 2)))

    return rule


def _windows(window: tuple[Any, ...], axes: int) -> Pooling:
    forward = getattr(ATEN, f"max_pool{axes}d_with_indices")
    backward = getattr(ATEN, f"max_pool{axes}d_with_indices_backward")
    return Pooling(lambda value: forward(value, *window),
                   lambda gradient, like, places: backward(gradient, like, *window, places))


def _adaptive(size: list[int], axes: int) -> Pooling:
    forward, backward = getattr(ATEN, f"adaptive_max_pool{axes}d"), getattr(ATEN, f"adaptive_max_pool{axes}d_backward")
    return Pooling(lambda value: forward(value, size), backward)


def _in_axes(walk: Walk, value: Tensor, axes: int, pooling: Pooling) -> Tensor:
    """With an axis for one-dimensional pooling, and one for a value without a batch."""
    batched = value if value.ndim == axes + 2 else value[None]
    if axes == 1:
        batched = batched[:, :, None]
    output = walk.pooled(pooling, batched)
    output = output.squeeze(2) if axes == 1 else output
    return output if value.ndim == axes + 2 else output[0]


def _each(size: Any, axes: int, extra: int) -> list[Any]:
    """A size for each axis; one-dimensional pooling is done with a first axis of size `extra`."""
    sizes = list(size) if isinstance(size, list | tuple) else [size]
    sizes = sizes * axes if len(sizes) == 1 else sizes
    return [extra, *sizes] if axes == 1 else sizes
