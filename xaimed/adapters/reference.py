"""The reference lesions that belong to a target: what its map should point at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xaimed.target_names import box_name
from xaimed.targets import Target
from xaimed.types import Case, Mask

# Targets that ask for anything unusual: every reference lesion belongs to them, whatever its class.
UNUSUAL = ("anomaly", "energy")


def reference_mask(case: Case, target: Target) -> Mask | None:
    """bool (H, W): the reference lesions of a target in original pixels, or None where none belongs to it.

    For a box those that it hits, or the lesion that was missed; for the whole image those of the target's class.
    Where the reference is given in pixels it is the segment of the target's class, for a box the part within it.
    """
    if target.label in case.segments:
        return _segment(case.segments[target.label], target)
    chosen = [index for index in range(len(case.boxes)) if _belongs(case, index, target)]
    if not chosen:
        return None
    mask = np.zeros((case.height, case.width), bool)
    for index in chosen:
        if case.masks is not None:
            mask |= case.masks[index]
        else:
            x0, y0, x1, y1 = case.boxes[index].edges
            mask[int(y0):int(np.ceil(y1)), int(x0):int(np.ceil(x1))] = True
    return mask


def _segment(segment: Mask, target: Target) -> Mask | None:
    if target.box is not None:
        x0, y0, x1, y1 = target.box
        inside = np.zeros_like(segment)
        inside[int(y0):int(np.ceil(y1)), int(x0):int(np.ceil(x1))] = True
        segment = segment & inside
    return segment if segment.any() else None


def centre_in(inner: Sequence[float], outer: Sequence[float]) -> bool:
    """Whether the centre of one box x0, y0, x1, y1 lies in another, its edges included."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _belongs(case: Case, index: int, target: Target) -> bool:
    box = case.boxes[index]
    if target.box is None:
        return target.label in (box.label, *UNUSUAL)
    name = box_name(target.name).box
    return name == f"m{index}" or (name.startswith("d") and centre_in(target.box, box.edges))
