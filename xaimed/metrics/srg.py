"""SRG: symmetric relevance gain, the area between removing the least and removing the most relevant pixels first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class Srg:
    """AUC_LeRF - AUC_MoRF for each fill: 0 for a map that knows nothing, whatever the fill does to the model.

    Putting pixels back from the most relevant on gives the images of removing them from the least relevant on, so
    this is the insertion minus the deletion area and shares their model passes where fills and steps are the same.
    Fields and NaN as in Deletion.
    """

    fills: tuple[str, ...] = ("blur", "tissue_median", "noise")
    steps: int = 16
    seed: int = 0
    regions: int = 0
    name: str = "srg"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-math.inf, math.inf)
    reference: str = "Bluecher S, Vielhaben J, Strodthoff N (2024) Decoupling pixel flipping, arXiv:2401.06654"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The area for each fill, by suffix: {"[blur]": 0.6, ...}."""
        from xaimed.metrics.removal import Sweep

        sweeps = [Sweep(kind, self.steps, self.seed, self.regions) for kind in self.fills]
        return {f"[{sweep.fill}]": view.removal.insertion(view.values, sweep).area
                - view.removal.deletion(view.values, sweep).area for sweep in sweeps}


METRIC = Srg()
