"""Calibration as a line: slope, intercept and temperature of the logit; and the parts of the Brier score (Murphy)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.calibration import EDGE, equal_mass, logit
from xaimed.metrics.evidence import Indices
from xaimed.metrics.judged import Judged
from xaimed.metrics.roc import Ranking, images
from xaimed.stats import Array, Bools, Estimate, Results, quantile, ratio

ROUNDS = 60
RULE = "logit of the image score"
EDGES, SHIFT = (1e-4, 1e-9), 0.1


@dataclass(frozen=True)
class CalibrationLine:
    """How the score's logit has to be stretched and moved to mean a probability on these images."""

    name: str = "calibration_line"
    order: int = 42
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (-99.0, 99.0)
    reference: str = "Cox 1958; Guo 2017 (temperature); Murphy 1973 (Brier score); clustered sandwich errors"

    def __call__(self, judged: Judged) -> Results:
        """Slope (1 is right), intercept (0), temperature (1), and reliability - resolution + uncertainty."""
        ranking = images(judged.evidence, judged.options.positive)
        if not len(ranking.scores):
            return Results()
        return Results((*lines(ranking), *murphy(ranking, judged)))


def lines(ranking: Ranking) -> list[Estimate]:
    """The fitted line, Wald intervals from a sandwich clustered by patient; NaN where the classes do not overlap.

    The logit of 0 or 1 has no bound: such scores are kept at EDGE, counted in the rule, and where another edge gives
    another number there is none.
    """
    x = logit(ranking.scores)
    outside = np.asarray((ranking.scores < EDGE) | (ranking.scores > 1 - EDGE), bool)
    kept, found = int(outside.sum()), _fitted(x, ranking)
    if kept:
        rule = f"{RULE}, {kept} scores kept in [{EDGE:g}, 1 - {EDGE:g}]"
        others = [_fitted(np.where(outside, logit(ranking.scores, edge), x), ranking) for edge in EDGES]
        moved = [any(_moved(one, other) for other in rest) for one, *rest in zip(found, *others, strict=True)]
        # The intercept stands beside the slope: it means nothing without it.
        moved[1] |= moved[0]
        found = [replace(_unbounded(e, kept) if other else e, rule=rule) for e, other in zip(found, moved, strict=True)]
    return found


def _fitted(x: Array, ranking: Ranking) -> list[Estimate]:
    """Slope, intercept, calibration in the large and temperature for logits x (n,)."""
    y, offset, still = ranking.positive.astype(np.float64), np.zeros(len(x)), np.ones((len(x), 1))
    both, one = np.stack([x, np.ones(len(x))], axis=1), x[:, None]
    slope, cover = fit(both, y, offset, ranking)
    large, wide = fit(still, y, x, ranking)
    heat, spread = fit(one, y, offset, ranking)
    return [_wald("calibration slope", slope[0], cover[0, 0], len(x)),
            _wald("calibration intercept", slope[1], cover[1, 1], len(x)),
            _wald("calibration in the large", large[0], wide[0, 0], len(x)),
            _temperature(_wald("calibration temperature", heat[0], spread[0, 0], len(x)))]


def _moved(found: Estimate, other: Estimate) -> bool:
    """Whether scores of 0 or 1 that are kept at another edge move an estimate by SHIFT of its interval."""
    width = min(found.high - found.value, found.value - found.low)
    same = math.isnan(found.value) and math.isnan(other.value)
    return not (same or abs(other.value - found.value) <= SHIFT * width)


def _unbounded(found: Estimate, kept: int) -> Estimate:
    return replace(found, value=math.nan, low=math.nan, high=math.nan,
                   interval=f"not defined: made by {kept} scores of 0 or 1, whose logit has no bound")


def _temperature(slope: Estimate) -> Estimate:
    """One over the slope of a line without intercept; none where the slope is not shown to be above 0."""
    if slope.low > 0:
        return replace(slope, value=1 / slope.value, low=1 / slope.high, high=1 / slope.low)
    why = slope.interval if math.isnan(slope.value) else (
        f"not defined: the slope through 0, {slope.value:.3g} ({slope.low:.3g} to {slope.high:.3g}), is not shown to "
        "be above 0")
    return replace(slope, value=math.nan, low=math.nan, high=math.nan, interval=why)


def _wald(name: str, value: float, variance: float, count: int) -> Estimate:
    half = quantile(0.95) * math.sqrt(variance) if variance >= 0 else math.nan
    how = "Wald, sandwich clustered by patient" if value == value else "no fit: the classes do not overlap"
    return Estimate(name, float(value), float(value - half), float(value + half), rule=RULE,
                    denominator=float(count), interval=how)


def fit(design: Array, target: Array, offset: Array, ranking: Ranking) -> tuple[Array, Array]:
    """(k,) maximum-likelihood coefficients of a logistic regression and their (k, k) clustered covariance.

    design: (n, k). offset: (n,) added with coefficient 1. All NaN where the fit does not converge, as where a
    score splits the classes.
    """
    size = design.shape[1]
    beta, bad = np.zeros(size), (np.full(size, np.nan), np.full((size, size), np.nan))
    for _ in range(ROUNDS):
        expected = 1 / (1 + np.exp(-np.clip(design @ beta + offset, -700, 700)))
        bread = (design * (expected * (1 - expected))[:, None]).T @ design
        if not np.linalg.cond(bread) < 1e12 or float(np.abs(beta).max()) > 50:
            return bad
        step = np.linalg.solve(bread, design.T @ (target - expected))
        beta = beta + step / max(1.0, float(np.abs(step).max()) / 2)
        if float(np.abs(step).max()) < 1e-10:
            return beta, _sandwich(design * (target - expected)[:, None], bread, ranking)
    return bad


def _sandwich(pulls: Array, bread: Array, ranking: Ranking) -> Array:
    _, index = np.unique(np.asarray(ranking.patients, object).astype(str), return_inverse=True)
    summed = np.zeros((int(index.max()) + 1, pulls.shape[1]))
    np.add.at(summed, index, pulls)
    inverse = np.linalg.inv(bread)
    count = len(summed)
    spread: Array = inverse @ (summed.T @ summed) @ inverse * (count / max(1, count - 1))
    return spread


def murphy(ranking: Ranking, judged: Judged) -> list[Estimate]:
    """Reliability, resolution and uncertainty over bins of equal mass, and what the bins leave of the Brier score.

    Brier = reliability - resolution + uncertainty + within bins, exactly.
    """
    bins = equal_mass(ranking.scores)
    count, rule = float(len(ranking.scores)), f"{int(bins.max()) + 1} bins of equal mass"
    found = []
    for place, name in enumerate(("reliability", "resolution", "uncertainty", "within bins")):
        statistic = _part(ranking.scores, ranking.positive, bins, place)
        value = float(statistic(np.ones((1, len(bins))))[0])
        low, high, how = math.nan, math.nan, "none: draws of patients are biased by the chance in each bin"
        if name == "uncertainty":
            low, high, how = judged.draws.interval(judged.draws.run(ranking.patients, statistic))
        found.append(Estimate(f"Brier score, {name}", value, low, high, rule=rule, denominator=count, interval=how))
    return found


def _part(scores: Array, positive: Bools, bins: Indices, place: int) -> Callable[[Array], Array]:
    return lambda w: murphy_parts(w, scores, positive, bins)[place]


def murphy_parts(weights: Array, scores: Array, positive: Bools, bins: Indices) -> tuple[Array, Array, Array, Array]:
    """Reliability, resolution, uncertainty and the rest, each (R,), for weights (R, n)."""
    inside = np.eye(int(bins.max()) + 1)[bins]
    truth, mass, total = positive.astype(np.float64), weights @ inside, weights.sum(axis=1)
    said = np.nan_to_num(ratio(weights @ (inside * scores[:, None]), mass))
    seen = np.nan_to_num(ratio(weights @ (inside * truth[:, None]), mass))
    share = ratio(weights @ truth, total)
    reliability = ratio((mass * (said - seen) ** 2).sum(axis=1), total)
    resolution = ratio((mass * (seen - share[:, None]) ** 2).sum(axis=1), total)
    brier = ratio(weights @ (scores - truth) ** 2, total)
    uncertainty = share * (1 - share)
    return reliability, resolution, uncertainty, brier - reliability + resolution - uncertainty


METRIC = CalibrationLine()
