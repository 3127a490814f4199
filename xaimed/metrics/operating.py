"""The table of accuracy, precision, sensitivity, specificity and AUC at one operating point.

For a detector it depends on where the false-positive boxes are counted, so there are two rules. Both agree on
the positive images: one is found (TP) if the model puts any box of the positive class on it, else missed (FN).

EXTRA: images, and every false-positive box as one more negative. All negative images are TN, whatever was
    marked on them; FP is the number of positive-class boxes that hit no lesion of that class, on any image.
    Accuracy is (TP + TN) / (images + FP), specificity TN / (negative images + FP). It flatters a model.
AMONG: images only. A negative image with any positive-class box is one FP, else TN.
    Accuracy is (TP + TN) / images, specificity TN / negative images.
Precision is TP / (TP + FP), sensitivity TP / positive images; the one-point AUC is the mean of sensitivity
and specificity, the area under a ROC curve that was drawn through one point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.evidence import Evidence, evidence
from xaimed.metrics.froc import SLACK, Steps
from xaimed.metrics.judged import Judged
from xaimed.metrics.limits import TWO_SHARES, mean_limits
from xaimed.metrics.matching import FALSE, HIT_RULES, match
from xaimed.stats import FEW, Array, Bools, Estimate, Resampling, Results, proportion, ratio, wilson

if TYPE_CHECKING:
    import pandas as pd

EXTRA = "false-positive boxes as extra negatives"
ONE_POINT = "AUC of this one point"
AMONG = "false positives among the negative images"
RULES = {EXTRA: "every false-positive box is one more negative; all negative images are true negatives",
         AMONG: "a negative image with any positive-class box is the false positive; boxes are not counted"}


@dataclass(frozen=True, eq=False)
class Counts:
    """TP, FN, FP and TN on each image (n,), and the patient of each."""

    tp: Array
    fn: Array
    fp: Array
    tn: Array
    patients: tuple[str, ...]

    def shares(self) -> dict[str, tuple[Array, Array]]:
        """Numerator and denominator of each measure on each image (n,)."""
        right, every = self.tp + self.tn, self.tp + self.fn + self.fp + self.tn
        return {"accuracy": (right, every), "precision": (self.tp, self.tp + self.fp),
                "sensitivity": (self.tp, self.tp + self.fn), "specificity": (self.tn, self.tn + self.fp)}

    def estimates(self, draws: Resampling) -> list[Estimate]:
        """Accuracy, precision, sensitivity, specificity and the one-point AUC."""
        found = {name: proportion(name, top, bottom, self.patients, draws)
                 for name, (top, bottom) in self.shares().items()}
        return [*found.values(), self._one_point((found["sensitivity"], found["specificity"]), draws)]

    def _one_point(self, parts: tuple[Estimate, Estimate], draws: Resampling) -> Estimate:
        """The mean of both; where one of them is 0 or 1 no draw changes it, so that its Wilson limits have to speak."""
        yes, no = self.shares()["sensitivity"], self.shares()["specificity"]

        def balanced(w: Array) -> Array:
            return (ratio(w @ yes[0], w @ yes[1]) + ratio(w @ no[0], w @ no[1])) / 2

        value, count = float(balanced(np.ones((1, len(self.patients))))[0]), float(len(self.patients))
        if value != value:
            return Estimate(ONE_POINT, value, denominator=count, interval="none: no positives or no negatives")
        if len(draws.patients) < FEW or any(e.value in (0.0, 1.0) for e in parts):
            return Estimate(ONE_POINT, value, *mean_limits(parts), denominator=count, interval=TWO_SHARES)
        low, high, how = draws.interval(draws.run(self.patients, balanced))
        return Estimate(ONE_POINT, value, low, high, denominator=count, interval=how)


@dataclass(frozen=True)
class Operating:
    """The table at the operating point, under both counting rules for a detector."""

    name: str = "operating"
    order: int = 20
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "counts at a threshold fixed on validation; Wilson 1927 or patient bootstrap"

    def __call__(self, judged: Judged) -> Results:
        """Estimates with the counting rule as `rule`: EXTRA and AMONG, or AMONG alone without boxes."""
        rules = (EXTRA, AMONG) if judged.evidence.boxed else (AMONG,)
        return Results(tuple(replace(e, rule=rule) for rule in rules
                             for e in counts(judged, rule).estimates(judged.draws)))


def counts(judged: Judged, rule: str) -> Counts:
    """The counts of each image with a known label, by rule EXTRA or AMONG."""
    found, positive = judged.evidence, judged.options.positive
    truth, known = found.truth_of(positive)
    called = called_positive(found, positive, judged.operating_point)
    fp = (~truth & called).astype(np.float64) if rule == AMONG else false_boxes(judged)
    tn = ~truth & ~called if rule == AMONG else ~truth
    owners = tuple(found.patients[i] for i in np.flatnonzero(known))
    parts = ((truth & called), (truth & ~called), fp, tn)
    tp, fn, fp, tn_of = (np.asarray(part, np.float64)[known] for part in parts)
    return Counts(tp, fn, fp, tn_of, owners)


def called_positive(found: Evidence, positive: str, bar: float) -> Bools:
    """(n,) whether the model calls an image positive: a box of that class, or for a classifier its score."""
    if not found.boxed:
        return found.score(positive) >= bar
    chosen = (found.marks.labels == positive) & (found.marks.scores >= bar)
    called: Bools = np.isin(np.arange(len(found.cases)), found.marks.image[chosen])
    return called


def false_boxes(judged: Judged) -> Array:
    """(n,) boxes of the positive class from the operating point up that hit no lesion of that class.

    Not counted on a positive image whose lesions have no reference box: nobody knows which are false there.
    """
    found, positive = judged.evidence, judged.options.positive
    rule = judged.options.hit_rules[0]
    lesions, marks, ignored = judged.regions(rule)
    marks = marks.labelled(positive)
    matches = match(lesions.labelled(positive), marks, ignored, rule)
    truth, _ = found.truth_of(positive)
    wrong = (matches.outcome == FALSE) & (marks.scores >= judged.operating_point)
    wrong &= (found.located | ~truth)[marks.image]
    return np.bincount(marks.image[wrong], minlength=len(found.cases)).astype(np.float64)


def table(tp: int, fn: int, fp: int, tn: int) -> tuple[Estimate, ...]:
    """The measures of one confusion matrix with Wilson intervals, for a table of which only counts are known."""
    parts = {"accuracy": (tp + tn, tp + fn + fp + tn), "precision": (tp, tp + fp),
             "sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp)}
    return tuple(Estimate(name, top / bottom if bottom else np.nan, *wilson(top, bottom), numerator=float(top),
                          denominator=float(bottom), interval="Wilson" if bottom else "none: nothing of this kind")
                 for name, (top, bottom) in parts.items())


def choose_operating_point(cases: pd.DataFrame, truth: pd.DataFrame, predictions: pd.DataFrame,
                           target_fppi: float = 0.5, ignored_cases: tuple[str, ...] = ()) -> float:
    """The lowest score threshold with at most `target_fppi` false positives per image, for validation tables.

    Class-agnostic, hit rule "centre in box". Halfway between the highest score that is let out and the next
    one above it; the lowest score where all boxes together make fewer false positives. Raises InputError
    where there is no image with places, or no box.
    """
    found = evidence(cases, truth, predictions, ignored_cases)
    if not found.located.any() or not len(found.marks):
        raise InputError(f"{int(found.located.sum())} images with a reference for places and {len(found.marks)} "
                         "boxes; expected some of each to choose an operating point: train longer or lower the "
                         "score from which boxes are kept")
    matches = match(found.lesions, found.marks, found.ignored, HIT_RULES[0])
    steps = Steps.of(matches, found.located, found.located)
    alarms = -np.sort(-steps.false_score)
    room = int(target_fppi * len(steps.images) + SLACK)
    scores = np.unique(found.marks.scores)
    if len(alarms) <= room:
        return float(scores[0])
    out = alarms[room]
    above = scores[scores > out]
    return float((out + above[0]) / 2) if len(above) else float(np.nextafter(out, np.inf))


def youden(scores: Array, positive: Bools) -> float:
    """The threshold with the greatest sensitivity + specificity, the lowest of equals; for classifiers."""
    cuts = np.unique(scores)
    yes, no = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(yes) or not len(no):
        raise InputError(f"{len(yes)} positives and {len(no)} negatives; expected some of each")
    gain = 1 - np.searchsorted(yes, cuts, "left") / len(yes) + np.searchsorted(no, cuts, "left") / len(no)
    return float(cuts[int(np.argmax(gain))])


METRIC = Operating()
