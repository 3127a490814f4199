"""XM201: does the model meet the criteria that the plan set beforehand?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply
from xaimed.errors import PlanError
from xaimed.metrics.criteria import judgements_of
from xaimed.types import Outcome

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """fail: one is not met. concern: one is inconclusive. NOT ASSESSED: one has no number, or there are none."""
    try:
        found = judgements_of(run.plan, run.results)
    except PlanError as problem:
        return Reply("NOT ASSESSED", f"The plan's criteria cannot be read: {problem}")
    if not found:
        return Reply("NOT ASSESSED", "The plan sets no criterion, so no result can meet or miss one.", {"criteria": 0})
    answers = [j.answer for j in found]
    outcome: Outcome = ("fail" if "not met" in answers else "concern" if "inconclusive" in answers
               else "NOT ASSESSED" if "NOT ASSESSED" in answers else "pass")
    text = " ".join(f"{j.answer}: {j.statement}." for j in found)
    return Reply(outcome, f"{answers.count('met')} of {len(found)} criteria met. {text}",
                 {"criteria": len(found), "met": answers.count("met"), "not_met": answers.count("not met"),
                  "inconclusive": answers.count("inconclusive"), "not_assessed": answers.count("NOT ASSESSED")})


CHECK = Check("XM201", "Does the model meet the criteria of the plan?", "high", ask)
