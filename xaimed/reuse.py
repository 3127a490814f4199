"""The ledger of audits beside the runs: how often the same cases were used, and for how many models."""

from __future__ import annotations

from pathlib import Path

from xaimed import ledger

NAME = "audits-ledger.jsonl"


def used_before(runs: Path, selection: str, model: str) -> dict[str, int]:
    """audits: entries of the ledger in the folder `runs` on the same selection; models: other models among them.

    entries: all that the ledger holds, 0 where there is none yet, so that it can vouch for nothing.

    Raises StoreError where the ledger's hash chain is broken.
    """
    path = runs / NAME
    entries = ledger.read(path) if path.is_file() else ()
    same = [entry for entry in entries if entry.facts.get("selection") == selection]
    return {"audits": len(same), "models": len({str(entry.facts.get("model")) for entry in same} - {model}),
            "entries": len(entries)}


def note_use(runs: Path, selection: str, model: str, run: str) -> None:
    """Append an audit to the ledger in the folder `runs`. Raises StoreError where its hash chain is broken."""
    ledger.append(runs / NAME, "audit", {"selection": selection, "model": model, "run": run})
