"""XM202: does the FROC curve reach the rates of false positives at which it is read?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, detects, listed

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: a rate lies beyond the last observed point of a curve, where no sensitivity is given."""
    read = [e for e in run.results.estimates if e.name.startswith("sensitivity at ") and e.group == "all"
            and "false positives per image" in e.name and not e.interval.startswith("no lesion")]
    if not detects(run) or not read:
        return Reply("not applicable", "The run has no FROC curve: no boxes were judged.")
    beyond = [e for e in read if e.interval.startswith("not reached")]
    facts = {"points": len(read), "not_reached": len(beyond)}
    if not beyond:
        return Reply("pass", f"All {len(read)} points of the FROC curves lie within what was observed.", facts)
    texts = [f"{e.name} [{e.rule}] {e.interval}" for e in beyond]
    return Reply("concern", f"{len(beyond)} of {len(read)} points of the FROC curves are not reached, and not "
                 f"extrapolated: {listed(texts, 3)}.", facts)


CHECK = Check("XM202", "Do the FROC curves reach the rates at which they are read?", "low", ask)
