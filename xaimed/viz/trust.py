"""What speaks for and against the maps of each case, from the stored scores alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xaimed.metrics.axis import CONTROLS
from xaimed.viz import wording

if TYPE_CHECKING:
    from xaimed.run import Run

GAP_LIMIT = 0.01
DISAGREE = 0.4
COMPARED = ("energy_in_lesion", "deletion_auc[", "insertion_auc[")
NO_MAP, NO_PASS, MISSES, INCOMPLETE, DIFFER = ("no map judged", "no method passed its gate", "maps miss the lesion",
                                               "attributions do not add up", "methods differ")
RULES = ("Low trust: no method that explains the case passed its randomisation gate; the maps of those that did have "
         "their maximum outside the lesion; each of those that promise to add up to the model's output misses it by "
         f"more than {GAP_LIMIT:.0%}; or the methods differ by more than {DISAGREE:g}. Methods differ: for energy in "
         "the lesion and for deletion and insertion area, the largest value of a method less the smallest, averaged "
         "over what was measured; controls left out.")


def trust(run: Run) -> pd.DataFrame:
    """disagreement, trust, low_trust by case; trust: badges in words, "; " between them; low_trust: whether one of
    them speaks against the maps. disagreement: 0 to 1, NaN below two methods."""
    index = pd.Index(run.cases["case"].astype(str), name="case")
    rows = run.scores[(run.scores["case"] != "") & (run.scores["condition"] == "clean") & (run.scores["method"] != "")
                      & ~run.scores["method"].isin(CONTROLS)]
    apart = disagreement(rows).reindex(index)
    told = pd.DataFrame({"gates": _gates(run, rows).reindex(index)})
    against = _against(run, rows, index)
    against[DIFFER] = apart > DISAGREE
    badges = told["gates"].fillna(NO_MAP)
    for name, bad in against.items():
        badges = badges.where(~bad, badges + f"; {name}")
    low = np.logical_or.reduce([bad.to_numpy(bool) for bad in against.values()])
    return pd.DataFrame({"disagreement": apart, "trust": badges, "low_trust": low}, index=index)


def disagreement(rows: pd.DataFrame) -> pd.Series[float]:
    """For each case how far apart the methods are: range over methods by target and metric, then the mean."""
    kept = rows[rows["metric"].astype(str).str.startswith(COMPARED) & rows["value"].notna()]
    means = kept.groupby(["case", "target", "metric", "method"], sort=False)["value"].mean()
    sides = means.groupby(level=["case", "target", "metric"], sort=False).agg(["min", "max", "count"])
    apart = (sides["max"] - sides["min"])[sides["count"] > 1]
    found: pd.Series[float] = apart.groupby(level="case").mean()
    return found


def _gates(run: Run, rows: pd.DataFrame) -> pd.Series[str]:
    """For each case with a judged map: "gate 2 of 4", how many of its methods passed the randomisation gate."""
    used = rows[["case", "method"]].drop_duplicates()
    passed = used["method"].isin(_passing(run)).astype(int)
    counts = passed.groupby(used["case"]).agg(["sum", "count"])
    return "gate " + counts["sum"].astype(str) + " of " + counts["count"].astype(str)


def _passing(run: Run) -> list[str]:
    return [method for method, gate in wording.gates(run.scores).items() if gate == "pass"]


def _against(run: Run, rows: pd.DataFrame, index: pd.Index[str]) -> dict[str, pd.Series[bool]]:
    """What speaks against the maps, for each case."""
    good = rows[rows["method"].isin(_passing(run))]
    explained, trusted = (_named(own["case"], index) for own in (rows, good))
    aim = good[(good["metric"] == "pointing_game") & good["value"].notna()].groupby("case")["value"].max()
    sums = good[(good["metric"] == "completeness") & good["value"].notna()]
    gap = sums["value"].abs().groupby(sums["case"]).min()
    return {NO_PASS: explained & ~trusted, MISSES: (aim <= 0).reindex(index, fill_value=False),
            INCOMPLETE: (gap > GAP_LIMIT).reindex(index, fill_value=False)}


def _named(cases: pd.Series[str], index: pd.Index[str]) -> pd.Series[bool]:
    """For each case of the index whether it is among `cases`; isin of many words would take seconds."""
    return pd.Series(data=True, index=pd.Index(cases.unique())).reindex(index, fill_value=False)
