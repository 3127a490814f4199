"""What the tables of a run say of its probes, against numbers by hand and against the metrics of the clean run."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from xaimed.checks import probe_control
from xaimed.checks import probes as check
from xaimed.metrics.criteria import criteria_of, judged
from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import Judged
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.probed import CHANGE, FLIPS, LOST, NEW, REFUSED, RHO, TOP, conditions, probed, refusals
from xaimed.metrics.weighed import ALARMS, LESIONS, weighed
from xaimed.report.sections import robustness
from xaimed.run import Run
from xaimed.stats import Estimate, Resampling, Results
from xaimed.viz import probes

NAN = math.nan
OPTIONS = JudgeOptions(resamples=200, positive="malignant")
COUNT = 20


def row(case: str, condition: str, target: str, label: str, numbers: tuple[float, ...]) -> dict[str, object]:
    return {"case": case, "condition": condition, "target": target, "label": label,
            **dict(zip(("score", "x0", "y0", "x1", "y1"), (*numbers, NAN, NAN, NAN, NAN)[:5], strict=True))}


def run_of(shift: float = 0.0, lost: int = 0) -> Run:
    """20 images, one lesion on the even ones; all found with 0.9, and one false box on case 1.

    Under "shift" every box is moved by `shift` pixels, and the first `lost` lesions have no box and a low score.
    """
    cases, truth, said = [], [], []
    for i in range(COUNT):
        name, sick = f"c{i:02d}", i % 2 == 0
        cases.append({"case": name, "patient": f"p{i:02d}", "label": "malignant" if sick else "normal",
                      "spacing_mm": 0.1})
        if sick:
            truth.append(row(name, "", "t0", "malignant", (NAN, 10, 10, 30, 30)))
        for condition, moved in (("clean", 0.0), ("shift", shift)):
            gone = condition == "shift" and sick and i // 2 < lost
            if (sick and not gone) or (i == 1 and condition == "clean"):
                edges = (10 + moved, 10, 30 + moved, 30)
                said.append(row(name, condition, "d0", "malignant", (0.9 if sick else 0.6, *edges)))
            best = 0.9 if sick and not gone else 0.6 if i == 1 and condition == "clean" else 0.01 * i
            said.append(row(name, condition, "malignant", "malignant", (best,)))
    scores = pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "seed", "value"])
    meta = {"model": {"task": "detection", "operating_point": 0.5, "classes": ["malignant"]}, "data": {}}
    tables = {"cases": pd.DataFrame(cases), "truth": pd.DataFrame(truth).drop(columns="score"),
              "predictions": pd.DataFrame(said)}
    return cast(Run, SimpleNamespace(**tables, scores=scores, meta=meta, plan={}, results=Results()))


def by_name(found: list[Estimate]) -> dict[str, Estimate]:
    return {e.name: e for e in found}


def test_lost_boxes_change_sensitivity_and_flip_answers_by_hand() -> None:
    run = run_of(lost=3)
    found = by_name(probed(run, OPTIONS, 0.5))
    assert {e.group for e in found.values()} == {"probe=shift"}
    assert found[LESIONS].value == pytest.approx(0.7)
    change = found[CHANGE + LESIONS]
    assert change.value == pytest.approx(-0.3)
    assert change.low < -0.3 < change.high < 0.05
    assert found[ALARMS].value == 0
    assert found[CHANGE + ALARMS].value == pytest.approx(-1 / 20)
    assert (found[FLIPS].numerator, found[FLIPS].denominator) == (4, 20), "three lesions and the false alarm"
    assert (found[LOST].numerator, found[LOST].denominator) == (4, 11)
    assert (found[NEW].numerator, found[NEW].denominator) == (0, 7)


def test_boxes_that_moved_are_lost_and_new() -> None:
    found = by_name(probed(run_of(shift=9.0), OPTIONS, 0.5))
    assert found[LESIONS].value == 1, "the centre is still in the lesion"
    assert (found[LOST].value, found[NEW].value) == (1, 1), "IoU 11/29"
    assert by_name(probed(run_of(shift=2.0), OPTIONS, 0.5))[LOST].numerator == 1


def test_the_paired_interval_of_the_area_is_that_of_a_plain_bootstrap() -> None:
    run = run_of(lost=4)
    change = by_name(probed(run, OPTIONS, 0.5))[CHANGE + "image AUC malignant"]
    rows = run.predictions[run.predictions["x0"].isna()]
    scores = rows.pivot_table(index="case", columns="condition", values="score")
    truth = np.arange(COUNT) % 2 == 0

    def area(values: Any, rows: Any) -> float:
        ranks, yes = rankdata(values[rows]), truth[rows]
        return float((ranks[yes].sum() - yes.sum() * (yes.sum() + 1) / 2) / (yes.sum() * (~yes).sum()))

    clean, other = (scores[name].to_numpy() for name in ("clean", "shift"))
    every = np.arange(COUNT)
    assert change.value == pytest.approx(area(other, every) - area(clean, every))
    counts = Resampling.of([f"p{i:02d}" for i in range(COUNT)], 200, 0).counts
    drawn = [area(other, rows) - area(clean, rows) for rows in (np.repeat(every, n) for n in counts)
             if 0 < truth[rows].sum() < len(rows)]
    assert (change.low, change.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_no_likeness_of_maps_lies_beyond_what_can_be() -> None:
    run = run_of()
    run.predictions = run.predictions[run.predictions["condition"] == "clean"]
    run.scores = scored([(f"c{i:02d}", "grad_cam", metric, "blur:0.1", 0.9 if i else 1.0)
                         for i in range(4) for metric in (RHO, TOP)] +
                        [(f"c{i:02d}", "grad_cam", metric, "shifted:5 mm", 0.6 if i else 1.0)
                         for i in range(4) for metric in (RHO, TOP)])
    found = {(e.group, e.name): e for e in probed(run, OPTIONS, 0.5)}
    for name in ("rank correlation of the maps", "overlap of the top tenth of the maps"):
        assert found["probe=blur:0.1", name].high == 1.0
        assert found["probe=shifted:5 mm", name].high == 1.0
        assert found["probe=shifted:5 mm", name].low == pytest.approx(0.7 - 3.1824 * 0.2 / 2, abs=1e-3)


def test_a_probe_that_changes_nothing_has_no_change_and_an_interval_that_is_no_point() -> None:
    found = by_name(probed(run_of(), OPTIONS, 0.5))
    same = found[CHANGE + LESIONS]
    assert same.value == 0
    assert same.low < -0.1 < 0.1 < same.high, "ten patients without a change do not show that there is none"
    assert "none of 10 patients changed" in same.interval


def test_the_weighed_measures_are_those_of_the_clean_judgement() -> None:
    run = run_of()
    clean = run.predictions[run.predictions["condition"] == "clean"]
    results = judge(run.cases, run.truth, clean, 0.5, OPTIONS)
    found = evidence(run.cases, run.truth, clean)
    wanted = ["sensitivity", "specificity", "accuracy", "precision", "sensitivity at 0.05 false positives per image"]
    measures = weighed(Judged(found, 0.5, OPTIONS, Resampling.of(found.patients, 200, 0)), wanted)
    assert {m.name for m in measures} == {"image AUC malignant", LESIONS, ALARMS, *wanted}
    for one in measures:
        known = results.find(one.name, one.rule or None)
        assert known is not None
        assert float(one.statistic(np.ones((1, COUNT)))[0]) == pytest.approx(known.value), one.name


def scored(rows: list[tuple[str, str, str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame([{"case": case, "target": "", "method": method, "metric": metric, "condition": condition,
                          "seed": 0, "value": value} for case, method, metric, condition, value in rows])


def test_answers_in_pixels_maps_and_refusals_are_means_and_counts() -> None:
    run = run_of()
    run.predictions = run.predictions[run.predictions["condition"] == "clean"]
    rows = [(f"c{i:02d}", "", "Dice", name, value) for i in range(8) for name, value in (
        ("clean", 0.8), ("blur:0.1", 0.8 - 0.05 * i))]
    rows += [(f"c{i:02d}", "grad_cam", metric, "blur:0.1", i / 10) for i in range(6) for metric in (RHO, TOP)]
    rows += [(f"c{i:02d}", "", f"{REFUSED}a reason", "shifted:5 mm", 1.0) for i in range(3)]
    run.scores = scored(rows)
    run.meta["model"]["task"] = "segmentation"
    assert conditions(run) == ["blur:0.1", "shifted:5 mm"]
    found = {(e.group, e.name): e for e in probed(run, OPTIONS, 0.5)}
    assert found["probe=blur:0.1", CHANGE + "Dice"].value == pytest.approx(-0.175)
    assert found["probe=blur:0.1", "Dice"].denominator == 8
    assert found["probe=blur:0.1", "rank correlation of the maps"].value == pytest.approx(0.25)
    assert not [key for key in found if key[0] == "probe=shifted:5 mm"]
    assert refusals(run) == {"shifted:5 mm": {"a reason": 3}}
    asked = probes.asked(run).set_index("condition")
    assert asked.at["blur:0.1", "served"] == 8
    assert asked.at["shifted:5 mm", "refused"] == "a reason (3 cases)"


def judged_run(lost: int, condition: str) -> Run:
    run = run_of(lost=lost)
    run.predictions["condition"] = run.predictions["condition"].replace("shift", condition)
    run.results = Results(tuple(probed(run, OPTIONS, 0.5)))
    return run


def estimated(measure: tuple[float, float], flips: float, control: tuple[float, float] | None = None) -> Run:
    """A run whose sensitivity 0.9 did not change under blur, within these limits; control: those of the control."""
    rows = [Estimate(LESIONS, 0.9, 0.85, 0.95, group="probe=blur:0.1"),
            Estimate(CHANGE + LESIONS, 0.0, *measure, group="probe=blur:0.1"),
            Estimate(FLIPS, 0.0, 0.0, flips, group="probe=blur:0.1", denominator=90.0)]
    if control is not None:
        rows += [Estimate(LESIONS, 0.5, 0.4, 0.6, group="probe=random_weights:all"),
                 Estimate(CHANGE + LESIONS, -0.4, *control, group="probe=random_weights:all")]
    names = ["blur:0.1", *(["random_weights:all"] if control else [])]
    said = pd.DataFrame({"case": "c", "condition": names, "target": "d0", "label": "m", "score": 0.5, "x0": NAN})
    run = SimpleNamespace(predictions=said, scores=scored([]).reindex(columns=["case", "target", "method", "metric",
                          "condition", "seed", "value"]), plan={}, meta={}, results=Results(tuple(rows)))
    return cast(Run, run)


@pytest.mark.parametrize(("measure", "flips", "control", "outcome"), [
    ((-0.05, 0.05), 0.04, None, "pass"), ((-0.793, 0.793), 0.04, None, "NOT ASSESSED"),
    ((-0.05, 0.05), 0.79, None, "NOT ASSESSED"), ((NAN, NAN), 0.04, None, "NOT ASSESSED"),
    ((-0.05, 0.05), 0.04, (-0.5, -0.3), "pass"), ((-0.05, 0.05), 0.04, (-0.9, 0.1), "NOT ASSESSED"),
    ((-0.2, -0.01), 0.04, None, "concern")])
def test_a_pass_rules_harm_out(measure: tuple[float, float], flips: float, control: tuple[float, float] | None,
                               outcome: str) -> None:
    assert check.ask(estimated(measure, flips, control)).outcome == outcome


def test_the_control_names_only_the_measures_that_are_worse() -> None:
    run = judged_run(10, "random_weights:all")
    said, table = probe_control.ask(run), probes.measures(run)
    for row in table[table["change"].notna()].assign(worse=probes.worse(table)).itertuples():
        assert (f"{row.measure} {row.clean:.3f} to" in said.statement) == row.worse


@pytest.mark.parametrize(("lost", "outcome"), [(0, "NOT ASSESSED"), (7, "concern")])
def test_the_check_of_the_answers(lost: int, outcome: str) -> None:
    found = check.ask(judged_run(lost, "blur:0.1"))
    flipped = lost > 0
    assert found.outcome == outcome  # ten patients do not rule harm out
    assert ("lesion sensitivity at the operating point -0.700" in found.statement) == flipped
    assert probe_control.ask(judged_run(lost, "blur:0.1")).outcome == "NOT ASSESSED"


@pytest.mark.parametrize(("lost", "outcome"), [(0, "concern"), (10, "pass")])
def test_the_control_has_to_get_worse(lost: int, outcome: str) -> None:
    run = judged_run(lost, "random_weights:all")
    assert probe_control.ask(run).outcome == outcome
    assert check.ask(run).outcome == "NOT ASSESSED", "a control alone says nothing of the answers"


def test_a_criterion_on_a_probe_is_judged_by_the_change() -> None:
    plan = {"criteria": [{"name": CHANGE + LESIONS, "probe": "blur:0.1", "at_least": -0.05, "on": "low"}]}
    [criterion] = criteria_of(plan)
    assert judged(criterion, judged_run(7, "blur:0.1").results).answer == "not met"
    said = judged(criterion, judged_run(0, "blur:0.1").results)
    assert said.answer == "inconclusive"
    assert "under blur:0.1" in said.statement


def test_a_run_without_probes_says_so(example_run: Path) -> None:
    run = Run.open(example_run)
    assert conditions(run) == []
    assert probed(run, OPTIONS, 0.5) == []
    assert probes.measures(run).empty
    assert probes.shares(run).empty
    assert "NOT ASSESSED" in repr(robustness.section(run)[1])
    assert probe_control.ask(run).outcome == "not applicable"
