"""Energy in the lesion: the share of a map's positive values that falls on the lesion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class EnergyInLesion:
    """The positive energy inside the lesion divided by all positive energy, in original pixels.

    Energy in air counts against the map. A map that is not finite or has no positive value has put nothing
    into the lesion: 0. NaN where there is no reference lesion.
    """

    name: str = "energy_in_lesion"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Wang H et al. (2020) Score-CAM (energy-based pointing game), arXiv:1910.01279"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share, with the suffix ""."""
        return {"": energy_share(view)}


def energy_share(view: Explained) -> float:
    """The share of positive energy in the lesion, in [0, 1]; 0 for an empty map, NaN without a lesion."""
    if view.lesion is None:
        return math.nan
    total = float(view.energy.sum())
    return float(view.energy[view.lesion].sum()) / total if total > 0 else 0.0


METRIC = EnergyInLesion()
