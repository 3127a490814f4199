"""Rules of normalisations whose mean and spread depend on the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from xaimed.attribution.deep_walk import Walk

Given = Mapping[str, Any]


def layer_norm(walk: Walk, _: Any, args: Sequence[Any], kwargs: Given) -> Tensor:
    """Over the last axes."""
    given = _given(("input", "normalized_shape", "weight", "bias", "eps"), args, kwargs)
    value, axes = given["input"], _last(given["normalized_shape"])
    return _scaled(_standardised(walk, value, axes, given.get("eps", 1e-5)), given.get("weight"), given.get("bias"))


def rms_norm(walk: Walk, _: Any, args: Sequence[Any], kwargs: Given) -> Tensor:
    """Over the last axes, without a mean."""
    given = _given(("input", "normalized_shape", "weight", "eps"), args, kwargs)
    value, axes = given["input"], _last(given["normalized_shape"])
    eps = given.get("eps")
    eps = torch.finfo(value.dtype).eps if eps is None else eps
    return _scaled(_unit(walk, value, axes, eps), given.get("weight"), None)


def group_norm(walk: Walk, _: Any, args: Sequence[Any], kwargs: Given) -> Tensor:
    """Over groups of channels."""
    given = _given(("input", "num_groups", "weight", "bias", "eps"), args, kwargs)
    value, groups = given["input"], given["num_groups"]
    parted = value.reshape(value.shape[0], groups, -1)
    output = _standardised(walk, parted, (2,), given.get("eps", 1e-5)).reshape(value.shape)
    return _scaled(output, *(_per_channel(given.get(name), value) for name in ("weight", "bias")))


def instance_norm(walk: Walk, func: Any, args: Sequence[Any], kwargs: Given) -> Any:
    """Over each channel; with running statistics it is linear."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
    given = _given(names, args, kwargs)
    value = given["input"]
    if not given.get("use_input_stats", True):
        return func(*args, **kwargs)
    output = _standardised(walk, value, tuple(range(2, value.ndim)), given.get("eps", 1e-5))
    return _scaled(output, *(_per_channel(given.get(name), value) for name in ("weight", "bias")))


def normalize(walk: Walk, func: Any, args: Sequence[Any], kwargs: Given) -> Any:
    """To length 1 along an axis."""
    given = {"p": 2.0, "dim": 1, "eps": 1e-12, **_given(("input", "p", "dim", "eps"), args, kwargs)}
    if given["p"] != 2 or given.get("out") is not None:
        return func(*args, **kwargs)
    value, eps = given["input"], given["eps"]
    squares = walk.rescaled(torch.square, value).sum(given["dim"], keepdim=True)
    inverse = walk.rescaled(lambda total: 1 / total.sqrt().clamp_min(eps), squares)
    return walk.product(torch.mul, value, inverse)


def _standardised(walk: Walk, value: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    return _unit(walk, value - value.mean(axes, keepdim=True), axes, eps)


def _unit(walk: Walk, value: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    spread = walk.rescaled(torch.square, value).mean(axes, keepdim=True)
    return walk.product(torch.mul, value, walk.rescaled(lambda square: torch.rsqrt(square + eps), spread))


def _scaled(value: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    value = value if weight is None else value * weight
    return value if bias is None else value + bias


def _per_channel(weight: Tensor | None, value: Tensor) -> Tensor | None:
    return None if weight is None else weight.reshape(-1, *[1] * (value.ndim - 2))


def _given(names: Sequence[str], args: Sequence[Any], kwargs: Given) -> dict[str, Any]:
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _last(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))
