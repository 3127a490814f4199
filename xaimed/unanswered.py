"""Unanswered: models compared on the same cases where some gave no output, and what the missing ones could change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xaimed.metrics.comparison import Contender, Contest, compare
from xaimed.stats import Array, Bools, Estimate, Resampling, wilson

INTENDED = "intention to diagnose: an output that is missing is wrong"
KEPT = ("difference in image AUC", "difference in sensitivity", "difference in specificity")
CALLED = ("difference in sensitivity", "difference in specificity")
RANKS = {"inferior": 0, "not shown": 1, "shown": 2, "superiority": 3}


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model said of n cases. scores: (n,) of the positive class, NaN where it gave none. called: (n,)."""

    name: str
    scores: Array
    called: Bools

    @property
    def given(self) -> Bools:
        """(n,) whether there is an output."""
        found: Bools = np.isfinite(self.scores)
        return found

    def filled(self, truth: Bools, right: bool) -> Contender:
        """The model as if each missing output were right, or wrong: beyond every score on that side, so never tied."""
        high = truth if right else ~truth
        scores = np.where(self.given, self.scores, np.where(high, 2.0, -1.0))
        return Contender(self.name, scores, np.where(self.given, self.called, high))


@dataclass(frozen=True, eq=False)
class Asked:
    """The n cases with a label, and how they are compared. bars: from which score a case is called, in words."""

    truth: Bools
    patients: Sequence[str]
    positive: str
    resamples: int
    seed: int
    margin: float | None = None
    bars: str = ""

    def contest(self, kept: Bools) -> Contest:
        """The contest on some of the cases."""
        patients = [patient for patient, keep in zip(self.patients, kept, strict=True) if keep]
        return Contest(self.truth[kept], patients, self.positive, Resampling.of(patients, self.resamples, self.seed))


def compare_answers(everyone: Sequence[Answers], asked: Asked) -> list[Estimate]:
    """The differences of every pair on the cases that all of them answered; none where there is no such case.

    Where an output is missing: how many cases that leaves out, the differences in AUC, sensitivity and specificity on
    all cases by intention to diagnose, and NOT ASSESSED for an answer on non-inferiority that would be another one if
    the missing outputs of one model were wrong and those of the other right.
    """
    kept = np.all([a.given for a in everyone], axis=0)
    if not kept.any():
        return []
    contenders = [Contender(a.name, a.scores[kept], a.called[kept]) for a in everyone]
    found = compare(contenders, asked.contest(kept), asked.margin)
    if not kept.all():
        found = [*(_guarded(e, everyone, asked) for e in found), left_out(int((~kept).sum()), len(kept), len(everyone)),
                 *_intended(everyone, asked)]
    return [_barred(e, asked.bars) for e in found]


def left_out(count: int, total: int, models: int) -> Estimate:
    """The share of cases without an output of every one of so many models, with Wilson's interval."""
    name = f"cases left out: without an output of {'both models' if models == 2 else f'all {models}'}"
    low, high = wilson(count, total) if total else (math.nan, math.nan)
    return Estimate(name, count / total if total else math.nan, low, high, numerator=float(count),
                    denominator=float(total), interval="Wilson")


def _barred(estimate: Estimate, bars: str) -> Estimate:
    named = estimate.name.partition("(")[2] or estimate.name
    if not bars or not named.startswith(CALLED):
        return estimate
    return replace(estimate, rule=f"{estimate.rule}; {bars}")


def _intended(everyone: Sequence[Answers], asked: Asked) -> list[Estimate]:
    """The differences on all cases, a missing output taken as wrong."""
    contest = asked.contest(np.ones(len(asked.truth), bool))
    found = compare([a.filled(asked.truth, right=False) for a in everyone], contest)
    return [replace(e, rule=f"{e.rule}; {INTENDED}") for e in found
            if (e.name.partition("(")[2] or e.name).startswith(KEPT)]


def _guarded(estimate: Estimate, everyone: Sequence[Answers], asked: Asked) -> Estimate:
    """An answer on non-inferiority, NOT ASSESSED where missing outputs could turn it."""
    if not estimate.name.startswith("non-inferiority") or "NOT ASSESSED" in estimate.rule:
        return estimate
    first = everyone[0]
    other = next(a for a in everyone[1:] if estimate.name.endswith(f": {first.name} - {a.name}"))
    said = _rank(estimate)
    worst, best = (_rank(_extreme((first, other), asked, right)) for right in (False, True))
    turned = worst < said if said >= RANKS["shown"] else best > said if said == RANKS["inferior"] else False
    if not turned:
        return estimate
    missing = [int((~a.given).sum()) for a in (first, other)]
    return replace(estimate, rule=f"margin {asked.margin:g} as declared: non-inferiority NOT ASSESSED: {missing[0]} "
                   f"outputs of {first.name} and {missing[1]} of {other.name} are missing among {len(asked.truth)} "
                   "cases, and the answer turns with what they would have been")


def _extreme(pair: tuple[Answers, Answers], asked: Asked, right: bool) -> Estimate:
    """The answer on non-inferiority if all missing outputs of the first were right (or wrong), the other's not."""
    contenders = [pair[0].filled(asked.truth, right), pair[1].filled(asked.truth, not right)]
    found = compare(contenders, asked.contest(np.ones(len(asked.truth), bool)), asked.margin)
    return next(e for e in found if e.name.startswith("non-inferiority"))


def _rank(estimate: Estimate) -> int:
    """How much an answer on non-inferiority claims; NOT ASSESSED claims as little as "not shown"."""
    said = estimate.rule.rpartition(" ")[2] if "superiority" in estimate.rule else estimate.rule.rpartition(
        "non-inferiority ")[2]
    return RANKS.get(said, RANKS["not shown"])
