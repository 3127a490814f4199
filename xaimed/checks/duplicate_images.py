"""XM103: does the same image appear as two cases?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: cases share their pixels' digest; fail: and they are of different patients."""
    known = run.cases[run.cases["digest"].fillna("") != ""]
    if not len(known):
        return Reply("NOT ASSESSED", f"None of {plural(len(run.cases), 'case')} has a digest of its pixels.")
    groups = known.groupby("digest")
    doubled = known[groups["case"].transform("size") > 1]
    crossed = int((groups["patient"].nunique() > 1).sum())
    facts = {"cases": len(known), "doubled": len(doubled), "groups_across_patients": crossed}
    if not len(doubled):
        return Reply("pass", f"All {len(known)} cases with a digest have different pixels.", facts)
    return Reply("fail" if crossed else "concern",
                 f"{len(doubled)} of {len(known)} cases share all pixels with another case "
                 f"({listed(sorted(doubled['case']))}); {crossed} such groups span several patients.", facts)


CHECK = Check("XM103", "Does an image appear as two cases?", "medium", ask)
