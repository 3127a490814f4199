"""Measures of the confusion matrix at the operating point: F1, MCC, NPV, likelihood ratios, predictive values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.judged import Judged
from xaimed.metrics.operating import AMONG, Counts, counts
from xaimed.stats import Array, Estimate, Resampling, Results, percentile, proportion, ratio

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
    reference: str = "confusion matrix; Matthews 1975; Bayes' rule for another prevalence; patient bootstrap"

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
    def statistic(w: Array) -> Array:
        return measure(w @ table.tp, w @ table.fn, w @ table.fp, w @ table.tn)

    value = float(statistic(np.ones((1, len(table.patients))))[0])
    if value != value:
        return Estimate(name, value, denominator=float(len(table.patients)), interval="not defined: a count is 0")
    drawn = draws.run(table.patients, statistic)
    low, high = percentile(drawn)
    how = draws.text
    empty = int(np.isnan(drawn).sum())
    if name in UNBOUNDED and empty > len(drawn) * (1 - LEVEL) / 2:
        # Such a draw divides by no count at all: its ratio lies above every other one.
        low, high = float(np.quantile(np.nan_to_num(drawn, nan=np.inf), (1 - LEVEL) / 2)), np.nan
        how += f", no upper limit: {empty} draws without a count below the line"
    return Estimate(name, value, low, high, denominator=float(len(table.patients)), interval=how)


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
