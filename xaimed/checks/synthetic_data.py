"""XM401: was the model judged on images of patients?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: some or all images were made by a program; NOT ASSESSED for outputs alone, without images."""
    made, total = int(run.cases["synthetic"].astype(bool).sum()), len(run.cases)
    facts = {"cases": total, "synthetic": made}
    if not total:
        return Reply("NOT ASSESSED", "There is no case.", facts)
    if made:
        return Reply("concern", f"{made} of {plural(total, 'case')} are SYNTHETIC: made by a program. Nothing here "
                     "says how the model does on patients.", facts)
    if not run.pictured:
        return Reply("NOT ASSESSED", f"No image of the {plural(total, 'case')} was given, so what they show is not "
                     "known.", facts)
    return Reply("pass", f"None of {plural(total, 'case')} is marked as synthetic.", facts)


CHECK = Check("XM401", "Are the images of patients, or synthetic?", "medium", ask)
