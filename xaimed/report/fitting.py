"""Ways to set the page of a case in less room, in turn, until it takes no more pages than it may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from xaimed.report.blocks import Block, Document, Gallery, Table, Text

MOST_PAGES = 2
COUNT = re.compile(rb"<xmpTPg:NPages>(\d+)<")
ABREAST = 8  # panels in a row at the most
NARROW, WIDE = 0.25, 0.4  # cm between panels of a dense row, and of another
TEXT_WIDTH, DENSE = 17.0, 5  # cm; more columns than this make a dense row
# Rounds of less room: the share of the height that pictures keep, all panels in one row, rows of annex tables kept.
ROUNDS = ((0.85, False, None), (0.7, False, None), (0.85, True, None), (0.7, True, None), (0.85, True, 6),
          (0.7, True, 6), (0.55, True, 6), (0.45, True, 6), (0.35, True, 0), (0.3, True, 0))
LEFT_OUT = "all values are in scores.parquet."


def pages(pdf: bytes) -> int:
    """How many pages a PDF of typst has, by its own metadata; 0 where it does not say so."""
    found = COUNT.search(pdf)
    return int(found[1]) if found else 0


def tighter(document: Document) -> Iterator[Document]:
    """The document with smaller pictures, then with its panels in one row, then with annex tables cut short."""
    for share, abreast, rows in ROUNDS:
        yield replace(document, blocks=tuple(
            _set(block, share, abreast) if isinstance(block, Gallery) else _cut(block, rows)
            for block in document.blocks))


def _set(gallery: Gallery, share: float, abreast: bool) -> Gallery:
    columns = min(ABREAST, len(gallery.panels)) if abreast else gallery.columns
    columns = max(columns, gallery.columns)
    return Gallery(gallery.panels, columns, gallery.height * min(share, width(columns) / width(gallery.columns)))


def width(columns: int) -> float:
    """The width in cm of one of so many panels in a row."""
    return (TEXT_WIDTH - (NARROW if columns > DENSE else WIDE) * (columns - 1)) / columns


def _cut(block: Block, rows: int | None) -> Block:
    """An annex table with its first rows and a pointer to the others, or the pointer alone. Else as it is."""
    if not isinstance(block, Table) or not block.annex or rows is None or len(block.rows) <= rows:
        return block
    if not rows:
        return Text(f"{block.caption}: {LEFT_OUT}", small=True)
    return replace(block, rows=block.rows[:rows], note=f"The first {rows} of {len(block.rows)} maps; {LEFT_OUT}")
