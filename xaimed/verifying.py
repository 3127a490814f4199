"""Is a run still what was written: the log's chain, run.json, and the SHA-256 of tables, maps and reports.

This finds changes made by anyone who did not rewrite the whole chain. Who rewrites everything is found by
comparing the log head with the one printed in an archived report.
"""

from __future__ import annotations

import json
from pathlib import Path

from xaimed import ledger
from xaimed.errors import StoreError
from xaimed.run import FILES, Run
from xaimed.store import GROUP, tree_digest


def verify(run: Run) -> tuple[list[str], int]:
    """One line for each thing that changed, and how many things were checked.

    Raises StoreError where the clock of the log goes backwards.
    """
    try:
        entries = run.log_entries()
    except StoreError as problem:
        return [str(problem), *_files(run)[0]], 1 + _files(run)[1]
    if ledger.backwards(entries):
        raise StoreError(f"{run.path / 'log.jsonl'}: {ledger.backwards(entries)}; the order of events is not proven")
    problems, checked = altered(run)
    reports = {name: digest for entry in entries if entry.event == "report" for name, digest in entry.facts.items()
               if name.endswith(".pdf")}
    for name, digest in reports.items():
        problems += _changed(run.path / name, name, str(digest))
    expected = {*reports}
    present = [p.relative_to(run.path).as_posix() for p in (*run.path.glob("*.pdf"), *run.path.glob("cases/*.pdf"))]
    problems += [f"{name}: not in the log; expected only reports that xaimed wrote"
                 for name in sorted(present) if name not in expected]
    problems += [f"{name}: no file of a run; expected only what xaimed wrote" for name in _foreign(run)]
    return problems, checked + len(reports)


def unopened(folder: Path) -> list[str]:
    """One line for each thing that changed in a folder that opens as no run; none where it is not shown to be one.

    A log that holds the SHA-256 of run.json shows that there was a finished run.
    """
    try:
        entries = ledger.read(folder / "log.jsonl")
    except (StoreError, OSError):
        return []
    seals = [entry.facts.get("run.json") for entry in entries if entry.event == "sealed"]
    sealed = folder / "run.json"
    if not seals:
        return []
    if not sealed.is_file():
        return ["run.json: missing"]
    if ledger.sha256_file(sealed) not in seals:
        return ["run.json: its SHA-256 is not the one in the log; it was changed after the audit"]
    return _files(Run(folder, json.loads(sealed.read_bytes())))[0]


def altered(run: Run) -> tuple[list[str], int]:
    """One line for each thing but a report that the audit wrote and that changed, and how many were checked.

    Raises StoreError for a broken log.
    """
    problems, checked = _files(run)
    return [*problems, *_sealed(run, run.log_entries())], checked + 2


def _sealed(run: Run, entries: tuple[ledger.Entry, ...]) -> list[str]:
    """Whether the log still reaches its end and the head in run.json, and run.json the digest in the log."""
    head, count = run.meta["log"]["head"], int(run.meta["log"]["entries"])
    problems = [lost] if (lost := ledger.cut_off(run.path / "log.jsonl", entries)) else []
    if len(entries) < count or entries[count - 1].hash != head:
        problems.append(f"log.jsonl: does not hold the head {head[:16]}... that run.json names; "
                        "entries were removed or the log was replaced")
    seals = [entry.facts.get("run.json") for entry in entries if entry.event == "sealed"]
    if ledger.sha256_file(run.path / "run.json") not in seals:
        problems.append("run.json: its SHA-256 is not the one in the log; it was changed after the audit")
    return problems


def _files(run: Run) -> tuple[list[str], int]:
    recorded: dict[str, str] = dict(run.meta.get("files", {}))
    problems = [line for name, digest in recorded.items() for line in _changed(run.path / name, name, digest)]
    stored = {f"maps.zarr/{p.name}" for p in (run.path / "maps.zarr").glob("*")}
    strange = sorted(stored - {*recorded, GROUP})
    problems += [f"{name}: not in run.json; it was added after the audit" for name in strange]
    return problems, len(recorded)


def _foreign(run: Run) -> list[str]:
    """Names in the folder of a run, and in that of its case pages, which no run has; PDFs are told by the log."""
    known = {*FILES, *run.meta.get("files", {}), "run.json", "log.end", "maps.zarr", "cases"}
    found = [*run.path.iterdir(), *((run.path / "cases").iterdir() if (run.path / "cases").is_dir() else ())]
    names = [path.relative_to(run.path).as_posix() for path in found]
    return sorted(name for name in names if name not in known and not name.endswith(".pdf"))


def _changed(path: Path, name: str, digest: str) -> list[str]:
    if not path.exists():
        return [f"{name}: missing"]
    found = tree_digest(path) if path.is_dir() else ledger.sha256_file(path)
    return [] if found == digest else [f"{name}: changed (SHA-256 {found[:16]}..., recorded {digest[:16]}...)"]
