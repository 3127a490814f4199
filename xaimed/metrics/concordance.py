"""How far the methods agree on where a target's evidence lies: the rank correlation of a map's strength with others'.

Strength is the absolute value: signed values of neighbouring pixels cancel in the gradients of a trained network, so
that integrated gradients and gradient SHAP, near copies of each other, would seem unrelated.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from xaimed.metrics.again import rank_correlation
from xaimed.metrics.axis import CONTROLS
from xaimed.types import Floats, Mask, Score

if TYPE_CHECKING:
    from xaimed.metrics.explaining import Explanation
    from xaimed.scene import Scene

NAME = "rank_correlation_with_other_methods"
# Fine maps differ pixel by pixel even where they show the same place, so maps are compared on a coarse grid.
GRID = 32


def concordance(scene: Scene, maps: Mapping[str, Explanation]) -> list[Score]:
    """For each method that is no control the mean Spearman rho, in [-1, 1], of its map with those of the others.

    Absolute values on the tissue, averaged on a grid of GRID x GRID (voxel by voxel for a volume). Maps without
    contrast are left out; none where fewer than two remain.
    """
    tissue = np.asarray(scene.tissue.cpu().numpy(), bool)
    coarse = {name: _coarse(np.abs(found.values), tissue) for name, found in maps.items() if name not in CONTROLS}
    pairs = {pair: rank_correlation(coarse[pair[0]][0], coarse[pair[1]][0], coarse[pair[0]][1])
             for pair in combinations(coarse, 2)}
    known = {pair: rho for pair, rho in pairs.items() if np.isfinite(rho)}
    return [Score(scene.case, scene.target, name, NAME, float(np.mean(own)))
            for name in coarse if (own := [rho for pair, rho in known.items() if name in pair])]


def _coarse(values: Floats, tissue: Mask) -> tuple[Floats, Mask]:
    from xaimed.likeness import plane

    if values.ndim != 2 or min(values.shape) < GRID:
        return values, tissue
    made = plane(values, tissue, GRID)
    return made.values.astype(np.float32), made.mask
