"""XM302: do maps that promise completeness sum to the difference of scores within 1 %?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run

LIMIT = 0.01


def ask(run: Run) -> Reply:
    """concern: a map misses by more than 1 % of the difference."""
    rows = run.scores[(run.scores["metric"] == "completeness") & (run.scores["condition"] == "clean")].dropna(
        subset=["value"])
    if not len(rows):
        return Reply("not applicable", "No method of this run promises completeness, or none gave a map.")
    over = rows[rows["value"].abs() > LIMIT]
    texts = []
    for method, own in rows.groupby("method", sort=True):
        bad, worst = int((own["value"].abs() > LIMIT).sum()), float(own["value"].abs().max())
        texts.append(f"{method} {len(own) - bad} of {len(own)} (worst {100 * worst:.2g} %)")
    return Reply("concern" if len(over) else "pass",
                 f"{len(rows) - len(over)} of {len(rows)} maps sum to the difference of scores within 1 %: "
                 f"{'; '.join(texts)}.", {"maps": len(rows), "over": len(over), "limit": LIMIT})


CHECK = Check("XM302", "Do maps that promise completeness keep it within 1 %?", "medium", ask)
