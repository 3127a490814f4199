"""The measure by which a task that answers in pixels is judged first: its value for each case, and its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from xaimed.answers import PIXELS

if TYPE_CHECKING:
    from xaimed.run import Run

# The first that a run holds is its measure; whether more of it is better.
FIRST = {"Dice": True, "SSIM": True, "target registration error": False}
LENGTHS = ("target registration error", "error before registration", "HD95")


def name_of(run: Run) -> str:
    """The measure of the run's answers in pixels; "" for other tasks, or where none was made."""
    if run.meta.get("model", {}).get("task") not in PIXELS:
        return ""
    known = set(run.scores.loc[run.scores["method"].fillna("") == "", "metric"].astype(str))
    return next((name for name in FIRST if name in known), "")


def values(run: Run, name: str) -> pd.Series[float]:
    """The value of each case, the mean over its targets such as the classes of a segmentation."""
    rows = run.scores[(run.scores["method"].fillna("") == "") & (run.scores["metric"] == name)
                      & (run.scores["condition"] == "clean") & (run.scores["case"] != "")]
    means: pd.Series[float] = rows.groupby("case")["value"].mean()
    return means


def unit(run: Run, name: str) -> str:
    """The unit of a measure: for a length "mm", "px" where no spacing is known, "mm or px" where some are; else ""."""
    if not name.startswith(LENGTHS):
        return ""
    known = run.cases["spacing_mm"].notna()
    return "mm" if bool(known.all()) else "mm or px" if bool(known.any()) else "px"
