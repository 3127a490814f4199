"""Tables of ten scored cases and of five with boxes, and a run made from such tables alone."""

from __future__ import annotations

from pathlib import Path

from xaimed.data.scoresheet import SheetRequest, read_scoresheet
from xaimed.judging_tables import TableAudit, run_table_audit
from xaimed.metrics.judged import JudgeOptions
from xaimed.run import Run

TRUTH = """case,patient,label,site
a,p1,1,X
b,p1,0,X
c,p2,1,Y
d,p2,0,Y
e,p3,1,X
f,p3,0,X
g,p4,0,Y
h,p5,0,Y
i,p6,1,X
j,p7,0,Y
"""
SCORES = """case,score_new,score_old
a,0.9,0.8
b,0.2,0.6
c,0.8,0.3
d,0.3,0.4
e,0.4,0.9
f,0.6,0.5
g,0.1,0.2
h,0.2,0.1
i,0.7,0.45
j,,0.3
"""
BOXES = """case,patient,label,x0,y0,x1,y1,lesion,view
a,p1,malignant,10,10,30,30,L1,CC
b,p1,malignant,12,10,32,30,L1,MLO
c,p2,,,,,,,CC
d,p2,normal,,,,,,MLO
e,p3,benign,50,50,70,70,L2,CC
"""
MARKS = """case,label,x0,y0,x1,y1,score
a,malignant,11,11,31,31,0.9
a,malignant,80,80,90,90,0.3
b,malignant,80,80,90,90,0.4
c,,,,,,
e,benign,51,51,71,71,0.7
"""


def sheet_files(folder: Path, truth: str, scores: str) -> tuple[Path, Path]:
    predictions, reference = folder / "predictions.csv", folder / "truth.csv"
    predictions.write_text(scores)
    reference.write_text(truth)
    return predictions, reference


def table_run(out: Path, truth: str = TRUTH, scores: str = SCORES, margin: float | None = None) -> Run:
    """The finished run `out` of these tables, at the operating point 0.5, with 40 resamples."""
    tables = out.with_name(f"{out.name}-tables")
    tables.mkdir()
    files = sheet_files(tables, truth, scores)
    sheet = read_scoresheet(SheetRequest(*files, ""))
    options = JudgeOptions(resamples=40, positive=sheet.positive)
    return run_table_audit(TableAudit(sheet, options, "seed = 0\n", out, files, 0.5, margin))
