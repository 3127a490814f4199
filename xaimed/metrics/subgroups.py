"""Subgroups: the headline measures by site, density, view ..., with cells that are too small left empty."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xaimed.metrics.froc import Steps, at_point
from xaimed.metrics.gap import gaps
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import Matches, match
from xaimed.metrics.operating import AMONG, Counts, counts
from xaimed.metrics.roc import Ranking, area, images
from xaimed.stats import Bools, Estimate, Results


@dataclass(frozen=True)
class Subgroups:
    """Image AUC, sensitivity, specificity and lesion sensitivity of each group of each kind."""

    name: str = "subgroups"
    order: int = 50
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "the measures of the whole set, within groups; small cells suppressed"

    def __call__(self, judged: Judged) -> Results:
        """Estimates with group "site=A"; a kind with one group only is left out.

        A cell with fewer positives (or for specificity negatives) than `smallest_cell` has value NaN, its
        count as denominator and interval "suppressed: ...".
        """
        found: list[Estimate] = []
        matches = match(*judged.regions(judged.options.hit_rules[0]), judged.options.hit_rules[0])
        for kind, values in judged.evidence.groups.items():
            names = sorted({str(v) for v in values if v})
            for name in names if len(names) > 1 else []:
                inside = np.asarray(values == name, bool)
                found += [replace(e, group=f"{kind}={name}") for e in _cell(judged, matches, inside)]
            found += gaps(judged, matches, kind, [e for e in found if e.group.startswith(f"{kind}=")])
        return Results(tuple(found))


def _cell(judged: Judged, matches: Matches, inside: Bools) -> list[Estimate]:
    options, evidence = judged.options, judged.evidence
    truth, known = evidence.truth_of(options.positive)
    whole = images(evidence, options.positive)
    kept = inside[known]
    owners = [p for p, keep in zip(whole.patients, kept, strict=True) if keep]
    ranking = Ranking(whole.scores[kept], whole.positive[kept], owners)
    yes, no = int((truth & known & inside).sum()), int((~truth & known & inside).sum())
    auc = area(f"image AUC {options.positive}", ranking, judged.draws)
    found = [_shown(auc, min(yes, no), options.smallest_cell)]
    rows = _within(counts(judged, AMONG), kept).estimates(judged.draws)
    table = {e.name: replace(e, rule=AMONG) for e in rows}
    found += [_shown(table["sensitivity"], yes, options.smallest_cell),
              _shown(table["specificity"], no, options.smallest_cell)]
    if evidence.boxed:
        places = inside & evidence.located
        steps = Steps.of(matches, places, places)
        lesion = replace(at_point(steps, judged)[0], rule=options.hit_rules[0])
        found.append(_shown(lesion, len(steps.hit_score), options.smallest_cell))
    return found


def _within(every: Counts, kept: Bools) -> Counts:
    owners = tuple(p for p, keep in zip(every.patients, kept, strict=True) if keep)
    return Counts(every.tp[kept], every.fn[kept], every.fp[kept], every.tn[kept], owners)


def _shown(estimate: Estimate, count: int, least: int) -> Estimate:
    if count >= least:
        return estimate
    return replace(estimate, value=math.nan, low=math.nan, high=math.nan, numerator=None,
                   denominator=float(count), interval=f"suppressed: {count} counted, fewer than {least}")


METRIC = Subgroups()
