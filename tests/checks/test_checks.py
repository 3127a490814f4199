"""Each check on runs that pass, fail or cannot be assessed; every statement has its numbers."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from xaimed import registry
from xaimed.checks.asking import run_checks
from xaimed.checks.blank_maps import CHECK as BLANK_MAPS
from xaimed.checks.calibration_fit import CHECK as CALIBRATION
from xaimed.checks.case_mix import CHECK as CASE_MIX
from xaimed.checks.completeness import CHECK as COMPLETENESS
from xaimed.checks.dataset_warnings import CHECK as DATASET_WARNINGS
from xaimed.checks.duplicate_images import CHECK as DUPLICATES
from xaimed.checks.froc_reach import CHECK as FROC_REACH
from xaimed.checks.operating_point import CHECK as OPERATING_POINT
from xaimed.checks.plan_criteria import CHECK as CRITERIA
from xaimed.checks.proposals import CHECK as PROPOSALS
from xaimed.checks.reused_cases import CHECK as REUSED
from xaimed.checks.sanity_gate import CHECK as GATE
from xaimed.checks.skill import CHECK as SKILL
from xaimed.checks.split_overlap import CHECK as OVERLAP
from xaimed.checks.subgroup_gap import CHECK as GAP
from xaimed.checks.synthetic_data import CHECK as SYNTHETIC
from xaimed.run import Run
from xaimed.stats import Estimate, Results
from xaimed.store import MapEntry
from xaimed.types import Finding

SAME = {"dataset": "films", "manifest": "ab12"}


def cases(count: int = 40, **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"case": [f"c{i}" for i in range(count)], "patient": [f"p{i // 2}" for i in range(count)],
                          "split": "test", "label": ["malignant", "normal"] * (count // 2),
                          "digest": [f"{i:x}" for i in range(count)], "synthetic": False})
    return table.assign(**columns)


def score(method: str, metric: str, value: float, case: str = "c0", target: str = "d0") -> dict[str, object]:
    return {"case": case, "target": target, "method": method, "metric": metric, "condition": "clean", "seed": 0,
            "value": value}


def run_of(table: pd.DataFrame | None = None, **parts: Any) -> Run:
    training = parts.get("training", SAME)
    meta = {"model": {"task": parts.get("task", "detection"), "operating_point": 0.42, "training": training},
            "data": {"name": "films", "split": "test", "manifest": "ab12", "warnings": [], **parts.get("data", {})}}
    columns = ["case", "target", "method", "metric", "condition", "seed", "value"]
    entries = parts.get("entries", {})
    return cast(Run, SimpleNamespace(
        cases=cases() if table is None else table, meta=meta, plan=parts.get("plan", {}),
        scores=pd.DataFrame(parts.get("scores", []), columns=columns),
        results=Results(tuple(parts.get("estimates", ()))),
        axis=pd.DataFrame(parts.get("axis", [])), pictured=parts.get("pictured", True),
        entries=lambda case: entries.get(case, ())))


def asked(check: Any, run: Run, outcome: str, *words: str) -> Finding:
    found: Finding = check.run(run)
    assert found.outcome == outcome, found.statement
    for word in words:
        assert word in found.statement, found.statement
    return found


def test_the_codes_are_stable() -> None:
    codes = {name: registry.load("checks", name).CHECK.code for name in registry.names("checks")}
    assert codes == {
        "split_overlap": "XM101", "operating_point": "XM102", "duplicate_images": "XM103",
        "near_duplicates": "XM104", "reused_cases": "XM105", "plan_criteria": "XM201",
        "froc_reach": "XM202", "plan_first": "XM203",
        "calibration_fit": "XM204", "sanity_gate": "XM301", "completeness": "XM302",
        "blank_maps": "XM303",
        "proposals": "XM304", "skill": "XM305", "synthetic_data": "XM401", "dataset_warnings": "XM402",
        "case_mix": "XM403", "probes": "XM601", "probe_control": "XM602",
        "subgroup_gap": "XM501", "memorisation": "XM503"}


def test_split_overlap() -> None:
    asked(OVERLAP, run_of(), "pass", "None of 20 patients", "manifest ab12")
    asked(OVERLAP, run_of(cases(split=["train", "test"] * 20)), "fail", "20 of 20 patients")
    asked(OVERLAP, run_of(cases(split="val")), "fail", "40 of 40 cases")
    asked(OVERLAP, run_of(training={}), "NOT ASSESSED", "does not say")
    asked(OVERLAP, run_of(training={"dataset": "phantom"}), "NOT ASSESSED", "'phantom'", "'films'")
    asked(OVERLAP, run_of(training={**SAME, "manifest": "cd34"}), "concern", "manifests differ")
    asked(OVERLAP, run_of(training={**SAME, "patients": ["x"], "validation_patients": ["p3"]}), "fail", "p3")
    asked(OVERLAP, run_of(training={"dataset": "others", "patients": ["p3"]}), "NOT ASSESSED", "'others'")
    asked(OVERLAP, run_of(training={**SAME, "patients": ["p3", "x"]}), "fail", "1 of them", "p3")
    apart = {**SAME, "patients": ["x"], "validation_patients": ["y"]}
    asked(OVERLAP, run_of(training=apart), "pass", "0 of them are among the 2 patients")


def test_patients_that_are_not_known_are_on_no_side_of_a_split() -> None:
    apart = {**SAME, "patients": ["x"], "validation_patients": ["y"]}
    for training in (SAME, apart, {**SAME, "manifest": "cd34"}):
        asked(OVERLAP, run_of(training=training, data={"people": "unknown"}), "NOT ASSESSED", "under other names")
        asked(OVERLAP, run_of(training=training, data={"people": "one"}), "fail", "one person")
        asked(OVERLAP, run_of(training=training, data={"people": "known"}),
              "concern" if "cd34" in training.values() else "pass")
    asked(OVERLAP, run_of(training={**SAME, "patients": ["p3"]}, data={"people": "unknown"}), "fail", "p3")
    asked(OVERLAP, run_of(training={"dataset": "others"}, data={"people": "one"}), "NOT ASSESSED", "'others'")


@pytest.mark.parametrize(("error", "slope", "outcome"), [
    ((0.36, 0.28, 0.41), (1.0, 0.9, 1.1), "concern"), ((0.02, 0.0, 0.06), (4.3, 2.1, 6.5), "concern"),
    ((0.02, 0.0, 0.06), (0.5, 0.3, 0.7), "concern"), ((0.02, 0.0, 0.06), (1.0, 0.7, 1.4), "pass"),
    ((0.05, 0.0, 0.2), (1.0, 0.1, 2.0), "NOT ASSESSED")])
def test_calibration_fit(error: tuple[float, float, float], slope: tuple[float, float, float], outcome: str) -> None:
    found = [Estimate("ECE, debiased", *error, rule="10 bins"), Estimate("calibration slope", *slope),
             Estimate("ECE, debiased", 0.0, 0.0, 0.01, rule="10 bins, after calibration")]
    asked(CALIBRATION, run_of(estimates=found), outcome, f"{error[0]:.3f}", "after calibration 0.000")
    asked(CALIBRATION, run_of(estimates=found[1:]), "NOT ASSESSED", "No calibration error")
    asked(CALIBRATION, run_of(estimates=found, task="segmentation"), "not applicable")


def test_of_no_case_nothing_passes() -> None:
    empty = run_of(cases(0))
    asked(OPERATING_POINT, empty, "not applicable", "no case")
    asked(REUSED, empty, "not applicable", "no case")


@pytest.mark.parametrize(("chosen", "split", "outcome"), [
    ("val", "test", "pass"), ("validation", "test", "pass"), ("test", "test", "fail"), ("train", "test", "fail"),
    ("val", "val", "fail"), ("val", "all", "fail"), (None, "test", "NOT ASSESSED")])
def test_operating_point(chosen: str | None, split: str, outcome: str) -> None:
    asked(OPERATING_POINT, run_of(training={"operating_point_split": chosen}, data={"split": split}), outcome, "0.42")


def test_an_operating_point_from_other_data_is_judged_on_any_split() -> None:
    training = {"operating_point_split": "val", "dataset": "others"}
    asked(OPERATING_POINT, run_of(training=training, data={"split": "all"}), "pass", "0.42", "'others'")
    tested = {**training, "operating_point_split": "test"}
    asked(OPERATING_POINT, run_of(training=tested, data={"split": "test"}), "fail")


@pytest.mark.parametrize("task", ["segmentation", "generation", "registration", "discrimination"])
def test_what_decides_nothing_has_no_operating_point(task: str) -> None:
    asked(OPERATING_POINT, run_of(task=task, training={"operating_point_split": "val"}), "not applicable", task)


def test_duplicate_images() -> None:
    asked(DUPLICATES, run_of(), "pass", "All 40 cases")
    twice = [f"{i:x}" for i in range(20) for _ in range(2)]
    asked(DUPLICATES, run_of(cases(digest=twice)), "concern", "40 of 40 cases", "0 such groups")
    asked(DUPLICATES, run_of(cases(digest=twice, patient=[f"p{i}" for i in range(40)])), "fail", "20 such groups")
    asked(DUPLICATES, run_of(cases(digest="")), "NOT ASSESSED", "None of 40")


def test_plan_criteria() -> None:
    auc = Estimate("image AUC malignant", 0.8, 0.7, 0.9, interval="DeLong", numerator=20.0, denominator=40.0)

    def plan(limit: float, name: str = auc.name) -> dict[str, Any]:
        return {"criteria": [{"name": name, "at_least": limit, "on": "low"}]}

    asked(CRITERIA, run_of(estimates=[auc], plan=plan(0.65)), "pass", "1 of 1 criteria met", "20 of 40 images", "0.65")
    asked(CRITERIA, run_of(estimates=[auc], plan=plan(0.75)), "concern", "inconclusive")
    asked(CRITERIA, run_of(estimates=[auc], plan=plan(0.95)), "fail", "not met")
    asked(CRITERIA, run_of(estimates=[auc], plan=plan(0.5, "image AUC")), "NOT ASSESSED", "'image AUC malignant'")
    asked(CRITERIA, run_of(), "NOT ASSESSED", "sets no criterion")
    asked(CRITERIA, run_of(plan={"criteria": {"x": 1}}), "NOT ASSESSED", "cannot be read")


def test_froc_reach() -> None:
    name = "sensitivity at {} false positives per image"
    there = Estimate(name.format(0.5), 0.9, 0.8, 1.0, "lesion", "centre in box", interval="patient bootstrap")
    beyond = Estimate(name.format(4), math.nan, rule="centre in box",
                      interval="not reached: the curve ends at 2 per image")
    asked(FROC_REACH, run_of(estimates=[there]), "pass", "All 1 points")
    asked(FROC_REACH, run_of(estimates=[there, beyond]), "concern", "1 of 2 points", "ends at 2")
    asked(FROC_REACH, run_of(estimates=[there], task="classification"), "not applicable")


def test_sanity_gate() -> None:
    rows = [score("grad_cam", "gate", 1.0, "", ""), score("grad_cam", "gate_similarity", 0.2, "", ""),
            score("grad_cam", "gate_null", 0.35, "", ""), score("random_map", "deletion_auc[blur]", 0.5)]
    found = asked(GATE, run_of(scores=rows), "pass", "1 of 1 methods", "keep 0.20", "have 0.35")
    assert found.evidence["grad_cam"] == "pass"
    control = [*rows, score("random_map", "gate", 1.0, "", "")]
    asked(GATE, run_of(scores=control), "fail", "random_map cannot look at the model")
    asked(GATE, run_of(scores=[*rows, score("sobel", "gate", 0.0, "", "")]), "pass", "1 of 1 methods")
    asked(GATE, run_of(scores=[*rows, score("oracle", "deletion_auc[blur]", 0.1)]), "pass", "1 of 1 methods")
    blind = [*rows, score("grad_cam", "target_contrast", 0.0, "", "")]
    asked(GATE, run_of(scores=blind), "concern", "grad_cam hardly change with the target")
    asked(GATE, run_of(scores=[*rows, score("saliency", "gate", 0.0, "", "")]), "concern", "1 of 2", "saliency fail")
    asked(GATE, run_of(scores=[*rows, score("saliency", "energy_lift", 2.0)]), "NOT ASSESSED", "saliency NOT ASSESSED")
    asked(GATE, run_of(), "not applicable")


def test_completeness() -> None:
    rows = [score("ig", "completeness", 0.004), score("ig", "completeness", 0.01, "c1"),
            score("grad_cam", "completeness", math.nan)]
    asked(COMPLETENESS, run_of(scores=rows), "pass", "2 of 2 maps", "worst 1 %")
    asked(COMPLETENESS, run_of(scores=[*rows, score("ig", "completeness", 0.2, "c2")]), "concern", "2 of 3", "20 %")
    asked(COMPLETENESS, run_of(scores=rows[2:]), "not applicable")


def test_blank_maps() -> None:
    good, bad = MapEntry("d0", "grad_cam"), MapEntry("d0", "ig", note="not finite")
    asked(BLANK_MAPS, run_of(entries={"c0": (good,)}), "pass", "All 1 maps")
    asked(BLANK_MAPS, run_of(entries={"c0": (good, bad)}), "concern", "1 of 2 maps", "ig 1 of 1")
    asked(BLANK_MAPS, run_of(), "not applicable")
    tables = run_of(pictured=False, entries={"c0": (good, bad)})
    asked(BLANK_MAPS, tables, "not applicable", "No map was made")  # without a look at any case


def test_proposals_are_always_a_stated_concern_for_gradients_on_a_detector() -> None:
    rows = [score("grad_cam", "energy_lift", 2.0), score("grad_cam", "completeness", math.nan),
            score("kernel_shap", "energy_lift", 1.0)]
    asked(PROPOSALS, run_of(scores=rows), "concern", "1 map of 1 method (grad_cam)")
    asked(PROPOSALS, run_of(scores=rows, task="classification"), "not applicable")
    asked(PROPOSALS, run_of(scores=rows[2:]), "not applicable")


def test_what_the_data_are() -> None:
    asked(SYNTHETIC, run_of(), "pass", "None of 40")
    asked(SYNTHETIC, run_of(pictured=False), "NOT ASSESSED", "No image of the 40 cases")
    asked(SYNTHETIC, run_of(cases(synthetic=[True] * 10 + [False] * 30)), "concern", "10 of 40", "SYNTHETIC")
    asked(DATASET_WARNINGS, run_of(), "pass", "40 cases")
    warned = run_of(data={"warnings": ["old films.", "no normals"]})
    asked(DATASET_WARNINGS, warned, "concern", "2 warnings", "old films; no normals.")
    mute = run_of()
    cast(dict[str, Any], mute.meta["data"]).pop("warnings")
    asked(DATASET_WARNINGS, mute, "NOT ASSESSED")


def test_case_mix() -> None:
    asked(CASE_MIX, run_of(cases(80)), "pass", "40 of 80 images are malignant and 40 normal")
    asked(CASE_MIX, run_of(cases(80, label=["malignant", "benign"] * 40)), "concern", "no image is normal")
    asked(CASE_MIX, run_of(cases(20)), "concern", "fewer than 30")
    asked(CASE_MIX, run_of(cases(80, label=["malignant", None] * 40)), "concern",
          "40 images without a label are not judged")
    asked(CASE_MIX, run_of(cases(20), task="discrimination"), "not applicable", "real images from made ones")


def cell(group: str, value: float, half: float = 0.05) -> Estimate:
    return Estimate("image AUC malignant", value, value - half, value + half, interval="DeLong", group=group,
                    numerator=20.0, denominator=50.0)


def test_subgroup_gap() -> None:
    near = [cell("site=A", 0.8), cell("site=B", 0.85)]
    asked(GAP, run_of(estimates=near), "pass", "0 of 1 comparisons", "0.800", "50 images")
    far = [cell("site=A", 0.6), cell("site=B", 0.9), cell("view=CC", 0.8), cell("view=MLO", 0.8)]
    found = asked(GAP, run_of(estimates=far), "concern", "1 of 2 comparisons", "site=A", "0.600")
    assert found.evidence["largest_gap"] == pytest.approx(0.3)
    # The intervals of both groups overlap, that of their difference lies above 0: as measured, or from the limits.
    apart = [cell("site=A", 0.8), cell("site=B", 0.88)]
    asked(GAP, run_of(estimates=apart), "concern", "1 of 1 comparisons", "0.080 (0.009 to 0.151)")
    for low, outcome in ((0.01, "concern"), (-0.01, "pass")):
        gap = Estimate("gap between groups of site (image AUC malignant)", 0.08, low, 0.15, rule="best minus worst")
        asked(GAP, run_of(estimates=[*apart, gap]), outcome, f"0.080 ({low:.3f} to 0.150)")
    many = [cell(f"site={i}", 0.8 if i else 0.88) for i in range(8)]
    asked(GAP, run_of(estimates=many), "pass", "0 of 1 comparisons")
    small = Estimate("image AUC malignant", math.nan, group="site=B", interval="suppressed: 3 counted, fewer than 10")
    asked(GAP, run_of(estimates=[small]), "NOT ASSESSED", "1 of 1 cells")
    asked(GAP, run_of(estimates=[cell("site=A", 0.8), small]), "NOT ASSESSED", "1 of 2 cells")
    asked(GAP, run_of(), "NOT ASSESSED", "No group")
    others = [cell("model=a", 0.5), cell("model=b", 0.9), cell("reader=c", 0.3), cell("reader=d", 0.7)]
    asked(GAP, run_of(estimates=others), "NOT ASSESSED", "No group")


def test_all_checks_on_a_stored_run(example_run: Path) -> None:
    run = Run.open(example_run)
    found = {f.code: f for f in run_checks(run)}
    assert list(found) == sorted(found)
    assert len(found) == len(registry.names("checks"))
    assert found["XM401"].outcome == "concern"
    assert found["XM301"].outcome == "concern"
    assert "gradient_shap fail" in found["XM301"].statement
    assert found["XM304"].outcome == "concern"
    assert found["XM302"].outcome == "pass"


def test_skill_is_held_against_another_patients_map() -> None:
    row = {"method": "grad_cam", "gate": "pass", "control": False, "explainability": 0.2, "explainability_low": -0.1,
           "explainability_high": 0.5}
    blob = {**row, "method": "centre_blob", "control": True, "explainability_low": 0.3}
    asked(SKILL, run_of(), "not applicable")
    asked(SKILL, run_of(axis=[row, blob]), "concern", "None of 1 methods", "0.200 (-0.100 to 0.500)")
    asked(SKILL, run_of(axis=[{**row, "explainability_low": 0.1}, blob]), "pass", "1 of 1 methods", "grad_cam")
    asked(SKILL, run_of(axis=[{**row, "gate": "fail", "explainability_low": math.nan}, blob]), "NOT ASSESSED")
