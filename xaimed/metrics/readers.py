"""Readers: several people on the same cases; their mean, their average score, and a model against and beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xaimed.metrics.comparison import NOT_VARIED, WIDTH, Contest, area_of, bootstrap_p, corrected
from xaimed.metrics.mrmc import ReaderMean, difference_to, reader_mean, too_few
from xaimed.metrics.roc import Ranking, area
from xaimed.stats import Array, Estimate, auc_rows, percentile

SHARE = 0.5
P_VALUES = ("p (", "Holm p (")
BOOTSTRAPPED = "p by patient bootstrap, "
OUTSIDE = "not defined: the draws of patients do not surround the value, there are too few of them"
RANDOM = "readers and cases random, Obuchowski-Rockette"


@dataclass(frozen=True, eq=False)
class Panel:
    """Readers and models on the same cases. readers: scores (k, n), k of at least 2. models: scores (n,) by name."""

    readers: Array
    models: Mapping[str, Array]
    contest: Contest


def read_panel(panel: Panel) -> list[Estimate]:
    """The mean of the readers' AUCs, the AUC of their average score, each model against that mean, and hybrids.

    A model beats a reader where its AUC is greater. Hybrid: the average of the model's score and that of one
    reader, AUC taken for each reader and averaged. Intervals: patients are drawn and the readers are fixed;
    "readers drawn too" draws both, which speaks of readers in general, and so does the analysis of Obuchowski and
    Rockette (rule RANDOM), of the mean, of each model against it and of what a hybrid gains. With too few readers or
    patients (`mrmc.too_few`) no interval and no p is given, and each says so.
    """
    found = _estimates(panel)
    reason = too_few(len(panel.readers), panel.contest.truth, panel.contest.patients)
    return withheld(found, reason) if reason else found


def withheld(estimates: Sequence[Estimate], reason: str) -> list[Estimate]:
    """The same values without interval and p, each with the reason; counts are left as they are."""
    kept = [e for e in estimates if not e.name.startswith(P_VALUES)]
    return [e if e.unit == "reader" else replace(e, low=math.nan, high=math.nan, interval=reason,
                                                 rule=e.rule.split("; ")[0].removeprefix(BOOTSTRAPPED)) for e in kept]


def sound(estimate: Estimate, p: float) -> tuple[Estimate, float]:
    """Estimate and p as they are, or without interval and p where the interval has no width or misses the value."""
    # A rounding error does not put the value outside.
    if estimate.high - estimate.low > WIDTH and estimate.low - WIDTH <= estimate.value <= estimate.high + WIDTH:
        return estimate, p
    known = math.isfinite(estimate.low) and estimate.high - estimate.low > WIDTH
    return replace(estimate, low=math.nan, high=math.nan, interval=OUTSIDE if known else NOT_VARIED), math.nan


def with_p(pairs: Sequence[tuple[Estimate, float]]) -> list[Estimate]:
    """Each difference with its p, and Holm's, where there is a sound interval; no p without one."""
    found = corrected([sound(*pair) for pair in pairs])
    return [e for e in found if not (e.name.startswith(P_VALUES) and math.isnan(e.value))]


def _estimates(panel: Panel) -> list[Estimate]:
    contest, positive = panel.contest, panel.contest.positive
    count = len(panel.readers)
    drawn = _drawn(panel.readers, contest)
    mean = _estimate(f"mean of {count} readers' image AUC {positive}", auc_rows(panel.readers, contest.truth),
                     drawn.mean(axis=0), contest)
    average = area(f"image AUC {positive} of the readers' average score",
                   Ranking(panel.readers.mean(axis=0), contest.truth, contest.patients), contest.draws)
    found = [mean, _random_readers(mean, drawn, contest), replace(average, rule=f"average of {count} readers")]
    found += _analysed(panel)
    against = [_against(name, scores, panel, drawn) for name, scores in panel.models.items()]
    found += with_p(against)
    for name, scores in panel.models.items():
        found += [_beaten(name, scores, panel), _hybrid(name, scores, panel, drawn)]
    return found


def _analysed(panel: Panel) -> list[Estimate]:
    """The mean of the readers, each model against it and each hybrid's gain, with readers and cases random."""
    contest, count = panel.contest, len(panel.readers)
    areas, spread = contest.covariance(np.concatenate([panel.readers, *(s[None] for s in panel.models.values())]))
    own = reader_mean(areas[:count], spread[:count, :count])
    found = [_told(f"mean of {count} readers' image AUC {contest.positive}", own, contest)]
    against, gains = [], []
    for place, (name, scores) in enumerate(panel.models.items(), count):
        kept = [*range(count), place]
        gap = reader_mean(*difference_to(count, areas[kept], spread[np.ix_(kept, kept)]))
        title = f"difference in image AUC {contest.positive}: {name} - mean of the readers"
        against.append((_told(title, gap, contest), gap.p))
        more = _gain(scores, panel)
        title = f"difference in image AUC {contest.positive}: a reader with {name} - the reader alone"
        gains.append((_told(title, more, contest), more.p))
    return [*found, *with_p(against), *with_p(gains)]


def _gain(scores: Array, panel: Panel) -> ReaderMean:
    """What the readers gain with a model: the AUC of the average score less their own."""
    return gain(SHARE * scores + (1 - SHARE) * panel.readers, panel.readers, panel.contest)


def gain(aided: Array, without: Array, contest: Contest) -> ReaderMean:
    """The mean difference of the readers' AUCs, scores (k, n) with help less those without; readers, cases random."""
    count = len(without)
    areas, spread = contest.covariance(np.concatenate([aided, without]))
    contrast = np.hstack([np.eye(count), -np.eye(count)])
    return reader_mean(contrast @ areas, contrast @ spread @ contrast.T)


def gained(name: str, aided: Array, without: Array, contest: Contest) -> list[Estimate]:
    """`gain` as a difference of that name (it starts with "difference") with its p; withheld where too few."""
    mean = gain(aided, without, contest)
    found = with_p([(_told(name, mean, contest), mean.p)])
    reason = too_few(len(without), contest.truth, contest.patients)
    return withheld(found, reason) if reason else found


def mean_area(name: str, scores: Array, contest: Contest) -> Estimate:
    """The mean of the readers' AUCs, scores (k, n), readers and cases random; no interval where too few."""
    estimate = _told(name, reader_mean(*contest.covariance(scores)), contest)
    reason = too_few(len(scores), contest.truth, contest.patients)
    return withheld([estimate], reason)[0] if reason else estimate


def _told(name: str, found: ReaderMean, contest: Contest) -> Estimate:
    """An Estimate of a mean AUC (on the logit scale) or, by its name, of a mean difference (clipped to -1 to 1)."""
    how = f"t on {found.freedom:.1f} degrees of freedom, {'Obuchowski' if contest.clustered else 'DeLong'} covariance"
    if name.startswith("difference"):
        # With few readers the t interval is wide: a difference of two AUCs ends at -1 and 1.
        low, high = (float(np.clip(limit, -1.0, 1.0)) for limit in found.limits())
    else:
        (low, high), how = found.area_limits(), f"{how}, logit scale"
    return Estimate(name, found.value, low, high, rule=RANDOM, denominator=float(len(contest.truth)),
                    interval=how if low < high else NOT_VARIED)


def _drawn(scores: Array, contest: Contest) -> Array:
    """(k, resamples) AUCs of each row of scores on the shared draws."""
    return np.stack([contest.draws.run(contest.patients, area_of(row, contest.truth)) for row in scores])


def _estimate(name: str, areas: Array, drawn: Array, contest: Contest) -> Estimate:
    return Estimate(name, float(areas.mean()), *percentile(drawn), rule="readers fixed",
                    numerator=float(contest.truth.sum()), denominator=float(len(contest.truth)),
                    interval=contest.draws.text)


def _random_readers(mean: Estimate, drawn: Array, contest: Contest) -> Estimate:
    rng = np.random.default_rng(contest.draws.seed)
    chosen = rng.integers(0, len(drawn), drawn.shape)
    limits = percentile(np.take_along_axis(drawn, chosen, axis=0).mean(axis=0))
    return replace(mean, low=limits[0], high=limits[1], rule="readers drawn too",
                   interval=f"patient and reader bootstrap ({contest.draws.resamples}, seed {contest.draws.seed})")


def _against(name: str, scores: Array, panel: Panel, drawn: Array) -> tuple[Estimate, float]:
    contest = panel.contest
    own = _drawn(scores[None], contest)[0]
    gap = float(auc_rows(scores[None], contest.truth)[0] - auc_rows(panel.readers, contest.truth).mean())
    change = own - drawn.mean(axis=0)
    named = f"difference in image AUC {contest.positive}: {name} - mean of the readers"
    return Estimate(named, gap, *percentile(change),
                    rule=f"{BOOTSTRAPPED}readers fixed", denominator=float(len(contest.truth)),
                    interval=contest.draws.text), bootstrap_p(change)


def _beaten(name: str, scores: Array, panel: Panel) -> Estimate:
    truth = panel.contest.truth
    beaten = int((auc_rows(panel.readers, truth) < auc_rows(scores[None], truth)[0]).sum())
    return Estimate(f"readers with a smaller AUC than {name}", beaten / len(panel.readers), unit="reader",
                    numerator=float(beaten), denominator=float(len(panel.readers)), interval="a count")


def _hybrid(name: str, scores: Array, panel: Panel, drawn: Array) -> Estimate:
    """Mean over readers of the AUC of the average of reader and model, with its gain over the readers alone."""
    contest = panel.contest
    mixed = SHARE * scores + (1 - SHARE) * panel.readers
    together = _drawn(mixed, contest)
    more = percentile((together - drawn).mean(axis=0))
    found = _estimate(f"mean image AUC {contest.positive} of a reader with {name}", auc_rows(mixed, contest.truth),
                      together.mean(axis=0), contest)
    plus = found.value - float(auc_rows(panel.readers, contest.truth).mean())
    told = f"; {plus:+.3f} ({more[0]:+.3f} to {more[1]:+.3f}) over the readers alone, readers fixed"
    return replace(found, rule="average of reader and model" + (told if plus == plus else ""))
