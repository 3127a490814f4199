"""Measures of the confusion matrix at the operating point: F1, MCC, NPV, likelihood ratios, predictive values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.judged import Judged
from xaimed.metrics.limits import TWO_SHARES, corners, shares
from xaimed.metrics.operating import AMONG, Counts, counts
from xaimed.stats import Array, Estimate, Resampling, Results, proportion, ratio

UNBOUNDED = ("likelihood ratio +", "likelihood ratio -")
LEVEL = 0.95
Measure = Callable[[Array, Array, Array, Array], Array]


@dataclass(frozen=True)
class Confusion:
    """Image-level measures beside those of `operating`, counted as it counts among the images."""

    name: str = "confusion"
    order: int = 25
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-1.0, 1.0)
    reference: str = "confusion matrix; Matthews 1975; Bayes' rule for another prevalence; patient bootstrap, Wilson"

    def __call__(self, judged: Judged) -> Results:
        """Estimates with the rule AMONG; predictive values at another prevalence where the options name one."""
        table, draws = counts(judged, AMONG), judged.draws
        found = [proportion("negative predictive value", table.tn, table.tn + table.fn, table.patients, draws),
                 proportion("share called positive", table.tp + table.fp, table.tp + table.fp + table.tn + table.fn,
                            table.patients, draws)]
        found += [_estimate(name, measure, table, draws) for name, measure in MEASURES.items()]
        share = judged.options.prevalence
        if share is not None:
            found += [_estimate(f"{name} at prevalence {share:g}", measure, table, draws)
                      for name, measure in adjusted(share).items()]
        return Results(tuple(replace(e, rule=AMONG) for e in found))


def _estimate(name: str, measure: Measure, table: Counts, draws: Resampling) -> Estimate:
    """The measure with the limits of the draws; where a cell is 0 no draw fills it, so that Wilson limits speak."""
    def statistic(w: Array) -> Array:
        return measure(w @ table.tp, w @ table.fn, w @ table.fp, w @ table.tn)

    count = float(len(table.patients))
    value = float(statistic(np.ones((1, len(table.patients))))[0])
    both = value == value and min(table.tp.sum() + table.fn.sum(), table.fp.sum() + table.tn.sum()) > 0
    if both and min(part.sum() for part in (table.tp, table.fn, table.fp, table.tn)) == 0:
        return Estimate(name, value, *_from_shares(measure, table, draws), denominator=count, interval=TWO_SHARES)
    if value != value:
        return Estimate(name, value, denominator=count, interval=_undefined(name, measure, table, draws))
    drawn = draws.run(table.patients, statistic)
    low, high, how = draws.interval(drawn)
    empty = int(np.isnan(drawn).sum())
    if name in UNBOUNDED and empty > len(drawn) * (1 - LEVEL) / 2:
        # Such a draw divides by no count at all: its ratio lies above every other one.
        low, high = float(np.quantile(np.nan_to_num(drawn, nan=np.inf), (1 - LEVEL) / 2)), np.nan
        low, how = (low if np.isfinite(low) else np.nan), draws.text
        how += f", no upper limit: {empty} draws without a count below the line"
    return Estimate(name, value, low, high, denominator=count, interval=how)


def _from_shares(measure: Measure, table: Counts, draws: Resampling) -> tuple[float, float]:
    """The extremes of a measure over the limits of sensitivity and specificity, at the positives and negatives seen."""
    yes, no = shares((table.tp, table.fn, table.fp, table.tn), table.patients, draws)
    most, least = float((table.tp + table.fn).sum()), float((table.fp + table.tn).sum())

    def at(sensitivity: float, specificity: float) -> float:
        parts = (most * sensitivity, most * (1 - sensitivity), least * (1 - specificity), least * specificity)
        return float(measure(*(np.array([part]) for part in parts))[0])

    return corners(at, yes, no)


def _undefined(name: str, measure: Measure, table: Counts, draws: Resampling) -> str:
    """Why there is no value; for the positive likelihood ratio without a false positive how large it is at least."""
    least = _from_shares(measure, table, draws)[0] if name == UNBOUNDED[0] and table.tp.sum() > 0 else np.nan
    return "not defined: a count is 0" + (f"; at least {least:.3g} by {TWO_SHARES}" if least == least else "")


def f1(tp: Array, fn: Array, fp: Array, tn: Array) -> Array:
    """2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall."""
    del tn
    return ratio(2 * tp, 2 * tp + fp + fn)


def mcc(tp: Array, fn: Array, fp: Array, tn: Array) -> Array:
    """The correlation of call and truth, in [-1, 1] (Matthews 1975); NaN where a margin is empty."""
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def likelihood_positive(tp: Array, fn: Array, fp: Array, tn: Array) -> Array:
    """Sensitivity / (1 - specificity); NaN without a false positive."""
    return ratio(ratio(tp, tp + fn), ratio(fp, fp + tn))


def likelihood_negative(tp: Array, fn: Array, fp: Array, tn: Array) -> Array:
    """(1 - sensitivity) / specificity; NaN without a true negative."""
    return ratio(ratio(fn, tp + fn), ratio(tn, fp + tn))


def adjusted(share: float) -> dict[str, Measure]:
    """Positive and negative predictive value where `share` of the images are positive, by Bayes' rule."""
    def ppv(tp: Array, fn: Array, fp: Array, tn: Array) -> Array:
        hit, alarm = share * ratio(tp, tp + fn), (1 - share) * ratio(fp, fp + tn)
        return ratio(hit, hit + alarm)

    def npv(tp: Array, fn: Array, fp: Array, tn: Array) -> Array:
        clear, missed = (1 - share) * ratio(tn, fp + tn), share * ratio(fn, tp + fn)
        return ratio(clear, clear + missed)

    return {"positive predictive value": ppv, "negative predictive value": npv}


MEASURES: dict[str, Measure] = {"F1": f1, "MCC": mcc, "likelihood ratio +": likelihood_positive,
                                "likelihood ratio -": likelihood_negative}
METRIC = Confusion()
