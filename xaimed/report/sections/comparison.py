"""Comparison: several models and readers on the same cases, and their differences with tests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xaimed.report.blocks import Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.families import CONTENDERS, cell_of, estimate_table, group_tables, members, ways_of
from xaimed.report.wording import counts, given, measured, p_value
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.viz.names import pretty

TITLE = "Comparison"
ORDER = order(TITLE)
PAIR = re.compile("^(difference in .+?): (.+)$")
TESTED = re.compile(r"difference in .+?: |p \(|Holm p \(|non-inferiority|cases left out: ")
LEFT_OUT = ("{0} of {1} cases are {2}; share {3}. The differences that name no other rule are of the rest. By "
            "intention to diagnose an output that is missing is wrong, on all cases.")
CROWD = 3
NONE = ("this run judged one model, and no other model and no reader on the same cases. "
        "'xaimed compare' sets two runs beside each other.")
READERS = ("of the readers", "the reader alone")
SAME = ("A pair is judged on the cases that every model answered, on the same resamples, so the difference and its "
        "interval are paired; the table above counts for each model the cases that it answered.")


def section(run: Run) -> list[Block]:
    """Models and readers side by side, differences of pairs with p values, non-inferiority, readers."""
    found = members(run, "comparison")
    if not found:
        return unassessed(TITLE, NONE)
    rest = tuple(e for e in found if not TESTED.match(e.name) and not e.group.startswith(CONTENDERS))
    tables = paired_tables(found)
    left = [Text(LEFT_OUT.format(f"{e.numerator:g}", f"{e.denominator:g}", e.name.removeprefix("cases "), measured(e)))
            for e in found if e.name.startswith("cases left out: ") and e.numerator]
    return [opening(TITLE), *_side_by_side(run, found), *([Text(SAME)] if tables else []), *left, *tables,
            *([estimate_table("Readers, and models beside them", rest)] if rest else [])]


def paired_tables(found: Sequence[Estimate]) -> list[Table]:
    """The differences of pairs with their p values, then the answers on non-inferiority."""
    pairs = [(match[1], match[2], e) for e in found for match in [PAIR.match(e.name)] if match]
    tests = {(e.name, e.rule): e for e in found if e.name.startswith(("p (", "Holm p ("))}
    margin = tuple(e for e in found if e.name.startswith("non-inferiority"))
    people = [pair for pair in pairs if pair[1].endswith(READERS)]
    models = [pair for pair in pairs if pair not in people]
    return [*_differences(models, tests), *_differences(people, tests, " from readers"),
            *([_margins(margin)] if margin else [])]


def _side_by_side(run: Run, found: tuple[Estimate, ...]) -> list[Table]:
    """The measures of every contender, the audited model first."""
    others = tuple(e for e in found if e.group.startswith(CONTENDERS))
    wanted = {(e.name, e.rule, e.unit) for e in others}
    own = tuple(e for e in run.results.estimates if e.group == "all" and (e.name, e.rule, e.unit) in wanted)
    first = f"{given(run.meta.get('model', {}).get('name'))} (audited)"
    order = {key: i for i, key in enumerate(dict.fromkeys((e.name, e.rule, e.unit) for e in others))}
    kept = sorted(own, key=lambda e: order[(e.name, e.rule, e.unit)])
    everyone = (*(replace(e, group=first) for e in kept),
                *(replace(e, group=_contender(e.group)) for e in others))
    if not others:
        return []
    few = len({e.group for e in everyone}) <= CROWD
    return [_by_measure(everyone)] if few else group_tables("Models and readers", everyone, "Model or reader")


def _by_measure(everyone: tuple[Estimate, ...]) -> Table:
    """A row a measure, a column a contender."""
    names = dict.fromkeys((e.name, e.rule, e.unit) for e in everyone)
    groups = dict.fromkeys(e.group for e in everyone)
    found = {(e.group, e.name, e.rule, e.unit): e for e in everyone}
    rows = tuple((pretty(name), unit, rule or "–", *(cell_of(found.get((group, name, rule, unit))) for group in groups))
                 for name, rule, unit in names)
    return Table("Models and readers", (Column("Measure", share=1.8), Column("Unit", share=0.6),
                                        Column("Rule", share=1.5), *(Column(g, "right", 1.9) for g in groups)), rows,
                 f"Value (95 % interval), count. Intervals: {ways_of(everyone)}.")


def _contender(group: str) -> str:
    kind, _, name = group.partition("=")
    return name if kind == "model" else f"{name} (reader)"


Pair = tuple[str, str, Estimate]
Tests = Mapping[tuple[str, str], Estimate]


def _differences(pairs: list[Pair], tests: Tests, whose: str = "") -> list[Table]:
    """One table of all differences; one for each measure and test where there are many pairs."""
    if len({pair for _, pair, _ in pairs}) <= CROWD:
        return [_difference_table(f"Differences{whose}", pairs, tests, named=True)] if pairs else []
    kinds = list(dict.fromkeys((measure, e.rule) for measure, _, e in pairs))
    measures = [measure for measure, _ in kinds]
    return [_difference_table(pretty(measure) + whose + (f": {rule}" if measures.count(measure) > 1 else ""),
                              [row for row in pairs if (row[0], row[2].rule) == (measure, rule)], tests, named=False)
            for measure, rule in kinds]


def _difference_table(caption: str, pairs: list[Pair], tests: Tests, named: bool) -> Table:
    estimates = tuple(e for _, _, e in pairs)
    corrected = any((f"Holm p ({e.name})", e.rule) in tests for e in estimates)
    rows: list[tuple[Cell, ...]] = []
    for measure, pair, e in pairs:
        p, holm = (tests.get((f"{kind} ({e.name})", e.rule)) for kind in ("p", "Holm p"))
        value = "not reached" if e.interval.startswith("not reached") else measured(e)
        rows.append((*((pretty(measure.removeprefix("difference in ")),) if named else ()), pair, value,
                     counts(e), p_value(p), *((p_value(holm),) if corrected else ()),
                     *((f"{e.unit}; {e.rule}",) if named else ())))
    columns = (*((Column("Measure", share=2.2),) if named else ()), Column("Pair", share=2 if named else 3.4),
               Column("Difference (95 %)", "right", 2.2), Column("Count", "right", 0.8), Column("p", "right", 0.8),
               *((Column("Holm's p", "right", 0.8),) if corrected else ()),
               *((Column("Unit; test", share=2),) if named else ()))
    how = "" if named else f"Unit: {estimates[0].unit}. {estimates[0].rule}. ".replace(". p by", ". Two-sided p by")
    holm_of = {e.interval for key, e in tests.items() if key[0].startswith("Holm") and key[0][8:-1] in {
        other.name for other in estimates}}
    return Table(caption, columns, tuple(rows), f"{how}Intervals: {ways_of(estimates)}."
                 + "".join(f" Holm's p: {text}." for text in sorted(holm_of)))


def _margins(estimates: tuple[Estimate, ...]) -> Table:
    rows = tuple((PAIR.sub(r"\2", e.name.removeprefix("non-inferiority, ")), measured(e), counts(e), e.rule)
                 for e in estimates)
    kind = pretty(PAIR.sub(r"\1", estimates[0].name.removeprefix("non-inferiority, ")))
    return Table("Non-inferiority", (Column("Pair", share=2.6), Column(f"{kind} (95 %)", "right", 2),
                                     Column("Count", "right", 0.8), Column("Answer", share=2.6)), rows,
                 f"Intervals: {ways_of(estimates)}.")
