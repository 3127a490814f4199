"""IoU: the overlap of the lesion with the part of a map above a threshold that was chosen on validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.explained import Explained
from xaimed.types import Floats, Mask

GRID = tuple(i / 20 for i in range(1, 20))


@dataclass(frozen=True)
class Iou:
    """Intersection over union of the lesion and the pixels at or above `threshold` times the map's maximum.

    threshold: in (0, 1]; thresholds: by method, in its place. Both are chosen on validation (`tuned_threshold`,
    metrics.tuning), never on the cases that are judged. A map that is not finite or has no positive value shows
    nothing: 0. NaN where there is no reference lesion.
    """

    threshold: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=dict)
    name: str = "iou"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Saporta A et al. (2022) Benchmarking saliency methods, Nat Mach Intell 4:867"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The overlap, with the suffix ""."""
        if view.lesion is None:
            return {"": math.nan}
        threshold = self.thresholds.get(view.name, self.threshold)
        return {"": overlap(np.asarray(view.energy, np.float32), view.lesion, threshold)}


def overlap(values: Floats, lesion: Mask, threshold: float) -> float:
    """The IoU in [0, 1] of a lesion and the values of at least `threshold` times their maximum; 0 for none positive."""
    peak = float(values.max(initial=0.0))
    shown = values >= threshold * peak if peak > 0 else np.zeros_like(lesion)
    return float((shown & lesion).sum() / (shown | lesion).sum())


def tuned_threshold(maps: Sequence[Floats], lesions: Sequence[Mask], grid: Sequence[float] = GRID) -> float:
    """The threshold of the grid with the highest mean IoU over the maps of a validation split; the lowest of ties.

    maps: float32 (H, W), finite; lesions: bool (H, W), each with a pixel. Raises InputError for none.
    """
    if not maps or len(maps) != len(lesions):
        raise InputError(f"{len(maps)} maps for {len(lesions)} lesions; expected one map or more, each with its lesion")
    found = [np.mean([overlap(np.maximum(m, 0), t, level) for m, t in zip(maps, lesions, strict=True)])
             for level in grid]
    return float(grid[int(np.argmax(found))])


METRIC = Iou()
