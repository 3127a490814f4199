"""Limits of measures where a draw of patients says nothing: from the Wilson limits of the shares they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from xaimed.stats import Array, Estimate, Resampling, proportion

TWO_SHARES = "Wilson limits of sensitivity and specificity, combined"


def mean_limits(parts: Sequence[Estimate]) -> tuple[float, float]:
    """Low and high of the mean of independent shares from the limits of each (MOVER, Zou and Donner 2008).

    NaN where a part has none. Each share keeps its own distance to its limits, so that a share of 0 or 1, of which
    every draw is the same, adds what could still happen.
    """
    value = float(np.mean([e.value for e in parts]))
    under = math.sqrt(sum((e.value - e.low) ** 2 for e in parts)) / len(parts)
    over = math.sqrt(sum((e.high - e.value) ** 2 for e in parts)) / len(parts)
    return max(0.0, value - under), min(1.0, value + over)


def dependent_mean_limits(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Low and high of a mean whose parts may rise and fall together: the means of their limits, which is cautious."""
    return float(np.mean([low for low, _ in parts])), float(np.mean([high for _, high in parts]))


def shares(table: tuple[Array, Array, Array, Array], patients: Sequence[str],
           draws: Resampling) -> tuple[Estimate, Estimate]:
    """Sensitivity and specificity with their limits, of TP, FN, FP and TN on each image (n,)."""
    tp, fn, fp, tn = table
    return (proportion("sensitivity", tp, tp + fn, patients, draws),
            proportion("specificity", tn, tn + fp, patients, draws))


def corners(of_shares: Callable[[float, float], float], yes: Estimate, no: Estimate) -> tuple[float, float]:
    """The least and the greatest value of a measure over the limits of sensitivity (yes) and specificity (no).

    Cautious: both shares have to be at their limits at once. NaN where it has no value at any corner.
    """
    found = [of_shares(a, b) for a, b in product((yes.low, yes.high), (no.low, no.high))]
    kept = [value for value in found if math.isfinite(value)]
    return (min(kept), max(kept)) if kept else (math.nan, math.nan)
