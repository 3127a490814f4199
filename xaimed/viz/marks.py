"""The boxes of a case as a viewer shows them: what was found, missed or wrong, and the target that its map explains.

Pure functions of a run's tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xaimed.mapfile import MapEntry
from xaimed.metrics.matching import centre_inside
from xaimed.probes.schedule import spread
from xaimed.viz.matched import EDGES, Matched
from xaimed.viz.overlay import Kind
from xaimed.viz.worklist import operating_point

if TYPE_CHECKING:
    from xaimed.run import Run

NORMAL = "normal"
# What a screen reader says of each kind; false: no reference holds its centre, missed: no detection that counts has
# its centre in it (the rule of the worklist), whether or not maps were made.
SAID: dict[Kind, str] = {"detection": "detection", "false": "detection, no reference there",
                         "below": "detection below the operating point", "truth": "reference box",
                         "missed": "reference box, missed by the model"}
# What stands before the words of a box: nothing may be told by its line alone.
BEFORE: dict[Kind, str] = {"false": "false positive: ", "below": "weaker: ", "missed": "missed: "}


@dataclass(frozen=True)
class Boxed:
    """A box of a case: edges x0, y0, x1, y1 in original pixels, its words, and the target whose maps explain it.

    kind: "detection" or "false" (a false positive) at the operating point, "below" it, "truth" (a reference) or
    "missed" (one that no detection hit). target: "" where no map was made for the box.
    """

    edges: tuple[float, float, float, float]
    text: str
    kind: Kind
    target: str = ""

    @property
    def spoken(self) -> str:
        """What a screen reader says of the box: what stands on it, so that it can be named aloud, and then more."""
        return f"{self.shown}: {SAID[self.kind]}" + ("; shows its map" if self.target else "; no map")

    @property
    def shown(self) -> str:
        """What stands on the box."""
        return BEFORE.get(self.kind, "") + self.text


def boxes(run: Run, case: str, entries: Sequence[MapEntry]) -> list[Boxed]:
    """The detections of the plain image and the reference boxes of a case; entries: its maps."""
    found, truth = run.predictions, run.truth
    found = found[(found["case"] == case) & (found["condition"] == "clean") & found["x0"].notna()]
    truth = truth[(truth["case"] == case) & truth["x0"].notna()]
    counted = found["score"] >= operating_point(run)
    boxes = Matched(truth, found[counted])
    missed, false = set(boxes.missed["target"]), set(boxes.false["target"])
    # A lesion whose place nobody gave may be where a detection is: that is no false positive.
    false = false if len(truth) or _without_lesion(run, case) else set()
    explained = {entry.target for entry in entries}
    lesions = {entry.box: entry.target for entry in entries if is_missed(entry)}
    drawn = [Boxed(_edges(row), f"{row['label']} {row['score']:.2f}", _kind(counts, row["target"] in false),
                   str(row["target"]) if row["target"] in explained else "")
             for (_, row), counts in zip(found.iterrows(), counted, strict=True)]
    return drawn + [Boxed(_edges(row), f"reference {row['label']}", "missed" if row["target"] in missed else "truth",
                          lesions.get(_edges(row), "")) for _, row in truth.iterrows()]


def _kind(counts: bool, false: bool) -> Kind:
    return "below" if not counts else "false" if false else "detection"


def _without_lesion(run: Run, case: str) -> bool:
    """Whether a case without a reference box is known to have no lesion, as metrics.evidence takes it."""
    return bool((run.cases.loc[run.cases["case"] == case, "label"] == NORMAL).any())


def is_missed(entry: MapEntry) -> bool:
    """Whether the map explains a missed lesion: a reference box that the model did not report."""
    return entry.box is not None and entry.target[:1] == "m" and entry.target[1:].isdigit()


def missed_at(run: Run, case: str, entry: MapEntry) -> str:
    """What the model said at a missed lesion, in words: its best box whose centre lies in the lesion, or that none is.

    entry: of a missed lesion (`is_missed`). Why its score is below the operating point stands in numbers.
    """
    rows = run.predictions
    rows = rows[(rows["case"] == case) & (rows["condition"] == "clean") & rows["x0"].notna()]
    inside = centre_inside(rows[list(EDGES)].to_numpy(float), np.array([entry.box] * len(rows), float).reshape(-1, 4))
    if not inside.any():
        there = f"score there {entry.score:.3f}, " if math.isfinite(entry.score) else ""
        return f"{there}no box of the model lies on it"
    best = rows[inside].sort_values("score", ascending=False, kind="stable").iloc[0]
    named = "" if best["label"] == entry.label else f" as {best['label']}"
    return (f"the model saw it{named} at {best['score']:.3f}, below the operating point "
            f"{operating_point(run):.3f}")


def no_map(run: Run, case: str, detected: bool, missed: int) -> str:
    """Why a case has no map, in a few words that begin small.

    detected: whether a box reaches the operating point. missed: the lesions that none found.
    """
    explaining = run.plan.get("explaining", {})
    if not explaining.get("methods"):
        return "the plan of this audit names no attribution method"
    if run.meta.get("model", {}).get("task") == "detection" and not detected and not missed:
        return "nothing at or above the operating point, nothing missed"
    count = int(explaining.get("cases", 0))
    if case not in spread([str(name) for name in run.cases["case"]], count):
        return f"the plan explains {count} of {len(run.cases)} cases, evenly spread, and not this one"
    return f"none was made for the missed {'lesion' if missed == 1 else 'lesions'}" if missed else "none was made"


def _edges(row: pd.Series[float]) -> tuple[float, float, float, float]:
    return (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
