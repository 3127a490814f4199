"""Completeness: does a map sum to the difference of scores that its method promises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained

PROMISE = ("f_input", "f_baseline")


@dataclass(frozen=True)
class Completeness:
    """The relative error |sum of the map - (f_input - f_baseline)| / |f_input - f_baseline|.

    Only for methods that promise it, which put the two scores into their facts; NaN for others and for a map
    that is not finite. floor: the least difference divided by, so that two equal scores do not divide by 0.
    """

    floor: float = 1e-3
    name: str = "completeness"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "Sundararajan M, Taly A, Yan Q (2017) Axiomatic attribution, arXiv:1703.01365"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The relative error, with the suffix ""."""
        if not view.finite or not all(name in view.facts for name in PROMISE):
            return {"": math.nan}
        promised = view.facts["f_input"] - view.facts["f_baseline"]
        error = abs(float(view.values.sum(dtype=np.float64)) - promised)
        return {"": error / max(abs(promised), self.floor)}


METRIC = Completeness()
