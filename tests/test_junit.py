"""JUnit XML: what fails, what is skipped and what passes, by the rules of the plan."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from xaimed.junit import junit_text
from xaimed.metrics.criteria import verdict
from xaimed.run import Run


def run_with(folder: Path, source: Path, more: str) -> Run:
    shutil.copytree(source, folder)
    plan = folder / "plan.toml"
    plan.write_text(more + plan.read_text().replace("slope of the calibration", 'nothing \\u000b<&> \\" like it'))
    return Run.open(folder)


def test_a_test_case_for_each_criterion_and_check(example_run: Path, tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", example_run, "")
    root = fromstring(junit_text(run))
    suites = {suite.get("name"): suite for suite in root}
    assert len(suites["criteria"]) == 3
    assert [case.get("name", "").split()[0] for case in suites["checks"]] == [f.code for f in run.findings]
    failed = {case.get("name", "").split()[0] for case in suites["checks"] if case.find("failure") is not None}
    assert failed == {f.code for f in run.findings if f.outcome == "fail"}
    wrong = [j for j in verdict(run).judgements if j.answer != "met"]
    assert suites["criteria"].get("failures") == str(len(wrong))
    assert root.get("tests") == str(3 + len(run.findings))
    skipped = [case for case in suites["checks"] if case.find("skipped") is not None]
    assert len(skipped) == sum(f.outcome in ("NOT ASSESSED", "not applicable") for f in run.findings)


@pytest.mark.parametrize("accept", ["met", "NOT ASSESSED"])
def test_the_rules_of_the_plan_decide(example_run: Path, tmp_path: Path, accept: str) -> None:
    answers = '["met", "not met", "inconclusive"' + (', "NOT ASSESSED"]' if accept == "NOT ASSESSED" else "]")
    run = run_with(tmp_path / "run", example_run, f"verdict = {{accept = {answers}, refuse_checks = []}}\n")
    root = fromstring(junit_text(run))
    assert root.get("failures") == ("0" if accept == "NOT ASSESSED" else "1")
    assert verdict(run).exit_code == int(root.get("failures") != "0")


def test_an_answer_that_is_missing_is_said_once(example_run: Path, tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", example_run, 'verdict = {accept = ["met", "not met", "inconclusive", '
                                                  '"NOT ASSESSED"], refuse_checks = []}\n')
    criteria = fromstring(junit_text(run))[0]
    (told,) = [skipped.get("message", "") for skipped in criteria.iter("skipped")]
    assert told.startswith("NOT ASSESSED: no estimate is called 'nothing ")
