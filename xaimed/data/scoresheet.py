"""Scoresheet: what models or readers said of cases, and the reference, from two CSV files.

truth: a row a reference box, or a row a case where nothing is boxed; columns case, label, x0, y0, x1, y1,
patient, split, lesion (one name for a lesion seen in several views), spacing_mm; any other column is a group.
predictions: a row a box or a class score; columns case, label (or target), x0, y0, x1, y1 and score, or several
score columns, one a model. A file without box columns is a classification: a row a case and class, or a row a case
with a score column for each class, named after it (in any case, with p_, prob_ or score_ before or after). Boxes under
other names are refused; boxes without a class are one class. In detail: docs/tables.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xaimed import tables
from xaimed.data.boxing import one_class, task_of, unused_boxes
from xaimed.data.columns import Columns, Wanted, class_words, find_columns, no_scores, plain, unseen
from xaimed.data.reference import NORMAL, PATIENT_NAMES, Reference, read_reference
from xaimed.data.scores import ModelScores, read_scores
from xaimed.data.textsheet import TextSheet, read_textsheet, whole_labels
from xaimed.errors import InputError, unknown
from xaimed.metrics.one_kind import only_kind, sentence

if TYPE_CHECKING:
    import pandas as pd

OPPOSITE = {"0": "1", "no": "yes", "false": "true", "negative": "positive"}
NO_CASE = "the tables hold no case, so nothing was judged"
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
    with it. readers: likewise, people. notes: what was assumed or left out, one sentence each. columns: which columns
    of the predictions were taken for what.
    """

    task: str
    positive: str
    reference: Reference
    models: Mapping[str, ModelScores]
    readers: Mapping[str, ModelScores] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    columns: Columns = field(default_factory=lambda: Columns({}))

    @property
    def first(self) -> str:
        """The name of the model that is audited."""
        return next(iter(self.models))

    @property
    def cases(self) -> pd.DataFrame:
        """The cases table of a run."""
        return self.reference.cases

    @property
    def manifest(self) -> str:
        """The sha256 (hex) over the sorted (case, patient, split, label): equal for the same cases, however written."""
        rows = self.cases[["case", "patient", "split", "label"]].fillna("")
        lines = sorted("\t".join(map(str, row)) + "\n" for row in rows.itertuples(index=False))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of the reference, the positive one last."""
        return (*(label for label in self.reference.labels if label != self.positive), self.positive)


def read_scoresheet(request: SheetRequest) -> Scoresheet:
    """The sheet of two CSV files. Raises InputError in one line for a table that cannot be judged."""
    truth, outputs, notes = _opened(request)
    task = task_of(truth, outputs)
    if not len(truth):
        return _without_cases(request, truth, outputs, task)
    if not len(outputs):
        raise InputError(f"{outputs.path.name}: a header and no row, and {truth.path.name} names cases; expected what "
                         "the model said of them: an image without a mark has a row with score 0 and no box")
    truth, outputs, told = one_class(truth, outputs) if task == "detection" else (truth, outputs, [])
    notes += told
    positive = _found_class(truth, outputs, "" if told else request.positive, task)
    reference = read_reference(truth, outputs, positive, task)
    columns = find_columns(outputs, Wanted(request.score_columns, tuple(_labels(truth)), positive, task == "detection"))
    extra = tuple(columns.classes)
    if columns.classes:
        outputs = outputs.stacked(columns.classes, "label", "score")
        columns = replace(columns, models={outputs.path.stem: "score"})
    elif not columns.models:
        raise no_scores(outputs)
    elif task == "classification":
        extra = tuple(unseen(_named(outputs), (*_labels(truth), positive)))
    elif set(reference.labels) <= {"normal"}:
        extra = tuple(_named(outputs))  # no case says which classes there are
    found = read_scores(outputs, columns.models, reference, task, extra)
    notes += [*reference.notes, *columns.notes, *unused_boxes(truth, outputs),
              *_absent(extra, (*reference.labels, positive))]
    return _sheet(request, task, reference, found, (columns, notes))


def _without_cases(request: SheetRequest, truth: TextSheet, outputs: TextSheet, task: str) -> Scoresheet:
    """The sheet of a truth table of a header alone. Raises InputError where the outputs name cases all the same."""
    if len(outputs):
        raise InputError(f"{truth.path.name}: a header and no row, and {outputs.path.name} names cases; expected a row "
                         "for each of them")
    if task == "classification":
        truth.need("label")
    positive = request.positive or "positive"
    columns = find_columns(outputs, Wanted(request.score_columns, (), positive, task == "detection"))
    if not columns.models:
        raise no_scores(outputs)
    nothing = tables.frame("truth", []).assign(lesion=np.array([], object))
    reference = Reference(tables.frame("cases", []), nothing, (), positive)
    found = {name: ModelScores(name, tables.frame("predictions", []), ()) for name in columns.models}
    return _sheet(request, task, reference, found, (columns, [NO_CASE]))


def _opened(request: SheetRequest) -> tuple[TextSheet, TextSheet, list[str]]:
    """Truth and outputs, with patients under that name and 0 for a label 0.0, and what was assumed."""
    notes: list[str] = []
    sheets = []
    for path in (request.truth, request.predictions):
        sheet = whole_labels(read_textsheet(path))
        sheet.need("case")
        other = next((name for name in PATIENT_NAMES if name in sheet.columns), "")
        if other and "patient" not in sheet.columns:
            sheet = sheet.renamed(other, "patient")
            notes.append(f"column {other} of {path.name} was taken as the patient")
        sheets.append(sheet)
    return sheets[0], sheets[1], notes


def _labels(truth: TextSheet) -> list[str]:
    return sorted({text for text in truth.column("label") if text})


def _named(outputs: TextSheet) -> list[str]:
    """The classes in the rows of the outputs."""
    return sorted({text for column in ("label", "target") for text in outputs.column(column) if text})


def _found_class(truth: TextSheet, outputs: TextSheet, given: str, task: str) -> str:
    """The class to be found. Raises InputError where it cannot be told, or where images have no label."""
    labels = _labels(truth)
    if task == "detection" and not labels and not any(truth.column("x0")):
        labels = ["normal"]
    if task == "classification":
        truth.need("label")
    return _positive(labels, [*_named(outputs), *class_words(outputs, labels)], given, task)


def _absent(classes: Sequence[str], labels: Sequence[str]) -> list[str]:
    known = {*map(plain, labels), *NORMAL}
    return [f"class {name} is scored and is of no case in the truth table: where it is the highest the model is wrong"
            for name in classes if plain(name) not in known]


def _sheet(request: SheetRequest, task: str, reference: Reference, found: Mapping[str, ModelScores],
           told: tuple[Columns, Sequence[str]]) -> Scoresheet:
    columns, notes = told
    positive = reference.positive
    people = {name for name in found if _is_reader(name, request.readers)}
    models = {name: scores for name, scores in found.items() if name not in people}
    readers = {name: scores for name, scores in found.items() if name in people}
    if not models:
        models, readers = readers, {}
    kind = only_kind(reference.cases, positive)
    alone = () if kind is None else (sentence(kind, positive, task == "detection"),)
    return Scoresheet(task, positive, reference, models, readers, (*alone, *notes, *_silent(models, task),
                                                                *_unscored(models, task, reference.labels)), columns)


def _positive(labels: Sequence[str], named: Sequence[str], given: str, task: str) -> str:
    """The class to be found: as given, else by the labels of the reference, or by the classes that were named of it."""
    if labels and all(label.lower() in NORMAL for label in labels):
        return _of_no_case(labels, named, given)
    if given:
        if labels and given not in labels:
            raise unknown("class (--positive)", given, labels)
        return given
    if not labels and task == "detection":
        return "lesion"
    known = {label.lower(): label for label in labels}
    likely = [known[word] for word in YES if word in known]
    others = [label for label in labels if label.lower() not in NORMAL]
    if likely and (len(labels) <= 2 or likely[0].lower() == "malignant"):
        return likely[0]
    if len(others) == 1:
        return others[0]
    raise _unsaid(labels)


def _of_no_case(labels: Sequence[str], named: Sequence[str], given: str) -> str:
    """The class to be found where no case is of it: as given, the one that the outputs name, else the label's opposite.

    Without a class in the outputs nobody can tell whether the given one is misspelt.
    """
    others = [name for name in named if name.lower() not in NORMAL]
    if given:
        if others and given not in others:
            raise unknown("class (--positive)", given, [*labels, *others])
        return given
    if len(others) == 1:
        return others[0]
    if others or len(labels) > 1 or labels[0].lower() not in OPPOSITE:
        raise _unsaid([*labels, *others])
    return OPPOSITE[labels[0].lower()]


def _unsaid(labels: Sequence[str]) -> InputError:
    return InputError(f"which class is to be found? The labels are {', '.join(labels) or 'none'}: "
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
