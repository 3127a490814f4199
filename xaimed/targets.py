"""From a model's output to one scalar a target: the only place that knows what is explained.

Scalars are on the logit scale: a softmax probability saturates, and its gradient with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Target:
    """What is to be explained. name: "d0" (a detection), "m0" (a missed lesion) or a class.

    label: the class whose score is explained. box: x0, y0, x1, y1 in original pixels, None for the whole image.
    """

    name: str
    label: str
    box: Edges | None = None


def log_odds(logits: Tensor, index: int) -> Tensor:
    """(B,): log p / (1 - p) of class `index` under the softmax of logits (B, classes); unbounded, never saturated."""
    others = torch.cat([logits[:, :index], logits[:, index + 1:]], dim=1)
    return logits[:, index] - torch.logsumexp(others, dim=1)


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
