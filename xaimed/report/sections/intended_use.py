"""Intended use: what the model is for, for whom, and what it must not be used for, as people set it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xaimed.answers import DECIDING
from xaimed.report.blocks import Block, Pairs
from xaimed.report.contents import opening, order
from xaimed.report.wording import given
from xaimed.run import Run

TITLE = "Intended use"
ORDER = order(TITLE)
ORIGIN = "as the model file fixes it"
FIELDS = (("Population", "population"), ("Users", "users"), ("Place in the pathway", "setting"),
          ("Out of scope", "out_of_scope"))


def section(run: Run) -> list[Block]:
    """The question of the audit and the plan's scope; NOT ASSESSED for what nobody set down."""
    scope, model = run.plan.get("scope", {}), run.meta.get("model", {})
    return [opening(TITLE), Pairs((
        ("Question of the audit", given(run.plan.get("purpose"))),
        ("Intended use", given(run.plan.get("intended_use"))),
        *((name, given(scope.get(key))) for name, key in FIELDS), ("Operating point", locked(model))))]


def locked(model: Mapping[str, Any]) -> str:
    """The operating point of a run's model and who fixed it; that there is none for a task that decides nothing."""
    point, task = model.get("operating_point"), model.get("task")
    if task is not None and task not in DECIDING:
        return f"none: {task} decides nothing from a score up"
    return given(point) if point is None else f"{point:g}, {model.get('operating_point_by', ORIGIN)}"
