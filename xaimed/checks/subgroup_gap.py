"""XM501: does the model do worse in some group than in another?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed
from xaimed.stats import Estimate, quantile

if TYPE_CHECKING:
    from xaimed.run import Run

LEVEL = 0.05
# Groups that are no groups of cases.
OTHERS = ("method=", "model=", "reader=", "probe=")


def ask(run: Run) -> Reply:
    """concern: the interval of the difference between the best and the worst group of a kind lies above 0.

    It holds for all pairs of groups of that kind and measure, and is not corrected over kinds and measures.
    """
    grouped = [e for e in run.results.estimates if "=" in e.group and not e.group.startswith(OTHERS)]
    shown = [e for e in grouped if not math.isnan(e.value)]
    hidden = len(grouped) - len(shown)
    facts = {"cells": len(grouped), "suppressed": hidden}
    if not shown:
        none = "No group of cases (site, vendor, density ...) was recorded with two values."
        small = f"No group could be judged: {hidden} of {len(grouped)} cells are too small."
        return Reply("NOT ASSESSED", small if grouped else none, facts)
    pairs = [_pair(run, own) for own in _kinds(shown) if len(own) > 1]
    if not pairs:
        return Reply("NOT ASSESSED", f"No two groups of one kind could be compared: {hidden} of {len(grouped)} cells "
                     "are too small.", facts)
    apart = [pair for pair in pairs if pair.low > 0]
    widest = max(pairs, key=lambda pair: pair.value)
    text = (f"In {len(apart)} of {len(pairs)} comparisons the interval of the difference between the best and the "
            f"worst group lies above 0{': ' + listed([_told(pair) for pair in apart], 3) if apart else ''}. Where all "
            f"groups are alike about {LEVEL * len(pairs):.2g} of {len(pairs)} would. Largest gap: {_told(widest)}. "
            f"{hidden} of {len(grouped)} cells are suppressed as too small")
    return Reply("concern" if apart else "pass", f"{text}.",
                 {**facts, "comparisons": len(pairs), "apart": len(apart), "largest_gap": widest.value})


@dataclass(frozen=True)
class Pair:
    """The worst and the best group of a kind, and the limits of best minus worst; NaN for none."""

    worst: Estimate
    best: Estimate
    low: float
    high: float

    @property
    def value(self) -> float:
        """Best minus worst."""
        return self.best.value - self.worst.value


def _pair(run: Run, own: list[Estimate]) -> Pair:
    """The limits as they were measured on the same draws; else from the limits of the two groups (MOVER)."""
    ranked = sorted(own, key=lambda e: (e.value, e.group))
    worst, best = ranked[0], ranked[-1]
    measured = run.results.find(f"gap between groups of {best.group.partition('=')[0]} ({best.name})")
    if measured is not None and measured.unit == best.unit:
        return Pair(worst, best, measured.low, measured.high)
    count = math.comb(len(own), 2)
    factor = quantile(1 - LEVEL / count) / quantile(1 - LEVEL)
    value = best.value - worst.value
    under = factor * math.hypot(best.value - best.low, worst.high - worst.value)
    over = factor * math.hypot(best.high - best.value, worst.value - worst.low)
    return Pair(worst, best, value - under, value + over)


def _kinds(shown: list[Estimate]) -> list[list[Estimate]]:
    def key(e: Estimate) -> tuple[str, str, str]:
        return (e.group.partition("=")[0], e.name, e.rule)

    return [list(own) for _, own in groupby(sorted(shown, key=key), key)]


def _told(pair: Pair) -> str:
    limits = f"{pair.low:.3f} to {pair.high:.3f}" if pair.low == pair.low else "no interval"
    return f"{pair.best.name} {pair.value:.3f} ({limits}), " + " against ".join(
        f"{e.value:.3f} in {e.group}" + (f", {e.denominator:g} {e.unit}s" if e.denominator is not None else "")
        for e in (pair.best, pair.worst))


CHECK = Check("XM501", "Does a group do clearly worse than another?", "medium", ask)
