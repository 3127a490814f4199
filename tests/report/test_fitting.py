"""The page of a case keeps to two pages, whatever it holds; what is left out is said."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pikepdf
import pytest

from xaimed.report.blocks import Column, Document, Gallery, Heading, Panel, Paper, Picture, Table, Text
from xaimed.report.fitting import LEFT_OUT, pages, tighter
from xaimed.report.typst import Renderer
from xaimed.viz import overlay

PICTURE = Picture(overlay.png(np.zeros((60, 40, 3), dtype=np.uint8)), "a picture", "png")


def crowded(targets: int, panels: int, rows: int) -> Document:
    """The page of a case with so many targets, maps of each, and rows of values."""
    maps = [block for number in range(targets) for block in (
        Heading(f"Target d{number}", 2), Gallery((Panel("Map", PICTURE),) * panels, 4, 6.0))]
    values = Table("Measured", (Column("Method"), Column("Value")),
                   tuple((f"method {number}", "0.5") for number in range(rows)), annex=True)
    return Document("CASE REPORT", "case", "", "", "", "2026-11-22T12:00:00Z", (Heading("Summary"), *maps, values),
                    short=True)


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
@pytest.mark.parametrize(("targets", "panels", "rows"), [(2, 6, 60), (3, 8, 40), (4, 8, 80)])
def test_a_crowded_case_keeps_to_two_pages(targets: int, panels: int, rows: int, paper: Paper) -> None:
    document = replace(crowded(targets, panels, rows), paper=paper)
    with Renderer() as renderer:
        loose, made = renderer.pdf(replace(document, short=False)), renderer.pdf(document)
    with pikepdf.open(io.BytesIO(loose)) as before, pikepdf.open(io.BytesIO(made)) as after:
        assert len(before.pages) == pages(loose) > 2
        assert 1 <= len(after.pages) == pages(made) <= 2


def test_what_does_not_fit_is_pointed_at() -> None:
    ways = list(tighter(crowded(1, 6, 40)))
    tables = [block for way in ways for block in way.blocks if isinstance(block, Table)]
    assert {len(table.rows) for table in tables} == {40, 6}
    assert all(LEFT_OUT in table.note for table in tables if len(table.rows) == 6)
    assert ways[-1].blocks[-1] == Text(f"Measured: {LEFT_OUT}", small=True)


def test_panels_in_one_row_keep_their_shape() -> None:
    way = next(way for way in tighter(crowded(1, 6, 0)) if isinstance(way.blocks[2], Gallery)
               and way.blocks[2].columns == 6)
    gallery = way.blocks[2]
    assert isinstance(gallery, Gallery)
    assert gallery.height == pytest.approx(6 * ((17 - 5 * 0.25) / 6) / ((17 - 3 * 0.4) / 4))
