"""Deletion: how fast the prediction is lost when the pixels a map ranks highest are replaced."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xaimed.metrics.explained import Explained

if TYPE_CHECKING:
    from xaimed.metrics.removal import Sweep


@dataclass(frozen=True)
class Deletion:
    """The area under the similarity left, over the share of the tissue's pixels replaced; low is faithful.

    A value for each fill, since each alone can favour a kind of map. fills: names of xaimed.perturb.FILLS.
    steps: evaluations of the model, denser at the start of the ranking. seed: of the noise fill.
    regions: 0 ranks pixels, more ranks about so many squares of the tissue (see removal.by_region). The
    similarity is divided by the untouched one and not clipped, so a value can exceed 1. NaN where the window
    holds no tissue, the map is not finite or the untouched similarity is below 0.01.
    """

    fills: tuple[str, ...] = ("blur", "tissue_median", "noise")
    steps: int = 16
    seed: int = 0
    regions: int = 0
    name: str = "deletion_auc"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "Petsiuk V, Das A, Saenko K (2018) RISE, arXiv:1806.07421"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The area for each fill, by suffix: {"[blur]": 0.2, ...}."""
        return {f"[{sweep.fill}]": view.removal.deletion(view.values, sweep).area for sweep in self.sweeps}

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """How each map is walked, once for each fill."""
        from xaimed.metrics.removal import Sweep

        return tuple(Sweep(kind, self.steps, self.seed, self.regions) for kind in self.fills)


METRIC = Deletion()
