"""Rules of softmax and its relatives, all by way of log sum exp, which stays finite and additive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from xaimed.attribution.deep_steps import log_sum_exp
from xaimed.attribution.deep_walk import Walk


def softmax(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """exp(z - log sum exp z)."""
    return softmax_along(walk, _typed(args, kwargs), _axis(args, kwargs))


def log_softmax(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """z - log sum exp z."""
    value, axis = _typed(args, kwargs), _axis(args, kwargs)
    return value - _total(walk, value, axis)


def logsumexp(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """log sum exp z along one axis."""
    dim = _axis(args, kwargs)
    if isinstance(dim, list | tuple):
        if len(dim) != 1:
            return func(*args, **kwargs)
        dim = dim[0]
    total = _total(walk, _value(args, kwargs), dim)
    return total if (args[2] if len(args) > 2 else kwargs.get("keepdim", False)) else total.squeeze(dim)


def softmax_along(walk: Walk, value: Tensor, axis: int) -> Tensor:
    """The softmax of a value that depends on the image."""
    return walk.rescaled(torch.exp, value - _total(walk, value, axis))


def _total(walk: Walk, value: Tensor, dim: int) -> Tensor:
    return walk.quotient(lambda given: torch.logsumexp(given, dim, keepdim=True),
                         lambda sample, given: log_sum_exp(sample, given, dim), value)


def _value(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    value: Tensor = args[0] if args else kwargs["input"]
    return value


def _typed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    kind = kwargs.get("dtype")
    return _value(args, kwargs) if kind is None else _value(args, kwargs).to(kind)


def _axis(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    if axis is None:
        # The axis that torch takes where none is named.
        axis = 0 if _value(args, kwargs).ndim in (0, 1, 3) else 1
    return axis
