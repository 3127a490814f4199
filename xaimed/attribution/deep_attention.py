"""Rules of attention: two products by the symmetric rule and a softmax."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from xaimed.attribution.deep_softmax import softmax_along
from xaimed.attribution.deep_walk import INSTEAD, Walk
from xaimed.errors import ModelError


def attention(walk: Walk, _: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """softmax(q k' / sqrt(d) + mask) v."""
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    query, key, value = (given[name] for name in names[:3])
    if given.get("dropout_p") or given.get("enable_gqa"):
        raise ModelError(f"attention with dropout or grouped queries has no rule in deep_lift and deep_shap: {INSTEAD}")
    scale = given.get("scale")
    query = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    mask = _causal(query, key) if given.get("is_causal") else given.get("attn_mask")
    return _attended(walk, query, key, value, mask)[0]


def multi_head_attention(walk: Walk, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
                         ) -> tuple[Tensor, Tensor | None]:
    """nn.MultiheadAttention on (length, batch, width), with one projection for queries, keys and values."""
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    refused = ("bias_k", "bias_v", "add_zero_attn", "use_separate_proj_weight", "static_k", "static_v",
               "key_padding_mask")
    if any(given[name] is not None and given[name] is not False for name in refused) or given["query"].ndim != 3:
        raise ModelError(f"multi-head attention with padding, extra keys or separate projections has no rule in "
                         f"deep_lift and deep_shap: {INSTEAD}")
    query, key, value = _heads(given)
    mask = given["attn_mask"]
    if mask is not None and mask.ndim == 3:
        mask = mask.reshape(query.shape[0], query.shape[1], *mask.shape[1:])
    output, weights = _attended(walk, query * query.shape[-1] ** -0.5, key, value, mask)
    rows = output.permute(2, 0, 1, 3).flatten(2)
    output = functional.linear(rows, given["out_proj_weight"], given["out_proj_bias"])
    if not given["need_weights"]:
        return output, None
    return output, weights.mean(1) if given["average_attn_weights"] else weights


def _heads(given: Mapping[str, Any]) -> list[Tensor]:
    """Queries, keys and values, each (batch, heads, length, width of a head)."""
    weights = given["in_proj_weight"].chunk(3)
    biases = [None] * 3 if given["in_proj_bias"] is None else given["in_proj_bias"].chunk(3)
    heads = given["num_heads"]
    parts = [functional.linear(given[name], weight, bias)
             for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True)]
    return [part.unflatten(2, (heads, -1)).permute(1, 2, 0, 3) for part in parts]


def _attended(walk: Walk, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    scores = walk.product(torch.matmul, query, key.transpose(-2, -1))
    if mask is not None:
        # A large number, since the difference of two infinities is not a number.
        scores = scores.masked_fill(mask, -1e4) if mask.dtype == torch.bool else scores + mask.clamp(min=-1e4)
    weights = softmax_along(walk, scores, -1) if scores.requires_grad else scores.softmax(-1)
    return walk.product(torch.matmul, weights, value), weights


def _causal(query: Tensor, key: Tensor) -> Tensor:
    return torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).triu(1)
