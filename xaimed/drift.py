"""How far the explanations of two runs of the same cases differ: rank correlation of maps, corrected for chance.

A map of one run and the map of the same target in the other are laid on one grid (a box with its surroundings, or
the whole image) and correlated by rank. Chance is the same correlation with the other run's maps of other patients:
two methods that always draw the same blob agree by chance alone. Agreement is (rho - chance) / (1 - chance): 1 for
the same map, 0 for a map that is no more alike than another patient's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.likeness import spearman
from xaimed.stats import Estimate, Resampling, mean_interval

if TYPE_CHECKING:
    from xaimed.mapfile import MapEntry
    from xaimed.run import Run
    from xaimed.types import Floats

GRID, DONORS, SAME_BOX, SURROUND = 32, 4, 0.5, 1.0
Edges = tuple[float, float, float, float]
Vector = NDArray[np.float64]
NAME = "explanation agreement"


@dataclass(frozen=True, eq=False)
class Pair:
    """The two maps of one target of one case as vectors of one grid; None for a map that is constant or not finite."""

    case: str
    patient: str
    target: str
    method: str
    earlier: Vector | None
    new: Vector | None


@dataclass(frozen=True)
class Drift:
    """One target's maps: rho in [-1, 1], chance in [-1, 1], agreement (1 = same); NaN where a map says nothing."""

    case: str
    patient: str
    target: str
    method: str
    rho: float
    chance: float

    @property
    def agreement(self) -> float:
        """(rho - chance) / (1 - chance), NaN where chance is 1."""
        return (self.rho - self.chance) / (1 - self.chance) if self.chance < 1 else math.nan


def drifts(earlier: Run, new: Run) -> list[Drift]:
    """A row for each target and method that both runs explained, by case; none for runs without common maps."""
    pairs = [pair for case in map(str, earlier.cases["case"]) for pair in _pairs(earlier, new, case)]
    by_method: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_method.setdefault(pair.method, []).append(pair)
    return [_drift(pair, by_method[pair.method]) for pair in pairs]


def agreements(found: Sequence[Drift], resamples: int, seed: int) -> list[Estimate]:
    """The mean agreement of each method with its patient bootstrap; its count is of targets."""
    out = []
    for method in dict.fromkeys(d.method for d in found):
        kept = [d for d in found if d.method == method and math.isfinite(d.agreement)]
        group, rule = f"method={method}", "Spearman's rho of maps, corrected for other patients' maps"
        if not kept:
            out.append(Estimate(NAME, math.nan, unit="map", rule=rule, group=group, denominator=0.0,
                                interval="no pair of maps with contrast and a map of another patient"))
            continue
        values, owners = np.array([d.agreement for d in kept]), [d.patient for d in kept]
        low, high, how = mean_interval(values, owners, Resampling.of(owners, resamples, seed))
        out.append(Estimate(NAME, float(values.mean()), low, high, unit="map", rule=rule, group=group,
                            denominator=float(len(kept)), interval=how))
    return out


def _pairs(earlier: Run, new: Run, case: str) -> list[Pair]:
    patient = str(earlier.cases.set_index("case").at[case, "patient"])
    others = {(entry.target, entry.method): entry for entry in new.entries(case)}
    same = _same_targets(earlier.entries(case), new.entries(case))
    mirrored = _mirrored(earlier, case)
    return [Pair(case, patient, entry.target, entry.method, _vector(earlier, case, entry, mirrored),
                 _vector(new, case, others[same[entry.target], entry.method], mirrored))
            for entry in earlier.entries(case)
            if entry.target in same and (same[entry.target], entry.method) in others]


def _same_targets(first: Sequence[MapEntry], second: Sequence[MapEntry]) -> dict[str, str]:
    """The target of the second run for each of the first: the same name, or the box that overlaps it most.

    A box is the same target if its label is the same and the overlap (IoU) is at least SAME_BOX.
    """
    ours, theirs = ({entry.target: entry for entry in reversed(entries)} for entries in (first, second))
    found = {name: name for name, entry in ours.items() if entry.box is None and name in theirs
             and theirs[name].box is None}
    ranked = sorted(((-iou(a.box, b.box), name, other) for name, a in ours.items() for other, b in theirs.items()
                     if a.box is not None and b.box is not None and a.label == b.label))
    taken: set[str] = set()
    for overlap, name, other in ranked:
        if -overlap >= SAME_BOX and name not in found and other not in taken:
            found[name] = other
            taken.add(other)
    return found


def iou(a: Edges, b: Edges) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, tall)
    union = sum((e[2] - e[0]) * (e[3] - e[1]) for e in (a, b)) - shared
    return shared / union if union > 0 else 0.0


def _mirrored(run: Run, case: str) -> bool:
    """Whether the case shows a right side, which is mirrored so that both sides can be compared."""
    known = [name for name in ("group_side", "group_laterality") if name in run.cases]
    return bool(known) and str(run.cases.set_index("case").at[case, known[0]]).upper().startswith("R")


def _vector(run: Run, case: str, entry: MapEntry, mirrored: bool) -> Vector | None:
    grid = laid(run.map(case, entry.target, entry.method), entry.box, mirrored)
    useful = np.isfinite(grid).all() and float(np.ptp(grid)) > 1e-9 * float(np.abs(grid).max(initial=0.0))
    return grid.ravel() if useful else None


def laid(values: Floats, box: Edges | None, mirrored: bool) -> Vector:
    """float64 (GRID, GRID): the map in its box with SURROUND box sizes around it, or the whole map."""
    if box is None:
        grid = cv2.resize(values.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    else:
        rows, columns = (np.mgrid[:GRID, :GRID] + 0.5) / GRID * (1 + SURROUND) - SURROUND / 2
        x = (box[0] + columns * (box[2] - box[0]) - 0.5).astype(np.float32)
        y = (box[1] + rows * (box[3] - box[1]) - 0.5).astype(np.float32)
        grid = cv2.remap(values.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(grid[:, ::-1] if mirrored else grid, np.float64)


def _drift(pair: Pair, others: Sequence[Pair]) -> Drift:
    chance = [_rho(pair.earlier, other.new) for other in _donors(pair, others)]
    return Drift(pair.case, pair.patient, pair.target, pair.method, _rho(pair.earlier, pair.new),
                 float(np.mean(chance)) if chance else math.nan)


def _donors(pair: Pair, others: Sequence[Pair]) -> list[Pair]:
    """The next DONORS pairs of other patients that have a map, round the list; the same each time."""
    start = others.index(pair)
    around = [*others[start + 1:], *others[:start]]
    return [other for other in around if other.patient != pair.patient and other.new is not None][:DONORS]


def _rho(first: Vector | None, second: Vector | None) -> float:
    return math.nan if first is None or second is None else spearman(first, second)

