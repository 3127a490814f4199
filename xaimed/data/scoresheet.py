"""Scoresheet: what models or readers said of cases, and the reference, from two CSV files.

truth: a row a reference box, or a row a case where nothing is boxed; columns case, label, x0, y0, x1, y1,
patient, split, lesion (one name for a lesion seen in several views), spacing_mm; any other column is a group.
predictions: a row a box or a class score; columns case, label (or target), x0, y0, x1, y1 and score, or several
score columns, one a model. A file without box columns is a classification: a row a case and class, or a row a case
with a score column for each class, named after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.data.reference import Reference, read_reference
from xaimed.data.scores import ModelScores, read_scores, score_columns
from xaimed.data.textsheet import TextSheet, read_textsheet
from xaimed.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd

EDGES = ("x0", "y0", "x1", "y1")
YES = ("malignant", "cancer", "positive", "abnormal", "1", "true", "yes", "lesion")


@dataclass(frozen=True)
class SheetRequest:
    """Which files to read. positive: the class to be found, "" to find it. score_columns: "" for all there are.

    readers: names of score columns that are people, not models; by default those that begin with "reader".
    """

    predictions: Path
    truth: Path
    positive: str = ""
    score_columns: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scoresheet:
    """The reference and what each model said. task: "detection" or "classification".

    models: by name in the order of the columns; the first is the one that is audited, the others are compared
    with it. readers: likewise, people. notes: what was assumed or left out, one sentence each.
    """

    task: str
    positive: str
    reference: Reference
    models: Mapping[str, ModelScores]
    readers: Mapping[str, ModelScores] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        """The name of the model that is audited."""
        return next(iter(self.models))

    @property
    def cases(self) -> pd.DataFrame:
        """The cases table of a run."""
        return self.reference.cases

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of the reference, the positive one last."""
        return (*(label for label in self.reference.labels if label != self.positive), self.positive)


def read_scoresheet(request: SheetRequest) -> Scoresheet:
    """The sheet of two CSV files. Raises InputError in one line for a table that cannot be judged."""
    truth, outputs = read_textsheet(request.truth), read_textsheet(request.predictions)
    truth.need("case")
    outputs.need("case")
    task = _task(truth, outputs)
    labels = sorted({text for text in truth.column("label") if text})
    positive = _positive(labels, request.positive, task)
    reference = read_reference(truth, outputs, positive, task)
    outputs = _by_class(outputs, labels, request) if task == "classification" else outputs
    columns = score_columns(outputs, request.score_columns)
    if not columns:
        raise InputError(f"{outputs.path.name} has no column score; found {', '.join(outputs.columns)}: add it, or "
                         "name the column with --score-column")
    found = read_scores(outputs, columns, reference, task)
    people = {name for name in found if _is_reader(name, request.readers)}
    models = {name: scores for name, scores in found.items() if name not in people}
    readers = {name: scores for name, scores in found.items() if name in people}
    if not models:
        models, readers = readers, {}
    return Scoresheet(task, positive, reference, models, readers, (*reference.notes, *_silent(models, task),
                                                                *_unscored(models, task, reference.labels)))


def _task(truth: TextSheet, outputs: TextSheet) -> str:
    for sheet in (truth, outputs):
        given = [name for name in EDGES if name in sheet.columns]
        if given and len(given) < len(EDGES):
            sheet.need(*EDGES)
    if "x0" not in outputs.columns:
        return "classification"
    if "x0" not in truth.columns:
        if not any(outputs.column("x0")):
            return "classification"
        truth.need(*EDGES)
    return "detection"


def _by_class(outputs: TextSheet, labels: Sequence[str], request: SheetRequest) -> TextSheet:
    """A row a case and class, where the score columns are named after two classes or more; else as it is."""
    named = score_columns(outputs, request.score_columns)
    if len(named) < 2 or not set(named) <= set(labels) or {"label", "target"} & set(outputs.columns):
        return outputs
    return outputs.stacked(named, "label", "score")


def _positive(labels: Sequence[str], given: str, task: str) -> str:
    if given:
        if labels and given not in labels:
            raise unknown("class (--positive)", given, labels)
        return given
    if not labels and task == "detection":
        return "lesion"
    known = {label.lower(): label for label in labels}
    likely = [known[word] for word in YES if word in known]
    others = [label for label in labels if label.lower() not in ("normal", "negative", "0", "false", "no")]
    if likely and (len(labels) <= 2 or likely[0].lower() == "malignant"):
        return likely[0]
    if len(others) == 1:
        return others[0]
    raise InputError(f"which class is to be found? The labels are {', '.join(labels) or 'none'}: "
                     "name one with --positive")


def _is_reader(name: str, readers: Sequence[str]) -> bool:
    return name in readers if readers else name.lower().startswith("reader")


def _silent(models: Mapping[str, ModelScores], task: str) -> list[str]:
    if task != "detection":
        return []
    return [f"{scores.silent} cases have no row for {name}: taken as images on which it marked nothing"
            for name, scores in models.items() if scores.silent]


def _unscored(models: Mapping[str, ModelScores], task: str, labels: Sequence[str]) -> list[str]:
    """One sentence for each class of the reference that a model of several classes does not score throughout."""
    if task != "classification":
        return []
    none = [f"{name} gives no score of class {label}: it can never be the class that the model names"
            for name, scores in models.items() for label in scores.unscored(labels)]
    return none + [f"{name} scores class {label} on some of its cases only: that class is left out"
                   for name, scores in models.items() for label in scores.partial]


def same_cases(models: Sequence[ModelScores]) -> list[str]:
    """The cases for which every one of the models gave an output, in the order of the first."""
    return [case for case in models[0].answered if all(case in other.answered for other in models[1:])]
