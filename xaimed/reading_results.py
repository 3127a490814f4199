"""What a reader study shows: the readers without and with the model, by the multi-reader statistics."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from xaimed.metrics.comparison import Contest
from xaimed.metrics.evidence import evidence
from xaimed.metrics.readers import RANDOM, Panel, gained, mean_area, read_panel
from xaimed.reading import STAGES, Exam, Study, readings
from xaimed.stats import Estimate, Resampling

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

DRAWS = 1000
ALONE, AIDED = "readers alone", "readers with the model (measured)"
COMPUTED = "average of reader and model (computed)"
AVERAGE = " of the readers' average score"


def finished(table: pd.DataFrame, exams: int) -> list[str]:
    """The readers who have answered or left out each exam, by name; table: `reading.readings`."""
    left = table[table["left_out"] != ""].groupby("reader")["case"].agg(set)
    done = []
    for reader, own in table.groupby("reader"):
        unread = left.get(reader, set())
        answers = own[(own["left_out"] == "") & ~own["case"].isin(unread)]
        if len(answers) == 2 * (exams - len(unread)):
            done.append(str(reader))
    return sorted(done)


def shared(run: Run, study: Study) -> tuple[pd.DataFrame, list[str], list[Exam], list[Exam]]:
    """All readings, the readers who are through, the exams that all of these read, and those that one left out."""
    table, exams = readings(run, study.seed, study.most), sorted(study.exams(run), key=lambda exam: exam.name)
    readers = finished(table, len(exams))
    unread = set(table.loc[table["reader"].isin(readers) & (table["left_out"] != ""), "case"])
    return (table, readers, [exam for exam in exams if exam.name not in unread],
            [exam for exam in exams if exam.name in unread])


def results(run: Run, study: Study, positive: str) -> list[Estimate]:
    """The multi-reader estimates of the readers who are through; none for fewer than two readers or one class only.

    The readers' AUC alone and with the model as measured, what they gain, the model against them, and the computed
    average of reader and model, with readers and exams random after Obuchowski and Rockette; the median seconds an
    exam; and how many exams were left out. An exam is positive where one of its views is; the model's score of it is
    its highest.
    """
    table, readers, exams, left = shared(run, study)
    found = evidence(run.cases, run.truth, run.predictions)
    place = {case: i for i, case in enumerate(found.cases)}
    rows = [[place[case] for case in exam.views] for exam in exams]
    truth = np.array([found.truth_of(positive)[0][own].any() for own in rows], bool)
    if len(readers) < 2 or truth.all() or not truth.any():
        return []
    patients = [found.patients[own[0]] for own in rows]
    contest = Contest(truth, patients, positive, Resampling.of(patients, DRAWS, study.seed))
    pivoted = table[table["left_out"] == ""].pivot_table(index=["stage", "reader"], columns="case", values="score")
    names = [exam.name for exam in exams]
    without, aided = (np.stack([pivoted.loc[(stage, name), names].to_numpy(float) for name in readers])
                      for stage in STAGES)
    name = str(run.meta.get("model", {}).get("name", "the model"))
    model = {name: np.array([100 * found.score(positive)[own].max() for own in rows])}
    mean = f"mean of {len(readers)} readers' case AUC {positive}"
    judged = [mean_area(f"{ALONE}: {mean}", without, contest), mean_area(f"{AIDED}: {mean}", aided, contest),
              *gained(f"difference in case AUC {positive}: {AIDED} - {ALONE}", aided, without, contest),
              *(told for e in read_panel(Panel(without, model, contest)) if (told := _in_words(e, name)))]
    return [*(replace(e, unit="case" if e.unit == "image" else e.unit) for e in judged),
            *_times(table[table["reader"].isin(readers) & table["case"].isin(names)]), *_left(left, exams)]


def _in_words(estimate: Estimate, model: str) -> Estimate | None:
    """The estimate of a panel in the study's words: who was measured, what is computed; a case is what was read.

    None for the mean of the readers, which stands apart, and for a difference that holds for these readers only.
    """
    name = estimate.name.replace("image AUC", "case AUC")
    if name.startswith("mean of ") or ("difference" in name and estimate.rule != RANDOM):
        return None
    name = name.replace(f": {model} - mean of the readers", f": {model} - {ALONE}")
    name = name.replace(f": a reader with {model} - the reader alone", f": {COMPUTED} - {ALONE}")
    if name.startswith("mean case AUC"):
        name = f"{COMPUTED}: {name.removesuffix(f' of a reader with {model}')}"
    if name.endswith(AVERAGE):
        name = f"{ALONE}: {name.removesuffix(AVERAGE)} of their average score"
    return replace(estimate, name=name.replace("readers with a smaller", f"{ALONE} with a smaller"))


def _times(table: pd.DataFrame) -> list[Estimate]:
    return [Estimate(f"median seconds a case, {stage} the model", float(own["seconds"].median()), math.nan, math.nan,
                     unit="answer", denominator=float(len(own)), interval="no interval: a median of all answers")
            for stage, own in table[table["left_out"] == ""].groupby("stage", sort=False)]


def _left(left: list[Exam], read: list[Exam]) -> list[Estimate]:
    whole = float(len(left) + len(read))
    return [Estimate("share of cases left out, as an image could not be read", len(left) / whole, unit="case",
                     numerator=float(len(left)), denominator=whole, interval="a count")] if left else []
