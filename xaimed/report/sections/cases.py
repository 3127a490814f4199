"""Cases: an index of all images with their reference and what the model said."""

from __future__ import annotations

from xaimed.report.blocks import Block, Cell, Column, Heading, Table, Text
from xaimed.report.reading import read_case
from xaimed.report.wording import number
from xaimed.run import Run
from xaimed.viz.names import pretty

ORDER = 100


def section(run: Run) -> list[Block]:
    """One row a case: reference label, lesions, hits, false positives, class scores."""
    if not len(run.cases):
        return [Heading("Cases"), Text("The run holds no case.")]
    classes = tuple(dict.fromkeys(run.predictions.loc[run.predictions["x0"].isna(), "target"]))
    rows: list[tuple[Cell, ...]] = []
    for name in run.cases["case"]:
        read = read_case(run, str(name))
        scores = dict(read.classes)
        rows.append((read.case, read.patient, read.label, str(len(read.references)),
                     str(sum(r.found_by != "" for r in read.references)),
                     str(sum(d.above and not d.hit for d in read.detections)),
                     *(number(scores.get(c)) for c in classes)))
    columns = (Column("Case", share=1.4), Column("Patient", share=1.2), Column("Reference", share=1.2),
               Column("Lesions", "right", 0.8), Column("Found", "right", 0.8), Column("False positives", "right", 0.9),
               *(Column(f"Score {pretty(c)}", "right", 1) for c in classes))
    return [Heading("Cases"), Table("Index of cases", columns, tuple(rows),
                                    "Found: a detection at or above the operating point has its centre in the "
                                    "reference box, whatever its class. Pages: cases/<case>.pdf.")]
