"""The journal: append-only, chained, whole after a kill, written by several at once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from xaimed import journal as journal_module
from xaimed.errors import StoreError
from xaimed.journal import NAME, Journal

ROOT = Path(__file__).resolve().parents[1]
WRITER = """
import sys
from pathlib import Path
from xaimed.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    print(journal.append("opinion", "m", {"who": sys.argv[3], "count": number}).number, flush=True)
"""
TORN = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
database.execute("INSERT INTO entries (time, kind, model, facts, prev, hash) "
                 "VALUES ('t', 'opinion', 'm', '{}', 'p', 'h')")
print("inside", flush=True)
sys.stdin.read()
"""


def started(code: str, *given: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_no_file_is_no_line_and_makes_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.lines("opinion") == []
    assert journal.check() == 0
    assert list(tmp_path.iterdir()) == []


def test_lines_come_back_by_kind_and_model(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("opinion", "a", {"text": "é = \"1\"", "number": 2.5, "none": None})
    journal.append("view", "a", {})
    journal.append("opinion", "b", {})
    assert [line.number for line in journal.lines("opinion")] == [1, 3]
    assert journal.lines("opinion", "a")[0].facts == {"text": "é = \"1\"", "number": 2.5, "none": None}
    assert journal.check() == 3


def test_the_chain_is_the_sha256_of_each_row_with_the_hash_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    prev = "0" * 64
    for number in (1, 2):
        line = journal.append("view", "m", {"case": f"c{number}"})
        row = [number, line.time, "view", "m", f'{{"case":"c{number}"}}', prev]
        text = json.dumps(row, separators=(",", ":"))
        prev = hashlib.sha256(text.encode()).hexdigest()
        assert line.hash == prev
    assert journal.head == prev


@pytest.mark.parametrize("change", ["UPDATE entries SET facts = '{}'", "DELETE FROM entries"])
def test_a_row_cannot_be_changed_or_removed(tmp_path: Path, change: str) -> None:
    journal = Journal(tmp_path)
    journal.append("opinion", "m", {"said": "agree"})
    database = sqlite3.connect(journal.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(change)
    database.close()
    assert journal.lines("opinion")[0].facts == {"said": "agree"}


@pytest.mark.parametrize("change", ["UPDATE entries SET facts = '{\"said\":\"agree\"}' WHERE id = 2",
                                    "DELETE FROM entries WHERE id = 2", "UPDATE entries SET time = 'x' WHERE id = 2"])
def test_who_takes_the_triggers_away_breaks_the_chain(tmp_path: Path, change: str) -> None:
    journal = Journal(tmp_path)
    for said in ("agree", "wrong place", "agree"):
        journal.append("opinion", "m", {"said": said})
    database = sqlite3.connect(journal.path)
    database.executescript(f"DROP TRIGGER no_update; DROP TRIGGER no_delete; {change};")
    database.close()
    with pytest.raises(StoreError, match="line 2 does not fit"):
        journal.check()


def test_a_writer_killed_between_lines_loses_nothing_that_it_reported(tmp_path: Path) -> None:
    writer = started(WRITER, str(tmp_path), "100000", "a")
    assert writer.stdout is not None
    last = [int(writer.stdout.readline()) for _ in range(20)][-1]
    writer.send_signal(signal.SIGKILL)
    rest = [int(word) for word in writer.communicate()[0].split()]
    kept = Journal(tmp_path).check()
    assert kept - max([last, *rest]) in (0, 1)
    assert Journal(tmp_path).append("opinion", "m", {}).number == kept + 1


def test_a_writer_killed_inside_a_write_leaves_nothing_of_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("opinion", "m", {"said": "agree"})
    writer = started(TORN, str(journal.path))
    assert writer.stdout is not None
    assert writer.stdout.readline() == "inside\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert journal.check() == 1
    journal.append("opinion", "m", {"said": "not sure"})
    assert [line.facts["said"] for line in journal.lines("opinion")] == ["agree", "not sure"]


def test_two_writers_at_once_both_get_through(tmp_path: Path) -> None:
    writers = [started(WRITER, str(tmp_path), "25", name) for name in "ab"]
    numbers = [int(word) for writer in writers for word in writer.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 51))
    journal = Journal(tmp_path)
    assert journal.check() == 50
    for name in "ab":
        own = [line.facts["count"] for line in journal.lines("opinion") if line.facts["who"] == name]
        assert own == list(range(25))


def test_a_file_that_is_no_journal_is_one_line(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"nothing of the kind" * 100)
    journal = Journal(tmp_path)
    with pytest.raises(StoreError, match="expected a journal"):
        journal.lines("opinion")
    with pytest.raises(StoreError, match="expected a journal"):
        journal.append("opinion", "", {})
    with pytest.raises(StoreError, match="expected a journal"):
        journal.check()


def test_who_opens_a_new_journal_waits_for_another_who_does_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [sqlite3.OperationalError("database is locked")] * 3

    class Opened:
        def execute(self, statement: str) -> None:
            assert statement == "PRAGMA journal_mode = WAL"
            if refused:
                raise refused.pop()

    waited: list[float] = []
    monkeypatch.setattr("xaimed.journal.time.sleep", waited.append)
    journal_module._to_wal(cast(sqlite3.Connection, Opened()))
    assert len(waited) == 3
    refused.append(sqlite3.OperationalError("disk I/O error"))
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        journal_module._to_wal(cast(sqlite3.Connection, Opened()))
