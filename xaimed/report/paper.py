"""The audit of a publication as a report."""

from __future__ import annotations

from xaimed.paper.audit import DERIVED, PaperAudit
from xaimed.paper.telling import figures, verdict
from xaimed.report.blocks import Badge, Block, Column, Document, Heading, Notice, Pairs, Table, Text, Tone

SHOWN = 12
TONES: dict[str, Tone] = {"contradiction": "bad", "question": "warn", "fits": "good"}
LIMITS = ("A matrix that fits is not proof that it was the one: it is what the printed digits allow. A contradiction "
          "follows from the paper's own numbers, and does not say which of them is wrong. A question is what the paper "
          "would have to answer; the audit does not accuse.")


def paper_document(audit: PaperAudit, created: str) -> Document:
    """The audit as a report. created: UTC time, ISO 8601."""
    sheet = audit.sheet
    blocks: list[Block] = [Notice("Verdict", verdict(audit), "bad" if audit.contradicted else "neutral"),
                           Text(LIMITS, small=True), Heading("Figures as printed"),
                           Table("Figures", (Column("Figure"), Column("Printed", "right"),
                                             Column("Of the matrix below", "right")), tuple(figures(audit)))]
    blocks += [Heading("Matrices that fit"), *_matrix_blocks(audit), Heading("Remarks"),
               Table("Contradictions, questions, and what fits",
                     (Column("Outcome"), Column("Topic"), Column("What was found", share=1.0)),
                     tuple((Badge(r.outcome, TONES[r.outcome]), r.topic, r.text) for r in audit.remarks))]
    if sheet.unread:
        blocks += [Heading("Limits"), Text(sheet.unread)]
    return Document("AUDIT OF A PUBLICATION", sheet.title, sheet.source or "source: NOT ASSESSED",
                    f"xaimed audit of a publication · {sheet.title}", f"searched up to n = {sheet.bound} · {created}",
                    created, tuple(blocks), keywords=("audit", "publication"))


def _matrix_blocks(audit: PaperAudit) -> list[Block]:
    found = audit.matrices
    if not found:
        return [Text(f"No matrix fits up to n = {audit.sheet.bound}.")]
    rows = tuple((str(m.tp), str(m.fn), str(m.fp), str(m.tn), str(m.total)) for m in found[:SHOWN])
    left = len(found) - len(rows)
    table = Table("Confusion matrices", tuple(Column(name, "right") for name in ("TP", "FN", "FP", "TN", "n")), rows,
                  f"Smallest first{f'; {left} more' if left else ''}. Figures taken as {audit.rounding}.")
    intervals = Table("Intervals of the matrix that the remarks speak of", (
        Column("Share"), Column("Value", "right"), Column("95 % interval (Wilson)", "right"),
        Column("Counts", "right")),
        tuple((i.name, f"{100 * i.top / i.bottom:.2f} %", f"{100 * i.low:.1f} to {100 * i.high:.1f} %",
               f"{i.top}/{i.bottom}") for i in audit.intervals))
    derived = Pairs(tuple((name, f"{audit.chosen.value(name):.3f}") for name in DERIVED) if audit.chosen else ())
    return [table, intervals, derived]
