"""ROC: how well scores rank positive images, patients and lesions above the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.evidence import Evidence, Indices
from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import hits, match
from xaimed.plural import plural
from xaimed.stats import (
    FEW,
    Array,
    Bools,
    Estimate,
    Resampling,
    Results,
    auc,
    auc_interval,
    bands,
    delong_covariance,
    obuchowski_variance,
    wilson,
)

CORNERS = 200


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores (n,), whether each is of a positive (n,), and the patient of each."""

    scores: Array
    positive: Bools
    patients: Sequence[str]

    @property
    def smaller(self) -> int:
        """The patients with a positive, or those with a negative, whichever are fewer."""
        owners = np.asarray(self.patients, object).astype(str)
        return min(len(set(owners[self.positive])), len(set(owners[~self.positive])))


@dataclass(frozen=True)
class Roc:
    """Areas under ROC curves; by DeLong where each patient has one score, else by patient bootstrap."""

    name: str = "roc"
    order: int = 10
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Mann-Whitney area, ties half; DeLong 1988 on the logit scale; patient bootstrap"

    def __call__(self, judged: Judged) -> Results:
        """AUC by image, by patient (the highest score), and of the positive class against other lesions."""
        found, positive = judged.evidence, judged.options.positive
        ranking = images(found, positive)
        estimates = [area(f"image AUC {positive}", ranking, judged.draws)]
        if len(set(ranking.patients)) < len(ranking.patients):
            estimates += [delong(f"image AUC {positive} (images taken as independent)", ranking),
                      obuchowski(f"image AUC {positive} (images of a patient taken as a cluster)", ranking)]
        by_patient = area(f"patient AUC {positive}", patients(ranking), judged.draws)
        estimates.append(replace(by_patient, unit="patient", rule="highest image score of the patient"))
        estimates += among_lesions(judged)
        return Results(tuple(estimates), {"roc[image]": curve(ranking, judged.draws)})


def images(found: Evidence, positive: str) -> Ranking:
    """The image scores of the positive class, for the images whose label is known."""
    truth, known = found.truth_of(positive)
    owners = [found.patients[i] for i in np.flatnonzero(known)]
    return Ranking(found.score(positive)[known], truth[known], owners)


def patients(ranking: Ranking) -> Ranking:
    """One row a patient: the highest score, positive if any of its images is."""
    names, index = np.unique(np.asarray(ranking.patients, object).astype(str), return_inverse=True)
    best = np.full(len(names), -np.inf)
    np.maximum.at(best, index, ranking.scores)
    return Ranking(best, np.bincount(index, ranking.positive, len(names)) > 0, names.tolist())


def area(name: str, ranking: Ranking, draws: Resampling) -> Estimate:
    """The AUC with its interval; NaN where there are no positives or no negatives.

    Where all pairs are ranked right no variance can be estimated, and fewer than FEW patients with several images are
    too few to draw from: then Wilson with as many trials as the rarer class has patients, which is cautious.
    """
    if len(set(ranking.patients)) == len(ranking.patients):
        return delong(name, ranking)
    value = float(auc(ranking.scores, ranking.positive)[0])
    low, high, how = draws.interval(draws.run(ranking.patients, lambda w: auc(ranking.scores, ranking.positive, w)))
    if low == high:
        return _unvaried(name, value, ranking)
    if len(set(ranking.patients)) < FEW and value == value:
        few = ranking.smaller
        return _estimate(name, value, wilson(value * few, few), ranking,
                         f"Wilson on {plural(few, 'patient')}, too few to draw")
    return _estimate(name, value, (low, high), ranking, how)


def delong(name: str, ranking: Ranking) -> Estimate:
    """The AUC with DeLong's interval on the logit scale, each row taken as independent."""
    areas, spread = delong_covariance(ranking.scores[None], ranking.positive)
    value = float(areas[0])
    if value in (0.0, 1.0):
        return _unvaried(name, value, ranking)
    return _normal(name, (value, float(spread[0, 0])), ranking, "DeLong, logit scale")


def obuchowski(name: str, ranking: Ranking) -> Estimate:
    """The AUC with Obuchowski's interval on the logit scale, the images of a patient as one cluster."""
    value = float(auc(ranking.scores, ranking.positive)[0])
    if value in (0.0, 1.0):
        return _unvaried(name, value, ranking)
    spread = obuchowski_variance(ranking.scores, ranking.positive, ranking.patients)
    return _normal(name, (value, spread), ranking, "Obuchowski, logit scale")


def _normal(name: str, found: tuple[float, float], ranking: Ranking, how: str) -> Estimate:
    """The area with the normal interval of its variance, or with the reason why there is none."""
    value, variance = found
    limits = auc_interval(value, variance)
    if limits[0] == limits[0] or value != value:
        return _estimate(name, value, limits, ranking, how)
    owners = np.asarray(ranking.patients, object)
    few = [kind for kind, kept in (("positives", ranking.positive), ("negatives", ~ranking.positive))
           if len(set(owners[kept])) < 2]
    why = f"fewer than 2 patients with {few[0]}" if few else "none can be estimated from these cases"
    return _estimate(name, value, limits, ranking, f"no variance: {why}")


def unvaried(share: float, ranking: Ranking) -> tuple[tuple[float, float], str]:
    """Limits in [0, 1] of a share of area that no draw of patients changes, and how they were made: see `area`."""
    count = ranking.smaller
    return wilson(share * count, count), f"Wilson on {plural(count, 'patient')} (no overlap)"


def _unvaried(name: str, value: float, ranking: Ranking) -> Estimate:
    limits, how = unvaried(value, ranking)
    return _estimate(name, value, limits, ranking, how)


def _estimate(name: str, value: float, limits: tuple[float, float], ranking: Ranking, how: str) -> Estimate:
    yes, every = float(ranking.positive.sum()), float(len(ranking.positive))
    return Estimate(name, value, *limits, numerator=yes, denominator=every,
                    interval=how if value == value else "no positives or no negatives")


def among_lesions(judged: Judged) -> list[Estimate]:
    """AUC of the positive class against the other lesions, over images with a lesion and over lesions found.

    The score is that of the positive class minus the best of the other lesion classes.
    """
    found, positive = judged.evidence, judged.options.positive
    others = sorted({str(v) for v in found.labels if isinstance(v, str)} - {positive, "normal", ""})
    # Classes of which none is "normal" and that have no place are no lesions: body regions, say, or kinds of cells.
    if not others or not (found.boxed or "normal" in found.classes or "normal" in found.labels):
        return []
    name, rule = f"{'/'.join(others)}/{positive} AUC", f"score {positive} minus other classes"
    kept = np.array([v == positive or v in others for v in found.labels], bool)
    ranking = Ranking(found.margin(positive)[kept], np.asarray(found.labels == positive, bool)[kept],
                      [found.patients[i] for i in np.flatnonzero(kept)])
    estimates = [replace(area(f"{name}, images with a lesion", ranking, judged.draws), rule=rule)]
    if found.boxed:
        seen = area(f"{name}, lesions found", found_lesions(judged), judged.draws)
        estimates.append(replace(seen, unit="lesion", rule=f"{judged.options.hit_rules[0]}, {rule}"))
    return estimates


def found_lesions(judged: Judged) -> Ranking:
    """The lesions that a mark of any class found at the operating point, by the first hit rule.

    The score is the best positive mark on the lesion minus the best mark of another class on it (0: no mark).
    """
    found, rule, positive = judged.evidence, judged.options.hit_rules[0], judged.options.positive
    lesions, marks, ignored = judged.regions(rule)
    matches = match(lesions, marks, ignored, rule)
    mark, lesion = hits(marks, lesions, rule)
    best = np.zeros((2, len(found.lesions)))
    side = np.asarray(found.marks.labels[mark] == positive, bool).astype(np.int64)
    np.maximum.at(best, (side, lesion), found.marks.scores[mark])
    kept = (matches.score >= judged.operating_point) & found.located[found.lesions.image]
    truth = np.asarray(found.lesions.labels == positive, bool)
    owners = [found.patients[i] for i in found.lesions.image[kept]]
    return Ranking((best[1] - best[0])[kept], truth[kept], owners)


def curve(ranking: Ranking, draws: Resampling) -> dict[str, list[float]]:
    """The ROC curve as columns fpr, tpr, low, high, threshold: the corners of a line whose area is the AUC.

    low and high: pointwise percentile limits of the highest tpr at that fpr. At most 200 corners. The first
    threshold is NaN: nothing is called positive.
    """
    rows = np.arange(len(ranking.scores))
    yes, no = rows[ranking.positive], rows[~ranking.positive]
    steps = Steps(yes, ranking.scores[yes], no, ranking.scores[no], no)
    cuts, fpr, tpr = steps.curve()
    kept = _corners(fpr, tpr)
    low, high = bands(draws.run(ranking.patients, lambda w: steps.at(list(fpr[kept]), w)))
    return {"fpr": fpr[kept].tolist(), "tpr": tpr[kept].tolist(),
            "low": np.minimum(low, tpr[kept]).tolist(), "high": high,
            "threshold": [np.nan if np.isinf(c) else float(c) for c in cuts[kept]]}


def _corners(x: Array, y: Array) -> Indices:
    """Indices of the points at which the line through (x, y) turns, its ends included, at most 200."""
    across, up = np.diff(x), np.diff(y)
    turns = np.abs(across[:-1] * up[1:] - across[1:] * up[:-1]) > 1e-12
    kept = np.flatnonzero(np.r_[True, turns, True][:len(x)])
    if len(kept) > CORNERS:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, CORNERS).round().astype(np.int64))]
    return kept


METRIC = Roc()
