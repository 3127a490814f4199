"""Findings: what each check says, with its numbers."""

from __future__ import annotations

from xaimed.report.blocks import Block, Column, Table
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.wording import outcome
from xaimed.run import Run
from xaimed.types import Finding
from xaimed.viz.names import pretty

TITLE = "Findings"
ORDER = order(TITLE)


def section(run: Run) -> list[Block]:
    """One row a finding, by code."""
    if not run.findings:
        return unassessed(TITLE, "no check was run.")
    rows = tuple((f.code, outcome(f.outcome), f"{f.title}{_stop(f.title)} {f.statement}", _evidence(f))
                 for f in sorted(run.findings, key=lambda f: f.code))
    return [opening(TITLE),
            Table("What the checks found", (Column("Code"), Column("Outcome"), Column("Statement", share=3),
                                            Column("Evidence", share=1.6)), rows)]


def _stop(title: str) -> str:
    return "" if title.endswith("?") else "."


def _evidence(finding: Finding) -> str:
    return "; ".join(f"{pretty(name)} {value:.4g}" if isinstance(value, float) else f"{pretty(name)} {value}"
                     for name, value in finding.evidence.items()) or "–"
