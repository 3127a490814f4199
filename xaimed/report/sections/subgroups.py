"""Subgroups: the same measures in each group of cases, and the gaps between the groups."""

from __future__ import annotations

from xaimed.report.blocks import Block
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.families import estimate_table, group_tables, members
from xaimed.run import Run

TITLE = "Subgroups"
ORDER = order(TITLE)


def section(run: Run) -> list[Block]:
    """Tables of all estimates of groups of cases, then of the gaps."""
    estimates = members(run, "subgroups")
    grouped = tuple(e for e in estimates if e.group != "all")
    gaps = tuple(e for e in estimates if e.group == "all")
    blocks: list[Block] = [opening(TITLE)]
    if not estimates:
        return unassessed(TITLE, "the run holds no estimate of a group.")
    blocks += group_tables("Measures by group", grouped)
    return [*blocks, estimate_table("Gaps between groups", gaps)] if gaps else blocks
