"""The worklist: one row a case with what went well and wrong, and filters, order and pages of it.

Pure functions of a run's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xaimed.errors import unknown
from xaimed.metrics.matching import centre_inside
from xaimed.viz import trust

if TYPE_CHECKING:
    from xaimed.run import Run

EDGES = ["x0", "y0", "x1", "y1"]
HIT_RULE = "centre in box"
LABELLED = ("classification", "multilabel", "anomaly", "energy", "discrimination")
ONE_CLASS = ("anomaly", "energy")  # from the operating point on the model says its class, below it "normal"
NOT = "not "  # what a model of one scored class says below the operating point, where several others exist
KINDS = ("false negatives", "false positives", "low trust", "with feedback", "readers do not agree")
GRAVEST = "gravest first"
ORDERS = (GRAVEST, "case", "score", "rank_correlation", "energy", "missed", "false_positives", "outcome", "label",
          "run")


@dataclass(frozen=True)
class Filter:
    """Which cases to keep. kind: of KINDS, "" for all. outcomes, labels: empty for all. groups: column to values.

    energy: upper limit. text: what the case's name, reference, class, trust or a group contains.
    """

    kind: str = ""
    outcomes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    energy: float | None = None
    text: str = ""


def worklist(run: Run) -> pd.DataFrame:
    """A row a case: run, case, patient, label, outcome, score, says, lesions, missed, false_positives, energy,
    rank_correlation, trust, low_trust, group_...

    score, says: the highest score of the model and its class; of a single scored class the other one below the
    operating point. missed: lesions that no detection at the
    operating point hits by centre in box, whatever its class; false_positives: detections that hit none.
    energy: the mean of `energy_in_lesion` over the case's maps. rank_correlation, trust: of `trust`. For a classifier
    the outcome compares the classes, and where the plan names the positive class missed and false_positives are 0
    or 1; for other tasks nothing is counted.
    """
    table = run.cases[["case", "patient", "label"]].copy()
    table.insert(0, "run", run.path.name)
    table = table.merge(_best(run.predictions), on="case", how="left")
    for name, counts in _counted(run).items():
        table[name] = table["case"].map(counts).fillna(0).astype(int)
    table["energy"] = table["case"].map(_energy(run.scores))
    told = trust.trust(run)
    for name in told:
        table[name] = table["case"].map(told[name])
    task = str(run.meta.get("model", {}).get("task", "detection"))
    below = _below(run, task)
    if below:
        table["says"] = table["says"].where(~(table["score"] < operating_point(run)), below)
    if task in LABELLED:
        _count_classes(table, str(run.plan.get("judging", {}).get("positive", "")))
    table.insert(4, "outcome", _classified(table) if task in LABELLED else
                 _outcomes(table) if task == "detection" else "not counted")
    groups = [name for name in run.cases.columns if name.startswith("group_")]
    return table.merge(run.cases[["case", *groups]], on="case", how="left")


def _counted(run: Run) -> dict[str, pd.Series[int]]:
    """For each case the number of lesions, of missed ones and of false positives."""
    boxes = run.predictions[run.predictions["x0"].notna() & (run.predictions["condition"] == "clean")]
    lesions = run.truth[run.truth["x0"].notna()]
    return {"lesions": lesions.groupby("case").size(),
            **hits(lesions, boxes[boxes["score"] >= operating_point(run)])}


def _below(run: Run, task: str) -> str:
    """What the model says below the operating point where it scores a single class; "" where it scores several."""
    if task in ONE_CLASS:
        return "normal"
    rows = run.predictions
    scored = set(rows.loc[(rows["condition"] == "clean") & rows["x0"].isna(), "label"].dropna().astype(str))
    if task not in LABELLED or len(scored) != 1:
        return ""
    others = {str(name) for name in run.meta.get("model", {}).get("classes", ())} - scored
    return others.pop() if len(others) == 1 else NOT + scored.pop()


def _count_classes(table: pd.DataFrame, positive: str) -> None:
    """Count a wrong answer about the positive class as missed or as a false positive."""
    if positive not in set(table["label"]):
        return
    truth, says = table["label"] == positive, table["says"] == positive
    table["missed"] = (truth & ~says & table["says"].notna()).astype(int)
    table["false_positives"] = (~truth & says & table["label"].notna()).astype(int)


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
    """The comparison of the classes, and what it means for the positive one: "wrong class, missed"."""
    known = table["label"].notna() & table["says"].notna()
    # "not malignant" is right for every other class.
    denied = table["says"].fillna("").str.startswith(NOT) & (NOT + table["label"].fillna("") != table["says"])
    right = (table["label"] == table["says"]) | denied
    classes = np.select([~known, right], ["no reference", "right class"], "wrong class")
    kinds = np.select([table["missed"] > 0, table["false_positives"] > 0], ["missed", "false positive"], "")
    return [", ".join(part for part in pair if part) for pair in zip(classes, kinds, strict=True)]


def filtered(table: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """The rows of a worklist that pass the filter; an outcome matches the rows that contain it."""
    keep = _of_kind(table, wanted.kind)
    if wanted.outcomes:
        keep &= _one_of(table["outcome"], wanted.outcomes)
    if wanted.labels:
        keep &= table["label"].fillna("not known").isin(list(wanted.labels))
    for column, values in wanted.groups.items():
        keep &= table[column].isin(list(values)) if values else True
    if wanted.energy is not None:
        keep &= table["energy"] < wanted.energy
    if wanted.text:
        keep &= _contains(table, wanted.text)
    return table[keep]


def _of_kind(table: pd.DataFrame, kind: str) -> pd.Series[bool]:
    every = pd.Series(data=True, index=table.index)
    opinions = table["feedback"] if "feedback" in table else pd.Series("", index=table.index)
    kept = {"": every, "false negatives": table["missed"] > 0, "false positives": table["false_positives"] > 0,
            "low trust": table["low_trust"].astype(bool), "with feedback": opinions != "",
            "readers do not agree": opinions.str.contains("wrong")}
    if kind not in kept:
        raise unknown("kind of case", kind, KINDS)
    return every & kept[kind]


def _one_of(outcomes: pd.Series[str], wanted: Sequence[str]) -> pd.Series[bool]:
    """Whether an outcome has one of the parts; looked up once for each outcome that occurs."""
    fits = {told: any(part in str(told).split(", ") for part in wanted) for told in outcomes.unique()}
    return outcomes.map(fits).astype(bool)


def _contains(table: pd.DataFrame, text: str) -> pd.Series[bool]:
    """Whether a column of words contains the text; columns of few different words are looked up once for each."""
    found = table["case"].str.contains(text, case=False, regex=False)
    for name in ("label", "says", "trust", *(name for name in table if name.startswith("group_"))):
        words = table[name].dropna().astype(str)
        fits = [word for word in words.unique() if text.casefold() in word.casefold()]
        if fits:
            found |= table[name].astype(str).isin(fits)
    return found


def ordered(table: pd.DataFrame, by: str = GRAVEST, descending: bool = False) -> pd.DataFrame:
    """The rows in an order of ORDERS; rows without a value last, equal ones as they stood.

    Gravest first: most missed lesions, then a wrong class, then most false positives, then the highest score.
    """
    if by == GRAVEST:
        return table.loc[_gravity(table).index[:: -1 if descending else 1]]
    if by not in table:
        raise unknown("order", by, ORDERS)
    return table.sort_values(by, ascending=not descending, kind="stable", na_position="last")


def page(places: NDArray[np.int64], number: int, size: int) -> tuple[NDArray[np.int64], int]:
    """The places on page `number` (from 1, the nearest one that exists) and the count of pages, at least 1."""
    pages = max(1, -(-len(places) // size))
    first = (min(max(1, number), pages) - 1) * size
    return places[first: first + size], pages


def outcomes_of(table: pd.DataFrame) -> list[str]:
    """The single outcomes that occur in a worklist, such as "missed lesion"."""
    return sorted({part for told in table["outcome"].unique() for part in str(told).split(", ")})


def gravest(table: pd.DataFrame) -> str:
    """The case of a worklist to look at first, "" if it is empty."""
    return "" if table.empty else str(ordered(table)["case"].iloc[0])


def _gravity(table: pd.DataFrame) -> pd.DataFrame:
    wrong = _one_of(table["outcome"], ("wrong class",))
    ranks = pd.DataFrame({"missed": table["missed"], "wrong": wrong, "false": table["false_positives"],
                          "score": table["score"].fillna(-1.0)})
    return ranks.sort_values(list(ranks.columns), ascending=False, kind="stable")
