"""XM401: was the model judged on images of patients?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: some or all images were made by a program; NOT ASSESSED for outputs alone, without images."""
    made, total = int(run.cases["synthetic"].astype(bool).sum()), len(run.cases)
    facts = {"cases": total, "synthetic": made}
    if made:
        return Reply("concern", f"{made} of {total} cases are SYNTHETIC: made by a program. Nothing here says how "
                     "the model does on patients.", facts)
    if not run.pictured:
        return Reply("NOT ASSESSED", f"No image of the {total} cases was given, so what they show is not known.", facts)
    return Reply("pass", f"None of {total} cases is marked as synthetic.", facts)


CHECK = Check("XM401", "Are the images of patients, or synthetic?", "medium", ask)
