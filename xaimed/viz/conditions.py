"""What other conditions do to a run: tables of change in the model's scores, and of the robustness of its maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xaimed.plural import plural
from xaimed.stats import Resampling, mean_interval
from xaimed.viz.names import pretty
from xaimed.viz.worklist import operating_point

if TYPE_CHECKING:
    from xaimed.run import Run

CLEAN = "clean"
# A table audit keeps the outputs of other models as conditions of that name.
OTHER_MODEL = "model "
RESAMPLES = 500
COLUMNS = ["name", "value", "low", "high", "count", "flipped"]
# Stems of the metrics that ask whether a map stays, and which way is better.
STABLE = {"repeatability": "higher", "reproducibility": "higher", "map_convergence": "higher",
          "max_sensitivity": "lower"}


def changes(run: Run) -> pd.DataFrame:
    """A row a condition: name, value (mean change of a case's highest score), low, high, count, flipped.

    flipped: how many cases cross the operating point. Interval: patient bootstrap, 500 draws, seed 0. A case without
    any detection has the score 0. Empty where only the clean condition was measured.
    """
    names = [name for name in dict.fromkeys(run.predictions["condition"].astype(str))
             if name != CLEAN and not name.startswith(OTHER_MODEL)]
    best = run.predictions.groupby(["condition", "case"])["score"].max()
    clean = best.loc[CLEAN] if CLEAN in best.index else pd.Series(dtype=float)
    owner = run.cases.set_index("case")["patient"].astype(str)
    rows = [_row(name, clean, best.loc[name], owner, operating_point(run)) for name in names]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(name: str, clean: pd.Series[float], other: pd.Series[float], owner: pd.Series[str],
         point: float) -> tuple[object, ...]:
    # A condition speaks of the cases that it was measured on: those with any detection under either condition.
    cases = clean.index.union(other.index)
    before, after = (found.reindex(cases, fill_value=0.0).to_numpy(float) for found in (clean, other))
    moved = after - before
    patients = [str(owner.get(case, case)) for case in cases]
    low, high, _ = mean_interval(moved, patients, Resampling.of(patients, RESAMPLES, 0))
    flipped = int(((before >= point) != (after >= point)).sum())
    return pretty(name), float(moved.mean()), low, high, plural(len(cases), "case"), flipped


def map_robustness(run: Run) -> pd.DataFrame:
    """A row for each metric of the stability of maps and each method: better, median, quartiles, maps."""
    rows = run.scores[(run.scores["case"] != "") & run.scores["value"].notna()]
    stems = rows["metric"].astype(str).str.split("[").str[0]
    rows = rows[stems.isin(list(STABLE))]
    found = []
    for (metric, method), own in rows.groupby(["metric", "method"], sort=False)["value"]:
        low, middle, high = np.percentile(own.to_numpy(float), (25, 50, 75))
        found.append((pretty(str(metric)), pretty(str(method)), STABLE[str(metric).partition("[")[0]], middle, low,
                      high, len(own)))
    return pd.DataFrame(found, columns=["metric", "method", "better", "median", "low quartile", "high quartile",
                                        "maps"])
