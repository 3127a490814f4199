"""The journal of a folder of runs: what people said and looked at, one append-only file beside the runs.

SQLite in WAL mode: a writer that is killed leaves nothing half-written, and several people write at once. Triggers
refuse to change or remove a row, and every row carries the hash of the one before it, so that a row which was changed
by other means breaks the chain (see `ledger`, whose form of text and digest is the same). What stands in it is
named by pseudonyms.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from xaimed import ledger
from xaimed.errors import StoreError
from xaimed.ledger import START, Fact

NAME = "journal.sqlite"
WAIT_SECONDS = 20.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
    facts TEXT NOT NULL, prev TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE);
CREATE INDEX IF NOT EXISTS of_kind ON entries (kind, model);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


@dataclass(frozen=True)
class Line:
    """One row: number from 1, UTC time, kind, digest of the model, facts, hash of the row before it and its own."""

    number: int
    time: str
    kind: str
    model: str
    facts: Mapping[str, Fact]
    prev: str
    hash: str


class Journal:
    """The journal in `folder`/journal.sqlite; the file is made by the first line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def append(self, kind: str, model: str, facts: Mapping[str, Fact]) -> Line:
        """The line that was written, on disk when this returns. Raises StoreError where it cannot be written."""
        with self._open(write=True) as database:
            database.execute("BEGIN IMMEDIATE")
            last = database.execute("SELECT id, hash FROM entries ORDER BY id DESC LIMIT 1").fetchone()
            number, prev = (last[0] + 1, last[1]) if last else (1, START)
            line = (number, ledger.now(), kind, model, ledger.canonical(dict(facts)), prev)
            digest = _digest(line)
            database.execute("INSERT INTO entries (id, time, kind, model, facts, prev, hash) "
                             "VALUES (?, ?, ?, ?, ?, ?, ?)", (*line, digest))
            database.execute("COMMIT")
        return _line((*line, digest))

    def lines(self, kind: str, model: str = "") -> list[Line]:
        """The lines of a kind, of one model where it is given, oldest first; none where there is no journal."""
        if not self.path.is_file():
            return []
        query, given = "SELECT * FROM entries WHERE kind = ?", [kind]
        if model:
            query, given = f"{query} AND model = ?", [kind, model]
        with self._open() as database:
            return [_line(row) for row in database.execute(f"{query} ORDER BY id", given)]

    def check(self) -> int:
        """How many lines there are. Raises StoreError that names the first line which breaks the chain."""
        if not self.path.is_file():
            return 0
        prev, count = START, 0
        with self._open() as database:
            for row in database.execute("SELECT * FROM entries ORDER BY id"):
                if row[0] != count + 1 or row[5] != prev or row[6] != _digest(row[:6]):
                    raise StoreError(f"{self.path}: line {count + 1} does not fit the chain; expected the unchanged "
                                     "journal: it was edited or damaged, restore it from a copy")
                prev, count = row[6], count + 1
        return count

    @property
    def head(self) -> str:
        """The hash of the last line, or that of no line: what changes whenever something is written."""
        if not self.path.is_file():
            return START
        with self._open() as database:
            last = database.execute("SELECT hash FROM entries ORDER BY id DESC LIMIT 1").fetchone()
        return str(last[0]) if last else START

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)) as database:
                if write:
                    _prepare(database)
                yield database
        except sqlite3.Error as problem:
            raise StoreError(f"{self.path}: {problem}; expected a journal in a folder with write access: free some "
                             "space, allow writing, or restore the file from a copy") from problem


def _prepare(database: sqlite3.Connection) -> None:
    """WAL, flushed to disk at each line, with the table, its index and triggers."""
    _to_wal(database)
    database.execute("PRAGMA synchronous = FULL")
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'no_delete'").fetchone():
        database.executescript(SCHEMA)


def _to_wal(database: sqlite3.Connection) -> None:
    """Set the mode, which SQLite refuses at once, without waiting, while another sets it in a new file."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > until:
                raise
            time.sleep(0.02)


def _digest(line: tuple[object, ...]) -> str:
    return hashlib.sha256(ledger.canonical(list(line)).encode()).hexdigest()


def _line(row: tuple[int, str, str, str, str, str, str]) -> Line:
    return Line(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5], row[6])
