"""Failure modes and effects: what can go wrong, what looks for it, and what that found in this run."""

from __future__ import annotations

from collections.abc import Mapping

from xaimed.failure_modes import Mode, modes_of, usual_modes
from xaimed.report.blocks import NOT_ASSESSED, Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.wording import outcome
from xaimed.run import Run

TITLE = "Failure modes and effects"
ORDER = order(TITLE)
WORST = ("fail", "concern", "NOT ASSESSED", "pass", "not applicable")
NOTE = ("S: severity of the harm, D: how hard it is to notice in use, 1 to 5, {origin}. "
        "The outcome is the worst of the named checks; how often a failure occurs is what those checks measured. A "
        "mode without a check is NOT ASSESSED here.")
OWN = "set down in the plan"
USUAL = "as they come with xaimed: the plan names no table of its own"


def section(run: Run) -> list[Block]:
    """One row a failure mode, the gravest first, each with the checks that look for it."""
    found = {finding.code: finding.outcome for finding in run.findings}
    own = run.plan.get("failure_modes")
    known = usual_modes() if own is None else modes_of(own, "plan.toml")
    modes = sorted(known, key=lambda mode: (-mode.severity * mode.detection, mode.id))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (mode.id, mode.mode, mode.effect, f"{mode.severity}", f"{mode.detection}", mode.control,
         ", ".join(mode.checks) or "none", outcome(_worst(mode, found))) for mode in modes)
    return [opening(TITLE),
            Text("What could go wrong with the data, the model, its use and its explanations, and what looked for it."),
            Table("Failure modes", (Column("No."), Column("Failure", share=2), Column("Effect", share=2), Column("S"),
                                    Column("D"), Column("Control", share=2.2), Column("Checks", share=0.8),
                                    Column("Outcome")), rows, NOTE.format(origin=USUAL if own is None else OWN))]


def _worst(mode: Mode, found: Mapping[str, str]) -> str:
    outcomes = {found.get(code, NOT_ASSESSED) for code in mode.checks}
    return next((word for word in WORST if word in outcomes), NOT_ASSESSED)
