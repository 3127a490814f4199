"""The hash-chained log of a run: one line of canonical JSON for each event.

Every line holds the hash of the line before it and its own, sha256 over the line without its hash.
A changed, removed or inserted line breaks the chain at that line. Cutting lines off the end is found
by comparing with the head that run.json keeps.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from xaimed.errors import StoreError

Fact = str | int | float | bool | None
START = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One event of the log: index from 0, UTC time, event name, facts, previous hash and own hash."""

    index: int
    time: str
    event: str
    facts: Mapping[str, Fact]
    prev: str
    hash: str


def now() -> str:
    """The time as UTC ISO 8601 to the second, such as "2026-11-22T20:41:21Z"."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(value: object) -> str:
    """One JSON text for one value: sorted keys, no spaces. Raises ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: object) -> object:
    """The value with only what JSON knows: NaN, infinity become "nan", "inf", "-inf" (for float())."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return value


def sha256_file(path: Path) -> str:
    """The sha256 of a file as 64 hex digits."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def append(path: Path, event: str, facts: Mapping[str, Fact]) -> Entry:
    """The entry that was written and flushed to disk at the end of the log `path`."""
    entries = read(path) if path.exists() else ()
    body: dict[str, object] = {"index": len(entries), "time": now(), "event": event, "facts": dict(facts),
                               "prev": entries[-1].hash if entries else START}
    line = canonical({**body, "hash": _digest(body)}) + "\n"
    with path.open("ab") as target:
        target.write(line.encode())
        target.flush()
        os.fsync(target.fileno())
    return _entry(json.loads(line))


def read(path: Path) -> tuple[Entry, ...]:
    """The entries of the log. Raises StoreError that names the first line that breaks the chain."""
    entries: list[Entry] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        entry = _checked(line, entries[-1].hash if entries else START, len(entries))
        if entry is None:
            raise StoreError(f"{path}: line {number} does not fit the chain; expected the unchanged log: "
                             "it was edited or damaged, restore it from a copy")
        entries.append(entry)
    return tuple(entries)


def backwards(entries: Sequence[Entry]) -> str:
    """Where the clock of the log goes backwards, in one line, or ""."""
    for before, after in pairwise(entries):
        if after.time < before.time:
            return (f"line {after.index + 1} says {after.time}, before the {before.time} of the line above it: "
                    "the clock was set back, or lines were written with another one")
    return ""


def mend(path: Path) -> int:
    """How many bytes of a torn last line were cut off (0 = none): what a killed process may leave."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return len(data) - len(whole)


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def _checked(line: bytes, prev: str, index: int) -> Entry | None:
    try:
        body = json.loads(line)
        claimed = body.pop("hash")
        fits = body["prev"] == prev and body["index"] == index and _digest(body) == claimed
        return _entry({**body, "hash": claimed}) if fits else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _entry(body: dict[str, object]) -> Entry:
    facts = body["facts"]
    if not isinstance(facts, dict) or not isinstance(body["index"], int):
        raise TypeError("not a log entry")
    return Entry(body["index"], str(body["time"]), str(body["event"]), facts, str(body["prev"]),
                 str(body["hash"]))
