"""What a model answered in pixels, and its reference, as planes of the original image that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xaimed.types import Case, Floats, Mask, Prediction

FOUND, REFERENCE = "found:", "reference:"
PIXELS = ("segmentation", "generation", "registration")  # tasks whose answer is in pixels
# Rows of scores that say of what the answer is made: a part of a sum, the rest of it, an edge of the box where a part
# was found, a question of a tree. They are of one target of one case and are not pooled over cases.
PART, REST, MATCH, QUESTION = "part ", "bias", "match ", "question "
TOLD = (PART, MATCH, QUESTION)
EDGES = ("x0", "y0", "x1", "y1")
DECIDING = ("detection", "classification", "multilabel", "anomaly", "energy")  # tasks with an operating point


def planes_of(case: Case, prediction: Prediction) -> dict[str, Floats]:
    """float32 (H, W) by name: "found:NAME" for each part of the answer, "reference:NAME" for that of the reference.

    NAME: a class (its probability, and 0 or 1 in the reference), "image" or "image 0", "error", "dx" and "dy". Nothing
    for a model that does not answer in pixels.
    """
    if not prediction.dense:
        return {}
    planes = {FOUND + name: part for name, part in prediction.dense.items()}
    planes |= {REFERENCE + name: mask.astype(np.float32) for name, mask in case.segments.items()}
    if case.wanted is not None:
        several = len(case.wanted) > 1
        planes |= {f"{REFERENCE}image{f' {i}' if several else ''}": part for i, part in enumerate(case.wanted)}
    if case.displacement is not None:
        planes |= dict(zip((REFERENCE + "dx", REFERENCE + "dy"), case.displacement, strict=True))
    return planes


@dataclass(frozen=True, eq=False)
class Outlined:
    """The mask of a class that was found and that of the reference, bool (H, W); None where there is none."""

    name: str
    found: Mask | None
    reference: Mask | None


def outlined(planes: Mapping[str, Floats]) -> list[Outlined]:
    """The masks of each class of a segmentation, as its metrics take them, in the order of the model's classes."""
    found = masks_of({name.removeprefix(FOUND): part for name, part in planes.items() if name.startswith(FOUND)})
    given = {name.removeprefix(REFERENCE): part > 0.5 for name, part in planes.items() if name.startswith(REFERENCE)}
    return [Outlined(name, found.get(name), given.get(name)) for name in dict.fromkeys([*found, *given])]


def masks_of(dense: Mapping[str, Floats]) -> dict[str, Mask]:
    """bool (H, W) of each class: where its probability is the highest, and above that of none of them."""
    if not dense:
        return {}
    maps = np.stack(list(dense.values()))
    best, rest = maps.argmax(axis=0), 1 - maps.sum(axis=0)
    return {name: (best == index) & (maps[index] > (0.5 if len(dense) == 1 else rest))
            for index, name in enumerate(dense)}
