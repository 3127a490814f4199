"""XM303: is any map constant or not finite?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run

BLANK = ("constant", "not finite")


def ask(run: Run) -> Reply:
    """concern: a map says nothing, and is shown with that note instead of as an even picture."""
    cases = run.cases["case"] if run.pictured else ()
    entries = [(case, entry) for case in cases for entry in run.entries(case)]
    if not entries:
        return Reply("not applicable", f"No map was made for the {plural(len(run.cases), 'case')}.")
    bad = [(case, e) for case, e in entries if any(word in e.note for word in BLANK)]
    facts = {"maps": len(entries), "blank": len(bad)}
    if not bad:
        return Reply("pass", f"All {len(entries)} maps are finite and not constant.", facts)
    tally = Counter(e.method for _, e in bad)
    text = ", ".join(f"{method} {tally[method]} of {sum(e.method == method for _, e in entries)}"
                     for method in sorted(tally))
    return Reply("concern", f"{len(bad)} of {len(entries)} maps are constant or not finite: {text}.", facts)


CHECK = Check("XM303", "Is any map blank or not finite?", "medium", ask)
