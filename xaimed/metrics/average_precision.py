"""Average precision of boxes at IoU 0.1, 0.2 and 0.5, for each class and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.evidence import Indices
from xaimed.metrics.froc import BLOCK
from xaimed.metrics.judged import Judged
from xaimed.metrics.limits import dependent_mean_limits
from xaimed.metrics.matching import IGNORED, TRUE, match
from xaimed.plural import plural
from xaimed.stats import Array, Bools, Estimate, Results, ratio, wilson

OVERLAPS = (0.1, 0.2, 0.5)
WIDTH = 1e-9  # an interval narrower than this is that of one value, rounded


@dataclass(frozen=True, eq=False)
class Ranked:
    """Marks of one class by falling score: image (m,), whether each found a lesion (m,), the end of each run of
    equal scores; and the image of each lesion (l,).
    """

    image: Indices
    true: Bools
    ends: Indices
    lesions: Indices

    def precision(self, weights: Array) -> Array:
        """(R,) average precision for image weights (R, n): the area under the falling envelope of precision."""
        block = max(1, BLOCK // (len(self.image) + 1))
        return np.concatenate([self._block(weights[i:i + block]) for i in range(0, len(weights), block)])

    def _block(self, weights: Array) -> Array:
        total = weights[:, self.lesions].sum(axis=1)
        if not len(self.image):
            return np.where(total > 0, 0.0, np.nan)
        drawn = weights[:, self.image]
        every = np.cumsum(drawn, axis=1)[:, self.ends]
        right = np.cumsum(drawn * self.true, axis=1)[:, self.ends]
        share = np.divide(right, every, out=np.zeros_like(right), where=every > 0)
        envelope = np.maximum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
        gained = np.diff(right, axis=1, prepend=0.0)
        return ratio((gained * envelope).sum(axis=1), total)


@dataclass(frozen=True)
class AveragePrecision:
    """Average precision with a mark's class as part of the hit; further marks on a found lesion are false."""

    name: str = "average_precision"
    order: int = 34
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "area under the precision envelope at all points (VOC 2010), IoU 0.1 after nnDetection"

    def __call__(self, judged: Judged) -> Results:
        """An estimate a class and overlap, and their mean over classes; none without boxes."""
        found = judged.evidence
        if not found.boxed:
            return Results()
        labels = sorted({str(label) for label in found.lesions.labels})
        return Results(tuple(e for least in OVERLAPS for e in _at(least, labels, judged)))


def _at(least: float, labels: Sequence[str], judged: Judged) -> list[Estimate]:
    rule = f"IoU >= {least:g}"
    values, estimates = [], []
    for label in labels:
        ranked = rank(judged, label, rule)
        drawn = judged.draws.run(judged.evidence.patients, ranked.precision)
        value = float(ranked.precision(np.ones((1, len(judged.evidence.cases))))[0])
        values.append((value, drawn))
        made = _limits(value, drawn, ranked, judged)
        estimates.append(_estimate(f"average precision {label}", rule, (value, *made, len(ranked.lesions))))
    if len(labels) > 1:
        estimates.append(_mean(rule, values, estimates, judged))
    return estimates


def _mean(rule: str, values: Sequence[tuple[float, Array]], each: Sequence[Estimate], judged: Judged) -> Estimate:
    """The mean over the classes; from the limits of each where the draws say nothing of one of them."""
    value, drawn = float(np.mean([v for v, _ in values])), np.mean([d for _, d in values], axis=0)
    low, high, how = judged.draws.interval(drawn)
    if value == value and any(e.interval.startswith("Wilson") for e in each):
        (low, high), how = dependent_mean_limits([(e.low, e.high) for e in each]), "mean of the limits of the classes"
    return _estimate("mean average precision", rule, (value, low, high, how, len(judged.evidence.lesions)))


def _limits(value: float, drawn: Array, ranked: Ranked, judged: Judged) -> tuple[float, float, str]:
    """The limits of the draws; where all of them give the same, Wilson with the patients that hold a lesion.

    At 1 both recall and precision could be less than they were seen to be: the lower limits of both, multiplied.
    """
    low, high, how = judged.draws.interval(drawn)
    if value in (0.0, 1.0) or high - low < WIDTH:
        holders = len({judged.evidence.patients[i] for i in ranked.lesions})
        low, high = wilson(min(value, 1.0) * holders, holders)
        low, how = low**2 if value == 1 else low, f"Wilson on {plural(holders, 'patient')}"
    return low, high, how


def rank(judged: Judged, label: str, rule: str) -> Ranked:
    """The marks of one class on the images with a full reference, in order."""
    found = judged.evidence
    lesions = found.lesions.labelled(label).where(found.located[found.lesions.labelled(label).image])
    marks = found.marks.labelled(label).where(found.located[found.marks.labelled(label).image])
    outcome = match(lesions, marks, found.ignored, rule).outcome
    counted = outcome != IGNORED
    order = np.argsort(-marks.scores[counted], kind="stable")
    scores = marks.scores[counted][order]
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True]) if len(scores) else np.zeros(0, np.int64)
    return Ranked(marks.image[counted][order], outcome[counted][order] == TRUE, ends, lesions.image)


def _estimate(name: str, rule: str, parts: tuple[float, float, float, str, int]) -> Estimate:
    value, low, high, how, lesions = parts
    return Estimate(name, value, low, high, "lesion", f"{rule}, same class, repeats are false",
                    denominator=float(lesions), interval=how if value == value else "no lesion of this class")


METRIC = AveragePrecision()
