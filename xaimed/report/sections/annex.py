"""Annex: what is attached, and how anyone can prove later that nothing was changed."""

from __future__ import annotations

from xaimed.report.attachments import CARD, FILES, SCORES
from xaimed.report.blocks import Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.sbom import NAME, packages
from xaimed.run import Run

TITLE = "Annex"
ORDER = order(TITLE)
VERIFY = ("To check this file: xaimed verify report.pdf. To check that it prints the numbers of its run: xaimed verify "
          "report.pdf --run RUN. To make every value again: xaimed audit --reproduce RUN. None needs a network.")
PAGES = "The page of each case stands beside this report in cases/, under the case's pseudonym."


def section(run: Run) -> list[Block]:
    """The attached files, the packages of the software bill of materials, and the commands that verify."""
    files: list[tuple[Cell, ...]] = [(name, text) for name, _, text in FILES]
    files += [(SCORES, "The table of scores of the run"), (CARD, "CHAI applied model card"),
              (NAME, "Software bill of materials, CycloneDX 1.6")]
    parts: tuple[tuple[Cell, ...], ...] = tuple(
        (item["name"], item["version"], item.get("licence") or "not stated") for item in packages(run))
    return [opening(TITLE), Text(VERIFY), *([Text(PAGES)] if run.pictured else []),
            Table("Attached files", (Column("File"), Column("What it holds", share=1)), tuple(files)),
            Table("Packages", (Column("Package", share=1), Column("Version", share=1), Column("Licence", share=2)),
                  parts, "Those of which a module was loaded when the audit began; else those that run.json names.")]
