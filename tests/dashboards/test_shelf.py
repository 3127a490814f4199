"""Which runs a folder holds, and what is told of those that cannot be opened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from dashboards.shelf import found_runs, stamp


def test_a_run_folder_is_itself_the_run(example_run: Path) -> None:
    (found,) = found_runs(example_run)
    assert (found.name, found.path, found.problem) == (example_run.name, example_run, "")
    assert stamp(found.path) > 0


def test_bad_neighbours_are_told_and_do_not_hide_good_runs(example_run: Path, tmp_path: Path) -> None:
    shutil.copytree(example_run, tmp_path / "good")
    shutil.copytree(example_run, tmp_path / "cut")
    (tmp_path / "cut" / "scores.parquet").write_bytes(b"PAR1")
    shutil.copytree(example_run, tmp_path / "headless")
    (tmp_path / "headless" / "run.json").unlink()
    shutil.copytree(example_run, tmp_path / "newer")
    (tmp_path / "newer" / "run.json").write_text(json.dumps({"format": 99, "status": "complete"}))
    (tmp_path / ".going.partial").mkdir()
    (tmp_path / "holiday-photos").mkdir()
    (tmp_path / "note.txt").write_text("x")
    found = {run.name: run.problem for run in found_runs(tmp_path)}
    assert next(iter(found)) == "good"
    assert found["good"] == ""
    assert set(found) == {"good", "cut", "headless", "newer", "going"}
    assert "scores.parquet" in found["cut"]
    assert "no run.json" in found["headless"]
    assert "newer" in found["newer"]
    assert "being written" in found["going"]
    assert all("\n" not in problem for problem in found.values())


def test_a_run_in_progress_may_be_named_itself(tmp_path: Path) -> None:
    (tmp_path / ".new.partial").mkdir()
    (found,) = found_runs(tmp_path / "new")
    assert "being written" in found.problem


def test_an_empty_or_missing_folder_has_no_run(tmp_path: Path) -> None:
    assert found_runs(tmp_path) == ()
    assert found_runs(tmp_path / "none") == ()
