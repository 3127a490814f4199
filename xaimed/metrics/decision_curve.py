"""Decision curve: what the model is worth to one who would act at a probability, against acting on all or on none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.calibration import calibrated
from xaimed.metrics.judged import Judged
from xaimed.metrics.roc import Ranking, images
from xaimed.stats import Array, Bools, Estimate, Results, bands, percentile, ratio

THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit of the image score read as a probability, after calibration where the options give one."""

    name: str = "decision_curve"
    order: int = 45
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-99.0, 1.0)
    reference: str = "Vickers and Elkin 2006: TP/n - FP/n * pt / (1 - pt); patient bootstrap"

    def __call__(self, judged: Judged) -> Results:
        """The curve "decision" and the net benefit at the operating point, where that is below 1."""
        ranking = images(judged.evidence, judged.options.positive)
        if not len(ranking.scores):
            return Results()
        scores = _probabilities(ranking.scores, judged)
        cuts = np.array(THRESHOLDS)
        worth = worths(scores, ranking.positive, cuts)
        low, high = bands(judged.draws.run(ranking.patients, lambda w: mean(w, worth)))
        acting = worths(np.ones(len(scores)), ranking.positive, cuts).mean(axis=0)
        curve = {"threshold": cuts.tolist(), "model": worth.mean(axis=0).tolist(), "low": low, "high": high,
                 "all": acting.tolist(), "none": [0.0] * len(cuts)}
        return Results(tuple(_at_point(ranking, judged)), {"decision": curve})


def worths(scores: Array, positive: Bools, thresholds: Array) -> Array:
    """(n, k) what each image adds to the net benefit at each threshold: 1 for a hit, minus the odds for an alarm."""
    called = (scores[:, None] >= thresholds).astype(np.float64)
    odds = thresholds / (1 - thresholds)
    gain: Array = called * np.where(positive[:, None], 1.0, -odds)
    return gain


def mean(weights: Array, worth: Array) -> Array:
    """(R, k) weighted means of the columns of worth (n, k) for weights (R, n)."""
    return ratio(weights @ worth, np.broadcast_to(weights.sum(axis=1)[:, None], (len(weights), worth.shape[1])))


def _probabilities(scores: Array, judged: Judged) -> Array:
    """The scores after calibration where the options give one, else as they are."""
    given = judged.options.calibration
    return scores if given is None else calibrated(scores, *given)


def _at_point(ranking: Ranking, judged: Judged) -> list[Estimate]:
    """Net benefit of acting from the operating point up: a hit is weighed by the probability that this score means."""
    bar = judged.operating_point
    chance = float(_probabilities(np.array([bar]), judged)[0]) if 0 < bar < 1 else 0.0
    if not 0 < chance < 1:
        return []
    cut = np.array([chance])
    worth = worths(_probabilities(ranking.scores, judged), ranking.positive, cut)
    extra = worth - worths(np.ones(len(ranking.scores)), ranking.positive, cut)
    both = np.hstack([worth, extra])
    drawn = judged.draws.run(ranking.patients, lambda w: mean(w, both))
    meant = (", read as a probability without calibration" if judged.options.calibration is None
             else f", a probability of {chance:.3g} after calibration")
    return [Estimate(name, float(both[:, i].mean()), *percentile(drawn[:, i]), denominator=float(len(both)),
                     rule=f"acting from a score of {bar:g} up{meant}", interval=judged.draws.text)
            for i, name in enumerate(("net benefit", "net benefit over acting on all"))]


METRIC = DecisionCurve()
