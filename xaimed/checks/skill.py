"""XM305: is any explanation better than another patient's map on the same box?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: the interval of every method that passed the gate holds 0, the skill of another patient's map."""
    table = run.axis if run.pictured else None
    if table is None or table.empty or "control" not in table:
        return Reply("not applicable", "No explanation was measured against another patient's map in this run.")
    known = table[(table["gate"] == "pass") & ~table["control"].astype(bool) & table["explainability_low"].notna()]
    if known.empty:
        return Reply("NOT ASSESSED", "No method passed the randomisation gate and has a skill with an interval.")
    better = sorted(known.loc[known["explainability_low"] > 0, "method"].astype(str))
    told = "; ".join(f"{row['method']} {row['explainability']:.3f} ({row['explainability_low']:.3f} to "
                     f"{row['explainability_high']:.3f})" for row in known.to_dict(orient="records"))
    facts = {"methods": len(known), "better": len(better)}
    if better:
        return Reply("pass", f"{len(better)} of {len(known)} methods that passed the gate are better than another "
                     f"patient's map: {listed(better)}. Skill: {told}.", facts)
    return Reply("concern", f"None of {len(known)} methods that passed the gate is shown to be better than another "
                 f"patient's map laid on the same place (skill 0): {told}.", facts)


CHECK = Check("XM305", "Is any explanation better than another patient's map?", "medium", ask)
