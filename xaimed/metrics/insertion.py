"""Insertion: how fast the prediction comes back when the pixels a map ranks highest are put back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class Insertion:
    """The area under the similarity regained, over the share of tissue pixels put back; high is faithful.

    It starts from all tissue replaced. Fields, normalisation and NaN as in Deletion.
    """

    fills: tuple[str, ...] = ("blur", "tissue_median", "noise")
    steps: int = 16
    seed: int = 0
    regions: int = 0
    name: str = "insertion_auc"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "Petsiuk V, Das A, Saenko K (2018) RISE, arXiv:1806.07421"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The area for each fill, by suffix: {"[blur]": 0.8, ...}."""
        from xaimed.metrics.removal import Sweep

        sweeps = [Sweep(kind, self.steps, self.seed, self.regions) for kind in self.fills]
        return {f"[{sweep.fill}]": view.removal.insertion(view.values, sweep).area for sweep in sweeps}


METRIC = Insertion()
