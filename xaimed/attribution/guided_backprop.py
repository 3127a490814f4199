"""Guided backpropagation: a gradient that goes on through a ReLU only where it is positive.

Springenberg JT, Dosovitskiy A, Brox T, Riedmiller M (2014) "Striving for simplicity: the all convolutional net",
arXiv:1412.6806. It fails the sanity gate by design: its map hardly depends on the weights (Adebayo J et al. (2018)
"Sanity checks for saliency maps", arXiv:1810.03292; Nie W et al. (2018), arXiv:1805.07039).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from xaimed.attribution.gradient import image_gradient
from xaimed.attribution.method import Map, Method
from xaimed.errors import ModelError
from xaimed.scene import Scene

NOTE = "fails the sanity gate by design: it shows edges of the image, not what the model uses"
F = torch.nn.functional
RELUS: frozenset[Any] = frozenset(
    {F.relu, F.relu6, F.hardtanh, F.relu_, F.hardtanh_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
)
IN_PLACE: frozenset[Any] = frozenset({F.relu_, F.hardtanh_, torch.relu_, Tensor.relu_})


@dataclass(frozen=True)
class GuidedBackprop(Method):
    """Guided backpropagation. It fails the sanity gate by design: it shows edges of the image.

    It is here to be failed: as a control that looks sharp and says nothing about the model, which the note of
    every map repeats. absolute: the largest absolute value over channels; False: the signed sum. Raises
    ModelError for a network without a ReLU, where it would be plain saliency.
    """

    name: ClassVar[str] = "guided_backprop"
    label: ClassVar[str] = NOTE
    volumes: ClassVar[bool] = True
    absolute: bool = False

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: f_input, relus (how many ran). The network's modules stay as they are."""
        with GuidedReLU() as guided:
            score, gradient = image_gradient(scene, scene.image)
        if not guided.count:
            raise ModelError(
                f"case {scene.case}: no ReLU ran in {type(scene.network).__name__}; guided_backprop needs "
                "one: use saliency, which is the same without ReLU"
            )
        plane = gradient[0].abs().amax(0) if self.absolute else gradient[0].sum(0)
        facts = {"f_input": float(score), "relus": float(guided.count)}
        return Map(plane.float().cpu().numpy(), facts, self.label)


class GuidedReLU(TorchFunctionMode):
    """Within the context each ReLU or ReLU6 passes back positive gradients only: module, function, in place, reused.

    count: how many ran.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The result of a torch function, or of the guided ReLU in place of a ReLU."""
        named = dict(kwargs or {})
        top = _top(func, args, named) if func in RELUS else None
        if top is None:
            return func(*args, **named)
        self.count += 1
        values: Tensor = args[0] if args else named["input"]
        rectified: Tensor = _Guided.apply(values, top)
        # Whoever keeps the tensor must find the rectified values in it, as after the real function.
        return values.copy_(rectified) if func in IN_PLACE or named.get("inplace") else rectified


def _top(func: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> float | None:
    """Where the function stops rising: inf for ReLU, 6 for ReLU6; None for a hardtanh that is no ReLU."""
    if func not in (F.hardtanh, F.hardtanh_):
        return 6.0 if func is F.relu6 else inf
    low = named.get("min_val", args[1] if len(args) > 1 else -1.0)
    return float(named.get("max_val", args[2] if len(args) > 2 else 1.0)) if low == 0 else None


class _Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, top: float) -> Tensor:
        out = values.clamp(0, top)
        ctx.save_for_backward((values > 0) & (values < top))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (rising,) = ctx.saved_tensors
        return gradients[0].relu() * rising, None


METHOD = GuidedBackprop
