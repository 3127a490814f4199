"""What is told of a damaged run: names of runs and files, and neither folders of the machine nor Python's classes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboards import faults
from xaimed.errors import XaimedError
from xaimed.journal import Journal
from xaimed.run import Run


@pytest.fixture
def run(example_run: Path, tmp_path: Path) -> Run:
    """A run in a folder whose name has spaces and a colon's neighbour."""
    return Run.open(shutil.copytree(example_run, tmp_path / "my runs, 2026" / "demo"))


def told(ask: Callable[[], object]) -> str:
    with pytest.raises(XaimedError) as problem:
        ask()
    return faults.told(problem.value)


def emptied(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "zarr.json":
            file.write_bytes(b"gone")


def test_a_deleted_file_is_missing_and_a_spoilt_one_is_damaged(run: Run) -> None:
    maps = run.path / "maps.zarr"
    shutil.rmtree(maps / "ex000" / "image")
    assert told(lambda: run.pixels("ex000")) == (
        "run demo, the image of ex000: missing; expected what the audit wrote: restore it from a copy or run the audit "
        "again")
    emptied(maps / "ex000" / "maps")
    assert told(lambda: run.map("ex000", "d0", "grad_cam")).startswith("run demo, the maps of ex000: damaged; expected")
    emptied(maps / "ex001" / "image")
    assert told(lambda: run.pixels("ex001")).startswith("run demo, the image of ex001: damaged; expected")
    shutil.rmtree(maps / "ex002")
    assert told(lambda: run.entries("ex002")).startswith("run demo, the image and maps of ex002: missing; expected")
    (maps / "ex003" / "zarr.json").unlink()
    assert told(lambda: run.entries("ex003")).startswith("run demo, the image and maps of ex003: missing; expected")


def test_no_message_names_a_folder_of_the_machine_or_a_class(run: Run) -> None:
    for name in ("scores.parquet", "results.json", "curves.parquet", "log.jsonl", "findings.json"):
        (run.path / name).write_bytes(b"{")
    journal = run.path.parent / "journal.sqlite"
    journal.write_bytes(b"no database" * 99)
    messages = [told(ask) for ask in (
        lambda: Run.open(run.path), lambda: run.results, lambda: run.findings, lambda: run.curves("ex000"),
        run.log_entries, lambda: Journal(journal.parent).head, lambda: Run.open(run.path.parent))]
    for message in messages:
        assert "/" not in message.replace("xaimed audit", ""), message
        assert not re.search(r"Error|Invalid|Exception", message), message
        assert "\n" not in message
    assert [message.split(":")[0] for message in messages] == [
        "run demo, scores.parquet", "run demo, results.json", "run demo, findings.json", "run demo, curves.parquet",
        "run demo, log.jsonl", "journal.sqlite", "my runs, 2026"]
    assert all("expected" in message for message in messages[:-1])


def test_a_run_that_is_being_written_has_its_own_name() -> None:
    assert faults.named("/srv/a b/.new.partial/run.json") == "run new, run.json"
    assert faults.named("/srv/a b/.new.partial") == "new"
