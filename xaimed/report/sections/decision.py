"""Decision: the verdict of the checks, the main numbers, and room for signatures."""

from __future__ import annotations

import re
from collections import Counter

from xaimed.report.blocks import NOT_ASSESSED, Block, Column, Heading, Notice, SignOff, Table, Tone
from xaimed.report.families import members
from xaimed.report.wording import listed, measured, outcome, plural, pretty
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.types import Finding

ORDER = 10
HALF = ("sensitivity_at_0.5_fppi", "sensitivity at 0.5 false positives per image")
WORST = ("fail", "concern", NOT_ASSESSED, "pass", "not applicable")
MAIN = re.compile(r"(?i)^(accuracy|precision|sensitivity|specificity|(?!AUC of this)[^(]*AUC[^(]*)$")


def section(run: Run) -> list[Block]:
    """Verdict, outcome of every check, main results, signatures."""
    title, text, tone = verdict(run.findings)
    blocks: list[Block] = [Heading("Decision"), Notice(title, text, tone)]
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


def verdict(findings: tuple[Finding, ...]) -> tuple[str, str, Tone]:
    """Title, one sentence and tone of the audit's outcome; without findings it is NOT ASSESSED."""
    if not findings:
        return NOT_ASSESSED, "No check was run, so there is no verdict.", "neutral"
    found: Counter[str] = Counter(f.outcome for f in findings)
    text = "Of " + plural(len(findings), "check") + ": " + listed(
        [f"{found[name]} {name}" for name in WORST if found[name]]) + "."
    if found["fail"]:
        failed = listed([f.code for f in findings if f.outcome == "fail"])
        return "Criteria not met", f"{text} Failed: {failed}.", "bad"
    if found["concern"]:
        return "Criteria met, with concerns", f"{text} Read the concerns before use.", "warn"
    if not found["pass"]:
        return NOT_ASSESSED, text, "neutral"
    return "Criteria met", text, "good"


def main_results(run: Run) -> tuple[Estimate, ...]:
    """Each measure under its first counting rule, then sensitivity at 0.5 per image under each hit rule."""
    named = {e.name: e for e in reversed(members(run, "performance"))}
    performance = [e for e in reversed(named.values()) if MAIN.match(e.name)]
    at_half = [e for e in members(run, "detection") if e.name.lower() in HALF]
    return tuple(performance + at_half)


def _checks(findings: tuple[Finding, ...]) -> Block:
    ordered = sorted(findings, key=lambda f: (WORST.index(f.outcome), f.code))
    rows = tuple((f.code, f.title, f.severity, outcome(f.outcome)) for f in ordered)
    return Table("Checks", (Column("Code"), Column("Question", share=1), Column("Severity"), Column("Outcome")),
                 rows, "Statements with numbers and evidence: section Findings.")
