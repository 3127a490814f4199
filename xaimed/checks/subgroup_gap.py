"""XM501: does the model do worse in some group than in another?"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed
from xaimed.stats import Estimate

if TYPE_CHECKING:
    from xaimed.run import Run


# Groups that are no groups of cases.
OTHERS = ("method=", "model=", "reader=")


def ask(run: Run) -> Reply:
    """concern: the intervals of two groups of one kind do not overlap. A first look: no test, no correction."""
    grouped = [e for e in run.results.estimates if "=" in e.group and not e.group.startswith(OTHERS)]
    shown = [e for e in grouped if not math.isnan(e.value)]
    hidden = len(grouped) - len(shown)
    facts = {"cells": len(grouped), "suppressed": hidden}
    if not shown:
        none = "No group of cases (site, vendor, density ...) was recorded with two values."
        small = f"No group could be judged: {hidden} of {len(grouped)} cells are too small."
        return Reply("NOT ASSESSED", small if grouped else none, facts)
    ends = [_ends(own) for own in _kinds(shown) if len(own) > 1]
    if not ends:
        return Reply("NOT ASSESSED", f"No two groups of one kind could be compared: {hidden} of {len(grouped)} cells "
                     "are too small.", facts)
    apart = [(low, high) for low, high in ends if low.high < high.low]
    widest = max(ends, key=lambda pair: pair[1].value - pair[0].value)
    text = (f"In {len(apart)} of {len(ends)} comparisons the intervals of the best and the worst group do not overlap"
            f"{': ' + listed([_told(pair) for pair in apart], 3) if apart else ''}. Largest gap: {_told(widest)}. "
            f"{hidden} of {len(grouped)} cells are suppressed as too small")
    return Reply("concern" if apart else "pass", f"{text}.",
                 {**facts, "comparisons": len(ends), "apart": len(apart),
                  "largest_gap": widest[1].value - widest[0].value})


def _kinds(shown: list[Estimate]) -> list[list[Estimate]]:
    def key(e: Estimate) -> tuple[str, str, str]:
        return (e.group.partition("=")[0], e.name, e.rule)

    return [list(own) for _, own in groupby(sorted(shown, key=key), key)]


def _ends(own: list[Estimate]) -> tuple[Estimate, Estimate]:
    ranked = sorted(own, key=lambda e: (e.value, e.group))
    return ranked[0], ranked[-1]


def _told(pair: tuple[Estimate, Estimate]) -> str:
    return f"{pair[0].name} " + " against ".join(
        f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f}) in {e.group}"
        + (f", {e.denominator:g} {e.unit}s" if e.denominator is not None else "") for e in pair)


CHECK = Check("XM501", "Does a group do clearly worse than another?", "medium", ask)
