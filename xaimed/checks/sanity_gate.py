"""XM301: do the attribution methods pass the randomisation gate on this model?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xaimed.checks.check import Check, Evidence, Reply
from xaimed.metrics.axis import CONTROLS, gate_of
from xaimed.types import Outcome

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: a method fails, so its maps may not be trusted here; the controls are not asked."""
    named = set(run.scores.loc[run.scores["method"].fillna("") != "", "method"].astype(str))
    methods = sorted(named - set(CONTROLS))
    if not methods:
        return Reply("not applicable", "No explanation was made in this run.")
    outcomes = {method: gate_of(run.scores, method) for method in methods}
    found = list(outcomes.values())
    facts: Evidence = {**outcomes, "methods": len(methods), "passed": found.count("pass"),
                       "failed": found.count("fail")}
    text = "; ".join(f"{method} {_told(run, method, outcome)}" for method, outcome in outcomes.items())
    overall: Outcome = ("concern" if "fail" in found else "NOT ASSESSED" if "NOT ASSESSED" in found else "pass")
    return Reply(overall, f"{found.count('pass')} of {len(methods)} methods pass the randomisation gate: {text}.",
                 facts)


def _told(run: Run, method: str, outcome: str) -> str:
    numbers = [_number(run, method, metric) for metric in ("gate_similarity", "gate_null")]
    if outcome == "NOT ASSESSED" or any(math.isnan(n) for n in numbers):
        return outcome
    return f"{outcome} (random weights keep {numbers[0]:.2f} of the map, different images have {numbers[1]:.2f})"


def _number(run: Run, method: str, metric: str) -> float:
    rows = run.scores[(run.scores["method"] == method) & (run.scores["metric"] == metric)
                      & (run.scores["condition"] == "clean") & (run.scores["case"] == "")]
    values = rows["value"].to_numpy(np.float64)
    return float(values.mean()) if len(values) else math.nan


CHECK = Check("XM301", "The attribution methods pass the randomisation gate", "high", ask)
