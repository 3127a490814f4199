"""How the views of one patient hang side by side: the right breast on the left, back to back, CC before MLO.

Pure functions of a table and of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xaimed.types import Floats

if TYPE_CHECKING:
    import pandas as pd

SIDES, VIEWS = ("R", "L"), ("CC", "MLO")
MOST = 4
EDGE = 0.08  # share of the columns at either border that is compared to find the chest wall
CLEAR = 1.25  # how much brighter the chest wall's border must be than the other


@dataclass(frozen=True)
class Hung:
    """One view on the screen: its case, and side ("R", "L") and view ("CC", "MLO") or "" where not known."""

    case: str
    side: str = ""
    view: str = ""

    @property
    def title(self) -> str:
        """"R CC", or the case where side or view are not known."""
        return f"{self.side} {self.view}" if self.side and self.view else self.case


def hanging(cases: pd.DataFrame, case: str) -> tuple[Hung, ...]:
    """The views of the patient of `case` from left to right: R CC, L CC, R MLO, L MLO, as far as they are there.

    cases: `Run.cases`. Only `case` where its side or view is not told, or where the patient has two images of one
    view, since it is not known then which belong to one examination.
    """
    row = cases[cases["case"] == case].iloc[0]
    own = Hung(case, _told(row, "group_side", SIDES), _told(row, "group_view", VIEWS))
    if not (own.side and own.view) or not str(row["patient"]):
        return (own,)
    same = [Hung(str(other["case"]), _told(other, "group_side", SIDES), _told(other, "group_view", VIEWS))
            for _, other in cases[cases["patient"] == row["patient"]].iterrows()]
    known = [hung for hung in same if hung.side and hung.view]
    if len({hung.title for hung in known}) < len(known):
        return (own,)
    return tuple(sorted(known, key=lambda hung: (VIEWS.index(hung.view), SIDES.index(hung.side))))


def _told(row: pd.Series[str], column: str, known: tuple[str, ...]) -> str:
    value = str(row[column]).upper() if column in row.index else ""
    return value if value in known else ""


def chest_side(image: Floats) -> str:
    """"left" or "right": the border at which the breast meets the chest wall; "" if neither is clearly brighter.

    image: (C, H, W) or (H, W), values from 0 up.
    """
    plane = image.reshape(-1, *image.shape[-2:]).mean(axis=0, dtype=np.float64)
    reach = max(1, round(plane.shape[1] * EDGE))
    left, right = float(plane[:, :reach].mean()), float(plane[:, -reach:].mean())
    if max(left, right) < CLEAR * min(left, right) or left == right:
        return ""
    return "left" if left > right else "right"


def mirrored(side: str, image: Floats) -> bool:
    """Whether a view has to be mirrored, so that a right breast has its chest wall on the right, a left on the left."""
    wall = chest_side(image)
    return (side, wall) in {("R", "left"), ("L", "right")}
