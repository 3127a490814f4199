"""Layer-wise relevance propagation, by zennit (extra "lrp").

Bach S et al. (2015) "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
propagation", PLoS ONE 10(7):e0130140. Zennit: Anders CJ et al. (2021), arXiv:2106.13200.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaimed.attribution.gradient import image_gradient
from xaimed.attribution.method import Map, Method
from xaimed.errors import ModelError, unknown
from xaimed.optional import need
from xaimed.scene import Scene

RULES = {
    "epsilon_plus": "EpsilonPlus",
    "epsilon_plus_flat": "EpsilonPlusFlat",
    "epsilon_alpha2_beta1": "EpsilonAlpha2Beta1",
}
F = torch.nn.functional
ACTIVATIONS: frozenset[Any] = frozenset({
    F.relu, F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.selu, F.gelu, F.silu, F.mish, F.softplus, F.hardswish,
    F.hardsigmoid, F.sigmoid, F.tanh, torch.relu, torch.relu_, torch.sigmoid, torch.tanh, Tensor.relu,
    Tensor.relu_, Tensor.sigmoid, Tensor.tanh,
})
# Of two feature maps: zennit shares relevance out only in modules, so these would hand all of it to both.
MERGES: frozenset[Any] = frozenset({
    torch.add, torch.mul, torch.matmul, Tensor.add, Tensor.add_, Tensor.mul, Tensor.mul_, Tensor.matmul,
    Tensor.__add__, Tensor.__iadd__, Tensor.__mul__, Tensor.__imul__, Tensor.__matmul__,
})
INSTEAD = "use integrated_gradients or gradient_shap, which need no rules"


@dataclass(frozen=True)
class LRP(Method):
    """Relevance of the pixels, from the score back through the layers by the rules of a zennit composite.

    rules: "epsilon_plus" (z+ in convolutions, epsilon in linear layers), "epsilon_plus_flat" (the same, flat in the
    first layer) or "epsilon_alpha2_beta1". BatchNorm is merged into the layer before it, and the blocks of
    torchvision's ResNet get their sum as a module, both undone afterwards. Relevance starts as score times
    gradient at the network's output: for a class logit the map equals zennit's own and sums to about the score
    where there are no biases. Raises MissingExtra without zennit, ModelError for a network that zennit's rules do
    not cover: activations, sums or products that are functions instead of modules, other layers with weights.
    """

    name: ClassVar[str] = "lrp"
    extra: ClassVar[str] = "lrp"
    rules: str = "epsilon_plus"

    def __post_init__(self) -> None:
        if self.rules not in RULES:
            raise unknown("rules", self.rules, tuple(RULES))

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: f_score, relevance (the map's sum)."""
        composites = need("zennit.composites", "lrp", "for layer-wise relevance propagation")
        blocks = need("zennit.torchvision", "lrp", "for layer-wise relevance propagation")
        _check_layers(scene)
        composite = getattr(composites, RULES[self.rules])(canonizers=[blocks.ResNetCanonizer()])
        with _registered(composite, scene.network):
            _check_functions(scene)
            score, gradient = image_gradient(scene, scene.image)
        values = (gradient * score)[0].sum(0).float()
        return Map(values.cpu().numpy(), {"f_score": float(score), "relevance": float(values.double().sum())})


@contextmanager
def _registered(composite: Any, network: nn.Module) -> Iterator[None]:
    """The network under a composite; hooks and merged weights are undone even if registering failed half-way."""
    try:
        composite.register(network)
        yield
    finally:
        composite.remove()


def _check_layers(scene: Scene) -> None:
    types = need("zennit.types", "lrp", "for layer-wise relevance propagation")
    known = (types.Convolution, types.Linear, types.BatchNorm, types.Activation)
    for name, part in scene.network.named_modules():
        own = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
        if isinstance(part, nn.MultiheadAttention) or (own and not isinstance(part, known)):
            raise ModelError(
                f"case {scene.case}: layer {name or 'of the network'} is {type(part).__name__}, for which zennit "
                f"has no rule; expected convolutions, linear layers and BatchNorm: {INSTEAD}"
            )


def _check_functions(scene: Scene) -> None:
    types = need("zennit.types", "lrp", "for layer-wise relevance propagation")
    watch = _Watch(scene)
    handles = []
    try:
        for part in scene.network.modules():
            if isinstance(part, types.Activation):
                handles += [part.register_forward_pre_hook(watch.enter), part.register_forward_hook(watch.leave)]
        with torch.no_grad(), watch:
            scene.score(scene.image)
    finally:
        for handle in handles:
            handle.remove()


class _Watch(TorchFunctionMode):
    """Raises ModelError where a function does what zennit can follow only in a module."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.case, self.inside = scene.case, 0

    def enter(self, *_: object) -> None:
        self.inside += 1

    def leave(self, *_: object) -> None:
        self.inside -= 1

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        maps = [value for value in args[:2] if isinstance(value, Tensor) and value.ndim == 4]
        if (func in ACTIVATIONS and not self.inside) or (func in MERGES and len(maps) == 2):
            raise ModelError(
                f"case {self.case}: the network calls {getattr(func, '__name__', func)} as a function on feature maps; "
                f"zennit follows modules only (nn.ReLU, zennit.layer.Sum): rewrite it so, or {INSTEAD}"
            )
        return func(*args, **(kwargs or {}))


METHOD = LRP
