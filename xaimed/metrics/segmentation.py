"""Segmentation: overlap and surface distance of masks, and the region scores of the ISBI 2012 challenge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xaimed.answers import masks_of
from xaimed.errors import InputError
from xaimed.metrics.pixelwise import MODEL, Better
from xaimed.stats import Array, Bools
from xaimed.types import Case, Mask, Prediction, Score

BOUNDARY = "membrane"  # the class whose absence leaves the regions of V_rand and V_info


def dice(mask: Bools, truth: Bools) -> float:
    """2 |A and B| / (|A| + |B|), in [0, 1]; NaN where both are empty."""
    _same_shape(mask, truth)
    both = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / both if both else math.nan


def iou(mask: Bools, truth: Bools) -> float:
    """|A and B| / |A or B|, in [0, 1]; NaN where both are empty."""
    _same_shape(mask, truth)
    union = int((mask | truth).sum())
    return int((mask & truth).sum()) / union if union else math.nan


def hd95(mask: Bools, truth: Bools, spacing: tuple[float, ...] | None = None) -> float:
    """The 95th percentile of the distances between the surfaces, both ways pooled, in the unit of `spacing`.

    spacing: the size of a pixel along each axis, default 1. NaN where one mask is empty. A surface is made of the
    pixels of a mask that touch a pixel outside it, or the border, by a side.
    """
    from scipy.ndimage import distance_transform_edt

    _same_shape(mask, truth)
    if not mask.any() or not truth.any():
        return math.nan
    one, other = surface(mask), surface(truth)
    to_truth = distance_transform_edt(~other, sampling=spacing)[one]
    to_mask = distance_transform_edt(~one, sampling=spacing)[other]
    return float(np.percentile(np.concatenate([to_truth, to_mask]), 95))


def surface(mask: Bools) -> Bools:
    """bool, the shape of the mask: its pixels that touch the outside by a side."""
    from scipy.ndimage import binary_erosion

    edge: Bools = mask & ~binary_erosion(mask, border_value=0)
    return edge


@dataclass(frozen=True)
class Partition:
    """How two labellings of the same pixels agree. rand, info: F-scores in [0, 1]; the others are their halves."""

    rand: float
    rand_split: float
    rand_merge: float
    info: float
    info_split: float
    info_merge: float


def partition(regions: NDArray[np.integer], truth: NDArray[np.integer]) -> Partition:
    """V_rand and V_info of two label images, over the pixels that the truth labels (not 0).

    Arganda-Carreras 2015, foreground-restricted, alpha 0.5. Pixels with label 0 in `regions` count as one
    region. split falls where a true region is divided, merge where two are joined. NaN where the truth labels nothing.
    Raises InputError for two shapes.
    """
    if regions.shape != truth.shape:
        raise InputError(f"labels {regions.shape} and reference {truth.shape}; expected one shape")
    kept = truth.ravel() != 0
    if not kept.any():
        return Partition(*(math.nan,) * 6)
    _, mine = np.unique(regions.ravel()[kept], return_inverse=True)
    _, theirs = np.unique(truth.ravel()[kept], return_inverse=True)
    wide = int(theirs.max()) + 1
    _, joint = np.unique(mine * wide + theirs, return_counts=True)
    total = float(kept.sum())
    together, s, t = joint / total, np.bincount(mine) / total, np.bincount(theirs) / total
    pairs = float((together**2).sum())
    split, merge = pairs / float((t**2).sum()), pairs / float((s**2).sum())
    shared = entropy(s) + entropy(t) - entropy(together)
    halves = [_share(shared, entropy(s)), _share(shared, entropy(t))]
    both = _share(2 * shared, entropy(s) + entropy(t))
    return Partition(2 * pairs / float((s**2).sum() + (t**2).sum()), split, merge, both, *halves)


def entropy(shares: Array) -> float:
    """The entropy of shares that are greater than 0 and sum to 1, in nats."""
    return float(-(shares * np.log(shares)).sum())


def _share(part: float, whole: float) -> float:
    """part / whole; 1 where nothing could be told apart in either labelling."""
    return part / whole if whole > 1e-12 else 1.0


def _same_shape(mask: Bools, truth: Bools) -> None:
    if mask.shape != truth.shape:
        raise InputError(f"mask {mask.shape} and reference {truth.shape}; expected one shape")


@dataclass(frozen=True)
class Segmentation:
    """Dice, IoU and HD95 (mm, or pixels where the spacing is not known) of each class that has a reference.

    For the class "membrane" also V_rand and V_info of the cells between the membranes.
    """

    name: str = "segmentation"
    kind: Literal["case"] = "case"
    measures: Mapping[str, Better] = field(default_factory=lambda: {
        "Dice": "higher", "IoU": "higher", "HD95": "lower", "V_rand": "higher", "V_info": "higher"})
    reference: str = "Dice 1945; Jaccard 1912; Huttenlocher 1993 (95th percentile); Arganda-Carreras 2015"

    def __call__(self, case: Case, prediction: Prediction) -> list[Score]:
        """A row for each class and measure; none for a case without a reference in pixels."""
        found = masks_of(prediction.dense)
        rows = [row for name, truth in case.segments.items() if name in found
                for row in self._of_class(case, name, found[name], truth)]
        if BOUNDARY in found and BOUNDARY in case.segments:
            agreed = partition(cells(found[BOUNDARY]), cells(case.segments[BOUNDARY]))
            rows += [Score(case.id, "cells", MODEL, "V_rand", agreed.rand),
                     Score(case.id, "cells", MODEL, "V_info", agreed.info)]
        return rows

    def _of_class(self, case: Case, name: str, mask: Mask, truth: Mask) -> list[Score]:
        spacing = None if case.spacing_mm is None else (case.spacing_mm,) * 2
        values = {"Dice": dice(mask, truth), "IoU": iou(mask, truth), "HD95": hd95(mask, truth, spacing)}
        return [Score(case.id, name, MODEL, metric, value) for metric, value in values.items()]


def cells(boundary: Mask) -> NDArray[np.integer]:
    """int (H, W): the regions that a boundary leaves, 4-connected, numbered from 1; 0 on the boundary."""
    from scipy.ndimage import label

    numbered: NDArray[np.integer] = label(~boundary)[0]
    return numbered


METRIC = Segmentation()
