"""Energy lift: how much more of a map falls on the lesion than chance would put there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.energy_in_lesion import energy_share
from xaimed.metrics.explained import Explained
from xaimed.types import Mask


@dataclass(frozen=True)
class EnergyLift:
    """The energy in the lesion divided by the lesion's share of the tissue; 1 is a map spread evenly.

    "" takes the tissue of the whole image, so a detection whose window lies on the lesion starts above 1.
    "[window]" takes the tissue of the scene's window only: what the map adds to the place of the detection.
    NaN where there is no reference lesion, or none of it in the tissue that is counted.
    """

    name: str = "energy_lift"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "energy-based pointing game over its expectation for a uniform map (Wang H et al. 2020)"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The lift over the tissue of the image ("") and of the window ("[window]")."""
        share = energy_share(view)
        places = {"": view.tissue_full, "[window]": view.tissue_full & view.window}
        return {suffix: _lift(share, view.lesion, tissue) for suffix, tissue in places.items()}


def _lift(share: float, lesion: Mask | None, tissue: Mask) -> float:
    if lesion is None:
        return math.nan
    inside = int((lesion & tissue).sum())
    return share * int(tissue.sum()) / inside if inside else math.nan


METRIC = EnergyLift()
