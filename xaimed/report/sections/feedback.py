"""Feedback of readers: what they said of the maps, each with name and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.feedback import VERDICTS, last_words, opinions
from xaimed.plural import plural
from xaimed.report.blocks import Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.run import Run
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Feedback of readers"
ORDER = order(TITLE)
MOST = 60


def section(run: Run) -> list[Block]:
    """Verdicts by method, then every word that counts, newest first."""
    table = opinions(run)
    if table.empty:
        return unassessed(TITLE, "no reader gave an opinion on a map of this model on these images.")
    counted = last_words(table)
    said = (f"{plural(len(counted), 'opinion')} of {plural(counted['reader'].nunique(), 'reader')} on "
            f"{plural(counted['case'].nunique(), 'case')}; "
            f"{len(table)} were given in all, and the last of each reader on a map counts. They were not given blind, "
            "and readers chose the cases: the shares describe what was said and estimate nothing.")
    return [opening(TITLE), Text(said), _by_method(counted), *_words(counted)]


def _by_method(counted: pd.DataFrame) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for method, own in counted.groupby("method", sort=True):
        counts = own["verdict"].value_counts()
        rows.append((pretty(str(method)) if method else "the prediction", *(str(counts.get(v, 0)) for v in VERDICTS),
                     str(own["case"].nunique()), str(own["reader"].nunique())))
    verdicts = [Column(verdict.capitalize(), "right", 1.4) for verdict in VERDICTS]
    return Table("What readers said, by method", (Column("Method", share=2), *verdicts, Column("Cases", "right"),
                                                  Column("Readers", "right")), tuple(rows))


def _words(counted: pd.DataFrame) -> list[Block]:
    newest = counted.sort_values("line", ascending=False).head(MOST)
    rows: list[tuple[Cell, ...]] = [
        (str(row["case"]), pretty(str(row["method"])), str(row["verdict"]), str(row["comment"]), str(row["reader"]),
         str(row["time"])) for row in newest.to_dict("records")]
    left = len(counted) - len(rows)
    note = "Bound to the digests of model and image" + (f"; {left} older ones are in the journal." if left else ".")
    return [Table("Single opinions", (Column("Case", share=1.6), Column("Method", share=1.4),
                                      Column("Opinion", share=1.4), Column("Comment", share=3), Column("Reader"),
                                      Column("Time (UTC)", share=1.3)), tuple(rows), note)]
