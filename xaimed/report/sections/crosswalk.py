"""Crosswalk: what standards and guidelines ask, by topic, and on which page this report answers."""

from __future__ import annotations

from xaimed.report.blocks import Block, Cell, Column, PageOf, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.record import answer, crosswalk, held
from xaimed.report.wording import outcome
from xaimed.run import Run

TITLE = "Crosswalk"
ORDER = order(TITLE)
INTRO = ("Met: the run and its plan hold all that the topic needs; partly: some of it; NOT ASSESSED: none. This is a "
         "finding aid. It does not judge the content, and it is no statement of conformity. Topics are cited "
         "and no clause numbers, which were not checked against the texts.")


def section(run: Run) -> list[Block]:
    """One row an item: source, topic, section and page, answer, and what is lacking."""
    known = held(run)
    rows: list[tuple[Cell, ...]] = []
    for item in crosswalk():
        lacks = [need.partition(".")[2].replace("_", " ") for need in item.needs if need not in known]
        place = opening(item.section).text
        rows.append((item.source, item.topic, place, PageOf(place), outcome(answer(item, known)),
                     ", ".join(lacks) or "–"))
    return [opening(TITLE), Text(INTRO), Table("What is asked, and where it is answered", (
        Column("Source", share=1.5), Column("Topic", share=2), Column("Section", share=1.4), Column("Page", "right"),
        Column("Answer"), Column("Lacking", share=1.3)), tuple(rows))]
