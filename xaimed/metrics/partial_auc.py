"""Partial AUC: how well scores rank where it counts, at few false alarms or at high sensitivity; McClish's scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.judged import Judged
from xaimed.metrics.roc import Ranking, images, unvaried
from xaimed.stats import Array, Bools, Estimate, Results, percentile, ratio

FALSE_RATE, SENSITIVITY = 0.1, 0.8
# Limits nearer to each other than this are those of one value, rounded.
WIDTH = 1e-9


@dataclass(frozen=True)
class PartialAuc:
    """Standardised partial areas of the image ROC curve; 0.5 is chance and 1 is perfect, as for the whole area."""

    name: str = "partial_auc"
    order: int = 15
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "McClish 1989, partial area under the ROC curve, standardised; patient bootstrap"

    def __call__(self, judged: Judged) -> Results:
        """Two estimates: false positive rate up to 0.1, and sensitivity from 0.8.

        Where no draw of patients changes the area, as of a perfect ranking, the limits are those of `roc.unvaried`,
        of the share that the area is of the most there can be.
        """
        ranking = images(judged.evidence, judged.options.positive)
        low = _estimate(f"false positive rate up to {FALSE_RATE:g}", ranking, judged, FALSE_RATE)
        mirrored = Ranking(-ranking.scores, ~ranking.positive, ranking.patients)
        high = _estimate(f"sensitivity from {SENSITIVITY:g}", mirrored, judged, 1 - SENSITIVITY)
        return Results((low, high))


def _estimate(what: str, ranking: Ranking, judged: Judged, limit: float) -> Estimate:
    def statistic(w: Array) -> Array:
        return standardised(partial_area(ranking.scores, ranking.positive, limit, w), limit)

    value = float(statistic(np.ones((1, len(ranking.scores))))[0])
    (low, high), how = (np.nan, np.nan), "no positives or no negatives"
    if value == value:
        (low, high), how = percentile(judged.draws.run(ranking.patients, statistic)), judged.draws.text
    if high - low < WIDTH:
        share = partial_area(ranking.scores, ranking.positive, limit) / limit
        ends, how = unvaried(float(share[0]), ranking)
        low, high = standardised(np.array(ends) * limit, limit).tolist()
    return Estimate(f"partial AUC {judged.options.positive} ({what})", value, low, high, interval=how,
                    rule="standardised after McClish", denominator=float(len(ranking.scores)))


def partial_area(scores: Array, positive: Bools, limit: float, weights: Array | None = None) -> Array:
    """(R,) areas under the ROC curve from false positive rate 0 to `limit`, for R rows of weights (R, n).

    Tied scores make a straight line, as in the whole area; the last stretch is cut at `limit` by interpolation.
    """
    weighed = np.ones((1, len(scores))) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, np.int64)
    if not len(starts):
        return np.full(len(weighed), np.nan)
    yes = np.cumsum(np.add.reduceat(weighed[:, order] * positive[order], starts, axis=1), axis=1)
    no = np.cumsum(np.add.reduceat(weighed[:, order] * ~positive[order], starts, axis=1), axis=1)
    tpr, fpr = ratio(yes, yes[:, -1:] + 0 * yes), ratio(no, no[:, -1:] + 0 * no)
    zero = np.zeros((len(weighed), 1))
    x, y = np.hstack([zero, fpr]), np.hstack([zero, tpr])
    wide, rise = np.diff(x, axis=1), np.diff(y, axis=1)
    kept = np.clip(limit - x[:, :-1], 0, wide)
    top = y[:, :-1] + rise * np.divide(kept, wide, out=np.zeros_like(kept), where=wide > 0)
    areas: Array = (kept * (y[:, :-1] + top) / 2).sum(axis=1)
    return areas


def standardised(area: Array, limit: float) -> Array:
    """Partial areas on McClish's scale: 0.5 for chance, 1 for the most there can be."""
    least = limit**2 / 2
    return (1 + (area - least) / (limit - least)) / 2


METRIC = PartialAuc()
