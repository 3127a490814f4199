"""Contributions by difference: one pass of the sample, one of all baselines, and the way back by multipliers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from xaimed.attribution.deep_graph import check_linear
from xaimed.attribution.deep_rules import RULES
from xaimed.attribution.deep_walk import INSTEAD, Walk
from xaimed.attribution.gradient import check_differentiable, joint_scores
from xaimed.attribution.integrated_gradients import completeness_error
from xaimed.attribution.memory import Batches
from xaimed.attribution.method import Map
from xaimed.errors import ModelError
from xaimed.scene import Scene

Part = tuple[Tensor, Tensor]


def deep_maps(scenes: Sequence[Scene], starts: Tensor) -> list[Map]:
    """The maps of one scene, or of several with the same joint, against baselines (N, C, h, w), which are averaged.

    Each map sums to the score of the image minus the mean score of the baselines. Facts: baselines,
    completeness_error, f_input, f_baseline. Raises ModelError, naming it, for an operation without a rule, and
    where the contributions do not sum to the difference, for then something does not let the gradient through.
    """
    walk = Walk()
    image = scenes[0].image
    with walk.sample(RULES):
        sample = _scores(scenes, _leaf(image))
    check_linear(sample.sum())
    ends, parts = sample.detach()[0], starts.to(image).contiguous(memory_format=_layout(image))
    found = Batches(scenes[0].chunk).run(len(parts), lambda part: _contributed(walk, scenes, parts[part], ends))
    total = sum((values for values, _ in found), torch.zeros((), dtype=torch.float64, device=image.device))
    scores = torch.cat([scores for _, scores in found]).double().mean(0)
    return [_map(total[k] / len(parts), float(ends[k]), float(scores[k]), len(parts)) for k in range(len(scenes))]


def _contributed(walk: Walk, scenes: Sequence[Scene], starts: Tensor, ends: Tensor) -> Part:
    """The sum of the contributions over some baselines, float64 (K, h, w), and the baselines' scores (N, K)."""
    leaf = _leaf(starts)
    with walk.backgrounds(RULES):
        scores = _scores(scenes, leaf)
    way, last, out = scenes[0].image - starts, len(scenes) - 1, []
    for k in range(len(scenes)):
        found: Tensor | None = torch.autograd.grad(
            scores[:, k].sum(), leaf, retain_graph=k < last, allow_unused=True)[0]
        each = torch.zeros_like(way) if found is None else found * way
        _check_sum(scenes[k], each, ends[k] - scores[:, k].detach())
        out.append(each.double().sum((0, 1)))
    return torch.stack(out), scores.detach()


def _scores(scenes: Sequence[Scene], images: Tensor) -> Tensor:
    """(B, K). The image is a copy, since a network may begin with an operation in place."""
    scores = joint_scores(scenes, images.clone())
    check_differentiable(scenes[0], scores)
    return scores


def _leaf(images: Tensor) -> Tensor:
    return images.detach().requires_grad_()


def _layout(image: Tensor) -> torch.memory_format:
    if image.is_contiguous():
        return torch.contiguous_format
    return torch.channels_last if image.ndim == 4 else torch.channels_last_3d


def _check_sum(scene: Scene, each: Tensor, differences: Tensor) -> None:
    """Rounding is a share of all that was added up; what is more than that was lost on the way."""
    missed = (each.flatten(1).sum(1) - differences).abs()
    allowed = 1e-3 * differences.abs() + 300 * torch.finfo(each.dtype).eps * (1 + each.flatten(1).abs().sum(1))
    if bool((missed > allowed).any()):
        worst = int((missed - allowed).argmax())
        raise ModelError(
            f"case {scene.case}, target {scene.target}: the contributions sum to {float(each[worst].sum()):.4g}, "
            f"the score differs by {float(differences[worst]):.4g}: part of it passes no gradient or is random "
            f"(detach, round, a comparison, dropout that is on): {INSTEAD}")


def _map(values: Tensor, f_input: float, f_baseline: float, count: int) -> Map:
    facts = {
        "baselines": float(count),
        "completeness_error": completeness_error(values, f_input, f_baseline),
        "f_input": f_input,
        "f_baseline": f_baseline,
    }
    return Map(values.float().cpu().numpy(), facts)
