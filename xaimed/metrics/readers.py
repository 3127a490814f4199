"""Readers: several people on the same cases; their mean, their average score, and a model against and beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xaimed.metrics.comparison import Contest, area_of, bootstrap_p, corrected
from xaimed.metrics.mrmc import ReaderMean, difference_to, reader_mean
from xaimed.metrics.roc import Ranking, area
from xaimed.stats import Array, Estimate, auc_rows, percentile

SHARE = 0.5
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
    Rockette (rule RANDOM), of the mean, of each model against it and of what a hybrid gains.
    """
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
    found += corrected(against)
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
        gain = _gain(scores, panel)
        title = f"difference in image AUC {contest.positive}: a reader with {name} - the reader alone"
        gains.append((_told(title, gain, contest), gain.p))
    return [*found, *corrected(against), *corrected(gains)]


def _gain(scores: Array, panel: Panel) -> ReaderMean:
    """What the readers gain with a model: the AUC of the average score less their own."""
    count = len(panel.readers)
    mixed = SHARE * scores + (1 - SHARE) * panel.readers
    areas, spread = panel.contest.covariance(np.concatenate([mixed, panel.readers]))
    contrast = np.hstack([np.eye(count), -np.eye(count)])
    return reader_mean(contrast @ areas, contrast @ spread @ contrast.T)


def _told(name: str, found: ReaderMean, contest: Contest) -> Estimate:
    how = f"t on {found.freedom:.1f} degrees of freedom, {'Obuchowski' if contest.clustered else 'DeLong'} covariance"
    # With few readers the t interval is wide: an AUC ends at 0 and 1, a difference of two at -1 and 1.
    least = -1.0 if name.startswith("difference") else 0.0
    limits = [float(np.clip(limit, least, 1.0)) for limit in found.limits()]
    return Estimate(name, found.value, limits[0], limits[1], rule=RANDOM, denominator=float(len(contest.truth)),
                    interval=how if found.variance > 0 else "no variance can be estimated")


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
                    rule="p by patient bootstrap, readers fixed", denominator=float(len(contest.truth)),
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
    gain = percentile((together - drawn).mean(axis=0))
    found = _estimate(f"mean image AUC {contest.positive} of a reader with {name}", auc_rows(mixed, contest.truth),
                      together.mean(axis=0), contest)
    plus = found.value - float(auc_rows(panel.readers, contest.truth).mean())
    told = f"; {plus:+.3f} ({gain[0]:+.3f} to {gain[1]:+.3f}) over the readers alone, readers fixed"
    return replace(found, rule="average of reader and model" + (told if plus == plus else ""))
