"""Energy in other boxes: how much of what a map puts on objects it puts on objects that were not asked about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class OtherBoxes:
    """The positive energy in the other lesions divided by that in all lesions (ODI), in original pixels.

    Pixels of the target's own lesion count as its own. NaN where there is no other lesion, the target has none, or
    the map puts nothing on any.
    """

    name: str = "other_boxes"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Zhao C, Chan AB (2023) ODAM (object discrimination index), ICLR, arXiv:2304.06354"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share, with the suffix ""."""
        if view.lesion is None or view.others is None:
            return {"": math.nan}
        others = view.others & ~view.lesion
        outside = float(view.energy[others].sum())
        total = outside + float(view.energy[view.lesion].sum())
        return {"": outside / total if total > 0 and bool(others.any()) else math.nan}


METRIC = OtherBoxes()
