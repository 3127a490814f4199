"""The comparison from the shell: exit codes, the report with its data, bad input in one line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.report.conftest import text_of
from tests.table_runs import BOXES, MARKS, table_run
from xaimed.cli.app import main


def test_report_json_and_exit_code(example_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("typst")
    pypdf = pytest.importorskip("pypdf")
    out = tmp_path / "two.pdf"
    code = main(["compare", str(example_run), str(example_run), "--margin", "0.3", "--out", str(out), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == told["exit"] == 1
    assert told["answer"] == "NOT ASSESSED"  # one model twice
    assert json.loads(out.with_suffix(".json").read_text()) == told
    attached = pypdf.PdfReader(io.BytesIO(out.read_bytes())).attachments
    assert json.loads(attached["comparison.json"][0]) == told
    text = text_of(out)
    assert "both runs are of the same model" in text
    again = tmp_path / "again.pdf"
    main(["compare", str(example_run), str(example_run), "--margin", "0.3", "--out", str(again)])
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(("more", "words"), [
    (["--margin", "1.5"], "margin 1.5; expected a number between 0 and 1"),
    (["--out", "report.txt"], "ends with .pdf")])
def test_bad_options(example_run: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(example_run), str(example_run), *more]) == 2
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1


def test_two_runs_of_different_data(example_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = table_run(tmp_path / "run", BOXES, MARKS)
    assert main(["compare", str(example_run), str(other.path)]) == 2
    assert "0 of them shared" in capsys.readouterr().err
