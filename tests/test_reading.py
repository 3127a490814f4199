"""The blinded reader study: exams, orders, answers in their turn, what is left out, and going on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.dashboards.crowds import crowd_run
from tests.dashboards.exams import exam_run
from xaimed import reading
from xaimed.errors import InputError
from xaimed.journal import Journal
from xaimed.reading import Exam, Reading, Study
from xaimed.run import Run
from xaimed.viz.hanging import hanging

MOST = 8


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return crowd_run(tmp_path / "crowd", 12)


def names(study: Study, run: Run) -> list[str]:
    return [exam.name for exam in study.exams(run)]


def test_an_exam_is_what_hangs_side_by_side(tmp_path: Path) -> None:
    run = exam_run(tmp_path / "views")
    found = reading.exams(run.cases)
    assert found == [Exam(("ex000", "ex001", "ex002", "ex003")), Exam(("ex004",))]
    for exam in found:
        assert exam.views == tuple(hung.case for hung in hanging(run.cases, exam.name))


def test_images_that_cannot_be_told_apart_are_exams_of_their_own() -> None:
    def table(rows: list[tuple[str, str, str, str, str | None]]) -> pd.DataFrame:
        return pd.DataFrame(rows, columns=["case", "patient", "group_side", "group_view", "label"])

    pair = [("b", "p", "l", "cc", "benign"), ("a", "p", "R", "CC", "normal")]
    assert reading.exams(table(pair)) == [Exam(("a", "b"))]
    twice = [*pair, ("c", "p", "L", "CC", "normal")]
    assert reading.exams(table(twice)) == [Exam(("a",)), Exam(("b",)), Exam(("c",))]
    nobody = [(case, "", *rest) for case, _, *rest in pair]
    assert reading.exams(table(nobody)) == [Exam(("a",)), Exam(("b",))]
    assert reading.exams(table([*pair, ("c", "p", "", "CC", "normal")])) == [Exam(("a", "b")), Exam(("c",))]
    # A view whose label is not known may be the positive one: nothing can be said of the exam.
    unknown = [pair[0], ("a", "p", "R", "CC", None), ("d", "q", "R", "CC", "normal")]
    assert reading.exams(table(unknown)) == [Exam(("d",))]


def test_all_readers_get_the_same_cases_each_in_an_order_of_their_own(run: Run) -> None:
    orders = [names(Study(name, 3, MOST), run) for name in ("a", "b", "c")]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(orders[0]))}
    assert len({tuple(order) for order in orders}) == 3
    assert names(Study("a", 3, MOST), run) == orders[0]
    assert sorted(names(Study("a", 4, MOST), run)) != sorted(orders[0])
    assert len(names(Study("a", 3, 99), run)) == 12


def test_each_case_is_read_without_and_then_with_the_model_and_once(run: Run) -> None:
    study = Study("a", 3, MOST)
    exam = study.exams(run)[0]
    assert reading.upcoming(run, study) == (exam, "without")
    assert reading.first_answer(run, study, exam.name) is None
    with pytest.raises(InputError, match="reload"):
        reading.record(run, study, Reading(exam.name, "with", 50, 1))
    reading.record(run, study, Reading(exam.name, "without", 35, 1))
    assert reading.upcoming(run, study) == (exam, "with")
    assert reading.first_answer(run, study, exam.name) == 35
    assert reading.first_answer(run, Study("b", 3, MOST), exam.name) is None
    with pytest.raises(InputError, match="reload"):
        reading.record(run, study, Reading(exam.name, "without", 60, 1))
    # Opened anew, after a stop, it goes on where it was; another reader begins at their own start.
    again = Run.open(run.path)
    assert reading.upcoming(again, Study(" a ", 3, MOST)) == (exam, "with")
    other = Study("b", 3, MOST)
    assert reading.upcoming(again, other) == (other.exams(run)[0], "without")


def test_what_cannot_be_read_is_noted_and_does_not_come_again(run: Run) -> None:
    study = Study("a", 3, MOST)
    first, second = study.exams(run)[:2]
    reading.leave_out(run, study, first)
    assert reading.upcoming(run, study) == (second, "without")
    # Gone between the two answers: the first answer stays in the record, the case is done with.
    reading.record(run, study, Reading(second.name, "without", 10, 1))
    reading.leave_out(run, study, second)
    due = reading.upcoming(run, study)
    assert due is not None
    assert due[0] == study.exams(run)[2]
    table = reading.readings(run, 3, MOST)
    assert list(table["left_out"]) == [reading.MISSING, "", reading.MISSING]
    assert np.isnan(table["score"]).tolist() == [True, False, True]
    [line, _] = Journal(run.path.parent).lines("unread")
    assert (line.facts["place"], line.facts["left_out"]) == (1, "image missing or damaged, not read")


def test_the_study_that_was_last_read_in_is_known(run: Run) -> None:
    assert reading.begun(run) == {}
    for seed, most in ((3, MOST), (5, 4)):
        study = Study("a", seed, most)
        reading.record(run, study, Reading(names(study, run)[0], "without", 50, 1))
    assert reading.begun(run) == {(3, MOST): {"a"}, (5, 4): {"a"}}
    assert list(reading.begun(run))[-1] == (5, 4)
    second = Study("b", 3, MOST)
    reading.record(run, second, Reading(names(second, run)[0], "without", 50, 1))
    assert list(reading.begun(run).items())[-1] == ((3, MOST), {"a", "b"})


def test_pages_looked_at_before_the_last_answer_are_told(run: Run) -> None:
    from xaimed.feedback import journal_of, model_of

    study, other = Study("a", 3, MOST), Study("b", 3, MOST)
    view = {"run": run.path.name, "page": "cases", "case": ""}
    assert reading.looked(run, study) == {}
    for one in (study, other):
        for stage in reading.STAGES:
            reading.record(run, one, Reading(names(one, run)[0], stage, 50, 1))
    reading.refuse(run, study, "cases")
    reading.leave(run, study)
    for page, who in (("case", "a"), ("study", "a"), ("failures", "")):
        journal_of(run).append("view", model_of(run), {**view, "page": page, "reader": who})
    assert reading.looked(run, study) == {}, "what comes after the last answer changes none"
    reading.record(run, study, Reading(names(study, run)[1], "without", 50, 1))
    journal_of(run).append("view", model_of(run), {**view, "reader": "a"})
    assert reading.looked(run, study) == {"a": (["case"], 1)}
    assert reading.looked(run, Study("a", 4, MOST)) == {}
    later = Study("a", 4, MOST)
    reading.record(run, later, Reading(names(later, run)[0], "without", 50, 1))
    assert reading.looked(run, later) == {"a": (["case", "cases"], 0)}, "what another study kept back is not its own"
    [left] = Journal(run.path.parent).lines("study left")
    assert (left.facts["reader"], left.facts["seed"], left.facts["most"]) == ("a", 3, MOST)


def test_no_name_is_said_in_plain_words() -> None:
    with pytest.raises(InputError, match=r"^no name of a reader; expected 1 to 60 characters: type a name or a code$"):
        Study("  ")


def test_no_answer_out_of_range(run: Run) -> None:
    for score, seconds in ((-1, 1), (101, 1), (50, -1), (float("nan"), 1)):
        with pytest.raises(InputError):
            Reading("c000000", "with", score, seconds)
