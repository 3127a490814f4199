"""The axis: skill between null and ceiling by hand, the gate, agreement, and draws shared with the accuracy."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from tests.metrics.drawn_tables import random_tables
from xaimed.metrics.axis import (
    COLUMNS,
    ORACLE,
    OTHER,
    agreement,
    axis,
    case_skills,
    concordance,
    correlation,
    gate_of,
)
from xaimed.metrics.axis import skill_table as table_of
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.judging import judge
from xaimed.run import AXIS_COLUMNS, Run

FEW = JudgeOptions(resamples=200)


def row(case: str, method: str, metric: str, value: float, target: str = "d0", condition: str = "clean"
        ) -> dict[str, object]:
    return {"case": case, "target": target, "method": method, "metric": metric, "condition": condition, "seed": 0,
            "value": value}


def faithful(case: str, method: str, insertion: float, deletion: float, target: str = "d0",
             condition: str = "clean") -> list[dict[str, object]]:
    return [row(case, method, f"{kind}_auc[{fill}]", value + shift, target, condition)
            for fill, shift in (("blur", 0.0), ("noise", 0.1))
            for kind, value in (("insertion", insertion), ("deletion", deletion))]


def ends(case: str, method: str, null: tuple[float, float], target: str = "d0") -> list[dict[str, object]]:
    """The null of a method (insertion, deletion) and an oracle with insertion 1 and deletion 0."""
    return [*faithful(case, method, *null, target, OTHER), *faithful(case, ORACLE, 1.0, 0.0, target, ORACLE)]


def gate(method: str, value: float) -> dict[str, object]:
    return row("", method, "gate", value, "")


def run_of(scores: list[dict[str, object]], images: int = 40) -> Run:
    made = random_tables(images, 5)
    return cast(Run, SimpleNamespace(cases=made.cases, truth=made.truth, predictions=made.predictions, plan={},
                                     scores=pd.DataFrame(scores)))


def test_the_skill_by_hand() -> None:
    scores = [*faithful("c000", "grad_cam", 0.8, 0.2), *ends("c000", "grad_cam", (0.6, 0.4)),
              *faithful("c000", "grad_cam", 0.6, 0.4, "d1"), *ends("c000", "grad_cam", (0.6, 0.4), "d1"),
              *faithful("c001", "grad_cam", 0.2, 0.8), *ends("c001", "grad_cam", (0.6, 0.4))]
    found = case_skills(pd.DataFrame(scores)).set_index(["method", "case"])["skill"]
    # Insertion (0.8 - 0.6) / (1 - 0.6), deletion (0.4 - 0.2) / (0.4 - 0): 0.5 for d0, 0 for d1.
    assert found["grad_cam", "c000"] == pytest.approx(0.25)
    # (0.2 - 0.6) / 0.4 is kept below 0.
    assert found["grad_cam", "c001"] == pytest.approx(-1.0)


def test_several_donors_are_averaged_and_each_method_has_its_own_null() -> None:
    scores = [*faithful("c000", "a", 0.8, 0.0), *faithful("c000", "b", 0.8, 0.0),
              *ends("c000", "a", (0.5, 0.0)), *faithful("c000", "a", 0.7, 0.0, condition=OTHER),
              *ends("c000", "b", (0.8, 0.0))]
    found = table_of(pd.DataFrame(scores)).set_index(["method", "metric"])["skill"]
    assert found["a", "insertion_auc[blur]"] == pytest.approx((0.8 - 0.6) / 0.4)
    assert found["b", "insertion_auc[blur]"] == pytest.approx(0.0)


def test_without_room_between_null_and_ceiling_there_is_no_skill() -> None:
    scores = [*faithful("c000", "m", 0.8, 0.0), *ends("c000", "m", (0.97, 0.4))]
    found = table_of(pd.DataFrame(scores)).set_index("metric")["skill"]
    assert math.isnan(found["insertion_auc[blur]"])
    assert found["deletion_auc[blur]"] == pytest.approx(1.0)
    table = axis(run_of(scores), FEW)
    assert table["no_room"].iloc[0] == pytest.approx(0.5)
    assert table["explainability"].iloc[0] == pytest.approx(1.0)


def test_a_metric_without_room_for_most_maps_is_left_out_for_all_and_named() -> None:
    """Deletion: two of the three methods' nulls lie at the ceiling; the third is not judged by it alone."""
    scores = [r for name, null in (("a", 0.02), ("b", 0.03), ("c", 0.5), ("random_map", 0.5))
              for r in (*faithful("c000", name, 0.8, 0.0), *ends("c000", name, (0.6, null)))]
    found = pd.DataFrame(scores).drop_duplicates(["case", "target", "method", "metric", "condition"])
    skills = table_of(found).set_index(["method", "metric"])["skill"]
    for fill in ("blur", "noise"):
        assert skills.xs(f"deletion_auc[{fill}]", level="metric").isna().all()
        assert skills.xs(f"insertion_auc[{fill}]", level="metric").to_numpy() == pytest.approx(0.5)
    table = axis(run_of(scores), FEW).set_index("method")
    assert set(table["left_out"]) == {"deletion_auc[blur], deletion_auc[noise]"}
    assert table.loc["a", "no_room"] == pytest.approx(0.5)
    assert table.loc["c", "no_room"] == 0.0


def test_only_metrics_with_both_ends_and_clean_rows_count() -> None:
    scores = [row("c000", "m", "insertion_auc[blur]", 0.9), row("c000", "m", "insertion_auc[blur]", 0.0, condition="p"),
              row("c000", "m", "deletion_auc[blur]", 0.1), row("c000", "m", "deletion_auc[blur]", 0.5, condition=OTHER),
              row("c000", "m", "insertion_auc[blur]", 0.5, condition=OTHER),
              row("c000", ORACLE, "insertion_auc[blur]", 1.0, condition=ORACLE)]
    found = case_skills(pd.DataFrame(scores))
    assert found["skill"].tolist() == [pytest.approx(0.8)]


def test_a_map_without_a_number_is_no_better_than_another_patients() -> None:
    scores = [*faithful("c000", "m", math.nan, math.nan), *ends("c000", "m", (0.5, 0.5)),
              *faithful("c001", "m", 1.0, 0.0), *ends("c001", "m", (0.5, 0.5)),
              *faithful("c002", "m", 1.0, 0.0), *ends("c002", "m", (math.nan, math.nan))]
    own = case_skills(pd.DataFrame(scores)).set_index("case")["skill"]
    assert own.to_dict() == {"c000": pytest.approx(0.0), "c001": pytest.approx(1.0)}


def drawn_scores(gains: dict[str, float]) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    scores = []
    for i in range(40):
        for method, gain in gains.items():
            scores += faithful(f"c{i:03d}", method, gain + 0.1 * float(rng.normal()), 0.0)
            scores += ends(f"c{i:03d}", method, (0.0, 1.0))
    return scores


def test_one_row_a_method_and_no_number_for_a_failed_gate_but_for_controls() -> None:
    scores = [gate("grad_cam", 1.0), gate("saliency", 0.0), gate("random_map", 0.0)]
    scores += drawn_scores({"grad_cam": 0.5, "saliency": 0.4, "kernel_shap": 0.3, "random_map": 0.0,
                            "centre_blob": 0.0})
    run = run_of(scores)
    table = axis(run, FEW).set_index("method")
    assert list(table.index) == ["centre_blob", "grad_cam", "kernel_shap", "random_map", "saliency"]
    assert table["control"].tolist() == [True, False, False, True, False]
    assert table.loc[["grad_cam", "kernel_shap", "saliency"], "gate"].tolist() == ["pass", "NOT ASSESSED", "fail"]
    assert math.isnan(table.loc["saliency", "explainability"])
    assert math.isnan(table.loc["saliency", "explainability_high"])
    # Deletion is perfect (skill 1) for all, insertion is the gain: the mean of both.
    assert table.loc["random_map", "explainability"] == pytest.approx(0.5, abs=0.03)
    one = table.loc["grad_cam"]
    assert 0.7 < one["explainability_low"] < one["explainability"] < one["explainability_high"] < 0.8
    assert (one["cases"], one["null"]) == (40, OTHER)
    judged = judge(run.cases, run.truth, run.predictions, 0.5, FEW).find("image AUC malignant")
    assert judged is not None
    assert (one["accuracy"], one["accuracy_low"], one["accuracy_high"]) == (judged.value, judged.low, judged.high)
    assert set(AXIS_COLUMNS) <= set(COLUMNS)


def test_without_null_or_ceiling_there_is_no_number() -> None:
    table = axis(run_of(faithful("c000", "m", 0.9, 0.1)), FEW)
    assert math.isnan(table["explainability"].iloc[0])
    assert (table["null"].iloc[0], table["cases"].iloc[0]) == ("none", 0)


def test_kendalls_w_by_hand_and_with_ties() -> None:
    assert concordance(np.array([[1.0, 2, 3], [10, 20, 30]])) == pytest.approx(1)
    assert concordance(np.array([[1.0, 2, 3], [3, 2, 1]])) == pytest.approx(0)
    # Kendall's own worked form: rank sums 4, 5, 9 of three judges; S = 14, W = 12 * 14 / (9 * 24).
    assert concordance(np.array([[1.0, 2, 3], [2, 1, 3], [1, 2, 3]])) == pytest.approx(12 * 14 / 216)
    # Ties: ranks (1.5, 1.5, 3) and (1, 2, 3): S = 2.5^2 + ... over 4 * 24 - 2 * 6.
    sums = np.array([2.5, 3.5, 6.0])
    assert concordance(np.array([[1.0, 1, 2], [1, 2, 3]])) == pytest.approx(12 * ((sums - 4) ** 2).sum() / (96 - 12))
    assert math.isnan(concordance(np.ones((1, 5))))
    assert math.isnan(concordance(np.ones((4, 3))))


def test_metrics_that_disagree_are_told_apart_and_controls_do_not_count() -> None:
    agreed = []
    for method, (x, y) in {"a": (0.9, 0.1), "b": (0.5, 0.5), "c": (0.1, 0.9), "random_map": (0.0, 0.0)}.items():
        agreed += [*faithful("c000", method, x, y), *ends("c000", method, (0.0, 1.0))]
    assert axis(run_of(agreed), FEW)["agreement"].iloc[0] == pytest.approx(1)
    # The second metric orders the methods the other way round.
    rows = []
    for method, (x, y) in {"a": (0.9, 0.9), "b": (0.5, 0.5), "c": (0.1, 0.1)}.items():
        rows += [*faithful("c000", method, x, y), *ends("c000", method, (0.0, 1.0))]
    assert agreement(table_of(pd.DataFrame(rows))) == pytest.approx(0, abs=1e-9)


def test_plausibility_is_apart() -> None:
    points = [row(f"c{i:03d}", "a", "pointing_game", float(i // 4 % 2)) for i in range(40)]
    scores = [*drawn_scores({"a": 0.5}), *points]
    one = axis(run_of(scores), FEW).iloc[0]
    assert one["plausibility"] == pytest.approx(0.5)
    assert 0.1 < one["plausibility_low"] < 0.5 < one["plausibility_high"] < 0.9
    changed = axis(run_of([r | {"value": 1.0} if r["metric"] == "pointing_game" else r for r in scores]), FEW).iloc[0]
    assert changed["explainability"] == one["explainability"]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_pointing_game_that_no_draw_changes_has_wilsons_interval(value: float) -> None:
    points = [row(f"c{i:03d}", "a", "pointing_game", value) for i in (0, 4, 8)]
    run = run_of([*drawn_scores({"a": 0.5}), *points])
    people = run.cases[run.cases["case"].isin(["c000", "c004", "c008"])]["patient"].nunique()
    one = axis(run, FEW).iloc[0]
    edge = 1.959964**2 / (people + 1.959964**2)
    low, high = (0.0, edge) if value == 0 else (1 - edge, 1.0)
    assert (one["plausibility_low"], one["plausibility_high"]) == pytest.approx((low, high), abs=1e-5)


def test_the_draws_are_those_of_the_accuracy() -> None:
    # A skill that is each image's own score moves with the AUC from draw to draw; a constant one does not.
    run = run_of([])
    scores = run.predictions[run.predictions["target"] == "malignant"].set_index("case")["score"]
    yes = run.cases.set_index("case")["label"] == "malignant"
    signed = {case: float(scores[case]) * (1 if yes[case] else -1) for case in scores.index}
    rows = [r for case, value in signed.items()
            for r in [*faithful(case, "m", value, 0.0), *ends(case, "m", (0.0, 1.0))]]
    rows += [r for case in scores.index for r in [*faithful(case, "flat", 0.5, 0.0), *ends(case, "flat", (0.0, 1.0))]]
    table = axis(run_of(rows), FEW).set_index("method")
    assert table.loc["m", "correlation"] > 0.3
    assert math.isnan(table.loc["flat", "correlation"])


def test_one_patient_has_no_interval_and_no_maps_no_rows() -> None:
    assert list(axis(run_of([gate("grad_cam", 1.0)]), FEW).columns) == list(COLUMNS)
    assert not len(axis(run_of([gate("grad_cam", 1.0)]), FEW))
    single = axis(run_of([*faithful("c000", "m", 0.9, 0.1), *ends("c000", "m", (0.0, 1.0))]), FEW)
    assert math.isnan(single["explainability_low"].iloc[0])
    assert single["explainability"].iloc[0] == pytest.approx(0.9)


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


def test_a_metric_that_lacks_a_method_does_not_silence_the_agreement() -> None:
    rows = [{"case": "c", "target": "d0", "method": method, "metric": metric, "skill": skill}
            for metric in ("insertion_auc[blur]", "insertion_auc[noise]")
            for method, skill in (("grad_cam", 0.1), ("saliency", 0.2), ("kernel_shap", 0.3))]
    alone = {"case": "c", "target": "d0", "method": "grad_cam", "metric": "deletion_auc[blur]", "skill": 0.9}
    assert agreement(pd.DataFrame([*rows, alone])) == pytest.approx(1.0)
