"""What a reader study shows: against the statistics by hand, with exams left out, and with too few of anything."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.dashboards.crowds import crowd_run
from xaimed import reading, reading_results
from xaimed.reading import Reading, Study
from xaimed.run import Run
from xaimed.stats import Estimate, auc_rows

GAIN = "difference in case AUC malignant: readers with the model (measured) - readers alone"
ALONE = "readers alone: mean of 2 readers' case AUC malignant"
AIDED = "readers with the model (measured): mean of 2 readers' case AUC malignant"


def answers(run: Run, study: Study, gain: float, gone: tuple[str, ...] = ()) -> None:
    """Read everything: noise without the model, and the truth added with it."""
    rng = np.random.default_rng(len(study.reader))
    label = dict(zip(run.cases["case"], run.cases["label"] == "malignant", strict=True))
    while (due := reading.upcoming(run, study)) is not None:
        exam, stage = due
        if exam.name in gone:
            reading.leave_out(run, study, exam)
            continue
        score = 60 * rng.uniform() + (gain * label[exam.name] if stage == "with" else 0)
        reading.record(run, study, Reading(exam.name, stage, float(score), 4.0 if stage == "without" else 2.0))


def named(run: Run, study: Study) -> dict[str, Estimate]:
    return {e.name: e for e in reading_results.results(run, study, "malignant")}


def areas(table: pd.DataFrame, stage: str, cases: list[str]) -> float:
    own = table[table["stage"] == stage].pivot(index="reader", columns="case", values="score")[cases]
    truth = np.array([int(case[1:]) % 2 == 0 for case in cases])
    return float(auc_rows(own.to_numpy(float), truth).mean())


def test_results_need_two_readers_who_are_through(tmp_path: Path) -> None:
    run = crowd_run(tmp_path / "crowd", 12)
    answers(run, Study("a", 3, 8), 20)
    assert reading_results.results(run, Study("a", 3, 8), "malignant") == []


def test_the_gain_is_the_difference_of_the_mean_areas(tmp_path: Path) -> None:
    run = crowd_run(tmp_path / "crowd", 12 * 4)  # four cases a patient, two of each kind
    study = Study("a", 3, 12 * 4)
    for name in ("a", "bb"):
        answers(run, Study(name, 3, 12 * 4), 40)
    found, cases = named(run, study), sorted(exam.name for exam in study.exams(run))
    table = reading.readings(run, 3, 12 * 4)
    gap = areas(table, "with", cases) - areas(table, "without", cases)
    assert found[GAIN].value == pytest.approx(gap)
    assert -1 <= found[GAIN].low < gap < found[GAIN].high <= 1
    assert found[f"p ({GAIN})"].value < 0.05
    assert found[ALONE].value == pytest.approx(areas(table, "without", cases))
    assert found[AIDED].value == pytest.approx(areas(table, "with", cases))
    assert found[AIDED].low < found[AIDED].value < found[AIDED].high
    assert found["median seconds a case, without the model"].value == 4.0
    assert found["median seconds a case, with the model"].value == 2.0
    for e in found.values():
        assert math.isnan(e.low) or e.low <= e.value <= e.high, e


def test_a_study_of_two_readers_and_four_cases_shows_no_interval_and_no_p(tmp_path: Path) -> None:
    """It gave "difference 0.167 (0.167 to 0.500)" and p = .003 once: neither was worth anything."""
    run = crowd_run(tmp_path / "crowd", 12)
    for name in ("a", "bb"):
        answers(run, Study(name, 3, 4), 40)
    found = reading_results.results(run, Study("a", 3, 4), "malignant")
    assert any(e.name == GAIN for e in found)
    assert not [e for e in found if e.name.startswith(("p (", "Holm"))]
    judged = [e for e in found if e.unit == "case" and "left out" not in e.name]
    assert all(math.isnan(e.low) and math.isnan(e.high) for e in found)
    assert all(e.interval.startswith("NOT ASSESSED: 2 readers, ") for e in judged)
    assert len(judged) >= 5


@pytest.mark.parametrize("patients", [12, 48])
def test_each_row_says_whether_it_was_measured_or_computed_and_stands_once(tmp_path: Path, patients: int) -> None:
    run = crowd_run(tmp_path / "crowd", patients)
    for name in ("a", "bb"):
        answers(run, Study(name, 3, patients), 40)
    found = reading_results.results(run, Study("a", 3, patients), "malignant")
    names = [e.name for e in found]
    assert len(names) == len(set(names))
    for name in names:
        assert "a reader with" not in name
        assert any(word in name for word in ("readers alone", "(measured)", "(computed)", "median seconds")), name
    for e in found:
        assert "p by" not in e.rule or any(f"p ({e.name})" == name for name in names), e
    model = str(run.meta["model"]["name"])
    assert f"difference in case AUC malignant: {model} - readers alone" in names
    assert "average of reader and model (computed): mean case AUC malignant" in names
    assert "readers alone: case AUC malignant of their average score" in names


def test_what_one_reader_could_not_read_is_left_out_for_all_and_counted(tmp_path: Path) -> None:
    run = crowd_run(tmp_path / "crowd", 12)
    gone = ("c000002", "c000005")
    answers(run, Study("a", 3, 12), 40, gone)
    answers(run, Study("bb", 3, 12), 40, gone[:1])
    table, readers, read, left = reading_results.shared(run, Study("a", 3, 12))
    assert readers == ["a", "bb"]
    assert [exam.name for exam in left] == list(gone)
    assert len(read) == 10
    found = named(run, Study("a", 3, 12))
    cases = sorted(exam.name for exam in read)
    assert found[ALONE].value == pytest.approx(areas(table, "without", cases))
    share = found["share of cases left out, as an image could not be read"]
    assert (share.numerator, share.denominator) == (2, 12)
    assert found["median seconds a case, without the model"].denominator == 20


def test_who_stopped_between_two_answers_is_not_through(tmp_path: Path) -> None:
    run = crowd_run(tmp_path / "crowd", 12)
    study = Study("a", 3, 2)
    first, second = study.exams(run)
    reading.record(run, study, Reading(first.name, "without", 10, 1))
    assert reading_results.finished(reading.readings(run, 3, 2), 2) == []
    reading.leave_out(run, study, first)
    for stage in reading.STAGES:
        assert reading_results.finished(reading.readings(run, 3, 2), 2) == []
        reading.record(run, study, Reading(second.name, stage, 10, 1))
    assert reading_results.finished(reading.readings(run, 3, 2), 2) == ["a"]
