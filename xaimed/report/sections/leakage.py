"""Data and leakage: doubled images, patients on both sides of a split, and how often these cases were used before."""

from __future__ import annotations

from xaimed.report.blocks import NOT_ASSESSED, Block, Cell, Column, Heading, Pairs, Table, Text
from xaimed.report.wording import given, outcome
from xaimed.run import Run

ORDER = 32
CODES = ("XM101", "XM102", "XM103", "XM104", "XM105")


def section(run: Run) -> list[Block]:
    """What the checks on leakage say, and what people set down on the reference standard and the number of cases."""
    scope = run.plan.get("scope", {})
    found = {finding.code: finding for finding in run.findings}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (code, outcome(found[code].outcome), found[code].statement) for code in CODES if code in found)
    blocks: list[Block] = [Heading("Data and leakage"), Pairs((
        ("Reference standard", given(scope.get("reference_standard"))),
        ("Number of cases", given(scope.get("sample_size")))))]
    if not rows:
        return [*blocks, Text(f"{NOT_ASSESSED}: no check on leakage was run.")]
    return [*blocks, Table("Leakage", (Column("Code"), Column("Outcome"), Column("Statement", share=1)), rows)]
