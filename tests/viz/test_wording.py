"""Words: trust, and tables of numbers."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from xaimed.run import Run
from xaimed.stats import Estimate, Results
from xaimed.types import Finding, Outcome
from xaimed.viz import wording


def finding(outcome: Outcome, code: str = "XM1", severity: str = "high") -> Finding:
    return Finding(code, "t", severity, outcome, "s")  # type: ignore[arg-type]


def test_findings_are_ordered_by_outcome_severity_and_code() -> None:
    given = [finding("pass", "XM1"), finding("fail", "XM9", "low"), finding("fail", "XM3"), finding("fail", "XM2")]
    assert [f.code for f in wording.ordered(given)] == ["XM2", "XM3", "XM9", "XM1"]


def test_gates_and_warnings(example_run: Path) -> None:
    gates = wording.gates(Run.open(example_run).scores)
    assert gates == {"grad_cam": "pass", "integrated_gradients": "pass", "gradient_shap": "fail",
                     "kernel_shap": "NOT ASSESSED"}
    assert wording.warning("grad_cam", "pass", "") == ""
    assert wording.warning("gradient_shap", "fail", "").startswith("Do not rely on this map: gradient shap failed")
    assert "not assessed" in wording.warning("kernel_shap", "NOT ASSESSED", "")
    assert "flat" in wording.warning("grad_cam", "pass", "flat")


def test_metrics_without_room_are_named_with_the_reason() -> None:
    told = pd.DataFrame({"method": ["grad_cam", "sobel"], "no_room": [0.625, 0.0],
                         "left_out": ["deletion_auc[blur], road", "deletion_auc[blur], road"]})
    text = wording.room(told)
    assert "Left out of every skill: Deletion AUC (blur), Road." in text
    assert "fewer than 50 % of the maps" in text
    assert "gain 0.05 or more" in text
    assert text.endswith("of all metrics: Grad-CAM 62 %.")
    assert wording.room(told.assign(left_out="", no_room=math.nan)) == ""
    assert wording.room(told[["method"]]) == ""


def test_estimates_carry_count_rule_and_interval() -> None:
    share = Estimate("sensitivity", 0.9, 0.6, 0.98, "lesion", "centre in box", 9, 10, "Wilson")
    assert wording.estimate_text(share) == ("0.90 [0.60, 0.98]", "9 / 10 lesions · centre in box · 95% Wilson")
    area = Estimate("image AUC malignant", 0.8, numerator=2, denominator=6)
    assert wording.count_text(area) == "2 positive of 6 images", "an AUC is no proportion"
    bare = Estimate("AUC", 0.8)
    assert wording.estimate_text(bare) == ("0.80", "by image · no interval")
    assert wording.estimate_text(Estimate("AUC", math.nan))[0] == "not measured"
    beaten = Estimate("readers with a smaller AUC than ours", 1 / 3, unit="reader", numerator=1.0, denominator=3.0,
                      interval="a count")
    assert wording.count_text(beaten) == "1 / 3 readers"
    few = Estimate("AUC of readers", 0.8, rule="random readers", interval="NOT ASSESSED: 2 readers")
    assert wording.estimate_text(few)[1] == "by image · random readers · NOT ASSESSED: 2 readers"
    table = wording.estimate_table([share, bare])
    assert list(table["count"]) == ["9 / 10 lesions", "by image"]
    assert list(table["value"]) == [0.9, 0.8]


def test_key_estimates_are_of_all_cases_and_each_name_once(example_run: Path) -> None:
    found = wording.key_estimates(Run.open(example_run).results)
    assert [e.name for e in found] == ["image AUC malignant", "patient AUC malignant",
                                      "sensitivity at 0.5 false positives per image", "sensitivity", "specificity"]
    assert {e.group for e in found} == {"all"}
    assert found[0].value == 0.87
    other = Results(tuple(Estimate(f"e{i}", 0.1) for i in range(6)), {})
    assert [e.name for e in wording.key_estimates(other)] == ["e0", "e1", "e2", "e3"]


def test_score_table_has_a_column_a_method_and_the_stored_values(example_run: Path) -> None:
    scores = Run.open(example_run).scores
    table = wording.score_table(scores, "ex000", "d0").set_index("metric")
    row = scores[(scores["case"] == "ex000") & (scores["target"] == "d0") & (scores["method"] == "gradient_shap")
                 & (scores["metric"] == "insertion_auc[blur]")]
    assert table.loc["insertion_auc[blur]", "gradient shap"] == row["value"].item()
    assert math.isnan(table.loc["completeness", "grad cam"]), "not applicable stays visible as a gap"
    assert wording.score_table(scores, "ex000", "none").empty
    told = scores[(scores["case"] == "ex000") & (scores["target"] == "d0")].assign(method="", metric="part contrast")
    assert wording.score_table(told, "ex000", "d0").empty, "a part of the model's answer is no measure of a map"
