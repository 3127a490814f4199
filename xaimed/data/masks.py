"""Masks to boxes: the connected parts of a mask, each with the box round it."""

from __future__ import annotations

import cv2
import numpy as np

from xaimed.types import Mask

Edges = tuple[float, float, float, float]


def components(mask: Mask, smallest: int = 1) -> tuple[tuple[Edges, ...], Mask]:
    """Boxes x0, y0, x1, y1 of the parts (8-connected, at least `smallest` pixels), and the parts as bool (N, H, W)."""
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    kept = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= smallest]
    corners = [[int(value) for value in stats[i, :4]] for i in kept]
    boxes = tuple((float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in corners)
    parts = np.stack([numbered == i for i in kept]) if kept else np.zeros((0, *mask.shape), bool)
    return boxes, parts
