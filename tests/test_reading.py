"""The blinded reader study: orders, answers in their turn, and results against the statistics by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.dashboards.crowds import crowd_run
from xaimed import reading
from xaimed.errors import InputError
from xaimed.reading import Reading, Study
from xaimed.run import Run
from xaimed.stats import auc_rows

MOST = 8


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return crowd_run(tmp_path / "crowd", 12)


def answers(run: Run, reader: str, gain: float) -> None:
    """Read everything: noise without the model, and the truth added with it."""
    study, rng = Study(reader, 3, MOST), np.random.default_rng(len(reader))
    label = dict(zip(run.cases["case"], run.cases["label"] == "malignant", strict=True))
    while (due := reading.upcoming(run, study)) is not None:
        case, stage = due
        score = 60 * rng.uniform() + (gain * label[case] if stage == "with" else 0)
        reading.record(run, study, Reading(case, stage, float(score), 4.0 if stage == "without" else 2.0))


def test_all_readers_get_the_same_cases_each_in_an_order_of_their_own(run: Run) -> None:
    orders = [Study(name, 3, MOST).cases(run) for name in ("a", "b", "c")]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(orders[0]))}
    assert len({tuple(order) for order in orders}) == 3
    assert Study("a", 3, MOST).cases(run) == orders[0]
    assert sorted(Study("a", 4, MOST).cases(run)) != sorted(orders[0])
    assert len(Study("a", 3, 99).cases(run)) == 12


def test_each_case_is_read_without_and_then_with_the_model_and_once(run: Run) -> None:
    study = Study("a", 3, MOST)
    first = study.cases(run)[0]
    assert reading.upcoming(run, study) == (first, "without")
    with pytest.raises(InputError, match="reload"):
        reading.record(run, study, Reading(first, "with", 50, 1))
    reading.record(run, study, Reading(first, "without", 50, 1))
    assert reading.upcoming(run, study) == (first, "with")
    with pytest.raises(InputError, match="reload"):
        reading.record(run, study, Reading(first, "without", 60, 1))
    assert reading.upcoming(run, Study("b", 3, MOST)) == (Study("b", 3, MOST).cases(run)[0], "without")


def test_no_answer_out_of_range(run: Run) -> None:
    for score, seconds in ((-1, 1), (101, 1), (50, -1), (float("nan"), 1)):
        with pytest.raises(InputError):
            Reading("c000000", "with", score, seconds)


def test_results_need_two_readers_who_are_through(run: Run) -> None:
    answers(run, "a", 20)
    assert reading.results(run, Study("a", 3, MOST), "malignant") == []


def test_the_gain_is_the_difference_of_the_mean_areas(run: Run) -> None:
    for name in ("a", "bb"):
        answers(run, name, 40)
    study = Study("a", 3, MOST)
    found = {e.name: e for e in reading.results(run, study, "malignant") if "p (" not in e.name}
    table = reading.readings(run, 3, MOST)
    cases = sorted(study.cases(run))
    truth = np.array([int(case[1:]) % 2 == 0 for case in cases])
    means = {}
    for stage in ("without", "with"):
        own = table[table["stage"] == stage].pivot(index="reader", columns="case", values="score")[cases]
        means[stage] = float(auc_rows(own.to_numpy(float), truth).mean())
    gain = found["difference in image AUC malignant: readers with the model - without"]
    assert gain.value == pytest.approx(means["with"] - means["without"])
    assert gain.value > 0
    assert found["mean of 2 readers' image AUC malignant"].value == pytest.approx(means["without"])
    assert found["median seconds a case, without the model"].value == 4.0
    assert found["median seconds a case, with the model"].value == 2.0
