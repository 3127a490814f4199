"""Robustness: the same cases asked again under probes, beside the clean answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from xaimed.metrics.probed import conditions
from xaimed.plural import plural
from xaimed.report.blocks import Block, Cell, Column, Figure, Picture, Table, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.wording import joined, number
from xaimed.run import Run
from xaimed.viz import probes
from xaimed.viz.names import pretty

TITLE = "Robustness"
ORDER = order(TITLE)
NONE = ("no probe was run (noise, another filter, shifted images, markers removed), so nothing is "
        "known of how stable the answers are.")
SHOWS = ("Change: under the probe minus clean, on the same cases and the same draws of patients. A change whose "
         "interval holds 0 was not shown; that does not show that there is none.")
NOT_SHOWN = ("What this does not show: probes stand for disturbances that can be made on a computer, one at a time and "
             "at the levels named; other scanners, sites and populations differ in more ways. No correction was made "
             "for the number of probes.")
CONTROL = ("The control (hollow in the figure) is the same network with weights drawn anew for each case: its measures "
           "have to fall to chance, which shows that this measurement would see harm.")
ANSWERS = ("Share (95 % interval) of images whose answer is another class or on the other side of the operating point; "
           "of clean detections that no box of the same class meets with an IoU of 0.5 under the probe, and of "
           "detections under the probe likewise.")
MAPS = ("Mean (95 % interval) of Spearman's rank correlation and of the share of the highest tenth of the map that "
        "both have, over maps whose prediction still matches; 1 and 1: the same map, 0 and 0.1: nothing in common. The "
        "probe's own movement is undone.")


def section(run: Run) -> list[Block]:
    """The change of every measure under every probe, the answers and boxes that flip, and how far the maps move."""
    found = conditions(run)
    if not found:
        return unassessed(TITLE, NONE)
    table = probes.measures(run)
    if table.empty and probes.asked(run)["refused"].eq("").all():
        return [opening(TITLE), Text(f"{plural(len(found), 'probe')} on the same cases; image scores by class."),
                _scores_table(run, found)]
    control = [Text(CONTROL)] if any(map(probes.is_control, found)) else []
    return [opening(TITLE), Text(_told(run, found)), *_figure(run, table), *_measure_tables(table),
            *_share_tables(probes.shares(run)), _asked(run), *control, Text(NOT_SHOWN, small=True)]


def _told(run: Run, found: Sequence[str]) -> str:
    served = max(probes.asked(run)["served"], default=0)
    return (f"{plural(len(found), 'condition')} on up to {served} of {len(run.cases)} cases, evenly spread. {SHOWS}")


def _figure(run: Run, table: pd.DataFrame) -> list[Block]:
    main = probes.main_measure(table)
    if main is None:
        return []
    from xaimed.viz.figures import svg

    text = (f"Change in {main[0]} under each probe with its 95 % interval, where one is defined; the dotted line is no "
            "change.")
    return [Figure(Picture(svg(probes.probe_figure(run)), f"{text} The values are in the tables below."), text, 0.85)]


def _counted(count: float, unit: str) -> str:
    return plural(int(count), unit) if math.isfinite(count) else "n/a"


def _measure_tables(table: pd.DataFrame) -> list[Block]:
    """A table for each measure: a row a condition."""
    columns = (Column("Probe", share=1.7), Column("Clean", "right", 0.8), Column("Under the probe", "right", 1.9),
               Column("Change", "right", 2.0), Column("Count", "right", 1.0))
    out: list[Block] = []
    for (measure, rule), own in table.groupby(["measure", "rule"], sort=False):
        rows = tuple((str(row.name_), number(row.clean), _value(row.value, row.low, row.high),
                      _value(row.change, row.change_low, row.change_high), _counted(row.count_, row.unit))
                     for row in own.rename(columns={"name": "name_", "count": "count_"}).itertuples())
        ways = "; ".join(dict.fromkeys(str(way) for way in own["interval"] if way))
        counted = f"Counted by: {rule}. " if rule else ""
        out.append(Table(f"{pretty(str(measure))} under probes", columns, rows,
                         f"{counted}Value (95 % interval). Intervals of the change: {ways or 'none'}."))
    return out


def _share_tables(table: pd.DataFrame) -> list[Block]:
    """Answers and detections that changed, then how alike the maps are: a row a condition, a column a share."""
    maps = table["unit"] == "map"
    parts = (("Answers that changed", table[~maps], ANSWERS), ("Maps under probes", table[maps], MAPS))
    return [_share_table(caption, own, note) for caption, own, note in parts if len(own)]


def _share_table(caption: str, table: pd.DataFrame, note: str) -> Table:
    names = list(dict.fromkeys(table["share"]))
    found = {(row.condition, row.share): row for row in table.itertuples()}
    order = dict(zip(table["condition"], table["name"], strict=True))
    rows = tuple((name, *(_share(found.get((condition, share))) for share in names))
                 for condition, name in order.items())
    return Table(caption, (Column("Probe", share=1.6), *(Column(pretty(n), "right", 1.6) for n in names)), rows, note)


def _share(row: object) -> str:
    if row is None:
        return "n/a"
    value, low, high, top, count = (float(getattr(row, key) if getattr(row, key) is not None else math.nan)
                                    for key in ("value", "low", "high", "numerator", "count"))
    counted = f"{top:.0f}/{count:.0f}" if math.isfinite(top) else f"of {count:.0f}"
    return f"{_value(value, low, high)}, {counted}"


def _asked(run: Run) -> Table:
    """What each condition is and on how many cases it was served."""
    rows = tuple((str(row["name"]), str(row["says"]) or "n/a", str(row["level"]) or "n/a", str(row["served"]),
                  str(row["refused"]) or "–") for row in probes.asked(run).to_dict(orient="records"))
    return Table("The probes", (Column("Probe", share=1.6), Column("Stands for", share=1.9), Column("Level", share=1.7),
                                Column("Cases", "right", 0.6), Column("Not served", share=2.0)), rows,
                 "A case that a probe cannot serve is left out of its row, on both sides of the comparison.")


def _value(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "n/a"
    limits = f" ({joined(number(low), number(high))})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{number(value)}{limits}"


def _scores_table(run: Run, found: Sequence[str]) -> Table:
    """How far the scores of each class moved, for a run that stored predictions under probes and no measure of them."""
    point = run.meta.get("model", {}).get("operating_point")
    bar = float(point) if isinstance(point, int | float) else 0.5
    rows = tuple(row for probe in found for row in _rows(run, probe, bar))
    return Table("Scores under probes", (
        Column("Probe", share=1.6), Column("Class", share=1.2), Column("Images", "right"),
        Column("Mean change of the score", "right", 1.4), Column("Largest change", "right", 1.2),
        Column("Other side of the operating point", "right", 1.6)), rows,
        f"Change: under the probe minus clean. Operating point {bar:g}.")


def _rows(run: Run, probe: str, bar: float) -> list[tuple[Cell, ...]]:
    both = _scores(run, "clean").merge(_scores(run, probe), on=["case", "target"], suffixes=("", "_probe"))
    out: list[tuple[Cell, ...]] = []
    for name, part in both.groupby("target", sort=True):
        change = part["score_probe"] - part["score"]
        crossed = int(((part["score"] >= bar) != (part["score_probe"] >= bar)).sum())
        worst = float(change.loc[change.abs().idxmax()]) if len(change) else math.nan
        out.append((pretty(probe), pretty(str(name)), str(len(part)), number(float(change.mean())), number(worst),
                    f"{crossed} of {len(part)}"))
    return out


def _scores(run: Run, condition: str) -> pd.DataFrame:
    rows = run.predictions[(run.predictions["condition"] == condition) & run.predictions["x0"].isna()]
    return rows[["case", "target", "score"]]
