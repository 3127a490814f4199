"""AUPRC: how well the values of a map tell lesion pixels from the rest of the tissue."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained
from xaimed.types import Floats, Mask


@dataclass(frozen=True)
class Auprc:
    """The average precision of the map's values over the pixels of the tissue, in original pixels.

    Ties are one threshold, so a constant map gets the lesion's share of the tissue. "[lift]" divides by that share. A
    map that is not finite gets 0. NaN where there is no reference lesion in the tissue.
    """

    name: str = "auprc"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "Arun N et al. (2021) Assessing the trustworthiness of saliency maps, Radiol AI 3:e200267"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The area ("") and the area over that of a constant map ("[lift]")."""
        if view.lesion is None or not bool((view.lesion & view.tissue_full).any()):
            return {"": math.nan, "[lift]": math.nan}
        truth = view.lesion[view.tissue_full]
        found = average_precision(view.full[view.tissue_full], truth) if view.finite else 0.0
        return {"": found, "[lift]": found / float(truth.mean())}


def average_precision(values: Floats, truth: Mask) -> float:
    """The sum of precision times the step of recall over falling distinct values (n,); truth: bool (n,)."""
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.r_[values[order][1:] != values[order][:-1], True])
    hits = np.cumsum(truth[order], dtype=np.float64)[ends]
    steps = np.diff(hits, prepend=0.0) / hits[-1]
    return float((steps * hits / (ends + 1)).sum())


METRIC = Auprc()
