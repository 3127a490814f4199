"""Two passes of one score, walked in step: the sample's first, then any number of backgrounds'.

A walk is a mode under which every operation with a rule is computed by a step of `deep_steps`. The pass of the
sample notes the inputs of each such operation; the pass of the backgrounds meets them in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from xaimed.attribution.deep_steps import (
    Bilinear,
    Pooling,
    PoolingStep,
    ProductStep,
    Pure,
    RescaledStep,
    rectified,
    rescaled,
)
from xaimed.errors import ModelError

INSTEAD = "use integrated_gradients, gradient_shap or kernel_shap, which need no rules"
Quotient = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Rule = Callable[["Walk", Any, Sequence[Any], Mapping[str, Any]], Any]


class Walk:
    """The notes of the sample's pass, and the steps that rules are made of."""

    def __init__(self) -> None:
        self._notes: list[tuple[Tensor, ...]] = []
        self._recording, self._next = True, 0

    @contextmanager
    def sample(self, rules: Mapping[str, Rule]) -> Iterator[None]:
        """The score of the sample is computed inside."""
        self._notes, self._recording = [], True
        with _Mode(self, rules):
            yield

    @contextmanager
    def backgrounds(self, rules: Mapping[str, Rule]) -> Iterator[None]:
        """The score of backgrounds is computed inside. Raises ModelError if it takes another path."""
        self._recording, self._next = False, 0
        with _Mode(self, rules):
            yield
        if self._next != len(self._notes):
            raise _another_path()

    def met(self, *values: Tensor) -> tuple[Tensor, ...] | None:
        """What `values` were in the pass of the sample, in a shape that goes with them; None in that pass itself."""
        if self._recording:
            self._notes.append(tuple(value.detach().clone() for value in values))
            return None
        if self._next >= len(self._notes) or len(self._notes[self._next]) != len(values):
            raise _another_path()
        self._next += 1
        return tuple(map(_tiled, self._notes[self._next - 1], values))

    def rescaled(self, function: Pure, value: Tensor, inplace: bool = False) -> Tensor:
        """A function of each element, by the rescale rule."""
        if function is torch.relu:
            own = inplace and not value._is_view()
            return self.quotient(function, lambda sample, other: rectified(sample, other, own), value, inplace)
        return self.quotient(function, lambda sample, other: rescaled(function, sample, other), value, inplace)

    def quotient(self, function: Pure, quotient: Quotient, value: Tensor, inplace: bool = False) -> Tensor:
        """A function with the output and multiplier that `quotient` makes of the sample's and this value."""
        met = self.met(value)

        def work(given: Tensor) -> tuple[Tensor, Tensor | None]:
            return (function(given), None) if met is None else quotient(met[0], given)

        output: Tensor = RescaledStep.apply(value, work, inplace and not value._is_view())
        return value.copy_(output) if inplace and value._is_view() else output

    def product(self, product: Bilinear, left: Tensor, right: Tensor) -> Tensor:
        """A product, by the symmetric rule if both factors depend on the image."""
        if not (left.requires_grad and right.requires_grad):
            return product(left, right)
        met = self.met(left, right)
        middle = None if met is None else ((met[0] + left.detach()) / 2, (met[1] + right.detach()) / 2)
        output: Tensor = ProductStep.apply(left, right, product, middle)
        return output

    def pooled(self, pooling: Pooling, value: Tensor) -> Tensor:
        """A max-pooling whose windows may overlap."""
        found = pooling.forward(value.detach())
        met = self.met(value, *found)
        output: Tensor = PoolingStep.apply(value, found, met, pooling)
        return output


class _Mode(TorchFunctionMode):
    def __init__(self, walk: Walk, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self.walk, self.rules = walk, rules

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        """The operation by its rule, or as it is: what has none must be linear, which `deep_graph` checks."""
        name = getattr(func, "__name__", "").partition(".")[0]
        rule = self.rules.get(name)
        if rule is None or not _depends((*args, *(kwargs or {}).values())):
            return func(*args, **(kwargs or {}))
        return rule(self.walk, func, args, kwargs or {})


def _depends(given: Sequence[Any]) -> bool:
    if not torch.is_grad_enabled():
        return False
    parts = [part for value in given for part in (value if isinstance(value, list | tuple) else (value,))]
    return any(isinstance(part, Tensor) and part.requires_grad for part in parts)


def _tiled(noted: Tensor, value: Tensor) -> Tensor:
    """The sample's value beside the backgrounds', which may hold their batch in any axis, as its slowest part."""
    if noted.shape == value.shape:
        return noted
    sizes = list(zip(noted.shape, value.shape, strict=False))
    if noted.ndim != value.ndim or any(not small or large % small for small, large in sizes):
        raise _another_path()
    if all(small in (1, large) for small, large in sizes):
        return noted.expand_as(value)
    return noted.repeat([large // small for small, large in sizes])


def _another_path() -> ModelError:
    return ModelError(f"the network takes another path for a background than for the image; expected the same "
                      f"operations for both: {INSTEAD}")
