"""The files that a report carries: the run's JSON and plan, its scores as CSV, and the model card as XML."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from xaimed.report.blocks import Attachment
from xaimed.run import Run

if TYPE_CHECKING:
    import pandas as pd

FILES = (("run.json", "application/json", "Identity, digests and timings of the run"),
         ("results.json", "application/json", "All estimates and curves"),
         ("findings.json", "application/json", "What the checks found"),
         ("plan.toml", "application/toml", "The plan of the audit, every default spelled out"))
SCORES, CARD = "scores.csv", "model-card.xml"
# A spreadsheet takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def attachments(run: Run, card: str) -> tuple[Attachment, ...]:
    """All files that report.pdf carries; card: the model card's XML."""
    stored = tuple(Attachment(name, (run.path / name).read_bytes(), kind, text) for name, kind, text in FILES)
    return (*stored, Attachment(SCORES, scores_csv(run.scores), "text/csv", "The table of scores of the run"),
            Attachment(CARD, card.encode(), "application/xml", "CHAI applied model card, schema v0.2", "supplement"))


def scores_csv(scores: pd.DataFrame) -> bytes:
    """The table as CSV in UTF-8, numbers in full; a text that a spreadsheet would run gets an apostrophe before it."""
    table = scores.copy()
    for name in table.columns:
        if table[name].dtype.kind not in "fiub":
            table[name] = [defused(str(text)) for text in table[name]]
    out = io.StringIO()
    table.to_csv(out, index=False, lineterminator="\n", na_rep="nan")
    return out.getvalue().encode()


def defused(text: str) -> str:
    """The text as no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
