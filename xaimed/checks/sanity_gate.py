"""XM301: do the attribution methods pass the randomisation gate on this model?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xaimed.checks.check import Check, Evidence, Reply
from xaimed.metrics.axis import CONTROLS, ORACLE, gate_of
from xaimed.types import Outcome

if TYPE_CHECKING:
    from xaimed.run import Run


# The defaults of xaimed.sanity.Gate, by which every audit decides.
TOLERANCE, CEILING = 0.05, 0.8
RULE = (f"Rule: the upper limit of the likeness under random weights must not exceed that of different images + "
        f"{TOLERANCE:g}, nor {CEILING:g}.")


def ask(run: Run) -> Reply:
    """concern: a method fails, or its maps do not depend on the target, so they may not be trusted here.

    fail: a control passes, which cannot look at the model: then the gate tells nothing about any method.
    """
    named = set(run.scores.loc[run.scores["method"].fillna("") != "", "method"].astype(str))
    methods = sorted(named - {*CONTROLS, ORACLE})
    if not methods:
        return Reply("not applicable", "No explanation was made in this run.")
    outcomes = {method: gate_of(run.scores, method) for method in methods}
    found = list(outcomes.values())
    facts: Evidence = {**outcomes, "methods": len(methods), "passed": found.count("pass"),
                       "failed": found.count("fail")}
    passing = [name for name in sorted(named & set(CONTROLS)) if gate_of(run.scores, name) == "pass"]
    blind = [name for name in methods if _number(run, name, "target_contrast") == 0]
    facts = {**facts, "controls passing": ", ".join(passing), "without target contrast": ", ".join(blind)}
    text = "; ".join(f"{method} {_told(run, method, outcome)}" for method, outcome in outcomes.items())
    overall: Outcome = ("fail" if passing else "concern" if "fail" in found or blind
                        else "NOT ASSESSED" if "NOT ASSESSED" in found else "pass")
    return Reply(overall, f"{found.count('pass')} of {len(methods)} methods pass the randomisation gate: {text}."
                 f" {RULE}{_warned(passing, blind)}", facts)


def _warned(passing: list[str], blind: list[str]) -> str:
    control = (f" {', '.join(passing)} cannot look at the model and passes too, so the gate tells nothing here."
               if passing else "")
    return control + (f" The maps of {', '.join(blind)} hardly change with the target." if blind else "")


def _told(run: Run, method: str, outcome: str) -> str:
    numbers = [_number(run, method, metric) for metric in ("gate_similarity", "gate_null")]
    if outcome == "NOT ASSESSED" or any(math.isnan(n) for n in numbers):
        return outcome
    upper = _number(run, method, "gate_similarity_upper")
    limit = "" if math.isnan(upper) else f", upper limit {upper:.2f}"
    return f"{outcome} (random weights keep {numbers[0]:.2f} of the map{limit}; different images have {numbers[1]:.2f})"


def _number(run: Run, method: str, metric: str) -> float:
    rows = run.scores[(run.scores["method"] == method) & (run.scores["metric"] == metric)
                      & (run.scores["condition"] == "clean") & (run.scores["case"] == "")]
    values = rows["value"].to_numpy(np.float64)
    return float(values.mean()) if len(values) else math.nan


CHECK = Check("XM301", "Do the attribution methods pass the randomisation gate?", "high", ask)
