"""Detection: FROC, sensitivity at false positives per image for each hit rule."""

from __future__ import annotations

import math
import re

from xaimed.plural import plural
from xaimed.report.blocks import Block, Column, Figure, Picture, Table, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.families import estimate_table, members, rule_tables, ruled, ways_of
from xaimed.report.wording import measured
from xaimed.run import Run
from xaimed.stats import Estimate

TITLE = "Detection"
ORDER = order(TITLE)
MARK = "†"
MATCHED = ("A mark is credited with one lesion at most, from the highest score down. In FROC a lesion counts as found "
           "by a mark of any class, and further marks on it are no false positives. In average precision the class has "
           "to be the same, and further marks are false positives.")
NOTE = "A number without its hit rule cannot be compared."
RATE = re.compile(r"^sensitivity[ _]at[ _]([0-9.]+)[ _](?:fppi|false[ _]positives?[ _]per[ _]image)(.*)$")


def section(run: Run) -> list[Block]:
    """FROC table with one column a hit rule, the curve, and the other detection measures."""
    if run.meta.get("model", {}).get("task") not in (None, "detection"):
        return unassessed(TITLE, "the model marks no boxes, so there is nothing that it detects.")
    estimates = members(run, "detection")
    blocks: list[Block] = [opening(TITLE)]
    if not estimates:
        return unassessed(TITLE, "the run holds no estimate of detection.")
    blocks.append(Text(MATCHED))
    pairs = [(RATE.match(e.name), e) for e in estimates]
    rated = [(float(match[1]), match[2], e) for match, e in pairs if match]
    if any(name.startswith("froc") for name in run.results.curves):
        blocks.append(_figure(run))
    blocks += [froc_table([(rate, e) for rate, found, e in rated if found == suffix], suffix)
               for suffix in dict.fromkeys(suffix for _, suffix, _ in rated)]
    shared, rest = ruled(tuple(e for match, e in pairs if not match))
    if shared:
        blocks += rule_tables("At the operating point and at the end of the curve", shared, NOTE)
    if rest:
        blocks.append(estimate_table("Other detection measures", rest))
    return blocks


def froc_table(rated: list[tuple[float, Estimate]], suffix: str) -> Table:
    """Sensitivity with its interval: a row for each rate of false positives, a column for each hit rule."""
    rules = tuple(dict.fromkeys(e.rule for _, e in rated))
    found = {(rate, e.rule): e for rate, e in rated}
    rows = tuple((f"{rate:g}", *(_cell(found.get((rate, rule))) for rule in rules))
                 for rate in sorted({rate for rate, _ in rated}))
    columns = (Column("False positives per image", share=1.2),
               *(Column(f"Hit: {rule or 'not stated'}{_lesions(rated, rule)}", "right", 2) for rule in rules))
    name = suffix.strip(" ,_[]").replace("_", " ")
    return Table("Sensitivity at a rate of false positives (95 % interval)" + (f": {name}" if name else ""), columns,
                 rows, f"Unit: lesion. Intervals: {ways_of(tuple(e for _, e in rated))}.{_marked(rated)} The curve "
                 "is not extended beyond its last observed point.")


def _marked(rated: list[tuple[float, Estimate]]) -> str:
    """What the mark in a cell means, where one has it."""
    if not any(_is_wilson(e) for _, e in rated):
        return ""
    return f" {MARK}: Wilson, as the value is 0 or 1 or every draw of the bootstrap gives the same."


def _is_wilson(estimate: Estimate) -> bool:
    return math.isfinite(estimate.value) and estimate.interval.startswith("Wilson")


def _lesions(rated: list[tuple[float, Estimate]], rule: str) -> str:
    sizes = {e.denominator for _, e in rated if e.rule == rule and e.denominator is not None}
    return f" ({plural(round(max(sizes)), 'lesion')})" if sizes else ""


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "n/a"
    if not math.isfinite(estimate.value):
        return estimate.interval.partition(":")[0] or "n/a"
    return measured(estimate) + (f" {MARK}" if _is_wilson(estimate) else "")


def _figure(run: Run) -> Block:
    from xaimed.viz.figures import FROC_LIMIT, WIDE, froc_end, froc_figure, svg

    text = "FROC: share of lesions found against false positives per image, with 95 % bands, for each hit rule."
    text += f" No band is drawn where an interval is wider than {WIDE:g}."
    end = froc_end(run)
    if end > FROC_LIMIT:
        text += f" Shown up to {FROC_LIMIT:g} false positives per image; the curve goes on to {end:.3g}."
    return Figure(Picture(svg(froc_figure(run)), text + " The values of the curves are in results.json."), text, 0.8)
