"""Pointing game: does the map's maximum lie in the lesion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class PointingGame:
    """The share of the map's tied maxima that lie in the lesion, in original pixels: 1 a hit, 0 a miss.

    A map that is constant, not finite or without a positive value points nowhere: 0, never a hit. NaN where
    there is no reference lesion. tie: values this close to the maximum, relative to it, are tied.
    """

    tie: float = 1e-6
    name: str = "pointing_game"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Zhang J et al. (2018) Top-down neural attention by excitation backprop, IJCV 126:1084"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share, with the suffix ""."""
        if view.lesion is None:
            return {"": math.nan}
        peak = float(view.energy.max(initial=0.0))
        if peak <= 0 or float(np.ptp(view.values)) <= self.tie * peak:
            return {"": 0.0}
        tied = view.energy >= peak * (1 - self.tie)
        return {"": float(view.lesion[tied].mean())}


METRIC = PointingGame()
