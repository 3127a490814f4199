"""Cases: the images with their reference and what the model said, those with the gravest errors first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xaimed.plural import plural
from xaimed.report.blocks import Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.reading import Reading, read_case
from xaimed.report.wording import number
from xaimed.run import Run
from xaimed.viz.first_measure import FIRST, name_of, values
from xaimed.viz.names import pretty
from xaimed.viz.worklist import worklist

TITLE = "Cases"
ORDER = order(TITLE)
MOST = 40
COLUMNS = 4  # of class scores side by side
Told = tuple[tuple[Column, ...], list[tuple[Cell, ...]]]
FOUND = ("Found: a detection at or above the operating point has its centre in the reference box, whatever its class.")


def section(run: Run) -> list[Block]:
    """One row a case: reference label, lesions, hits, false positives, class scores; at most MOST rows.

    Of more than COLUMNS classes there is the score of the reference, and the highest. Of an answer in pixels there is
    the measure by which the cases are ordered.
    """
    if not len(run.cases):
        return unassessed(TITLE, "the run holds no case.")
    boxed = run.meta.get("model", {}).get("task") in (None, "detection")
    named, measure = _named(run), name_of(run)
    reads = [read_case(run, name) for name in worst(run)[:MOST]]
    own, told_of = _by_score(run, reads, boxed) if not measure else _by_measure(run, reads, measure)
    columns = (Column("Case", share=1.4), *((Column("Patient", share=1.2),) if named else ()), *own)
    rows = tuple((read.case, *((read.patient,) if named else ()), *cells)
                 for read, cells in zip(reads, told_of, strict=True))
    more = len(run.cases) - len(rows)
    told = [FOUND] if boxed else []
    told += [f"Not shown: {plural(more, 'case')}, in cases.parquet, with what the model said in predictions.parquet."
             ] if more else []
    told += ["Pages: cases/<case>.pdf."] if run.pictured else []
    caption = f"The {len(rows)} of {len(run.cases)} cases with the gravest errors" if more else "Index of cases"
    return [opening(TITLE), Text(_order(run, boxed)),
            Table(caption, columns, rows, " ".join(told))]


ORDERED = ("In this order: cases with more missed lesions, with more false positives, with less of their maps inside "
           "the lesion, and with a lower score of the reference class.")
ORDERED_CLASSES = "In this order: cases in which the score of the reference class is lower."


def _order(run: Run, boxed: bool) -> str:
    measure = name_of(run)
    if measure:
        return f"In this order: cases with a {'lower' if FIRST[measure] else 'larger'} {measure}."
    return ORDERED if boxed else ORDERED_CLASSES


def worst(run: Run) -> list[str]:
    """All cases, those with the gravest errors first: missed lesions, false positives, least trust, lowest score."""
    table = worklist(run)
    right = _right(run)
    table["energy"] = table["energy"].astype(float).fillna(math.inf)
    if name_of(run):
        return sorted(map(str, table["case"]), key=lambda case: (right.get(case, math.inf), case))
    keys = {str(r.case): (-int(r.missed), -int(r.false_positives), float(r.energy), right.get(str(r.case), math.inf),
                          str(r.case)) for r in table.itertuples()}
    return sorted(keys, key=lambda case: keys[case])


def _right(run: Run) -> dict[str, float]:
    """How right each case is: by its answer in pixels, else by the score of its reference class.

    Where no such class is scored, how far the highest score is from 1.
    """
    if measure := name_of(run):
        return {str(case): float(value) * (1 if FIRST[measure] else -1) for case, value in values(run, measure).items()}
    clean = run.predictions[(run.predictions["condition"] == "clean") & run.predictions["x0"].isna()]
    labels = dict(zip(run.cases["case"], run.cases["label"], strict=True))
    own = clean[clean["target"] == clean["case"].map(labels)]
    found = {str(case): 1 - float(score) for case, score in clean.groupby("case")["score"].max().items()}
    return found | {str(r.case): float(r.score) for r in own.itertuples()}


def _by_score(run: Run, reads: Sequence[Reading], boxed: bool) -> Told:
    """Columns and cells of the reference, what was found of it, and the scores of the classes."""
    clean = run.predictions[run.predictions["condition"] == "clean"]
    classes = tuple(dict.fromkeys(clean.loc[clean["x0"].isna(), "target"]))
    counts = (Column("Lesions", "right", 0.8), Column("Found", "right", 0.8), Column("False positives", "right", 0.9))
    return ((Column("Reference", share=1.2), *(counts if boxed else ()), *_score_columns(classes)),
            [(read.label, *(_counted(read) if boxed else ()), *_scored(read, classes)) for read in reads])


def _by_measure(run: Run, reads: Sequence[Reading], measure: str) -> Told:
    """The column and cells of the measure of an answer in pixels."""
    right = _right(run)
    return (Column(pretty(measure), "right"),), [(number(abs(right.get(read.case, math.nan))),) for read in reads]


def _named(run: Run) -> bool:
    """Whether a patient is more than another name of a case."""
    return bool((run.cases["case"] != run.cases["patient"]).any())


def _counted(read: Reading) -> tuple[Cell, ...]:
    return (str(len(read.references)), str(sum(r.found_by != "" for r in read.references)),
            str(sum(d.false for d in read.detections)))


def _score_columns(classes: tuple[str, ...]) -> tuple[Column, ...]:
    if len(classes) <= COLUMNS:
        return tuple(Column(f"Score {pretty(c)}", "right", 1) for c in classes)
    return (Column("Its score", "right", 0.8), Column("Highest score", share=1.2), Column("", "right", 0.8))


def _scored(read: Reading, classes: tuple[str, ...]) -> tuple[Cell, ...]:
    """The score of each class; of many classes that of the reference, and the highest with its class."""
    scores = dict(read.classes)
    if len(classes) <= COLUMNS:
        return tuple(number(scores.get(c)) for c in classes)
    best = max(scores, key=lambda name: scores[name])
    return (number(scores.get(read.label)), pretty(best), number(scores[best]))
