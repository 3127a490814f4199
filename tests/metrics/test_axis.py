"""The axis: skill against random maps by hand, the gate, and draws shared with the accuracy."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from tests.metrics.drawn_tables import random_tables
from xaimed.metrics.axis import COLUMNS, axis, case_skills, correlation, gate_of
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.judging import judge
from xaimed.run import AXIS_COLUMNS, Run

FEW = JudgeOptions(resamples=200)


def row(case: str, method: str, metric: str, value: float, target: str = "d0", condition: str = "clean"
        ) -> dict[str, object]:
    return {"case": case, "target": target, "method": method, "metric": metric, "condition": condition, "seed": 0,
            "value": value}


def faithful(case: str, method: str, insertion: float, deletion: float, target: str = "d0") -> list[dict[str, object]]:
    return [row(case, method, f"{kind}_auc[{fill}]", value + shift, target)
            for fill, shift in (("blur", 0.0), ("noise", 0.1))
            for kind, value in (("insertion", insertion), ("deletion", deletion))]


def gate(method: str, value: float) -> dict[str, object]:
    return row("", method, "gate", value, "")


def run_of(scores: list[dict[str, object]], images: int = 40) -> Run:
    made = random_tables(images, 5)
    return cast(Run, SimpleNamespace(cases=made.cases, truth=made.truth, predictions=made.predictions, plan={},
                                     scores=pd.DataFrame(scores)))


def test_the_skill_by_hand() -> None:
    scores = [*faithful("c000", "grad_cam", 0.8, 0.2), *faithful("c000", "random_map", 0.5, 0.3),
              *faithful("c000", "grad_cam", 0.5, 0.3, "d1"), *faithful("c000", "random_map", 0.5, 0.3, "d1"),
              *faithful("c001", "grad_cam", 0.1, 0.7), *faithful("c001", "random_map", 0.5, 0.5)]
    found = case_skills(pd.DataFrame(scores)).set_index(["method", "case"])["skill"]
    # (0.6 - 0.2) / 0.8 = 0.5 for d0, 0 for d1; (-0.6 - 0) / 1 is kept below 0.
    assert found["grad_cam", "c000"] == pytest.approx(0.25)
    assert found["grad_cam", "c001"] == pytest.approx(-0.6)
    assert found["random_map", "c000"] == pytest.approx(0.0)


def test_only_fills_that_both_have_and_clean_rows_count() -> None:
    scores = [row("c000", "m", "insertion_auc[blur]", 0.9), row("c000", "m", "deletion_auc[blur]", 0.4),
              row("c000", "m", "deletion_auc[noise]", 0.0), row("c000", "m", "insertion_auc[blur]", 0.0, condition="p")]
    found = case_skills(pd.DataFrame(scores))
    assert found["skill"].tolist() == [pytest.approx(0.5)]
    assert found["null"].tolist() == ["none"]


def test_a_map_without_a_number_is_no_better_than_random() -> None:
    scores = [*faithful("c000", "m", math.nan, math.nan), *faithful("c000", "random_map", 0.5, 0.3),
              *faithful("c001", "m", 0.8, 0.2), *faithful("c001", "random_map", 0.5, 0.3),
              *faithful("c002", "m", math.nan, math.nan), *faithful("c002", "random_map", math.nan, math.nan)]
    found = case_skills(pd.DataFrame(scores))
    own = found[found["method"] == "m"].set_index("case")["skill"]
    assert own.to_dict() == {"c000": pytest.approx(0.0), "c001": pytest.approx(0.5)}


def test_one_row_a_method_and_no_number_for_a_failed_gate() -> None:
    rng = np.random.default_rng(0)
    scores = [gate("grad_cam", 1.0), gate("saliency", 0.0)]
    gains = {"grad_cam": 0.5, "saliency": 0.4, "kernel_shap": 0.3, "random_map": 0.0, "sobel": 0.1}
    for i in range(40):
        for method, gain in gains.items():
            scores += faithful(f"c{i:03d}", method, gain + 0.1 * float(rng.normal()), 0.0)
    run = run_of(scores)
    table = axis(run, FEW).set_index("method")
    assert list(table.index) == ["grad_cam", "kernel_shap", "saliency"]
    assert table["gate"].tolist() == ["pass", "NOT ASSESSED", "fail"]
    assert math.isnan(table.loc["saliency", "explainability"])
    assert math.isnan(table.loc["saliency", "explainability_high"])
    one = table.loc["grad_cam"]
    assert 0.4 < one["explainability_low"] < one["explainability"] < one["explainability_high"] < 0.6
    assert (one["cases"], one["null"]) == (40, "random_map")
    judged = judge(run.cases, run.truth, run.predictions, 0.5, FEW).find("image AUC malignant")
    assert judged is not None
    assert (one["accuracy"], one["accuracy_low"], one["accuracy_high"]) == (judged.value, judged.low, judged.high)
    assert set(AXIS_COLUMNS) <= set(COLUMNS)


def test_the_draws_are_those_of_the_accuracy() -> None:
    # A skill that is each image's own score moves with the AUC from draw to draw; a constant one does not.
    run = run_of([])
    scores = run.predictions[run.predictions["target"] == "malignant"].set_index("case")["score"]
    yes = run.cases.set_index("case")["label"] == "malignant"
    signed = {case: float(scores[case]) * (1 if yes[case] else -1) for case in scores.index}
    rows = [r for case, value in signed.items() for r in faithful(case, "m", value, 0.0)]
    rows += [r for case in scores.index for r in faithful(case, "flat", 0.5, 0.0)]
    table = axis(run_of(rows), FEW).set_index("method")
    assert table.loc["m", "correlation"] > 0.3
    assert math.isnan(table.loc["flat", "correlation"])


def test_one_patient_has_no_interval_and_no_maps_no_rows() -> None:
    assert list(axis(run_of([gate("grad_cam", 1.0)]), FEW).columns) == list(COLUMNS)
    assert not len(axis(run_of([gate("grad_cam", 1.0)]), FEW))
    single = axis(run_of(faithful("c000", "m", 0.9, 0.1)), FEW)
    assert math.isnan(single["explainability_low"].iloc[0])
    assert single["explainability"].iloc[0] == pytest.approx(0.8)


def test_the_gate_by_its_rows() -> None:
    scores = pd.DataFrame([gate("a", 1.0), gate("b", 0.0), gate("c", math.nan), row("", "a", "gate", 0.0, "", "noise")])
    assert [gate_of(scores, name) for name in "abcd"] == ["pass", "fail", "NOT ASSESSED", "NOT ASSESSED"]


def test_correlation_needs_both_to_vary() -> None:
    assert correlation(np.array([1.0, 2.0, np.nan, 3.0]), np.array([2.0, 4.0, 9.0, 6.0])) == pytest.approx(1.0)
    assert math.isnan(correlation(np.ones(5), np.arange(5.0)))


def test_the_example_run_has_an_axis(example_run: Path) -> None:
    table = axis(Run.open(example_run), FEW).set_index("method")
    assert table.loc["grad_cam", "gate"] == "pass"
    assert math.isnan(table.loc["gradient_shap", "explainability"])
    assert table.loc["kernel_shap", "gate"] == "NOT ASSESSED"
