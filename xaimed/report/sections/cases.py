"""Cases: the images with their reference and what the model said, those with the gravest errors first."""

from __future__ import annotations

import math

from xaimed.report.blocks import Block, Cell, Column, Heading, Table, Text
from xaimed.report.reading import Reading, read_case
from xaimed.report.wording import number
from xaimed.run import Run
from xaimed.viz.names import pretty
from xaimed.viz.worklist import worklist

ORDER = 100
MOST = 40
FOUND = ("Found: a detection at or above the operating point has its centre in the reference box, whatever its class.")


def section(run: Run) -> list[Block]:
    """One row a case: reference label, lesions, hits, false positives, class scores; at most MOST rows."""
    if not len(run.cases):
        return [Heading("Cases"), Text("The run holds no case.")]
    boxed = run.meta.get("model", {}).get("task") in (None, "detection")
    clean = run.predictions[run.predictions["condition"] == "clean"]
    classes = tuple(dict.fromkeys(clean.loc[clean["x0"].isna(), "target"]))
    rows = tuple(_row(read_case(run, name), classes, boxed) for name in worst(run)[:MOST])
    columns = (Column("Case", share=1.4), Column("Patient", share=1.2), Column("Reference", share=1.2),
               *((Column("Lesions", "right", 0.8), Column("Found", "right", 0.8),
                  Column("False positives", "right", 0.9)) if boxed else ()),
               *(Column(f"Score {pretty(c)}", "right", 1) for c in classes))
    more = len(run.cases) - len(rows)
    told = [FOUND] if boxed else []
    told += [f"{more} more cases are in cases.parquet, with what the model said of them in predictions.parquet."
             ] if more else []
    told += ["Pages: cases/<case>.pdf."] if run.pictured else []
    caption = f"The {len(rows)} of {len(run.cases)} cases with the gravest errors" if more else "Index of cases"
    return [Heading("Cases"), Text(ORDERED if boxed else ORDERED_CLASSES),
            Table(caption, columns, rows, " ".join(told))]


ORDERED = ("In this order: cases with more missed lesions, with more false positives, with less of their maps inside "
           "the lesion, and with a lower score of the reference class.")
ORDERED_CLASSES = "In this order: cases in which the score of the reference class is lower."


def worst(run: Run) -> list[str]:
    """All cases, those with the gravest errors first: missed lesions, false positives, least trust, lowest score."""
    table = worklist(run)
    right = _right(run)
    table["energy"] = table["energy"].astype(float).fillna(math.inf)
    keys = {str(r.case): (-int(r.missed), -int(r.false_positives), float(r.energy), right.get(str(r.case), math.inf),
                          str(r.case)) for r in table.itertuples()}
    return sorted(keys, key=lambda case: keys[case])


def _right(run: Run) -> dict[str, float]:
    """The score of each case's reference class; where no such class is scored, how far the highest is from 1."""
    clean = run.predictions[(run.predictions["condition"] == "clean") & run.predictions["x0"].isna()]
    labels = dict(zip(run.cases["case"], run.cases["label"], strict=True))
    own = clean[clean["target"] == clean["case"].map(labels)]
    found = {str(case): 1 - float(score) for case, score in clean.groupby("case")["score"].max().items()}
    return found | {str(r.case): float(r.score) for r in own.itertuples()}


def _row(read: Reading, classes: tuple[str, ...], boxed: bool) -> tuple[Cell, ...]:
    scores = dict(read.classes)
    counted = (str(len(read.references)), str(sum(r.found_by != "" for r in read.references)),
               str(sum(d.above and not d.hit for d in read.detections)))
    return (read.case, read.patient, read.label, *(counted if boxed else ()),
            *(number(scores.get(c)) for c in classes))
