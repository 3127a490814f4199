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
from xaimed.metrics.judged import JudgeOptions
from xaimed.tables import places
from xaimed.viz import first_measure, trust
from xaimed.viz.matched import Matched

if TYPE_CHECKING:
    from xaimed.run import Run

HIT_RULE = "centre in box"
LABELLED = ("classification", "multilabel", "anomaly", "energy", "discrimination")
ONE_CLASS = ("anomaly", "energy")  # from the operating point on the model says its class, below it "normal"
NOT = "not "  # what a model of one scored class says below the operating point, where several others exist
CANCERS = ("malignant", "cancer", "carcinoma")
MISSED_CANCERS = "missed cancers"  # lesions or images of the positive class, whatever it is called
FAILED = ("missed", "missed_positive", "false_positives", "false_positive_class", "other_class")
KINDS = (MISSED_CANCERS, "false negatives", "false positives", "low trust", "with feedback", "readers do not agree")
SEARCHED = ("run", "patient", "label", "outcome", "says", "trust", "feedback")
GRAVEST = "gravest first"
ORDERS = (GRAVEST, "case", "score", "rank_correlation", "energy", "missed", "false_positives", "outcome", "label",
          "run")
# Columns of which the highest is asked for first.
FALLING = ("score", "lesions", "missed", "false_positives", *(n for n, more in first_measure.FIRST.items() if not more))
BOXES, CLASSES = "boxes", "classes"  # what misses and false positives are counted of, in the column "counted"
NOT_COUNTED = "not counted"


@dataclass(frozen=True)
class Filter:
    """Which cases to keep. kind: of KINDS, "" for all. outcomes, labels: empty for all. groups: column to values.

    energy: upper limit. text: words that all occur in a row, each in any of its columns of words.
    """

    kind: str = ""
    outcomes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    energy: float | None = None
    text: str = ""


def worklist(run: Run) -> pd.DataFrame:
    """A row a case: run, case, patient, label, outcome, score, says, lesions, missed, missed_positive, false_positives,
    false_positive_class, other_class, detected, counted, energy, rank_correlation, trust, low_trust, group_...

    score, says: of `_best`; of a single scored class the other one below the operating point. missed: lesions that
    no detection at the operating point hits by centre in box, whatever its class; false_positives: detections that
    hit none;
    missed_positive, false_positive_class: those of them that are of the positive class (see `positive`).
    other_class: lesions that detections hit, all of another class; detected: detections at the operating point.
    counted: BOXES, CLASSES or "" where nothing is; a run of answers in pixels has its first measure as a column.
    energy: the mean of `energy_in_lesion` over the case's maps. rank_correlation, trust: of `trust`. For a classifier
    the outcome compares the classes, and where the plan names the positive class missed and false_positives are 0
    or 1; for other tasks nothing is counted.
    """
    table = run.cases[["case", "patient", "label"]].copy()
    table.insert(0, "run", run.path.name)
    task = str(run.meta.get("model", {}).get("task", "detection"))
    best = _best(run, task)
    best = best.assign(place=places(best["case"], table["case"])).set_index("place").reindex(table.index)
    table["score"], table["says"] = best["score"], best["label"]
    boxes = _boxes(run)
    for name, counts in _counted(boxes, positive(run), table["case"]).items():
        # Boxes around the parts of a mask are no detections: what is missed of them is the measure's to say.
        table[name] = counts if task == "detection" or name not in FAILED else 0
    if measure := first_measure.name_of(run):
        table[measure] = table["case"].map(first_measure.values(run, measure))
    table["energy"] = _energy(run.scores, table["case"])
    told = trust.trust(run)
    for name in told:
        table[name] = told[name].array
    below = _below(run, task)
    if below:
        table["says"] = table["says"].where(~(table["score"] < operating_point(run)), below)
    if task in LABELLED:
        _count_classes(table, positive(run))
    table.insert(4, "outcome", _alarmed(table, positive(run)) if task in ONE_CLASS else
                 _classified(table, positive(run)) if task in LABELLED else
                 _outcomes(table, boxes, positive(run)) if task == "detection" else NOT_COUNTED)
    table["counted"] = BOXES if task == "detection" else CLASSES if task in LABELLED else ""
    groups = [name for name in run.cases.columns if name.startswith("group_")]
    return table.merge(run.cases[["case", *groups]], on="case", how="left")


def _counted(boxes: Matched, grave: str, cases: pd.Series[str]) -> dict[str, NDArray[np.int64]]:
    """For each case the number of lesions, of missed ones and of false positives, also of the positive class."""
    missed, false = boxes.missed, boxes.false
    rows = {"lesions": boxes.lesions, "missed": missed, "missed_positive": missed[missed["label"] == grave],
            "false_positives": false, "false_positive_class": false[false["label"] == grave],
            "other_class": boxes.misnamed, "detected": boxes.marks}
    found = {name: places(own["case"], cases) for name, own in rows.items()}
    return {name: np.bincount(own[own >= 0], minlength=len(cases)) for name, own in found.items()}


def _boxes(run: Run) -> Matched:
    """The lesions of the run and the detections at the operating point."""
    boxes = run.predictions[run.predictions["x0"].notna() & (run.predictions["condition"] == "clean")]
    return Matched(run.truth[run.truth["x0"].notna()], boxes[boxes["score"] >= operating_point(run)])


def positive(run: Run) -> str:
    """The class that is to be found, "malignant" where the plan does not say."""
    return str(run.plan.get("judging", {}).get("positive") or JudgeOptions().positive)


def missed_words(run: Run) -> str:
    """What missed lesions or images of the positive class are called: "missed cancers", "missed pneumonia"."""
    name = positive(run)
    return MISSED_CANCERS if name.casefold() in CANCERS else f"missed {name}"


def _below(run: Run, task: str) -> str:
    """What the model says below the operating point where it scores a single class; "" where it scores several."""
    if task in ONE_CLASS:
        return "normal"
    if task not in LABELLED:
        return ""
    rows = run.predictions
    scored = set(rows.loc[(rows["condition"] == "clean") & rows["x0"].isna(), "label"].dropna().astype(str).unique())
    if len(scored) != 1:
        return ""
    others = {str(name) for name in run.meta.get("model", {}).get("classes", ())} - scored
    return others.pop() if len(others) == 1 else NOT + scored.pop()


def _count_classes(table: pd.DataFrame, positive: str) -> None:
    """Count a wrong answer about the positive class as missed or as a false positive."""
    if positive not in {*table["label"].unique(), *table["says"].unique()}:
        return
    truth, says = table["label"] == positive, table["says"] == positive
    table["missed"] = table["missed_positive"] = (truth & ~says & table["says"].notna()).astype(int)
    table["false_positives"] = table["false_positive_class"] = (~truth & says & table["label"].notna()).astype(int)


def operating_point(run: Run) -> float:
    """The score from which on the model reports something, as the model's file says; 0.5 if it does not."""
    return float(run.meta.get("model", {}).get("operating_point", 0.5))


def _best(run: Run, task: str) -> pd.DataFrame:
    """case, score, label: one score for each case and its class.

    Of a detector the image's score of the positive class, which its AUC is made of, else of another class, else that
    of the highest box; of other tasks the highest class.
    """
    clean = run.predictions[run.predictions["condition"] == "clean"]
    boxed, other = clean["x0"].notna(), clean["label"] != positive(run)
    rows = clean.assign(boxed=boxed, other=other & ~boxed & (task == "detection"))
    best = rows.sort_values(["boxed", "other", "score"], ascending=[True, True, False], kind="stable")
    return best.drop_duplicates("case")[["case", "score", "label"]]


def _energy(scores: pd.DataFrame, cases: pd.Series[str]) -> NDArray[np.float64]:
    """The mean over each case's maps; not a number where it has none."""
    rows = scores[(scores["metric"] == "energy_in_lesion") & (scores["case"] != "") & scores["value"].notna()]
    means = rows["value"].groupby(places(rows["case"], cases)).mean()
    found: NDArray[np.float64] = means.reindex(range(len(cases))).to_numpy(float)
    return found


def _outcomes(table: pd.DataFrame, boxes: Matched, grave: str) -> list[str]:
    """What happened in each case, in parts: a miss or "found", a found lesion's other class, a false positive; "clear"
    if nothing."""
    lesion = np.select([table["missed_positive"] > 0, table["missed"] > 0, table["lesions"] > 0],
                       [f"missed {grave} lesion", "missed lesion", "found"], "")
    names = _called(boxes)
    called = [names.get(case, "") for case in table["case"].tolist()]
    every = list(zip(lesion.tolist(), called, _alarms(table, grave).tolist(), strict=True))
    told = {parts: ", ".join(part for part in parts if part) or "clear" for parts in set(every)}
    return [told[parts] for parts in every]


def _called(boxes: Matched) -> dict[str, str]:
    """For each case with a lesion that was found and named wrongly "called malignant"."""
    told: dict[str, str] = {}
    for row in boxes.misnamed.sort_values("label_mark").drop_duplicates(["case", "label_mark"]).itertuples():
        told[str(row.case)] = ", ".join(filter(None, (told.get(str(row.case)), f"called {row.label_mark}")))
    return told


def _alarms(table: pd.DataFrame, grave: str) -> NDArray[np.str_]:
    return np.select([table["false_positive_class"] > 0, table["false_positives"] > 0],
                     [f"false {grave} alarm", "false positive"], "")


def _classified(table: pd.DataFrame, grave: str) -> list[str]:
    """The comparison of the classes, and what it means for the positive one: "wrong class, missed malignant"."""
    known = table["label"].notna() & table["says"].notna()
    # "not malignant" is right for every other class.
    denied = table["says"].fillna("").str.startswith(NOT) & (NOT + table["label"].fillna("") != table["says"])
    right = (table["label"] == table["says"]) | denied
    classes = np.select([~known, right], ["no reference", "right class"], "wrong class")
    kinds = np.where(table["missed"] > 0, f"missed {grave}", _alarms(table, grave))
    return [", ".join(part for part in pair if part) for pair in zip(classes, kinds, strict=True)]


def _alarmed(table: pd.DataFrame, grave: str) -> list[str]:
    """The outcomes of a model of one class, which has no class to mistake: "missed anomaly", "false anomaly alarm"."""
    return [told.removeprefix("wrong class, ").replace("right class", "right") for told in _classified(table, grave)]


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
    for word in wanted.text.split():
        keep &= _contains(table, word)
    return table[keep]


def _of_kind(table: pd.DataFrame, kind: str) -> pd.Series[bool]:
    every = pd.Series(data=True, index=table.index)
    opinions = table["feedback"] if "feedback" in table else pd.Series("", index=table.index)
    kept = {"": every, MISSED_CANCERS: table["missed_positive"] > 0, "false negatives": table["missed"] > 0,
            "false positives": table["false_positives"] > 0,
            "low trust": table["low_trust"].astype(bool), "with feedback": opinions != "",
            "readers do not agree": opinions.str.contains("wrong")}
    if kind not in kept:
        raise unknown("kind of case", kind, KINDS)
    return every & kept[kind]


def _one_of(outcomes: pd.Series[str], wanted: Sequence[str]) -> pd.Series[bool]:
    """Whether an outcome has one of the parts; looked up once for each outcome that occurs."""
    fits = {told: any(part in str(told).split(", ") for part in wanted) for told in outcomes.unique()}
    return outcomes.map(fits).astype(bool)


def _contains(table: pd.DataFrame, word: str) -> pd.Series[bool]:
    """Whether a column of words contains the word; columns of few different words are looked up once for each."""
    found = table["case"].str.contains(word, case=False, regex=False)
    # What the image's score of a detector is of is the same in every row.
    searched = [name for name in SEARCHED if name in table and not (name == "says" and BOXES in set(table["counted"]))]
    for name in (*searched, *(n for n in table if n.startswith("group_"))):
        words = table[name].dropna().astype(str)
        fits = [own for own in words.unique() if word.casefold() in own.casefold()]
        if fits:
            found |= table[name].astype(str).isin(fits)
    return found


def ordered(table: pd.DataFrame, by: str = GRAVEST, descending: bool = False) -> pd.DataFrame:
    """The rows in an order of ORDERS; rows without a value last, equal ones as they stood.

    Gravest first: see `gravest_words`.
    """
    if by == GRAVEST:
        return table.loc[_gravity(table).index[:: -1 if descending else 1]]
    if by not in table:
        raise unknown("order", by, ORDERS)
    return table.sort_values(by, ascending=not descending, kind="stable", na_position="last")


def page(order: NDArray[np.int64], number: int, size: int) -> tuple[NDArray[np.int64], int]:
    """The places on page `number` (from 1, the nearest one that exists) of an order; the count of pages, at least 1."""
    pages = max(1, -(-len(order) // size))
    first = (min(max(1, number), pages) - 1) * size
    return order[first: first + size], pages


def outcomes_of(table: pd.DataFrame) -> list[str]:
    """The single outcomes that occur in a worklist, such as "missed lesion"."""
    return sorted({part for told in table["outcome"].unique() for part in str(told).split(", ")})


def gravest_words(run: Run) -> str:
    """The order "gravest first" in words."""
    name = positive(run)
    if measure := first_measure.name_of(run):
        return f"Gravest first: the {'lowest' if first_measure.FIRST[measure] else 'highest'} {measure}."
    return (f"Gravest first: missed {name}, other misses, false {name} alarms, other wrong classes, other false "
            "positives, the rest; more of them before fewer. Among misses the lowest score comes first, since the "
            "model was surest there; elsewhere the highest.")


def gravest(table: pd.DataFrame) -> str:
    """The case of a worklist to look at first, "" if it is empty."""
    return "" if table.empty else str(ordered(table)["case"].iloc[0])


def was_missed(table: pd.DataFrame) -> pd.Series[bool]:
    """Whether a case was missed: a lesion, an image of the positive class, or its class among several."""
    alarm = table["false_positives"] > 0
    missed: pd.Series[bool] = (table["missed"] > 0) | (_one_of(table["outcome"], ("wrong class",)) & ~alarm)
    return missed


def _gravity(table: pd.DataFrame) -> pd.DataFrame:
    score = table["score"].fillna(-1.0)
    wrong = _one_of(table["outcome"], ("wrong class",)) | (table["other_class"] > 0)
    # Of answers in pixels the worst measure first; a case without one last.
    worse = {name: (-table[name] if more else table[name]).fillna(-np.inf)
             for name, more in first_measure.FIRST.items() if name in table}
    ranks = pd.DataFrame({"missed_positive": table["missed_positive"], "missed": table["missed"],
                          "alarm": table["false_positive_class"], "wrong": wrong,
                          "false": table["false_positives"], **worse,
                          "score": score.where(table["missed"] == 0, -score)})
    return ranks.sort_values(list(ranks.columns), ascending=False, kind="stable")
