"""The worklist: one row a case with what went well and wrong, and filters on it.

Pure functions of a run's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xaimed.metrics.matching import centre_inside

if TYPE_CHECKING:
    from xaimed.run import Run

EDGES = ["x0", "y0", "x1", "y1"]
HIT_RULE = "centre in box"


@dataclass(frozen=True)
class Filter:
    """Which cases to keep. outcomes, labels: empty for all. groups: column to values. energy: upper limit."""

    outcomes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    energy: float | None = None
    text: str = ""


def worklist(run: Run) -> pd.DataFrame:
    """A row a case: case, label, outcome, score, says, lesions, missed, false_positives, energy, group_...

    score, says: the highest score of the model and its class. missed: lesions that no detection at the
    operating point hits by centre in box, whatever its class; false_positives: detections that hit none.
    energy: the mean of `energy_in_lesion` over the case's maps. For a classifier missed and false_positives
    are 0 and the outcome compares the classes.
    """
    point = operating_point(run)
    table = run.cases[["case", "label"]].copy()
    table = table.merge(_best(run.predictions), on="case", how="left")
    boxes = run.predictions[run.predictions["x0"].notna() & (run.predictions["condition"] == "clean")]
    lesions = run.truth[run.truth["x0"].notna()]
    found = hits(lesions, boxes[boxes["score"] >= point])
    for name, counts in (("lesions", lesions.groupby("case").size()), *found.items()):
        table[name] = table["case"].map(counts).fillna(0).astype(int)
    table["energy"] = table["case"].map(_energy(run.scores))
    is_detection = str(run.meta.get("model", {}).get("task", "detection")) == "detection"
    table.insert(2, "outcome", _outcomes(table) if is_detection else _classified(table))
    groups = [name for name in run.cases.columns if name.startswith("group_")]
    return table.merge(run.cases[["case", *groups]], on="case", how="left")


def operating_point(run: Run) -> float:
    """The score from which on the model reports something, as the model's file says; 0.5 if it does not."""
    return float(run.meta.get("model", {}).get("operating_point", 0.5))


def hits(lesions: pd.DataFrame, marks: pd.DataFrame) -> dict[str, pd.Series[int]]:
    """For each case the number of `missed` lesions and of `false_positives`; marks: detections that count."""
    pairs = lesions[["case", "target", *EDGES]].merge(marks[["case", "target", *EDGES]], on="case",
                                                     suffixes=("", "_mark"))
    inside = centre_inside(pairs[[f"{e}_mark" for e in EDGES]].to_numpy(float), pairs[EDGES].to_numpy(float))
    hit = pairs[inside]
    missed = _without(lesions, hit[["case", "target"]])
    false = _without(marks, hit[["case", "target_mark"]].rename(columns={"target_mark": "target"}))
    return {"missed": missed.groupby("case").size(), "false_positives": false.groupby("case").size()}


def _without(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    known = pd.MultiIndex.from_frame(found[["case", "target"]])
    return rows[~pd.MultiIndex.from_frame(rows[["case", "target"]]).isin(known)]


def _best(predictions: pd.DataFrame) -> pd.DataFrame:
    clean = predictions[predictions["condition"] == "clean"]
    best = clean.sort_values("score", ascending=False, kind="stable").drop_duplicates("case")
    return best[["case", "score", "label"]].rename(columns={"label": "says"})


def _energy(scores: pd.DataFrame) -> pd.Series[float]:
    rows = scores[(scores["metric"] == "energy_in_lesion") & (scores["case"] != "")]
    means: pd.Series[float] = rows.groupby("case")["value"].mean()
    return means


def _outcomes(table: pd.DataFrame) -> list[str]:
    """What happened in each case, in parts: "missed lesion" or "found", "false positive"; "clear" if nothing."""
    lesion = np.select([table["missed"] > 0, table["lesions"] > 0], ["missed lesion", "found"], "")
    false = np.where(table["false_positives"] > 0, "false positive", "")
    return [", ".join(part for part in pair if part) or "clear" for pair in zip(lesion, false, strict=True)]


def _classified(table: pd.DataFrame) -> list[str]:
    right, known = table["label"] == table["says"], table["label"].notna()
    return [str(name) for name in np.select([~known, right], ["no reference", "right class"], "wrong class")]


def filtered(table: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """The rows of a worklist that pass the filter; an outcome matches the rows that contain it."""
    keep = pd.Series(data=True, index=table.index)
    if wanted.outcomes:
        keep &= table["outcome"].map(lambda told: any(o in str(told).split(", ") for o in wanted.outcomes))
    if wanted.labels:
        keep &= table["label"].fillna("not known").isin(list(wanted.labels))
    for column, values in wanted.groups.items():
        keep &= table[column].isin(list(values)) if values else True
    if wanted.energy is not None:
        keep &= table["energy"] < wanted.energy
    if wanted.text:
        keep &= table["case"].str.contains(wanted.text, case=False, regex=False)
    return table[keep]


def outcomes_of(table: pd.DataFrame) -> list[str]:
    """The single outcomes that occur in a worklist, such as "missed lesion"."""
    return sorted({part for told in table["outcome"] for part in str(told).split(", ")})


def gravest(table: pd.DataFrame) -> str:
    """The case of a worklist to look at first, "" if it is empty.

    Most missed lesions first, then a wrong class, then most false positives; among equals the one with the highest
    score of the model, then the first in the list.
    """
    if table.empty:
        return ""
    ranks = pd.DataFrame({"missed": table["missed"], "wrong": table["outcome"] == "wrong class",
                          "false": table["false_positives"], "score": table["score"].fillna(-1.0)})
    order = ranks.sort_values(list(ranks.columns), ascending=False, kind="stable").index
    return str(table.loc[order[0], "case"])
