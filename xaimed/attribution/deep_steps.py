"""Autograd steps whose backward pass multiplies by a finite difference quotient instead of a derivative.

A step computes an operation on the backgrounds b and hands back, for every input, the multiplier m with
m * (x - b) = f(x) - f(b) summed over the inputs, where x is the same value in the pass of the sample. Chained,
the multipliers of a network sum to the difference of its score.

Shrikumar A, Greenside P, Kundaje A (2017) "Learning important features through propagating activation
differences", Proceedings of Machine Learning Research 70:3145-3153 (rescale rule).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

Pure = Callable[[Tensor], Tensor]
Bilinear = Callable[[Tensor, Tensor], Tensor]
BLOCK = 1 << 18


class RescaledStep(Function):
    """An output and its multiplier, which the gradient is multiplied by: broadcast, so that sums keep their axis."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, work: Callable[[Tensor], tuple[Tensor, Tensor | None]],
                inplace: bool) -> Tensor:
        """The output of `work`, written over `value` if it is to be in place."""
        output, ctx.multiplier = work(value)
        if not inplace:
            return output
        ctx.mark_dirty(value)
        return value if output is value else value.copy_(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The multiplier with respect to the input."""
        return gradients[0] * ctx.multiplier, None, None


class ProductStep(Function):
    """A product of two tensors; its gradient is taken halfway between sample and background (symmetric rule)."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, product: Bilinear, middle: tuple[Tensor, Tensor] | None
                ) -> Tensor:
        """The product; `middle` holds the two factors' means over sample and background."""
        ctx.product, ctx.middle = product, middle
        return product(left, right)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """The multipliers with respect to both factors."""
        with torch.enable_grad():
            factors = [factor.detach().requires_grad_() for factor in ctx.middle]
            output = ctx.product(*factors)
        left, right = torch.autograd.grad(output, factors, gradients[0])
        return left, right, None, None


@dataclass(frozen=True)
class Pooling:
    """A max-pooling: its output with the flat place of each maximum, and the gradient to those places.

    forward: (B, C, ...) to (values, places). backward: (gradient, like, places) to the gradient of the input.
    """

    forward: Callable[[Tensor], tuple[Tensor, Tensor]]
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]


class PoolingStep(Function):
    """A max-pooling whose windows may overlap: each window's difference goes to one of its inputs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, found: tuple[Tensor, Tensor], met: tuple[Tensor, ...] | None,
                pooling: Pooling) -> Tensor:
        """The maxima `found` of `value`, with their places; `met`: input, maxima and places in the sample's pass."""
        if met is not None:
            ctx.pooling, ctx.like = pooling, torch.empty_like(value, device="meta")
            ctx.device = value.device
            ctx.places, ctx.share = _shares(value, found, met)
        return found[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """The multiplier with respect to the input."""
        like = torch.empty_like(ctx.like, device=ctx.device)
        return ctx.pooling.backward(gradients[0] * ctx.share, like, ctx.places), None, None, None


def _shares(value: Tensor, found: tuple[Tensor, Tensor], met: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Where each window's difference goes, and the multiplier there, which lies in [0, 1].

    If the sample's maximum is the higher one the difference belongs to its place, where the sample exceeds the
    background by at least that much; otherwise it belongs to the place of the background's maximum.
    """
    (output, places), (sample, high, where) = found, met
    where = torch.where(high >= output, where, places)
    step = _taken(sample, where) - _taken(value, where)
    return where, torch.where(step == 0, 1.0, (high - output) / step)


def _taken(value: Tensor, places: Tensor) -> Tensor:
    # Along the axis that memory holds together: twice as fast.
    if value.movedim(1, -1).is_contiguous():
        rows = value.movedim(1, -1).flatten(1, -2).expand(len(places), -1, -1)
        taken = rows.gather(1, places.movedim(1, -1).flatten(1, -2))
        return taken.view(len(places), *places.shape[2:], -1).movedim(-1, 1)
    return value.expand(len(places), *value.shape[1:]).flatten(2).gather(2, places.flatten(2)).view_as(places)


def rescaled(function: Pure, sample: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """f(b), and (f(x) - f(b)) / (x - b) element by element; the derivative halfway where x and b are all but equal."""
    output = function(value)
    step = sample - value
    multiplier = (function(sample) - output).div_(step)
    near = step.abs_() <= torch.finfo(value.dtype).eps ** (2 / 3) * (1 + value.abs())
    if bool(near.any()):
        multiplier[near] = _derivative(function, (sample.expand_as(value)[near] + value[near]) / 2)
    return output, multiplier


def rectified(sample: Tensor, value: Tensor, inplace: bool = False) -> tuple[Tensor, Tensor]:
    """`rescaled` for max(0, x): (max(0, x) + max(0, b)) / (|x| + |b|), which has no cancellation; 0 where both are 0.

    inplace: the output is written over `value`.
    """
    # An expanded sample holds each image once.
    alone = len(value) > 1 and sample.stride(0) == 0
    low = (sample[:1] if alone else sample).abs().clamp_min(torch.finfo(value.dtype).tiny)
    high = torch.relu(sample[:1] if alone else sample)
    output, multiplier = value if inplace else torch.empty_like(value), torch.empty_like(value)
    # A few images at a time stay in a CPU's cache, which the memory's speed would otherwise bound.
    rows = max(1, BLOCK // max(1, value[0].numel())) if value.device.type == "cpu" else len(value)
    for start in range(0, len(value), rows):
        part = slice(start, start + rows)
        other = slice(None) if alone else part
        size = value[part].abs().add_(low[other])
        torch.clamp_min(value[part], 0, out=output[part])
        torch.add(high[other], output[part], out=multiplier[part]).div_(size)
    return output, multiplier


def log_sum_exp(sample: Tensor, value: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """log sum exp along `dim`, which is kept, with the rescale rule for exp and for log.

    Both are taken relative to the larger of the two maxima, so that nothing overflows.
    """
    output, high = torch.logsumexp(value, dim, keepdim=True), torch.logsumexp(sample, dim, keepdim=True)
    top = torch.maximum(sample.amax(dim, keepdim=True), value.amax(dim, keepdim=True))
    _, inner = rescaled(torch.exp, sample - top, value - top)
    total, above = (output - top).exp(), (high - top).exp()
    step = above - total
    near = step.abs() <= torch.finfo(value.dtype).eps ** (2 / 3)
    outer = torch.where(near, 2 / (above + total), (high - output) / torch.where(near, 1.0, step))
    return output, inner * outer


def highest(sample: Tensor, value: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The maximum along `dim`, which is kept; its difference goes to one place, as in PoolingStep."""
    output, places = value.max(dim, keepdim=True)
    high, where = sample.max(dim, keepdim=True)
    where = torch.where(high >= output, where, places)
    step = sample.expand_as(value).gather(dim, where) - value.gather(dim, where)
    share = torch.where(step == 0, 1.0, (high - output) / step)
    return output, torch.zeros_like(value).scatter_(dim, where, share)


def _derivative(function: Pure, points: Tensor) -> Tensor:
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        return torch.autograd.grad(function(points).sum(), points)[0]


STEPS: tuple[type[Function], ...] = (RescaledStep, ProductStep, PoolingStep)
