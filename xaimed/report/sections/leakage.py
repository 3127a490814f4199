"""Data and leakage: doubled images, patients on both sides of a split, and how often these cases were used before."""

from __future__ import annotations

from xaimed.report.blocks import Block, Cell, Column, Table
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.wording import outcome
from xaimed.run import Run

TITLE = "Leakage"
ORDER = order(TITLE)
CODES = ("XM101", "XM102", "XM103", "XM104", "XM105")


def section(run: Run) -> list[Block]:
    """What the checks on leakage say."""
    found = {finding.code: finding for finding in run.findings}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (code, outcome(found[code].outcome), found[code].statement) for code in CODES if code in found)
    if not rows:
        return unassessed(TITLE, "no check on leakage was run.")
    return [opening(TITLE), Table("Leakage", (Column("Code"), Column("Outcome"), Column("Statement", share=1)), rows)]
