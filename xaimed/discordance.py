"""Where two models differ on the same cases: lesion sensitivity at shared rates, and the cases that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from xaimed.metrics.comparison import LesionContest, compare_lesions
from xaimed.metrics.evidence import Evidence
from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.matching import Matches, match
from xaimed.metrics.operating import called_positive
from xaimed.stats import Array, Estimate, Resampling

if TYPE_CHECKING:
    from xaimed.run import Run

NEW, EARLIER = "new", "earlier"
Which = Literal["new", "earlier"]


@dataclass(frozen=True)
class Discordant:
    """A case on which the two models differ: what differs, and which of them is right.

    earlier, new: their scores of the positive class for the image.
    """

    case: str
    patient: str
    label: str
    what: str
    right: Which
    earlier: float
    new: float


@dataclass(frozen=True, eq=False)
class Duel:
    """Two runs of the same cases, their evidence in the same order (earlier, new), and how they are judged."""

    runs: tuple[Run, Run]
    found: tuple[Evidence, Evidence]
    options: JudgeOptions

    @property
    def bars(self) -> tuple[float, float]:
        """The operating points."""
        return operating_point(self.runs[0]), operating_point(self.runs[1])

    @property
    def scores(self) -> tuple[Array, Array]:
        """The scores (n,) of the positive class for every image."""
        return self.found[0].score(self.options.positive), self.found[1].score(self.options.positive)

    def matches(self, which: int) -> Matches:
        """What the model marked, against the lesions, by the first hit rule."""
        rule, found = self.options.hit_rules[0], self.found[which]
        known = self.runs[which].cases.set_index("case")["spacing_mm"]
        spacing = known.loc[list(found.cases)].to_numpy(np.float64)
        judged = Judged(found, self.bars[which], self.options, Resampling.of(found.patients, 1, 0), spacing)
        return match(*judged.regions(rule), rule)


def operating_point(run: Run) -> float:
    """The score from which the run's model counts a case or box as positive; 0.5 where it has none."""
    point = run.meta.get("model", {}).get("operating_point")
    return float(point) if isinstance(point, int | float) else 0.5


def lesion_differences(duel: Duel) -> list[Estimate]:
    """The difference in lesion sensitivity at the rates that both curves reach, by the first hit rule."""
    found, options = duel.found, duel.options
    if not len(found[0].lesions):
        return []
    owners = found[0].patients
    old, new = (Steps.of(duel.matches(i), found[i].located, found[i].located) for i in (0, 1))
    return compare_lesions(LesionContest({NEW: new, EARLIER: old}, options.hit_rules[0], len(found[0].lesions), owners,
                                         Resampling.of(owners, options.resamples, options.seed),
                                         patients_with(found[0])))


def patients_with(found: Evidence) -> int:
    """How many patients have a lesion."""
    return len({found.patients[i] for i in found.lesions.image})


def discordant(duel: Duel) -> list[Discordant]:
    """Images that one model calls right and the other wrong, then lesions that one finds and the other misses."""
    positive = duel.options.positive
    truth, known = duel.found[0].truth_of(positive)
    old, new = (called_positive(e, positive, bar) for e, bar in zip(duel.found, duel.bars, strict=True))
    rows = []
    for i in np.flatnonzero(known & (old != new)):
        right: Which = "new" if new[i] == truth[i] else "earlier"
        said = "positive" if new[i] else "negative"
        rows.append(_row(duel, int(i), f"image called {said} by the new model only", right))
    return rows + _lesions(duel)


def _lesions(duel: Duel) -> list[Discordant]:
    lesions = duel.found[0].lesions
    old, new = (duel.matches(i).score >= duel.bars[i] for i in (0, 1))
    out = []
    for i in np.flatnonzero(old != new):
        right: Which = "new" if new[i] else "earlier"
        what = f"{lesions.labels[i]} lesion found by the {right} model only ({duel.options.hit_rules[0]})"
        out.append(_row(duel, int(lesions.image[i]), what, right))
    return out


def _row(duel: Duel, image: int, what: str, right: Which) -> Discordant:
    found, (old, new) = duel.found[0], duel.scores
    return Discordant(found.cases[image], found.patients[image], str(found.labels[image]), what, right,
                      float(old[image]), float(new[image]))
