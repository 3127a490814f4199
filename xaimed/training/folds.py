"""Cross-validation by patient: every case is judged once, by a model that saw none of its patient's images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from xaimed import tables
from xaimed.data.dataset import CaseRow, Dataset
from xaimed.errors import PlanError
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.stats import Estimate
from xaimed.training.course import Course, first_weights, model_file, opened, trained
from xaimed.training.loop import Report
from xaimed.training.settling import model_of
from xaimed.types import Case


class Refolded:
    """A dataset whose splits are those of one fold: "train", and "test" for the cases that are held out."""

    def __init__(self, whole: Dataset, held: Sequence[int]) -> None:
        self._whole, out = whole, frozenset(held)
        self.name, self.title, self.task = whole.name, whole.title, whole.task
        self.synthetic, self.classes, self.warnings = whole.synthetic, whole.classes, whole.warnings
        self.rows = tuple(dataclasses.replace(row, split="test" if index in out else "train")
                          for index, row in enumerate(whole.rows))

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, index: int) -> Case:
        return self._whole[index]


def cross_validate(course: Course, count: int, say: Report) -> list[Estimate]:
    """The image AUC and the sensitivities of the FROC curve over all cases, each judged by the fold that held it out.

    Each fold trains in WORK/fold-K and goes on from its checkpoint; the pooled truth and outputs are written as
    WORK/truth.csv and WORK/predictions.csv. The scores of all folds are pooled as they are, which can only lower
    the AUC. Raises PlanError for fewer than two folds or more than there are patients.
    """
    dataset = opened(course.recipe, course.data)
    folds = patient_folds(dataset.rows, count, course.recipe.seed)
    # Made once, and only if a fold is not done yet.
    first = cache(lambda: first_weights(course, say))
    parts: list[dict[str, list[tables.Row]]] = []
    for number, held in enumerate(folds):
        say(f"fold {number + 1} of {count}: {len(held)} cases held out")
        leg = dataclasses.replace(course, work=course.work / f"fold-{number + 1}")
        fold = Refolded(dataset, held)
        network = trained(leg, fold, first, say)
        file = model_file(course.recipe, fold, network.state_dict())
        model = model_of(file, course.device)
        parts += [tables.case_rows(case, model.predict([case])[0], ()) for case in (dataset[i] for i in held)]
    return _judged(course, dataset, parts)


def patient_folds(rows: Sequence[CaseRow], count: int, seed: int) -> list[list[int]]:
    """The indices held out by each fold: all images of a patient together, the labels spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    patients = [row.patient for row in rows]
    if not 2 <= count <= len(set(patients)):
        raise PlanError(f"{count} folds of {len(set(patients))} patients; expected 2 or more, at most one a patient")
    labels = [str(row.label) for row in rows]
    cut = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    return [[int(i) for i in held] for _, held in cut.split(np.zeros(len(rows)), labels, patients)]


def _judged(course: Course, dataset: Dataset, parts: list[dict[str, list[tables.Row]]]) -> list[Estimate]:
    frames = {name: tables.frame(name, [row for part in parts for row in part[name]])
              for name in ("cases", "truth", "predictions")}
    ignored = tuple(row.case for row in dataset.rows if row.groups.get("localisation") == "ignore")
    course.work.mkdir(parents=True, exist_ok=True)
    _truth(frames).to_csv(course.work / "truth.csv", index=False)
    frames["predictions"].to_csv(course.work / "predictions.csv", index=False)
    # No fold chose an operating point: only what needs none is reported.
    results = judge(frames["cases"], frames["truth"], frames["predictions"], 0.5, JudgeOptions(ignored_cases=ignored))
    return [e for e in results.estimates if e.group == "all" and _needs_no_point(e.name)]


def _needs_no_point(name: str) -> bool:
    return name.startswith(("image AUC", "patient AUC", "benign/malignant AUC")) or (
        name.startswith("sensitivity at") and "normal images" not in name and "operating" not in name)


def _truth(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a lesion, and one without a box for a case without lesion."""
    cases = frames["cases"][["case", "patient", "label"]].rename(columns={"label": "worst"})
    out = cases.merge(frames["truth"], on="case", how="left")
    out["label"] = out["label"].fillna(out["worst"])
    return out.drop(columns="worst")
