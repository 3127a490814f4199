"""The reference lesions that belong to a target: what its map should point at."""

from __future__ import annotations

import numpy as np

from xaimed.targets import Target
from xaimed.types import Case, Mask

# Targets that ask for anything unusual: every reference lesion belongs to them, whatever its class.
UNUSUAL = ("anomaly", "energy")


def reference_mask(case: Case, target: Target) -> Mask | None:
    """bool (H, W): the reference lesions of a target in original pixels, or None where none belongs to it.

    For a box those that it hits; for the whole image those of the target's class.
    """
    from xaimed.adapters.detector import lesion_mask

    if target.box is not None:
        return lesion_mask(case, target)
    chosen = [i for i, box in enumerate(case.boxes) if target.label in (box.label, *UNUSUAL)]
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
