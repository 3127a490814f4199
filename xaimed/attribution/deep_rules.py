"""The rules of DeepSHAP and DeepLIFT, by the name of the operation that a network calls.

Every rule builds its operation of four steps: a function of each element (rescale rule), a product (symmetric
rule), a maximum (its difference goes to one place) and log sum exp. What is linear in the image needs no rule.
An in-place operation is computed aside and written back, so that what shares its memory sees it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from xaimed.attribution.deep_attention import attention, multi_head_attention
from xaimed.attribution.deep_norms import group_norm, instance_norm, layer_norm, normalize, rms_norm
from xaimed.attribution.deep_pools import adaptive_max_pool, max_pool
from xaimed.attribution.deep_softmax import log_softmax, logsumexp, softmax
from xaimed.attribution.deep_steps import highest
from xaimed.attribution.deep_walk import Rule, Walk

ELEMENTWISE = """
    relu relu6 hardtanh hardswish hardsigmoid leaky_relu elu selu celu silu gelu mish softplus softsign tanhshrink
    softshrink hardshrink threshold logsigmoid sigmoid tanh exp expm1 exp2 log log1p log2 log10 sqrt rsqrt reciprocal
    square pow abs sin cos tan atan sinh cosh asinh erf clamp clamp_min clamp_max clip""".split()
Arguments = tuple[Sequence[Any], Mapping[str, Any]]


def _pure(name: str) -> Callable[..., Tensor]:
    found: Callable[..., Tensor] = getattr(torch, name, None) or getattr(functional, name)
    return found


def _bound(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Arguments, bool]:
    """The arguments without "inplace", and whether the operation is in place."""
    if getattr(func, "__module__", "") != functional.__name__ or not inspect.isfunction(func):
        return (args, kwargs), func.__name__.endswith("_")
    given = dict(inspect.signature(func).bind(*args, **kwargs).arguments)
    inplace = bool(given.pop("inplace", False)) or func.__name__.endswith("_")
    return (list(given.values()), {}), inplace


def _elementwise(name: str) -> Rule:
    pure = _pure(name)

    def rule(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        (values, named), inplace = _bound(func, args, kwargs)
        value, *rest = values or [named["input"]]
        named = {key: value for key, value in named.items() if key != "input"}
        if any(isinstance(other, Tensor) and other.ndim for other in (*rest, *named.values())):
            # A bound or an exponent for each element: without a rule, and refused by name.
            return func(*args, **kwargs)
        function = pure if not rest and not named else lambda given: pure(given, *rest, **named)
        return walk.rescaled(function, value, inplace)

    return rule


def _prelu(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    value, weight = _two(args, kwargs, "weight")
    slopes = weight.reshape(-1, *[1] * (value.ndim - 2)) if weight.numel() > 1 else weight
    output: Tensor = walk.rescaled(torch.relu, value) - slopes * walk.rescaled(torch.relu, -value)
    return output


def _product(product: Callable[..., Tensor]) -> Rule:
    def rule(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        left, right = _two(args, kwargs, "other", "mat2", "vec2", "tensor")
        if not (isinstance(left, Tensor) and isinstance(right, Tensor) and left.requires_grad and right.requires_grad):
            return func(*args, **kwargs)
        output = walk.product(product, left, right)
        return left.copy_(output) if _in_place(func) else output

    return rule


def _divided(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    left, right = _two(args, kwargs, "other")
    if not (isinstance(right, Tensor) and right.requires_grad) or kwargs.get("rounding_mode"):
        return func(*args, **kwargs)
    inverse = walk.rescaled(torch.reciprocal, right)
    output = walk.product(torch.mul, left, inverse) if isinstance(left, Tensor) else left * inverse
    return left.copy_(output) if _in_place(func) else output


def _divided_by(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """other / value, as Tensor calls it."""
    value, other = args
    return _divided(walk, func, (other, value), kwargs)


def _einsum(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    equation, *operands = args
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    if len(operands) != 2 or not isinstance(equation, str):
        return func(*args, **kwargs)
    return walk.product(lambda left, right: torch.einsum(equation, left, right), *operands)


def _larger(sign: int) -> Rule:
    """Of two tensors, by max(a, b) = b + max(0, a - b): the larger one gets all where it is larger in both passes."""

    def rule(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        left, right = _two(args, kwargs, "other")
        return right + sign * walk.rescaled(torch.relu, sign * (left - right))

    return rule


def _highest(sign: int) -> Rule:
    """Along one axis; of two tensors; of all elements it has no rule, since that would mix the images."""

    def rule(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        other = args[1] if len(args) > 1 else kwargs.get("other", kwargs.get("dim"))
        if isinstance(other, Tensor):
            return _larger(sign)(walk, func, args, kwargs)
        value, dim = args[0], other[0] if isinstance(other, list | tuple) and len(other) == 1 else other
        if not isinstance(dim, int):
            return func(*args, **kwargs)
        values = _along(walk, value, dim, sign)
        places = None if func.__name__ in ("amax", "amin") else (sign * value.detach()).argmax(dim, keepdim=True)
        if not (args[2] if len(args) > 2 else kwargs.get("keepdim", False)):
            values, places = values.squeeze(dim), places if places is None else places.squeeze(dim)
        return values if places is None else torch.return_types.max((values, places))

    return rule


def _along(walk: Walk, value: Tensor, dim: int, sign: int) -> Tensor:
    values = walk.quotient(lambda given: given.amax(dim, keepdim=True),
                           lambda sample, given: highest(sample, given, dim), value if sign > 0 else -value)
    return values if sign > 0 else -values


def _two(args: Sequence[Any], kwargs: Mapping[str, Any], *names: str) -> tuple[Any, Any]:
    left, *rest = args or [kwargs["input"]]
    return left, rest[0] if rest else next(kwargs[name] for name in names if name in kwargs)


def _in_place(func: Any) -> bool:
    name = func.__name__
    return bool(name.startswith("__i") or (name.endswith("_") and not name.endswith("__")))


def _rules() -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for name in ELEMENTWISE:
        rules[name] = rules[f"{name}_"] = _elementwise(name)
    products: dict[str, Callable[..., Tensor]] = {
        "mul": torch.mul, "matmul": torch.matmul, "bmm": torch.bmm, "mm": torch.mm}
    for name, product in products.items():
        rules[name] = rules[f"__{name}__"] = rules[f"__r{name}__"] = _product(product)
    rules |= dict.fromkeys(("mul_", "__imul__", "multiply", "multiply_"), rules["mul"])
    rules |= dict.fromkeys(("div", "div_", "divide", "true_divide", "__truediv__", "__itruediv__"), _divided)
    rules |= {"__rdiv__": _divided_by, "__rtruediv__": _divided_by, "__pow__": rules["pow"], "__abs__": rules["abs"]}
    rules["log_sigmoid"] = rules["logsigmoid"]
    rules |= {"max": _highest(1), "min": _highest(-1), "amax": _highest(1), "amin": _highest(-1)}
    rules |= {"maximum": _larger(1), "minimum": _larger(-1), "einsum": _einsum, "prelu": _prelu}
    for axes in (1, 2, 3):
        rules[f"max_pool{axes}d"] = max_pool(axes)
        rules[f"adaptive_max_pool{axes}d"] = adaptive_max_pool(axes)
    rules |= {"softmax": softmax, "log_softmax": log_softmax, "logsumexp": logsumexp, "normalize": normalize}
    rules |= {"layer_norm": layer_norm, "group_norm": group_norm, "instance_norm": instance_norm, "rms_norm": rms_norm}
    rules |= {"scaled_dot_product_attention": attention, "multi_head_attention_forward": multi_head_attention}
    return rules


RULES = _rules()
