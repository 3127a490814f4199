"""judge as a whole: invariance, subgroups, bad tables."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pandas as pd
import pytest

from tests.metrics.drawn_tables import Tables, box_row, random_tables, ten_cases
from xaimed.errors import InputError
from xaimed.metrics.judging import JudgeOptions, judge, model_metrics
from xaimed.stats import Estimate, Results

FEW = JudgeOptions(resamples=50)


def by_key(found: Results) -> dict[tuple[str, str, str], Estimate]:
    keyed = {(e.name, e.rule, e.group): e for e in found.estimates}
    assert len(keyed) == len(found.estimates)
    return keyed


def test_the_order_of_all_rows_does_not_matter() -> None:
    made = random_tables(40, 3)
    mixed = Tables(*(table.sample(frac=1, random_state=1) for table in made.parts()))
    one, other = judge(*made.parts(), 0.5, FEW), judge(*mixed.parts(), 0.5, FEW)
    for mine, theirs in zip(one.estimates, other.estimates, strict=True):
        assert (mine.name, mine.rule, mine.group, mine.interval) == (
            theirs.name, theirs.rule, theirs.group, theirs.interval)
        numbers = [[e.value, e.low, e.high] for e in (mine, theirs)]
        np.testing.assert_allclose(*numbers, atol=1e-12)
    assert set(one.curves) == set(other.curves)


def test_a_copy_of_every_image_of_every_patient_changes_no_bootstrap_interval() -> None:
    made = random_tables(60, 2)
    copies = [table.assign(case=table["case"] + "x") for table in made.parts()]
    twice = Tables(*(pd.concat(pair, ignore_index=True) for pair in zip(made.parts(), copies, strict=True)))
    once, doubled = by_key(judge(*made.parts(), 0.5, FEW)), by_key(judge(*twice.parts(), 0.5, FEW))
    compared = 0
    for key, mine in once.items():
        if mine.interval.startswith("patient bootstrap"):
            assert [doubled[key].low, doubled[key].high] == pytest.approx([mine.low, mine.high], abs=1e-9)
            compared += 1
    assert compared > 40


def test_every_estimate_says_its_unit_interval_and_denominator() -> None:
    found = judge(*random_tables(60, 4).parts(), 0.5, FEW)
    for estimate in found.estimates:
        assert estimate.unit in ("image", "patient", "lesion", "mark")
        assert estimate.interval
        assert estimate.denominator is not None
        if not math.isnan(estimate.low):
            assert estimate.low <= estimate.value <= estimate.high, estimate.name
    assert json.dumps(found.to_json(), allow_nan=False)
    assert found.estimates[0].name == "image AUC malignant"


def test_the_same_seed_gives_the_same_results_and_another_one_others() -> None:
    made = random_tables(40, 6)
    assert repr(judge(*made.parts(), 0.5, FEW)) == repr(judge(*made.parts(), 0.5, FEW))
    other = judge(*made.parts(), 0.5, JudgeOptions(resamples=50, seed=1))
    assert repr(other) != repr(judge(*made.parts(), 0.5, FEW))


def test_small_cells_show_their_count_and_no_number() -> None:
    made = random_tables(80, 8)
    made.cases["group_site"] = np.where(np.arange(80) < 8, "small", "large")
    found = judge(*made.parts(), 0.5, FEW)
    small, large = (found.find("image AUC malignant", group=f"site={name}") for name in ("small", "large"))
    assert small is not None
    assert large is not None
    yes = int((made.cases["label"][:8] == "malignant").sum())
    assert math.isnan(small.value)
    assert small.interval == f"suppressed: {yes} counted, fewer than 10"
    assert small.denominator == yes
    alone = Tables(made.cases[8:], made.truth[made.truth["case"] > "c007"],
                   made.predictions[made.predictions["case"] > "c007"])
    whole = judge(*alone.parts(), 0.5, FEW).find("image AUC malignant")
    assert whole is not None
    assert large.value == pytest.approx(whole.value)


def test_a_kind_of_group_with_one_value_is_left_out() -> None:
    made = random_tables(30, 1)
    made.cases["group_site"] = "A"
    assert not [e for e in judge(*made.parts(), 0.5, FEW).estimates if e.group.startswith("site")]


def test_rows_under_another_condition_are_not_judged() -> None:
    made = ten_cases()
    noisy = made.predictions.assign(condition="noise", score=0.99)
    both = pd.concat([made.predictions, noisy], ignore_index=True)
    assert repr(judge(made.cases, made.truth, both, 0.5, FEW)) == repr(judge(*made.parts(), 0.5, FEW))


def test_a_set_without_boxes_is_judged_by_image() -> None:
    made = random_tables(40, 9)
    scores = made.predictions[made.predictions["x0"].isna()]
    truth = pd.DataFrame([box_row(c, "t0", label, (np.nan,) * 4)
                          for c, label in zip(made.cases["case"], made.cases["label"], strict=True)])
    found = judge(made.cases, truth, scores, 0.5, FEW)
    assert not [name for name in found.curves if name.startswith("froc")]
    assert not [e for e in found.estimates if e.unit == "lesion"]
    assert found.find("image AUC malignant") is not None


def wrong(what: str) -> Tables:
    made = ten_cases()
    cases, truth, predictions = made.parts()
    changes = {
        "no column": lambda: Tables(cases.drop(columns="patient"), truth, predictions),
        "expected one for each": lambda: Tables(pd.concat([cases, cases]), truth, predictions),
        "not audited": lambda: Tables(cases[1:], truth, predictions),
        "two scores of class": lambda: Tables(cases, truth, pd.concat([predictions, predictions.tail(1)])),
        "no finite score of class": lambda: Tables(cases, truth, predictions[:-1]),
        "no image score of class": lambda: Tables(cases, truth, predictions[predictions["x0"].notna()]),
        "have no finite score": lambda: Tables(cases, truth, predictions.assign(
            score=predictions["score"].where(predictions["target"] != "d0"))),
        "has no area": lambda: Tables(cases, truth.assign(x1=truth["x0"]), predictions),
    }
    return changes[what]()


@pytest.mark.parametrize("what", ["no column", "expected one for each", "not audited", "two scores of class",
                                  "no finite score of class", "no image score of class", "have no finite score",
                                  "has no area"])
def test_tables_that_do_not_fit_are_refused_in_one_line(what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        judge(*wrong(what).parts(), 0.5, FEW)
    assert "\n" not in str(caught.value)


def test_a_point_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="operating point nan"):
        judge(*ten_cases().parts(), math.nan)


def test_the_metrics_come_in_their_order() -> None:
    assert [metric.name for metric in model_metrics()] == [
        "roc", "multiclass", "partial_auc", "operating", "confusion", "froc", "afroc", "average_precision", "views",
        "calibration", "calibration_line", "decision_curve", "subgroups"]


def test_three_hundred_images_with_2000_resamples_take_seconds() -> None:
    made = random_tables(300, 0, marks=6.0)
    start = time.process_time()
    judge(*made.parts(), 0.5)
    assert time.process_time() - start < 15
