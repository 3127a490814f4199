"""The axis: how faithful each method's maps are on this model, against how accurate the model is.

Explainability of a method is the mean over cases of a skill: m is the insertion area minus the deletion area
of a map, averaged over the fills that both have; the null is m of a map of random numbers for the same
target; skill = (m - null) / (1 - null). 0 is as good as random, 1 the most there could be; it is not clipped.
A method that fails the randomisation gate gets no number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.roc import Ranking, area, images
from xaimed.stats import Array, Resampling, auc, percentile, ratio

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

NULL = "random_map"
CONTROLS = (NULL, "sobel")
COLUMNS = ("method", "accuracy", "accuracy_low", "accuracy_high", "accuracy_name", "explainability",
           "explainability_low", "explainability_high", "gate", "cases", "correlation", "null")
FAITHFULNESS = r"^(insertion|deletion)_auc\[(.+)\]$"


@dataclass(frozen=True, eq=False)
class _Accuracy:
    """The image AUC and its values on the shared draws."""

    name: str
    value: float
    low: float
    high: float
    drawn: Array


def axis(run: Run, options: JudgeOptions | None = None) -> pd.DataFrame:
    """One row a method with the columns COLUMNS; no row for a run without maps that were tested.

    accuracy: image AUC of the positive class. explainability: mean skill, NaN if the gate failed. gate:
    "pass", "fail" or "NOT ASSESSED". cases: those that gave a skill. correlation: of both values over the
    same draws of patients, for a joint ellipse. null: "random_map", or "none" where that was not run, and
    then the skill is m itself. options: by default those of the run's plan. Random and edge maps are
    controls and get no row.
    """
    import pandas as pd

    chosen = options or _options(run)
    skills = case_skills(run.scores)
    draws = Resampling.of([str(p) for p in run.cases["patient"]], chosen.resamples, chosen.seed)
    accuracy = _accuracy(run, chosen, draws) if len(skills) else None
    owner = dict(zip(run.cases["case"], map(str, run.cases["patient"]), strict=True))
    rows = [] if accuracy is None else [
        _row(str(method), own, (owner, draws, accuracy)) | {"gate": gate_of(run.scores, str(method))}
        for method, own in skills.groupby("method", sort=True) if method not in CONTROLS]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.loc[table["gate"] == "fail", ["explainability", "explainability_low", "explainability_high",
                                        "correlation"]] = np.nan
    return table


def _options(run: Run) -> JudgeOptions:
    plan, usual = run.plan.get("judging", {}), JudgeOptions()
    return JudgeOptions(resamples=int(plan.get("resamples", usual.resamples)),
                        seed=int(run.plan.get("seed", usual.seed)),
                        positive=str(plan.get("positive", usual.positive)))


def case_skills(scores: pd.DataFrame) -> pd.DataFrame:
    """The skill of each method on each case: columns method, case, skill, null.

    A map that gave no number where the random map gave one counts as skill 0: no better than random.
    """
    rows = scores[(scores["condition"] == "clean") & (scores["case"] != "")]
    parts = rows["metric"].str.extract(FAITHFULNESS)
    rows = rows.assign(kind=parts[0], fill=parts[1]).dropna(subset=["kind"])
    keys = ["case", "target", "method"]
    both = rows.groupby([*keys, "fill", "kind"])["value"].mean().unstack("kind")
    both = both.reindex(columns=["insertion", "deletion"])
    gain = (both["insertion"] - both["deletion"]).groupby(level=keys).mean().rename("m").reset_index()
    random = gain.loc[gain["method"] == NULL, ["case", "target", "m"]].rename(columns={"m": "base"})
    known = len(random) > 0
    gain = gain.merge(random, on=["case", "target"], how="left") if known else gain.assign(base=0.0)
    m, base = gain["m"].to_numpy(np.float64), gain["base"].to_numpy(np.float64)
    m = np.where(np.isfinite(m) | (not known), m, base)
    skill = np.divide(m - base, 1 - base, out=np.full(len(m), np.nan), where=base < 1 - 1e-6)
    found = gain.assign(skill=skill, null=NULL if known else "none").dropna(subset=["skill"])
    return found.groupby(["method", "case", "null"], sort=True, as_index=False)["skill"].mean()


def gate_of(scores: pd.DataFrame, method: str) -> str:
    """What the randomisation gate said of a method: "pass", "fail" or "NOT ASSESSED"."""
    rows = scores[(scores["method"] == method) & (scores["metric"] == "gate") & (scores["condition"] == "clean")]
    values = rows["value"].to_numpy(np.float64)
    if not len(values) or not np.isfinite(values).all():
        return "NOT ASSESSED"
    return "pass" if values.min() >= 1 else "fail"


def _accuracy(run: Run, options: JudgeOptions, draws: Resampling) -> _Accuracy:
    found = evidence(run.cases, run.truth, run.predictions, options.ignored_cases, options.ignored_labels)
    ranking: Ranking = images(found, options.positive)
    whole = area(f"image AUC {options.positive}", ranking, draws)
    drawn = draws.run(ranking.patients, lambda w: auc(ranking.scores, ranking.positive, w))
    return _Accuracy(whole.name, whole.value, whole.low, whole.high, drawn)


def _row(method: str, own: pd.DataFrame, shared: tuple[dict[str, str], Resampling, _Accuracy]
         ) -> dict[str, str | float | int]:
    owner, draws, accuracy = shared
    values = own["skill"].to_numpy(np.float64)
    drawn = draws.run([owner[case] for case in own["case"]], lambda w: ratio(w @ values, w.sum(axis=1)))
    low, high = percentile(drawn)
    if len({owner[case] for case in own["case"]}) < 2:
        low = high = math.nan
    return {"method": method, "accuracy": accuracy.value, "accuracy_low": accuracy.low,
            "accuracy_high": accuracy.high, "accuracy_name": accuracy.name,
            "explainability": float(values.mean()), "explainability_low": low, "explainability_high": high,
            "cases": len(values), "correlation": correlation(accuracy.drawn, drawn), "null": str(own["null"].iloc[0])}


def correlation(a: Array, b: Array) -> float:
    """The correlation of two statistics over the draws on which both are finite; NaN where one does not vary."""
    kept = np.isfinite(a) & np.isfinite(b)
    if kept.sum() < 3 or np.ptp(a[kept]) == 0 or np.ptp(b[kept]) == 0:
        return math.nan
    return float(np.corrcoef(a[kept], b[kept])[0, 1])
