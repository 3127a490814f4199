"""AFROC: lesions found against normal images with a false alarm; the area by Mann-Whitney, its error by jackknife."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import match
from xaimed.metrics.roc import Ranking, unvaried
from xaimed.plural import plural
from xaimed.stats import CHUNK, Array, Bools, Estimate, Results, auc, quantile


@dataclass(frozen=True, eq=False)
class Afroc:
    """Areas under the AFROC curve for each hit rule: every lesion alike, and every image with lesions alike."""

    name: str = "afroc"
    order: int = 32
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Chakraborty and Winter 1990; Chakraborty and Berbaum 2004 (JAFROC, false alarms on normal images)"

    def __call__(self, judged: Judged) -> Results:
        """Two estimates a rule; none without boxes."""
        if not judged.evidence.boxed:
            return Results()
        return Results(tuple(e for rule in judged.options.hit_rules for e in _of_rule(rule, judged)))


def _of_rule(rule: str, judged: Judged) -> list[Estimate]:
    found = judged.evidence
    matches = match(*judged.regions(rule), rule)
    steps = Steps.of(matches, found.located, found.normal)
    lesions, normals = steps.hit_score, worst_alarms(steps, len(found.cases))
    owners = [found.patients[i] for i in (*steps.hit_image, *steps.images)]
    held = np.bincount(steps.hit_image, minlength=len(found.cases))
    alike = np.r_[1 / held[steps.hit_image], np.ones(len(normals))] if len(lesions) else np.ones(len(normals))
    scores = np.r_[lesions, normals]
    truth = np.arange(len(scores)) < len(lesions)
    return [_estimate("AFROC area", rule, (scores, truth, np.ones(len(scores))), owners),
            _estimate("weighted AFROC area", f"{rule}, each image with lesions alike", (scores, truth, alike), owners)]


def worst_alarms(steps: Steps, images: int) -> Array:
    """The highest false alarm on each image counted, -inf where there is none; in the order of `steps.images`."""
    worst = np.full(images, -np.inf)
    np.maximum.at(worst, steps.false_image, steps.false_score)
    return worst[steps.images]


def _estimate(name: str, rule: str, parts: tuple[Array, Bools, Array], owners: Sequence[str]) -> Estimate:
    scores, truth, weights = parts
    lesions, normals = int(truth.sum()), int((~truth).sum())
    value = float(auc(scores, truth, weights[None])[0])
    if value != value:
        return Estimate(name, value, unit="lesion", rule=rule, denominator=float(lesions),
                        interval="no lesion or no normal image")
    low, high, count = jackknife(parts, owners, value)
    how = f"jackknife over {plural(count, 'patient')}"
    if low != low and value in (0.0, 1.0):
        # No patient left out changes an area at the end of its scale.
        (low, high), how = unvaried(value, Ranking(scores, truth, owners))
    return Estimate(name, value, low, high, "lesion", rule, float(lesions), float(lesions + normals),
                    how if low == low else f"none: without one of {plural(count, 'patient')} there is no area, "
                    "or no other")


def jackknife(parts: tuple[Array, Bools, Array], owners: Sequence[str], value: float) -> tuple[float, float, int]:
    """Low and high of a normal interval from leaving out each patient in turn, within [0, 1], and their number.

    NaN where the area is not defined without some patient. With an error of 0 the jackknife knows nothing: NaN.
    """
    scores, truth, weights = parts
    _, index = np.unique(np.asarray(owners, object).astype(str), return_inverse=True)
    count = int(index.max(initial=-1)) + 1
    step, left = max(1, CHUNK // max(1, len(scores))), []
    for start in range(0, count, step):
        chosen = np.arange(start, min(count, start + step))
        left.append(auc(scores, truth, weights * (index[None] != chosen[:, None])))
    values = np.concatenate(left)
    error = math.sqrt((count - 1) / count * float(((values - values.mean()) ** 2).sum()))
    if not error > 0:
        return math.nan, math.nan, count
    half = quantile(0.95) * error
    return max(0.0, value - half), min(1.0, value + half), count


METRIC = Afroc()
