"""Energy outside the tissue: the share of a map's positive values that falls on air, labels and the border."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained
from xaimed.types import Mask


@dataclass(frozen=True)
class OutsideTissue:
    """The positive energy outside the tissue divided by all positive energy, in original pixels.

    A map that is not finite or has no positive value shows nothing, and NaN says so: 0 would be the best value. So it
    does where all of the image is tissue, as for a model whose preprocessing does not look for it.
    """

    name: str = "outside_tissue"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "laterality and edge leakage; energy-based pointing game (Wang H et al. 2020) on air"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share, with the suffix ""."""
        return {"": share_of(view, None if bool(view.tissue_full.all()) else ~view.tissue_full)}


def share_of(view: Explained, place: Mask | None) -> float:
    """The share of positive energy in a place (H, W), in [0, 1]; NaN for no place or a map without energy."""
    total = float(view.energy.sum())
    return float(view.energy[place].sum()) / total if place is not None and total > 0 else math.nan


METRIC = OutsideTissue()
