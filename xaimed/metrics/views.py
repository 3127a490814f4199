"""Views: a lesion that was filmed in several views counts once: found in any of them, or in every one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.evidence import Indices
from xaimed.metrics.froc import POINTS, Steps, sensitivities
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import DUPLICATE, TRUE, Matches, match
from xaimed.stats import Array, Estimate, Results, proportion


@dataclass(frozen=True)
class Views:
    """Lesions over their views, where the reference names them; and marks that repeat a lesion, always."""

    name: str = "views"
    order: int = 36
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "a lesion seen on CC and MLO is one lesion: found in either view, or in each"

    def __call__(self, judged: Judged) -> Results:
        """Estimates by the first hit rule; none without boxes."""
        if not judged.evidence.boxed:
            return Results()
        rule = judged.options.hit_rules[0]
        matches = match(*judged.regions(rule), rule)
        found = [repeats(matches, judged)]
        if judged.lesion_names:
            found += _over_views(matches, judged)
        return Results(tuple(replace(e, rule=rule) for e in found))


def repeats(matches: Matches, judged: Judged) -> Estimate:
    """Marks at the operating point that hit a lesion which a better mark had found, of all marks that hit one."""
    marks = judged.evidence.marks
    above = marks.scores >= judged.operating_point
    again = ((matches.outcome == DUPLICATE) & above).astype(np.float64)
    hit = (np.isin(matches.outcome, (TRUE, DUPLICATE)) & above).astype(np.float64)
    owners = [judged.evidence.patients[i] for i in marks.image]
    name = "marks that repeat a lesion at the operating point"
    if not owners:
        return Estimate(name, np.nan, unit="mark", denominator=0.0, interval="no mark")
    return replace(proportion(name, again, hit, owners, judged.draws), unit="mark")


def _over_views(matches: Matches, judged: Judged) -> list[Estimate]:
    found = judged.evidence
    keys = [f"{found.patients[i]}\t{name or f'?{n}'}"
            for n, (i, name) in enumerate(zip(matches.image, judged.lesion_names, strict=True))]
    kept = found.located[matches.image]
    _, index = np.unique(np.asarray(keys, object).astype(str)[kept], return_inverse=True)
    score, image = matches.score[kept], matches.image[kept]
    count = int(index.max(initial=-1)) + 1
    first = np.full(count, len(found.cases), np.int64)
    np.minimum.at(first, index, image)
    best, worst = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(best, index, score)
    np.minimum.at(worst, index, score)
    several = np.bincount(index, minlength=count) > 1
    owners = [found.patients[i] for i in first]
    return [_share("lesions found in any view at the operating point", best, np.ones(count), owners, judged),
            _share("lesions found in every view at the operating point, of those in several views", worst,
                   several.astype(np.float64), owners, judged),
            *_froc(matches, judged, first, best)]


def _share(name: str, score: Array, counted: Array, owners: list[str], judged: Judged) -> Estimate:
    hit = (score >= judged.operating_point) * counted
    return replace(proportion(name, hit, counted, owners, judged.draws), unit="lesion")


def _froc(matches: Matches, judged: Judged, first: Indices, best: Array) -> list[Estimate]:
    found = judged.evidence
    every = Steps.of(matches, found.located, found.located)
    steps = replace(every, hit_image=first, hit_score=best)
    wanted = {f"sensitivity at {rate:g} false positives per image, lesion in any view" for rate in POINTS}
    return [e for e in sensitivities(steps, found.patients, judged.draws, ", lesion in any view") if e.name in wanted]


METRIC = Views()
