"""Comparison: two models on the same cases, measure by measure, with paired tests and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.froc import Steps
from xaimed.metrics.noninferiority import holm, mcnemar, non_inferiority, tango
from xaimed.plural import plural
from xaimed.stats import (
    FEW,
    Array,
    Bools,
    Estimate,
    Resampling,
    auc,
    delong_covariance,
    obuchowski_covariance,
    quantile,
    ratio,
)


@dataclass(frozen=True, eq=False)
class Contender:
    """One model on the shared cases: image scores (n,) and whether each image is called positive (n,)."""

    name: str
    scores: Array
    called: Bools


@dataclass(frozen=True, eq=False)
class Contest:
    """The shared cases: whether each is positive (n,), the patient of each, the positive class, the draws."""

    truth: Bools
    patients: Sequence[str]
    positive: str
    draws: Resampling

    @property
    def clustered(self) -> bool:
        """Whether a patient has several cases."""
        return len(set(self.patients)) < len(self.patients)

    def covariance(self, scores: Array) -> tuple[Array, Array]:
        """(k,) AUCs of scores (k, n) and their (k, k) covariance: DeLong's, Obuchowski's where clustered."""
        if self.clustered:
            return obuchowski_covariance(scores, self.truth, self.patients)
        return delong_covariance(scores, self.truth)


RATES = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class LesionContest:
    """Step curves by model on the shared cases. rule: how a hit was counted.

    lesions: how many there are. ill: patients with one, 0 where that is not known.
    """

    curves: Mapping[str, Steps]
    rule: str
    lesions: int
    patients: Sequence[str]
    draws: Resampling
    ill: int = 0


def compare(contenders: Sequence[Contender], contest: Contest, margin: float | None = None) -> list[Estimate]:
    """The difference of every pair in AUC, sensitivity, specificity and Brier score, each with p and Holm's p.

    AUC by DeLong (a case a patient) or Obuchowski (several); sensitivity and specificity by McNemar's mid-p with
    Tango's interval, or both by patient bootstrap where a patient has several cases. Holm's correction is over
    the pairs, for each measure. margin: adds the answers on non-inferiority in AUC, the first against each.
    """
    if len(contenders) < 2:
        return []
    parts = [_areas(contenders, contest), _calls(contenders, contest, True), _calls(contenders, contest, False),
             _briers(contenders, contest)]
    found = [e for part in parts for e in corrected(part)]
    if margin is not None:
        found += [non_inferiority(e, margin) for e, _ in parts[0] if e.name.split(": ")[-1].startswith(
            f"{contenders[0].name} - ")]
    return found


def compare_lesions(contest: LesionContest) -> list[Estimate]:
    """The difference of every pair in lesion sensitivity at each of RATES, with p and Holm's p.

    By patient bootstrap; Holm's correction is over the pairs, for each rate. Where a curve ends before a rate there is
    no value, and the interval says which.
    """
    estimates: list[Estimate] = []
    for rate in RATES:
        able = {name: steps for name, steps in contest.curves.items() if steps.end[0] >= rate}
        tested = [paired(f"difference in sensitivity at {rate:g} false positives per image: {one} - {other}",
                         _gap_at((able[one], able[other]), rate), contest.patients, contest.draws, contest.ill)
                  for one, other in combinations(able, 2)]
        estimates += [replace(e, unit="lesion", rule=f"{contest.rule}, {e.rule}", denominator=float(contest.lesions))
                      for e in corrected(tested)]
        estimates += [_unreached(contest, pair, rate) for pair in combinations(contest.curves, 2)
                      if not set(pair) <= {*able}]
    return estimates


def _unreached(contest: LesionContest, pair: tuple[str, str], rate: float) -> Estimate:
    """A difference without a value, as a curve of the pair ends before the rate."""
    ends = ", ".join(f"{name} ends at {contest.curves[name].end[0]:.3g}" for name in pair
                     if contest.curves[name].end[0] < rate)
    return Estimate(f"difference in sensitivity at {rate:g} false positives per image: {pair[0]} - {pair[1]}", math.nan,
                    math.nan, math.nan, "lesion", f"{contest.rule}, p by patient bootstrap",
                    denominator=float(contest.lesions), interval=f"not reached: {ends}")


def _gap_at(pair: tuple[Steps, Steps], rate: float) -> Callable[[Array], Array]:
    return lambda w: pair[0].at([rate], w)[:, 0] - pair[1].at([rate], w)[:, 0]


def corrected(tested: Sequence[tuple[Estimate, float]]) -> list[Estimate]:
    """Each difference, then its p and its p after Holm's correction over all that are given."""
    found: list[Estimate] = []
    for (estimate, p), adjusted in zip(tested, holm([p for _, p in tested]), strict=True):
        plain = replace(estimate, name=f"p ({estimate.name})", value=p, low=math.nan, high=math.nan, numerator=None,
                        interval="two-sided p value")
        found += [estimate, plain]
        if len(tested) > 1:
            found.append(replace(plain, name=f"Holm p ({estimate.name})", value=adjusted,
                                 interval=f"two-sided p value, Holm over {len(tested)} pairs"))
    return found


def _areas(contenders: Sequence[Contender], contest: Contest) -> list[tuple[Estimate, float]]:
    scores = np.stack([c.scores for c in contenders])
    areas, spread = contest.covariance(scores)
    drawn = [contest.draws.run(contest.patients, area_of(c.scores, contest.truth)) for c in contenders
             ] if contest.clustered else []
    found = []
    for i, j in combinations(range(len(contenders)), 2):
        variance = float(spread[i, i] + spread[j, j] - 2 * spread[i, j])
        gap = float(areas[i] - areas[j])
        half = quantile(0.95) * math.sqrt(max(0.0, variance)) if variance == variance else math.nan
        low, high, how = contest.draws.interval(drawn[i] - drawn[j]) if drawn else (
            gap - half, gap + half, "paired DeLong")
        name = f"difference in image AUC {contest.positive}: {contenders[i].name} - {contenders[j].name}"
        if not high - low > WIDTH:
            # Too few cases, both rank all pairs right, or the same scores: what does not vary has no interval.
            same, few = bool(np.array_equal(scores[i], scores[j])), bool(drawn) and len(contest.draws.patients) < FEW
            low, high, how = math.nan, math.nan, SAME if same else how if few else NOT_VARIED
        found.append((Estimate(name, gap, low, high, rule=f"p by {'Obuchowski' if drawn else 'DeLong'}",
                               denominator=float(len(contest.truth)), interval=how), normal_p(gap, variance)))
    return found


WIDTH = 1e-7  # an interval narrower than this is none
SAME = "not defined: both gave the same score to every image"
NOT_VARIED = "not defined: no variance can be estimated from these cases"


def area_of(scores: Array, truth: Bools) -> Callable[[Array], Array]:
    """The AUC as a statistic of row weights (R, n)."""
    return lambda w: auc(scores, truth, w)


def normal_p(gap: float, variance: float) -> float:
    """The two-sided p of a normal statistic; 1 for no difference at all, NaN where no variance is known."""
    if gap == 0:
        return 1.0
    if not variance > 1e-15:
        return math.nan
    return math.erfc(abs(gap) / math.sqrt(2 * variance))


def _calls(contenders: Sequence[Contender], contest: Contest, positives: bool) -> list[tuple[Estimate, float]]:
    """Sensitivity (positives) or specificity: right calls among the images of that kind."""
    name = "sensitivity" if positives else "specificity"
    kept = contest.truth == positives
    owners = [p for p, keep in zip(contest.patients, kept, strict=True) if keep]
    right = [(c.called == positives)[kept] for c in contenders]
    found = []
    for i, j in combinations(range(len(contenders)), 2):
        named = f"difference in {name}: {contenders[i].name} - {contenders[j].name}"
        found.append(_paired_shares(named, (right[i], right[j]), owners, contest.draws))
    return found


def _paired_shares(name: str, right: tuple[Bools, Bools], patients: Sequence[str],
                   draws: Resampling) -> tuple[Estimate, float]:
    first, second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    count = len(patients)
    if not count:
        return Estimate(name, math.nan, denominator=0.0, interval="no image of this kind"), math.nan
    gap = (first - second) / count
    apart = f"{first} right by the first alone, {second} by the other alone"
    if len(set(patients)) == count:
        low, high = tango(first, second, count)
        return Estimate(name, gap, low, high, rule=f"p by McNemar, mid-p; {apart}", numerator=float(first - second),
                        denominator=float(count), interval="Tango score"), mcnemar(first, second)
    change = right[0].astype(np.float64) - right[1]
    drawn = draws.run(patients, lambda w: ratio(w @ change, w.sum(axis=1)))
    low, high, how = draws.interval(drawn)
    if gap in (-1.0, 0.0, 1.0) and not low < high:
        # No draw of patients changes it: the score interval of as many pairs as there are patients.
        people = len(set(patients))
        low, high = tango(people * (gap == 1), people * (gap == -1), people)
        how = f"Tango score on {plural(people, 'patient')}"
    return Estimate(name, gap, low, high, rule=f"p by patient bootstrap; {apart}", numerator=float(first - second),
                    denominator=float(count), interval=how), _p(drawn, draws)


def _p(drawn: Array, draws: Resampling) -> float:
    """bootstrap_p; NaN for patients that are too few to draw from."""
    return bootstrap_p(drawn) if len(draws.patients) >= FEW else math.nan


def bootstrap_p(drawn: Array) -> float:
    """The two-sided p of a difference from its bootstrap values: twice the rarer side of 0, never 0."""
    kept = drawn[np.isfinite(drawn)]
    if not len(kept):
        return math.nan
    sides = min(int((kept <= 0).sum()), int((kept >= 0).sum()))
    return min(1.0, 2 * (sides + 1) / (len(kept) + 1))


def _briers(contenders: Sequence[Contender], contest: Contest) -> list[tuple[Estimate, float]]:
    errors = [(c.scores - contest.truth) ** 2 for c in contenders]
    found = []
    for i, j in combinations(range(len(contenders)), 2):
        change = errors[i] - errors[j]
        name = f"difference in Brier score: {contenders[i].name} - {contenders[j].name}"
        statistic = _mean_of(change)
        found.append(paired(name, statistic, contest.patients, contest.draws))
    return found


def _mean_of(values: Array) -> Callable[[Array], Array]:
    return lambda w: ratio(w @ values, w.sum(axis=1))


def paired(name: str, difference: Callable[[Array], Array], patients: Sequence[str],
           draws: Resampling, trials: int = 0) -> tuple[Estimate, float]:
    """A difference of any two measures with its patient bootstrap, and its two-sided p.

    difference: takes row weights (R, n), as in stats.cluster_bootstrap, and returns the R differences; both
    measures are taken from the same draws, so it is paired. Where no draw changes it there is no interval, nor for
    fewer than FEW patients; of a difference of shares that is 0, Tango's for `trials` patients. Raises InputError for
    no rows.
    """
    if not len(patients):
        raise InputError(f"{name}: no rows; expected the cases that both models judged")
    value = float(difference(np.ones((1, len(patients))))[0])
    drawn = draws.run(patients, difference)
    low, high, how = draws.interval(drawn)
    if not high - low > WIDTH:
        (low, high), how = (math.nan, math.nan), NOT_VARIED if low == low else how
        if trials and abs(value) <= WIDTH:
            (low, high), how = tango(0, 0, trials), f"Tango score, none of {plural(trials, 'patient')} changed"
    return Estimate(name, value, low, high, rule="p by patient bootstrap", denominator=float(len(patients)),
                    interval=how), _p(drawn, draws) if value == value else math.nan
