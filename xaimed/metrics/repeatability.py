"""Repeatability: how alike the maps of a method that draws at random are under other seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.again import rank_correlation, reseeded
from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class Repeatability:
    """The mean of Spearman's rho on the tissue between the map and those of `seeds` other seeds.

    NaN for a method without a seed, where the method is not at hand, and for a map without contrast.
    """

    seeds: int = 2
    name: str = "repeatability"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-1.0, 1.0)
    reference: str = "Arun N et al. (2021) Assessing the trustworthiness of saliency maps, Radiol AI 3:e200267"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The mean correlation, with the suffix ""."""
        others = [reseeded(view.method, 1000 + i) for i in range(self.seeds)] if view.method is not None else []
        tissue = view.scene.tissue.cpu().numpy()
        found = [rank_correlation(view.values, other.attribute(view.scene).values, tissue)
                 for other in others if other is not None]
        return {"": float(np.mean(found)) if found else math.nan}


METRIC = Repeatability()
