"""Robustness: the same cases asked again under probes, beside the clean answer."""

from __future__ import annotations

import math

import pandas as pd

from xaimed.report.blocks import NOT_ASSESSED, Block, Cell, Column, Heading, Table, Text
from xaimed.report.record import conditions
from xaimed.report.wording import number, plural
from xaimed.run import Run
from xaimed.viz.names import pretty

ORDER = 76


def section(run: Run) -> list[Block]:
    """For each condition and class: how far the scores moved, and in how many images the answer changed."""
    probes = conditions(run)
    if not probes:
        return [Heading("Robustness"), Text(f"{NOT_ASSESSED}: no probe was run (noise, another filter, shifted images, "
                                            "markers removed), so nothing is known of how stable the answers are.")]
    point = run.meta.get("model", {}).get("operating_point")
    bar = float(point) if isinstance(point, int | float) else 0.5
    rows = tuple(row for probe in probes for row in _rows(run, probe, bar))
    return [Heading("Robustness"), Text(f"{plural(len(probes), 'probe')} on the same cases; image scores by class."),
            Table("Scores under probes", (
                Column("Probe", share=1.6), Column("Class", share=1.2), Column("Images", "right"),
                Column("Mean change of the score", "right", 1.4), Column("Largest change", "right", 1.2),
                Column("Other side of the operating point", "right", 1.6)), rows,
                f"Change: under the probe minus clean. Operating point {bar:g}.")]


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
