"""redrawn: a report made again from its run, so that every word of its pages can be compared, not the numbers alone."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from xaimed.feedback import opinions
from xaimed.optional import need
from xaimed.report.blocks import Paper
from xaimed.report.case import case_document
from xaimed.report.typst import Renderer
from xaimed.report.write import CODE, LETTERS, REPORT, log_head, report_document
from xaimed.software import code_digest
from xaimed.viz.lettering import VARIABLE, fonts_digest

if TYPE_CHECKING:
    from xaimed.ledger import Entry
    from xaimed.run import Run

TYPESETTER = re.compile(rb"<xmp:CreatorTool>([^<]*)<")
A4 = 595  # points of width


def redrawn(data: bytes, run: Run) -> list[str] | str:
    """One line for each page whose text is another one when the report is made again; or why that cannot be told."""
    entry, name = _written(data, run)
    if entry is None:
        return "the log does not hold it"
    if entry.facts.get(CODE) != code_digest():
        return "it was written by another version of xaimed"
    if entry.facts.get(LETTERS) != fonts_digest():
        return f"it was drawn with other fonts than those at hand; name the folder of its fonts with {VARIABLE}"
    told = opinions(run)
    if not told.empty and str(told["time"].max()) >= entry.time:
        return "readers gave opinions after it was written"
    pypdf = need("pypdf", "report", "to read what a report carries")
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    document = report_document(run) if name == REPORT else case_document(run, PurePosixPath(name).stem)
    paper: Paper = "a4" if abs(float(pages[0].mediabox.width) - A4) < 1 else "us-letter"
    with Renderer() as renderer:
        made = renderer.pdf(replace(document, paper=paper, log_head=log_head(run)))
    if TYPESETTER.findall(made) != TYPESETTER.findall(data):
        return "it was drawn by another version of typst"
    return _differing([page.extract_text() for page in pages],
                      [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages])


def of_other_code(data: bytes, run: Run) -> bool:
    """Whether the run's log holds the report as written by another version of xaimed."""
    entry, _ = _written(data, run)
    return entry is not None and entry.facts.get(CODE) != code_digest()


def _written(data: bytes, run: Run) -> tuple[Entry | None, str]:
    """The entry of the log that holds the report's SHA-256, and under which name; the last one."""
    digest = hashlib.sha256(data).hexdigest()
    found = [(entry, name) for entry in run.log_entries() if entry.event == "report"
             for name, value in entry.facts.items() if value == digest]
    return found[-1] if found else (None, "")


def _differing(old: list[str], new: list[str]) -> list[str]:
    if len(old) != len(new):
        return [f"it has {len(old)} pages, and {len(new)} when it is made again from the run"]
    return [f"page {number} does not say what the run gives when it is made again"
            for number, (a, b) in enumerate(zip(old, new, strict=True), 1) if a.split() != b.split()]
