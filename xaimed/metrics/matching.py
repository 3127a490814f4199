"""Which box of the model found which lesion: hit rules and one-to-one matching."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from xaimed.errors import unknown
from xaimed.metrics.evidence import Indices, Regions
from xaimed.stats import Array, Bools

HIT_RULES = ("centre in box", "IoU >= 0.2", "IoU >= 0.5")
KINDS = ("centre in box", "IoU >= 0.2", "IoBB >= 0.5", "distance <= 10 mm", "distance <= 50 px")
NUMBERED = re.compile(r"(IoU|IoBB) >= (0?\.\d+|1(?:\.0+)?)|distance <= (\d+(?:\.\d+)?) (mm|px)")
FALSE, TRUE, DUPLICATE, IGNORED = 0, 1, 2, 3
SLACK = 1e-9
DIGITS = 9


@dataclass(frozen=True, eq=False)
class Matches:
    """The outcome of matching L lesions with M marks.

    image, score, mark: (L,) of each lesion its image, the score of the mark that found it (-inf: none did)
    and that mark's index (-1). outcome: (M,) FALSE, TRUE, DUPLICATE or IGNORED.
    false_image, false_score: of each false positive.
    """

    image: Indices
    score: Array
    mark: Indices
    outcome: Indices
    false_image: Indices
    false_score: Array


def hit_test(rule: str) -> Callable[[Array, Array], Bools]:
    """The test of a hit rule on (n, 4) marks and (n, 4) lesions, pair by pair; equality counts as a hit.

    rule: "centre in box" (the mark's centre lies in the lesion's box), "IoU >= x", "IoBB >= x" (the share of the
    mark's box that lies on the lesion's) with x in (0, 1], or "distance <= r px" or "mm" (between the centres; for mm
    the boxes have to be in mm). Raises NotFound for another rule.
    """
    if rule == "centre in box":
        return centre_inside
    found = NUMBERED.fullmatch(rule)
    limit = float(found[2] or found[3]) if found else 0.0
    if found is None or limit <= 0:
        raise unknown("hit rule", rule, KINDS)
    if found[3]:
        return lambda marks, lesions: distance(marks, lesions) <= limit + SLACK
    measure = overlap if found[1] == "IoU" else covered
    return lambda marks, lesions: measure(marks, lesions) >= limit - SLACK


def in_mm(rule: str) -> bool:
    """Whether a hit rule needs boxes in mm."""
    return rule.endswith(" mm")


def centre_inside(marks: Array, lesions: Array) -> Bools:
    """(n,) whether the centre of each mark lies in its lesion's box, edges included."""
    x, y = (marks[:, 0] + marks[:, 2]) / 2, (marks[:, 1] + marks[:, 3]) / 2
    inside: Bools = (lesions[:, 0] <= x) & (x <= lesions[:, 2]) & (lesions[:, 1] <= y) & (y <= lesions[:, 3])
    return inside


def distance(a: Array, b: Array) -> Array:
    """(n,) distance between the centres of boxes a and b (n, 4), pair by pair, in the unit of the boxes."""
    apart: Array = np.hypot(a[:, 0] + a[:, 2] - b[:, 0] - b[:, 2], a[:, 1] + a[:, 3] - b[:, 1] - b[:, 3]) / 2
    return apart


def covered(marks: Array, lesions: Array) -> Array:
    """(n,) share of each mark's box that lies on the lesion's box, pair by pair, in [0, 1] (IoBB)."""
    share: Array = shared_area(marks, lesions) / ((marks[:, 2] - marks[:, 0]) * (marks[:, 3] - marks[:, 1]))
    return share


def shared_area(a: Array, b: Array) -> Array:
    """(n,) area that boxes a and b (n, 4) have in common, pair by pair."""
    wide = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    high = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    area: Array = np.clip(wide, 0, None) * np.clip(high, 0, None)
    return area


def overlap(a: Array, b: Array) -> Array:
    """(n,) intersection over union of boxes a and b (n, 4), pair by pair, in [0, 1]."""
    shared = shared_area(a, b)
    areas: Array = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]) + (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union: Array = shared / (areas - shared)
    return union


def pairs(marks: Regions, lesions: Regions) -> tuple[Indices, Indices]:
    """Indices of mark and lesion for all pairs that share an image."""
    order = np.argsort(lesions.image, kind="stable")
    ranked = lesions.image[order]
    first = np.searchsorted(ranked, marks.image, "left")
    count = np.searchsorted(ranked, marks.image, "right") - first
    mark = np.repeat(np.arange(len(marks)), count)
    step = np.arange(len(mark)) - np.repeat(np.cumsum(count) - count, count)
    return mark, order[np.repeat(first, count) + step]


def hits(marks: Regions, lesions: Regions, rule: str) -> tuple[Indices, Indices]:
    """Indices of mark and lesion for all pairs of one image in which the mark hits the lesion."""
    mark, lesion = pairs(marks, lesions)
    kept = hit_test(rule)(marks.boxes[mark], lesions.boxes[lesion])
    return mark[kept], lesion[kept]


def match(lesions: Regions, marks: Regions, ignored: Regions, rule: str,
          class_aware: bool = False) -> Matches:
    """Which mark found which lesion, at every threshold at once.

    From the highest score down, a mark is credited with one lesion that it hits and that is not yet found
    (of several, the one it overlaps most, then one of its own class). Marks of equal score find as many lesions
    together as they can. Further marks on a found lesion are duplicates, and marks on an
    ignored region (by the rule, or with the centre in it) are ignored: neither counts as a false positive.
    class_aware: a mark can only hit lesions of its own label, and is a false positive elsewhere.
    """
    mark, lesion = hits(marks, lesions, rule)
    if class_aware:
        same = marks.labels[mark] == lesions.labels[lesion]
        mark, lesion = mark[same], lesion[same]
    outcome = np.full(len(marks), FALSE, np.int64)
    for other in (rule, "centre in box"):
        outcome[hits(marks, ignored, other)[0]] = IGNORED
    outcome[mark] = DUPLICATE
    found = _credited(marks, lesions, mark, lesion)
    scores = np.full(len(lesions), -np.inf)
    scores[found >= 0] = marks.scores[found[found >= 0]]
    outcome[found[found >= 0]] = TRUE
    wrong = outcome == FALSE
    return Matches(lesions.image, scores, found, outcome, marks.image[wrong], marks.scores[wrong])


def _credited(marks: Regions, lesions: Regions, mark: Indices, lesion: Indices) -> Indices:
    """For each lesion the mark that found it, or -1; the order of the rows does not matter.

    Pairs come by falling score, then overlap, then own class, then the nearer centre, and last by their place in the
    image. Marks of one score find as many lesions together as they can, see `_rearranged`.
    """
    found, used = np.full(len(lesions), -1, np.int64), set[int]()
    order = _ranked(marks, lesions, mark, lesion)
    credited = ((int(mark[i]), int(lesion[i])) for i in order)
    for _, group in groupby(credited, lambda pair: float(marks.scores[pair[0]])):
        tied = [(one, other) for one, other in group if found[other] < 0]
        open_to: dict[int, list[int]] = {}
        for one, other in tied:
            open_to.setdefault(one, []).append(other)
            if found[other] < 0 and one not in used:
                found[other] = one
                used.add(one)
        for one in open_to:
            if one not in used and _rearranged(one, open_to, found, set()):
                used.add(one)
    return found


def _ranked(marks: Regions, lesions: Regions, mark: Indices, lesion: Indices) -> Indices:
    """The order in which pairs of mark and lesion are credited."""
    a, b = marks.boxes[mark], lesions.boxes[lesion]
    other = np.asarray(marks.labels[mark] != lesions.labels[lesion], bool)
    # Rounded: equal overlaps that were computed from other numbers differ in the last digit.
    keys = (*b.T[::-1], *a.T[::-1], distance(a, b).round(DIGITS), other, -overlap(a, b).round(DIGITS),
            -marks.scores[mark])
    return np.lexsort(keys)


def _rearranged(mark: int, open_to: dict[int, list[int]], found: Indices, tried: set[int]) -> bool:
    """Give a mark a lesion, perhaps one whose mark of equal score finds another (augmenting path, Berge 1957)."""
    for lesion in open_to[mark]:
        if lesion in tried:
            continue
        tried.add(lesion)
        if found[lesion] < 0 or _rearranged(int(found[lesion]), open_to, found, tried):
            found[lesion] = mark
            return True
    return False
