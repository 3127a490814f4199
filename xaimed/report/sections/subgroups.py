"""Subgroups: the same measures in each group of cases."""

from __future__ import annotations

from functools import partial

from xaimed.report.blocks import NOT_ASSESSED, Block, Heading, Text
from xaimed.report.families import estimate_table, group_table, members
from xaimed.run import Run

ORDER = 70


def section(run: Run) -> list[Block]:
    """One table of all estimates of groups."""
    estimates = members(run, "subgroups")
    if not estimates:
        return [Heading("Subgroups"), Text(f"{NOT_ASSESSED}: the run holds no estimate of a group.")]
    few = len({(e.name, e.rule, e.unit) for e in estimates}) <= 5
    table = group_table if few else partial(estimate_table, grouped=True)
    return [Heading("Subgroups"), table("Measures by group", estimates)]
