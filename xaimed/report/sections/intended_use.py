"""Intended use: what the model is for, for whom, and what it must not be used for, as people set it down."""

from __future__ import annotations

from xaimed.report.blocks import Block, Heading, Pairs
from xaimed.report.wording import given
from xaimed.run import Run

ORDER = 22
FIELDS = (("Population", "population"), ("Users", "users"), ("Place in the pathway", "setting"),
          ("Out of scope", "out_of_scope"))


def section(run: Run) -> list[Block]:
    """The question of the audit and the plan's scope; NOT ASSESSED for what nobody set down."""
    scope, model = run.plan.get("scope", {}), run.meta.get("model", {})
    point = model.get("operating_point")
    origin = model.get("operating_point_by", "as the model file fixes it")
    locked = given(point) if point is None else f"{point:g}, {origin}"
    return [Heading("Intended use"), Pairs((
        ("Question of the audit", given(run.plan.get("purpose"))),
        ("Intended use", given(run.plan.get("intended_use"))),
        *((name, given(scope.get(key))) for name, key in FIELDS), ("Operating point", locked)))]
