"""Measures of a model as statistics of image weights, so that two conditions can be judged on the same draws."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import match
from xaimed.metrics.multiclass import RULE
from xaimed.metrics.operating import AMONG, counts
from xaimed.metrics.roc import images
from xaimed.stats import Array, Bools, auc, ratio

Better = Literal["higher", "lower"]
AT_RATE = re.compile(r"sensitivity at (\d+(?:\.\d+)?) false positives per image")
LESIONS, ALARMS = "lesion sensitivity at the operating point", "false positives per image at the operating point"
BALANCED = "balanced accuracy"
TABLE = ("accuracy", "precision", "sensitivity", "specificity")


@dataclass(frozen=True, eq=False)
class Weighed:
    """One measure. statistic: image weights (R, n) to (R,). unit, rule: as of the estimate of that name.

    count: how many of the unit there are. trials: how many patients stand for the count where no draw of patients
    varies, for a measure that is a share or an area; 0 for others.
    """

    name: str
    statistic: Callable[[Array], Array]
    better: Better = "higher"
    rule: str = ""
    unit: str = "image"
    count: float = math.nan
    trials: int = 0


def weighed(judged: Judged, wanted: Collection[str] = ()) -> list[Weighed]:
    """The headline measures, then those of `wanted` that can be written so, as `judge` names and counts them.

    Headlines: the image AUC of the positive class; for boxes the lesion sensitivity and the false positives per image
    at the operating point; for classes that exclude each other the balanced accuracy. Each where it applies.
    """
    found = [_area(judged)] if judged.options.positive in judged.evidence.classes else []
    found += _boxes(judged, wanted) if judged.evidence.boxed else _classes(judged)
    found += [_share(judged, name) for name in TABLE if name in wanted and found]
    return found


def _area(judged: Judged) -> Weighed:
    ranking = images(judged.evidence, judged.options.positive)
    _, known = judged.evidence.truth_of(judged.options.positive)
    return Weighed(f"image AUC {judged.options.positive}",
                   lambda w: auc(ranking.scores, ranking.positive, w[:, known]), count=float(known.sum()),
                   trials=ranking.smaller)


def _boxes(judged: Judged, wanted: Collection[str]) -> list[Weighed]:
    found, rule, bar = judged.evidence, judged.options.hit_rules[0], judged.operating_point
    steps = Steps.of(match(*judged.regions(rule), rule), found.located, found.located)
    size = len(found.cases)
    lesions = np.bincount(steps.hit_image, minlength=size).astype(np.float64)
    hits = np.bincount(steps.hit_image[steps.hit_score >= bar], minlength=size).astype(np.float64)
    alarms = np.bincount(steps.false_image[steps.false_score >= bar], minlength=size).astype(np.float64)
    placed = np.asarray(found.located, np.float64)
    out = [Weighed(LESIONS, lambda w: ratio(w @ hits, w @ lesions), "higher", rule, "lesion", float(lesions.sum()),
                   _owners(judged, lesions)),
           Weighed(ALARMS, lambda w: ratio(w @ alarms, w @ placed), "lower", rule, "image", float(placed.sum()))]
    rates = sorted(name for name in wanted if AT_RATE.fullmatch(name))
    return out + [replace(_at_rate(steps, name, rule), trials=out[0].trials) for name in rates]


def _at_rate(steps: Steps, name: str, rule: str) -> Weighed:
    """The sensitivity with at most so many false alarms; where the curve ends before, that at its end."""
    matched = AT_RATE.fullmatch(name)
    rate = float(matched[1]) if matched else math.nan
    return Weighed(name, lambda w: steps.at([rate], w)[:, 0], "higher", rule, "lesion", float(len(steps.hit_score)))


def _classes(judged: Judged) -> list[Weighed]:
    """Balanced accuracy, where the classes exclude each other and every known label is one of them."""
    found = judged.evidence
    names = sorted(found.classes)
    _, known = found.truth_of(judged.options.positive)
    labels = np.where(known, found.labels, "").astype(str)
    if len(names) < 2 or not known.any() or not set(labels[known]) <= set(names):
        return []
    scores = np.stack([found.score(name) for name in names])
    right = (np.array(names)[scores.argmax(axis=0)] == labels).astype(np.float64)
    parts = [(labels == name).astype(np.float64) for name in names if (labels == name).any()]

    def balanced(weights: Array) -> Array:
        mean: Array = np.mean([ratio(weights @ (right * part), weights @ part) for part in parts], axis=0)
        return mean

    return [Weighed(BALANCED, balanced, "higher", RULE, "image", float(known.sum()),
                    min(_owners(judged, part) for part in parts))]


def _share(judged: Judged, name: str) -> Weighed:
    """A measure of the table at the operating point, over images."""
    _, known = judged.evidence.truth_of(judged.options.positive)
    top, bottom = counts(judged, AMONG).shares()[name]
    return Weighed(name, lambda w: ratio(w[:, known] @ top, w[:, known] @ bottom), "higher", AMONG, "image",
                   float(bottom.sum()), _owners(judged, bottom, known))


def _owners(judged: Judged, counted: Array, known: Bools | None = None) -> int:
    """How many patients have an image that is counted; counted: on every image, or on those that are known."""
    patients = np.array(judged.evidence.patients, object)
    return len(set((patients if known is None else patients[known])[counted > 0]))
