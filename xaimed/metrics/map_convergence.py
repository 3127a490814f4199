"""Map convergence: how far a map still moves when its method may spend twice as much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.again import distance, finer
from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class MapConvergence:
    """|map with `factor` times the samples - map| / |map|; a map can sum to the right number and still be noise.

    NaN for a method without samples or steps, where the method is not at hand, and for a map that is 0 or not finite.
    """

    factor: int = 2
    name: str = "map_convergence"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "Sundararajan M, Taly A, Yan Q (2017) Axiomatic attribution (number of steps), arXiv:1703.01365"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The relative change, with the suffix ""."""
        more = finer(view.method, self.factor) if view.method is not None and view.finite else None
        return {"": math.nan if more is None else distance(view.values, more.attribute(view.scene).values)}


METRIC = MapConvergence()
