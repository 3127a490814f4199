"""The command `xaimed report`: files, exit codes, one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.example_run import example_run as make
from xaimed.cli.app import main


def test_it_writes_the_report_and_the_named_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path, 2)
    assert main(["report", str(path), "--case", "ex001"]) == 0
    assert [p.name for p in (path / "cases").iterdir()] == ["ex001.pdf"]
    assert str(path / "report.pdf") in capsys.readouterr().out
    assert main(["verify", str(path)]) == 0


@pytest.mark.parametrize(("arguments", "said"), [
    (["nowhere"], "no run.json"), (["RUN", "--case", "ex9"], "unknown case 'ex9'"),
    (["RUN", "--case", "ex000", "--no-cases"], "not allowed")])
def test_what_cannot_be_done_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                          arguments: list[str], said: str) -> None:
    path = make(tmp_path, 1)
    assert main(["report", *(str(path) if a == "RUN" else a for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (path / "report.pdf").exists()
