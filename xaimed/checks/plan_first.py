"""XM203: was the plan set down before the results?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply
from xaimed.errors import StoreError

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """fail: the plan is another than the one in the log's first entry, or a case came before it.

    NOT ASSESSED for a run from tables, whose outputs existed before any plan of this tool.
    """
    try:
        entries = run.log_entries()
    except StoreError as problem:
        return Reply("fail", f"The log cannot be read: {problem}.")
    events = [entry.event for entry in entries]
    if "started" not in events:
        return Reply("NOT ASSESSED", "The log has no entry that names the plan.", {"entries": len(events)})
    first = entries[events.index("started")]
    digest = hashlib.sha256((run.path / "plan.toml").read_bytes()).hexdigest()
    facts = {"plan": digest, "time": first.time}
    if first.facts.get("plan") != digest:
        return Reply("fail", f"The plan's SHA-256 is {digest[:16]}..., and the log names "
                     f"{str(first.facts.get('plan'))[:16]}...: it was changed after the start.", facts)
    if "case" in events[:events.index("started")]:
        return Reply("fail", "A case was judged before the plan was set down.", facts)
    if not run.pictured:
        return Reply("NOT ASSESSED", f"The plan (SHA-256 {digest[:16]}...) is unchanged since {first.time}. The run "
                     "was made from tables of outputs that were there before it: its limits and margins are as "
                     "declared, and that they came first cannot be shown.", facts)
    if not len(run.cases):
        return Reply("not applicable", f"The plan (SHA-256 {digest[:16]}...) stands in the log at {first.time}; no "
                     "case was judged by it.", facts)
    return Reply("pass", f"The plan (SHA-256 {digest[:16]}...) stands in the log at {first.time}, before the first "
                 "case, and is unchanged.", facts)


CHECK = Check("XM203", "Was the plan set down before the results?", "high", ask)
