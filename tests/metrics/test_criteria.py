"""Criteria: met, not met, inconclusive, NOT ASSESSED, and what a process says of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from xaimed.content import folder
from xaimed.errors import PlanError
from xaimed.metrics.criteria import criteria_of, judgements_of, rules_of, verdict
from xaimed.plan import open_plan
from xaimed.run import Run
from xaimed.stats import Estimate, Results
from xaimed.types import Finding
from xaimed.unanswered import INTENDED

AUC = Estimate("image AUC malignant", 0.80, 0.72, 0.88, interval="DeLong", numerator=30.0, denominator=100.0)
RESULTS = Results((
    AUC, Estimate("image AUC malignant", 0.7, 0.5, 0.9, interval="DeLong", group="site=A"),
    Estimate("sensitivity at 0.5 false positives per image", math.nan, rule="centre in box", unit="lesion",
             interval="not reached: the curve ends at 0.31 per image", denominator=50.0),
    Estimate("sensitivity at the end of the curve", 0.96, 0.9, 0.99, "lesion", "centre in box", 48.0, 50.0, "Wilson"),
    Estimate("specificity", math.nan, interval="suppressed: 4 counted, fewer than 10")))


def plan(**criterion: object) -> dict[str, Any]:
    return {"criteria": [criterion]}


@pytest.mark.parametrize(("limit", "on", "answer"), [
    (0.70, "low", "met"), (0.75, "low", "inconclusive"), (0.80, "low", "inconclusive"), (0.90, "low", "not met"),
    (0.80, "value", "met"), (0.81, "value", "not met"), (0.75, "value", "met")])
def test_the_interval_decides_where_it_is_asked(limit: float, on: str, answer: str) -> None:
    found = judgements_of(plan(name="image AUC malignant", at_least=limit, on=on), RESULTS)
    assert found[0].answer == answer
    assert "0.800 (0.720 to 0.880, DeLong; 30 of 100 images)" in found[0].statement
    assert found[0].statement.endswith("by its value alone: its interval holds the limit") == (on == "value")
    assert f"at least {limit:g}" in found[0].statement


@pytest.mark.parametrize(("limit", "on", "answer"), [
    (0.90, "high", "met"), (0.85, "high", "inconclusive"), (0.70, "high", "not met"),
    (0.80, "value", "met"), (0.79, "value", "not met")])
def test_an_upper_bound_is_judged_from_the_other_end(limit: float, on: str, answer: str) -> None:
    found = judgements_of(plan(name="image AUC malignant", at_most=limit, on=on), RESULTS)
    assert found[0].answer == answer
    assert f"at most {limit:g}" in found[0].statement


@pytest.mark.parametrize(("criterion", "answer"), [
    ({"at_least": 0.75}, "inconclusive"), ({"at_most": 0.85}, "inconclusive"), ({"at_least": 0.72}, "met"),
    ({"at_most": 0.88}, "met"), ({"at_least": 0.75, "on": "value"}, "met")])
def test_the_interval_decides_where_nothing_is_said(criterion: dict[str, object], answer: str) -> None:
    assert judgements_of(plan(name="image AUC malignant", **criterion), RESULTS)[0].answer == answer


def test_a_number_without_an_interval_is_assessed_by_its_value_only_where_that_is_asked() -> None:
    alone = Results((Estimate("Dice", 0.9, interval="none: 2 patients"),))
    found = judgements_of(plan(name="Dice", at_least=0.7), alone)[0]
    assert found.answer == "NOT ASSESSED"
    assert "no interval" in found.statement
    assert "none: 2 patients" in found.statement
    assert judgements_of(plan(name="Dice", at_least=0.7, on="value"), alone)[0].answer == "met"


def test_a_rate_that_was_not_reached_is_judged_at_the_end_of_the_curve() -> None:
    name = "sensitivity at 0.5 false positives per image"
    found = judgements_of(plan(name=name, rule="centre in box", at_least=0.9), RESULTS)[0]
    assert found.answer == "met"
    assert "ends at 0.31" in found.statement
    assert "48 of 50 lesions" in found.statement


def test_a_name_that_does_not_exist_gets_the_nearest() -> None:
    found = judgements_of(plan(name="image AUC malignent", at_least=0.9), RESULTS)[0]
    assert found.answer == "NOT ASSESSED"
    assert "'image AUC malignant'" in found.statement
    rule = judgements_of(plan(name="sensitivity at the end of the curve", rule="IoU >= 0.9", at_least=0.9), RESULTS)[0]
    assert rule.answer == "NOT ASSESSED"
    assert "centre in box" in rule.statement


def test_a_suppressed_number_is_not_assessed() -> None:
    found = judgements_of(plan(name="specificity", at_least=0.9), RESULTS)[0]
    assert (found.answer, "suppressed" in found.statement) == ("NOT ASSESSED", True)


def test_a_group_can_be_asked() -> None:
    found = judgements_of(plan(name="image AUC malignant", group="site=A", at_least=0.5), RESULTS)[0]
    assert found.answer == "met"
    assert "in site=A 0.700" in found.statement


@pytest.mark.parametrize("row", [
    {"name": "x"}, {"at_least": 0.5}, {"name": "x", "at_least": "much"}, {"name": "x", "at_least": math.nan},
    {"name": "x", "at_least": 0.5, "on": "high"}, {"name": "x", "at_least": 0.5, "colour": "red"}, "x",
    {"name": "x", "at_most": 0.5, "on": "low"}, {"name": "x", "at_most": 0.5, "at_least": 0.1},
    {"name": "x", "at_least": True}, {"name": 3, "at_least": 0.5}])
def test_a_criterion_that_cannot_be_read_is_refused(row: object) -> None:
    with pytest.raises(PlanError, match=r"criteri|expected"):
        criteria_of({"criteria": [row]})
    with pytest.raises(PlanError, match="expected a list"):
        criteria_of({"criteria": {"image AUC malignant": 0.75}})


def ended(criteria: list[dict[str, object]], *outcomes: str) -> Run:
    findings = tuple(Finding(f"XM10{i}", "t", "high", cast(Any, o), "s") for i, o in enumerate(outcomes))
    return cast(Run, SimpleNamespace(plan={"criteria": criteria}, results=RESULTS, findings=findings))


GOOD: dict[str, object] = {"name": "image AUC malignant", "at_least": 0.7, "on": "low"}


def test_the_verdict_and_exit_code() -> None:
    assert verdict(ended([GOOD])).exit_code == 0
    assert verdict(ended([GOOD])).verdict == "1 of 1 criteria met"
    straddled = verdict(ended([GOOD, {**GOOD, "at_least": 0.75}]))
    assert (straddled.exit_code, straddled.verdict) == (1, "1 of 2 criteria met; 1 of 2 criteria inconclusive")
    assert straddled.lines[1].startswith("inconclusive: image AUC malignant 0.800")
    assert verdict(ended([GOOD, {**GOOD, "name": "nothing"}])).exit_code == 1
    leaked = verdict(ended([GOOD], "pass", "fail"))
    assert (leaked.exit_code, "XM101" in leaked.verdict) == (1, True)
    none = verdict(ended([], "concern"))
    assert (none.exit_code, none.verdict) == (0, "the plan sets no criteria")


POOR: dict[str, object] = {**GOOD, "at_least": 0.9}


@pytest.mark.parametrize(("rules", "rows", "outcomes", "overall", "code"), [
    ({}, [GOOD, {**POOR, "endpoint": "secondary"}], (), "met", 0),
    ({"accept_secondary": ["met"]}, [GOOD, {**POOR, "endpoint": "secondary"}], (), "met", 1),
    ({"accept": ["met", "inconclusive"]}, [{**GOOD, "at_least": 0.75}], (), "inconclusive", 0),
    ({}, [{**GOOD, "name": "nothing"}], (), "NOT ASSESSED", 1),
    ({}, [GOOD], ("fail",), "not met", 1), ({"refuse_checks": []}, [GOOD], ("fail",), "met", 0),
    ({"refuse_checks": ["fail", "concern"]}, [GOOD], ("concern",), "not met", 1), ({}, [], (), "NOT ASSESSED", 0)])
def test_the_verdict_follows_from_the_rules_of_the_plan(
        rules: dict[str, object], rows: list[dict[str, object]], outcomes: tuple[str, ...], overall: str, code: int
        ) -> None:
    run = ended(rows, *outcomes)
    run.plan["verdict"] = rules
    found = verdict(run)
    assert (found.overall, found.exit_code) == (overall, code)


@pytest.mark.parametrize(("table", "words"), [
    ({"acept": ["met"]}, "did you mean 'accept'"), ({"accept": ["good"]}, "verdict.accept holds 'good'"),
    ({"accept": "met"}, "expected a list"), ("met", "expected a table"), ({"refuse_checks": ["met"]}, "'met'")])
def test_rules_that_cannot_be_read_are_refused(table: object, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        rules_of({"verdict": table})


LOST = Estimate("missing outputs", 0.2, 0.1, 0.3, numerator=20.0, denominator=100.0, interval="Wilson")
AMONG = Estimate("sensitivity", 0.9, 0.8, 0.95, rule="among", interval="Wilson")
STRICT = Estimate("sensitivity", 0.7, 0.6, 0.78, rule=INTENDED, interval="Wilson")


def test_missing_outputs_count_as_wrong_in_a_criterion_and_both_figures_are_told() -> None:
    given = Results((AMONG, LOST, replace(LOST, name="indeterminate outputs", numerator=3.0), STRICT, AUC))
    found = judgements_of(plan(name="sensitivity", at_least=0.75), given)[0]
    assert (found.answer, found.estimate) == ("inconclusive", STRICT)
    assert "23 of 100 cases without a usable output count as wrong" in found.statement
    assert "sensitivity [among] 0.900" in found.statement
    named = judgements_of(plan(name="sensitivity", rule="among", at_least=0.75), given)[0]
    assert (named.answer, named.estimate) == ("met", AMONG)
    area = judgements_of(plan(name="image AUC malignant", at_least=0.7), given)[0]
    assert area.statement.startswith("23 of 100 cases without a usable output are left out: image AUC")
    none = judgements_of(plan(name="sensitivity", at_least=0.75), Results((AMONG, replace(LOST, numerator=0.0))))[0]
    assert (none.answer, none.statement[:11]) == ("met", "sensitivity")


@pytest.mark.parametrize("path", sorted(folder("audits").glob("*.toml")), ids=lambda p: p.stem)
def test_the_plans_that_come_with_xaimed_judge_by_the_interval(path: Path) -> None:
    found = criteria_of({"criteria": open_plan(path.stem).criteria})
    assert {one.on for one in found} <= {"low", "high"}
