"""FROC: sensitivity against false positives per image: a step curve, never extrapolated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.evidence import Indices
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import Matches, match
from xaimed.plural import plural
from xaimed.stats import (
    FEW,
    Array,
    Bools,
    Estimate,
    Resampling,
    Results,
    bands,
    proportion,
    ratio,
    wilson,
)

POINTS = (0.05, 0.1, 0.125, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0)
CPM = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
BAND_POINTS = 60
BLOCK = 2_000_000
END = "sensitivity at the end of the curve"
AT_LEAST = ", lower bound"
NOTHING = "no lesion or no image of this kind"
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Steps:
    """What a step curve is made of: hits that raise it and false alarms that move it right.

    hit_image, hit_score: each thing to find, its image and the score that found it (-inf: nothing did).
    false_image, false_score: each false alarm. images: indices of the images counted as denominator.
    """

    hit_image: Indices
    hit_score: Array
    false_image: Indices
    false_score: Array
    images: Indices

    @classmethod
    def of(cls, matches: Matches, lesions_in: Bools, images_in: Bools) -> Steps:
        """Lesions on the images `lesions_in` (n,), false positives and denominator on `images_in` (n,)."""
        found, wrong = lesions_in[matches.image], images_in[matches.false_image]
        return cls(matches.image[found], matches.score[found], matches.false_image[wrong],
                   matches.false_score[wrong], np.flatnonzero(images_in))

    def curve(self) -> tuple[Array, Array, Array]:
        """Falling thresholds, false alarms per image and sensitivity; the first point is (inf, 0, 0)."""
        alarms = np.sort(self.false_score)
        caught = np.sort(self.hit_score)
        cuts = np.unique(np.r_[alarms, caught[np.isfinite(caught)]])[::-1]
        count = len(alarms) - np.searchsorted(alarms, cuts, "left")
        hits = len(caught) - np.searchsorted(caught, cuts, "left")
        over, total = max(1, len(self.images)), max(1, len(caught))
        return np.r_[np.inf, cuts], np.r_[0.0, count / over], np.r_[0.0, hits / total]

    @property
    def end(self) -> tuple[float, float]:
        """False alarms per image and sensitivity at the lowest threshold; NaN without images or lesions."""
        if not len(self.images) or not len(self.hit_score):
            return math.nan, math.nan
        return len(self.false_score) / len(self.images), float(np.isfinite(self.hit_score).mean())

    def at(self, rates: Sequence[float], weights: Array) -> Array:
        """(R, k) greatest sensitivity with at most rates[k] false alarms per image; weights (R, images).

        A row that never makes so many false alarms gives its sensitivity at the lowest threshold.
        """
        block = max(1, BLOCK // (len(self.false_score) + len(self.hit_score) + 1))
        if len(weights) > block:
            parts = [self.at(rates, weights[i:i + block]) for i in range(0, len(weights), block)]
            return np.concatenate(parts)
        alarm = np.argsort(-self.false_score, kind="stable")
        caught = np.argsort(-self.hit_score, kind="stable")
        ranked = -self.hit_score[caught]
        images, total = weights[:, self.images].sum(axis=1), weights[:, self.hit_image].sum(axis=1)
        room = images[:, None] * np.asarray(rates, np.float64) + SLACK
        passed = _count_within(_running(weights, self.false_image[alarm], room.max(axis=1)), room)
        bar = np.r_[-self.false_score[alarm], np.inf][passed]
        hits = np.searchsorted(ranked, bar, "left")
        gained = np.c_[np.zeros(len(weights)), np.cumsum(weights[:, self.hit_image[caught]], axis=1)]
        return ratio(np.take_along_axis(gained, hits, axis=1), np.broadcast_to(total[:, None], hits.shape))


def _running(weights: Array, images: Indices, room: Array) -> Array:
    """(R, m) running totals of the weights at `images`, as far as every row needs to pass its room."""
    size = int(2 * float(room.max(initial=0.0))) + 100
    while True:
        running: Array = np.cumsum(weights[:, images[:size]], axis=1)
        if size >= len(images) or bool((running[:, -1] > room).all()):
            return running
        size *= 4


def _count_within(running: Array, room: Array) -> Indices:
    """(R, k) how many entries of each row of running totals (R, m), which rise, are at most room (R, k)."""
    rows, size = running.shape
    if not size:
        return np.zeros(room.shape, np.int64)
    ceiling = max(float(running[:, -1].max()), float(room.max())) + 1
    shift = ceiling * np.arange(rows)[:, None]
    flat = np.searchsorted((running + shift).ravel(), room + shift, "right")
    counts: Indices = np.clip(flat - size * np.arange(rows)[:, None], 0, size)
    return counts


def sensitivities(steps: Steps, patients: Sequence[str], draws: Resampling,
                  suffix: str = "") -> list[Estimate]:
    """Estimates "sensitivity at 0.5 false positives per image<suffix>" at the usual rates, and the curve's end.

    A rate beyond the last observed point has value NaN and interval "not reached: ...", with the sensitivity at the
    end of the curve as its lower bound.
    suffix: ", normal images" where `steps.images` are these.
    """
    everywhere = steps.at(POINTS, np.ones((1, len(patients))))[0]
    drawn = draws.run(patients, lambda w: steps.at(POINTS, w))
    last = steps.end[0]
    found = [_point(steps, patients, draws, f"sensitivity at {rate:g} false positives per image{suffix}",
                    (value, column if last >= rate - SLACK else None))
             for rate, value, column in zip(POINTS, everywhere, drawn.T, strict=True)]
    row = _one_kind([*found, caught(END, steps, patients, draws)], _holders(steps, patients))
    return [*row[:-1], *_mean_sensitivity(steps, suffix, (everywhere, drawn), patients, draws), row[-1],
            rate_estimate(f"false positives per image at the end of the curve{suffix}", steps, patients, draws)]


def _mean_sensitivity(steps: Steps, suffix: str, points: tuple[Array, Array], patients: Sequence[str],
                      draws: Resampling) -> list[Estimate]:
    """The competition performance metric: the mean sensitivity at seven rates.

    Where the curve ends before the last one it has no value, and a second estimate holds its lower bound: with at
    most so many false positives the sensitivity is at least that at the end of the curve.
    """
    name = f"CPM, mean sensitivity at 0.125 to 8 false positives per image{suffix}"
    lesions = float(len(steps.hit_score))
    if not lesions or not len(steps.images):
        return [Estimate(name, math.nan, unit="lesion", denominator=lesions, interval=NOTHING)]
    chosen = [POINTS.index(rate) for rate in CPM]
    value = float(points[0][chosen].mean())
    low, high, how = _widened(value, points[1][:, chosen].mean(axis=1), _holders(steps, patients), draws)
    whole = Estimate(name, value, low, high, "lesion", denominator=lesions, interval=how)
    if steps.end[0] >= CPM[-1] - SLACK:
        return [whole]
    why = f"not reached: the curve ends at {steps.end[0]:.3g} per image, so it is at least {value:.3f}"
    return [Estimate(name, math.nan, unit="lesion", denominator=lesions, interval=why),
            replace(whole, name=name + AT_LEAST)]


def caught(name: str, steps: Steps, patients: Sequence[str], draws: Resampling) -> Estimate:
    """The share of lesions that any mark found, with its interval."""
    hits, trials = np.isfinite(steps.hit_score).astype(np.float64), np.ones(len(steps.hit_score))
    owners = [patients[i] for i in steps.hit_image]
    return replace(proportion(name, hits, trials, owners, draws), unit="lesion")


def _point(steps: Steps, patients: Sequence[str], draws: Resampling, name: str,
           point: tuple[float, Array | None]) -> Estimate:
    value, drawn = point
    lesions = float(len(steps.hit_score))
    if not lesions or not len(steps.images):
        return Estimate(name, math.nan, unit="lesion", denominator=lesions, interval=NOTHING)
    if drawn is None:
        ends = f"not reached: the curve ends at {steps.end[0]:.3g} per image, so it is at least {steps.end[1]:.3f}"
        return Estimate(name, math.nan, unit="lesion", denominator=lesions, interval=ends)
    low, high, how = _widened(float(value), drawn, _holders(steps, patients), draws)
    return Estimate(name, float(value), low, high, "lesion", numerator=float(round(value * lesions)),
                    denominator=lesions, interval=how)


def _one_kind(row: list[Estimate], holders: int) -> list[Estimate]:
    """The points of one curve, all with Wilson's limits if one of them has these, so that they rise with the curve."""
    if not any(e.interval.startswith("Wilson") and e.value == e.value for e in row):
        return row
    how = f"Wilson on {plural(holders, 'patient')}"
    limits = {e.name: wilson(min(1.0, e.value) * holders, holders) for e in row if e.value == e.value}
    return [replace(e, low=limits[e.name][0], high=limits[e.name][1], interval=how) if e.name in limits else e
            for e in row]


def _holders(steps: Steps, patients: Sequence[str]) -> int:
    """How many patients have a lesion."""
    return len({patients[i] for i in steps.hit_image})


def _widened(value: float, drawn: Array, holders: int, draws: Resampling) -> tuple[float, float, str]:
    """The limits of the draws; at the end of the scale, where they see nothing of what could happen, Wilson's too.

    Wilson's alone for fewer than FEW patients with a lesion.
    """
    low, high, how = draws.interval(drawn)
    if low == low and holders >= FEW and not (high - low < SLACK or value in (0.0, 1.0)):
        return low, high, how
    outer = wilson(min(1.0, value) * holders, holders)
    if value in (0.0, 1.0) and low == low:
        outer = min(low, outer[0]), max(high, outer[1])
    return *outer, f"Wilson on {plural(holders, 'patient')}"


def rate_estimate(name: str, steps: Steps, patients: Sequence[str], draws: Resampling) -> Estimate:
    """False alarms per image, with the patient bootstrap; exact Poisson limits for few patients or draws all alike."""
    images, alarms = len(steps.images), len(steps.false_score)
    if not images:
        return Estimate(name, math.nan, denominator=0.0, interval="no image of this kind")
    alarm = np.bincount(steps.false_image, minlength=len(patients)).astype(np.float64)
    counted = np.isin(np.arange(len(patients)), steps.images).astype(np.float64)
    low, high, how = draws.interval(draws.run(patients, lambda w: ratio(w @ alarm, w @ counted)))
    people = len({patients[i] for i in steps.images})
    if not alarms:
        high, how = -math.log(0.025) / people, f"exact Poisson limit for no event in {plural(people, 'patient')}"
    elif not high - low >= SLACK:
        low, high = poisson(alarms / images * people)
        why = "all alike" if people >= FEW else "too few to draw"
        low, high, how = low / people, high / people, f"exact Poisson limits of {plural(people, 'patient')}, {why}"
    return Estimate(name, alarms / images, low, high, numerator=float(alarms), denominator=float(images),
                    interval=how)


def poisson(events: float, level: float = 0.95) -> tuple[float, float]:
    """Low and high of the exact interval of a Poisson mean of which `events` > 0 were counted (Garwood 1936)."""
    from scipy.special import gammaincinv

    tail = (1 - level) / 2
    return float(gammaincinv(events, tail)), float(gammaincinv(events + 1, 1 - tail))


def banded(steps: Steps, patients: Sequence[str], draws: Resampling) -> dict[str, list[float]]:
    """The step curve as columns fppi, sensitivity, low, high, threshold: the highest point at each rate.

    low and high: pointwise percentile limits at that rate. At most 60 points, spread over the corners of
    the curve; the last one is where the curve ends. The first threshold is NaN: nothing is marked.
    """
    cuts, rate, height = steps.curve()
    corner = np.flatnonzero(np.r_[np.diff(rate) > 0, True])
    corner = corner[np.r_[True, np.diff(height[corner]) > 0] | (np.arange(len(corner)) == len(corner) - 1)]
    if len(corner) > BAND_POINTS:
        corner = corner[np.unique(np.linspace(0, len(corner) - 1, BAND_POINTS).round().astype(int))]
    drawn = draws.run(patients, lambda w: steps.at(list(rate[corner]), w))
    low, high = bands(drawn)
    return {"fppi": rate[corner].tolist(), "sensitivity": height[corner].tolist(), "low": low, "high": high,
            "threshold": [math.nan if math.isinf(c) else float(c) for c in cuts[corner]]}


@dataclass(frozen=True)
class Froc:
    """FROC and the operating point, for each hit rule; and for the positive class alone by the first rule.

    Lesions of any class count as found by a mark of any class, but under a rule that ends in "only".
    """

    name: str = "froc"
    order: int = 30
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "free-response ROC (Bunch 1978; Chakraborty 1989), step curve without extrapolation"

    def __call__(self, judged: Judged) -> Results:
        """Estimates with the hit rule as `rule`, and the curves froc[rule]; none without boxes."""
        found, options = judged.evidence, judged.options
        if not found.boxed:
            return Results()
        estimates, curves = [_share_located(judged)], {}
        for rule, only in [(r, "") for r in options.hit_rules] + [(options.hit_rules[0], options.positive)]:
            lesions, marks, ignored = judged.regions(rule)
            if only:
                lesions, marks = lesions.labelled(only), marks.labelled(only)
            matches = match(lesions, marks, ignored, rule)
            named = f"{rule}, {only} only" if only else rule
            estimates += [replace(e, rule=named) for e in _of_rule(matches, judged)]
            steps = Steps.of(matches, found.located, found.located)
            curves[f"froc[{named}]"] = banded(steps, found.patients, judged.draws)
        return Results(tuple(estimates), curves)


def _share_located(judged: Judged) -> Estimate:
    located = judged.evidence.located
    return Estimate("images with a full reference for places", float(located.mean()),
                    numerator=float(located.sum()), denominator=float(len(located)), interval="a count")


def _of_rule(matches: Matches, judged: Judged) -> list[Estimate]:
    found, draws = judged.evidence, judged.draws
    every = Steps.of(matches, found.located, found.located)
    normal = Steps.of(matches, found.located, found.normal)
    on_normal = sensitivities(normal, found.patients, draws, ", normal images")
    return [*sensitivities(every, found.patients, draws),
            *(e for e in on_normal if e.name != END),
            *at_point(every, judged), at_point(normal, judged, ", normal images")[1]]


def at_point(steps: Steps, judged: Judged, suffix: str = "") -> tuple[Estimate, Estimate]:
    """Lesion sensitivity and false positives per image at the operating point."""
    bar, patients = judged.operating_point, judged.evidence.patients
    kept = steps.false_score >= bar
    cut = replace(steps, hit_score=np.where(steps.hit_score >= bar, steps.hit_score, -np.inf),
                  false_image=steps.false_image[kept], false_score=steps.false_score[kept])
    return (caught("lesion sensitivity at the operating point", cut, patients, judged.draws),
            rate_estimate(f"false positives per image at the operating point{suffix}", cut, patients, judged.draws))


METRIC = Froc()
