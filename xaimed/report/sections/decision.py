"""Decision: the verdict on the criteria, the outcome of the checks, the main numbers, and room for signatures."""

from __future__ import annotations

import re

from xaimed.metrics.criteria import WORST, Judgement, rules_of, verdict
from xaimed.plural import plural
from xaimed.report.blocks import NOT_ASSESSED, Block, Column, Heading, Notice, PageBreak, SignOff, Table, Text
from xaimed.report.contents import cited, opening, order
from xaimed.report.families import members
from xaimed.report.wording import given, measured, outcome
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.types import Finding
from xaimed.viz.names import pretty

TITLE = "Decision"
ORDER = order(TITLE)
HALF = ("sensitivity_at_0.5_fppi", "sensitivity at 0.5 false positives per image")
# Of several classes the mean of their areas stands for each of them.
MAIN = re.compile(r"(?i)^(accuracy|precision|sensitivity|specificity|(?!AUC of this)[^(]*AUC(?!.*the rest$)[^(]*)$")
SIGNING = ("A signature says that its writer has read this report and answers for the part named beside it. It is no "
           "statement that the model may be used.")
BEFORE = "Set down before the run."
DECLARED = "As declared with tables of outputs that were there before: that they came first cannot be shown."
BEST = ("accuracy of the best class", "balanced accuracy")


def section(run: Run) -> list[Block]:
    """What was asked and the answer in words, with room for signatures, on one page; then checks and main results."""
    found = verdict(run)
    blocks: list[Block] = [opening(TITLE), Text(asked(run)), Notice(found.title, found.checks, found.tone)]
    if found.judgements:
        blocks.append(_criteria(found.judgements, BEFORE if run.pictured else DECLARED))
    blocks += [Text(f"{rules_of(run.plan).words} By these rules: {found.overall}."), *_open(run.findings),
               Heading("Signatures", 2), SignOff(("Audited by", "Reviewed by", "Approved by"), SIGNING), PageBreak()]
    if run.findings:
        blocks.append(_checks(run.findings))
    main = main_results(run)
    if main:
        blocks.append(Table("Main results", (Column("Measure", share=3), Column("Rule", share=2), Column("Unit"),
                                             Column("Value (95 % interval)", "right", 2)),
                            tuple((pretty(e.name), e.rule or "–", e.unit, measured(e)) for e in main),
                            "All results with counts and how each interval was made follow below."))
    return blocks


def asked(run: Run) -> str:
    """What was asked, of whom, in plain words."""
    purpose, data = str(run.plan.get("purpose") or ""), run.meta.get("data", {})
    question = purpose.rstrip(".") if purpose and NOT_ASSESSED not in purpose else f"{NOT_ASSESSED}, none was set down"
    cases, patients = len(run.cases), run.cases["patient"].nunique()
    title = given(data.get("title") or data.get("name"))
    return f"Asked: {question}. Answered on {plural(cases, 'image')} of {plural(patients, 'patient')} ({title})."


def _open(findings: tuple[Finding, ...]) -> list[Block]:
    """The checks that failed or raised a concern, and the grave ones without an answer, by their questions."""
    found = [f for f in findings if f.outcome in ("fail", "concern")
             or (f.outcome, f.severity) == (NOT_ASSESSED, "high")]
    words = [f"{f.code} {f.title}{' (NOT ASSESSED)' if f.outcome == NOT_ASSESSED else ''}"
             for f in sorted(found, key=lambda f: (WORST.index(f.outcome), f.code))]
    told = f"To be weighed before signing: {'; '.join(words)}"
    return [Text(told if told.endswith("?") else f"{told}.")] if words else []


def main_results(run: Run) -> tuple[Estimate, ...]:
    """Each measure under its first counting rule, sensitivity at 0.5 per image under each hit rule, non-inferiority.

    Those over all classes come first.
    """
    named = {e.name: e for e in reversed(members(run, "performance"))}
    performance = [e for e in reversed(named.values()) if e.name in BEST]
    performance += [e for e in reversed(named.values()) if MAIN.match(e.name)]
    at_half = [e for e in members(run, "detection") if e.name.lower() in HALF]
    margin = [e for e in members(run, "comparison") if e.name.startswith("non-inferiority")]
    return tuple(performance + at_half + margin)


def _criteria(judgements: tuple[Judgement, ...], when: str) -> Block:
    rows = tuple((outcome(j.answer), j.criterion.endpoint, j.statement) for j in judgements)
    return Table("Criteria of the plan", (Column("Answer"), Column("Endpoint"), Column("Statement", share=1)), rows,
                 f"{when} Inconclusive, where an end of the interval is judged: it holds the limit.")


def _checks(findings: tuple[Finding, ...]) -> Block:
    ordered = sorted(findings, key=lambda f: (WORST.index(f.outcome), f.code))
    rows = tuple((f.code, f.title, f.severity, outcome(f.outcome)) for f in ordered)
    return Table("Checks", (Column("Code"), Column("Question", share=1), Column("Severity"), Column("Outcome")),
                 rows, f"Statements with numbers and evidence: {cited('Findings')}.")
