"""Calibration: whether a score of 0.8 means eight in ten, and how to make it so."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.evidence import Indices
from xaimed.metrics.judged import Judged
from xaimed.metrics.miscalibration import amount
from xaimed.metrics.roc import Ranking, images
from xaimed.stats import Array, Bools, Estimate, Resampling, Results, ratio, wilson

BINS, WIDE = 10, 15
EDGE = 1e-6
BIASED = "none: biased upward, see ECE, debiased"


@dataclass(frozen=True)
class Calibration:
    """Reliability of the image score as a probability of the positive class."""

    name: str = "calibration"
    order: int = 40
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Brier 1950; expected calibration error with bins of equal mass (Nixon 2019)"

    def __call__(self, judged: Judged) -> Results:
        """Estimates "ECE" and "Brier score" and the curve "reliability"; twice if a calibration is given."""
        raw = images(judged.evidence, judged.options.positive)
        if not len(raw.scores):
            return Results()
        versions = {"": raw}
        if judged.options.calibration is not None:
            better = calibrated(raw.scores, *judged.options.calibration)
            versions["after calibration"] = replace(raw, scores=better)
        found = [replace(e, rule=", ".join(t for t in (e.rule, rule) if t))
                 for rule, ranking in versions.items() for e in errors(ranking, judged.draws)]
        last = list(versions.values())[-1]
        return Results(tuple(found), {"reliability": reliability(last)})


def errors(ranking: Ranking, draws: Resampling) -> list[Estimate]:
    """The expected calibration error, the Brier score with its interval, and the error freed of its bias with its own.

    An average of absolute errors is too high, and draws of patients are so again: it stands without an interval.
    """
    gap, count = ranking.positive.astype(np.float64) - ranking.scores, float(len(ranking.scores))
    mass, wide = equal_mass(ranking.scores), equal_width(ranking.scores)
    rule = f"{int(mass.max()) + 1} bins of equal mass"

    def brier(w: Array) -> Array:
        return ratio(w @ gap**2, w.sum(axis=1))

    low, high, how = draws.interval(draws.run(ranking.patients, brier))
    clean = amount(ranking, mass, draws)
    return [Estimate("ECE", expected_error(ranking.scores, ranking.positive, mass), rule=rule, denominator=count,
                     interval=BIASED),
            Estimate("Brier score", float((gap**2).mean()), low, high, denominator=count, interval=how),
            Estimate("ECE", expected_error(ranking.scores, ranking.positive, wide), denominator=count,
                     rule=f"{WIDE} bins of equal width", interval=BIASED),
            Estimate("ECE, debiased", clean.value, clean.low, clean.high, rule=rule, denominator=count,
                     interval=clean.how)]


def _expected(weights: Array, gap: Array, bins: Indices) -> Array:
    inside = np.eye(int(bins.max()) + 1)[bins]
    return ratio(np.abs((weights * gap) @ inside).sum(axis=1), weights.sum(axis=1))


def expected_error(scores: Array, positive: Bools, bins: Indices) -> float:
    """The expected calibration error: mean over the rows of |observed share - mean score| of their bin."""
    gap = positive.astype(np.float64) - scores
    return float(_expected(np.ones((1, len(scores))), gap, bins)[0])


def equal_mass(scores: Array, bins: int = BINS) -> Indices:
    """(n,) the bin of each score, by rank, with equal scores in one bin; fewer bins where many are equal."""
    ends = (np.arange(1, bins) * len(scores) + bins - 1) // bins - 1
    cuts = np.unique(np.sort(scores)[ends])
    _, index = np.unique(np.searchsorted(cuts, scores, "left"), return_inverse=True)
    return index


def equal_width(scores: Array, bins: int = WIDE) -> Indices:
    """(n,) the bin of each score among `bins` bins of equal width on [0, 1], closed at the right end."""
    return np.clip(np.ceil(scores * bins).astype(np.int64) - 1, 0, bins - 1)


def reliability(ranking: Ranking) -> dict[str, list[float]]:
    """Columns predicted (mean score), observed (share of positives), low, high (Wilson), count; a row a bin."""
    bins = equal_mass(ranking.scores)
    count = np.bincount(bins)
    hits = np.bincount(bins, ranking.positive)
    limits = [wilson(float(h), float(n)) for h, n in zip(hits, count, strict=True)]
    return {"predicted": (np.bincount(bins, ranking.scores) / count).tolist(),
            "observed": (hits / count).tolist(), "low": [low for low, _ in limits],
            "high": [high for _, high in limits], "count": count.astype(float).tolist()}


def logit(scores: Array, edge: float = EDGE) -> Array:
    """log(p / (1 - p)), scores first kept in [edge, 1 - edge]."""
    kept = np.clip(scores, edge, 1 - edge)
    odds: Array = np.log(kept / (1 - kept))
    return odds


def calibrated(scores: Array, slope: float, intercept: float) -> Array:
    """Scores in (0, 1) after calibration: the logistic function of slope * logit + intercept."""
    linear = np.clip(slope * logit(scores) + intercept, -700, 700)
    better: Array = 1 / (1 + np.exp(-linear))
    return better


def fit_calibration(scores: Array, positive: Bools, temperature: bool = False) -> tuple[float, float]:
    """Slope and intercept for `calibrated`, fitted on validation by maximum likelihood (Platt 1999).

    Platt's softened targets keep the fit finite when the classes do not overlap. temperature: the slope
    alone (1 / temperature), intercept 0. Raises InputError where a class is empty.
    """
    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no:
        raise InputError(f"{yes} positives and {no} negatives; expected some of each to fit a calibration")
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    design = np.stack([logit(scores), np.full(len(scores), 0.0 if temperature else 1.0)], axis=1)
    beta = np.array([0.0, 0.0 if temperature else math.log((yes + 1) / (no + 1))])
    for _ in range(100):
        step = _newton(design, target, beta)
        beta[:] += step
        if float(np.abs(step).max()) < 1e-10:
            break
    return float(beta[0]), float(beta[1])


def _newton(design: Array, target: Array, beta: Array) -> Array:
    """One damped Newton step of logistic regression; a column of zeros gets none."""
    expected = 1 / (1 + np.exp(-np.clip(design @ beta, -700, 700)))
    gradient = design.T @ (target - expected)
    curvature = (design * (expected * (1 - expected))[:, None]).T @ design + 1e-9 * np.eye(2)
    step = np.linalg.solve(curvature, gradient).astype(np.float64)
    return step / max(1.0, float(np.abs(step).max()) / 2)


METRIC = Calibration()
