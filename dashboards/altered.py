"""Which small files of a run are no longer what the audit wrote, told on every page of the run."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from dashboards.shelf import trace
from xaimed import ledger
from xaimed.errors import StoreError
from xaimed.store import Run


def altered(run: Run) -> tuple[str, ...]:
    """The tables, results and other small files whose digest is not the recorded one; looked at anew when written.

    Maps and images are left to `xaimed verify`.
    """
    recorded = {str(name): str(digest) for name, digest in run.meta.get("files", {}).items()
                if not str(name).startswith("maps.zarr")}
    names = (*recorded, "run.json", "log.jsonl")
    return _altered(run.path, tuple(recorded.items()), tuple(trace(run.path / name) for name in names))


@lru_cache(maxsize=64)
def _altered(path: Path, recorded: tuple[tuple[str, str], ...],
             traces: tuple[tuple[int, int], ...]) -> tuple[str, ...]:  # noqa: ARG001 - the key
    found = [name for name, digest in recorded
             if not (path / name).is_file() or ledger.sha256_file(path / name) != digest]
    try:
        seals = {entry.facts.get("run.json") for entry in ledger.read(path / "log.jsonl") if entry.event == "sealed"}
    except StoreError:
        return (*found, "log.jsonl")
    return tuple(found) if ledger.sha256_file(path / "run.json") in seals else (*found, "run.json")


def told(run: Run) -> str:
    """The altered files in one sentence with what to do; "" where all are as recorded."""
    names = altered(run)
    if not names:
        return ""
    differ = "differs from its record" if len(names) == 1 else "differ from their record"
    return (f"{', '.join(names)} {differ}: changed after the audit. Do not rely on what is shown here: run "
            f"`xaimed verify {run.path.name}`.")
