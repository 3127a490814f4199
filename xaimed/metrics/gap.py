"""Gap: the difference between the best and the worst group of a kind, with an interval on the same draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import Matches
from xaimed.metrics.operating import AMONG, counts
from xaimed.metrics.roc import images
from xaimed.stats import Array, Bools, Estimate, auc, percentile, ratio

Drawn = Callable[[Array], Array]


def gaps(judged: Judged, matches: Matches, kind: str, cells: Sequence[Estimate]) -> list[Estimate]:
    """For each measure with a number in two groups or more of a kind: best minus worst group.

    cells: the estimates of all groups of the kind. The two groups were chosen for being best and worst, so that the
    interval is too favourable to a gap where there are many groups.
    """
    found = []
    for name in dict.fromkeys(e.name for e in cells):
        shown = sorted((e for e in cells if e.name == name and e.value == e.value), key=lambda e: (e.value, e.group))
        if len(shown) > 1:
            found.append(_gap(judged, matches, kind, (shown[-1], shown[0])))
    return found


def _gap(judged: Judged, matches: Matches, kind: str, ends: tuple[Estimate, Estimate]) -> Estimate:
    best, worst = ends
    values = judged.evidence.groups[kind]
    parts = []
    for end in ends:
        inside = np.asarray(values == end.group.partition("=")[2], bool)
        parts.append(judged.draws.run(judged.evidence.patients, _measure(judged, matches, end.name, inside)))
    low, high = percentile(parts[0] - parts[1])
    groups = f"{best.group.partition('=')[2]} - {worst.group.partition('=')[2]}"
    how = judged.draws.text if low == low else "no interval: a group is empty in most draws"
    return Estimate(f"gap between groups of {kind} ({best.name})", best.value - worst.value, low, high, best.unit,
                    f"best minus worst group: {groups}", denominator=(best.denominator or 0) + (worst.denominator or 0),
                    interval=how)


def _measure(judged: Judged, matches: Matches, name: str, inside: Bools) -> Drawn:
    """The measure as a statistic of image weights (R, n)."""
    found, positive = judged.evidence, judged.options.positive
    if name.startswith("lesion"):
        steps = Steps.of(matches, inside & found.located, inside & found.located)
        hit = (steps.hit_score >= judged.operating_point).astype(np.float64)
        return lambda w: ratio(w[:, steps.hit_image] @ hit, w[:, steps.hit_image].sum(axis=1))
    _, known = found.truth_of(positive)
    kept = np.flatnonzero(known & inside)
    if "AUC" in name:
        ranking = images(found, positive)
        chosen = inside[known]
        return lambda w: auc(ranking.scores[chosen], ranking.positive[chosen], w[:, kept])
    top, bottom = (part[inside[known]] for part in counts(judged, AMONG).shares()[name])
    return lambda w: ratio(w[:, kept] @ top, w[:, kept] @ bottom)
