"""Which section prints an estimate: every estimate of a run belongs to exactly one family."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Literal

from xaimed.report.blocks import Column, Table
from xaimed.report.wording import counts, interval, listed, measured, number
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.stats import Estimate

Family = Literal["performance", "detection", "calibration", "comparison", "explanation", "subgroups", "structure",
                 "robustness"]
DETECTION = ("fppi", "froc", "false positives per image", "false_positives_per_image", "localisation", "lesion")
CONTENDERS = ("model=", "reader=")
COMPARISON = re.compile(r"(?i)difference in |cases left out: "
                        r"|(holm )?p \(difference|non-inferiority|readers with |mean of \d+ readers'"
                        r"|mean .* of a reader with |.* of the readers' average score$")
# So many columns with value, interval and count fit on a page beside short names of groups.
ABREAST, LONG = 4, 16
WIDEST = 1.8  # share of the names of groups; a longer word breaks, so that the numbers keep their room
PARTS = ("sweep ", "difference at scale", "slope at scale")
CALIBRATION = ("ece", "brier", "calibration", "benefit", "reliability")


def family(estimate: Estimate) -> Family:
    """The section that prints this estimate."""
    name = estimate.name.lower()
    if estimate.group.startswith("method="):
        return "explanation"
    if estimate.group.startswith("probe="):
        return "robustness"
    if name.startswith(PARTS):
        return "structure"
    if estimate.group.startswith(CONTENDERS) or COMPARISON.match(name):
        return "comparison"
    if estimate.group != "all" or name.startswith("gap between groups"):
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
               Column("Unit", share=0.8), Column("Rule", share=1.6 if all(len(e.rule) < 60 for e in estimates) else 3),
               Column("Value", "right", 1.0), Column("95 % interval", "right", 1.6), Column("Count", "right", 1.0),
               Column("Interval by", share=2.2))
    rows = tuple((*((e.group,) if grouped else ()), pretty(e.name), e.unit, e.rule or "–", number(e.value),
                  interval(e), counts(e), e.interval or "–") for e in estimates)
    return Table(caption, columns, rows)


def group_tables(caption: str, estimates: tuple[Estimate, ...], noun: str = "Group") -> list[Table]:
    """The same measures in each group: a row a group, a column a measure, ABREAST measures in a table.

    Measures that few groups have come last, and a group that has none of a table's measures is not in it.
    """
    seen = Counter((e.name, e.rule, e.unit) for e in estimates)
    names = sorted(seen, key=lambda name: -seen[name])
    abreast = ABREAST if _longest(estimates) < LONG else ABREAST - 1
    parts = [names[i:i + abreast] for i in range(0, len(names), abreast)]
    return [_group_table(caption + (", continued" if i else ""), noun, tuple(
        e for e in estimates if (e.name, e.rule, e.unit) in part)) for i, part in enumerate(parts)]


def _group_table(caption: str, noun: str, estimates: tuple[Estimate, ...]) -> Table:
    seen = Counter((e.name, e.rule, e.unit) for e in estimates)
    names = sorted(seen, key=lambda name: -seen[name])
    found = {(e.group, e.name, e.rule, e.unit): e for e in estimates}
    rows = tuple((group.replace("=", ": ", 1), *(cell_of(found.get((group, *name))) for name in names))
                 for group in dict.fromkeys(e.group for e in estimates))
    columns = (Column(noun, share=min(WIDEST, max(1.2, 0.07 * _longest(estimates)))),
               *(Column(pretty(name) + (f" ({rule})" if rule else ""), "right", 1.5) for name, rule, _ in names))
    units = ", ".join(dict.fromkeys(unit for _, _, unit in names))
    return Table(caption, columns, rows,
                 f"Value (95 % interval), count. Unit: {units}. Intervals: {ways_of(estimates)}.")


def _longest(estimates: tuple[Estimate, ...]) -> int:
    """Letters of the longest word in the names of the groups."""
    return max((len(word) for e in estimates for word in e.group.split()), default=0)


def ways_of(estimates: tuple[Estimate, ...]) -> str:
    """How the intervals of the estimates that have a value were made, or "none"."""
    return "; ".join(dict.fromkeys(e.interval for e in estimates if e.interval and math.isfinite(e.value))) or "none"


def ruled(estimates: tuple[Estimate, ...]) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """The estimates that are counted under several rules, and the rest."""
    rules = {e.name: {other.rule for other in estimates if other.name == e.name} for e in estimates}
    return (tuple(e for e in estimates if len(rules[e.name]) > 1),
            tuple(e for e in estimates if len(rules[e.name]) == 1))


def rule_tables(caption: str, estimates: tuple[Estimate, ...], note: str) -> list[Table]:
    """The same measures under each rule: a table for the measures that share their rules, ABREAST rules in a table."""
    rules = {e.name: tuple(dict.fromkeys(o.rule for o in estimates if o.name == e.name)) for e in estimates}
    tables: list[Table] = []
    for shared in dict.fromkeys(rules.values()):
        names = [pretty(name) for name in rules if rules[name] == shared]
        for start in range(0, len(shared), ABREAST):
            title = caption if not tables else listed(names) if len(names) < 3 else f"{caption}, continued"
            tables.append(_rule_table(title, tuple(e for e in estimates if rules[e.name] == shared
                                                   and e.rule in shared[start:start + ABREAST]), note))
    return tables


def _rule_table(caption: str, estimates: tuple[Estimate, ...], note: str) -> Table:
    """A row a measure, a column a rule, value with interval and counts."""
    rules, names = tuple(dict.fromkeys(e.rule for e in estimates)), tuple(dict.fromkeys(e.name for e in estimates))
    found = {(e.name, e.rule): e for e in estimates}
    rows = tuple((pretty(name), *(cell_of(found.get((name, rule))) for rule in rules)) for name in names)
    columns = (Column("Measure", share=1.5),
               *(Column(rule or "no rule stated", "right", 1.6) for rule in rules))
    units = ", ".join(dict.fromkeys(e.unit for e in estimates))
    return Table(caption, columns, rows,
                 f"Value (95 % interval), count. Unit: {units}. Intervals: {ways_of(estimates)}. {note}")


def cell_of(estimate: Estimate | None) -> str:
    """Value, limits and counts in one cell; why there is no value, or "n/a"."""
    if estimate is None:
        return "n/a"
    if not math.isfinite(estimate.value) and estimate.interval:
        return "not reached" if estimate.interval.startswith("not reached") else estimate.interval
    return measured(estimate) + ("" if estimate.denominator is None else f", {counts(estimate)}")
