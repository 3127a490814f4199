"""The names of measures that are known before a run are those that runs hold."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.table_runs import BOXES, MARKS, SCORES, TRUTH, table_run
from xaimed.content import folder
from xaimed.errors import PlanError
from xaimed.metrics.criteria import Criterion, criteria_of
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.vocabulary import Audited, groups_of, measures, range_of, refuse_unknown
from xaimed.plan import open_plan
from xaimed.run import Run
from xaimed.stats import Estimate

DETECTOR = Audited("detection", "malignant", ("benign", "malignant"), {"site": frozenset({"A", "B"})})


def known(run: Run) -> Audited:
    kinds = [name for name in run.cases if name.startswith("group_")]
    rows = ({name.removeprefix("group_"): str(row[name]) for name in kinds} for row in run.cases.to_dict("records"))
    model = run.meta["model"]
    return Audited(model["task"], model["classes"][-1], tuple(model["classes"]), groups_of(rows),
                   tuple(run.meta["models"]), tuple(run.meta["readers"]),
                   hit_rules=tuple(JudgeOptions().hit_rules))


def as_criterion(estimate: Estimate) -> Criterion:
    return Criterion(estimate.name, 0.5, group=estimate.group, rule=estimate.rule)


@pytest.mark.parametrize(("truth", "scores", "margin"), [
    (TRUTH, SCORES, 0.2), (TRUTH, SCORES.replace("score_old", "score_reader1"), None), (BOXES, MARKS, None),
    (TRUTH, SCORES.replace("score_new,score_old", "p_0,p_1"), None)])
def test_every_measure_of_a_run_of_tables_is_known_before_it(
        tmp_path: Path, truth: str, scores: str, margin: float | None) -> None:
    run = table_run(tmp_path / "run", truth, scores, margin)
    assert len(run.results.estimates) > 20
    refuse_unknown([as_criterion(e) for e in run.results.estimates], known(run))


def test_every_criterion_of_the_plans_that_come_with_xaimed_names_a_measure() -> None:
    tasks = {"quick-generation": "generation", "quick-registration": "registration", "quick-anomaly": "anomaly",
             "quick-energy": "energy", "quick-discrimination": "discrimination", "quick": "detection",
             "full": "detection"}
    for path in sorted(folder("audits").glob("*.toml")):
        plan = open_plan(path.stem)
        task = tasks.get(path.stem, next((one for one in ("segmentation", "detection") if one in path.stem),
                                         "classification"))
        positive = next((c.name.rpartition(" ")[2] for c in criteria_of({"criteria": plan.criteria})
                         if c.name.startswith("image AUC")), "malignant")
        audited = Audited(task, positive, ("WBC", "Platelets", positive))
        refuse_unknown(criteria_of({"criteria": plan.criteria}), audited)


@pytest.mark.parametrize(("name", "group", "words"), [
    ("image AUC malignent", "all", "nearest: 'image AUC malignant'"),
    ("sensitivity at 0.6 false positives per image", "all", r"nearest: 'sensitivity at 0\.\d+ false"),
    ("Dice", "all", "no measure of an audit of a model of detection is called 'Dice'"),
    ("change in image AUC malignant", "all", "under a probe only"),
    ("sensitivity", "site=C", "'site=A'"), ("sensitivity", "sites=A", "'site=A'")])
def test_what_a_detector_is_not_measured_by_is_refused_with_the_nearest(name: str, group: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        refuse_unknown([Criterion(name, 0.5, group=group)], DETECTOR)


def test_what_a_task_is_measured_by_depends_on_it() -> None:
    assert "image AUC malignant" not in measures(replace(DETECTOR, task="segmentation"))
    assert {"Dice", "Dice malignant", "HD95"} <= set(measures(replace(DETECTOR, task="segmentation")))
    assert "AFROC area" not in measures(replace(DETECTOR, task="classification"))
    refuse_unknown([Criterion("change in AFROC area", 0, group="probe=noise:0.05"),
                    Criterion("positive predictive value at prevalence 0.01", 0.1)], replace(DETECTOR, prevalence=0.01))


@pytest.mark.parametrize(("name", "given", "words"), [
    ("image AUC malignant", {"at_least": 7}, "limit from 0 to 1"),
    ("sensitivity", {"at_least": -0.5}, "limit from 0 to 1"), ("MCC", {"at_least": -2}, "limit from -1 to 1"),
    ("false positives per image at the operating point", {"at_most": -1}, "limit of 0 or more"),
    ("change in image AUC malignant", {"at_least": -5, "probe": "noise:0.05"}, "limit from -1 to 1"),
    ("sensitivity", {"at_least": 0.8, "rule": "false positives amng the negative images"},
     "did you mean 'false positives"),
    ("AFROC area", {"at_least": 0.8, "rule": "IoU >= 0.9"}, "known: IoU >= 0.2, centre in box")])
def test_a_limit_or_rule_that_the_measure_cannot_have_is_refused(
        name: str, given: dict[str, object], words: str) -> None:
    audited = replace(DETECTOR, hit_rules=("centre in box", "IoU >= 0.2"))
    with pytest.raises(PlanError, match=words):
        refuse_unknown(criteria_of({"criteria": [{"name": name, **given}]}), audited)


@pytest.mark.parametrize(("name", "bounds"), [
    ("image AUC malignant", (0, 1)), ("change in image AUC malignant", (-1, 1)), ("SSIM", (-1, 1)),
    ("difference in sensitivity: new - earlier", (-1, 1)), ("gap between groups of site (specificity)", (-1, 1)),
    ("false positives per image at the operating point", (0, math.inf)), ("net benefit", (-math.inf, math.inf)),
    ("change in false positives per image at the operating point", (-math.inf, math.inf)),
    ("benign/malignant AUC, lesions found", (0, 1)), ("PSNR", (-math.inf, math.inf))])
def test_the_range_of_a_measure_follows_from_its_name(name: str, bounds: tuple[float, float]) -> None:
    assert range_of(name) == bounds
