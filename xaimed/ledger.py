"""The hash-chained log of a run: one line of canonical JSON for each event.

Every line holds the hash of the line before it and its own, sha256 over the line without its hash.
A changed, removed or inserted line breaks the chain at that line. Lines cut off the end are found by the head that
run.json keeps, and those written after the audit by the file log.end beside the log, which holds how many lines it has
and the hash of the last.
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
END, TOLD = ".end", "end"  # the suffix of the file that holds the log's length; what a line says if it is kept there


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


def note_end(path: Path, entry: Entry) -> None:
    """Set down beside the log `path` that it reaches to this entry."""
    target = path.with_suffix(END)
    part = target.with_name(f".{target.name}.part")
    part.write_text(canonical({"entries": entry.index + 1, "head": entry.hash}) + "\n", encoding="utf-8")
    part.replace(target)


def cut_off(path: Path, entries: Sequence[Entry]) -> str:
    """What the log lacks of what was set down beside it, in one line, or "".

    A log that goes on beyond that is whole: a killed process may write a line without setting it down.
    """
    target = path.with_suffix(END)
    if not target.is_file():
        told = any(entry.facts.get(TOLD) for entry in entries)
        return f"{target.name}: missing; expected the length of the log beside it" if told else ""
    try:
        found = json.loads(target.read_bytes())
        count, head = int(found["entries"]), str(found["head"])
    except (ValueError, KeyError, TypeError):
        return f"{target.name}: damaged; expected the length of the log and the hash of its last line"
    if count < 1 or len(entries) < count:
        return f"{path.name}: {len(entries)} lines where {target.name} names {count}: the last lines were removed"
    if entries[count - 1].hash != head:
        return f"{path.name}: line {count} is not the one that {target.name} names: the log was replaced"
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
