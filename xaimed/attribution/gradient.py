"""Gradients of a score with respect to an image or a layer, by torch.autograd.grad: no .grad is touched."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from xaimed.errors import ModelError, TargetError
from xaimed.scene import Scene


def check_differentiable(scene: Scene, scores: Tensor) -> None:
    """Raise TargetError if no gradient leads from the score back to the network's input."""
    if not scores.requires_grad:
        raise TargetError(
            f"case {scene.case}, target {scene.target}: the score has no gradient (detached, "
            "rounded, or made under no_grad); expected a differentiable score: use kernel_shap"
        )


def image_gradient(scene: Scene, images: Tensor) -> tuple[Tensor, Tensor]:
    """The scores (B,) of images (B, C, h, w), and the gradient of each with respect to its image."""
    leaf = images.detach().requires_grad_()
    scores = scene.score(leaf)
    check_differentiable(scene, scores)
    gradient: Tensor | None = torch.autograd.grad(scores.sum(), leaf, allow_unused=True)[0]
    return scores.detach(), torch.zeros_like(leaf) if gradient is None else gradient


def layer_gradient(scene: Scene, value: Tensor, score: Tensor, layer: str) -> Tensor:
    """The gradient of a score (1,) with respect to the layer's output `value`, of the same shape.

    Raises TargetError if the score has no gradient, ModelError if it does not depend on the layer.
    """
    check_differentiable(scene, score)
    gradient: Tensor | None = torch.autograd.grad(score.sum(), value, allow_unused=True)[0]
    if gradient is None:
        raise ModelError(
            f"case {scene.case}, target {scene.target}: the score does not depend on layer "
            f"{layer}; choose another: {', '.join(list(scene.layers)[-5:])}"
        )
    return gradient


def plain_scores(scene: Scene, images: Tensor) -> Tensor:
    """The scores (B,) of images (B, C, h, w) without gradient, in chunks of the scene."""
    with torch.no_grad():
        return torch.cat([scene.score(images[part]) for part in chunks(len(images), scene.chunk)])


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of up to `size` that cover range(count)."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
