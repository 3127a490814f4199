"""Residual risk and monitoring: what remains after the audit, what to do, and what sets off action in use."""

from __future__ import annotations

from collections.abc import Sequence

from xaimed.report.blocks import NOT_ASSESSED, Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.wording import outcome
from xaimed.run import Run

TITLE = "Residual risk and monitoring"
ORDER = order(TITLE)
OPEN = ("fail", "concern", "NOT ASSESSED")
NOTE = "Each needs an answer by the people who sign: accepted with a reason, mended, or a limit of the use."


def section(run: Run) -> list[Block]:
    """The open findings as residual risks, the plan's own, and its triggers of monitoring."""
    scope = run.plan.get("scope", {})
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (finding.code, outcome(finding.outcome), finding.title, "") for finding in
        sorted(run.findings, key=lambda f: (OPEN.index(f.outcome) if f.outcome in OPEN else 9, f.code))
        if finding.outcome in OPEN)
    blocks: list[Block] = [opening(TITLE)]
    if rows:
        blocks.append(Table("Open after this audit", (Column("Code"), Column("Outcome"), Column("Question", share=2),
                                                      Column("Answer of those who sign", share=1.6)), rows, NOTE))
    return [*blocks, _listed("Residual risks set down in the plan", "Risk", scope.get("risks", ())),
            _listed("Monitoring in use: what is watched, and what sets off action", "Trigger",
                    scope.get("monitoring", ()))]


def _listed(caption: str, title: str, texts: Sequence[str]) -> Block:
    if not texts:
        return Text(f"{caption}: {NOT_ASSESSED}, none was set down.")
    return Table(caption, (Column(title, share=1),), tuple((str(text),) for text in texts))
