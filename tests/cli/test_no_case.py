"""Audits of no case, and the ledger of tables: what is said where nothing can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.conftest import text_of
from tests.table_runs import SCORES, TRUTH, sheet_files
from xaimed import reuse
from xaimed.cli.app import main
from xaimed.ledger import read
from xaimed.run import Run

PLAN = """[[criteria]]
name = "image AUC malignant"
at_least = 0.7
on = "low"
"""


def audit(folder: Path, truth: str, scores: str, out: str, *more: str) -> int:
    predictions, reference = sheet_files(folder, truth, scores)
    return main(["audit", "--predictions", str(predictions), "--truth", str(reference), "--out", str(folder / out),
                 *more])


@pytest.mark.parametrize(("truth", "scores"), [
    ("case,patient,label\n", "case,score\n"), ("case,label,x0,y0,x1,y1\n", "case,label,x0,y0,x1,y1,score\n")])
def test_tables_of_a_header_alone_give_a_report_that_says_so(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: str, scores: str) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    assert audit(tmp_path, truth, scores, "run", "--plan", str(tmp_path / "plan.toml")) == 1
    out = capsys.readouterr().out
    assert "NOT ASSESSED: image AUC malignant: nothing was measured in this run" in out
    assert "exit code  1: there was no case, so nothing was assessed" in out
    run = Run.open(tmp_path / "run")
    assert not len(run.cases)
    assert {f.outcome for f in run.findings} <= {"NOT ASSESSED", "not applicable", "concern"}
    text = text_of(tmp_path / "run" / "report.pdf")
    assert "1 of 1 criteria NOT ASSESSED" in text
    assert "NOT ASSESSED: the run holds no case, so nothing could be measured." in text
    assert main(["verify", str(tmp_path / "run")]) == 0
    assert not (tmp_path / reuse.NAME).exists()


def test_without_criteria_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(tmp_path, "case,label\n", "case,score\n", "run") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "exit code  0: there was no case, so nothing was assessed"


@pytest.mark.parametrize(("truth", "scores", "words"), [
    ("case,label\n", "case,score\na,0.5\n", "names cases"), ("case\n", "case,score\n", "no column label"),
    ("case,label\n", "case\n", "no column score"), ("", "case,score\n", "no line")])
def test_what_cannot_be_read_stays_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: str,
                                           scores: str, words: str) -> None:
    assert audit(tmp_path, truth, scores, "run") == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_tables_keep_the_ledger_of_their_cases(tmp_path: Path) -> None:
    """The same cases count, however the file is written and whatever model; other labels are other cases."""
    assert audit(tmp_path, TRUTH, SCORES, "one", "--score-column", "score_new") == 0
    lines = TRUTH.strip().splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    assert audit(tmp_path, turned, SCORES.replace("0.9,", "0.8,", 1), "two", "--score-column", "score_new") == 0
    assert audit(tmp_path, TRUTH.replace("b,p1,0", "b,p1,1"), SCORES, "three", "--score-column", "score_new") == 0
    runs = [Run.open(tmp_path / name) for name in ("one", "two", "three")]
    said = [next(f for f in run.findings if f.code == "XM105") for run in runs]
    assert [f.outcome for f in said] == ["NOT ASSESSED", "concern", "pass"]
    assert "names 1 earlier audit on these cases, of 1 other model:" in said[1].statement
    assert [entry.facts["run"] for entry in read(tmp_path / reuse.NAME)] == ["one", "two", "three"]
