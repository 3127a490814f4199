"""The boxes of a case as a viewer shows them, each with the target that its map explains.

Pure functions of a run's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from xaimed.mapfile import MapEntry
from xaimed.viz.worklist import operating_point

if TYPE_CHECKING:
    from xaimed.run import Run

Kind = Literal["detection", "below", "truth"]


@dataclass(frozen=True)
class Boxed:
    """A box of a case: edges x0, y0, x1, y1 in original pixels, its words, and the target whose maps explain it.

    kind: "detection", "below" (the operating point) or "truth". target: "" where no map was made for the box.
    missed: a reference box that no detection hit.
    """

    edges: tuple[float, float, float, float]
    text: str
    kind: Kind
    target: str = ""
    missed: bool = False

    @property
    def spoken(self) -> str:
        """What a screen reader says of the box: what stands on it, so that it can be named aloud, and then more."""
        kinds = {"detection": "detection", "below": "detection below the operating point", "truth": "reference box"}
        told = "missed by the model, " if self.missed else ""
        return f"{self.shown}: {told}{kinds[self.kind]}" + ("; shows its map" if self.target else "; no map")

    @property
    def shown(self) -> str:
        """What stands on the box."""
        return f"missed: {self.text}" if self.missed else self.text


def boxes(run: Run, case: str, entries: Sequence[MapEntry]) -> list[Boxed]:
    """The detections of the plain image and the reference boxes of a case; entries: its maps."""
    explained = {entry.target for entry in entries}
    missed = {entry.box: entry.target for entry in entries if is_missed(entry)}
    point = operating_point(run)
    found = run.predictions
    found = found[(found["case"] == case) & (found["condition"] == "clean") & found["x0"].notna()]
    drawn = [Boxed(_edges(row), f"{row['label']} {row['score']:.2f}", "detection" if row["score"] >= point else "below",
                   str(row["target"]) if row["target"] in explained else "") for _, row in found.iterrows()]
    truth = run.truth[(run.truth["case"] == case) & run.truth["x0"].notna()]
    return drawn + [_reference(row, missed) for _, row in truth.iterrows()]


def is_missed(entry: MapEntry) -> bool:
    """Whether the map explains a missed lesion: a reference box that the model did not report."""
    return entry.box is not None and entry.target[:1] == "m" and entry.target[1:].isdigit()


def _reference(row: pd.Series[float], missed: dict[tuple[float, float, float, float] | None, str]) -> Boxed:
    edges = _edges(row)
    return Boxed(edges, f"reference {row['label']}", "truth", missed.get(edges, ""), edges in missed)


def _edges(row: pd.Series[float]) -> tuple[float, float, float, float]:
    return (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
