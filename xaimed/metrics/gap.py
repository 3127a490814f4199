"""Gap: the difference between the best and the worst group of a kind, with an interval that holds for all pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged
from xaimed.metrics.matching import Matches
from xaimed.metrics.operating import AMONG, counts
from xaimed.metrics.roc import images
from xaimed.stats import Array, Bools, Estimate, auc, quantile, ratio

WIDTH = 1e-9
Drawn = Callable[[Array], Array]


def gaps(judged: Judged, matches: Matches, kind: str, cells: Sequence[Estimate]) -> list[Estimate]:
    """For each measure with a number in two groups or more of a kind: best minus worst group.

    cells: the estimates of all groups of the kind. The two groups are shown for being best and worst, so that the
    interval is one that holds for all pairs of the groups at once: however many they are, where all groups are alike
    it excludes 0 in one of twenty such comparisons.
    """
    found = []
    for name in dict.fromkeys(e.name for e in cells):
        shown = sorted((e for e in cells if e.name == name and e.value == e.value), key=lambda e: (e.value, e.group))
        if len(shown) > 1:
            found.append(_gap(judged, matches, kind, shown))
    return found


def _gap(judged: Judged, matches: Matches, kind: str, shown: Sequence[Estimate]) -> Estimate:
    """shown: the cells of one measure from the worst group up."""
    values, best, worst = judged.evidence.groups[kind], shown[-1], shown[0]
    drawn = []
    for cell in shown:
        inside = np.asarray(values == cell.group.partition("=")[2], bool)
        drawn.append(judged.draws.run(judged.evidence.patients, _measure(judged, matches, cell.name, inside)))
    half = simultaneous(np.stack(drawn), shown)
    value = best.value - worst.value
    how = judged.draws.text + (f", held for all pairs of {len(shown)} groups" if len(shown) > 2 else "")
    return Estimate(f"gap between groups of {kind} ({best.name})", value, max(-1.0, value - half),
                    min(1.0, value + half), best.unit,
                    f"best minus worst group: {best.group.partition('=')[2]} - {worst.group.partition('=')[2]}",
                    denominator=(best.denominator or 0) + (worst.denominator or 0),
                    interval=how if half == half else "no interval: a group is empty in most draws, or has none")


def simultaneous(drawn: Array, cells: Sequence[Estimate], level: float = 0.95) -> float:
    """Half the width of the interval of the last of the groups minus the first, held for all pairs of groups at once.

    drawn: (groups, draws) values of each group; cells: their estimates. The greatest standardised difference of any
    two groups in a draw, from that of the cells, gives the factor of the standard error (max-t bootstrap, as Tukey's
    range). A group of which every draw is the same has the error of its own limits. NaN where there is none.
    """
    kept = np.isfinite(drawn).all(axis=0)
    if kept.sum() * 2 < drawn.shape[1]:
        return math.nan
    moved = drawn[:, kept] - np.array([[e.value] for e in cells])
    still = np.array([_still(e, row) for e, row in zip(cells, drawn[:, kept], strict=True)])
    one, other = np.triu_indices(len(cells), 1)
    apart = moved[other] - moved[one]
    spread = np.sqrt(apart.var(axis=1) + still[one] + still[other])
    if not (spread > 0).all():
        return math.nan
    factor = max(quantile(level), float(np.quantile(np.abs(apart / spread[:, None]).max(axis=0), level)))
    last = (one == 0) & (other == len(cells) - 1)
    # A group that is best by chance varies less than it should, near the end of the scale: never below the plain range.
    return max(factor * float(spread[last][0]), float(np.quantile(np.abs(apart).max(axis=0), level)))


def _still(cell: Estimate, drawn: Array) -> float:
    """The variance that the limits of a group stand for, where its draws do not vary; else 0."""
    if float(np.ptp(drawn)) > WIDTH:
        return 0.0
    return (max(cell.value - cell.low, cell.high - cell.value) / quantile(cell.level)) ** 2


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
