"""Gini: how unevenly a map is spread; a description, neither good nor bad."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained
from xaimed.types import Floats


@dataclass(frozen=True)
class Gini:
    """The Gini index of the map's magnitudes over the tissue of the scene: 0 all alike, towards 1 one pixel.

    NaN for a map that is not finite or 0 everywhere.
    """

    name: str = "gini"
    kind: str = "explanation"
    better: Literal["neither"] = "neither"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Chalasani P et al. (2020) Concise explanations of neural networks, arXiv:1810.06583"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The index, with the suffix ""."""
        return {"": unevenness(magnitudes(view))}


def magnitudes(view: Explained) -> Floats:
    """float64 (n,): the absolute values of the map on the tissue; none where they are not finite or all 0."""
    inside = np.abs(view.values[view.scene.tissue.cpu().numpy()].astype(np.float64))
    usable = bool(np.isfinite(inside).all()) and float(inside.sum()) > 0
    return np.asarray(inside if usable else inside[:0])


def unevenness(values: Floats) -> float:
    """The Gini index in [0, 1) of values (n,) that are not negative; NaN for none."""
    if not len(values):
        return math.nan
    ranked, places = np.sort(values), np.arange(1, len(values) + 1)
    return float(((2 * places - len(values) - 1) * ranked).sum() / (len(values) * ranked.sum()))


METRIC = Gini()
