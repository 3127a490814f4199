"""Gradients of a score with respect to an image or a layer, by torch.autograd.grad: no .grad is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from xaimed.errors import InputError, ModelError, TargetError
from xaimed.scene import Joint, Scene, Stages


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
        raise unused_layer(scene, layer)
    return gradient


def unused_layer(scene: Scene, layer: str) -> ModelError:
    """The error of a layer that the score does not depend on, with the layers to choose from."""
    near = [scene.layer] if scene.layer else list(scene.layers)[-5:]
    return ModelError(
        f"case {scene.case}, target {scene.target}: the score does not depend on layer {layer}; "
        f"choose another: {', '.join(near)}"
    )


# So many copies of a feature map are in memory at once, whatever the number of scenes.
TOGETHER = 8


class SharedPass:
    """One forward pass of images (B, C, h, w) for all scenes of a joint, and gradients of each score on demand.

    A detector's scores come in two stages, and so do their gradients: back to the feature map with one copy of it a
    box, which are independent of each other, then back from the map for as many boxes as there are.
    """

    def __init__(self, joint: Joint, images: Tensor) -> None:
        self._joint, self._images = joint, len(images)
        self._maps = joint.stages.features(images) if joint.stages else ()
        self._scores = images.new_empty(0) if joint.stages else joint.scores(images)

    def gradients(self, scenes: Sequence[Scene], tensor: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """The scores (K, B) and for each of K scenes the gradient (B, ...) with respect to `tensor` of the pass.

        The gradient is None where the score does not depend on the tensor. Raises TargetError where a score has none.
        """
        if any(scene.joint is not self._joint for scene in scenes):
            raise InputError("scenes that do not share this pass; expected scenes with the same joint")
        if self._joint.stages is not None:
            return self._in_stages(self._joint.stages, scenes, tensor)
        return self._one_by_one(scenes, tensor)

    def _one_by_one(self, scenes: Sequence[Scene], tensor: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        check_differentiable(scenes[0], self._scores)
        columns = [self._scores[:, scene.column] for scene in scenes]
        found: list[Tensor | None] = [
            torch.autograd.grad(column.sum(), tensor, retain_graph=True, allow_unused=True)[0] for column in columns]
        return torch.stack(columns).detach(), found

    def _in_stages(self, stages: Stages, scenes: Sequence[Scene], tensor: Tensor
                   ) -> tuple[Tensor, list[Tensor | None]]:
        scores: dict[int, Tensor] = {}
        found: dict[int, Tensor | None] = {}
        for use in sorted({stages.uses[scene.column] for scene in scenes}):
            members = [i for i, scene in enumerate(scenes) if stages.uses[scene.column] == use]
            for part in chunks(len(members), max(1, TOGETHER // self._images)):
                some = members[part]
                values, heads = _at_map(stages, self._maps[use], [scenes[i] for i in some])
                scores.update(zip(some, values, strict=True))
                found.update(zip(some, _through(self._maps[use], tensor, heads), strict=True))
        return torch.stack([scores[i] for i in range(len(scenes))]), [found[i] for i in range(len(scenes))]


def _at_map(stages: Stages, features: Tensor, scenes: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    """The scores (K, B) and their gradients (K, B, N, h', w') with respect to a feature map (B, N, h', w')."""
    count, images = len(scenes), len(features)
    copies = features.detach().repeat(count, *[1] * (features.ndim - 1)).requires_grad_()
    scores = stages.score(copies, [scene.column for scene in scenes for _ in range(images)])
    check_differentiable(scenes[0], scores)
    gradient = torch.autograd.grad(scores.sum(), copies)[0]
    return scores.detach().view(count, images), gradient.view(count, images, *features.shape[1:])


def _through(features: Tensor, tensor: Tensor, heads: Tensor) -> list[Tensor | None]:
    """The gradients `heads` (K, ...) at a feature map, each taken further back to `tensor`."""
    if features is tensor:
        return list(heads)
    if not features.requires_grad:
        return [None] * len(heads)
    return [torch.autograd.grad(features, tensor, head, retain_graph=True, allow_unused=True)[0] for head in heads]


def joint_gradients(scenes: Sequence[Scene], images: Tensor) -> tuple[Tensor, Tensor]:
    """The scores (B, K) of K scenes that share a joint at images (B, C, h, w), and their gradients (B, K, C, h, w).

    The forward pass is run once for all scenes. Raises TargetError where a score has no gradient.
    """
    joint = scenes[0].joint
    if joint is None:
        raise InputError("scenes without a joint; expected scenes of one image that share one: use image_gradient")
    leaf = images.detach().requires_grad_()
    scores, found = SharedPass(joint, leaf).gradients(scenes, leaf)
    return scores.T, torch.stack([torch.zeros_like(leaf) if one is None else one for one in found], dim=1)


def joint_scores(scenes: Sequence[Scene], images: Tensor) -> Tensor:
    """(B, n): the scores of n scenes, one alone or several that share a joint, at images (B, C, h, w)."""
    joint = scenes[0].joint
    if len(scenes) == 1 or joint is None:
        return torch.stack([scene.score(images) for scene in scenes], dim=1)
    return joint.scores(images)[:, [scene.column for scene in scenes]]


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of up to `size` that cover range(count)."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
