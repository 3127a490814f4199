"""What speaks for and against the maps of each case, from the stored scores alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xaimed.metrics.axis import CONTROLS
from xaimed.metrics.concordance import GRID
from xaimed.metrics.concordance import NAME as CONCORDANCE
from xaimed.tables import places
from xaimed.viz import wording
from xaimed.viz.charts import plain_name

if TYPE_CHECKING:
    from xaimed.run import Run

GAP_LIMIT = 0.01
UNJUDGED = "gate NOT ASSESSED"
ALIKE = 0.2
NO_MAP, NO_PASS, MISSES, INCOMPLETE, DIFFER = ("no map judged", "no method passed its gate", "maps miss the lesion",
                                               "attributions do not add up", "methods differ")
HALF = "half of the methods or more failed their gate"
RULES = ("Low trust: half or more of the methods that explain the case failed their randomisation gate, or none passed "
         "it; half or more of the maps of those that passed have their maximum outside the lesion; each of those "
         "that promise to add up to the model's output misses it by "
         f"more than {GAP_LIMIT:.0%}; or the methods differ: their rank correlation is below {ALIKE:g}. Rank "
         "correlation of methods: Spearman's rho between the strengths of the maps (absolute values) of every two "
         f"methods of one target, on the tissue in {GRID} x {GRID} squares, the mean over pairs and targets: 1 for the "
         "same order of places, 0 for "
         "unrelated maps; controls left out. Empty where fewer than two methods made a map, or the run is of a version "
         "that did not measure it.")


def trust(run: Run) -> pd.DataFrame:
    """rank_correlation, trust, low_trust by case; trust: badges in words, "; " between them; low_trust: whether one
    of them speaks against the maps. rank_correlation: -1 to 1, NaN below two methods or where it was not measured."""
    names = run.cases["case"]
    index = pd.RangeIndex(len(names))
    # Cases by their place: to group very many rows by words takes seconds.
    rows = run.scores.assign(case=places(run.scores["case"], names))
    rows = rows[(rows["case"] >= 0) & (rows["condition"] == "clean") & (rows["method"] != "")
                & ~rows["method"].isin(CONTROLS)]
    alike = rank_correlation(rows).reindex(index)
    known = wording.gates(run.scores)
    told = pd.DataFrame({"gates": _gates(known, rows).reindex(index)})
    against = _against(known, rows, index)
    against[DIFFER] = alike < ALIKE
    badges = told["gates"].astype(object).fillna(NO_MAP)
    for name, bad in against.items():
        # Where no gate was asked for, none failed; such a map is trusted no more for that.
        said = bad & (badges != UNJUDGED) if name == NO_PASS else bad
        number = " (rank correlation " + alike[said].astype(object).map("{:.2f}".format) + ")" if name == DIFFER else ""
        badges[said] = badges[said] + f"; {name}" + number
    low = np.logical_or.reduce([bad.to_numpy(bool) for bad in against.values()])
    return pd.DataFrame({"rank_correlation": alike, "trust": badges, "low_trust": low}).set_index(pd.Index(names))


def rank_correlation(rows: pd.DataFrame) -> pd.Series[float]:
    """For each case with the maps of two methods or more: Spearman's rho between methods, the mean over its targets."""
    kept = rows[(rows["metric"] == CONCORDANCE) & rows["value"].notna()]
    # Each method's value is the mean over its pairs, so their mean is that over all pairs.
    found: pd.Series[float] = kept.groupby(["case", "target"], sort=False)["value"].mean().groupby(level="case").mean()
    return found


def _gates(known: Mapping[str, str], rows: pd.DataFrame) -> pd.Series[str]:
    """For each case with a judged map "gate 2 of 4": how many of its methods with a gate passed it, and how many
    had none; UNJUDGED where no method had one. known: of `wording.gates`."""
    used = rows[["case", "method"]].drop_duplicates()
    judged, passed = (used["method"].isin([name for name, gate in known.items() if gate in outcomes])
                      for outcomes in (("pass", "fail"), ("pass",)))
    counts = pd.DataFrame({"passed": passed, "judged": judged}).astype(int).groupby(used["case"]).sum()
    told = "gate " + counts["passed"].astype(str) + " of " + counts["judged"].astype(str)
    left = used.groupby("case").size() - counts["judged"]
    told = told.where(left == 0, told + ", " + left.astype(str) + " not assessed")
    failed = used[used["method"].isin([name for name, gate in known.items() if gate == "fail"])]
    names = failed["method"].map(plain_name).groupby(failed["case"]).agg(", ".join).reindex(told.index)
    told = told.where(names.isna(), told + "; failed: " + names.fillna("").astype(str))
    return told.where(counts["judged"] > 0, UNJUDGED)


def _against(known: Mapping[str, str], rows: pd.DataFrame, index: pd.Index[int]) -> dict[str, pd.Series[bool]]:
    """What speaks against the maps, for each case."""
    good = rows[rows["method"].isin([method for method, gate in known.items() if gate == "pass"])]
    explained, trusted = (pd.Series(index.isin(own["case"]), index=index) for own in (rows, good))
    aim = good[(good["metric"] == "pointing_game") & good["value"].notna()].groupby("case")["value"].mean()
    sums = good[(good["metric"] == "completeness") & good["value"].notna()]
    gap = sums["value"].abs().groupby(sums["case"]).min()
    return {NO_PASS: explained & ~trusted, HALF: _half_failed(known, rows).reindex(index, fill_value=False) & trusted,
            MISSES: (aim <= 0.5).reindex(index, fill_value=False),
            INCOMPLETE: (gap > GAP_LIMIT).reindex(index, fill_value=False)}


def _half_failed(known: Mapping[str, str], rows: pd.DataFrame) -> pd.Series[bool]:
    """For each case with maps of gated methods whether half of them or more failed."""
    used = rows[["case", "method"]].drop_duplicates()
    judged = used[used["method"].isin([name for name, gate in known.items() if gate in ("pass", "fail")])]
    share: pd.Series[float] = (judged["method"].map(known) == "fail").groupby(judged["case"]).mean()
    return share >= 0.5
