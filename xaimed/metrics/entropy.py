"""Entropy: over how much of the tissue a map is spread; a description, neither good nor bad."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained
from xaimed.metrics.gini import magnitudes


@dataclass(frozen=True)
class Entropy:
    """Shannon's entropy of the map's magnitudes over the tissue of the scene, divided by that of an even map.

    0 is one pixel, 1 all alike. NaN for a map that is not finite or 0 everywhere, and for a single pixel of tissue.
    """

    name: str = "entropy"
    kind: str = "explanation"
    better: Literal["neither"] = "neither"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Bhatt U, Weller A, Moura JMF (2020) Evaluating and aggregating explanations, arXiv:2005.00631"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The entropy, with the suffix ""."""
        values = magnitudes(view)
        if len(values) < 2:
            return {"": math.nan}
        shares = values[values > 0] / values.sum()
        return {"": min(1.0, max(0.0, float(-(shares * np.log(shares)).sum()) / math.log(len(values))))}


METRIC = Entropy()
