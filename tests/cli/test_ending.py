"""What the end of an audit says: the exit code, its reason, and a place for the JUnit file before the work begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.table_runs import SCORES, TRUTH, sheet_files
from xaimed.cli.app import main

PLAN = """name = "p"
purpose = "a test"
intended_use = "a test"
[explaining]
methods = []
[judging]
resamples = 40
"""
ASKED = """[[criteria]]
name = "{}"
at_least = 0.1
endpoint = "{}"
"""


def ended(folder: Path, plan: str, *more: str) -> int:
    """The exit code of an audit of ten scored cases."""
    predictions, truth = sheet_files(folder, TRUTH, SCORES)
    (folder / "plan.toml").write_text(plan)
    given = ["--plan", str(folder / "plan.toml")] if plan else []
    return main(["audit", "--predictions", str(predictions), "--truth", str(truth), "--score-column", "score_new",
                 "--out", str(folder / "run"), *given, *more])


@pytest.mark.parametrize(("plan", "code", "words"), [
    ("", 0, "exit code  0: done, and nothing was assessed: the plan sets no criteria"),
    (PLAN + ASKED.format("image AUC 1", "secondary"), 0,
     "exit code  0: done, and no primary criterion was assessed")])
def test_the_last_line_says_what_the_exit_code_does_not_mean(
        plan: str, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(tmp_path, plan) == code
    assert capsys.readouterr().out.splitlines()[-1] == words


def test_a_criterion_that_is_met_ends_without_such_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(tmp_path, PLAN + ASKED.format("image AUC 1", "primary")) == 0
    assert "exit code" not in capsys.readouterr().out


def test_json_holds_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(tmp_path, PLAN + ASKED.format("sensitivity", "primary").replace("0.1", "0.99"), "--json") == 1
    assert json.loads(capsys.readouterr().out)["exit"] == 1


@pytest.mark.parametrize(("asked", "words"), [
    (ASKED.format("sensitivty", "secondary"), "'sensitivty'; nearest: 'sensitivity'"),
    (ASKED.format("image AUC 0", "primary"), "'image AUC 0'; nearest: 'image AUC 1'"),
    (ASKED.format("Dice", "primary"), "no measure of an audit of tables is called 'Dice'"),
    (ASKED.format("change in image AUC 1", "primary"), "measured under a probe only"),
    (ASKED.format("sensitivity", "primary") + 'group = "site=Z"\n', "group 'site=Z'")])
def test_a_criterion_that_cannot_be_answered_is_refused_before_the_run(
        asked: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(tmp_path, PLAN + asked) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert words in told
    assert not (tmp_path / "run").exists()

def test_a_junit_file_without_a_folder_is_refused_before_the_work(tmp_path: Path,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(tmp_path, PLAN, "--junit", str(tmp_path / "nowhere" / "x.xml")) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert ended(tmp_path, PLAN, "--junit", str(tmp_path)) == 2
    assert "is a folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert ended(tmp_path, PLAN, "--junit", str(tmp_path / "x.xml")) == 0
    assert (tmp_path / "x.xml").is_file()
    assert main(["report", str(tmp_path / "run"), "--junit", str(tmp_path / "nowhere" / "x.xml")]) == 2


@pytest.mark.parametrize("which", ["--reproduce", "--paper"])
def test_junit_goes_with_an_audit_of_one_model(which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", which, str(tmp_path), "--junit", str(tmp_path / "x.xml")]) == 2
    assert f"--junit with {which}" in capsys.readouterr().err
