"""xaimed verify: every kind of change is found and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.example_run import example_run as make
from xaimed import ledger
from xaimed.cli.app import main
from xaimed.feedback import Opinion, give, journal_of
from xaimed.report.write import write_reports
from xaimed.run import Run
from xaimed.verifying import verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two cases with its report."""
    opened = Run.open(make(tmp_path_factory.mktemp("whole"), 2))
    write_reports(opened, [])
    return opened.path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Run:
    """A copy of that run, for one test to change."""
    return Run.open(shutil.copytree(whole, tmp_path / "run"))


def flip(path: Path, place: int = -20) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def test_an_unchanged_run_is_unchanged(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(run)[0] == []
    assert main(["verify", str(run.path)]) == 0
    assert run.meta["log"]["head"] in capsys.readouterr().out


def shard(path: Path) -> Path:
    return next(p for p in (path / "maps.zarr" / "ex000" / "image" / "c").rglob("*") if p.is_file())


def test_the_feedback_journal_beside_a_run_is_checked(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    journal = journal_of(run)
    for verdict in ("agree", "not sure"):
        give(run, Opinion("ex000", "d0", "grad_cam", verdict, "Dr B"))
    assert main(["verify", str(run.path)]) == 0
    capsys.readouterr()
    with closing(sqlite3.connect(journal.path)) as database:
        database.execute("DROP TRIGGER no_update")
        database.execute("UPDATE entries SET facts = replace(facts, 'agree', 'wrong place')")
        database.commit()
    assert main(["verify", str(run.path)]) == 1
    said = capsys.readouterr().out
    assert "journal.sqlite: line 1 does not fit the chain" in said
    assert "CHANGED: 1 of" in said


def test_every_changed_file_is_named(run: Run) -> None:
    for name in ("plan.toml", "results.json", "findings.json", "report.pdf", "cases.parquet", "scores.parquet"):
        whole = (run.path / name).read_bytes()
        flip(run.path / name, len(whole) // 2)
        assert [line.split(":")[0] for line in verify(run)[0]] == [name]
        (run.path / name).write_bytes(whole)
    flip(run.path / "maps.zarr" / "zarr.json")
    flip(shard(run.path))
    assert [line.split(":")[0] for line in verify(run)[0]] == ["maps.zarr/ex000", "maps.zarr/zarr.json"]


@pytest.mark.parametrize(("change", "named"), [
    (lambda p: (p / "report.pdf").unlink(), "report.pdf: missing"),
    (lambda p: (p / "other.pdf").write_bytes(b"%PDF"), "other.pdf: not in the log"),
    (lambda p: (p / "maps.zarr" / "ex009").mkdir(), "maps.zarr/ex009: not in run.json"),
    (lambda p: (p / "maps.zarr" / "more.txt").write_bytes(b"x"), "maps.zarr/more.txt: not in run.json"),
    (lambda p: (p / "log.jsonl").write_bytes((p / "log.jsonl").read_bytes().replace(b'"cases":2', b'"cases":3')),
     "line 2 does not fit the chain"),
    (lambda p: (p / "log.jsonl").write_bytes(b"".join((p / "log.jsonl").read_bytes().splitlines(True)[:1])),
     "log.jsonl: does not hold the head"),
])
def test_other_changes_are_named(run: Run, change: Callable[[Path], object], named: str,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    change(run.path)
    assert main(["verify", str(run.path)]) == 1
    assert named in capsys.readouterr().out


def test_a_log_that_lost_its_last_lines_is_found_also_without_their_reports(
        run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """log.end holds how far the log goes; a line more, which a killed process leaves, is no loss."""
    log, end = run.path / "log.jsonl", run.path / "log.end"
    lines, kept = log.read_bytes().splitlines(keepends=True), end.read_bytes()
    log.write_bytes(b"".join(lines[:-1]))
    (run.path / "report.pdf").unlink()
    assert main(["verify", str(run.path)]) == 1
    assert f"log.jsonl: {len(lines) - 1} lines where log.end names {len(lines)}" in capsys.readouterr().out
    assert main(["report", str(run.path), "--no-cases"]) == 2
    log.write_bytes(b"".join(lines))
    for changed, words in ((b"{}", "log.end: damaged"), (kept.replace(b'"head":"', b'"head":"0'), "was replaced")):
        end.write_bytes(changed)
        assert any(words in problem for problem in verify(run)[0])
    end.unlink()
    assert any("log.end: missing" in problem for problem in verify(run)[0])
    end.write_bytes(kept)
    ledger.append(log, "report", {})
    assert not any("log.end" in problem for problem in verify(run)[0])


def test_a_changed_number_in_run_json_is_found_even_with_new_digests(run: Run) -> None:
    meta = json.loads((run.path / "run.json").read_text())
    (run.path / "results.json").write_text((run.path / "results.json").read_text().replace("0.87", "0.99"))
    meta["files"]["results.json"] = ledger.sha256_file(run.path / "results.json")
    (run.path / "run.json").write_text(json.dumps(meta))
    assert ["run.json" in line for line in verify(Run.open(run.path))[0]] == [True]


def test_what_is_no_run_gives_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("change", "named"), [
    (lambda folder: flip(folder / "run.json", 0), "run.json: its SHA-256"),
    (lambda folder: (folder / "run.json").unlink(), "run.json: missing"),
    (lambda folder: (folder / "scores.parquet").unlink(), "scores.parquet: missing"),
    (lambda folder: flip(folder / "scores.parquet", 0), "scores.parquet: changed"),
    (lambda folder: (folder / "notes.txt").write_text("mine"), "notes.txt: no file of a run"),
    (lambda folder: flip(folder / "report.pdf", 0), "report.pdf: changed")])
def test_what_was_a_run_is_changed_and_not_unreadable(run: Run, change: Callable[[Path], object], named: str,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    change(run.path)
    assert main(["verify", str(run.path)]) == 1
    assert named in capsys.readouterr().out


def test_a_report_whose_first_byte_changed_is_changed_and_a_missing_one_is_told(
        run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    flip(run.path / "report.pdf", 0)
    assert main(["verify", str(run.path / "report.pdf")]) == 1
    assert main(["verify", str(run.path / "reports.pdf")]) == 2
    assert "no such file" in capsys.readouterr().err
