"""The analysis plan: endpoints, counting rules, margins and the rules of the verdict, and when they were set down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xaimed.answers import DECIDING
from xaimed.errors import StoreError
from xaimed.metrics.criteria import Criterion, criteria_of, rules_of
from xaimed.report.blocks import NOT_ASSESSED, Block, Cell, Column, Mono, Pairs, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.wording import given, listed
from xaimed.run import Run
from xaimed.viz.names import pretty

TITLE = "Analysis plan"
ORDER = order(TITLE)
COUNTED = ("not said by the plan; counted: left out of each measure of a model, and where there are some sensitivity "
           "and specificity are given by intention to diagnose too, in which an output that is missing is wrong")
MULTIPLICITY = ("Each criterion is judged by itself: with several primary ones all have to be accepted, so none is "
                "corrected. Tests between pairs of models carry Holm's correction.")


def section(run: Run) -> list[Block]:
    """The plan as it was fixed before the first case, with its digest and time from the log."""
    judging, scope = run.plan.get("judging", {}), run.plan.get("scope", {})
    rules, criteria = rules_of(run.plan), criteria_of(run.plan)
    digest, time = set_down(run)
    margin = judging.get("margin", run.meta.get("non_inferiority_margin"))
    pairs = Pairs((
        ("Plan", given(run.plan.get("name"))), ("Set down", time), ("Plan digest (SHA-256)", Mono(digest)),
        ("Unit", "image, patient and lesion, as printed beside each number"),
        *_counted(run.meta.get("model", {}).get("task"), judging),
        ("Intervals", f"95 %; {judging.get('resamples', 2000)} resamples of patients, seed {run.plan.get('seed', 0)}"),
        ("Margin of non-inferiority", "none was set" if margin is None else f"{margin:g} of AUC"),
        ("Missing and unsure outputs", _missing(run, scope)), ("Cases without an output", unanswered(run)),
        ("Multiplicity", MULTIPLICITY),
        ("Verdict", rules.words)))
    if not criteria:
        return [opening(TITLE), pairs, Text(f"{NOT_ASSESSED}: the plan sets no criterion.")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (c.endpoint, pretty(c.name) + (f" ({c.rule})" if c.rule else ""), "all cases" if c.group == "all" else c.group,
         demand(c), c.why or given(None)) for c in criteria)
    return [opening(TITLE), pairs, Table("Endpoints", (
        Column("Endpoint"), Column("Measure", share=2), Column("Of"), Column("Has to be", share=1.6),
        Column("Reason for the limit", share=2)), rows)]


def _missing(run: Run, scope: Mapping[str, Any]) -> str:
    """What the plan says of outputs that are missing; where it says nothing and the run counted them, how."""
    counted = run.results.find("missing outputs") is not None
    return given(scope.get("missing")) if scope.get("missing") or not counted else COUNTED


def unanswered(run: Run) -> str:
    """"1 of 10": the cases without an output as the audit counted them; else those without a row of the tables."""
    share = run.results.find("missing outputs")
    if share is not None and share.numerator is not None and share.denominator is not None:
        return f"{share.numerator:g} of {share.denominator:g}"
    known = {*run.predictions["case"].astype(str), *run.scores["case"].astype(str)}
    return f"{sum(str(case) not in known for case in run.cases['case'])} of {len(run.cases)}"


def _counted(task: str | None, judging: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The hit rules where boxes are judged, and the positive class where a class is; tables (None) may hold both."""
    rules = [("Hit rules", listed(list(judging["hit_rules"])) if judging.get("hit_rules") else given(None))]
    positive = [("Positive class", given(judging.get("positive")))]
    return [*(rules if task in (None, "detection") else []), *(positive if task is None or task in DECIDING else [])]


def demand(criterion: Criterion) -> str:
    """What a criterion asks, in words: "at least 0.75, by the lower limit of the interval"."""
    which = {"low": "by the lower limit of the interval", "high": "by the upper limit of the interval",
             "value": "by the value itself"}[criterion.on]
    return f"{criterion.side.replace('_', ' ')} {criterion.limit:g}, {which}"


def set_down(run: Run) -> tuple[str, str]:
    """The plan's digest and the time from the log's first entry, or NOT ASSESSED where the log does not hold them."""
    try:
        entries = run.log_entries()
    except StoreError:
        return NOT_ASSESSED, f"{NOT_ASSESSED}: the log is broken"
    first = next((entry for entry in entries if entry.event == "started"), None)
    if first is None:
        return NOT_ASSESSED, NOT_ASSESSED
    return str(first.facts.get("plan", NOT_ASSESSED)), first.time + (
        ", before the first case" if run.pictured else ", after the outputs that it judges: as declared")
