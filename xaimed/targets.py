"""From a model's output to one scalar a target: the only place that knows what is explained.

A function here takes what the network gives for a batch of B images and returns (B,), differentiable. Scalars of a
class are on the logit scale where there is a choice: a softmax probability saturates, and its gradient with it.
`xaimed.target_names` turns what a user types into one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Edges = tuple[float, float, float, float]
Quantity = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Target:
    """What is to be explained. name: "d0" (a detection), "m0" (a missed lesion), a class, or as in target_names.

    label: the class whose score is explained. box: x0, y0, x1, y1 in original pixels, None for the whole image.
    """

    name: str
    label: str
    box: Edges | None = None


@dataclass(frozen=True, eq=False)
class Scalar:
    """A target as two functions of the images (B, C, h, w) and the network's output for them, each giving (B,).

    value: differentiable, what is explained. likeness: in [0, 1], how much of the prediction is left.
    """

    target: Target
    value: Quantity
    likeness: Quantity


def log_odds(logits: Tensor, index: int) -> Tensor:
    """(B,): log p / (1 - p) of class `index` under the softmax of logits (B, classes); unbounded, never saturated."""
    others = torch.cat([logits[:, :index], logits[:, index + 1:]], dim=1)
    return logits[:, index] - torch.logsumexp(others, dim=1)


def class_logit(logits: Tensor, index: int) -> Tensor:
    """(B,): the logit of class `index` of logits (B, classes)."""
    return logits[:, index]


def class_probability(logits: Tensor, index: int, exclusive: bool = True) -> Tensor:
    """(B,) in [0, 1]: the softmax of logits (B, classes) at `index`; their sigmoid if classes do not exclude others."""
    return logits.softmax(dim=1)[:, index] if exclusive else logits[:, index].sigmoid()


def contrast(logits: Tensor, index: int, other: int) -> Tensor:
    """(B,): the logit of class `index` less that of class `other`: why the one rather than the other."""
    return logits[:, index] - logits[:, other]


def at_step(output: Tensor, step: int, dim: int = 1) -> Tensor:
    """The output at one time step or slice: (B, T, ...) without its dimension `dim`; a negative step counts back."""
    return output.select(dim, step)


def rpn_objectness(levels: Sequence[Tensor], anchors: Tensor) -> Tensor:
    """(B, K): the objectness logits of anchors (K,), of the region proposal network's maps (B, A, h, w), one a level.

    anchors: numbers in torchvision's order: level by level, row by row, then the anchors of a cell.
    """
    return torch.cat([level.permute(0, 2, 3, 1).flatten(1) for level in levels], dim=1)[:, anchors]


def mask_sum(logits: Tensor, index: int, mask: Tensor) -> Tensor:
    """(B,): the sum of class `index` of logits (B, classes, ...) over a frozen bool mask (...).

    The mask is the predicted one, or one component of it: Vinogradova et al. (2020) "Towards interpretable semantic
    segmentation via gradient-weighted class activation mapping", AAAI.
    """
    return (logits[:, index] * mask.to(logits)).flatten(1).sum(dim=1)


def anomaly_score(images: Tensor, rebuilt: Tensor, region: Tensor) -> Tensor:
    """(B,): the squared error of the reconstruction, both (B, C, h, w), summed over a bool region (h, w)."""
    return ((images - rebuilt).square() * region.to(images)).flatten(1).sum(dim=1)


def free_energy(output: Tensor) -> Tensor:
    """(B,): the free energy that the network gives, (B,) or (B, 1); the lower, the likelier the image."""
    return output.reshape(output.shape[0], -1).sum(dim=1)


def realness(output: Tensor) -> Tensor:
    """(B,): a discriminator's logit of "real"; the mean over its patches where it gives (B, 1, h', w')."""
    return output.flatten(1).mean(dim=1) if output.ndim > 1 else output


def region_mean(output: Tensor, region: Tensor) -> Tensor:
    """(B,): the mean of a generated image (B, C, h, w) over a bool region (h, w) and the channels."""
    weight = region.to(output)
    return (output * weight).flatten(1).sum(dim=1) / (weight.sum() * output.shape[1])


def displacement(field: Tensor, point: tuple[float, float], direction: tuple[float, float] | None = None) -> Tensor:
    """(B,): the displacement of a field (B, 2, h, w), x then y in pixels, at a point x, y, by bilinear interpolation.

    Along `direction` (a unit vector x, y); None gives its length. The centre of pixel (i, j) is j + 0.5, i + 0.5.
    """
    height, width = field.shape[-2:]
    place = torch.tensor([2 * point[0] / width - 1, 2 * point[1] / height - 1], dtype=field.dtype, device=field.device)
    grid = place.expand(field.shape[0], 1, 1, 2)
    moved = torch.nn.functional.grid_sample(field, grid, padding_mode="border", align_corners=False)[:, :, 0, 0]
    if direction is None:
        # The root of 0 has no gradient; a displacement this small has no direction either.
        return (moved.square().sum(dim=1) + 1e-12).sqrt()
    return moved[:, 0] * direction[0] + moved[:, 1] * direction[1]


def detection_similarity(boxes: Tensor, probabilities: Tensor, box: Tensor, wanted: Tensor) -> Tensor:
    """Scalar in [0, 1]: max over proposals of IoU * objectness * cosine of class probabilities.

    Petsiuk V et al. (2021) "Black-box explanation of object detectors via saliency maps", arXiv:2006.03204.
    boxes (R, 4), probabilities (R, classes + 1) with background first, box (4,), wanted (classes,).
    """
    from torchvision.ops import box_iou

    if not len(boxes):
        return boxes.new_zeros(())
    overlap = box_iou(boxes, box[None])[:, 0]
    cosine = torch.nn.functional.cosine_similarity(probabilities[:, 1:], wanted[None], dim=1)
    best: Tensor = (overlap * (1 - probabilities[:, 0]) * cosine).max()
    return best
