"""Thresholds of maps that are chosen on validation cases, before the cases that are judged are seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.iou import tuned_threshold
from xaimed.types import Case, Floats, Mask

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.attribution.method import Method


def tuned_thresholds(model: Model, cases: Iterable[Case], methods: Sequence[Method]) -> dict[str, float]:
    """For each method by name the share of a map's maximum with the best mean IoU on validation cases.

    As in Saporta 2022, one threshold a method for all cases. Every target that the audit would explain and that has a
    reference lesion counts, by its maps in original pixels; goes to Iou.thresholds. Raises InputError where no target
    of the cases has one, or a case is of the test split.
    """
    from xaimed.adapters.reference import reference_mask
    from xaimed.explain import maps_of

    maps: dict[str, list[Floats]] = {method.name: [] for method in methods}
    lesions: list[Mask] = []
    for case in cases:
        if case.split == "test":
            raise InputError(f"case {case.id} is of the test split; expected validation cases: a threshold that was "
                             "chosen on the cases that are judged flatters the maps")
        targets = [(target, mask) for target in model.targets(case, model.predict([case])[0])
                   if (mask := reference_mask(case, target)) is not None and mask.any()]
        scenes = model.scenes(case, [target for target, _ in targets]) if targets else []
        for (_, mask), scene, found in zip(targets, scenes, maps_of(scenes, methods) if scenes else [], strict=True):
            lesions.append(mask)
            for name, map_ in found.items():
                maps[name].append(np.nan_to_num(scene.place(map_.values)))
    if not lesions:
        raise InputError("no target of the validation cases has a reference lesion; expected some to choose on")
    return {name: tuned_threshold(own, lesions) for name, own in maps.items()}
