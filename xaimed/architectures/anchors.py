"""The anchor audit: how well the fixed grid of anchors of a region proposal network can cover the lesions.

Ren S et al. (2015) "Faster R-CNN", arXiv:1506.01497. A proposal starts from an anchor; a lesion that no anchor
overlaps well is learnt late or never, whatever the training. The audit needs the boxes alone, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import ModelError
from xaimed.imaging.geometry import inverse, map_boxes
from xaimed.imaging.preprocessing import Preprocessing, prepare
from xaimed.types import Case, Floats

Boxes = NDArray[np.float64]
RATIOS = (0.5, 1.0, 2.0)


@dataclass(frozen=True, eq=False)
class AnchorAudit:
    """The IoU in [0, 1] of every lesion with its best anchor: best, float64 (N,)."""

    best: Boxes

    @property
    def count(self) -> int:
        """How many lesions were audited."""
        return len(self.best)

    @property
    def at_half(self) -> float:
        """The share of lesions whose best anchor reaches IoU 0.5; NaN without a lesion."""
        return self.share(0.5)

    @property
    def at_seven_tenths(self) -> float:
        """The share of lesions whose best anchor reaches IoU 0.7; NaN without a lesion."""
        return self.share(0.7)

    def share(self, overlap: float) -> float:
        """The share in [0, 1] of lesions whose best anchor reaches this IoU; NaN without a lesion."""
        return float((self.best >= overlap).mean()) if self.count else float("nan")


@dataclass(frozen=True, eq=False)
class PreparedBoxes:
    """The boxes of one case, float64 (N, 4), in the pixels of the network's input, whose size is shape (h, w)."""

    case: str
    boxes: Boxes
    shape: tuple[int, int]


def anchor_grid(shape: tuple[int, int], stride: int, anchors: Sequence[float],
                ratios: Sequence[float] = RATIOS) -> Floats:
    """float32 (h // stride * w // stride * R * A, 4): x0, y0, x1, y1 of all anchors, as torchvision lays them.

    shape: height and width of the network's input. anchors: square roots of areas in pixels; ratios: height over
    width. Centred on the upper left corner of each cell, half sides rounded to whole pixels; the last axis of the
    order runs over sizes, then ratios, columns, rows. Raises ModelError for an empty or negative argument.
    """
    height, width = shape
    if stride < 1 or min(height, width) < stride or not anchors or not ratios or min(*anchors, *ratios) <= 0:
        raise ModelError(f"anchors {tuple(anchors)} with ratios {tuple(ratios)} at stride {stride} on {height} x "
                         f"{width} pixels; expected positive numbers, at least one of each, and one cell or more")
    # Single precision throughout, so that the rounding falls as it does in the network.
    tall = np.sqrt(np.asarray(ratios, np.float32))[:, None]
    sides = np.asarray(anchors, np.float32)[None]
    wide, high = (np.float32(1) / tall * sides).ravel(), (tall * sides).ravel()
    cell = np.round(np.stack([-wide, -high, wide, high], axis=1) / np.float32(2))
    y, x = np.mgrid[:height // stride, :width // stride].reshape(2, -1) * stride
    corners = np.stack([x, y, x, y], axis=1).astype(np.float32)
    return np.asarray((corners[:, None] + cell[None]).reshape(-1, 4), np.float32)


def overlaps(boxes: NDArray[np.floating], others: NDArray[np.floating]) -> Boxes:
    """float64 (N, M): the IoU in [0, 1] of boxes (N, 4) with others (M, 4); 0 where both are empty."""
    ours, theirs = np.asarray(boxes, float)[:, None], np.asarray(others, float)[None]
    sides = np.minimum(ours[..., 2:], theirs[..., 2:]) - np.maximum(ours[..., :2], theirs[..., :2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    union = _area(ours) + _area(theirs) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def anchor_audit(boxes: NDArray[np.floating], shape: tuple[int, int], stride: int, anchors: Sequence[float],
                 ratios: Sequence[float] = RATIOS) -> AnchorAudit:
    """The audit of boxes (N, 4) in pixels of the network's input, whose height and width are `shape`.

    Raises ModelError for anchors that cannot be laid.
    """
    grid = anchor_grid(shape, stride, anchors, ratios)
    edges = np.asarray(boxes, float).reshape(-1, 4)
    return AnchorAudit(overlaps(edges, grid).max(axis=1))


def audit_cases(cases: Iterable[PreparedBoxes], stride: int, anchors: Sequence[float],
                ratios: Sequence[float] = RATIOS) -> AnchorAudit:
    """The audit of all lesions of these cases, in order, each on the grid of its own image."""
    found = [anchor_audit(case.boxes, case.shape, stride, anchors, ratios).best for case in cases]
    return AnchorAudit(np.concatenate([np.zeros(0), *found]))


def prepared_boxes(cases: Iterable[Case], steps: Preprocessing) -> list[PreparedBoxes]:
    """The boxes of each case that has one as the network sees them; `steps` is the model's preprocessing."""
    return [_prepared(case, steps) for case in cases if case.boxes]


def _prepared(case: Case, steps: Preprocessing) -> PreparedBoxes:
    prepared = prepare(case, steps)
    edges = map_boxes(np.array([box.edges for box in case.boxes], float), inverse(prepared.affine))
    height, width = prepared.size
    inside = np.clip(edges, 0, [width, height, width, height])
    return PreparedBoxes(case.id, inside[_area(inside) > 0], (prepared.image.shape[1], prepared.image.shape[2]))


def _area(boxes: Boxes) -> Boxes:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))
