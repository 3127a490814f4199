"""XM105: how often were these cases used to audit a model before?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: this model, or others, were audited on the same selection before, by the ledger beside the runs.

    NOT ASSESSED where no ledger was there before.
    """
    if not len(run.cases):
        return Reply("not applicable", "There is no case that could have been used before.")
    reuse = run.meta.get("reuse")
    if not isinstance(reuse, dict):
        return Reply("NOT ASSESSED", "No ledger of audits was kept, so how often these cases were used is not known.")
    before, models = int(reuse.get("audits", 0)), int(reuse.get("models", 0))
    facts = {"audits_before": before, "other_models": models}
    # Runs of earlier versions did not note how long the ledger was.
    if not reuse.get("entries", 1):
        return Reply("NOT ASSESSED", "First audit known to this folder: there was no ledger of audits yet, so how "
                     "often these cases were used elsewhere is not known.", facts)
    text = (f"The ledger beside the runs names {plural(before, 'earlier audit')} on these cases, of "
            f"{plural(models, 'other model')}")
    if before and not models:
        return Reply("concern", f"{text}: this model was audited on them again. Criteria that were tried until one "
                     "passed show nothing; compare the plans of the earlier audits.", facts)
    if not before:
        return Reply("pass", f"{text}.", facts)
    return Reply("concern", f"{text}: the more models are tried on the same cases, the more the best of them owes to "
                 "chance.", facts)


CHECK = Check("XM105", "Were these cases used for an audit before?", "medium", ask)
