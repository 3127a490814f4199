"""Which section prints an estimate: every estimate of a run belongs to exactly one family."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal

from xaimed.report.blocks import Column, Table
from xaimed.report.wording import counts, interval, measured, number
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.stats import Estimate

Family = Literal["performance", "detection", "calibration", "explanation", "subgroups"]
DETECTION = ("fppi", "froc", "false positives per image", "false_positives_per_image", "localisation", "lesion")
CALIBRATION = ("ece", "brier", "calibration", "benefit", "reliability")


def family(estimate: Estimate) -> Family:
    """The section that prints this estimate."""
    name = estimate.name.lower()
    if estimate.group.startswith("method="):
        return "explanation"
    if estimate.group != "all":
        return "subgroups"
    if "auc" not in name and (any(word in name for word in DETECTION) or estimate.unit == "lesion"):
        return "detection"
    words = re.split(r"[\[\] _]+", name)
    return "calibration" if any(word in words for word in CALIBRATION) else "performance"


def members(run: Run, kind: Family) -> tuple[Estimate, ...]:
    """The run's estimates of one family, in stored order."""
    return tuple(e for e in run.results.estimates if family(e) == kind)


def estimate_table(caption: str, estimates: tuple[Estimate, ...], grouped: bool = False) -> Table:
    """A table of estimates, each with unit, rule, interval, counts and how the interval was made."""
    columns = (*((Column("Group", share=1.4),) if grouped else ()), Column("Measure", share=2.6),
               Column("Unit", share=0.8), Column("Rule", share=1.6), Column("Value", "right", 0.8),
               Column("95 % interval", "right", 1.5), Column("Count", "right", 1.0),
               Column("Interval by", share=2.2))
    rows = tuple((*((e.group,) if grouped else ()), pretty(e.name), e.unit, e.rule or "–", number(e.value),
                  interval(e), counts(e), e.interval or "–") for e in estimates)
    return Table(caption, columns, rows)


def group_table(caption: str, estimates: tuple[Estimate, ...]) -> Table:
    """The same measures in each group: a row a group, a column a measure with its rule and unit."""
    names = tuple(dict.fromkeys((e.name, e.rule, e.unit) for e in estimates))
    found = {(e.group, e.name, e.rule, e.unit): e for e in estimates}
    rows = tuple((group.replace("=", ": ", 1), *(_cell(found.get((group, *name))) for name in names))
                 for group in dict.fromkeys(e.group for e in estimates))
    columns = (Column("Group", share=1), *(Column(f"{pretty(name)} (" + (f"{rule}; " if rule else "") + f"{unit})",
                                                  "right", 1.5) for name, rule, unit in names))
    ways = "; ".join(dict.fromkeys(e.interval for e in estimates if e.interval and math.isfinite(e.value)))
    return Table(caption, columns, rows, f"Value (95 % interval), count. Intervals: {ways or 'none'}.")


def ruled(estimates: tuple[Estimate, ...]) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """The estimates that are counted under several rules, and the rest."""
    rules = {e.name: {other.rule for other in estimates if other.name == e.name} for e in estimates}
    return (tuple(e for e in estimates if len(rules[e.name]) > 1),
            tuple(e for e in estimates if len(rules[e.name]) == 1))


def rule_table(caption: str, estimates: tuple[Estimate, ...], note: str) -> Table:
    """The same measures under each rule: a row a measure, a column a rule, value with interval and counts."""
    rules, names = tuple(dict.fromkeys(e.rule for e in estimates)), tuple(dict.fromkeys(e.name for e in estimates))
    found = {(e.name, e.rule): e for e in estimates}
    rows = tuple((pretty(name), *(_cell(found.get((name, rule))) for rule in rules)) for name in names)
    columns = (Column("Measure", share=1.5),
               *(Column(rule or "no rule stated", "right", 1.6) for rule in rules))
    ways = "; ".join(dict.fromkeys(e.interval for e in estimates if e.interval))
    units = ", ".join(dict.fromkeys(e.unit for e in estimates))
    return Table(caption, columns, rows, f"Value (95 % interval), count. Unit: {units}. Intervals: {ways}. {note}")


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "n/a"
    if not math.isfinite(estimate.value) and estimate.interval:
        return estimate.interval
    return measured(estimate) + ("" if estimate.denominator is None else f", {counts(estimate)}")
