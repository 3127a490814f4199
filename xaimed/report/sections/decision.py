"""Decision: the verdict on the criteria, the outcome of the checks, the main numbers, and room for signatures."""

from __future__ import annotations

import re

from xaimed.metrics.criteria import WORST, Judgement, verdict
from xaimed.report.blocks import Block, Column, Heading, Notice, SignOff, Table
from xaimed.report.families import members
from xaimed.report.wording import measured, outcome
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.types import Finding
from xaimed.viz.names import pretty

ORDER = 10
HALF = ("sensitivity_at_0.5_fppi", "sensitivity at 0.5 false positives per image")
MAIN = re.compile(r"(?i)^(accuracy|precision|sensitivity|specificity|(?!AUC of this)[^(]*AUC[^(]*)$")


def section(run: Run) -> list[Block]:
    """Verdict, answer to every criterion, outcome of every check, main results, signatures."""
    found = verdict(run)
    blocks: list[Block] = [Heading("Decision"), Notice(found.title, found.checks, found.tone)]
    if found.judgements:
        blocks.append(_criteria(found.judgements))
    if run.findings:
        blocks.append(_checks(run.findings))
    main = main_results(run)
    if main:
        blocks.append(Table("Main results", (Column("Measure", share=3), Column("Rule", share=2), Column("Unit"),
                                             Column("Value (95 % interval)", "right", 2)),
                            tuple((pretty(e.name), e.rule or "–", e.unit, measured(e)) for e in main),
                            "All results with counts and how each interval was made follow below."))
    blocks += [Heading("Signatures", 2), SignOff(("Audited by", "Reviewed by", "Approved by"))]
    return blocks


def main_results(run: Run) -> tuple[Estimate, ...]:
    """Each measure under its first counting rule, sensitivity at 0.5 per image under each hit rule, non-inferiority."""
    named = {e.name: e for e in reversed(members(run, "performance"))}
    performance = [e for e in reversed(named.values()) if MAIN.match(e.name)]
    at_half = [e for e in members(run, "detection") if e.name.lower() in HALF]
    margin = [e for e in members(run, "comparison") if e.name.startswith("non-inferiority")]
    return tuple(performance + at_half + margin)


def _criteria(judgements: tuple[Judgement, ...]) -> Block:
    rows = tuple((outcome(j.answer), j.statement) for j in judgements)
    return Table("Criteria of the plan", (Column("Answer"), Column("Statement", share=1)), rows,
                 "Set down before the run. Inconclusive, where an end of the interval is judged: it holds the limit.")


def _checks(findings: tuple[Finding, ...]) -> Block:
    ordered = sorted(findings, key=lambda f: (WORST.index(f.outcome), f.code))
    rows = tuple((f.code, f.title, f.severity, outcome(f.outcome)) for f in ordered)
    return Table("Checks", (Column("Code"), Column("Question", share=1), Column("Severity"), Column("Outcome")),
                 rows, "Statements with numbers and evidence: section Findings.")
