"""Which runs a folder holds, and what is told of those that cannot be opened."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from dashboards.shelf import found_runs, other_folders, stamp
from tests import example_run as example
from xaimed.store import Store


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
    assert found["cut"].startswith("run cut, scores.parquet: damaged; expected")
    assert found["headless"].startswith("headless: no run.json")
    assert "newer" in found["newer"]
    assert "was cut off" in found["going"]
    assert all("\n" not in problem and str(tmp_path) not in problem for problem in found.values())
    (photos,) = other_folders(tmp_path)
    assert (photos.name, photos.state) == ("holiday-photos", "no run")
    assert "holds no run" in photos.problem


def test_a_run_in_progress_is_told_from_one_that_was_killed(tmp_path: Path) -> None:
    drawn = [example.draw(index) for index in range(2)]
    with Store.create(tmp_path / "new", example.PLAN, example.meta(drawn, 0)) as store:
        first = drawn[0]
        store.add_case(first.case, first.prediction, first.entries, first.scores)
        (found,) = found_runs(tmp_path / "new")
        assert found.state == "being written"
        assert "is being written now: 1 case stored so far" in found.problem
        second = drawn[1]
        store.add_case(second.case, second.prediction, second.entries, second.scores)
        assert found_runs(tmp_path) == found_runs(tmp_path / ".new.partial") != (found,)
        assert "2 cases stored so far" in found_runs(tmp_path)[0].problem, "looked at anew each time"
    (found,) = found_runs(tmp_path / "new")
    assert found.state == "cut off"
    hours = time.time() - 3 * 3600 - 60
    for place in (tmp_path / ".new.partial", *(tmp_path / ".new.partial").iterdir()):
        os.utime(place, (hours, hours))
    (found,) = found_runs(tmp_path / "new")
    assert "This run was cut off" in found.problem
    assert "2 cases stored, the last file was written 3 hours ago" in found.problem
    assert "--resume" in found.problem
    with Store.create(tmp_path / "new", example.PLAN, example.meta(drawn, 0), resume=True):
        assert found_runs(tmp_path / "new")[0].state == "being written", "asking has not kept the writer out"


def test_an_empty_or_missing_folder_has_no_run(tmp_path: Path) -> None:
    assert found_runs(tmp_path) == ()
    assert found_runs(tmp_path / "none") == ()
